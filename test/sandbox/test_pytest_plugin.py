"""A user's test gets its sandbox from the installed pytest plugin."""

from __future__ import annotations

import subprocess
import sys

import pytest

DEADLINE = 60
PLUGIN = "ultracart.pytest_plugin"
USER_TESTS = """
import pytest
import urllib3


def lifetime(sandbox):
    return sandbox.access_token_lifetime


seen = []


def test_fresh(ultracart_sandbox):
    seen.append(ultracart_sandbox)
    assert lifetime(ultracart_sandbox) == 3600
    assert ultracart_sandbox.authorize(merchant="DEMO")


def test_closed_after_the_test(ultracart_sandbox):
    seen.append(ultracart_sandbox)
    with pytest.raises(urllib3.exceptions.HTTPError):
        urllib3.PoolManager().request("GET", seen[0].host, retries=False)


@pytest.mark.ultracart_sandbox(access_token_lifetime=60)
class TestMarked:
    def test_class(self, ultracart_sandbox):
        assert lifetime(ultracart_sandbox) == 60

    @pytest.mark.ultracart_sandbox(access_token_lifetime=5)
    def test_nearest_mark_wins(self, ultracart_sandbox):
        assert lifetime(ultracart_sandbox) == 5


class TestOverridden:
    @pytest.fixture
    def ultracart_sandbox_options(self):
        return {"access_token_lifetime": 7, "merchants": {"SHOP": "A shop"}}

    def test_options(self, ultracart_sandbox):
        assert lifetime(ultracart_sandbox) == 7

    @pytest.mark.ultracart_sandbox(access_token_lifetime=8)
    def test_mark_wins(self, ultracart_sandbox):
        assert lifetime(ultracart_sandbox) == 8
        assert ultracart_sandbox.merchants == {"SHOP": "A shop"}
"""


@pytest.fixture
def run_user_tests(tmp_path):
    """pytest in a fresh interpreter and folder, with the plugin loaded once."""

    def run(source, before=""):
        (tmp_path / "test_user.py").write_text(source, encoding="utf-8")
        options = ["-q", "--strict-markers", "-p", "no:cacheprovider", "-p", PLUGIN]
        # Whether the project is installed or only on the path: the plugin is loaded by name alone.
        program = (
            f"{before}\n"
            "import os, sys, pytest\n"
            "os.environ['PYTEST_DISABLE_PLUGIN_AUTOLOAD'] = '1'\n"
            f"sys.exit(pytest.main({options!r}))\n"
        )
        return subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )

    return run


def test_fixture_marks_and_overrides(run_user_tests):
    done = run_user_tests(USER_TESTS)
    assert "6 passed" in done.stdout, done.stdout
    assert "warning" not in done.stdout.lower()


def test_a_mark_says_what_it_does_not_take(run_user_tests):
    source = (
        "import pytest\n"
        "@pytest.mark.ultracart_sandbox({'access_token_lifetime': 60})\n"
        "def test_marked(ultracart_sandbox): pass\n"
    )
    done = run_user_tests(source)
    assert "1 error" in done.stdout, done.stdout
    assert "takes keyword arguments" in done.stdout


def test_pytest_runs_without_the_extra(run_user_tests):
    source = "def test_ok(): pass\ndef test_needs_it(ultracart_sandbox): pass\n"
    done = run_user_tests(source, before="import sys\nsys.modules['flask'] = None")
    assert "1 passed, 1 error" in done.stdout, done.stdout
    assert "python -m pip install 'Flask<4' 'Authlib<2'" in done.stdout


SHARED = """
import pytest

pytestmark = pytest.mark.ultracart_sandbox(access_token_lifetime=%d)
seen = []


@pytest.mark.parametrize("_", [1, 2])
def test_shared(ultracart_sandbox_session, ultracart_sandbox_module, ultracart_sandbox, _):
    seen.append((ultracart_sandbox_session, ultracart_sandbox_module, ultracart_sandbox))
    with open("ports", "a") as ports:
        print(ultracart_sandbox_session.port, file=ports)
    assert ultracart_sandbox_session.access_token_lifetime == 7
    assert ultracart_sandbox_module.access_token_lifetime == %d
    assert ultracart_sandbox_module.merchants == ["OAK"]
    assert ultracart_sandbox.access_token_lifetime == %d
    assert len({one for one, _, _ in seen}) == len({one for _, one, _ in seen}) == 1
    assert len({one for _, _, one in seen}) == len(seen)
"""
SHARED_CONFTEST = """
import pytest


@pytest.fixture(scope="session")
def ultracart_sandbox_session_options():
    return {"access_token_lifetime": 7}


@pytest.fixture(scope="module")
def ultracart_sandbox_module_options():
    return {"access_token_lifetime": 8, "merchants": ["OAK"]}
"""


def test_one_sandbox_for_a_module_or_a_run(run_user_tests, tmp_path):
    (tmp_path / "conftest.py").write_text(SHARED_CONFTEST, encoding="utf-8")
    (tmp_path / "test_other.py").write_text(SHARED % (60, 60, 60), encoding="utf-8")
    done = run_user_tests(SHARED % (50, 50, 50))
    assert "4 passed" in done.stdout, done.stdout
    assert len(set((tmp_path / "ports").read_text().split())) == 1
