"""A person gets logged in, by browser and by device; what is kept of it."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from urllib3 import PoolManager

from ultracart.sandbox import Sandbox

from .conftest import PERSON, CommandLine, browser


def test_by_browser(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ran = ultracart("login")
    assert (ran.returncode, ran.stdout) == (0, "")
    assert "Logged in for merchant DEMO. The account is called default." in ran.stderr
    (exchange,) = [request for request in sandbox.requests if request.path == "/oauth/token"]
    assert exchange.form["client_id"] == sandbox.client_id
    assert exchange.form["code_verifier"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback", exchange.form["redirect_uri"])


def test_json_says_what_but_no_token(ultracart: CommandLine, sandbox: Sandbox) -> None:
    told = json.loads(ultracart.succeed("login", "--json", "--scope", "order_read"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told.pop("expires_at"))
    assert told == {
        "account": "default",
        "client_id": sandbox.client_id,
        "host": sandbox.host,
        "merchant_id": "DEMO",
        "old_grant": None,
        "refresh_token_expires_at": None,
        "scope": "order_read",
    }


def test_store_is_private(ultracart: CommandLine) -> None:
    ultracart.succeed("login")
    (path,) = ultracart.home.rglob("tokens.sqlite3")
    assert path.parent == ultracart.home / "data" / "ultracart"
    for found in path.parent.rglob("*"):
        assert stat.S_IMODE(found.stat().st_mode) & 0o077 == 0, found


def test_a_no_changes_nothing(ultracart: CommandLine) -> None:
    ultracart.succeed("login")
    message = ultracart.fail("login", BROWSER=browser("deny"))
    assert message == "ultracart: the answer was no: nothing has changed"
    ultracart.succeed("whoami")


@pytest.mark.parametrize("chosen", ["/nowhere/browser %s", ""])
def test_no_browser_here(ultracart: CommandLine, sandbox: Sandbox, chosen: str) -> None:
    running = ultracart.start("login", BROWSER=chosen, DISPLAY="", WAYLAND_DISPLAY="")
    running.err.wait_for("No browser could be started here: open the address yourself")
    _visit(sandbox.authorize(running.err.wait_for("/oauth/authorize?")))
    assert running.end()[0] == 0


def test_a_browser_that_cannot_be_run(ultracart: CommandLine, sandbox: Sandbox) -> None:
    programs = ultracart.home / "programs"
    programs.mkdir()
    (programs / "firefox").write_bytes(b"\x7fELF, but not for this machine")
    (programs / "firefox").chmod(0o755)
    running = ultracart.start("login", BROWSER="", DISPLAY=":0", PATH=str(programs))
    running.err.wait_for("No browser could be started here: open the address yourself")
    _visit(sandbox.authorize(running.err.wait_for("/oauth/authorize?")))
    assert running.end()[0] == 0


def test_browser_that_stays_open(ultracart: CommandLine, tmp_path: Path) -> None:
    fifo = tmp_path / "closed"
    os.mkfifo(fifo)
    stays = 'exec 2>&- >&-; "%s" "%s" allow "$1"; read closed < "%s"'
    script = tmp_path / "browser"
    script.write_text(stays % (sys.executable, PERSON, fifo), encoding="utf-8")
    try:
        ultracart.succeed("login", BROWSER="sh %s %%s" % script)
    finally:
        with open(fifo, "w", encoding="utf-8") as close:
            close.write("\n")


def test_a_browser_that_talks(ultracart: CommandLine, tmp_path: Path) -> None:
    """As Chromium does when it opens the address in a window that is there already."""
    script = tmp_path / "browser"
    talks = 'echo "Opening in existing browser session."; exec "%s" "%s" allow "$1"'
    script.write_text(talks % (sys.executable, PERSON), encoding="utf-8")
    ran = ultracart("login", "--json", BROWSER="sh %s %%s" % script)
    assert json.loads(ran.stdout)["account"] == "default"
    assert "Opening in existing browser session." not in ran.stderr


def test_chosen_port_and_no_browser(ultracart: CommandLine, sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    running = ultracart.start("login", "--no-browser", "--port", str(port))
    url = running.err.wait_for("/oauth/authorize?")
    assert parse_qs(urlsplit(url).query)["redirect_uri"] == [f"http://127.0.0.1:{port}/callback"]
    _visit(sandbox.authorize(url))
    assert running.end()[0] == 0


def test_busy_port(ultracart: CommandLine, sandbox: Sandbox) -> None:
    message = ultracart.fail("login", "--port", str(sandbox.port))
    assert "port %d cannot be used for the redirect" % sandbox.port in message
    assert "--port" in message


def test_browser_that_never_comes(ultracart: CommandLine) -> None:
    message = ultracart.fail("login", "--no-browser", "--timeout", "0.2")
    assert message == "ultracart: no answer came within 0.2 seconds: run the command again"


def test_by_device(ultracart: CommandLine, sandbox: Sandbox) -> None:
    sandbox.device_interval = 1
    running = ultracart.start("login", "--device", "--account", "tv")
    assert running.err.wait_for("/oauth/device") == sandbox.host + "/oauth/device"
    sandbox.approve_device(running.err.wait_for("-"))
    status, out, err = running.end()
    assert (status, out) == (0, "")
    assert "Logged in for merchant DEMO. The account is called tv." in err
    assert "merchant id:      DEMO" in ultracart.succeed("whoami", "--account", "tv")


def test_device_is_denied(ultracart: CommandLine, sandbox: Sandbox) -> None:
    sandbox.device_interval = 1
    running = ultracart.start("login", "--device")
    sandbox.deny_device(running.err.wait_for("-"))
    status, _, err = running.end()
    assert status == 1
    assert err.endswith("\nultracart: the answer was no: nothing has changed\n")


def test_nobody_enters_the_device_code(ultracart: CommandLine, sandbox: Sandbox) -> None:
    sandbox.device_interval = 1
    sandbox.device_lifetime = 1
    message = ultracart.fail("login", "--device")
    assert message == "ultracart: no answer came before the code expired: run the command again"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "http://ultracart.example/rest/v2"], "https"),
        (["--host", "ultracart.example"], "--host must look like https://"),
        (["--host", "https://ultracart.example/rest/v2"], "--client-id or ULTRACART_CLIENT_ID"),
        (
            ["--host", "https://ultracart.example/rest/v2", "--device", "--client-id", "a"],
            "--scope",
        ),
    ],
)
def test_what_is_missing_is_said_before_anything_is_sent(
    ultracart: CommandLine, sandbox: Sandbox, arguments: list[str], words: str
) -> None:
    assert words in ultracart.fail("login", *arguments)
    assert not sandbox.requests


def test_unknown_application(ultracart: CommandLine) -> None:
    message = ultracart.fail("login", "--device", "--client-id", "somebody_else")
    assert "invalid_client" in message


def test_home_that_cannot_be_written_to(
    ultracart: CommandLine, sandbox: Sandbox, tmp_path: Path
) -> None:
    # A file stands where the directory would be: that stops root as well.
    (tmp_path / "data").write_text("", encoding="utf-8")
    message = ultracart.fail("login")
    assert "cannot" in message
    assert str(tmp_path) in message
    assert not sandbox.requests  # nobody was asked in vain


def test_no_home_at_all(ultracart: CommandLine) -> None:
    del ultracart.environment["XDG_DATA_HOME"]
    assert "set HOME to a directory" in ultracart.fail("login", HOME="relative")


def test_home_directory_by_default(ultracart: CommandLine) -> None:
    # The XDG specification has a relative path ignored.
    ultracart.succeed("login", XDG_DATA_HOME="relative")
    assert os.path.exists(ultracart.home / ".local" / "share" / "ultracart" / "tokens.sqlite3")


def _visit(url: str) -> None:
    with PoolManager() as pool:
        assert pool.request("GET", url).status == 200
