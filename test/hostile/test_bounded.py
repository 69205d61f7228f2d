"""Time and memory are bounded, whatever drips, pours or swells."""

from __future__ import annotations

import gzip
import socket
import time
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from ultracart import ApiException, ApiResponseError, ApiTimeoutError, OauthApi, RateLimitException

from .conftest import exchange
from .server import Peer, answer

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
ENDLESS = 64 * 1024 * 1024


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


SLOW: dict[str, Callable[[Peer], Any]] = {
    "silence": lambda peer: peer.silence(),
    "dripped status line": lambda peer: peer.drip(HEAD * 50),
    "dripped headers": lambda peer: peer.send(HEAD) and peer.drip(b"X: y\r\n" * 500),
    "dripped header name": lambda peer: peer.send(HEAD) and peer.drip(b"X" * 5000),
    "dripped body": lambda peer: (
        peer.send(HEAD + b"Content-Length: 9999\r\n\r\n") and peer.drip(b"{" * 9999)
    ),
    "dripped body to the end": lambda peer: peer.send(HEAD + b"\r\n") and peer.drip(b" " * 9999),
    "dripped chunk": lambda peer: (
        peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1000\r\n") and peer.drip(b"x" * 9999)
    ),
    "dripped chunks": lambda peer: (
        peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n") and peer.drip(chunk(b"x") * 999)
    ),
    "dripped chunk extension": lambda peer: (
        peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;") and peer.drip(b"e" * 9999)
    ),
    "dripped trailers": lambda peer: (
        peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n")
        and peer.drip(b"T: x\r\n" * 999)
    ),
    "dripped interim answers": lambda peer: peer.drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 99, 0.01),
    "dripped error body": lambda peer: (
        peer.send(b"HTTP/1.1 400 No\r\nContent-Length: 999\r\n\r\n") and peer.drip(b"{" * 999)
    ),
    "dripped gzip": lambda peer: (
        peer.send(HEAD + b"Content-Encoding: gzip\r\n\r\n")
        and peer.drip(gzip.compress(b"x" * 9999) * 9)
    ),
    "body that never ends its length": lambda peer: (
        peer.send(HEAD + b"Content-Length: 20\r\n\r\n{}") and peer.silence()
    ),
    "chunked without its end": lambda peer: (
        peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"{}")) and peer.silence()
    ),
}


@pytest.mark.parametrize("step", SLOW.values(), ids=SLOW.keys())
def test_slow_answer_ends_in_time(serve: Any, api_of: Any, judge: Any, step: Any) -> None:
    server = serve(step)
    judge.failure(
        lambda: exchange(api_of(server), _request_timeout=0.5), ApiTimeoutError, sent=True
    )
    assert len(server.requests) == 1


# A record of TLS: its head, and then byte by byte.
RECORD = b"\x16\x03\x03\x40\x00"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_tls_behind_a_proxy_ends_in_time(
    serve: Any, api_of: Any, judge: Any, authority: Any, scheme: str
) -> None:
    def step(peer: Any) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        peer.sock.recv(1)  # the client speaks first
        peer.drip(RECORD + bytes(9999))

    proxy = serve(step, tls=authority.context() if scheme == "https" else None)
    url = "%s://localhost:%d" % (scheme, proxy.port)
    api = api_of("https://api.example.com", proxy=url, ssl_ca_cert=authority.path)
    judge.failure(lambda: exchange(api, _request_timeout=0.4), ApiTimeoutError, sent=False)


@pytest.mark.parametrize("timeout", [1, 0.5, (30, 0.25), [30, 0.25], (30.0, 1)], ids=repr)
def test_every_form_of_timeout_holds(serve: Any, api_of: Any, judge: Any, timeout: Any) -> None:
    api = api_of(serve(SLOW["dripped body"]))
    judge.failure(lambda: exchange(api, _request_timeout=timeout), ApiTimeoutError, sent=True)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_each_call_on_a_kept_connection_has_its_own_time(
    serve: Any, api_of: Any, judge: Any, authority: Any, scheme: str, clock_of_limits: Any
) -> None:
    body = answer('{"access_token":"a"}')

    def late(peer: Peer) -> None:
        clock_of_limits.ahead += 30
        peer.send(body)

    server = serve(
        body, body, late, body, Peer.silence, tls=authority.context() if scheme == "https" else None
    )
    api = api_of(server, ssl_ca_cert=authority.path)
    for seconds in (60, 20, 60, 20):
        assert exchange(api, _request_timeout=seconds).access_token == "a"
    judge.failure(lambda: exchange(api, _request_timeout=0.25), ApiTimeoutError)
    assert server.connections == 1


