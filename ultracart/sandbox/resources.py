# mypy: disallow-subclassing-any=False
"""Decides who may read a resource: ``/oauth/me``, and the answers prepared for other paths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from flask import Blueprint, Response, abort, json, request

from . import placeholders
from .answers import json_response, json_text_response, ultracart_error
from .authlib_bases import BearerTokenValidator, ResourceProtector
from .state import AccessToken, State

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_KEY_HEADERS = ("x-ultracart-simple-key", "x-ultracart-browser-key")
#: Answered by the OAuth server; only faults can change what these say.
_OAUTH_PATHS = frozenset(
    {
        "/oauth/authorize",
        "/oauth/device",
        "/oauth/device/authorize",
        "/oauth/revoke",
        "/oauth/token",
    }
)


class _TokenValidator(BearerTokenValidator):
    def __init__(self, state: State) -> None:
        super().__init__(realm="ultracart")
        self._state = state

    def authenticate_token(self, token_string: str) -> AccessToken | None:
        return self._state.access_tokens.get(token_string) or placeholders.access_token(
            token_string
        )


class _Protector(ResourceProtector):
    def raise_error_response(self, error: Any) -> NoReturn:
        # UltraCart documents 401 for any invalid credential, in its own envelope.
        headers = dict(error.get_headers())
        challenge = headers.get("WWW-Authenticate") or 'Bearer realm="ultracart"'
        message = error.description or "Invalid credentials."
        abort(
            ultracart_error(
                error.status_code,
                message,
                code=error.error,
                headers={"WWW-Authenticate": challenge},
            )
        )


class CannedAnswers:
    """JSON answers by method and path, to be changed at any time."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], tuple[int, str, dict[str, str]]] = {}

    def add(
        self,
        method: str,
        path: str,
        body: object,
        status: int,
        headers: Mapping[str, str] | None,
    ) -> None:
        if not path.startswith("/"):
            raise ValueError("path must start with '/', such as /order/orders/DEMO-1")
        if "?" in path:
            raise ValueError("path must not hold a query: an answer is the same for every query")
        if path in _OAUTH_PATHS:
            raise ValueError(f"{path} answers by itself: change it by faults.add({path!r}, ...)")
        if status not in range(200, 600):
            raise ValueError(f"status must be an HTTP status from 200 on, not {status!r}")
        if method.upper() not in _METHODS:
            raise ValueError(f"method must be one of {', '.join(_METHODS)}, not {method!r}")
        # Written now, so that what JSON cannot hold fails where it was given.
        self._answers[method.upper(), path] = (status, json.dumps(body), dict(headers or {}))

    def find(self, method: str, path: str) -> Response | None:
        found = self._answers.get((method, path))
        if found is None:
            return None
        status, text, headers = found
        response = json_text_response(status, text)
        response.headers.update(headers)
        return response


def create_resources(state: State, canned: CannedAnswers, simple_keys: Iterable[str]) -> Blueprint:
    """The blueprint of everything that needs a credential."""
    blueprint = Blueprint("resources", __name__)
    protector = _Protector()
    protector.register_token_validator(_TokenValidator(state))
    keys = frozenset(simple_keys)

    @blueprint.get("/oauth/me")
    def me() -> Response:
        with protector.acquire() as token:
            prepared = canned.find("GET", "/oauth/me")
            if prepared is not None:
                return prepared
            grant = token.grant
            application = state.applications[grant.client_id]
            return json_response(
                200,
                {
                    "application_name": application.name,
                    "client_id": grant.client_id,
                    "merchant_id": grant.merchant,
                    "merchant_name": state.merchants.get(grant.merchant, grant.merchant),
                    "scopes": grant.scope.split(),
                },
            )

    @blueprint.route("/<path:path>", methods=_METHODS)
    def anything_else(path: str) -> Response:
        if not any(request.headers.get(name) in keys for name in _KEY_HEADERS):
            with protector.acquire():
                pass
        return canned.find(request.method, f"/{path}") or ultracart_error(
            404, f"The sandbox has no answer for {request.method} /{path}."
        )

    return blueprint
