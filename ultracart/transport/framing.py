"""Decides how the bytes of a request leave and those of an answer are taken off the socket.

Mixed into urllib3's connection classes by ``rest``. HTTP itself is parsed by ``http.client``:
parsing it by hand would be faster and is not worth one smuggled answer. Added here: a deadline on
each read and write, interim (1xx) answers skipped, malformed headers refused instead of logged,
and a connection with unread bytes never used again.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

from .limits import Deadline, is_cut

# Interim answers of one call; RFC 9110, section 15.2 allows any number, a client must bound it.
_MAX_INTERIM = 16
_MAX_HEADER_BYTES = 256 * 1024
_READ_SIZE = 16384
# A body up to this many bytes leaves together with its headers.
_SEND_SIZE = 65536
# Patterns are compiled (and kept by ``re``) when an answer first needs them.
_CHUNK_SIZE = rb"(?s)[0-9A-Fa-f]{1,15}[ \t]*(?:;.*)?\r?\n"
_TUNNEL_REFUSED = r"Tunnel connection failed: (\d{3})"


class _Current(threading.local):
    deadline: Deadline | None = None
    query: str = ""


# The call in progress in this thread; urllib3 offers no way to hand it to the connection.
current: _Current = _Current()


# Who replaces this class, to reach a network in another way, is not passed over.
_SOCKET = socket.socket


class _PlainSocket(socket.socket):
    """What connects, as it is or below TLS; its timeouts are the deadline's.

    urllib3 sets the timeout that it was given, here none, twice for each request. Each time is a
    system call, for which this thread gives way to the others.
    """

    __slots__ = ()

    def settimeout(self, value: float | None) -> None:
        if value is not None:
            super().settimeout(value)


class TLSSocket(ssl.SSLSocket):
    """What a TLS context makes of a connected socket; its timeouts are the deadline's too."""

    def settimeout(self, value: float | None) -> None:
        if value is not None:
            super().settimeout(value)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """For TLS inside of this one, through a proxy: urllib3 asks for each piece of a record."""
        deadline = current.deadline
        if deadline is not None:
            self.settimeout(deadline.left())
        return super().recv(buflen, flags)


# A stand-in for this class, as gevent and truststore put in its place, expects a name as text.
_TAKES_BYTES = ssl.SSLContext.__module__ == "ssl"


class TLSContext(ssl.SSLContext):
    """Checks the name of one host, also where urllib3 forgets to name it.

    urllib3 1.26 names no address; and what it does not name to a proxy, nobody checks.
    """

    host: str
    sslsocket_class: type[ssl.SSLSocket] = TLSSocket

    def wrap_socket(
        self,
        sock: Any,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: Any = None,
        session: Any = None,
    ) -> ssl.SSLSocket:
        return super().wrap_socket(
            sock,
            server_side,
            do_handshake_on_connect,
            suppress_ragged_eofs,
            self._name(server_hostname),
            session,
        )

    def wrap_bio(
        self,
        incoming: Any,
        outgoing: Any,
        server_side: bool = False,
        server_hostname: Any = None,
        session: Any = None,
    ) -> ssl.SSLObject:
        name = self._name(server_hostname)
        return super().wrap_bio(incoming, outgoing, server_side, name, session)

    def _name(self, given: str | None) -> Any:
        name = (given or self.host).strip("[]")
        # For a name in bytes ``ssl`` need not load the idna codec, some 4 ms; ``settings`` has
        # seen to it that it is ASCII.
        return name.encode("ascii") if _TAKES_BYTES else name


def _allow(sock: Any, seconds: float) -> None:
    """Let the next wait on ``sock`` take so long, give or take what nobody notices."""
    allowed = sock.gettimeout()
    if allowed is None or not -0.05 <= seconds - allowed <= 0.01:
        sock.settimeout(seconds)


class ProxyRefused(OSError):
    """The proxy answered CONNECT with the status in ``args``; its own words are not kept."""


