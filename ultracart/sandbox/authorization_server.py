# mypy: disallow-subclassing-any=False
"""The OAuth server: Authlib's, with its hooks tied to the State."""

from __future__ import annotations

from typing import Any

import flask

from . import placeholders
from .applications import Application
from .authlib_bases import (
    AuthorizationServer,
    FlaskOAuth2Payload,
    FlaskOAuth2Request,
    InvalidRequestError,
    IssuerParameter,
    OAuth2Error,
    OAuth2Request,
)
from .explanations import about_client, about_redirect_uri, explain
from .grants import CodeGrant, DeviceEndpoint, DeviceGrant, Pkce, RefreshGrant, Revocation
from .responses import header_text
from .state import Grant, State


class TokenAnswer(dict[str, Any]):
    """A token answer. Authlib logs it, so ``repr`` shows the names alone."""

    def __repr__(self) -> str:
        return f"TokenAnswer({', '.join(self)})"


class _Payload(FlaskOAuth2Payload):
    @property
    def grant_type(self) -> str | None:
        return placeholders.grant_type(self._request.form)

    @property
    def client_id(self) -> str | None:
        basic = self._request.authorization
        return self.data.get("client_id") or (basic.username if basic is not None else None)


class _Request(FlaskOAuth2Request):
    """Authlib's request without its demand for https, meant for servers that others can reach."""

    def __init__(self, request: flask.Request) -> None:
        OAuth2Request.__init__(self, request.method, "https://localhost", headers=request.headers)
        self._request = request
        self.payload: Any = _Payload(request)


class _Issuer(IssuerParameter):
    def __init__(self, state: State) -> None:
        self._state = state

    def get_issuer(self) -> str | None:
        return self._state.switches.issuer


class SandboxAuthorizationServer(AuthorizationServer):
    """Authlib's server with its hooks tied to one State."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self.state = state
        self.issuer: Any = _Issuer(state)
        self._query_client = state.applications.get
        self.register_token_generator("default", self._generate)
        self.register_grant(CodeGrant, [Pkce(required=False)])
        self.register_grant(RefreshGrant)
        self.register_grant(DeviceGrant)
        self.register_endpoint(Revocation)
        self.register_endpoint(DeviceEndpoint)
        self.register_extension(lambda server: server.issuer(server))

    def create_oauth2_request(self, request: flask.Request | None) -> Any:
        return _Request(flask.request)

    def get_consent_grant(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().get_consent_grant(*args, **kwargs)
        except OAuth2Error as error:
            self._explain(error)
            raise
        except ValueError:
            # Authlib quotes what was sent, but its errors hold printable ASCII alone.
            unreadable: Any = InvalidRequestError(self._unreadable())
            raise unreadable from None

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        """Nothing to do: a token is saved where it is made."""

    def handle_error_response(self, request: Any, error: Any) -> flask.Response:
        self._explain(error)
        response: flask.Response = super().handle_error_response(request, error)
        if response.status_code in (400, 401):
            response.headers["UC-REST-ERROR"] = header_text(error.description or error.error)
            if self.state.switches.oauth_error_status != 400:
                response.status_code = self.state.switches.oauth_error_status
        return response

    def _unreadable(self) -> str:
        sent = flask.request.values
        application = self.state.applications.get(sent.get("client_id", ""))
        if application is None:
            return about_client(self.state, sent.get("client_id"), None)
        redirect_uri = sent.get("redirect_uri")
        if redirect_uri and not application.check_redirect_uri(redirect_uri):
            return about_redirect_uri(sent, application)
        return "A parameter holds characters that are not allowed."

    def _explain(self, error: Any) -> None:
        request = flask.request
        explain(self.state, error, request.values, _Payload(request).client_id)

    def _generate(
        self,
        grant_type: str,
        client: Application,
        user: Grant,
        scope: str | None = None,
        expires_in: int | None = None,
        include_refresh_token: bool = True,
    ) -> TokenAnswer:
        switches = self.state.switches
        scope = scope or user.scope
        answer = TokenAnswer(
            access_token=self.state.issue_access_token(user, scope),
            token_type=switches.token_type,
            scope=scope,
            merchant_id=user.merchant,
        )
        if include_refresh_token:
            answer["refresh_token"] = self.state.issue_refresh_token(user)
        if switches.expires_in != "absent":
            seconds = int(switches.access_token_lifetime)
            answer["expires_in"] = str(seconds) if switches.expires_in == "text" else seconds
        return answer
