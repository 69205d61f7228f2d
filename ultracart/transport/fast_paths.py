"""Optimizations: code that serves speed alone. Without it everything works, but calls cost more.

Figures: instructions of a warm call (valgrind, Python 3.12, urllib3 2.8), if not said otherwise. A
trick that wins less than 2 % of a warm call, or of a process that makes one, does not belong here.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    _Connection = http.client.HTTPConnection
    _Socket = socket.socket
else:
    _Connection = _Socket = object

# A body up to this many bytes leaves together with its head.
_SEND_SIZE = 65536
# Seconds that a wait on a socket may end after its call's time.
_UNNOTICED = 0.05


class FastConnection(_Connection):
    """Mixin before :class:`.connection.BoundedConnection`."""

    timeout: float | None
    _head_waits = False
    _head = b""

    # A header of printable ASCII cannot break the message. So skip the searches of http.client for
    # line breaks and of urllib3 for its marker, which is never used here: 10 %.
    def putheader(self, header: Any, *values: Any) -> None:
        if len(values) == 1 and type(header) is type(values[0]) is str:
            line = "%s: %s" % (header, values[0])
            if line.isascii() and line.isprintable():
                self._output(line.encode("ascii"))  # type: ignore[attr-defined]
                return
        http.client.HTTPConnection.putheader(self, header, *values)

    # Head and small body in one packet: one system call and one wake-up of the server less for
    # each POST; 0.6 % of its instructions, 4 % of its CPU time with 16 threads.
    def request(
        self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any
    ) -> None:
        if self.sock is not None:
            # urllib3 would give a kept connection the time for connecting: see SteadyTimeout.
            self.timeout = self.sock.gettimeout()
        self._head_waits = isinstance(body, bytes) and 0 < len(body) <= _SEND_SIZE
        self._head = b""
        super().request(method, url, body, headers, **options)

    def send(self, data: Any) -> None:
        if self._head_waits:
            self._head_waits, self._head = False, data
            return
        if self._head:
            data, self._head = self._head + data, b""
        super().send(data)


class SteadyTimeout(_Socket):
    """Mixin before a class of sockets: ignores a new timeout that differs little from the current.

    urllib3 and the deadline set the timeout four times a call. Each is a system call, during which
    other threads take over: 20 % of the CPU time of a call with 16 threads.
    """

    __slots__ = ()

    def settimeout(self, value: float | None) -> None:
        now = self.gettimeout()
        if not (now and value and 0 < value <= now <= value + _UNNOTICED):
            super().settimeout(value)


class _SteadySocket(SteadyTimeout, socket.socket):
    __slots__ = ()


class _SteadyTLSSocket(SteadyTimeout, ssl.SSLSocket):
    __slots__ = ()


def socket_class() -> type[socket.socket]:
    """The class of sockets to connect; a class that somebody put in place of Python's is kept."""
    used = socket.socket
    is_pythons = used is _SteadySocket.__bases__[1] and used.__module__ == "socket"
    return _SteadySocket if is_pythons else used


class SharedTimeout:
    """Mixin before ``urllib3.Timeout``: saves the three copies that a request makes: 2 %."""

    connect_timeout: float | None
    read_timeout: float | None

    def __init__(self, connect: float, read: float) -> None:
        super().__init__(connect=connect, read=read)  # type: ignore[call-arg]
        self.connect_timeout, self.read_timeout = connect, read

    def clone(self) -> SharedTimeout:
        return self

    def start_connect(self) -> float:
        return 0.0


def plain_name(host: str) -> Any:
    """``host`` for ``getaddrinfo``: as bytes, for which Python does not load the idna codec.

    That codec and its Unicode tables cost some 4 ms, 5 % of a process that makes one call. A
    stand-in for ``getaddrinfo`` gets text, which it may expect.
    """
    is_pythons = getattr(socket.getaddrinfo, "__module__", "") == "socket"
    return host.encode("ascii") if is_pythons and host.isascii() else host


class PlainNames(ssl.SSLContext):
    """As :func:`plain_name`, for the name that TLS asks for and checks."""

    sslsocket_class: type[ssl.SSLSocket] = _SteadyTLSSocket

    def wrap_socket(self, sock: Any, *args: Any, **options: Any) -> ssl.SSLSocket:
        name = options.get("server_hostname")
        if isinstance(name, str) and name.isascii():
            options["server_hostname"] = name.encode("ascii")
        return super().wrap_socket(sock, *args, **options)


def context_class(used: Any) -> type[ssl.SSLContext]:
    """:class:`PlainNames` for ``used``, the class of urllib3's contexts, unless it was replaced."""
    now: Any = ssl.SSLContext
    if now is not used and issubclass(now, used):
        used = now  # replaced since urllib3 was loaded, as by gevent
    is_pythons = used is PlainNames.__base__ and used.__module__ == "ssl"
    return PlainNames if is_pythons else used
