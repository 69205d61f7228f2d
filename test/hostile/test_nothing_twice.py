"""A request that may have reached the server is not repeated; one that cannot have, is."""

from __future__ import annotations

import socket
import threading
from email.utils import formatdate
from typing import Any, ClassVar

import pytest
import urllib3

from ultracart import ApiConnectionError, ApiTimeoutError, RateLimitException, ServiceException
from ultracart.rest import RESTClientObject

from .conftest import BEARER, exchange
from .server import Peer, answer

TOKEN = answer('{"access_token":"a"}')
EMPTY = answer("")


@pytest.fixture
def pauses(api_of: Any) -> Any:
    """Make an API whose pauses between attempts are noted down and not made."""
    noted: list[float] = []

    def make(server: Any, **settings: Any) -> Any:
        api = api_of(server, **{"timeout": 60.0, **settings})
        api.api_client.rest_client = RESTClientObject(
            api.api_client.configuration, sleep=noted.append
        )
        return api, noted

    return make


def test_refused_connection_is_tried_again(serve: Any, pauses: Any) -> None:
    server = serve(TOKEN)
    host, attempts = server.host, []
    real = socket.socket.connect

    def connect(self: Any, address: Any) -> Any:
        attempts.append(address)
        if len(attempts) < 3:
            raise ConnectionRefusedError(111, "Connection refused")
        return real(self, address)

    api, noted = pauses(host)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        assert exchange(api).access_token == "a"
    assert len(server.requests) == 1
    assert noted == [0.1, 0.3]


def test_last_attempt_tells_whether_anything_was_sent(serve: Any, pauses: Any, judge: Any) -> None:
    """The one before was turned away by a 429, and the next one found nobody."""
    server = serve(answer("", "429 Slow", "Retry-After: 0", "Connection: close"))
    real = socket.socket.connect

    def connect(self: Any, address: Any) -> Any:
        if server.requests:
            raise ConnectionRefusedError(111, "Connection refused")
        return real(self, address)

    api, noted = pauses(server)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        judge.failure(lambda: exchange(api), ApiConnectionError, sent=False)
    assert len(server.requests) == 1
    assert noted == [0, 0.1, 0.3]


def test_handshake_that_is_cut_is_tried_again(serve: Any, authority: Any, pauses: Any) -> None:
    def cut(peer: Peer) -> Any:
        return False if peer.server.connections < 3 else None

    server = serve(answer('{"access_token":"a"}'), tls=authority.context(), connected=cut)
    api, noted = pauses(server, ssl_ca_cert=authority.path)
    assert exchange(api).access_token == "a"
    assert server.connections == 3
    assert noted == [0.1, 0.3]


def test_idle_connection_closed_by_the_server_is_unseen(serve: Any, api_of: Any) -> None:
    closed = threading.Event()

    def close_after(peer: Peer) -> bool:
        peer.send(TOKEN)
        peer.sock.shutdown(socket.SHUT_RDWR)
        closed.set()
        return False

    server = serve(close_after)
    api = api_of(server)
    for count in range(1, 6):
        closed.clear()
        assert exchange(api).access_token == "a"
        assert closed.wait(30)
        assert len(server.requests) == server.connections == count


