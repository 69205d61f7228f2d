"""The redirect listener: what it takes for the answer, and what it tells everybody else."""

from __future__ import annotations

import builtins
import contextlib
import errno
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ports import free_port
from urllib3 import HTTPResponse, PoolManager

import ultracart
from ultracart.exceptions import ApiValueError
from ultracart.oauth.loopback import DENIED, FAILED, LOGGED_IN, Page, RedirectListener

STATE = "the-state"
CODE = "code-of-the-merchant"
CONSENT = "https://ultracart.example/authorize?state=the-state&code_challenge=c"


@pytest.fixture
def listener() -> Iterator[RedirectListener]:
    with RedirectListener(linger=0) as running:
        running.expect(STATE, CONSENT)
        # Known beforehand, so that one thread can be the browser and the program.
        running.report(LOGGED_IN)
        yield running


@pytest.fixture
def pool() -> Iterator[PoolManager]:
    with PoolManager() as running:
        yield running


def get(pool: PoolManager, url: str, method: str = "GET") -> HTTPResponse:
    response = pool.request(method, url, redirect=False, retries=False)
    assert isinstance(response, HTTPResponse)
    return response


def address(listener: RedirectListener) -> tuple[str, int]:
    host, _, port = listener.redirect_uri.split("/")[2].partition(":")
    return host, int(port)


def wait(listener: RedirectListener, timeout: float = 10) -> object:
    return listener.wait(timeout, lambda left: None)


def assert_harmless(response: HTTPResponse) -> None:
    """The page holds nothing of the request, is kept nowhere, and sends nobody elsewhere."""
    page = response.data.decode("ascii")
    for secret in (CODE, STATE, "evil"):
        assert secret not in page
    headers = response.headers
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "Location" not in headers
    assert headers["Server"] == "ultracart"
    assert "http" not in page  # no links, no content of others


def test_the_answer(listener: RedirectListener, pool: PoolManager) -> None:
    response = get(pool, "%s?code=%s&state=%s" % (listener.redirect_uri, CODE, STATE))
    assert response.status == 200
    assert_harmless(response)
    assert wait(listener) == "/callback?code=%s&state=%s" % (CODE, STATE)


def test_the_page_is_for_every_reader(listener: RedirectListener, pool: PoolManager) -> None:
    """A screen reader finds the language and the main part; a dark screen stays dark."""
    page = get(pool, listener.redirect_uri).data.decode("ascii")
    assert '<html lang="en">' in page
    assert page.count("<main>") == page.count("<h1>") == page.count("<title>") == 1
    sheet = Path(ultracart.__file__).parent / "sandbox" / "static" / "sandbox.css"
    assert sheet.read_text(encoding="utf-8") in page  # the consent page's
    assert "color-scheme: light dark" in page


