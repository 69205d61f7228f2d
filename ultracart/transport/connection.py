"""Connections and pools of urllib3 that keep to a call's time and read responses strictly.

These are mixins; ``rest`` puts them before urllib3's classes. HTTP itself is parsed by
``http.client``: a parser of our own would be faster and is not worth the risk of misreading one
response. Added here: a deadline on each read and write; interim (1xx) responses are skipped;
malformed responses are errors; a connection with unread bytes is never used again.
"""

from __future__ import annotations

import http.client
import io
import queue
import re
import socket
import ssl
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from .fast_paths import plain_name, socket_class
from .limits import Deadline, is_cut

# Members of urllib3, http.client, email and ssl that are used although their documentation promises
# nothing or little of them. test/core/test_private_members.py holds that each exists and behaves.
PRIVATE_MEMBERS = """
    urllib3.connectionpool:HTTPConnectionPool.ConnectionCls
    urllib3.connectionpool:HTTPConnectionPool.QueueCls
    urllib3.connectionpool:HTTPConnectionPool._get_conn
    urllib3.connectionpool:HTTPConnectionPool._make_request
    urllib3.poolmanager:ProxyManager.pool_classes_by_scheme
    urllib3.connection:HTTPConnection._dns_host
    urllib3.connection:HTTPConnection._new_conn
    urllib3.connection:HTTPConnection._tunnel
    urllib3.connection:HTTPConnection.host
    urllib3.connection:HTTPConnection.is_closed
    urllib3.connection:HTTPConnection.is_verified
    urllib3.connection:HTTPConnection.socket_options
    urllib3.connection:HTTPSConnection.cert_reqs
    urllib3.response:HTTPResponse.chunked
    urllib3.response:HTTPResponse.length_remaining
    urllib3.util.connection:allowed_gai_family
    urllib3.util.connection:create_connection
    urllib3.util.ssl_:SSLContext
    http.client:HTTPConnection._output
    http.client:HTTPConnection.putheader
    http.client:HTTPConnection.response_class
    http.client:HTTPConnection.send
    http.client:HTTPResponse._read_status
    http.client:HTTPResponse._read_next_chunk_size
    http.client:HTTPResponse._read_and_discard_trailer
    http.client:HTTPResponse._safe_read
    http.client:HTTPResponse.begin
    http.client:HTTPResponse.chunk_left
    http.client:HTTPResponse.fp
    http.client:HTTPResponse.msg
    http.client:HTTPResponse.will_close
    http.client:parse_headers
    email.message:Message.raw_items
    ssl:SSLSocket.suppress_ragged_eofs
    ssl:SSLContext.sslsocket_class
    urllib.request:getproxies_environment
    urllib.request:proxy_bypass_environment
""".split()

# Interim responses of one call; RFC 9110, section 15.2 allows any number, a client must bound it.
_MAX_INTERIM = 16
_MAX_HEADER_BYTES = 256 * 1024
_READ_SIZE = 16384
# Patterns are compiled (and kept by ``re``) when a response first needs them.
_CHUNK_SIZE = rb"(?s)[0-9A-Fa-f]{1,15}[ \t]*(?:;.*)?\r?\n"
_TUNNEL_REFUSED = r"Tunnel connection failed: (\d{3})"
_FOLDED = r"\r\n(?=[ \t])"


class _Current(threading.local):
    deadline: Deadline | None = None


# The call in progress in this thread; urllib3 offers no way to hand it to the connection.
current: _Current = _Current()


class ProxyRefused(OSError):
    """The proxy refused CONNECT; ``args`` has its status, but nothing of its text."""