def test_time_that_runs_out_while_connecting_leaves_no_socket(
    serve: Any, api_of: Any, judge: Any, clock_of_limits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.socket.connect
    connected: list[socket.socket] = []

    def connect(sock: socket.socket, address: Any) -> None:
        real(sock, address)
        connected.append(sock)
        clock_of_limits.ahead += 100

    monkeypatch.setattr(socket.socket, "connect", connect)
    api = api_of(serve(answer("{}")))
    judge.failure(lambda: exchange(api, _request_timeout=50), ApiTimeoutError, sent=False)
    assert [sock.fileno() for sock in connected] == [-1]


def test_timeout_of_the_configuration_holds(serve: Any, api_of: Any, judge: Any) -> None:
    api = api_of(serve(SLOW["dripped headers"]), timeout=0.5)
    judge.failure(lambda: exchange(api), ApiTimeoutError, sent=True)


def test_background_calls_end_in_time(serve: Any, api_of: Any, judge: Any) -> None:
    api = api_of(serve(SLOW["dripped body"]))
    results = [exchange(api, async_req=True, _request_timeout=0.25) for _ in range(8)]
    for result in results:
        judge.failure(lambda result=result: result.get(30), ApiTimeoutError)


def test_wall_clock_jumps_change_nothing(
    serve: Any, api_of: Any, judge: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    jumps = iter(range(10**6))
    monkeypatch.setattr(time, "time", lambda: (-1) ** next(jumps) * 1e9)
    api = api_of(serve(answer('{"access_token":"a"}'), SLOW["dripped body"]))
    assert exchange(api, _request_timeout=30).access_token == "a"
    judge.failure(lambda: exchange(api, _request_timeout=0.25), ApiTimeoutError)


def test_connection_that_is_never_accepted(api_of: Any, judge: Any) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = []
        for _ in range(4):  # fills the backlog: from then on SYNs are dropped
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
            waiting.append(sock)
        api = api_of("http://127.0.0.1:%d" % full.getsockname()[1])
        for timeout in (0.25, (0.25, 9)):
            judge.failure(
                lambda timeout=timeout: exchange(api, _request_timeout=timeout),
                ApiTimeoutError,
                sent=False,
            )
        for sock in waiting:
            sock.close()


@pytest.mark.parametrize("kind", ["silent", "dripped"])
def test_tls_handshake_ends_in_time(
    serve: Any, api_of: Any, judge: Any, authority: Any, kind: str
) -> None:
    def connected(peer: Peer) -> bool:
        if kind == "silent":
            peer.silence()
        else:
            # The header of a handshake record that promises 16 kB.
            peer.send(b"\x16\x03\x03\x3f\xff")
            peer.drip(b"\x02" + b"\0" * 16000)
        return False

    server = serve(b"", connected=connected)
    api = api_of(server.host.replace("http:", "https:"), ssl_ca_cert=authority.path)
    for timeout in (0.25, (0.25, 9)):
        judge.failure(
            lambda timeout=timeout: exchange(api, _request_timeout=timeout),
            ApiTimeoutError,
            sent=False,
        )


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("pace", ["never", "slowly"])
def test_request_that_is_hardly_read_ends_in_time(
    serve: Any, client_of: Any, judge: Any, authority: Any, tls: bool, pace: str
) -> None:
    def hardly(peer: Peer) -> bool:
        while not peer.server.stopping.wait(0.02):
            if pace == "slowly" and not peer.sock.recv(65536):
                break
        return False

    server = serve(b"", tls=authority.context() if tls else None, handshaken=hardly)
    client = client_of(server, ssl_ca_cert=authority.path)
    options = {"header_params": {"Content-Type": "text/plain"}, "_request_timeout": 0.5}
    body = "x" * (48 * 1024 * 1024)
    judge.failure(
        lambda: client.call_api("/x", "POST", body=body, **options),
        ApiTimeoutError,
        sent=True,
    )


def gzipped(body: bytes) -> bytes:
    return answer("", "200 OK", "Content-Encoding: gzip", length=False) + body


def gzipped_and_closed(body: bytes) -> Callable[[Peer], bool]:
    def step(peer: Peer) -> bool:
        peer.send(gzipped(body))
        return False

    return step


BOMBS = {
    "gzip": gzipped(gzip.compress(b" " * ENDLESS)),
    "deflate": answer("", "200 OK", "Content-Encoding: deflate", length=False)
    + zlib.compress(b" " * ENDLESS),
    "error": answer("", "400 No", "Content-Encoding: gzip", length=False)
    + gzip.compress(b" " * ENDLESS),
    "members": gzipped(gzip.compress(b" " * 1024) * 60_000),
    "tiny members": gzipped(gzip.compress(b"") * 50_000),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_compressed_bomb_is_cut(serve: Any, api_of: Any, judge: Any, bomb: bytes) -> None:
    server = serve(lambda peer: peer.send(bomb) and False)
    api = api_of(server, max_response_size=1024 * 1024)
    exchange_failed = lambda: exchange(api)  # noqa: E731
    tracemalloc.start()
    error = judge.failure(exchange_failed, ApiResponseError, sent=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * 1024 * 1024, "%.1f MB" % (peak / 1e6)
    assert error.status in (200, 400)


def test_countless_members_are_refused(serve: Any, api_of: Any, judge: Any) -> None:
    server = serve(gzipped_and_closed(gzip.compress(b"") * 1000 + gzip.compress(b"{}")))
    error = judge.failure(lambda: exchange(api_of(server)), ApiResponseError, sent=True)
    assert "too many parts" in error.reason


POURED: dict[str, Callable[[Peer], Any]] = {
    "endless body": lambda peer: peer.send(HEAD + b"\r\n") and peer.pour(b"x" * 65536, ENDLESS),
    "absurd Content-Length": lambda peer: (
        peer.send(HEAD + b"Content-Length: 99999999999999999\r\n\r\n")
        and peer.pour(b"x" * 65536, ENDLESS)
    ),
    "endless chunk": lambda peer: (
        peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffff\r\n")
        and peer.pour(b"x" * 65536, ENDLESS)
    ),
    "endless chunks": lambda peer: (
        peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        and peer.pour(chunk(b"x" * 65536), ENDLESS)
    ),
    "negative chunk": lambda peer: (
        peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n")
        and peer.pour(b"x" * 65536, ENDLESS)
    ),
    "endless chunk extension": lambda peer: (
        peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;")
        and peer.pour(b"e" * 65536, ENDLESS)
    ),
    "endless trailers": lambda peer: (
        peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n")
        and peer.pour(b"T: xxxxxxxxxxxxxxxx\r\n" * 3000, ENDLESS)
    ),
    "endless status line": lambda peer: peer.pour(b"H" * 65536, ENDLESS),
    "endless header": lambda peer: peer.send(HEAD + b"X: ") and peer.pour(b"x" * 65536, ENDLESS),
    "endless headers": lambda peer: peer.send(HEAD) and peer.pour(b"X: y\r\n" * 9999, ENDLESS),
    "endless folded header": lambda peer: (
        peer.send(HEAD + b"X: y\r\n") and peer.pour(b" z\r\n" * 9999, ENDLESS)
    ),
    "endless interim answers": lambda peer: peer.pour(
        b"HTTP/1.1 100 Continue\r\n\r\n" * 999, ENDLESS
    ),
    "endless interim headers": lambda peer: (
        peer.send(b"HTTP/1.1 103 Early Hints\r\n") and peer.pour(b"Link: x\r\n" * 9999, ENDLESS)
    ),
    "endless error": lambda peer: (
        peer.send(b"HTTP/1.1 500 No\r\n\r\n") and peer.pour(b"x" * 65536, ENDLESS)
    ),
    "endless blank lines": lambda peer: peer.pour(b"\r\n" * 9999, ENDLESS),
}


@pytest.mark.parametrize("step", POURED.values(), ids=POURED.keys())
def test_endless_answer_is_cut(serve: Any, api_of: Any, judge: Any, step: Any) -> None:
    server = serve(lambda peer: step(peer) and False)
    api = api_of(server, max_response_size=1024 * 1024)
    tracemalloc.start()
    error = judge.failure(lambda: exchange(api, _request_timeout=60), sent=True)
    assert not isinstance(error, ApiTimeoutError)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 1024 * 1024, "%.1f MB" % (peak / 1e6)


def test_hundreds_of_headers_are_refused(serve: Any, api_of: Any, judge: Any) -> None:
    many = ["X-%d: y" % number for number in range(500)]
    judge.failure(lambda: exchange(api_of(serve(answer("{}", "200 OK", *many)))), sent=True)


FRAMED: dict[str, Callable[[bytes], bytes]] = {
    "length": answer,
    "chunks": lambda body: (
        HEAD
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + chunk(body[:100])
        + chunk(body[100:])
        + chunk(b"")
    ),
    "gzip": lambda body: answer(gzip.compress(body), "200 OK", "Content-Encoding: gzip"),
    "deflate": lambda body: answer(zlib.compress(body), "200 OK", "Content-Encoding: deflate"),
}


@pytest.mark.parametrize("framed", FRAMED.values(), ids=FRAMED)
def test_size_limit_is_exact(serve: Any, api_of: Any, judge: Any, framed: Any) -> None:
    body = b'{"access_token":"%s"}' % (b"a" * 500)
    api = api_of(serve(framed(body)), max_response_size=len(body))
    assert len(exchange(api).access_token) == 500
    api.api_client.configuration.max_response_size = len(body) - 1
    judge.failure(lambda: exchange(api), ApiResponseError)


@pytest.mark.parametrize("framed", FRAMED.values(), ids=FRAMED)
def test_a_large_response_is_read_whole(serve: Any, api_of: Any, framed: Any) -> None:
    token = "".join(map(str, range(200_000)))
    api = api_of(serve(framed(b'{"access_token":"%s"}' % token.encode())))
    assert exchange(api).access_token == token


@pytest.mark.parametrize("members", [1, 2, 64])
def test_honest_compression_is_read(serve: Any, api_of: Any, members: int) -> None:
    body = b'{"access_token":"%s"}' % (b"t0k3n" * 40_000)
    size = -(-len(body) // members)
    pieces = [gzip.compress(body[i : i + size]) for i in range(0, len(body), size)]
    gzip_answer = answer(b"".join(pieces) + b"\0" * 100, "200 OK", "Content-Encoding: gzip")
    token = exchange(api_of(serve(gzip_answer)))
    assert token.access_token == "t0k3n" * 40_000


@pytest.mark.parametrize("wbits", [15, -15], ids=["zlib", "raw"])
def test_deflate_is_read_in_both_framings(serve: Any, api_of: Any, wbits: int) -> None:
    squeezer = zlib.compressobj(wbits=wbits)
    body = squeezer.compress(b'{"access_token":"%s"}' % (b"z" * 300_000)) + squeezer.flush()
    api = api_of(serve(answer(body, "200 OK", "Content-Encoding: deflate")))
    assert len(exchange(api).access_token) == 300_000


def stored(first_byte: int, data: bytes) -> bytes:
    """Raw deflate (RFC 1951): a stored block, whose first five bits are free, and an empty one."""
    length = len(data).to_bytes(2, "little")
    return bytes([first_byte]) + length + bytes(~b & 255 for b in length) + data + b"\3\0"


@pytest.mark.parametrize(("first_byte", "size"), [(0x08, 30), (0x00, 31), (0x09, 21)])
def test_raw_deflate_that_half_looks_like_zlib(
    serve: Any, api_of: Any, first_byte: int, size: int
) -> None:
    """A zlib header ends in 8 in its first byte, and both bytes are a multiple of 31."""
    data = b'{"access_token":"t"}'.ljust(size)
    api = api_of(serve(answer(stored(first_byte, data), "200 OK", "Content-Encoding: deflate")))
    assert exchange(api).access_token == "t"


def test_output_that_zlib_holds_back_without_input(serve: Any, api_of: Any) -> None:
    def squeezed(size: int) -> bytes:
        squeezer = zlib.compressobj(wbits=-15, strategy=zlib.Z_FIXED)
        return squeezer.compress(b'{"access_token":"t"}'.ljust(size)) + squeezer.flush()

    def is_held(body: bytes) -> bool:
        inflater = zlib.decompressobj(wbits=-15)
        inflater.decompress(body, 65536)
        return not inflater.unconsumed_tail and not inflater.eof

    body = next(filter(is_held, map(squeezed, range(65537, 66000))))
    api = api_of(serve(answer(body, "200 OK", "Content-Encoding: deflate")))
    assert exchange(api).access_token == "t"


def test_one_byte_is_no_deflate(serve: Any, api_of: Any, judge: Any) -> None:
    api = api_of(serve(answer(b"x", "200 OK", "Content-Encoding: deflate")))
    judge.failure(lambda: exchange(api), ApiResponseError, sent=True)


def test_two_bytes_are_an_empty_deflate(serve: Any, api_of: Any) -> None:
    client = api_of(serve(answer(b"\x03\0", "200 OK", "Content-Encoding: deflate"))).api_client
    assert client.get("/x", response_type="str") is None


def test_what_follows_deflate_is_passed_over(serve: Any, api_of: Any) -> None:
    body = zlib.compress(b'{"access_token":"t"}') + b"trailing"
    api = api_of(serve(answer(body, "200 OK", "Content-Encoding: deflate")))
    assert exchange(api).access_token == "t"


ABSURD = ["86400", "9" * 30, "99999999999", "Fri, 31 Dec 9999 23:59:59 GMT"]
ABSURD += ["Sun, 06 Nov 2094 08:49:37 GMT"]


@pytest.mark.parametrize("value", ABSURD)
def test_absurd_retry_after_is_raised_at_once(
    serve: Any, api_of: Any, judge: Any, value: str
) -> None:
    server = serve(answer("", "429 Slow", "Retry-After: " + value))
    error = judge.failure(lambda: api_of(server).oauth_me(), RateLimitException)
    assert error.retry_after >= 86400
    if value in ABSURD[1:4]:
        assert error.retry_after == 100 * 365 * 86400  # more would break date arithmetic
    assert len(server.requests) == 1


DEEP = {
    "lists": "[" * 100_000 + "]" * 100_000,
    "objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "open lists": "[" * 1_000_000,
    "nearly too deep": "[" * 900 + "]" * 900,
}


@pytest.mark.parametrize("status", ["200 OK", "400 No"])
@pytest.mark.parametrize("body", DEEP.values(), ids=DEEP.keys())
@pytest.mark.usefixtures("collection_paused")
def test_deep_nesting(serve: Any, api_of: Any, judge: Any, body: str, status: str) -> None:
    judge.failure(lambda: exchange(api_of(serve(answer(body, status)))), sent=True)


@pytest.mark.parametrize("timeout", [1, (1, 9)], ids=repr)
def test_time_covers_all_attempts(serve: Any, api_of: Any, judge: Any, timeout: Any) -> None:
    def call() -> None:
        OauthApi.oauth_me(api, _request_timeout=timeout)

    server = serve(answer("", "503 Wait", "Retry-After: 15"), SLOW["silence"])
    api = api_of(server, retry_budget=0 if isinstance(timeout, tuple) else 20)
    error = judge.failure(call, ApiException)
    assert error.status == 503
    assert error.retry_after == 15


def test_unread_answer_may_take_as_long_as_it_keeps_coming(serve: Any, api_of: Any) -> None:
    def drip(peer: Peer) -> None:
        peer.send(HEAD + b"Content-Length: 30\r\n\r\n")
        peer.drip(b"x" * 30, 0.05)

    raw = exchange(api_of(serve(drip)), _preload_content=False, _request_timeout=1)
    assert raw.read() == b"x" * 30
