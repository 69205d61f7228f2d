"""The sandbox's Flask application, and the gateway in front of it.

:class:`Gateway` checks the Host header, records requests, applies faults and limits concurrency.
:func:`create_app` makes the application: UltraCart's ``/rest/v2``, and the sandbox's own page at
``/``.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, cast
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Request, Response, redirect, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from werkzeug.exceptions import HTTPException

from ..locks import Event, Lock
from .applications import LOOPBACK_HOSTS
from .authorization_server import SandboxAuthorizationServer, create_token_endpoints
from .dashboard import is_dashboard
from .faults import ConditionError, Fault, Faults
from .messages import BASE_PATH, OAUTH_PATHS, below_base, quoted, ultracart_error
from .pages import PAGE_PATHS, create_pages
from .recording import RecordedRequest, Recording
from .resources import RECORDED, Answers, create_resources
from .state import State

API_VERSION = "2017-03-01"

_StartResponse = Callable[..., Any]
_WSGIApplication = Callable[[dict[str, Any], _StartResponse], Iterable[bytes]]

_logger = logging.getLogger("ultracart.sandbox")


class ConnectionDroppedError(Exception):
    """The connection is to be reset without a response."""


class Gateway:
    """WSGI middleware; its ``recording`` holds the requests that :class:`Sandbox` shows.

    Requests of the sandbox's own page are not recorded or counted, and faults do not apply to them.
    """

    def __init__(
        self,
        app: _WSGIApplication,
        state: State,
        faults: Faults,
        recording: Recording,
        closing: Event,
        on_request: Callable[[RecordedRequest], object] | None,
    ) -> None:
        self._app = app
        self._state = state
        self._faults = faults
        self._recording = recording
        self._on_request = on_request
        self._lock = Lock()
        self._in_progress: Counter[str | None] = Counter()
        self._total = 0
        self.closing = closing

    def connection_accepted(self) -> None:
        with self._lock:
            self._state.counters.connections += 1

    def __call__(self, environ: dict[str, Any], start_response: _StartResponse) -> Iterable[bytes]:
        if not _is_loopback(environ.get("HTTP_HOST")):
            # DNS rebinding: a web page whose host name now means 127.0.0.1 must not get in.
            refused = ultracart_error(
                421,
                f"The Host header names {quoted(environ.get('HTTP_HOST'))}: this sandbox serves "
                f"{', '.join(sorted(LOOPBACK_HOSTS))} alone.",
            )
            return refused(environ, start_response)
        if is_dashboard(environ["PATH_INFO"]):
            return self._app(environ, start_response)
        body = environ["wsgi.input"].getvalue()
        request = RecordedRequest(environ, body, self._state.now(), self._application_with)
        environ[RECORDED] = request
        limited = self._limited(request) if self._state.switches.limit_concurrency else None
        first = self._enter(request, limited)
        started = time.perf_counter()

        def record_status(status: str, headers: Any, exc_info: Any = None) -> Any:
            request.status = int(status.split(None, 1)[0])
            return start_response(status, headers, exc_info)

        try:
            if not first:
                busy = ultracart_error(
                    429,
                    "Too many concurrent requests of one application.",
                    headers={"Retry-After": "1"},
                )
                return busy(environ, record_status)
            return self._respond(request, environ, record_status)
        finally:
            request.seconds = time.perf_counter() - started
            self._leave(limited)
            self._report(request)

    def _respond(
        self, request: RecordedRequest, environ: dict[str, Any], start_response: _StartResponse
    ) -> Iterable[bytes]:
        fault: Fault | None
        try:
            fault = self._faults.take(request)
        except ConditionError as error:
            _logger.exception("The condition of a fault has failed")
            return ultracart_error(500, str(error))(environ, start_response)
        if fault is None:
            return self._app(environ, start_response)
        fault.wait(self.closing)
        if fault.drop == "before":
            raise ConnectionDroppedError
        if fault.answer is not None:
            return fault.answer(environ, start_response)
        if fault.drop == "after":
            # Process the request completely, as if the response were sent.
            chunks: Any = self._app(environ, lambda status, headers, exc_info=None: None)
            chunks.close()
            raise ConnectionDroppedError
        return self._app(environ, start_response)

    def _enter(self, request: RecordedRequest, limited: str | None) -> bool:
        """Count a request that begins; False if its application may send no second one now."""
        counters = self._state.counters
        with self._lock:
            self._recording.add(request)
            counters.requests += 1
            self._total += 1
            counters.max_concurrent = max(counters.max_concurrent, self._total)
            self._in_progress[limited] += 1
            return limited is None or self._in_progress[limited] == 1

    def _leave(self, limited: str | None) -> None:
        with self._lock:
            self._total -= 1
            self._in_progress[limited] -= 1
            if not self._in_progress[limited]:
                del self._in_progress[limited]

    def _report(self, request: RecordedRequest) -> None:
        if self._on_request is None:
            return
        try:
            self._on_request(request)
        except BaseException:  # pytest.fail() raises no Exception
            _logger.exception("on_request has failed")

    def _limited(self, request: RecordedRequest) -> str | None:
        """Whose requests are limited together: the application's, else the credential's."""
        headers = request.headers
        return (
            request.application
            or headers.get("Authorization")
            or headers.get("x-ultracart-simple-key")
        )

    def _application_with(self, access_token: str) -> str | None:
        token = self._state.find_access_token(access_token)
        return token.grant.client_id if token is not None else None


def _is_loopback(host: str | None) -> bool:
    if host is None:  # HTTP/1.0; no browser sends it
        return True
    try:
        parts = urlsplit(f"//{host}")
        return (
            parts.hostname in LOOPBACK_HOSTS
            and parts.netloc == host
            and parts.port != 0
            and ("@" not in host)
        )
    except ValueError:
        return False


class _PageSessions(SecureCookieSessionInterface):
    """Sessions for the pages only: for all requests, they would cost a tenth of a token request."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if below_base(request.path) in PAGE_PATHS:
            return super().open_session(app, request)
        return self.make_null_session(app)


