"""What the transport relies on in urllib3 and Python without a promise: it exists and behaves."""

from __future__ import annotations

import email.message
import http.client
import importlib
import io
import ssl
from collections.abc import Callable
from typing import Any, cast
from urllib import request

import pytest
import urllib3
from urllib3.util import connection as network

from ultracart.transport.connection import PRIVATE_MEMBERS, IdleConnections


def _tls_socket() -> ssl.SSLSocket:
    with network.socket.socket() as sock:
        wrapped = ssl.create_default_context().wrap_socket(sock, server_hostname="localhost")
    wrapped.close()
    return wrapped


# Classes whose constructors set some of the members.
MADE: dict[str, Callable[[], Any]] = {
    "http.client:HTTPResponse": lambda: http.client.HTTPResponse(cast(Any, _Socket(b""))),
    "ssl:SSLSocket": _tls_socket,
    "urllib3.connection:HTTPConnection": lambda: urllib3.connection.HTTPConnection("localhost"),
    "urllib3.poolmanager:ProxyManager": lambda: urllib3.ProxyManager("http://localhost:1"),
    "urllib3.response:HTTPResponse": lambda: urllib3.HTTPResponse(b""),
}


@pytest.mark.parametrize("member", PRIVATE_MEMBERS)
def test_it_exists(member: str) -> None:
    module, _, path = member.partition(":")
    owner, _, name = path.rpartition(".")
    found: Any = importlib.import_module(module)
    if owner:
        cls = getattr(found, owner)
        found = cls if hasattr(cls, name) else MADE["%s:%s" % (module, owner)]()
    assert hasattr(found, name)


class _Socket:
    """A socket that has received a response."""

    def __init__(self, received: bytes) -> None:
        self._received = received

    def makefile(self, *args: Any) -> io.BytesIO:
        return io.BytesIO(self._received)


def test_http_client_reads_a_response_in_the_steps_that_are_overridden() -> None:
    steps: list[Any] = []

    class Response(http.client.HTTPResponse):
        def _read_status(self) -> Any:
            steps.append("status")
            return super()._read_status()  # type: ignore[misc]

        def _read_next_chunk_size(self) -> Any:
            steps.append("size")
            return super()._read_next_chunk_size()  # type: ignore[misc]

        def _safe_read(self, amt: int) -> Any:
            data = super()._safe_read(amt)  # type: ignore[misc]
            steps.append((data, self.chunk_left))  # type: ignore[attr-defined]
            return data

        def _read_and_discard_trailer(self) -> None:
            steps.append("trailer")
            super()._read_and_discard_trailer()  # type: ignore[misc]

    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: a\r\n b\r\n\r\n"
    sock: Any = _Socket(head + b"2\r\nab\r\n0\r\n\r\n")
    response = Response(sock)
    response.begin()
    assert list(response.msg.raw_items()) == [("Transfer-Encoding", "chunked"), ("X", "a\r\n b")]
    assert response.read(100) == b"ab"
    assert steps == ["status", "size", (b"ab", 2), (b"\r\n", 0), "size", "trailer"]


def test_http_client_sends_a_line_of_output_as_it_is() -> None:
    sent: list[bytes] = []
    connection: Any = http.client.HTTPConnection("localhost")
    connection.send = sent.append
    connection.putrequest("GET", "/", skip_host=True, skip_accept_encoding=True)
    connection._output(b"A: b")
    connection.putheader("C", "d")
    connection.endheaders()
    assert b"".join(sent) == b"GET / HTTP/1.1\r\nA: b\r\nC: d\r\n\r\n"


def test_http_client_keeps_what_is_wrong_with_a_head() -> None:
    message = http.client.parse_headers(io.BytesIO(b"A: b\r\nno header\r\nC: d\r\n\r\n"))
    assert isinstance(message, email.message.Message)
    assert message.defects or message.get_payload()


def test_urllib3_asks_its_pool_and_connection_in_the_ways_that_are_overridden() -> None:
    asked: list[Any] = []

    class Connection(urllib3.connection.HTTPConnection):
        def _new_conn(self) -> Any:
            asked.append(("connect", self.is_closed, self.host, self.timeout))
            raise ConnectionRefusedError

    class Pool(urllib3.HTTPConnectionPool):
        @property
        def ConnectionCls(self) -> Any:  # type: ignore[override]
            return Connection

        def _get_conn(self, timeout: Any = None) -> Any:
            asked.append("connection")
            return super()._get_conn(timeout=timeout)

        def _make_request(  # type: ignore[override]
            self, conn: Any, method: str, url: str, **options: Any
        ) -> Any:
            asked.append((method, url, type(conn)))
            return super()._make_request(conn, method, url, **options)

    pool = Pool("localhost", 1)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        pool.urlopen("GET", "/a?b", retries=False, timeout=urllib3.Timeout(connect=3, read=4))
    assert asked == [
        "connection",
        ("GET", "/a?b", Connection),
        ("connect", True, "localhost", 3),
    ]
    pool.close()


def test_a_pool_keeps_its_connections_in_what_it_is_told() -> None:
    class Pool(urllib3.HTTPConnectionPool):
        QueueCls = IdleConnections  # type: ignore[assignment]

    pool = Pool("localhost", 1, maxsize=2)
    assert isinstance(pool.pool, IdleConnections)
    assert pool.pool.qsize() == 2  # urllib3 puts None in place of those to be made
    kept = pool.pool
    with pytest.raises(urllib3.exceptions.HTTPError):
        pool.urlopen("GET", "/", retries=False)
    assert kept.qsize() == 2
    pool.close()
    assert kept.qsize() == 0


def test_a_proxy_manager_makes_the_pools_that_it_is_told() -> None:
    class Pool(urllib3.HTTPSConnectionPool):
        pass

    manager = urllib3.ProxyManager("http://localhost:1")
    manager.pool_classes_by_scheme = {"https": Pool}
    assert type(manager.connection_from_host("localhost", 2, "https")) is Pool


def test_a_new_context_makes_sockets_of_the_class_that_it_is_told() -> None:
    class Socket(ssl.SSLSocket):
        pass

    context = ssl.create_default_context()
    context.sslsocket_class = Socket
    with network.socket.socket() as sock:
        wrapped: Any = context.wrap_socket(sock, server_hostname="localhost")
    assert wrapped.suppress_ragged_eofs is True
    assert type(wrapped) is Socket
    wrapped.close()


def test_the_modules_of_the_network() -> None:
    code: Any = network.create_connection
    assert code.__code__.co_filename == network.__file__
    assert isinstance(network.allowed_gai_family(), int)
    bypassed: Any = vars(request)["proxy_bypass_environment"]
    assert bypassed("a.example:443", {"no": "a.example"})
