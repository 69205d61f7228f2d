"""Decides how the answer of the consent page reaches a command: RFC 8252's loopback redirect."""

from __future__ import annotations

import hmac
import os
import queue
import socketserver
import threading
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

# The address, not "localhost", which other software may resolve elsewhere (RFC 8252, section 8.3).
_ADDRESS = "127.0.0.1"
_PATH = "/callback"
# Seconds that a connection may stay silent before it is closed.
_SILENCE = 10.0
_POLL_SECONDS = 0.05

_STYLE = """
:root { color-scheme: light dark }
body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 18vh auto; padding: 1rem }
h1 { font-size: 1.5rem }
"""
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>%(title)s</title>
<style>%(style)s</style>
<main>
<h1>%(title)s</h1>
<p>%(text)s</p>
</main>
</html>
"""
_PROTECTION = {
    "Content-Type": "text/html; charset=utf-8",
    # The address holds the code: it may be neither kept nor told to the next page.
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; style-src 'sha256-%s'"
    % b64encode(sha256(_STYLE.encode("ascii")).digest()).decode("ascii"),
    "X-Content-Type-Options": "nosniff",
    "Connection": "close",
}


class RedirectListener:
    """Listens on 127.0.0.1 until the answer to one authorization request has come.

    Args:
        port: the TCP port; 0 takes any free one.

    Raises:
        OSError: the port is taken or may not be used.
    """

    def __init__(self, port: int = 0) -> None:
        self._server = _Server((_ADDRESS, port), _Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True
        )
        self._thread.start()

    @property
    def redirect_uri(self) -> str:
        """Where the browser is to come back to."""
        return "http://%s:%d%s" % (_ADDRESS, self._server.server_address[1], _PATH)

    def expect(self, state: str) -> None:
        """Accept the answer with this state; until then, and with any other, none is accepted."""
        self._server.expected_state = state

    def wait(self, timeout: float, tick: Callable[[float], None]) -> str | None:
        """The callback's URL, or ``None`` when none came within ``timeout`` seconds.

        ``tick`` is called about once a second, with the seconds left.
        """
        # Waiting in short steps lets Ctrl-C through on Windows too.
        left = timeout
        while left > 0:
            tick(left)
            step = min(1.0, left)
            try:
                return self._server.answers.get(timeout=step)
            except queue.Empty:
                left -= step
        return None

    def close(self) -> None:
        """Give the port back; closing again does nothing."""
        self._server.shutdown()
        while self._thread.is_alive():  # in steps: an endless wait may not see a Ctrl-C
            self._thread.join(1.0)
        self._server.server_close()

    def __enter__(self) -> RedirectListener:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _Server(socketserver.ThreadingTCPServer):
    # One thread for each connection: a silent one holds up nobody, nor the end of the process.
    daemon_threads = True
    # Beyond the default of five, a burst of connections would wait seconds to be repeated.
    request_queue_size = 64
    # On Windows the option would let another process listen on the same port.
    allow_reuse_address = os.name != "nt"

    # Nothing equals it: an empty state in a request counts as none.
    expected_state = ""

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.answers: queue.Queue[str] = queue.Queue()
        self._accepting = threading.Lock()
        super().__init__(address, handler)

    def accepts(self, state: str) -> bool:
        """Whether this is the answer that was waited for; true once."""
        expected = self.expected_state.encode("ascii")
        matches = hmac.compare_digest(state.encode("utf-8", "replace"), expected)
        return matches and self._accepting.acquire(blocking=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a connection that breaks is the browser's business."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]
    timeout = _SILENCE
    # What cannot be read counts as HTTP/0.9 otherwise, which gets a page without any headers.
    default_request_version = "HTTP/1.0"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path != _PATH:
            self._page(404, "Nothing here", "This address is only for the end of a login.")
            return
        states = parse_qs(parts.query).get("state", [])
        if len(states) != 1 or not self.server.accepts(states[0]):
            self._page(
                400,
                "Not the login that was waited for",
                "Go back to the terminal, and use the address that it shows.",
            )
            return
        try:
            self._page(
                200,
                "The answer has arrived",
                "Your terminal shows how the login went on. You can close this page.",
            )
        finally:
            # Last, because the process may end as soon as it has the answer.
            self.server.answers.put(self.path)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """A fixed page: the standard one quotes the request, and with it perhaps a code."""
        self.close_connection = True
        self._page(code, "Not understood", "This address is only for the end of a login.")

    def _page(self, status: int, title: str, text: str) -> None:
        body = (_PAGE % {"title": title, "text": text, "style": _STYLE}).encode("ascii")
        self.send_response(status)
        for name, value in _PROTECTION.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        return "ultracart"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: request lines hold codes."""