def create_app(
    state: State,
    server: SandboxAuthorizationServer,
    answers: Answers,
    simple_keys: tuple[str, ...],
    dashboard: Blueprint,
) -> Flask:
    app = Flask("ultracart.sandbox", static_url_path=f"{BASE_PATH}/sandbox")
    app.config.update(
        SECRET_KEY=secrets.token_bytes(32),
        # Cookies ignore ports, so each sandbox's cookie has a name of its own.
        SESSION_COOKIE_NAME=f"sandbox_{secrets.token_hex(4)}",
        # Not Strict: a link from the application on another host name would come without the cookie
        # and get a new one, which invalidates the form in every tab that is already open.
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH=f"{BASE_PATH}/oauth",
    )
    app.url_map.merge_slashes = False  # as at UltraCart, //orders is another path
    app.session_interface = _PageSessions()
    app.register_blueprint(dashboard)
    app.register_blueprint(create_token_endpoints(state, server), url_prefix=BASE_PATH)
    app.register_blueprint(create_pages(state, server), url_prefix=BASE_PATH)
    app.register_blueprint(create_resources(state, answers, simple_keys), url_prefix=BASE_PATH)

    @app.before_request
    def require_version() -> Response | None:
        path = below_base(request.path)
        version = request.headers.get("X-UltraCart-Api-Version")
        pasted = request.path in (BASE_PATH, f"{BASE_PATH}/") and request.method == "GET"
        if pasted and "text/html" in request.headers.get("Accept", ""):
            return cast("Response", redirect("/"))
        if version == API_VERSION or path in PAGE_PATHS or is_dashboard(request.path):
            return None
        if version is None and path == "/oauth/me":
            return None  # serve a plain curl, so that a first token can be tried out
        sent = "none was sent" if version is None else f"{quoted(version)} was sent"
        return ultracart_error(
            400,
            f"Every request must carry the header X-UltraCart-Api-Version: {API_VERSION}; {sent}. "
            f"The sandbox shows itself to a browser at {request.host_url}",
        )

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        if error.code == 404:
            return ultracart_error(
                404,
                f"The sandbox has no {request.method} {request.path}. It serves {BASE_PATH}: "
                f"{', '.join(OAUTH_PATHS)}, and what sandbox.answer(...) has prepared.",
            )
        message = error.description or error.name
        if error.code == 405:
            allowed = ", ".join(getattr(error, "valid_methods", None) or ())
            message = f"{request.path} takes {allowed}, not {request.method}."
        return ultracart_error(error.code or 500, message)

    return app
