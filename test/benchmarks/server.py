"""What the measured clients talk to: a loopback server that does next to nothing.

Run as a process of its own, so that its work is not counted as the client's:
``python server.py``. It writes one JSON line with its two ports and the CA file, then serves until
its standard input closes. ``GET /stats`` tells how many connections, handshakes and calls it saw.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import tempfile
import threading
from pathlib import Path

import certifi
import trustme

TOKEN = json.dumps(
    {
        "access_token": "0123456789abcdef" * 4,
        "refresh_token": "fedcba9876543210" * 4,
        "expires_in": 3600,
        "scope": "crm ultraship",
        "token_type": "bearer",
    }
).encode("ascii")
_END = b"\r\n\r\n"


def answer(body: bytes) -> bytes:
    """A whole HTTP answer with the headers of an ordinary server."""
    head = (
        "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 02 Nov 2026 10:00:00 GMT\r\n"
        "Content-Type: application/json; charset=UTF-8\r\nContent-Length: %d\r\n"
        "Cache-Control: no-store\r\nPragma: no-cache\r\nConnection: keep-alive\r\n\r\n"
    )
    return (head % len(body)).encode("ascii") + body


class Server:
    """Serves one canned answer on a plain and a TLS port, one thread for each connection."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(self._context)
        # A client trusts certifi's bundle in real life; loading that is part of what is measured.
        self.ca_file = folder / "ca.pem"
        bundle = Path(certifi.where()).read_bytes() + b"\n" + authority.cert_pem.bytes()
        self.ca_file.write_bytes(bundle)
        self._lock = threading.Lock()
        self.stats = {"connections": 0, "handshakes": 0, "calls": 0}
        self._token = answer(TOKEN)

    def _count(self, what: str, number: int = 1) -> None:
        with self._lock:
            self.stats[what] += number

    def listen(self, tls: bool) -> int:
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        threading.Thread(target=self._accept, args=(listener, tls), daemon=True).start()
        port: int = listener.getsockname()[1]
        return port

    def _accept(self, listener: socket.socket, tls: bool) -> None:
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection, tls), daemon=True).start()

    def _serve(self, connection: socket.socket, tls: bool) -> None:
        try:
            if tls:
                connection = self._context.wrap_socket(connection, server_side=True)
            first = True
            while True:
                request = _read_request(connection)
                if request is None:
                    return
                if request.startswith(b"GET /stats"):
                    connection.sendall(answer(json.dumps(self.stats).encode("ascii")))
                    continue
                if first:
                    first = False
                    self._count("connections")
                    self._count("handshakes", int(tls))
                self._count("calls")
                connection.sendall(self._token)
        except OSError:
            pass
        finally:
            connection.close()


def _read_request(connection: socket.socket) -> bytes | None:
    """One request, head and body; ``None`` when the client is gone."""
    received = connection.recv(65536)
    while _END not in received:
        if not received:
            return None
        received += connection.recv(65536)
    head, _, body = received.partition(_END)
    at = head.lower().find(b"content-length:")
    length = 0 if at < 0 else int(head[at + 15 :].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        plain, tls = server.listen(tls=False), server.listen(tls=True)
        print(json.dumps({"http": plain, "https": tls, "ca": str(server.ca_file)}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
