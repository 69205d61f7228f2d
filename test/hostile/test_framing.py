"""Broken framing ends in an error or the right answer, never in another call's answer."""

from __future__ import annotations

import gzip
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from email import message_from_string
from typing import Any

import pytest
import urllib3

from ultracart import ApiConnectionError, ApiException
from ultracart.transport.connection import BoundedConnection

from .conftest import REFRESH, exchange
from .server import Peer, answer

GOOD = answer('{"access_token":"good"}')
BAD = answer('{"access_token":"EVIL"}')
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
JSON = b'{"access_token":"good"}'

# Each is sent and the connection closed.
BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "blank lines": b"\r\n\r\n\r\n",
    "garbage": b"\x00\xff\xfe garbage \x00" * 20,
    "TLS alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "HTTP/0.9": b"<html>hello</html>",
    "SSH": b"SSH-2.0-OpenSSH_9.9\r\n",
    "no status": b"HTTP/1.1\r\n\r\n",
    "status text": b"HTTP/1.1 OK 200\r\n\r\n" + JSON,
    "status too small": b"HTTP/1.1 99 Low\r\n\r\n" + JSON,
    "status too large": b"HTTP/1.1 1000 High\r\n\r\n" + JSON,
    "status negative": b"HTTP/1.1 -200 OK\r\n\r\n" + JSON,
    "unknown version": b"HTTP/7.3 200 OK\r\n\r\n" + JSON,
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "header without colon": HEAD + b"nonsense " + REFRESH.encode() + b"\r\n\r\n" + JSON,
    "header with a blank name": HEAD + b": value\r\n\r\n" + JSON,
    "first header folded": b"HTTP/1.1 200 OK\r\n folded: x\r\nContent-Length: 23\r\n\r\n" + JSON,
    "short body": HEAD + b"Content-Length: 400\r\n\r\n" + JSON,
    "two lengths": HEAD + b"Content-Length: 23\r\nContent-Length: 22\r\n\r\n" + JSON,
    "list of lengths": HEAD + b"Content-Length: 23, 22\r\n\r\n" + JSON,
    "length negative": HEAD + b"Content-Length: -23\r\n\r\n" + JSON,
    "length signed": HEAD + b"Content-Length: +23\r\n\r\n" + JSON,
    "length with underscore": HEAD + b"Content-Length: 2_3\r\n\r\n" + JSON,
    "length hexadecimal": HEAD + b"Content-Length: 0x17\r\n\r\n" + JSON,
    "length text": HEAD + b"Content-Length: many\r\n\r\n" + JSON,
    "length huge": HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n" + JSON,
    "length of nineteen digits": HEAD + b"Content-Length: " + b"23".zfill(19) + b"\r\n\r\n" + JSON,
    "length exotic digits": HEAD + "Content-Length: \u00b2\r\n\r\n".encode("latin-1") + JSON,
    "length listed twice": HEAD + b"Content-Length: 23, 23\r\n\r\n" + JSON,
    "length empty": HEAD + b"Content-Length:\r\n\r\n" + JSON,
    "another unknown coding": HEAD + b"Transfer-Encoding: zstd\r\n\r\n" + JSON,
    "unknown coding": HEAD + b"Transfer-Encoding: bzip3\r\n\r\n" + JSON,
    "coding list": HEAD
    + b"Transfer-Encoding: gzip, chunked\r\n\r\n17\r\n"
    + JSON
    + b"\r\n0\r\n\r\n",
    "two codings": CHUNKED[:-2]
    + b"Transfer-Encoding: identity\r\n\r\n17\r\n"
    + JSON
    + b"\r\n0\r\n\r\n",
    "chunk size text": CHUNKED + b"zz\r\n" + JSON + b"\r\n0\r\n\r\n",
    "chunk size empty": CHUNKED + b"\r\n" + JSON + b"\r\n0\r\n\r\n",
    "chunk size negative": CHUNKED + b"-17\r\n" + JSON + b"\r\n0\r\n\r\n",
    "chunk size signed": CHUNKED + b"+17\r\n" + JSON + b"\r\n0\r\n\r\n",
    "chunk size prefixed": CHUNKED + b"0x17\r\n" + JSON + b"\r\n0\r\n\r\n",
    "chunk size underscored": CHUNKED + b"1_7\r\n" + JSON + b"\r\n0\r\n\r\n",
    "chunk size huge": CHUNKED + b"f" * 4000 + b"\r\n" + JSON + b"\r\n0\r\n\r\n",
    "chunk too short": CHUNKED + b"18\r\n" + JSON + b"\r\n0\r\n\r\n",
    "chunk too long": CHUNKED + b"10\r\n" + JSON + b"\r\n0\r\n\r\n",
    "chunk cut": CHUNKED + b"17\r\n" + JSON[:9],
    "no last chunk": CHUNKED + b"17\r\n" + JSON + b"\r\n",
    "gzip cut": HEAD + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x00",
    "gzip without its end": HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(JSON)[:-8],
    "gzip with a wrong sum": HEAD
    + b"Content-Encoding: gzip\r\n\r\n"
    + gzip.compress(JSON)[:-8]
    + b"\0" * 8,
    "gzip that is none": HEAD + b"Content-Encoding: gzip\r\n\r\n" + JSON,
    "deflate that is none": HEAD + b"Content-Encoding: deflate\r\n\r\n" + JSON,
    "encoding unknown": HEAD + b"Content-Encoding: br\r\n\r\n" + JSON,
    "encoding twice": HEAD + b"Content-Encoding: gzip, gzip\r\n\r\n" + JSON,
    "interim alone": b"HTTP/1.1 100 Continue\r\n\r\n",
    "twenty interims": b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" * 20 + GOOD,
    "switching": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n" + GOOD,
}


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN.keys())
def test_broken_answer(
    serve: Any, api_of: Any, judge: Any, descriptors: Callable[[], int], sent: bytes
) -> None:
    server = serve(GOOD, lambda peer: peer.send(sent) and False, GOOD)
    api = api_of(server)
    assert exchange(api).access_token == "good"
    before = descriptors()
    error = judge.failure(lambda: exchange(api), ApiException, sent=True)
    assert len(server.requests) == 2, "a request that may have been served was repeated"
    assert "EVIL" not in str(error)
    assert exchange(api).access_token == "good"
    assert descriptors() <= before + 1  # the server's side of the new connection


