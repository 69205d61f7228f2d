"""Decides how bytes travel: a threaded HTTP/1.1 server on loopback, with lasting connections."""

from __future__ import annotations

import contextlib
import functools
import io
import socket
import struct
import threading
import time
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.test import run_wsgi_app

from .gateway import ConnectionDroppedError, Gateway

_POLL_SECONDS = 0.02
_CLOSE_DEADLINE = 10.0
_BACKLOG = 256


class _Connections:
    """The open connections and the threads that serve them, so that closing can end them all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, socket.socket] = {}

    def add(self, connection: socket.socket) -> None:
        with self._lock:
            self._open[threading.current_thread()] = connection

    def discard(self) -> None:
        with self._lock:
            self._open.pop(threading.current_thread(), None)

    def close(self) -> None:
        with self._lock:
            threads = list(self._open)
            for connection in self._open.values():
                with contextlib.suppress(OSError):  # the other side was first
                    connection.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + _CLOSE_DEADLINE
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))


class _Handler(WSGIRequestHandler):
    """Werkzeug's handler, with connections that stay open: its own closes one after each answer.

    The body is read completely before the application runs, which is what makes the next request
    on the connection readable.
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
        self._connections.add(self.connection)
        self._gateway.connection_accepted()

    def finish(self) -> None:
        self._connections.discard()
        # Closing flushes, which fails without a peer, and would then skip the other file.
        with contextlib.suppress(OSError):
            super().finish()
        self.rfile.close()

    def run_wsgi(self) -> None:
        if self.headers.get("Expect", "").lower().strip() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        self.environ = environ = self.make_environ()
        environ["wsgi.input"] = io.BytesIO(self._read_body(environ))
        try:
            chunks, status, headers = run_wsgi_app(self._gateway, environ, buffered=True)
        except ConnectionDroppedError:
            self._reset()
            return
        body = b"".join(chunks)
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)  # which Flask leaves empty for HEAD
        self.wfile.flush()

    def _read_body(self, environ: dict[str, Any]) -> bytes:
        if environ.get("wsgi.input_terminated"):
            return io.BufferedReader(environ["wsgi.input"]).read()
        try:
            length = int(environ.get("CONTENT_LENGTH") or 0)
        except ValueError:
            length = 0
            self.close_connection = True
        return self.rfile.read(length) if length > 0 else b""

    def _reset(self) -> None:
        # A zero linger time makes close() send RST, as a crashed peer would.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())
        self.close_connection = True

    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing: request lines may hold codes, and ``sandbox.requests`` shows everything."""


class HTTPServer:
    """The listening socket, its thread and its connections."""

    def __init__(self, port: int, gateway: Gateway) -> None:
        self._gateway = gateway
        self._connections = _Connections()
        # Bound here because werkzeug ends the whole process when a port is taken.
        with socket.create_server(("127.0.0.1", port), backlog=_BACKLOG) as listener:
            self._server: BaseWSGIServer = make_server(
                "127.0.0.1", 0, gateway, threaded=True, fd=listener.fileno()
            )
        self.port: int = self._server.port
        self._server.RequestHandlerClass = functools.partial(_Handler, self._connections, gateway)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            args=(_POLL_SECONDS,),
            name=f"ultracart-sandbox-{self.port}",
            daemon=True,
        )
        self._thread.start()

    def close(self) -> None:
        self._gateway.closing.set()
        self._server.shutdown()
        self._thread.join(_CLOSE_DEADLINE)
        self._server.server_close()
        self._connections.close()
