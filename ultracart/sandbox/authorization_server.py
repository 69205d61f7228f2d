# mypy: disallow-subclassing-any=False
"""The OAuth server: Authlib's, with its hooks tied to the State, and its token endpoints.

Its errors say what was sent and what is registered, but never a secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import flask

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
from .grants import CodeGrant, DeviceEndpoint, DeviceGrant, Pkce, RefreshGrant, Revocation
from .messages import header_text, json_response, quoted
from .state import PLACEHOLDER_APPLICATION, Grant, State

#: Content types of a token request; "" if it has no body.
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "")
_GRANT_TYPES = (
    "authorization_code",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code",
)


class TokenResponse(dict[str, Any]):
    """A token response. Authlib logs it, so ``repr`` shows the names of its fields alone."""

    def __repr__(self) -> str:
        return f"TokenResponse({', '.join(self)})"


class _Payload(FlaskOAuth2Payload):
    @property
    def grant_type(self) -> str | None:
        """The grant type; the documentation's ``grant_type_example`` is that of the credential."""
        form = self._request.form
        asked: str | None = form.get("grant_type")
        if asked != "grant_type_example" or self.client_id != PLACEHOLDER_APPLICATION.client_id:
            return asked
        credentials = zip(("code", "refresh_token", "device_code"), _GRANT_TYPES, strict=True)
        return next((grant for name, grant in credentials if form.get(name)), asked)

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
            return _about_client(self.state, sent.get("client_id"), None)
        redirect_uri = sent.get("redirect_uri")
        if redirect_uri and not application.check_redirect_uri(redirect_uri):
            return _about_redirect_uri(sent, application)
        return "A parameter holds characters that are not allowed."

    def _explain(self, error: Any) -> None:
        request = flask.request
        _explain(self.state, error, request.values, _Payload(request).client_id)

    def _generate(
        self,
        grant_type: str,
        client: Application,
        user: Grant,
        scope: str | None = None,
        expires_in: int | None = None,
        include_refresh_token: bool = True,
    ) -> TokenResponse:
        switches = self.state.switches
        scope = scope or user.scope
        answer = TokenResponse(
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


def create_token_endpoints(state: State, server: SandboxAuthorizationServer) -> flask.Blueprint:
    """The blueprint of the endpoints that applications call themselves, without a browser."""
    blueprint = flask.Blueprint("tokens", __name__)

    @blueprint.before_request
    def require_each_parameter_once() -> flask.Response | None:
        """RFC 6749, section 3.2: no parameter twice; which value counts would be undefined."""
        repeated = [name for name, values in flask.request.form.lists() if len(values) > 1]
        if not repeated:
            return None
        why = f"The parameter {repeated[0]!a} is sent more than once."
        answer = {"error": "invalid_request", "error_description": why}
        response = json_response(state.switches.oauth_error_status, answer)
        response.headers["UC-REST-ERROR"] = header_text(why)
        return response

    # The lock makes each of these one step: two refreshes with one token never both rotate it.
    @blueprint.post("/oauth/token")
    def token() -> flask.Response:
        with state.lock:
            return cast("flask.Response", server.create_token_response())

    @blueprint.post("/oauth/revoke")
    def revoke() -> flask.Response:
        with state.lock:
            return cast("flask.Response", server.create_endpoint_response("revocation"))

    @blueprint.post("/oauth/device/authorize")
    def device_authorize() -> flask.Response:
        with state.lock:
            return cast("flask.Response", server.create_endpoint_response("device_authorization"))

    return blueprint


def _explain(state: State, error: Any, sent: Mapping[str, str], client_id: str | None) -> None:
    """Give Authlib's error a description that names what was sent, but never a secret."""
    description = _description(state, error, sent, client_id)
    if description is not None:
        error.description = description
        # Some of Authlib's errors make a new description when they are sent.
        error.get_error_description = lambda: description


def _description(
    state: State, error: Any, sent: Mapping[str, str], client_id: str | None
) -> str | None:
    application = state.applications.get(client_id or "")
    words: str = error.description or ""
    if not client_id and not sent.get("grant_type") and flask.request.mimetype not in _FORMS:
        return f"The body must be a form ({_FORMS[0]}), not {quoted(flask.request.mimetype)}."
    if error.error == "invalid_client":
        return _about_client(state, client_id, application)
    if error.error == "unsupported_grant_type":
        return _unsupported("grant_type", sent, _GRANT_TYPES)
    if error.error == "unsupported_response_type":
        return _unsupported("response_type", sent, ("code",))
    if error.error == "invalid_scope" and application is not None:
        return _about_scope(state, sent, application)
    if words.startswith("Redirect URI") and application is not None:
        return _about_redirect_uri(sent, application)
    if words.startswith("Invalid 'redirect_uri'"):
        code = state.codes.get(sent.get("code", ""))
        asked = quoted(code.redirect_uri) if code is not None and code.redirect_uri else "none"
        return (
            f"The redirect_uri {_sent('redirect_uri', sent)} differs from that of the "
            f"authorization request: {asked}."
        )
    if words == "Unsupported 'code_challenge_method'":
        return _unsupported("code_challenge_method", sent, ("S256",))
    if error.error == "invalid_request" and not words and not sent.get("token"):
        return "The parameter token is missing."
    if words == "Code challenge failed.":
        return (
            "The code_verifier does not belong to the code_challenge of the authorization request."
        )
    return None


def _about_client(state: State, client_id: str | None, application: Application | None) -> str:
    if not client_id:
        return f"The client_id is missing. Registered: {_listed(state.applications)}."
    if application is None:
        return (
            f"The client_id {quoted(client_id)} is not registered. "
            f"Registered: {_listed(state.applications)}."
        )
    if application.client_secret is None:
        return f"The application {quoted(client_id)} is public: a client_secret must not be sent."
    return f"The client_secret of the application {quoted(client_id)} is missing or wrong."


def _about_redirect_uri(sent: Mapping[str, str], application: Application) -> str:
    registered = _listed(application.redirect_uris) or "none"
    if application.loopback_redirects:
        registered += ", and any http redirect URI on 127.0.0.1, ::1 or localhost"
    return (
        f"The redirect_uri {_sent('redirect_uri', sent)} is not registered for "
        f"{quoted(application.client_id)}. Registered: {registered}."
    )


def _about_scope(state: State, sent: Mapping[str, str], application: Application) -> str:
    token = state.refresh_tokens.get(sent.get("refresh_token", ""))
    if token is not None:
        allowed = f"The grant holds: {quoted(token.grant.scope)}."
    elif application.scope is not None:
        allowed = f"{quoted(application.client_id)} may ask for: {quoted(application.scope)}."
    else:
        allowed = "The names of permissions are separated by single spaces."
    return f"The scope {_sent('scope', sent)} cannot be granted. {allowed}"


def _unsupported(name: str, sent: Mapping[str, str], supported: Iterable[str]) -> str:
    problem = f"{quoted(sent[name])} is not supported" if sent.get(name) else "is missing"
    return f"The {name} {problem}. Supported: {', '.join(supported)}."


def _sent(name: str, sent: Mapping[str, str]) -> str:
    return quoted(sent[name]) if sent.get(name) else "(none was sent)"


def _listed(values: Iterable[str]) -> str:
    return ", ".join(map(quoted, values))