class _SocketReader(io.RawIOBase):
    """Reads a socket within the deadline, and only so much before the headers have ended."""

    def __init__(self, sock: Any, deadline: Deadline | None) -> None:
        self._sock = sock
        self._receive = sock.recv_into
        self._raw = sock.makefile("rb", buffering=0)  # holds the socket open until closed
        self._deadline = deadline
        self._header_bytes = 0
        self.in_headers = True
        self.ended = False
        self.finished = False
        if hasattr(sock, "suppress_ragged_eofs"):
            # TLS that ends without its goodbye was cut, perhaps by somebody on the way, and a body
            # that only the end of the connection delimits would look complete (RFC 9112, 9.8).
            sock.suppress_ragged_eofs = False

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return 0  # io.BufferedReader asks, and the exception that refuses costs more than a read

    def readinto(self, buffer: Any) -> int:
        if self.finished:
            return 0
        if self._deadline is not None:
            _allow(self._sock, self._deadline.left())
        try:
            count: int = self._receive(buffer)
        except ssl.SSLError as error:
            if not self.in_headers or not is_cut(error):
                raise
            count = 0  # nothing was cut if nothing had begun; end_headers() sees the rest
        self.ended = count == 0
        if self.in_headers and count:
            self._header_bytes += count
            if self._header_bytes > _MAX_HEADER_BYTES:
                raise http.client.HTTPException("the headers are too large")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _AnswerReader(io.BufferedReader):
    """One answer's bytes; on close, bytes left over mark the connection as unusable."""

    def __init__(self, raw: _SocketReader, connection: Any) -> None:
        super().__init__(raw, _READ_SIZE)
        self._socket_reader = raw
        self._connection = connection

    def makefile(self, *args: Any, **kwargs: Any) -> _AnswerReader:
        """Itself: ``http.client.HTTPResponse`` expects a socket and reads from its file."""
        return self

    def end_headers(self) -> None:
        """What follows is the body, which has a bound of its own."""
        if self._socket_reader.ended:  # http.client takes that for the blank line
            raise http.client.HTTPException("the headers are cut")
        self._socket_reader.in_headers = False

    def start_trailers(self) -> None:
        """What follows is bounded together with the headers."""
        self._socket_reader.in_headers = True

    def close(self) -> None:
        if not self.closed:
            self._socket_reader.finished = True
            connection, self._connection = self._connection, None
            # Bytes beyond this answer belong to no request of ours: never read them as the next.
            if connection is not None and self.peek(1):
                connection.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MAX_INTERIM):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 <= status < 200 or status == 101:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException("too many interim (1xx) answers")

    def begin(self, **options: Any) -> None:
        reader: Any = self.fp
        # Since Python 3.15 a connection may pass a bound for the number of headers.
        super().begin(**options)
        reader.end_headers()
        # urllib3 would log a malformed line with its content, and http.client takes the lines
        # after it for a body: neither is acceptable where the lines may hold a token.
        if self.msg.defects or self.msg.get_payload():
            raise http.client.HTTPException("a malformed header line")
        self._check_framing()

    def _check_framing(self) -> None:
        """Refuse what leaves the end of the body open to interpretation (RFC 9112, section 6)."""
        codings = ",".join(self.msg.get_all("transfer-encoding", ()))
        # Chunked in another spelling than http.client knows is not read as chunked. After a line
        # break newer Pythons know it, rightly (RFC 9112, section 5.2); on older it is refused.
        if codings and codings.lower() != ("chunked" if self.chunked else "identity"):
            raise http.client.HTTPException("an unknown transfer coding")
        lengths = {length.strip() for length in self.msg.get_all("content-length", ())}
        if len(lengths) > 1 or not all(len(n) < 19 and _is_number(n) for n in lengths):
            raise http.client.HTTPException("conflicting or malformed lengths")
        if (self.chunked and lengths) or self.status == 101:
            # Section 6.1: two framings at once; or, what nobody asked for, another protocol.
            self.will_close = True

    def _read_next_chunk_size(self) -> int:
        # http.client takes "-1", which reads for ever, and whatever else int() takes.
        line = self.fp.readline(_READ_SIZE)
        if not re.fullmatch(_CHUNK_SIZE, line):
            raise http.client.HTTPException("a malformed chunk size")
        return int(line.partition(b";")[0], 16)

    def _read_and_discard_trailer(self) -> None:
        reader: Any = self.fp
        reader.start_trailers()
        super()._read_and_discard_trailer()  # type: ignore[misc]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