class _SocketReader(io.RawIOBase):
    """Reads a socket within the deadline, and at most ``_MAX_HEADER_BYTES`` of headers."""

    def __init__(self, sock: Any, deadline: Deadline | None) -> None:
        self._sock = sock
        # Unbuffered. Passed by position, because stand-ins for sockets name it differently.
        self._file = sock.makefile("rb", 0)
        # A stand-in's file may be buffered all the same: then do at most one read below the buffer.
        direct = type(self._file) is socket.SocketIO
        self._receive = sock.recv_into if direct else _one_read_of(self._file)
        self._deadline = deadline
        self._header_bytes = 0
        self.in_headers = True
        self.ended = False
        self.finished = False
        if hasattr(sock, "suppress_ragged_eofs"):
            # Raise an error if the connection ends without close_notify: somebody may have cut it,
            # and a body that ends with the connection would look complete (RFC 9112, 9.8).
            sock.suppress_ragged_eofs = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.finished:
            return 0
        deadline = self._deadline
        if deadline is not None:
            self._sock.settimeout(deadline.left())
        try:
            count: int = self._receive(buffer)
        except ssl.SSLError as error:
            if not self.in_headers or not is_cut(error):
                raise
            count = 0  # no error before a response begins; end_headers() detects cut headers
        self.ended = count == 0
        if self.in_headers and count:
            if deadline is not None:
                deadline.response_begun = True
            self._header_bytes += count
            if self._header_bytes > _MAX_HEADER_BYTES:
                raise http.client.HTTPException("the headers are too large")
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _one_read_of(file: Any) -> Any:
    return getattr(file, "readinto1", file.readinto)


class _ResponseReader(io.BufferedReader):
    """One response's bytes; on close, bytes left over mark the connection as unusable."""

    def __init__(self, raw: _SocketReader, connection: Any) -> None:
        # Set these first: a Ctrl-C may come at any line, and close() needs them.
        self._socket_reader = raw
        self._connection = connection
        super().__init__(raw, _READ_SIZE)

    def makefile(self, *args: Any, **kwargs: Any) -> _ResponseReader:
        """Itself: ``http.client.HTTPResponse`` expects a socket and reads from its file."""
        return self

    def end_headers(self) -> None:
        """The body begins; it has a bound of its own."""
        if self._socket_reader.ended:  # http.client takes this for the blank line after the headers
            raise http.client.HTTPException("the headers are cut")
        self._socket_reader.in_headers = False

    def start_trailers(self) -> None:
        """The trailers begin; they count to the bound of the headers."""
        self._socket_reader.in_headers = True

    def close(self) -> None:
        if not self.closed:
            self._socket_reader.finished = True
            connection, self._connection = self._connection, None
            # Surplus bytes must never be read as the next response.
            if connection is not None and self.peek(1):
                connection.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """A response whose end is certain (RFC 9112, section 6); else raises ``HTTPException``."""

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MAX_INTERIM):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 <= status < 200 or status == 101:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException("too many interim (1xx) responses")

    def begin(self, **options: Any) -> None:
        reader: Any = self.fp
        # Since Python 3.15 a connection may pass the maximum number of headers.
        super().begin(**options)
        reader.end_headers()
        # urllib3 would log a malformed line with its content, and http.client takes the lines
        # after it for a body: neither is acceptable where the lines may hold a token.
        if self.msg.defects or self.msg.get_payload():
            raise http.client.HTTPException("a malformed header line")
        codings, lengths = [], set()
        for name, value in self.msg.raw_items():
            if not value.isprintable() and _has_control_character(value):
                raise http.client.HTTPException("a control character in a header line")
            lowered = name.lower()
            if lowered == "content-length":
                lengths.add(value.strip())
            elif lowered == "transfer-encoding":
                codings.append(value)
        if not self.reason.isprintable() and _has_control_character(self.reason):
            raise http.client.HTTPException("a control character in the status line")
        self._check_length(",".join(codings), lengths)

    def _check_length(self, codings: str, lengths: set[str]) -> None:
        # http.client knows one spelling of "chunked". Only newer Pythons know it after a folded
        # line, as RFC 9112, section 5.2, wants; on older ones it is an error here.
        if codings and codings.lower() != ("chunked" if self.chunked else "identity"):
            raise http.client.HTTPException("an unknown transfer coding")
        for length in lengths:
            if len(lengths) > 1 or len(length) > 18 or not (length.isascii() and length.isdigit()):
                raise http.client.HTTPException("conflicting or malformed lengths")
        if (self.chunked and lengths) or self.status == 101:
            # Chunked and a length (section 6.1), or a switch to another protocol.
            self.will_close = True

    def _read_next_chunk_size(self) -> int:
        # http.client accepts whatever int() does, also "-1", which would read for ever.
        line = self.fp.readline(_READ_SIZE)
        if not re.fullmatch(_CHUNK_SIZE, line):
            raise http.client.HTTPException("a malformed chunk size")
        return int(line.partition(b";")[0], 16)

    def _safe_read(self, amt: int) -> bytes:
        data: bytes = super()._safe_read(amt)  # type: ignore[misc]
        # http.client reads the two bytes after a chunk without checking them.
        if self.chunk_left == 0 and data != b"\r\n":
            raise http.client.HTTPException("a chunk that is longer than its size")
        return data

    def _read_and_discard_trailer(self) -> None:
        reader: Any = self.fp
        reader.start_trailers()
        super()._read_and_discard_trailer()  # type: ignore[misc]


