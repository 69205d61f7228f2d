"""HTTP/1.1 server of the sandbox: threaded, on loopback, with persistent connections."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import socket
import struct
import threading
import time
from collections.abc import Collection, Iterator
from typing import Any, cast

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.test import run_wsgi_app

from ..locks import Lock
from .app import ConnectionDroppedError, Gateway
from .messages import ultracart_error

#: Seconds that a request may take to arrive, from its first byte to its last.
REQUEST_DEADLINE = 60.0
#: The largest body that is accepted, and the largest head.
MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_HEAD_BYTES = 64 * 1024

_POLL_SECONDS = 0.02
#: Seconds that a response which is being sent may take while the sandbox closes.
_SEND_DEADLINE = 1.0
_CLOSE_DEADLINE = 10.0
_BACKLOG = 256


class _RefusedError(Exception):
    """A request that cannot be served as HTTP: its connection is closed after the response."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _is_served(item: tuple[threading.Thread, socket.socket]) -> bool:
    return item[0].is_alive()


class _Connections:
    """The open connections and the threads that serve them, so that closing can end them all."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: dict[threading.Thread, socket.socket] = {}
        self._receiving: dict[threading.Thread, float] = {}
        self._sending: set[threading.Thread] = set()

    def start(self, thread: threading.Thread, connection: socket.socket) -> None:
        """Serve a connection in a thread that :meth:`close` waits for; for the listener's thread.

        Threads that have ended are forgotten here: one that forgot itself would still be running.
        """
        thread.start()
        with self._lock:
            # No loop here: see ultracart/locks.py.
            self._open = dict(filter(_is_served, self._open.items()))
            self._open[thread] = connection

    @contextlib.contextmanager
    def receiving(self) -> Iterator[None]:
        """The context in which the current thread receives a request, within the deadline."""
        thread = threading.current_thread()
        with self._lock:
            self._receiving[thread] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._receiving.pop(thread, None)

    @contextlib.contextmanager
    def sending(self) -> Iterator[None]:
        """The context in which the current thread sends a response, which closing lets it end."""
        thread = threading.current_thread()
        with self._lock:
            self._sending.add(thread)
        try:
            yield
        finally:
            with self._lock:
                self._sending.discard(thread)

    def end_slow_requests(self) -> None:
        """Stop reading from connections whose request did not arrive in time."""
        if not self._receiving:
            return
        with self._lock:
            for connection in self._slow():
                with contextlib.suppress(OSError):  # the client has closed it already
                    connection.shutdown(socket.SHUT_RD)

    def _slow(self) -> list[socket.socket]:
        latest = time.monotonic() - REQUEST_DEADLINE
        threads = [thread for thread, began in self._receiving.items() if began <= latest]
        return [self._open[thread] for thread in threads if thread in self._open]

    def close(self) -> None:
        """End every connection: at once, or after the response that is being sent on it."""
        with self._lock:
            sending = set(self._sending)
            threads = list(self._open)
        self._shutdown(except_for=sending)
        _join(sending, _SEND_DEADLINE)
        self._shutdown()
        _join(threads, _CLOSE_DEADLINE)

    def _shutdown(self, except_for: Collection[threading.Thread] = frozenset()) -> None:
        with self._lock:
            for thread in self._open.keys() - except_for:
                with contextlib.suppress(OSError):  # the client has closed it already
                    self._open[thread].shutdown(socket.SHUT_RDWR)


def _join(threads: Collection[threading.Thread], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for thread in threads:
        if thread is not threading.current_thread():  # a function of the user's closes the sandbox
            thread.join(max(0.0, deadline - time.monotonic()))


class _Handler(WSGIRequestHandler):
    """Werkzeug's handler with persistent connections; its own closes one after each response.

    The body is read completely before the application runs, so that the next request on the
    connection can be read.
    """

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def __init__(self, connections: _Connections, gateway: Gateway, *args: Any) -> None:
        self._connections = connections
        self._gateway = gateway
        super().__init__(*args)

    def setup(self) -> None:
        super().setup()
        self._gateway.connection_accepted()

    def finish(self) -> None:
        # Closing flushes, which fails without a peer, and would then skip the other file.
        with contextlib.suppress(OSError):
            super().finish()
        self.rfile.close()

    def handle_one_request(self) -> None:
        """Receive one request whole, then serve it; before its first byte there is no deadline."""
        self.close_connection = True
        self.request_version = self.protocol_version
        if not cast("io.BufferedReader", self.rfile).peek(1):
            return
        try:
            with self._connections.receiving():
                environ = self._receive()
        except _RefusedError as error:
            self.close_connection = True
            self._send(ultracart_error(error.status, str(error)), {"REQUEST_METHOD": "GET"})
            return
        if environ is not None:
            self._send(self._gateway, environ)

    def handle_expect_100(self) -> bool:
        """Do nothing yet: 100 Continue is sent when the length of the body has been accepted."""
        return True

    def _receive(self) -> dict[str, Any] | None:
        """The WSGI environ; None for a malformed request, whose error response has been sent."""
        head = self._read_head()
        lines, self.rfile = self.rfile, io.BytesIO(head.partition(b"\n")[2])
        self.raw_requestline = head.partition(b"\n")[0] + b"\n"
        try:
            if not self.parse_request():
                self.close_connection = True
                self.wfile.flush()
                return None
            self.rfile = lines
            environ = self.environ = self.make_environ()
        except ValueError:  # of urlsplit, for a target such as http://[
            raise _RefusedError(400, "The target of the request is not a URL.") from None
        finally:
            self.rfile = lines
        if self.request_version >= "HTTP/1.1" and len(self.headers.get_all("Host", [])) != 1:
            raise _RefusedError(
                400, "A request must have exactly one Host header (RFC 9112, section 3.2)."
            )
        environ["wsgi.input"] = io.BytesIO(self._read_body(environ))
        return environ

    def _read_head(self) -> bytes:
        lines: list[bytes] = []
        left = MAX_HEAD_BYTES
        while not lines or lines[-1] not in (b"\r\n", b"\n"):
            line = self.rfile.readline(left + 1)
            left -= len(line)
            if left < 0:
                too_large = 431 if len(lines) else 414
                raise _RefusedError(too_large, f"The head is larger than {MAX_HEAD_BYTES} bytes.")
            if not line.endswith(b"\n"):
                raise _RefusedError(
                    408,
                    "The request stopped before it was complete.",
                )
            lines.append(line)
        return b"".join(lines)

    def _read_body(self, environ: dict[str, Any]) -> bytes:
        lengths = self.headers.get_all("Content-Length", [])
        if environ.get("wsgi.input_terminated"):
            if lengths:
                raise _RefusedError(400, "A request must not have both Content-Length and chunks.")
            self._go_on()
            try:
                body = io.BufferedReader(environ["wsgi.input"]).read(MAX_BODY_BYTES + 1)
            except OSError as error:
                raise _RefusedError(400, f"The chunks cannot be read: {error}.") from None
            except ValueError:  # werkzeug's, for a chunk that is shorter than its size says
                raise _RefusedError(408, "The last chunk has not come whole.") from None
            length = len(body)
        elif "Transfer-Encoding" in self.headers:
            raise _RefusedError(501, "The only transfer coding is chunked (RFC 9112, section 6.1).")
        else:
            if len(set(lengths)) > 1 or not all(_is_length(text) for text in lengths):
                raise _RefusedError(400, "Content-Length must be one number.")
            length = int(lengths[0]) if lengths else 0
            body = b""
        if length > MAX_BODY_BYTES:
            raise _RefusedError(413, f"The body is larger than {MAX_BODY_BYTES} bytes.")
        if length and not body:
            self._go_on()
            body = self.rfile.read(length)
            if len(body) < length:
                raise _RefusedError(408, f"Only {len(body)} of {length} bytes have come.")
        return body

    def _go_on(self) -> None:
        if self.headers.get("Expect", "").lower().strip() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()

    def _send(self, application: Any, environ: dict[str, Any]) -> None:
        try:
            chunks, status, headers = run_wsgi_app(application, environ, buffered=True)
        except ConnectionDroppedError:
            self._reset()
            return
        with self._connections.sending():
            self._send_response(status, headers, b"".join(chunks))
        if self._gateway.closing.is_set():
            self.close_connection = True

    def _send_response(self, status: str, headers: Any, body: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)  # which Flask leaves empty for HEAD
        self.wfile.flush()

    def _reset(self) -> None:
        # A zero linger time makes close() send RST, as a crashed peer would.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())
        self.close_connection = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing, see :meth:`log`."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Log nothing: request lines may hold codes, and ``sandbox.requests`` shows everything."""