def test_the_page_can_do_without_its_style_sheet(
    listener: RedirectListener, pool: PoolManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave_out(*_: Any) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr("pkgutil.get_data", leave_out)
    test_the_answer(listener, pool)


@pytest.mark.parametrize("told", [LOGGED_IN, DENIED, FAILED])
def test_the_page_waits_for_the_outcome_and_can_be_loaded_again(
    pool: PoolManager, told: Page
) -> None:
    pages: list[str] = []

    def browse(url: str) -> None:
        for _ in range(2):
            pages.append(get(pool, url).data.decode("ascii"))

    with RedirectListener() as listener:
        listener.expect(STATE)
        url = "%s?code=%s&state=%s" % (listener.redirect_uri, CODE, STATE)
        browser = threading.Thread(target=browse, args=(url,))
        browser.start()
        assert wait(listener) == "/callback?code=%s&state=%s" % (CODE, STATE)
        assert not pages
        listener.report(told)
    browser.join(10)
    titles = [re.findall("<h1>(.*)</h1>", page) for page in pages]
    assert titles == [[told.title]] * 2
    assert ['class="problem"' in page for page in pages] == [told is FAILED] * 2


def test_outcomes_have_words_of_their_own() -> None:
    assert len({page.title for page in (LOGGED_IN, DENIED, FAILED)}) == 3


def test_a_browser_whose_login_breaks_off_gets_a_page(pool: PoolManager) -> None:
    pages: list[str] = []
    with RedirectListener() as listener:
        listener.expect(STATE)
        url = "%s?code=%s&state=%s" % (listener.redirect_uri, CODE, STATE)
        browser = threading.Thread(target=lambda: pages.append(get(pool, url).data.decode("ascii")))
        browser.start()
        assert wait(listener)
    browser.join(10)
    assert FAILED.title in pages[0]


def test_the_start_address_leads_to_the_consent_page(
    listener: RedirectListener, pool: PoolManager
) -> None:
    """It is short and holds nothing of the request: other users can read it in ``ps``."""
    assert len(listener.start_address) <= 36
    assert STATE not in listener.start_address
    for _ in range(2):
        response = get(pool, listener.start_address)
        assert (response.status, response.headers["Location"]) == (302, CONSENT)
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.data == b""
    assert get(pool, listener.start_address + "x").status == 404


@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user")
def test_the_start_address_is_for_the_user_who_logs_in() -> None:
    with RedirectListener(linger=0) as listener, contextlib.ExitStack() as own:
        listener.expect(STATE, CONSENT)
        for _ in range(20):  # it is the one connection that counts
            own.enter_context(socket.create_connection(address(listener)))
        ask = (
            "import sys, urllib.request, urllib.error\n"
            "try: urllib.request.urlopen(sys.argv[1])\n"
            "except urllib.error.HTTPError as error:\n"
            "    print(error.code, error.url, b'class=\"problem\"' in error.read())"
        )
        other_user = ["setpriv", "--reuid=65534", "--clear-groups"]
        ran = subprocess.run(
            [*other_user, "/usr/bin/python3", "-c", ask, listener.start_address],
            capture_output=True,
            text=True,
            check=True,
        )
    assert ran.stdout == "403 %s True\n" % listener.start_address


@pytest.mark.skipif(os.getuid() != 0, reason="this process is the other end as well")
def test_root_may_forward_the_port(
    listener: RedirectListener, pool: PoolManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert get(pool, listener.start_address).headers["Location"] == CONSENT


def test_where_the_system_does_not_tell_whose_a_connection_is(
    listener: RedirectListener, pool: PoolManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.open

    def open_(file: Any, *arguments: Any, **options: Any) -> Any:
        if str(file).startswith("/proc/"):
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return real(file, *arguments, **options)

    monkeypatch.setattr(builtins, "open", open_)
    assert get(pool, listener.start_address).headers["Location"] == CONSENT


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_a_redirect_uri_as_it_was_registered(pool: PoolManager, host: str) -> None:
    port = free_port()
    uri = "http://%s:%d/back" % (host, port)
    for _ in range(2):  # the second login comes while the system still has the first's connections
        with RedirectListener(uri, linger=0) as listener:
            assert listener.redirect_uri == uri
            listener.expect(STATE)
            listener.report(LOGGED_IN)
            numbers = {"localhost": ["127.0.0.1", "[::1]"]}.get(host, [host])
            for number in numbers:
                answer = "http://%s:%d/back?code=%s&state=%s" % (number, port, CODE, STATE)
                assert get(pool, answer).status == 200
            assert wait(listener) == "/back?code=%s&state=%s" % (CODE, STATE)


def test_a_machine_without_ipv6(pool: PoolManager, monkeypatch: pytest.MonkeyPatch) -> None:
    def bind(sock: socket.socket, address: tuple[str, int]) -> None:
        if sock.family == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        real(sock, address)

    port = free_port()
    real = socket.socket.bind
    monkeypatch.setattr(socket.socket, "bind", bind)
    with RedirectListener("http://localhost:%d/callback" % port, linger=0) as listener:
        listener.expect(STATE, CONSENT)
        listener.report(LOGGED_IN)
        test_the_answer(listener, pool)


def test_a_redirect_uri_without_a_port_means_port_80(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def bind(sock: socket.socket, address: tuple[str, int]) -> None:
        asked.append(address)
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", bind)
    with pytest.raises(PermissionError):
        RedirectListener("http://127.0.0.1/callback")
    assert asked[0] == ("127.0.0.1", 80)


def test_a_port_that_somebody_has_on_one_of_the_addresses() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        uri = "http://localhost:%d/callback" % taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            RedirectListener(uri)
    RedirectListener(uri).close()  # nothing was left behind


@pytest.mark.parametrize(
    "uri",
    [
        "https://127.0.0.1:1/callback",
        "ftp://127.0.0.1:1/callback",
        "http://ultracart.example/callback",
        "http://127.0.0.1:x/",
        "http://user@localhost:8910/",
        "http://localhost:8910/?next=1",
        "http://[::1",
        "http://[::1]evil.example/callback",
        "http://evil.example[::1]/callback",
        "callback",
    ],
)
def test_a_redirect_uri_that_does_not_lead_here(uri: str) -> None:
    with pytest.raises(ApiValueError, match="redirect_uri must look like"):
        RedirectListener(uri)


def test_a_no_is_an_answer(listener: RedirectListener, pool: PoolManager) -> None:
    get(pool, "%s?error=access_denied&state=%s" % (listener.redirect_uri, STATE))
    assert wait(listener) == "/callback?error=access_denied&state=" + STATE


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/favicon.ico", 404),
        ("/", 404),
        ("//evil.example/%2e%2e", 404),
        ("/callback/evil", 404),
        ("/callback", 400),
        ("/callback?code=" + CODE, 400),
        ("/callback?state=&code=" + CODE, 400),
        ("/callback?state=wrong&code=" + CODE, 400),
        ("/callback?state=%s&state=%s&code=%s" % (STATE, STATE, CODE), 400),
        ("/callback?state=%C3%A9%00&code=" + CODE, 400),
        ("/callback?code=%s&state=wrong&next=http://evil.example" % CODE, 400),
    ],
)
def test_what_is_no_answer(
    listener: RedirectListener, pool: PoolManager, target: str, status: int
) -> None:
    host, port = address(listener)
    response = get(pool, "http://%s:%d%s" % (host, port, target))
    assert response.status == status
    assert_harmless(response)
    assert (b'class="problem"' in response.data) is (status == 400)
    # The listener goes on, and what came before has not become the answer.
    test_the_answer(listener, pool)


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "HEAD"])
def test_other_methods(listener: RedirectListener, pool: PoolManager, method: str) -> None:
    url = "%s?code=%s&state=%s" % (listener.redirect_uri, CODE, STATE)
    response = get(pool, url, method)
    assert response.status == 501
    assert_harmless(response)
    test_the_answer(listener, pool)