if TYPE_CHECKING:
    _Base = http.client.HTTPConnection
else:
    _Base = object


class BoundedConnection(_Base):
    """Mixin for a urllib3 connection: every wait ends with the call that it serves."""

    _connecting = False
    # What a proxy says to CONNECT.
    _tunnel_answer: _AnswerReader | None = None
    # A small body leaves together with its head: one packet, one system call.
    _head_waits = False
    _head = b""

    def request(
        self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any
    ) -> None:
        self._head_waits = isinstance(body, bytes) and 0 < len(body) <= _SEND_SIZE
        self._head = b""
        super().request(method, url, body, headers, **options)

    def connect(self) -> None:
        self._connecting = True
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
            # http.client's text ends in the proxy's own words, which may echo its password.
            raise ProxyRefused(int(refused.group(1))) from None
        finally:
            # http.client of Python 3.9 to 3.11 leaves it to the garbage collector, and with it
            # the socket, which is not closed before its file is.
            answer, self._tunnel_answer = self._tunnel_answer, None
            if answer is not None:  # pragma: no branch - CONNECT could not even be sent
                answer.close()
        sock: Any = self.sock
        if sock is None:  # closed for bytes that came before anything was asked of the server
            raise http.client.HTTPException("more than an answer to CONNECT")
        if deadline is not None:  # the TLS handshake has what the proxy has left
            sock.settimeout(deadline.left())

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers, all of them within the deadline.

        urllib3 gives each address the whole timeout, and the TLS handshake once more.
        """
        deadline = current.deadline
        host: Any = getattr(self, "_dns_host", self.host).strip("[]")
        if host.isascii() and getattr(socket.getaddrinfo, "__module__", "") == "socket":
            # From bytes it need not load the idna codec, some 4 ms; a stand-in may expect text.
            host = host.encode("ascii")
        failure = OSError("the name has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, self.port, type=socket.SOCK_STREAM
        ):
            try:
                kept = socket.socket is _SOCKET
                sock = (_PlainSocket if kept else socket.socket)(family, kind, protocol)
            except OSError as error:  # this system may lack what the name has: IPv6, for one
                failure = error
                continue
            try:
                for option in getattr(self, "socket_options", None) or ():
                    sock.setsockopt(*option)
                if deadline is not None:
                    sock.settimeout(deadline.left())
                sock.connect(address)
                if deadline is not None:
                    sock.settimeout(deadline.left())
                return sock
            except OSError as error:
                sock.close()
                # Not a reset by name: urllib3 takes that for one after the request was sent.
                reset = isinstance(error, (ConnectionResetError, BrokenPipeError))
                failure = ConnectionAbortedError(0, error.strerror) if reset else error
            except BaseException:
                sock.close()
                raise
        raise failure

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        super().putrequest(method, url + current.query, *args, **kwargs)

    def send(self, data: Any) -> None:
        if not self._connecting:  # a proxy's CONNECT is sent while connecting
            if self._head_waits:
                self._head_waits, self._head = False, data
                return
            if self._head:
                data, self._head = self._head + data, b""
        self._send_in_time(data)

    def _send_in_time(self, data: Any) -> None:
        deadline = current.deadline
        if self.sock is None:
            self.connect()
        if deadline is not None:
            # A proxy's CONNECT is sent while connecting and is not the request.
            if not self._connecting and not deadline.request_sent:
                deadline.start_sending()
            _allow(self.sock, deadline.left())
        super().send(data)

    def response_class(  # type: ignore[override]  # a class for http.client, a factory here
        self, sock: Any, *args: Any, **kwargs: Any
    ) -> http.client.HTTPResponse:
        deadline = current.deadline
        reader = _AnswerReader(_SocketReader(sock, deadline), self)
        if self._connecting:
            self._tunnel_answer = reader
        return _Response(reader, *args, **kwargs)  # type: ignore[arg-type]
