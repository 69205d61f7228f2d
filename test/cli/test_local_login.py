"""A login from code on this machine: sessions on what the command stores, and do what it does."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest
from ports import free_port

from ultracart import Configuration
from ultracart.exceptions import (
    AccessDeniedError,
    ApiConnectionError,
    ApiTypeError,
    ApiValueError,
    ConfigurationError,
    InvalidGrantError,
    OAuthSessionError,
    ReauthorizationRequired,
)
from ultracart.oauth import OAuthSession, SQLiteTokenStore, Token, TokenStore
from ultracart.oauth.browser import open_browser
from ultracart.oauth.cli_logins import LoginTokenStore
from ultracart.oauth.local_login import seconds_in_words
from ultracart.oauth.stores.contract import OpenStore, TokenStoreContract
from ultracart.sandbox import Application, Sandbox

from .conftest import CommandLine, browser
from .person import answer


def _open_store(path: Path) -> LoginTokenStore:
    return LoginTokenStore(SQLiteTokenStore(path), "https://ultracart.example", "app", "default")


class TestTheStoreOfOneApplication(TokenStoreContract):
    """It keeps the contract, though it keeps nothing itself."""

    # That is the store beneath, whose own tests see to it; this one cannot be sent to a process.
    shared_between_processes = False

    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        return partial(_open_store, tmp_path / "tokens.sqlite3")

    def test_accounts_are_kept_apart(self, store: TokenStore, other: TokenStore) -> None:
        """A name shares the 255 characters that there are with host and application."""
        names = ["Merchant", "merchant", "m%", "\u00e9", "'; --", "x" * 200]
        for name in names:
            store.save(name, Token(name))
        assert other.accounts() == sorted(names)
        for name in names:
            stored = other.load(name)
            assert stored is not None
            assert stored.access_token == name
        with pytest.raises(ApiValueError):
            store.save("x" * 250, Token("too long a name"))


def test_entries_of_other_programs_are_no_logins(tmp_path: Path) -> None:
    store = SQLiteTokenStore(tmp_path / "tokens.sqlite3")
    names = ["shop", "7", "null", '"abc"', "[1, 2, 3]", '["a", "b"]', '["a", "b", "c", 7]']
    for name in (*names, '{"a": 1, "b": 2, "c": 3}'):
        store.save(name, Token("access"))
    store.close()
    assert _open_store(tmp_path / "tokens.sqlite3").accounts() == []


def test_logins_elsewhere_and_of_other_applications_are_theirs(tmp_path: Path) -> None:
    store, host = SQLiteTokenStore(tmp_path / "tokens.sqlite3"), "https://ultracart.example"
    others = [(host, "ap"), (host, "apps"), ("https://a.example", "app"), (host + "/rest", "app")]
    for number, (elsewhere, client_id) in enumerate(others):
        LoginTokenStore(store, elsewhere, client_id, "default").save(str(number), Token("access"))
    ours = _open_store(tmp_path / "tokens.sqlite3")
    ours.save("office", Token("access"))
    assert ours.accounts() == ["office"]
    store.close()


@pytest.mark.parametrize("default", ["archive", "office"])
def test_where_another_login_is_the_default_none_has_that_name(
    tmp_path: Path, default: str
) -> None:
    path = tmp_path / "tokens.sqlite3"
    plain = _open_store(path)
    for name in ("office", "default", "archive"):
        plain.save(name, Token(name))
    assert plain.accounts() == ["archive", "default", "office"]
    other = LoginTokenStore(SQLiteTokenStore(path), "https://ultracart.example", "app", default)
    assert other.accounts() == ["archive", "office"]
    assert other.load("default") == Token(default)


@pytest.fixture
def here(ultracart: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line of the user whose program this test is."""
    for name in ("HOME", "XDG_DATA_HOME", "BROWSER"):
        monkeypatch.setenv(name, ultracart.environment[name])
    for name in ("ULTRACART_CLIENT_ID", "ULTRACART_ACCESS_TOKEN", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    return ultracart


def configuration(sandbox: Sandbox) -> Configuration:
    made = Configuration()
    made.host = sandbox.host
    return made


# -- from_cli_login ---------------------------------------------------------------------------


def test_a_session_on_the_commands_login(here: CommandLine, sandbox: Sandbox) -> None:
    here.succeed("login")
    here.succeed("login", "--account", "office", "--scope", "item_read")
    with OAuthSession.from_cli_login(configuration=configuration(sandbox)) as session:
        assert session.access_token() + "\n" == here.succeed("token")
        assert session.access_token("office") + "\n" == here.succeed("token", "--account", "office")
        with session.api_client() as client:
            assert client.get("/oauth/me")["merchant_id"] == "DEMO"
        assert [grant.account for grant in session.grants()] == ["default", "office"]
        refreshed = session.refresh().access_token
    # One token for both: what the session has refreshed, the command uses.
    assert here.succeed("token").strip() == refreshed


def test_a_session_on_a_login_with_a_name(here: CommandLine, sandbox: Sandbox) -> None:
    here.succeed("login", "--account", "office", "--scope", "item_read")
    here.succeed("login")
    with OAuthSession.from_cli_login("office", configuration=configuration(sandbox)) as session:
        assert session.access_token() == session.access_token("office")
        assert session.access_token() + "\n" == here.succeed("token", "--account", "office")
        assert [grant.account for grant in session.grants()] == ["office"]


def test_only_at_the_host_that_the_login_is_of(here: CommandLine, sandbox: Sandbox) -> None:
    here.succeed("login")
    with pytest.raises(ReauthorizationRequired, match="run ultracart login") as caught:
        OAuthSession.from_cli_login()
    assert caught.value.account == "default"
    for name in ("archive", "office"):
        with pytest.raises(ReauthorizationRequired, match="run ultracart login --account NAME"):
            OAuthSession.from_cli_login(name, configuration=configuration(sandbox))


@pytest.mark.parametrize(
    "sandbox",
    [{"applications": (Application("first", name="First"), Application("second", name="Second"))}],
    indirect=True,
)
def test_one_of_two_applications(here: CommandLine, sandbox: Sandbox) -> None:
    here.succeed("login", "--client-id", "first")
    here.succeed("login", "--client-id", "second")
    host = configuration(sandbox)
    with pytest.raises(ApiValueError, match=r"\(first, second\): give client_id"):
        OAuthSession.from_cli_login(configuration=host)
    with OAuthSession.from_cli_login(client_id="second", configuration=host) as session:
        assert session.api_client().get("/oauth/me")["client_id"] == "second"


def test_what_a_session_cannot_be_made_of(
    here: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong: list[dict[str, object]] = [{"account": 7}, {"client_id": 7}, {"configuration": "host"}]
    for arguments in wrong:
        with pytest.raises(ApiTypeError, match=next(iter(arguments))):
            OAuthSession.from_cli_login(**arguments)  # type: ignore[arg-type]
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "relative")
    with pytest.raises(ConfigurationError, match="set HOME to a directory"):
        OAuthSession.from_cli_login()


@pytest.mark.parametrize("given", ["absolute", "relative", "", None])
def test_where_logins_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    if given is not None:
        monkeypatch.setenv(
            "XDG_DATA_HOME", str(tmp_path / "data") if given == "absolute" else given
        )
    with pytest.raises(ReauthorizationRequired):
        OAuthSession.from_cli_login()
    folder = "data" if given == "absolute" else ".local/share"
    assert [*tmp_path.rglob("tokens.sqlite3")] == [tmp_path / folder / "ultracart/tokens.sqlite3"]


# -- login_in_browser -------------------------------------------------------------------------


def test_a_login_from_a_script(
    here: CommandLine, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    with OAuthSession("sandbox_client", configuration=configuration(sandbox)) as session:
        token = session.login_in_browser("merchant-7", scope="item_read")
        assert (token.merchant_id, token.scope) == ("DEMO", "item_read")
        assert session.access_token("merchant-7") == token.access_token
    told = capsys.readouterr()
    assert told.out == ""
    start, address = told.err.split("http://127.0.0.1:")
    assert start == "Log in to UltraCart at this address: "
    assert int(address.partition("/")[0]) >= 1024


def test_a_login_that_renews_the_commands(here: CommandLine, sandbox: Sandbox) -> None:
    here.succeed("login")
    sandbox.revoke()
    host = configuration(sandbox)
    with OAuthSession.from_cli_login(configuration=host) as session:
        with pytest.raises(ReauthorizationRequired):
            session.refresh()
        session.login_in_browser()
        assert here.succeed("token").strip() == session.access_token()


def test_the_sessions_redirect_uri_and_a_port(here: CommandLine, sandbox: Sandbox) -> None:
    port = free_port()
    uri = "http://127.0.0.1:%d/back" % port
    with OAuthSession("sandbox_client", uri, configuration=configuration(sandbox)) as session:
        session.login_in_browser()
        session.login_in_browser(port=port)
    sent = [r.form["redirect_uri"] for r in sandbox.requests if r.path == "/oauth/token"]
    assert sent == [uri, "http://127.0.0.1:%d/callback" % port]


def test_a_no(here: CommandLine, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER", browser("deny"))
    with (
        OAuthSession("sandbox_client", configuration=configuration(sandbox)) as session,
        pytest.raises(AccessDeniedError),
    ):
        session.login_in_browser()


def test_nobody_and_no_browser(
    here: CommandLine, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER", "lynx:/usr/bin/w3m %s")
    told: list[str] = []
    with (
        OAuthSession("sandbox_client", configuration=configuration(sandbox)) as session,
        pytest.raises(OAuthSessionError, match=r"^no answer came within 0\.2 seconds$"),
    ):
        session.login_in_browser(timeout=0.2, show=told.append)
    assert [text.partition(":")[0] for text in told] == [
        "Log in to UltraCart at this address",
        "No browser could be started here",
    ]


def test_seconds_are_told_as_they_are_said() -> None:
    told = [seconds_in_words(seconds) for seconds in (0.2, 1, 2.0)]
    assert told == ["0.2 seconds", "1 second", "2 seconds"]


@pytest.mark.parametrize(
    ("decision", "fault", "error", "told"),
    [
        ("allow", False, None, "You are logged in"),
        ("allow", True, InvalidGrantError, "The login failed"),
        ("deny", False, AccessDeniedError, "You did not allow it"),
    ],
)
def test_a_person_opens_the_address_and_is_told_how_it_went(
    here: CommandLine,
    sandbox: Sandbox,
    decision: str,
    fault: bool,
    error: type[Exception] | None,
    told: str,
) -> None:
    pages: list[str] = []
    opened: list[threading.Thread] = []

    def show(text: str) -> None:
        address = text.rpartition(" ")[2]
        opened.append(threading.Thread(target=lambda: pages.append(answer(address, decision))))
        opened[0].start()

    if fault:
        sandbox.faults.add("/oauth/token", status=400, body={"error": "invalid_grant"})
    with (
        OAuthSession("sandbox_client", configuration=configuration(sandbox)) as session,
        nullcontext() if error is None else pytest.raises(error),
    ):
        session.login_in_browser(open_browser=False, show=show)
    opened[0].join(10)
    assert "<h1>%s</h1>" % told in pages[0]


def test_nobody_is_asked_where_it_cannot_work(here: CommandLine, sandbox: Sandbox) -> None:
    def show(text: str) -> None:
        raise AssertionError(text)

    with OAuthSession("sandbox_client", configuration=configuration(sandbox)) as session:
        wrong: list[tuple[dict[str, object], type[Exception]]] = [
            ({"timeout": "soon"}, ApiTypeError),
            ({"timeout": 0}, ApiValueError),
            ({"timeout": -1}, ApiValueError),
            ({"timeout": True}, ApiTypeError),
            ({"timeout": float("nan")}, ApiValueError),
            ({"timeout": float("inf")}, ApiValueError),
            ({"port": "8910"}, ApiTypeError),
            ({"port": True}, ApiTypeError),
            ({"port": -1}, ApiValueError),
            ({"port": 65536}, ApiValueError),
            ({"show": 1}, ApiTypeError),
            ({"account": ""}, ApiValueError),
            ({"redirect_uri": "https://app.example/callback"}, ApiValueError),
        ]
        for arguments, error in wrong:
            with pytest.raises(error):
                session.login_in_browser(**{"show": show, **arguments})  # type: ignore[arg-type]
        with pytest.raises(OAuthSessionError, match="port of the redirect cannot be used"):
            session.login_in_browser(port=sandbox.port, show=show)
        sandbox.close()
        began = time.monotonic()
        with pytest.raises(ApiConnectionError):
            session.login_in_browser(show=show)
        assert time.monotonic() - began < 60  # not the five minutes that a person has


def test_the_browsers_arguments_and_environment_hold_no_secret(
    here: CommandLine, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Every user of the machine can read the arguments, and the browser is nobody's confidant."""
    seen = tmp_path / "seen.json"
    script = tmp_path / "browser.py"
    script.write_text(
        "import json, os, pathlib, sys\n"
        "chain, pid = [], os.getpid()\n"
        "for _ in range(3):\n"
        "    chain.append(pathlib.Path('/proc/%d/cmdline' % pid).read_text())\n"
        "    stat = pathlib.Path('/proc/%d/stat' % pid).read_text()\n"
        "    pid = int(stat.rpartition(')')[2].split()[1])\n"
        "terminal = [os.isatty(number) for number in (0, 1, 2)]\n"
        "found = {'arguments': chain, 'environment': dict(os.environ), 'terminal': terminal}\n"
        "found['session'] = os.getsid(0)\n"
        "pathlib.Path(sys.argv[1]).write_text(json.dumps(found))\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "import person\n"
        "person.answer(sys.argv[3], 'allow')\n",
        encoding="utf-8",
    )
    folder = Path(__file__).parent
    here.succeed(
        "login",
        BROWSER="%s %s %s %s %%s" % (here.python, script, seen, folder),
        ULTRACART_SIMPLE_KEY="a-simple-key",
        ULTRACART_ACCESS_TOKEN="an-access-token",
        ULTRACART_STORE="postgresql://user:password@db.example/tokens",
    )
    found = json.loads(seen.read_text(encoding="utf-8"))
    for arguments in found["arguments"]:
        assert "state=" not in arguments
        assert "code_challenge" not in arguments
    assert "127.0.0.1" in found["arguments"][0]
    assert not [name for name in found["environment"] if name.startswith("ULTRACART_")]
    assert found["terminal"] == [False] * 3
    assert found["session"] != os.getsid(0)


# -- the browser ------------------------------------------------------------------------------


def opens() -> bool:
    """Whether a browser takes an address, when all is over."""
    failed: list[bool] = []
    before = threading.enumerate()
    open_browser("http://127.0.0.1:9/", lambda: failed.append(True))
    for thread in threading.enumerate():
        if thread not in before:
            thread.join(30)
    return not failed


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Puts a program into the one directory of PATH; returns a file that it makes when it runs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)

    def make(name: str, ends: str) -> Path:
        script, ran = tmp_path / name, tmp_path / (name + "-ran")
        script.write_text("#!/bin/sh\n: > %s\n%s\n" % (ran, ends), encoding="utf-8")
        script.chmod(0o755)
        return ran

    return make


@pytest.mark.parametrize(
    ("ends", "taken"), [("exit 0", True), ("exit 3", False), ("kill -9 $PPID", False)]
)
def test_a_browser_that_fails_is_noticed(
    program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch, ends: str, taken: bool
) -> None:
    ran = program("shows", ends)
    monkeypatch.setenv("BROWSER", "shows %s")
    assert opens() is taken
    assert ran.exists()


def test_of_several_browsers_those_for_a_terminal_are_left_out(
    program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_terminal, graphical = program("w3m", "exit 0"), program("shows", "exit 0")
    monkeypatch.setenv("BROWSER", "w3m %s:shows %s")
    assert opens()
    assert (in_terminal.exists(), graphical.exists()) == (False, True)


@pytest.mark.parametrize("screen", ["DISPLAY", "WAYLAND_DISPLAY"])
def test_the_desktops_browser_is_the_default(
    program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch, screen: str
) -> None:
    ran = program("firefox", "exit 0")
    monkeypatch.delenv("BROWSER", raising=False)
    monkeypatch.setenv(screen, ":0")
    assert opens()
    assert ran.exists()


def test_a_machine_without_a_screen_is_told_at_once(
    program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    program("firefox", "exit 0")
    monkeypatch.delenv("BROWSER", raising=False)
    failed: list[bool] = []
    open_browser("http://127.0.0.1:9/", lambda: failed.append(True))
    assert failed == [True]


@pytest.mark.parametrize(("name", "value"), [("frozen", True), ("executable", "")])
def test_without_a_python_to_run_no_browser_is_opened(
    program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    """In a frozen application, sys.executable is the application."""
    ran = program("shows", "exit 0")
    monkeypatch.setenv("BROWSER", "shows %s")
    monkeypatch.setattr(sys, name, value, raising=False)
    assert not opens()
    assert not ran.exists()


def test_a_python_that_cannot_be_run_is_noticed(
    program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program("shows", "exit 0")
    monkeypatch.setenv("BROWSER", "shows %s")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    assert not opens()
