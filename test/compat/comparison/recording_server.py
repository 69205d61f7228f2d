"""An HTTP server on loopback that keeps what it was asked, byte for byte."""

from __future__ import annotations

import socket
import threading
from typing import Any


def answer(
    body: str | bytes = "{}",
    status: str = "200 OK",
    content_type: str | None = "application/json",
    headers: tuple[tuple[str, str], ...] = (),
    length: int | None = None,
) -> bytes:
    """One answer as it goes over the wire; ``length`` overrides ``Content-Length`` (bytes)."""
    content = body.encode("utf-8") if isinstance(body, str) else body
    lines = ["HTTP/1.1 " + status]
    if content_type is not None:
        lines.append("Content-Type: " + content_type)
    lines.extend("%s: %s" % pair for pair in headers)
    lines.append("Content-Length: %d" % (len(content) if length is None else length))
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + content


class RecordingServer:
    """Serves 127.0.0.1 on a free port until closed.

    ``answers`` are given in order, the last one again and again. ``hang_up`` closes the connection
    after each answer. ``gate``, where set, is waited for before an answer is sent.
    """

    def __init__(self) -> None:
        self.answers: list[bytes] = [answer()]
        self.requests: list[dict[str, Any]] = []
        self.hang_up = False
        self.gate: threading.Event | None = None
        self.arrived = threading.Semaphore(0)
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._socket.getsockname()[1]
        self.host = "http://127.0.0.1:%d/rest/v2" % self.port
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> RecordingServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and drop every connection."""
        # close() alone leaves accept() waiting in its thread.
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def script(self, *answers: bytes) -> None:
        """Forget the requests so far and answer with ``answers`` from now on."""
        self.requests = []
        self.answers = list(answers) or [answer()]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            try:
                while self._exchange(connection, stream) and not self.hang_up:
                    pass
            except OSError:
                pass
        self._open.discard(connection)

    def _exchange(self, connection: socket.socket, stream: Any) -> bool:
        line = stream.readline()
        if not line:
            return False
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers: list[tuple[str, str]] = []
        for raw in iter(stream.readline, b"\r\n"):
            name, _, value = raw.decode("latin-1").partition(":")
            # Only the one space and the line end: a value's own trailing space is evidence.
            headers.append((name, value[1:-2]))
        length = next((int(v) for k, v in headers if k.lower() == "content-length"), 0)
        body = stream.read(length)
        self.requests.append({"method": method, "target": target, "headers": headers, "body": body})
        self.arrived.release()
        if self.gate is not None:
            self.gate.wait(30)
        content = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if method == "HEAD":
            content = content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        connection.sendall(content)
        return True
