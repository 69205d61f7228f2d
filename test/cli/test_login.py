"""A person gets logged in, by browser and by device; what is kept of it."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import sys
import threading
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from ports import free_port
from urllib3 import PoolManager

from ultracart.sandbox import Sandbox

from .conftest import PERSON, CommandLine, Running, browser


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
    assert message == "ultracart: the merchant did not allow it: nothing has changed"
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
    port = free_port()
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
    assert err.endswith("\nultracart: the merchant did not allow it: nothing has changed\n")


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


# -- what every user of the machine can see, and what is found before anybody is asked ---------


@pytest.mark.parametrize("name", ["a" * 256, "\u0416" * 60])
@pytest.mark.parametrize("way", [[], ["--device"], ["--paste"]])
def test_an_account_that_cannot_be_kept_is_found_before_the_consent(
    ultracart: CommandLine, sandbox: Sandbox, name: str, way: list[str]
) -> None:
    assert "Give a shorter --account" in ultracart.fail("login", "--account", name, *way)
    assert not sandbox.requests


@pytest.mark.parametrize("way", [["--timeout", "300"], ["--paste"], ["--device"]])
def test_a_dead_server_is_found_at_once(
    ultracart: CommandLine, sandbox: Sandbox, tmp_path: Path, way: list[str]
) -> None:
    sandbox.close()
    opened = tmp_path / "opened"
    message = ultracart.fail("login", *way, BROWSER="touch %s" % opened)
    assert message.startswith("ultracart: no response from %s (" % sandbox.host)
    assert not opened.exists()


@pytest.mark.parametrize(
    ("seconds", "words"), [("1", "1 second"), ("1.0", "1 second"), ("0.2", "0.2 seconds")]
)
def test_one_second_is_singular(ultracart: CommandLine, seconds: str, words: str) -> None:
    message = ultracart.fail("login", "--no-browser", "--timeout", seconds)
    assert message == "ultracart: no answer came within %s: run the command again" % words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--device", "--port", "8910"], "--port does not go with --device"),
        (["--device", "--timeout", "9"], "--timeout does not go with --device"),
        (["--device", "--no-browser"], "--no-browser does not go with --device"),
        (["--device", "--redirect-uri", "http://localhost:1/"], "--redirect-uri does not go with"),
        (["--paste", "--timeout", "9"], "--timeout does not go with --paste"),
        (["--device", "--paste"], "not allowed with argument --device"),
        (["--port", "1", "--redirect-uri", "http://localhost:1/"], "which names the port"),
    ],
)
def test_options_that_a_way_has_no_use_for(
    ultracart: CommandLine, sandbox: Sandbox, arguments: list[str], words: str
) -> None:
    ran = ultracart("login", *arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("usage: ultracart login")
    assert words in ran.stderr
    assert not sandbox.requests


def test_a_redirect_that_is_loaded_twice(ultracart: CommandLine, sandbox: Sandbox) -> None:
    """As by a browser that loads ahead what it then shows."""
    running = ultracart.start("login", "--no-browser")
    callback = sandbox.authorize(running.err.wait_for("/oauth/authorize?"))
    with PoolManager() as pool:
        pages = [pool.request("GET", callback) for _ in range(2)]
    assert [page.status for page in pages] == [200, 200]
    assert pages[0].data == pages[1].data
    assert b"<h1>You are logged in</h1>" in pages[0].data
    assert running.end()[0] == 0


def test_the_page_after_a_no_and_after_an_error(ultracart: CommandLine, sandbox: Sandbox) -> None:
    for told, kind in (("You did not allow it", "no"), ("The login failed", "error")):
        running = ultracart.start("login", "--no-browser")
        url = running.err.wait_for("/oauth/authorize?")
        if kind == "error":
            sandbox.faults.add("/oauth/token", status=400, body={"error": "invalid_grant"})
        callback = sandbox.authorize(url, approve=kind != "no")
        with PoolManager() as pool:
            page = pool.request("GET", callback).data.decode("utf-8")
        assert "<h1>%s</h1>" % told in page
        assert running.end()[0] == 1


# -- other ways to log in -----------------------------------------------------------------------


def paste(ultracart: CommandLine, sandbox: Sandbox, *arguments: str, wrap: str = "%s") -> Running:
    running = ultracart.start_and_write("login", "--paste", *arguments)
    callback = sandbox.authorize(running.err.wait_for("/oauth/authorize?"))
    assert running.process.stdin is not None
    running.process.stdin.write(wrap % callback + "\n")
    running.process.stdin.close()
    return running


@pytest.mark.parametrize("wrap", ["%s", "\n  '%s' \r", '<"%s">'])
def test_by_a_pasted_address(ultracart: CommandLine, sandbox: Sandbox, wrap: str) -> None:
    status, out, err = paste(ultracart, sandbox, wrap=wrap).end()
    assert (status, out) == (0, "")
    assert "paste it here:\nLogged in for merchant DEMO." in err
    (exchange,) = [request for request in sandbox.requests if request.path == "/oauth/token"]
    assert exchange.form["code_verifier"]


def test_a_pasted_address_elsewhere(ultracart: CommandLine, sandbox: Sandbox) -> None:
    uri = sandbox.redirect_uri
    assert paste(ultracart, sandbox, "--redirect-uri", uri).end()[0] == 0
    (exchange,) = [request for request in sandbox.requests if request.path == "/oauth/token"]
    assert exchange.form["redirect_uri"] == uri


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("", "no address was pasted"),
        ("http://127.0.0.1:1/callback?code=c&state=of-another", "not the address of this login"),
        ("what is this?", "not the address of this login"),
    ],
)
def test_something_else_is_pasted(
    ultracart: CommandLine, sandbox: Sandbox, pasted: str, words: str
) -> None:
    running = ultracart.start_and_write("login", "--paste")
    running.err.wait_for("paste it here:")
    assert running.process.stdin is not None
    running.process.stdin.write(pasted + "\n" * bool(pasted))
    running.process.stdin.close()
    status, _, err = running.end()
    assert status == 1
    assert words in err.splitlines()[-1]
    assert "/oauth/token" not in [request.path for request in sandbox.requests]


def test_a_registered_redirect_uri(ultracart: CommandLine, sandbox: Sandbox) -> None:
    uri = "http://localhost:%d/back" % free_port()
    ran = ultracart("login", "--redirect-uri", uri)
    assert ran.returncode == 0, ran.stderr
    (exchange,) = [request for request in sandbox.requests if request.path == "/oauth/token"]
    assert exchange.form["redirect_uri"] == uri
    with socket.create_server(("127.0.0.1", 0)) as taken:
        uri = "http://127.0.0.1:%d/" % taken.getsockname()[1]
        message = ultracart.fail("login", "--redirect-uri", uri)
    assert message.endswith("choose another with --redirect-uri")
    message = ultracart.fail("login", "--redirect-uri", "https://app.example/callback")
    assert "--redirect-uri must look like http://127.0.0.1:8910/callback" in message


def test_the_complete_link_of_a_device(ultracart: CommandLine, sandbox: Sandbox) -> None:
    sandbox.device_interval = 1
    running = ultracart.start("login", "--device")
    link = running.err.wait_for("user_code=")
    code = running.err.wait_for("-")
    assert link == "%s/oauth/device?user_code=%s" % (sandbox.host, code)
    sandbox.approve_device(code)
    assert running.end()[0] == 0


# -- the grant that a login replaces ------------------------------------------------------------


def test_the_old_grant_stays_alive_and_that_is_said(
    ultracart: CommandLine, sandbox: Sandbox
) -> None:
    ultracart.succeed("login")
    old = ultracart.succeed("token").strip()
    ran = ultracart("login", "--json")
    assert "is still valid; --revoke-old would revoke it." in ran.stderr
    assert json.loads(ran.stdout)["old_grant"] == "alive"
    ultracart.succeed("whoami", ULTRACART_ACCESS_TOKEN=old)


def test_the_old_grant_is_revoked(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.succeed("login")
    old = ultracart.succeed("token").strip()
    ran = ultracart("login", "--json", "--revoke-old")
    assert "The grant that it replaces was revoked." in ran.stderr
    assert json.loads(ran.stdout)["old_grant"] == "revoked"
    assert "HTTP 401" in ultracart.fail("whoami", ULTRACART_ACCESS_TOKEN=old)
    ultracart.succeed("whoami")


def test_an_old_grant_that_cannot_be_revoked(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.succeed("login")
    sandbox.faults.add("/oauth/revoke", status=500, times=None)
    ran = ultracart("login", "--revoke-old")
    assert ran.returncode == 0
    assert "could not be revoked and is still valid: " in ran.stderr
    ultracart.succeed("whoami")


def test_a_server_that_ends_the_new_grant_with_the_old(
    ultracart: CommandLine, sandbox: Sandbox
) -> None:
    """As one does that revokes an application as a whole."""
    ultracart.succeed("login")
    running = ultracart.start("login", "--revoke-old", "--no-browser")
    url = running.err.wait_for("/oauth/authorize?")
    hold = threading.Event()
    sandbox.faults.add("/oauth/revoke", delay=hold)
    visit = threading.Thread(target=_visit, args=(sandbox.authorize(url),))
    visit.start()
    running.err.wait_for("Logged in")
    sandbox.revoke()
    hold.set()
    status, _, err = running.end()
    visit.join()
    assert status == 1
    assert err.endswith("has ended together with the old one: log in again\n")