DRIPPED = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 99


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_call_within_a_call_disturbs_neither(
    serve: Any, api_of: Any, judge: Any, authority: Any, tls: bool
) -> None:
    """As a signal handler or a finalizer makes one, here while the outer call connects."""
    slow = serve(lambda peer: peer.drip(DRIPPED), tls=authority.context() if tls else None)
    outer, inner = api_of(slow, ssl_ca_cert=authority.path), api_of(serve(TOKEN))
    real, made = socket.socket.connect, []

    def connect(self: Any, address: Any) -> Any:
        if address[1] == slow.port:
            made.append(exchange(inner).access_token)
        return real(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        call = lambda: exchange(outer, _request_timeout=(30, 0.25))  # noqa: E731
        judge.failure(call, ApiTimeoutError, sent=True)
    assert made == ["a"]
    assert len(slow.requests) == 1


def test_address_of_a_family_that_this_system_lacks_is_passed_over(
    serve: Any, api_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def getaddrinfo(*args: Any, **kwargs: Any) -> Any:
        return [(250, socket.SOCK_STREAM, 6, "", ("::1", 9, 0, 0)), *real(*args, **kwargs)]

    api = api_of(serve(TOKEN))
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert exchange(api).access_token == "a"


def test_connection_is_kept(serve: Any, api_of: Any) -> None:
    server = serve(TOKEN)
    api = api_of(server)
    for _ in range(5):
        exchange(api)
    assert (server.connections, len(server.requests)) == (1, 5)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("tls", [False, True])
def test_a_kept_connection_that_breaks_unanswered_is_replaced_for_what_changes_nothing(
    serve: Any, client_of: Any, authority: Any, method: str, reset: bool, tls: bool
) -> None:
    def broken(peer: Peer) -> bool:
        if reset:
            peer.reset()
        return False

    server = serve(TOKEN, TOKEN, broken, EMPTY, tls=authority.context() if tls else None)
    client = client_of(server, ssl_ca_cert=authority.path)

    def give_back(pause: float) -> None:
        """Another thread's connection is kept just before the repeat, which is not to use it."""
        assert pause == 0
        other.read()
        other.release_conn()

    client.rest_client = RESTClientObject(client.configuration, sleep=give_back)
    other = client.call_api("/x", "GET", _preload_content=False, _return_http_data_only=True)
    client.call_api("/x", "GET")
    assert server.connections == 2
    client.call_api("/x", method)
    assert len(server.requests) == 4
    assert server.connections == 3


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_repeat_is_not_repeated(serve: Any, client_of: Any, judge: Any, method: str) -> None:
    def broken(peer: Peer) -> bool:
        return False

    server = serve(EMPTY, broken)
    client = client_of(server)
    client.call_api("/x", method)
    judge.failure(lambda: client.call_api("/x", method), ApiConnectionError, sent=True)
    assert len(server.requests) == 3


@pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 200 OK\r\n", TOKEN[:-3]])
def test_a_response_that_has_begun_is_not_asked_for_again(
    serve: Any, client_of: Any, judge: Any, begun: bytes
) -> None:
    def cut(peer: Peer) -> bool:
        peer.send(begun)
        return False

    server = serve(TOKEN, cut)
    client = client_of(server)
    client.call_api("/x", "GET")
    judge.failure(lambda: client.call_api("/x", "GET"), ApiConnectionError, sent=True)
    assert len(server.requests) == 2


def test_a_new_connection_that_breaks_is_not_replaced(
    serve: Any, client_of: Any, judge: Any
) -> None:
    server = serve(lambda peer: False, TOKEN)
    client = client_of(server)
    judge.failure(lambda: client.call_api("/x", "GET"), ApiConnectionError, sent=True)
    assert len(server.requests) == 1


def test_a_response_that_is_late_is_not_asked_for_again(
    serve: Any, client_of: Any, judge: Any
) -> None:
    server = serve(TOKEN, lambda peer: peer.silence())
    client = client_of(server)
    client.call_api("/x", "GET")
    late = lambda: client.call_api("/x", "GET", _request_timeout=(5, 0.3))  # noqa: E731
    judge.failure(late, ApiTimeoutError, sent=True)
    assert len(server.requests) == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("reset", [False, True])
def test_nothing_is_repeated_after_a_kept_connection_breaks(
    serve: Any, client_of: Any, judge: Any, method: str, reset: bool
) -> None:
    def broken(peer: Peer) -> bool:
        if reset:
            peer.reset()
        return False

    server = serve(TOKEN, broken, TOKEN)
    client = client_of(server)
    client.call_api("/x", method)
    judge.failure(lambda: client.call_api("/x", method), ApiConnectionError, sent=True)
    assert len(server.requests) == 2
    client.call_api("/x", method)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "status", ["500 No", "502 No", "503 No", "504 No", "408 Slow", "425 Early"]
)
def test_error_status_is_not_repeated(serve: Any, api_of: Any, judge: Any, status: str) -> None:
    server = serve(answer("", status), TOKEN)
    judge.failure(lambda: exchange(api_of(server)), sent=True)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", ["500 No", "400 No", "404 No", "301 There", "401 Who"])
def test_retry_after_counts_for_429_and_503_alone(
    serve: Any, pauses: Any, judge: Any, status: str
) -> None:
    server = serve(answer("", status, "Retry-After: 1"), TOKEN)
    api, noted = pauses(server)
    error = judge.failure(lambda: exchange(api))
    assert (len(server.requests), noted, error.retry_after) == (1, [], 1.0)


NOW = 1_700_000_000
WAITED = {
    "seconds": (["Retry-After: 3"], 3.0),
    "zero": (["Retry-After: 0"], 0.0),
    "spaces": (["Retry-After:   3  "], 3.0),
    "leading zeros": (["Retry-After: 0003"], 3.0),
    "date": (
        [
            "Date: " + formatdate(NOW, usegmt=True),
            "Retry-After: " + formatdate(NOW + 4, usegmt=True),
        ],
        4.0,
    ),
    "past date": (
        [
            "Date: " + formatdate(NOW, usegmt=True),
            "Retry-After: " + formatdate(NOW - 4, usegmt=True),
        ],
        0.0,
    ),
    "past date without Date": (["Retry-After: Sun, 06 Nov 1994 08:49:37 GMT"], 0.0),
    "RFC 850 date": (
        ["Date: Sun, 06 Nov 1994 08:49:37 GMT", "Retry-After: Sunday, 06-Nov-94 08:49:38 GMT"],
        1.0,
    ),
    "asctime date": (
        ["Date: Sun, 06 Nov 1994 08:49:37 GMT", "Retry-After: Sun Nov  6 08:49:38 1994"],
        1.0,
    ),
}


@pytest.mark.parametrize("status", ["429 Slow", "503 Busy"])
@pytest.mark.parametrize(("headers", "pause"), WAITED.values(), ids=WAITED.keys())
def test_retry_after_is_waited_for(
    serve: Any, pauses: Any, headers: list[str], pause: float, status: str
) -> None:
    server = serve(answer("", status, *headers), TOKEN)
    api, noted = pauses(server)
    assert exchange(api).access_token == "a"
    assert noted == [pause]
    first, second = server.requests
    assert first.raw == second.raw


MALFORMED = [
    "",
    "soon",
    "-5",
    "1.5",
    "1e3",
    "0x10",
    "5, 5",
    "5;",
    "\u0665",
    "\xb2",
    "Nov",
    "Sun, 99 Nov",
]
MALFORMED += [
    "Sun, 06 Nov 1994",
    "0 0",
    "1 Jan",
    ",",
    '"5"',
    "Sun, 00 Foo 0000 99:99:99 GMT",
    "Sun, 06 Nov 99999 08:49:37 GMT",
    "Sun, 06 Nov 9999999999 08:49:37 GMT",
    "NaN",
]


@pytest.mark.parametrize("value", MALFORMED, ids=ascii)
def test_malformed_retry_after_is_raised(serve: Any, pauses: Any, judge: Any, value: str) -> None:
    busy = answer("", "429 Slow").replace(b"\r\n", b"\r\nRetry-After: %s\r\n" % value.encode(), 1)
    server = serve(busy)
    api, noted = pauses(server)
    error = judge.failure(lambda: exchange(api), RateLimitException)
    assert error.retry_after in (None, 0.0)  # some of them read as a date that has passed
    if error.retry_after is None:
        assert (len(server.requests), noted) == (1, [])


def test_budget_bounds_the_waiting(serve: Any, pauses: Any, judge: Any) -> None:
    server = serve(answer("", "503 Busy", "Retry-After: 6"))
    api, noted = pauses(server, retry_budget=20)
    error = judge.failure(lambda: exchange(api), ServiceException, sent=True)
    assert error.retry_after == 6
    assert (noted, len(server.requests)) == ([6, 6, 6], 4)


def test_budget_bounds_zero_waits(serve: Any, pauses: Any, judge: Any) -> None:
    server = serve(answer("", "429 Slow", "Retry-After: 0"))
    api, _ = pauses(server)
    judge.failure(lambda: exchange(api), RateLimitException)
    assert len(server.requests) == 21  # each takes a second of the budget


def test_no_budget_no_waiting(serve: Any, pauses: Any, judge: Any) -> None:
    server = serve(answer("", "429 Slow", "Retry-After: 0"))
    api, noted = pauses(server, retry_budget=0)
    judge.failure(lambda: exchange(api), RateLimitException)
    assert (len(server.requests), noted) == (1, [])


class Source:
    """A token source that counts."""

    def __init__(self) -> None:
        self.asked = 0
        self.rejected: list[str] = []

    def __call__(self) -> str:
        self.asked += 1
        return "%s-%d" % (BEARER, self.asked)

    def invalidate(self, token: str) -> None:
        self.rejected.append(token)


def test_401_asks_the_source_once_more(serve: Any, api_of: Any, judge: Any) -> None:
    server = serve(answer("", "401 Who"))
    source = Source()
    judge.failure(lambda: api_of(server, access_token=source).oauth_me())
    assert source.asked == len(server.requests) == 2
    assert source.rejected == [BEARER + "-1"]
    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer %s-1" % BEARER, "Bearer %s-2" % BEARER]


@pytest.mark.parametrize("token", [BEARER, lambda: BEARER])
def test_401_without_such_a_source_is_raised(
    serve: Any, api_of: Any, judge: Any, token: Any
) -> None:
    server = serve(answer("", "401 Who"))
    judge.failure(lambda: api_of(server, access_token=token).oauth_me())
    assert len(server.requests) == 1


def test_401_of_a_proxy_says_nothing_of_the_token(serve: Any, api_of: Any, judge: Any) -> None:
    proxy = serve(answer("", "401 Who"))
    source = Source()
    url = "http://127.0.0.1:%d" % proxy.port
    api = api_of("https://api.example.com", proxy=url, access_token=source)
    assert judge.failure(api.oauth_me, ApiConnectionError).status == 401
    assert len(proxy.requests) == 1
    assert source.rejected == []


class Recorder:
    """In place of urllib3's connections, such as vcrpy's."""

    is_closed = is_verified = True
    proxy = proxy_is_verified = sock = None
    asked: ClassVar[list[Any]]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.timeout = None

    def request(self, method: str, url: str, **options: Any) -> None:
        self.asked.append((url, self.timeout))
        raise ConnectionResetError(104, "Connection reset by peer")

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("timeout", "seconds"), [(None, 5), (7, 7), ((2, 3), 2)])
def test_what_a_stand_in_for_connections_may_have_sent_is_not_repeated(
    api_of: Any, judge: Any, monkeypatch: pytest.MonkeyPatch, timeout: Any, seconds: float
) -> None:
    """Whatever it does with a request, it does it once, in the time that the call has."""
    Recorder.asked = []
    monkeypatch.setattr(urllib3.HTTPConnectionPool, "ConnectionCls", Recorder)
    api = api_of("http://127.0.0.1:9", timeout=5)
    judge.failure(lambda: exchange(api, _request_timeout=timeout), ApiConnectionError, sent=True)
    ((url, given),) = Recorder.asked
    assert url == "/oauth/token"
    assert seconds - 1 < given <= seconds