@pytest.mark.parametrize("spelling", [b"chunked ", b"chunked\t", b"Chunked,"])
def test_no_framing_is_taken_for_text(
    serve: Any, client_of: Any, judge: Any, spelling: bytes
) -> None:
    sent = HEAD + b"Transfer-Encoding: %s\r\n\r\n2\r\nhi\r\n0\r\n\r\n" % spelling
    client = client_of(serve(lambda peer: peer.send(sent) and False))
    call = lambda: client.call_api("/x", "GET", response_type="str")  # noqa: E731
    judge.failure(call, ApiConnectionError, sent=True)


def test_chunked_on_a_line_of_its_own_is_read_as_chunked_or_refused(
    serve: Any, client_of: Any, judge: Any
) -> None:
    """RFC 9112, section 5.2: the line break counts as a space. Older Pythons keep it."""
    sent = HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    client = client_of(serve(lambda peer: peer.send(sent) and False))
    call = lambda: client.call_api("/x", "GET", response_type="str")  # noqa: E731
    if message_from_string("A:\r\n b\r\n\r\n")["A"] == "b":
        assert call()[0] == "hi"
    else:
        judge.failure(call, ApiConnectionError, sent=True)


@pytest.mark.skipif(sys.version_info < (3, 15), reason="http.client bounds it since Python 3.15")
def test_a_bound_for_the_number_of_headers(
    serve: Any, client_of: Any, judge: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = HEAD + b"X: y\r\n" * 20 + b"Content-Length: 2\r\n\r\nhi"
    for most in (10, 50):
        bound = property(lambda self: most, lambda self, value: None)  # noqa: B023
        monkeypatch.setattr(BoundedConnection, "max_response_headers", bound, raising=False)
        client = client_of(serve(lambda peer: peer.send(sent) and False))
        call = lambda: client.call_api("/x", "GET", response_type="str")  # noqa: B023, E731
        if most == 10:
            judge.failure(call, ApiConnectionError, sent=True)
        else:
            assert call()[0] == "hi"


CUT_HEADS = [b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nX: y\r\n"]


@pytest.mark.parametrize("sent", CUT_HEADS)
def test_answer_cut_in_its_headers_is_no_empty_answer(
    serve: Any, api_of: Any, judge: Any, sent: bytes
) -> None:
    api = api_of(serve(lambda peer: peer.send(sent) and False))
    judge.failure(lambda: api.oauth_revoke("c", "t"), ApiConnectionError, sent=True)


@pytest.mark.parametrize("sent", [HEAD + b"\r\n1 of", HEAD, b"HTTP/1.1 200 OK\r\n\r\n"])
@pytest.mark.parametrize("lenient", [False, True])
def test_tls_cut_by_somebody_on_the_way_is_no_end(
    serve: Any,
    client_of: Any,
    judge: Any,
    authority: Any,
    monkeypatch: pytest.MonkeyPatch,
    sent: bytes,
    lenient: bool,
) -> None:
    """Also where Python's contexts ignore it, as Debian's do."""

    def make(cls: Any, *arguments: Any) -> Any:
        context = plain(cls, *arguments)
        if lenient:
            context.options |= 1 << 7  # SSL_OP_IGNORE_UNEXPECTED_EOF
        return context

    plain = ssl.SSLContext.__new__
    monkeypatch.setattr(ssl.SSLContext, "__new__", make)

    def cut(peer: Peer) -> bool:
        peer.send(sent)
        socket.socket.shutdown(peer.sock, socket.SHUT_RDWR)  # without TLS's goodbye
        return False

    client = client_of(serve(cut, tls=authority.context()), ssl_ca_cert=authority.path)
    call = lambda: client.call_api("/x", "GET", response_type="str")  # noqa: E731
    judge.failure(call, ApiConnectionError, sent=True)


def test_tls_cut_before_the_answer_is_no_fault_of_tls(
    serve: Any, api_of: Any, judge: Any, authority: Any
) -> None:
    def cut(peer: Peer) -> bool:
        socket.socket.shutdown(peer.sock, socket.SHUT_RDWR)
        return False

    api = api_of(serve(GOOD, cut, GOOD, tls=authority.context()), ssl_ca_cert=authority.path)
    exchange(api)
    error = judge.failure(lambda: exchange(api), ApiConnectionError, sent=True)
    assert error.status is None  # 0 would say that there is no point in trying again
    exchange(api)


RIGHT: dict[str, bytes] = {
    "lower-case everything": b"HTTP/1.1 200 ok\r\ncontent-length: 23\r\n\r\n" + JSON,
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\n" + JSON,
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 23\r\n\r\n" + JSON,
    "no content type": b"HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n" + JSON,
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 23\n\n" + JSON,
    "length twice, equal": HEAD + b"Content-Length: 23\r\nContent-Length: 23\r\n\r\n" + JSON,
    "length of eighteen digits": HEAD + b"Content-Length: " + b"23".zfill(18) + b"\r\n\r\n" + JSON,
    "headers of 200 KB": HEAD
    + b"X: %s\r\n" % (b"y" * 4090) * 50
    + b"Content-Length: 23\r\n\r\n"
    + JSON,
    "folded header": HEAD + b"X-Folded: a\r\n b\r\nContent-Length: 23\r\n\r\n" + JSON,
    "latin-1 header": HEAD + b"X-Name: caf\xe9\r\nContent-Length: 23\r\n\r\n" + JSON,
    "unprintable header": HEAD + b"X: a\tb \x80\xa0\xff\r\nContent-Length: 23\r\n\r\n" + JSON,
    "unprintable reason": b"HTTP/1.1 200 a\tb \x80\xa0\xff\r\nContent-Length: 23\r\n\r\n" + JSON,
    "chunks": CHUNKED + b"5\r\n" + JSON[:5] + b"\r\n12\r\n" + JSON[5:] + b"\r\n0\r\n\r\n",
    "chunk extension": CHUNKED + b"17;a=b\r\n" + JSON + b"\r\n0;c\r\n\r\n",
    "leading zeros": CHUNKED + b"00017\r\n" + JSON + b"\r\n000\r\n\r\n",
    "trailers": CHUNKED + b"17\r\n" + JSON + b"\r\n0\r\nX: y\r\nContent-Length: 5\r\n\r\n",
    "chunked and length": HEAD
    + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n17\r\n"
    + JSON
    + b"\r\n0\r\n\r\n",
    "100 first": b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD,
    "103 first": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + GOOD,
    "199 first": b"HTTP/1.1 199 Odd\r\n\r\n" + GOOD,
    "102 103 100": b"HTTP/1.1 102 P\r\n\r\nHTTP/1.1 103 H\r\nA: b\r\n\r\nHTTP/1.1 100 C\r\n\r\n"
    + GOOD,
    "byte order mark": HEAD + b"Content-Length: 26\r\n\r\n\xef\xbb\xbf" + JSON,
    "identity": HEAD + b"Content-Encoding: identity\r\nContent-Length: 23\r\n\r\n" + JSON,
}


@pytest.mark.parametrize("sent", RIGHT.values(), ids=RIGHT.keys())
def test_odd_but_right_answer(serve: Any, api_of: Any, sent: bytes) -> None:
    def once(peer: Peer) -> Any:
        peer.send(sent)
        return b"HTTP/1.0" not in sent and None

    server = serve(once, GOOD)
    api = api_of(server)
    for _ in range(3):
        assert exchange(api).access_token == "good"


def test_connection_of_two_framings_serves_no_other_call(serve: Any, api_of: Any) -> None:
    server = serve(RIGHT["chunked and length"], GOOD)
    api = api_of(server)
    for _ in range(3):
        assert exchange(api).access_token == "good"
    assert server.connections == 2


POISON: dict[str, bytes] = {
    "second answer": GOOD + BAD,
    "second answer, later part": GOOD + BAD[:40],
    "one byte": GOOD + b"H",
    "blank line": GOOD + b"\r\n",
    "answer beyond a 204": b"HTTP/1.1 204 None\r\n\r\n" + BAD,
    "answer beyond a 304": b"HTTP/1.1 304 Same\r\n\r\n" + BAD,
    "body of a 204": b"HTTP/1.1 204 None\r\nContent-Length: %d\r\n\r\n" % len(BAD) + BAD,
    "answer after the chunks": CHUNKED + b"17\r\n" + JSON + b"\r\n0\r\n\r\n" + BAD,
    "answer in the length's shadow": HEAD
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n17\r\n"
    + JSON
    + b"\r\n0\r\n\r\n"
    + BAD,
    "answer after an error": answer("{}", "400 No") + BAD,
    "answer after a redirect": answer("", "302 There", "Location: /x") + BAD,
    "answer after a switch": b"HTTP/1.1 101 Switching\r\n\r\n" + BAD,
    "interim afterwards": GOOD + b"HTTP/1.1 100 Continue\r\n\r\n",
    "large answer": GOOD + BAD.replace(b"\r\n", b"\r\nX: " + b"x" * 40_000 + b"\r\n", 1),
}


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("sent", POISON.values(), ids=POISON.keys())
def test_poisoned_connection_serves_no_other_call(
    serve: Any, api_of: Any, authority: Any, sent: bytes, tls: bool
) -> None:
    poisoned = threading.Event()

    def poison(peer: Peer) -> None:
        peer.send(sent)
        poisoned.set()

    server = serve(poison, GOOD, tls=authority.context() if tls else None)
    api = api_of(server, ssl_ca_cert=authority.path)
    try:
        assert exchange(api).access_token == "good"
    except ApiException:
        pass
    assert poisoned.wait(30)
    for _ in range(3):
        assert exchange(api).access_token == "good"
    assert server.connections == 2


def test_bytes_that_arrive_while_idle_poison_nothing(serve: Any, api_of: Any) -> None:
    go, sent = threading.Event(), threading.Event()

    def late(peer: Peer) -> None:
        peer.send(GOOD)
        go.wait(30)
        peer.send(BAD)
        sent.set()

    server = serve(late, GOOD)
    api = api_of(server)
    assert exchange(api).access_token == "good"
    go.set()
    assert sent.wait(30)
    assert exchange(api).access_token == "good"
    assert server.connections == 2


def test_switched_connection_is_not_kept(serve: Any, api_of: Any, judge: Any) -> None:
    server = serve(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", GOOD)
    api = api_of(server)
    assert judge.failure(lambda: exchange(api)).status == 101
    assert exchange(api).access_token == "good"
    assert server.connections == 2


def test_abandoned_answer_poisons_nothing(serve: Any, api_of: Any, judge: Any) -> None:
    release = threading.Event()

    def slow(peer: Peer) -> None:
        release.wait(30)
        peer.send(BAD)

    server = serve(slow, GOOD)
    api = api_of(server)
    judge.failure(lambda: exchange(api, _request_timeout=1), sent=True)
    release.set()
    for _ in range(3):
        assert exchange(api).access_token == "good"


def test_unread_raw_answer_poisons_nothing(serve: Any, api_of: Any) -> None:
    server = serve(answer("x" * 100_000), GOOD)
    api = api_of(server)
    raw = exchange(api, _preload_content=False)
    assert raw.status == 200
    assert exchange(api).access_token == "good"
    raw.close()
    assert exchange(api).access_token == "good"


def test_faults_leave_no_descriptor(
    serve: Any, api_of: Any, judge: Any, descriptors: Callable[[], int]
) -> None:
    faults = [lambda peer, sent=sent: peer.send(sent) and False for sent in BROKEN.values()]
    server = serve(*faults, GOOD)
    api = api_of(server)
    before = descriptors()
    for _ in faults:
        judge.failure(lambda: exchange(api))
    assert exchange(api).access_token == "good"
    assert descriptors() <= before + 2  # the connection that is kept, seen from both sides


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Length", "3"),
        ("content-length", "0"),
        ("CONTENT-LENGTH", "4, 4"),
        ("Content-Length", 400),
        ("Content-Length", ""),
        ("Transfer-Encoding", "chunked"),
        ("transfer-encoding", "identity"),
    ],
)
def test_no_header_moves_the_end_of_a_body(
    serve: Any, client_of: Any, name: str, value: Any
) -> None:
    """What the server took for the next request would hold what another client sends."""
    server = serve(answer("{}"))
    client = client_of(server)
    headers = {"Content-Type": "text/plain", name: value}
    for set_there in (headers, {"Content-Type": "text/plain"}):
        with pytest.raises(ValueError, match="(?i)" + name):
            client.call_api("/x", "POST", None, None, set_there, body="text")
        client.set_default_header(name, value)
    assert server.connections == 0


@pytest.mark.parametrize("body", ["text", b"", b"\x00" * 70_000])
def test_a_length_that_is_right_is_sent_once(serve: Any, client_of: Any, body: Any) -> None:
    server = serve(answer("{}"))
    headers = {"Content-Type": "text/plain", "content-length": str(len(body))}
    client_of(server).call_api("/x", "POST", None, None, headers, body=body)
    (request,) = server.requests
    assert request.headers["content-length"] == str(len(body))
    assert len(request.body) == len(body)


@pytest.mark.parametrize("place", ["status line", "header", "folded header"])
@pytest.mark.parametrize("character", ["\0", "\x01", "\x1f", "\x7f"], ids=ascii)
def test_control_characters_in_a_head(
    serve: Any, api_of: Any, judge: Any, place: str, character: str
) -> None:
    line = "X-Odd: a%sb" % character if place == "header" else "X-Odd: a\r\n b%sc" % character
    reason = "200 O%sK" % character if place == "status line" else "200 OK"
    server = serve(answer('{"access_token":"a"}', reason, *[line][place == "status line" :]))
    judge.failure(lambda: exchange(api_of(server)), ApiConnectionError, sent=True)


def test_tabs_and_folded_lines_in_a_head(serve: Any, api_of: Any) -> None:
    server = serve(answer('{"access_token":"a"}', "200 OK", "X-Odd: a\tb\r\n c"))
    assert exchange(api_of(server)).access_token == "a"


CHUNK = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":%s4\r\n"b"}%s0\r\n\r\n'


@pytest.mark.parametrize("after", [b"xx", b"\n\n", b"\r\r", b"}\n"])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("preload", [True, False])
def test_chunks_that_are_longer_than_their_size(
    serve: Any, client_of: Any, judge: Any, after: bytes, last: bool, preload: bool
) -> None:
    server = serve(CHUNK % ((b"\r\n", after) if last else (after, b"\r\n")))
    client = client_of(server)

    def read() -> Any:
        response = client.rest_client.GET(server.host + "/x", _preload_content=preload)
        return response.data if preload else b"".join(response.stream(16))

    with pytest.raises(ApiConnectionError if preload else urllib3.exceptions.ProtocolError):
        read()
