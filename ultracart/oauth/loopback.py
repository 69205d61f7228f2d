"""The loopback redirect of RFC 8252: an HTTP listener for the browser's way back from the consent.

It also serves the way there: a start address that redirects to the consent page, so that the
command line of the browser, which every user of the machine can read, shows neither the state nor
the PKCE challenge.
"""

from __future__ import annotations

import hmac
import os
import pkgutil
import queue
import secrets
import socket
import socketserver
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from ..exceptions import ApiValueError
from ..hosts import in_brackets

_PATH = "/callback"
# An address where one is named, not "localhost", which other software may resolve elsewhere
# (RFC 8252, section 8.3). Where a server has registered that name, a browser may try both.
_ADDRESSES = {"127.0.0.1": ["127.0.0.1"], "::1": ["::1"], "localhost": ["127.0.0.1", "::1"]}
# Seconds that a connection may stay silent before it is closed.
_SILENCE = 10.0
_POLL_SECONDS = 0.05
# Seconds in which the last page must have been written.
_DELIVERY = 5.0
# Where Linux lists TCP connections with the user who made each.
_CONNECTIONS = ("/proc/net/tcp", "/proc/net/tcp6")

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%(title)s - UltraCart login</title>
<style>%(style)s</style>
</head>
<body>
<header>
<p class="brand">UltraCart <span>login</span></p>
<p class="note">This page comes from a program on your machine.</p>
</header>
<main>
<h1>%(title)s</h1>
<p%(kind)s>%(text)s</p>
</main>
</body>
</html>
"""


class Page(NamedTuple):
    """What the browser shows when it has come back."""

    title: str
    text: str
    is_problem: bool = False


LOGGED_IN = Page("You are logged in", "The login is complete. You can close this page.")
DENIED = Page("You did not allow it", "Nothing has changed. You can close this page.")
FAILED = Page(
    "The login failed",
    "The reason is shown where you started it. You can close this page.",
    is_problem=True,
)
_UNEXPECTED = Page(
    "Not the login that was waited for",
    "Go back to where you started the login, and use the address shown there.",
    is_problem=True,
)
_NOT_YOURS = Page("Not your login", "Another user of this machine started it.", is_problem=True)
_NOTHING = Page("Nothing here", "This address is only for the end of a login.")
_UNREADABLE = Page("Not understood", "This address is only for the end of a login.")


class RedirectListener:
    """Listens on this machine alone, until the callback of one authorization request has come.

    Args:
        redirect_uri: where the browser is to come back to: plain http, on ``127.0.0.1``,
            ``[::1]`` or ``localhost``. Default: ``http://127.0.0.1:PORT/callback``.
        port: the TCP port where ``redirect_uri`` is not given; 0 takes any free one.
        linger: seconds for which the last page can be loaded again, as some browsers do.

    Raises:
        ApiValueError: ``redirect_uri`` is not such a URL.
        OSError: the port is taken or may not be used.
    """

    def __init__(
        self, redirect_uri: str | None = None, port: int = 0, *, linger: float = 0.5
    ) -> None:
        host, path = "127.0.0.1", _PATH
        if redirect_uri is not None:
            host, port, path = _parsed(redirect_uri)
        self._login = _Login(path, linger)
        self._servers = _listen(_ADDRESSES[host], port, self._login)
        bound = self._servers[0].server_address[1]
        self._base = "http://%s:%d" % ("[%s]" % host if ":" in host else host, bound)
        self.redirect_uri: str = self._base + path if redirect_uri is None else redirect_uri
        self._threads = [
            threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
            for server in self._servers
        ]
        for thread in self._threads:
            thread.start()

    @property
    def start_address(self) -> str:
        """What to open in the browser: it redirects this user to the consent page."""
        return self._base + self._login.start_path

    def expect(self, state: str, url: str = "") -> None:
        """Accept the callback with this state; before this call, none is accepted.

        Args:
            url: the consent page that :attr:`start_address` leads to.
        """
        self._login.url = url
        self._login.expected_state = state

    def wait(self, timeout: float, tick: Callable[[float], object]) -> str | None:
        """The callback's URL, or ``None`` when none came within ``timeout`` seconds.

        The browser waits for its page until :meth:`report` or :meth:`close`. ``tick`` is called
        about once a second, with the seconds left.
        """
        # Waiting in short steps lets Ctrl-C through on Windows too.
        left = timeout
        while left > 0:
            tick(left)
            step = min(1.0, left)
            try:
                return self._login.answers.get(timeout=step)
            except queue.Empty:
                left -= step
        return None

    def report(self, page: Page) -> None:
        """Show how the login went to the browser that waits, and to one that loads it again."""
        self._login.report(page)

    def close(self) -> None:
        """Give the port back, once the browser has its page; closing again does nothing."""
        self._login.finish()
        for server, thread in zip(self._servers, self._threads):
            server.shutdown()
            while thread.is_alive():  # in steps: an endless wait may not see a Ctrl-C
                thread.join(1.0)
            server.server_close()

    def __enter__(self) -> RedirectListener:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _parsed(redirect_uri: str) -> tuple[str, int, str]:
    """Host, port and path of a redirect URI on this machine."""
    with suppress(ValueError):  # not a URL, such as http://[
        parts = urlsplit(redirect_uri)
        in_brackets(parts.netloc)
        is_plain = parts.scheme == "http" and not parts.query and parts.username is None
        if is_plain and parts.hostname is not None and parts.hostname in _ADDRESSES:
            return parts.hostname, parts.port or 80, parts.path or "/"
    raise ApiValueError(
        "redirect_uri must look like http://127.0.0.1:8910/callback or "
        "http://localhost:8910/callback: nothing else leads back to this machine"
    )


def _listen(addresses: list[str], port: int, login: _Login) -> list[_Server]:
    servers: list[_Server] = []
    try:
        for address in addresses:
            try:
                servers.append(_Server(address, port, login))
            except OSError:
                # A machine without IPv6; but a port that somebody else has there is an error.
                if not servers or _can_bind(address):
                    raise
            else:
                port = servers[0].server_address[1]
    except OSError:
        for server in servers:
            server.server_close()
        raise
    return servers


def _can_bind(address: str) -> bool:
    try:
        socket.create_server((address, 0), family=_family(address)).close()
    except OSError:
        return False
    return True


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class _Login:
    """One login, as the connections of all listening sockets share it."""

    def __init__(self, path: str, linger: float) -> None:
        self.path = path
        self._linger = linger
        self.start_path = "/" + secrets.token_urlsafe(9)
        self.url = ""
        # Equal to no callback's state: an empty one counts as missing.
        self.expected_state = ""
        self.answers: queue.Queue[str] = queue.Queue()
        self._accepted: str | None = None
        self._page: Page | None = None
        self._delivering = 0
        self._delivered_at: float | None = None
        self._changed = threading.Condition()

    def accepts(self, state: str, target: str) -> bool:
        """Whether this is the expected callback: the first one, or the same again."""
        expected = self.expected_state.encode("ascii")
        if not hmac.compare_digest(state.encode("utf-8", "replace"), expected):
            return False
        with self._changed:
            if self._accepted is None:
                self._accepted = target
                self.answers.put(target)
            if self._accepted != target:
                return False
            self._delivering += 1
            return True

    def outcome(self) -> Page:
        """How the login went, once that is known."""
        with self._changed:
            self._changed.wait_for(lambda: self._page is not None)
            return self._page or FAILED

    def delivered(self) -> None:
        """A page that :meth:`accepts` has promised was written, or its browser has left."""
        with self._changed:
            self._delivering -= 1
            self._delivered_at = time.monotonic()
            self._changed.notify_all()

    def report(self, page: Page) -> None:
        with self._changed:
            if self._page is None:
                self._page = page
            self._changed.notify_all()

    def finish(self) -> None:
        """Wait until the browser has its page, and a moment longer for one that loads twice."""
        with self._changed:
            reported = self._page is not None
        self.report(FAILED)
        with self._changed:
            self._changed.wait_for(lambda: not self._delivering, _DELIVERY)
            if reported:
                self._wait_for_a_second_load()

    def _wait_for_a_second_load(self) -> None:
        while self._delivered_at is not None:
            left = self._delivered_at + self._linger - time.monotonic()
            if left <= 0:
                break
            self._changed.wait(left)


class _Server(socketserver.ThreadingTCPServer):
    # One thread for each connection: a silent one holds up nobody, nor the end of the process.
    daemon_threads = True
    # Beyond the default of five, a burst of connections would wait seconds to be repeated.
    request_queue_size = 64
    # On Windows the option would let another process listen on the same port.
    allow_reuse_address = os.name != "nt"

    def __init__(self, address: str, port: int, login: _Login) -> None:
        self.address_family = _family(address)
        self.login = login
        super().__init__((address, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a connection that breaks is the browser's business."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]
    timeout = _SILENCE
    # http.server takes an unreadable request line for HTTP/0.9, and responds without headers.
    default_request_version = "HTTP/1.0"

    def do_GET(self) -> None:
        login = self.server.login
        try:
            parts = urlsplit(self.path)
        except ValueError:  # not a valid URL, such as http://[
            self.send_error(400)
            return
        if self.path == login.start_path and login.url:
            self._start(login.url)
        elif parts.path != login.path:
            self._write(404, _NOTHING)
        else:
            states = parse_qs(parts.query).get("state", [])
            if len(states) != 1 or not login.accepts(states[0], self.path):
                self._write(400, _UNEXPECTED)
                return
            try:
                self._write(200, login.outcome())
            finally:
                login.delivered()

    def _start(self, url: str) -> None:
        if not _is_own_user(self.client_address[1], self.server.server_address[1]):
            self._write(403, _NOT_YOURS)
            return
        self.send_response(302)
        self.send_header("Location", url)
        self._write_head(b"", "default-src 'none'")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """A fixed page: the standard one quotes the request, and with it perhaps a code."""
        self._write(code, _UNREADABLE)

    def _write(self, status: int, page: Page) -> None:
        style = _style()
        kind = ' class="problem"' if page.is_problem else ""
        text = _PAGE % {"title": page.title, "text": page.text, "kind": kind, "style": style}
        digest = b64encode(sha256(style.encode("utf-8")).digest()).decode("ascii")
        body = text.encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self._write_head(
            body,
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
            "style-src 'sha256-%s'" % digest,
        )
        if self.command != "HEAD":
            self.wfile.write(body)

    def _write_head(self, body: bytes, policy: str) -> None:
        # The address holds the code: do not cache the page, and send no Referer from it.
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Content-Security-Policy", policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Connection", "close")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()

    def version_string(self) -> str:
        return "ultracart"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: request lines hold codes."""


def _style() -> str:
    """The consent page's style sheet; without it the page is plain, and says the same."""
    try:
        data = pkgutil.get_data("ultracart", "sandbox/static/sandbox.css")
    except OSError:  # left out by a tool that bundles applications
        data = None
    return (data or b"").decode("utf-8")


def _is_own_user(client_port: int, server_port: int) -> bool:
    """Whether the other end of a loopback connection is ours, or root's, who forwards ports.

    Only Linux tells. On other systems the random address has to be secret enough.
    """
    if not hasattr(os, "getuid"):  # pragma: no cover - the tests run on Linux
        return True
    ends = (":%04X" % client_port, ":%04X" % server_port)
    for path in _CONNECTIONS:
        try:
            with open(path, encoding="ascii") as stream:
                rows = [line.split() for line in stream]
        except OSError:
            continue
        for row in rows:
            if row[1].endswith(ends[0]) and row[2].endswith(ends[1]):
                return int(row[7]) in (0, os.getuid())
    return True
