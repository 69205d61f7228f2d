"""A server that tells what it was asked, over http and https, and programs that call it."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

# What each program begins with; a tool that replaces things early stands before it.
PRELUDE = """
import json, sys
import ultracart
HTTP, HTTPS, CA, FOLDER = sys.argv[1:5]

def client(host, **settings):
    settings.setdefault("ssl_ca_cert", CA)
    return ultracart.ApiClient(ultracart.Configuration(host=host, **settings))

def get(client, page=2):
    query = {"page": page, "text": "a b"}
    return client.call_api("/items", "GET", query_params=query, response_type="object")[0]

def post(client):
    body = {"name": "x"}
    return client.call_api("/items", "POST", body=body, response_type="object")[0]
"""


class Server(ThreadingHTTPServer):
    """Answers with what it was asked; ``asked`` keeps that."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.scheme = "https" if tls else "http"
        if tls:
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )
        self.asked: list[dict[str, Any]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def host(self) -> str:
        return "%s://localhost:%d" % (self.scheme, self.server_port)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = {"method": self.command, "target": self.path}
        self.server.asked.append({**asked, "headers": dict(self.headers.items())})
        body = json.dumps({**asked, "number": len(self.server.asked)}).encode("ascii")
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _answer

    def log_message(self, *args: Any) -> None:
        """Nothing on standard error, which a test may look at."""


class Servers:
    """One server for http and one for https, and the authority that both trust."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca = str(folder / "ca.pem")
        authority.cert_pem.write_to_path(self.ca)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        self.http, self.https = Server(), Server(context)
        self.folder = folder

    def run(self, program: str, before: str = "", **environment: str) -> Any:
        """What ``program`` prints, as JSON; ``before`` comes before ultracart is imported."""
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                before + PRELUDE + program,
                self.http.host,
                self.https.host,
                self.ca,
                str(self.folder),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "NO_PROXY": "*", **environment},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    made = Servers(tmp_path)
    yield made
    for server in (made.http, made.https):
        server.shutdown()
        server.server_close()


@pytest.fixture
def tool() -> Callable[[str], Any]:
    """Require a tool; ``tox -e standins`` installs all of them."""
    return lambda name: pytest.importorskip(name, reason=name + " comes with `tox -e standins`")