def _is_length(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20


class HTTPServer:
    """The listening socket, its thread and its connections."""

    def __init__(self, port: int, gateway: Gateway) -> None:
        self._gateway = gateway
        self._connections = _Connections()
        self._pid = os.getpid()
        # Bound here because werkzeug ends the whole process when a port is taken.
        with socket.create_server(("127.0.0.1", port), backlog=_BACKLOG) as listener:
            self._server: BaseWSGIServer = make_server(
                "127.0.0.1", 0, gateway, threaded=True, fd=listener.fileno()
            )
        self.port: int = self._server.port
        self._server.RequestHandlerClass = functools.partial(_Handler, self._connections, gateway)
        self._server.process_request = self._serve  # type: ignore[method-assign]
        # Called after each poll.
        self._server.service_actions = self._connections.end_slow_requests  # type: ignore[method-assign]
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            args=(_POLL_SECONDS,),
            name=f"ultracart-sandbox-{self.port}",
            daemon=True,
        )
        self._thread.start()

    def _serve(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=cast("Any", self._server).process_request_thread,
            args=(request, client_address),
            daemon=True,
        )
        self._connections.start(thread, request)

    def close(self) -> bool:
        """Stop serving; False in a forked child, where the parent's server goes on."""
        if os.getpid() != self._pid:
            # The thread and the connections are the parent's. A shutdown would end its listener.
            self._server.socket.close()
            return False
        self._gateway.closing.set()
        with contextlib.suppress(OSError):  # not every system can: there the poll ends it
            self._server.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._server.shutdown()
        self._thread.join(_CLOSE_DEADLINE)
        self._server.server_close()
        self._connections.close()
        return True
