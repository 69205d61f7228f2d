# mypy: disallow-subclassing-any=False
"""Decides who may read a resource: ``/oauth/me``, and the answers prepared for other paths."""

from __future__ import annotations

from typing import Any, Iterable, Mapping, NoReturn, Optional

from flask import Blueprint, Response, abort, request

from . import placeholders
from .answers import json_response, ultracart_error
from .authlib_bases import BearerTokenValidator, ResourceProtector
from .state import AccessToken, State

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_KEY_HEADERS = ("x-ultracart-simple-key", "x-ultracart-browser-key")


class _TokenValidator(BearerTokenValidator):
    def __init__(self, state: State) -> None:
        super().__init__(realm="ultracart")
        self._state = state

    def authenticate_token(self, token_string: str) -> Optional[AccessToken]:
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
        self._answers: dict[tuple[str, str], tuple[int, object, dict[str, str]]] = {}

    def add(
        self,
        method: str,
        path: str,
        body: object,
        status: int,
        headers: Optional[Mapping[str, str]],
    ) -> None:
        if not path.startswith("/"):
            raise ValueError("path must start with '/', such as /order/orders/DEMO-1")
        if method.upper() not in _METHODS:
            raise ValueError(f"method must be one of {', '.join(_METHODS)}, not {method!r}")
        self._answers[method.upper(), path] = (status, body, dict(headers or {}))

    def find(self, method: str, path: str) -> Response:
        found = self._answers.get((method, path))
        if found is None:
            return ultracart_error(404, f"The sandbox has no answer for {method} {path}.")
        status, body, headers = found
        response = json_response(status, body)
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
        return canned.find(request.method, f"/{path}")

    return blueprint
