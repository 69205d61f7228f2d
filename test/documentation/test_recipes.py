"""The programs of Recipes.md and of SignIn.md when something fails, or goes on for long."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ultracart.sandbox import Sandbox

from .pages import ROOT, fences


def _program(page: str, words: str, *changes: tuple[str, str]) -> str:
    """The program of ``page`` that has these words, with each ``(old, new)`` replaced."""
    (source,) = [fence.source for fence in fences(ROOT / "docs" / page) if words in fence.source]
    for old, new in changes:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source


def _run(source: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", source],
        cwd=folder,
        env={"HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_year_of_orders_whose_second_page_fails_is_not_taken_for_the_whole(tmp_path):
    failing = (
        "# until here",
        'sandbox.answer("GET", "/order/orders", lambda _: ({}, 503), query={"_offset": "200"})',
    )
    ran = _run(_program("Recipes.md", "orders-2026.jsonl", failing), tmp_path)
    assert "ServiceException" in ran.stderr
    assert [path.name for path in tmp_path.glob("orders*")] == ["orders-2026.jsonl.part"]


def test_a_year_of_orders(tmp_path):
    ran = _run(_program("Recipes.md", "orders-2026.jsonl"), tmp_path)
    assert ran.stdout == "400 orders\n", ran.stderr
    assert [path.name for path in tmp_path.glob("orders*")] == ["orders-2026.jsonl"]
    assert len((tmp_path / "orders-2026.jsonl").read_text().splitlines()) == 400


def test_one_merchant_s_foreign_token_does_not_stop_the_nightly_job(tmp_path):
    foreign = (
        "to_ask, to_repeat = [], []",
        "from ultracart.oauth import Token\n"
        'store.save("ALIEN", Token("a", "r", client_id="another", host=sandbox.host))\n'
        "to_ask, to_repeat = [], []",
    )
    ran = _run(_program("Recipes.md", "to_ask, to_repeat", foreign), tmp_path)
    assert ran.returncode == 1
    assert "DEMO 1 orders" in ran.stdout, ran.stderr
    assert "ask to sign in again: ['GONE']" in ran.stdout


def test_a_merchant_who_has_revoked_does_not_stop_the_webhook_s_worker(tmp_path):
    stranger = (
        "    jobs.join()",
        '    jobs.put(("NOBODY", "DEMO-1"))\n    jobs.put(("DEMO", "DEMO-2"))\n    jobs.join()',
    )
    ran = _run(_program("Recipes.md", "hmac.compare_digest", stranger), tmp_path)
    assert ran.stdout == "order DEMO-1\norder DEMO-2\n", ran.stderr


def test_signing_in_leaves_nothing_in_memory(tmp_path):
    pytest.importorskip("flask_wtf")
    again = """
    import gc
    from ultracart.oauth import Token
    for _ in range(5):
        login = browser.post("/sign-in")
        state = flask.Request.from_values(login.location).args["state"]
        callback = browser.get("/callback?code=code_example&state=" + state)
        assert callback.status_code == 302
    gc.collect()
    found = gc.get_objects()
    print([sum(type(one) is kind for one in found) for kind in (OAuthSession, Token)])
"""
    with Sandbox() as sandbox:
        source = _program("SignIn.md", "/sign-in") + again
        ran = _run(source, tmp_path, ULTRACART_HOST=sandbox.host)
    assert ran.stdout.splitlines()[-1:] == ["[1, 0]"], ran.stdout + ran.stderr