def _has_control_character(text: str) -> bool:
    unfolded = re.sub(_FOLDED, "", text)
    return any((char < " " and char != "\t") or char == "\x7f" for char in unfolded)


if TYPE_CHECKING:
    _Connection = http.client.HTTPConnection
else:
    _Connection = object


class _AddsQuery(_Connection):
    """Adds the query, which :class:`BoundedPool` keeps out of urllib3's log."""

    query = ""

    def request(
        self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any
    ) -> None:
        super().request(method, url + self.query, body=body, headers=headers, **options)


class StandIn(_AddsQuery):
    """Mixin for a class that somebody put in place of urllib3's connections, as vcrpy does."""

    def request(self, *args: Any, **options: Any) -> None:
        if current.deadline is not None:
            # Whatever this class does, the server may receive the request from here on.
            current.deadline.start_sending(kept=False)
        super().request(*args, **options)


class BoundedConnection(_AddsQuery):
    """Mixin for a connection of urllib3: every wait ends with the call that it serves."""

    # urllib3.util.connection, whose functions some tools replace.
    network: Any
    # Seconds that urllib3's class waits to connect.
    timeout: float | None
    # Whether urllib3's class connects in its own way, for example through SOCKS.
    connects_itself: bool
    _connecting = False
    # Whether a request of an earlier call was served.
    _kept = False
    # A proxy's response to CONNECT.
    _tunnel_response: _ResponseReader | None = None

    def connect(self) -> None:
        self._connecting, self._kept = True, False
        try:
            super().connect()
        finally:
            self._connecting = False
        if getattr(self, "cert_reqs", None) == ssl.CERT_NONE:
            # The user chose verify_ssl = False; a warning for each request says nothing new.
            self.is_verified = True

    def _tunnel(self) -> None:
        deadline = current.deadline
        try:
            super()._tunnel()  # type: ignore[misc]
        except OSError as error:
            refused = re.match(_TUNNEL_REFUSED, str(error))
            if refused is None:
                raise
            # http.client's message quotes the proxy, which may repeat its password.
            raise ProxyRefused(int(refused.group(1))) from None
        finally:
            # Close the response. Before Python 3.12 http.client leaves it to the garbage collector,
            # and the socket stays open as long as its file.
            response, self._tunnel_response = self._tunnel_response, None
            if response is not None:  # pragma: no branch - CONNECT could not even be sent
                response.close()
        sock: Any = self.sock
        if sock is None:  # closed, because bytes came before a request was sent
            raise http.client.HTTPException("more bytes than the response to CONNECT")
        if deadline is not None:  # the TLS handshake gets the time that CONNECT has left
            sock.settimeout(deadline.left())

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that accepts, within one deadline for all addresses.

        urllib3 would give each address, and then the TLS handshake, the whole timeout.
        """
        sys.audit("http.client.connect", self, self.host, self.port)
        deadline = current.deadline
        create = getattr(self.network.create_connection, "__code__", None)
        if self.connects_itself or create is None or create.co_filename != self.network.__file__:
            if deadline is not None:
                self.timeout = deadline.left()
            sock: socket.socket = super()._new_conn()  # type: ignore[misc]
        else:
            sock = self._connected(deadline)
        if deadline is not None:
            try:
                sock.settimeout(deadline.left())
            except BaseException:  # the time has run out while connecting
                sock.close()
                raise
        return sock

    def _connected(self, deadline: Deadline | None) -> socket.socket:
        failure = OSError("the name has no address")
        host = plain_name(getattr(self, "_dns_host", self.host).strip("[]"))
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, self.port, self.network.allowed_gai_family(), socket.SOCK_STREAM
        ):
            try:
                sock = socket_class()(family, kind, protocol)
            except OSError as error:  # this system may lack the address family, such as IPv6
                failure = error
                continue
            try:
                for option in getattr(self, "socket_options", None) or ():
                    sock.setsockopt(*option)
                if deadline is not None:
                    sock.settimeout(deadline.left())
                sock.connect(address)
                return sock
            except OSError as error:
                sock.close()
                # Another class for a reset: urllib3 would assume that the request was sent.
                reset = isinstance(error, (ConnectionResetError, BrokenPipeError))
                failure = ConnectionAbortedError(0, error.strerror) if reset else error
            except BaseException:
                sock.close()
                raise
        raise failure

    def send(self, data: Any) -> None:
        deadline = current.deadline
        if self.sock is None:
            self.connect()
        if deadline is not None:
            # A proxy's CONNECT is sent while connecting and is not the request.
            if not self._connecting and not deadline.request_sent:
                deadline.start_sending(self._kept)
            sock: Any = self.sock
            sock.settimeout(deadline.left())
        super().send(data)

    def response_class(  # type: ignore[override]  # a class for http.client, a factory here
        self, sock: Any, *args: Any, **kwargs: Any
    ) -> http.client.HTTPResponse:
        reader = _ResponseReader(_SocketReader(sock, current.deadline), self)
        if self._connecting:
            self._tunnel_response = reader
        else:
            self._kept = True
        return _Response(reader, *args, **kwargs)  # type: ignore[arg-type]


class IdleConnections:
    """The idle connections of a pool: last in, first out.

    This replaces urllib3's queue, whose lock a Ctrl-C can leave taken, so that every later call of
    the process would hang. A deque needs no lock, because its single operations are atomic.
    """

    def __init__(self, maxsize: int) -> None:
        self._maxsize = maxsize
        self._waiting: deque[Any] = deque()

    def get(self, block: bool = False, timeout: float | None = None) -> Any:
        """The connection used last, or ``None`` if there is none; never waits."""
        try:
            return self._waiting.pop()
        except IndexError:
            raise queue.Empty from None

    def put(self, connection: Any, block: bool = False, timeout: float | None = None) -> None:
        """Keep a connection; never waits."""
        if len(self._waiting) >= self._maxsize:
            raise queue.Full
        self._waiting.append(connection)

    def qsize(self) -> int:
        """The number of idle connections."""
        return len(self._waiting)

    def take_all(self) -> list[Any]:
        """Remove all connections and return them."""
        waiting, self._waiting = self._waiting, deque()
        return [connection for connection in waiting if connection is not None]


class BoundedPool:
    """Mixin for a pool of urllib3, whose connections become those of this module."""

    QueueCls = IdleConnections

    # Makes a bounded class of urllib3's class, or of what somebody put in its place.
    bounded: Any

    @property
    def ConnectionCls(self) -> Any:  # noqa: N802 - urllib3's name
        # Looked up for each connection: vcrpy replaces it in urllib3's class for a while.
        return self.bounded(super().ConnectionCls)  # type: ignore[misc]

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout=timeout)  # type: ignore[misc]
        deadline = current.deadline
        if deadline is not None and deadline.needs_new_connection and not connection.is_closed:
            connection.close()  # urllib3 then connects again
        return connection

    def _make_request(self, connection: Any, method: str, url: str, **options: Any) -> Any:
        # urllib3 logs the target that it is given here, so the connection adds the query.
        path, mark, query = url.partition("?")
        connection.query = mark + query
        return super()._make_request(connection, method, path, **options)  # type: ignore[misc]
