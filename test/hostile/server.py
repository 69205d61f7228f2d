"""A scripted server on a raw socket: it sends exactly the bytes that a case wants sent."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

PATIENCE = 30.0  # seconds that a script waits for its client before it gives up


class Request(NamedTuple):
    """What a client sent."""

    line: str
    headers: dict[str, str]
    body: bytes
    raw: bytes


class Peer:
    """One connection, seen from the server."""

    def __init__(self, server: HostileServer, sock: socket.socket) -> None:
        self.server = server
        self.sock = sock
        self._buffer = b""

    def request(self) -> Request | None:
        """Read one whole request and record it; ``None`` when the client has closed."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._receive():
                return None
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        self._buffer = rest
        length = int(headers.get("content-length", 0))
        while len(self._buffer) < length:
            if not self._receive():
                return None
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        request = Request(lines[0], headers, body, head + b"\r\n\r\n" + body)
        self.server.requests.append(request)
        return request

    def _receive(self) -> bool:
        try:
            data = self.sock.recv(65536)
        except (OSError, ValueError):
            return False
        self._buffer += data
        self.server.received += data
        return bool(data)

    def send(self, data: bytes) -> bool:
        """Send all of it; ``False`` when the client is gone."""
        try:
            self.sock.sendall(data)
        except OSError:
            return False
        return True

    def drip(self, data: bytes, every: float = 0.03) -> None:
        """Send byte by byte until the client goes, the bytes end or the server stops."""
        for index in range(len(data)):
            if not self.send(data[index : index + 1]) or self.server.stopping.wait(every):
                return

    def pour(self, data: bytes, at_most: int) -> None:
        """Send ``data`` again and again, until the client goes or ``at_most`` bytes are out."""
        sent = 0
        while sent < at_most and not self.server.stopping.is_set() and self.send(data):
            sent += len(data)

    def silence(self) -> None:
        """Say nothing until the client goes or the server stops."""
        while self._receive():
            pass

    def reset(self) -> None:
        """Close with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


Step = bytes | Callable[[Peer], Any]


class HostileServer:
    """Answers each request with the next step; the last step answers all that follow.

    A step is bytes, or a function of the :class:`Peer` that has read the request; one that returns
    ``False`` ends the connection. ``connected`` runs before anything is read, TLS included;
    ``handshaken`` runs after the TLS handshake.
    """

    def __init__(
        self,
        *steps: Step,
        tls: ssl.SSLContext | None = None,
        connected: Callable[[Peer], Any] | None = None,
        handshaken: Callable[[Peer], Any] | None = None,
        family: int = socket.AF_INET,
    ) -> None:
        self.steps = list(steps)
        self.requests: list[Request] = []
        self.received = b""
        self.connections = 0
        self.stopping = threading.Event()
        self._tls = tls
        self._connected = connected
        self._handshaken = handshaken
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._listener = socket.socket(family)
        self._listener.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        self._listener.listen(128)
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    @property
    def host(self) -> str:
        """Value for ``Configuration.host``."""
        return "%s://127.0.0.1:%d/rest/v2" % ("https" if self._tls else "http", self.port)

    def close(self) -> None:
        """Stop, and wait until every thread of the server has ended."""
        self.stopping.set()
        with self._lock:
            for sock in (self._listener, *self._open):
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self._listener.close()
        for thread in list(self._threads):
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a server thread hangs"

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.add(sock)
            self._start(self._serve, sock)

    def _serve(self, plain: socket.socket) -> None:
        sock = plain
        sock.settimeout(PATIENCE)
        try:
            if self._connected is not None and self._connected(Peer(self, sock)) is False:
                return
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
                with self._lock:
                    self._open.add(sock)
            peer = Peer(self, sock)
            if self._handshaken is not None and self._handshaken(peer) is False:
                return
            while peer.request() is not None:
                step = self._next_step()
                if callable(step):
                    if step(peer) is False:
                        return
                elif not peer.send(step):
                    return
        except (OSError, ValueError):
            pass  # the client went away, which is its right
        finally:
            with self._lock:
                self._open -= {plain, sock}
            sock.close()

    def _next_step(self) -> Step:
        with self._lock:
            return self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]


def answer(body: bytes | str, status: str = "200 OK", *headers: str, length: bool = True) -> bytes:
    """A well-formed answer with a JSON content type unless ``headers`` has another."""
    content = body.encode("utf-8") if isinstance(body, str) else body
    lines = ["HTTP/1.1 " + status, *headers]
    if not any(header.lower().startswith("content-type:") for header in headers):
        lines.append("Content-Type: application/json")
    if length:
        lines.append("Content-Length: %d" % len(content))
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


def connect_proxy(peer: Peer) -> Any:
    """The step of a CONNECT proxy: joins the client to the loopback port that it asked for.

    Whatever name was asked for, the connection goes to 127.0.0.1.
    """
    port = int(peer.server.requests[-1].line.split()[1].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as upstream:
        peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        _join(peer.sock, upstream)
    return False


def _join(one: socket.socket, other: socket.socket) -> None:
    """Copy both ways, in one thread: OpenSSL allows no two on one connection."""
    peers = {one: other, other: one}
    try:
        while peers:
            buffered = [sock for sock in peers if getattr(sock, "pending", int)()]
            for source in buffered or select.select(list(peers), [], [], PATIENCE)[0]:
                data = source.recv(65536)
                if data:
                    peers[source].sendall(data)
                else:
                    peers.pop(source).shutdown(socket.SHUT_WR)
    except (OSError, ValueError):  # ValueError: the test has closed one of them
        pass
