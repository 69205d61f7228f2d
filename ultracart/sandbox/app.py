"""Decides which path leads where: the Flask application with UltraCart's endpoints under ``/rest/v2``."""

from __future__ import annotations

import secrets
from typing import Optional

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException

from .answers import ultracart_error
from .grants import SandboxAuthorizationServer
from .pages import PAGE_PATHS, create_pages
from .resources import CannedAnswers, create_resources
from .state import State

BASE_PATH = "/rest/v2"
API_VERSION = "2017-03-01"


def create_app(
    state: State,
    server: SandboxAuthorizationServer,
    canned: CannedAnswers,
    simple_keys: tuple[str, ...],
) -> Flask:
    app = Flask("ultracart.sandbox", static_url_path=f"{BASE_PATH}/sandbox")
    app.config.update(SECRET_KEY=secrets.token_bytes(32))
    app.register_blueprint(_token_endpoints(state, server), url_prefix=BASE_PATH)
    app.register_blueprint(create_pages(state, server), url_prefix=BASE_PATH)
    app.register_blueprint(create_resources(state, canned, simple_keys), url_prefix=BASE_PATH)

    @app.before_request
    def require_version() -> Optional[Response]:
        path = request.path[len(BASE_PATH) :]
        if request.headers.get("X-UltraCart-Api-Version") == API_VERSION or path in PAGE_PATHS:
            return None
        if path.startswith("/sandbox/"):
            return None
        return ultracart_error(
            400, f"Every request must carry the header X-UltraCart-Api-Version: {API_VERSION}"
        )

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        if error.response is not None:
            return Response.force_type(error.response)
        return ultracart_error(error.code or 500, error.description or error.name)

    return app


def _token_endpoints(state: State, server: SandboxAuthorizationServer) -> Blueprint:
    blueprint = Blueprint("tokens", __name__)

    # The lock makes each of these one step, so that two refreshes with one token can never both rotate it.
    @blueprint.post("/oauth/token")
    def token() -> Response:
        with state.lock:
            return server.create_token_response()

    @blueprint.post("/oauth/revoke")
    def revoke() -> Response:
        with state.lock:
            return server.create_endpoint_response("revocation")

    @blueprint.post("/oauth/device/authorize")
    def device_authorize() -> Response:
        with state.lock:
            return server.create_endpoint_response("device_authorization")

    return blueprint