def test_only_the_first_answer_counts(listener: RedirectListener, pool: PoolManager) -> None:
    assert get(pool, "%s?code=first&state=%s" % (listener.redirect_uri, STATE)).status == 200
    for other in ("second", "another"):
        answer = get(pool, "%s?code=%s&state=%s" % (listener.redirect_uri, other, STATE))
        assert answer.status == 400
    assert wait(listener) == "/callback?code=first&state=" + STATE
    assert wait(listener, 0.01) is None


def test_nothing_is_accepted_before_a_state_is_expected(pool: PoolManager) -> None:
    with RedirectListener() as listener:
        assert get(pool, listener.start_address).status == 404
        assert get(pool, listener.redirect_uri + "?code=x&state=").status == 400
        assert wait(listener, 0.01) is None


def test_silent_and_broken_connections(listener: RedirectListener, pool: PoolManager) -> None:
    with contextlib.ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection(address(listener))) for _ in range(20)
        ]
        silent[0].sendall(b"GET /callback?code=")  # and no more
        silent[1].sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no TLS here\r\n\r\n")
        silent[2].sendall(b"GET /callback?code=%s HTTP/9.9\r\n\r\n" % CODE.encode())
        with silent[2].makefile("rb") as stream:
            answer = stream.read()
        assert answer.startswith(b"HTTP/1.0 505 ")
        assert b"Cache-Control: no-store" in answer
        assert CODE.encode() not in answer
        silent[3].close()
        test_the_answer(listener, pool)


def test_a_target_that_is_no_url(listener: RedirectListener) -> None:
    with socket.create_connection(address(listener)) as browser:
        browser.sendall(b"GET http://[ HTTP/1.0\r\n\r\n")
        with browser.makefile("rb") as stream:
            assert stream.read().startswith(b"HTTP/1.0 400 ")


def test_an_answer_whose_browser_leaves_at_once(listener: RedirectListener) -> None:
    with socket.create_connection(address(listener)) as browser:
        browser.sendall(b"GET /callback?code=x&state=%s HTTP/1.0\r\n\r\n" % STATE.encode())
        browser.shutdown(socket.SHUT_RDWR)
    assert wait(listener) == "/callback?code=x&state=" + STATE


def test_a_broken_connection_is_not_told(
    listener: RedirectListener, pool: PoolManager, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        with socket.create_connection(address(listener)) as browser:
            browser.sendall(b"GET /callb")
            # A zero linger time makes close() send a reset.
            browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    test_the_answer(listener, pool)
    listener.close()
    assert capfd.readouterr().err == ""


def test_only_on_loopback(listener: RedirectListener) -> None:
    host, port = address(listener)
    assert host == "127.0.0.1"
    # Were it bound to every address, this one would be taken.
    with socket.socket() as elsewhere:
        elsewhere.bind(("127.0.0.2", port))


def test_two_logins_at_once_have_ports_of_their_own() -> None:
    with RedirectListener() as one, RedirectListener() as other:
        assert one.redirect_uri != other.redirect_uri


def test_closes(pool: PoolManager) -> None:
    with RedirectListener() as listener:
        where = address(listener)
    socket.create_server(where).close()


def test_a_silent_connection_does_not_hold_up_the_end(pool: PoolManager) -> None:
    with RedirectListener(linger=0) as listener:
        silent = socket.create_connection(address(listener))
        listener.expect(STATE, CONSENT)
        listener.report(LOGGED_IN)
        test_the_answer(listener, pool)  # by now the silent one has been accepted
        began = time.monotonic()
    assert time.monotonic() - began < 8  # it may stay silent for ten seconds
    silent.close()


def test_a_listener_that_nobody_closes_does_not_keep_the_program() -> None:
    program = "from ultracart.oauth.loopback import RedirectListener; RedirectListener()"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_waiting_counts_down() -> None:
    told: list[float] = []
    with RedirectListener() as listener:
        assert listener.wait(0.02, told.append) is None
        assert listener.wait(-1, told.append) is None
    assert told == [0.02]
