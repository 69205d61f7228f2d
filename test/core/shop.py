"""A small server of resources: a function answers each request, and all are kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit


class Seen(NamedTuple):
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Seen], Any]


class Shop:
    """Serves 127.0.0.1 until closed; ``answer(request)`` returns data, or (status, headers, bytes).

    Pieces of bytes do as well. A ``Content-Length`` among the headers is sent as it is, right or
    wrong.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[Seen] = []
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                pass

            def serve(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                seen = Seen(
                    self.command,
                    parts.path,
                    dict(parse_qsl(parts.query, keep_blank_values=True)),
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(length),
                )
                shop.requests.append(seen)
                found = shop.answer(seen)
                if not isinstance(found, tuple):
                    found = 200, {"Content-Type": "application/json"}, json.dumps(found).encode()
                status, headers, body = found
                pieces = [body] if isinstance(body, bytes) else body
                length = sum(map(len, pieces)) if isinstance(body, bytes) else 0
                headers = {"Content-Length": str(length), **headers}
                self.close_connection = int(headers["Content-Length"]) != length
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for piece in pieces:
                    self.wfile.write(piece)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that goes away is no error here."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = "http://127.0.0.1:%d/rest/v2" % self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> Shop:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
