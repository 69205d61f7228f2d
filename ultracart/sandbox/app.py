"""The Flask application: UltraCart's ``/rest/v2``, and the sandbox's own page at ``/``."""

from __future__ import annotations

import secrets
from typing import cast

from flask import Blueprint, Flask, Request, Response, redirect, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from werkzeug.exceptions import HTTPException

from .authorization_server import SandboxAuthorizationServer
from .dashboard import is_dashboard
from .pages import PAGE_PATHS, create_pages
from .paths import BASE_PATH, OAUTH_PATHS, below_base
from .resources import Answers, create_resources
from .responses import header_text, json_response, quoted, ultracart_error
from .state import State

API_VERSION = "2017-03-01"


class _PageSessions(SecureCookieSessionInterface):
    """Sessions for the pages alone: a tenth of the cost of a token request otherwise."""

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
    app.register_blueprint(_token_endpoints(state, server), url_prefix=BASE_PATH)
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


def _token_endpoints(state: State, server: SandboxAuthorizationServer) -> Blueprint:
    blueprint = Blueprint("tokens", __name__)

    @blueprint.before_request
    def require_each_parameter_once() -> Response | None:
        """RFC 6749, section 3.2: what a server must make of one sent twice is anybody's guess."""
        repeated = [name for name, values in request.form.lists() if len(values) > 1]
        if not repeated:
            return None
        why = f"The parameter {repeated[0]!a} is sent more than once."
        answer = {"error": "invalid_request", "error_description": why}
        response = json_response(state.switches.oauth_error_status, answer)
        response.headers["UC-REST-ERROR"] = header_text(why)
        return response

    # The lock makes each of these one step: two refreshes with one token never both rotate it.
    @blueprint.post("/oauth/token")
    def token() -> Response:
        with state.lock:
            return cast("Response", server.create_token_response())

    @blueprint.post("/oauth/revoke")
    def revoke() -> Response:
        with state.lock:
            return cast("Response", server.create_endpoint_response("revocation"))

    @blueprint.post("/oauth/device/authorize")
    def device_authorize() -> Response:
        with state.lock:
            return cast("Response", server.create_endpoint_response("device_authorization"))

    return blueprint
