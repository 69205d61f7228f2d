"""Decides how tokens are issued, refreshed and revoked: Authlib's grants over the state of the sandbox."""

from __future__ import annotations

from typing import Any, Optional

import flask
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.flask_oauth2.requests import FlaskOAuth2Payload, FlaskOAuth2Request
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, InvalidScopeError, grants
from authlib.oauth2.rfc6749.requests import OAuth2Request
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant

from . import placeholders
from .applications import Application
from .state import (
    DEFAULT_DEVICE_INTERVAL,
    AuthorizationCode,
    DeviceAuthorization,
    Grant,
    RefreshToken,
    State,
)

CLIENT_AUTH_METHODS = ["none", "client_secret_post", "client_secret_basic"]


class TokenAnswer(dict[str, Any]):
    """A token answer that Authlib may log: ``repr`` shows the names alone."""

    def __repr__(self) -> str:
        return f"TokenAnswer({', '.join(self)})"


class _Payload(FlaskOAuth2Payload):
    @property
    def grant_type(self) -> Optional[str]:
        return placeholders.grant_type(self._request.form)


class _Request(FlaskOAuth2Request):
    """Authlib's request without its demand for https, which is for servers that a network can reach."""

    def __init__(self, request: Any) -> None:
        OAuth2Request.__init__(self, request.method, "https://localhost", headers=request.headers)
        self._request = request
        self.payload = _Payload(request)


class SandboxAuthorizationServer(AuthorizationServer):
    """Authlib's server with its hooks tied to one State."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self.state = state
        self._query_client = state.applications.get
        self.register_token_generator("default", self._generate)
        self.register_grant(CodeGrant, [Pkce(required=False)])
        self.register_grant(RefreshGrant)
        self.register_grant(DeviceGrant)
        self.register_endpoint(Revocation)
        self.register_endpoint(DeviceEndpoint)
        self.issuer = Issuer(state)
        self.register_extension(self.issuer)

    def create_oauth2_request(self, request: Any) -> _Request:
        return _Request(flask.request)

    def handle_error_response(self, request: Any, error: Any) -> Any:
        response = super().handle_error_response(request, error)
        if response.status_code == 400:
            response.status_code = self.state.switches.oauth_error_status
        return response

    def _generate(
        self,
        grant_type: str,
        client: Application,
        user: Grant,
        scope: Optional[str] = None,
        expires_in: Optional[int] = None,
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

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        """Nothing to do: a token is saved where it is made."""


class Issuer(IssuerParameter):
    def __init__(self, state: State) -> None:
        self._state = state

    def get_issuer(self) -> Optional[str]:
        return self._state.switches.issuer


class Pkce(CodeChallenge):
    """RFC 7636 with S256 alone: a challenge that travels in plain sight protects nothing (section 7.2)."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        data = grant.request.payload.data
        if not data.get("code_challenge") and grant.server.state.switches.require_pkce:
            raise InvalidRequestError("Missing 'code_challenge'")
        if data.get("code_challenge") and not data.get("code_challenge_method"):
            raise InvalidRequestError("Missing 'code_challenge_method': only S256 is supported")
        super().validate_code_challenge(grant, redirect_uri)

    def validate_code_verifier(self, grant: Any, result: Any) -> None:
        if not grant.request.authorization_code.placeholder:
            super().validate_code_verifier(grant, result)


class CodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_AUTH_METHODS

    def validate_authorization_request(self) -> str:
        redirect_uri: str = super().validate_authorization_request()
        if self.server.state.scope_to_grant(self.request.client, self.request.payload.scope) is None:
            raise InvalidScopeError(redirect_uri=redirect_uri)
        return redirect_uri

    def save_authorization_code(self, code: str, request: Any) -> None:
        state: State = self.server.state
        data = request.payload.data
        state.codes[code] = AuthorizationCode(
            client_id=request.client.client_id,
            merchant=request.user,
            scope=state.scope_to_grant(request.client, request.payload.scope) or "",
            redirect_uri=request.payload.redirect_uri or "",
            expires_at=state.now() + state.switches.code_lifetime,
            code_challenge=data.get("code_challenge"),
            code_challenge_method=data.get("code_challenge_method"),
        )

    def query_authorization_code(self, code: str, client: Application) -> Optional[AuthorizationCode]:
        state: State = self.server.state
        found = placeholders.code(code, client) or state.codes.get(code)
        if found is None or found.client_id != client.client_id or state.now() >= found.expires_at:
            return None
        if found.grant is not None:
            found.grant.revoked = True
            return None
        return found

    def authenticate_user(self, authorization_code: AuthorizationCode) -> Grant:
        code = authorization_code
        code.grant = Grant(code.client_id, code.merchant, code.scope)
        return code.grant

    def delete_authorization_code(self, authorization_code: AuthorizationCode) -> None:
        """The code is kept, marked as used, so that a second use is noticed."""
        self.server.state.counters.exchanges += 1


class RefreshGrant(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_AUTH_METHODS

    def authenticate_refresh_token(self, refresh_token: str) -> Optional[RefreshToken]:
        state: State = self.server.state
        client = self.request.client
        placeholder = placeholders.refresh_token(refresh_token, client)
        if placeholder is not None:
            return placeholder
        token = state.refresh_tokens.get(refresh_token)
        if token is None or token.grant.revoked or not token.check_client(client):
            return None
        if token.spent_at is None or state.now() < token.spent_at + state.switches.reuse_grace:
            return token
        state.counters.reuse_detections += 1
        if state.switches.reuse_detection:
            token.grant.revoked = True
            state.counters.grants_lost += 1
        return None

    def create_token_response(self) -> Any:
        token: RefreshToken = self.request.refresh_token
        if token.answer is None:
            return super().create_token_response()
        self.server.state.counters.replays += 1
        return 200, token.answer, self.TOKEN_RESPONSE_HEADER

    def authenticate_user(self, refresh_token: RefreshToken) -> Grant:
        return refresh_token.grant

    def issue_token(self, user: Grant, refresh_token: RefreshToken) -> TokenAnswer:
        state: State = self.server.state
        mode = state.switches.refresh_tokens
        answer: TokenAnswer = self.generate_token(
            user=user,
            scope=self.request.payload.scope or user.scope,
            include_refresh_token=mode == "rotate",
        )
        if mode == "same":
            answer["refresh_token"] = refresh_token.value
        elif mode == "rotate":
            refresh_token.spent_at = state.now()
            refresh_token.answer = answer
        return answer

    def revoke_old_credential(self, refresh_token: RefreshToken) -> None:
        self.server.state.counters.refreshes += 1


class DeviceGrant(DeviceCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_AUTH_METHODS

    def query_device_credential(self, device_code: str) -> DeviceAuthorization:
        state: State = self.server.state
        client = state.applications.get(self.request.payload.client_id)
        found = client and placeholders.device(device_code, client)
        found = found or state.devices.get(device_code)
        if found is None:
            raise InvalidGrantError("Invalid 'device_code' in request.")
        if found.grant is None and client is placeholders.APPLICATION and not found.denied:
            found.grant = placeholders.new_grant()
        return found

    def query_user_grant(self, user_code: str) -> Optional[tuple[Optional[Grant], bool]]:
        device: DeviceAuthorization = self._device
        if device.denied:
            return None, False
        return (device.grant, True) if device.grant is not None else None

    def validate_device_credential(self, credential: DeviceAuthorization) -> Any:
        self._device = credential
        return super().validate_device_credential(credential)

    def should_slow_down(self, credential: DeviceAuthorization) -> bool:
        now = self.server.state.now()
        early = credential.last_poll is not None and now < credential.last_poll + credential.interval
        credential.last_poll = now
        if early:
            credential.interval += 5
        return early

    def create_token_response(self) -> Any:
        self.server.state.devices.pop(self.request.form["device_code"], None)
        return super().create_token_response()


class Revocation(RevocationEndpoint):
    """RFC 7009 in UltraCart's words: it revokes the application's whole grant, not one token."""

    CLIENT_AUTH_METHODS = CLIENT_AUTH_METHODS

    def authenticate_token(self, request: Any, client: Application) -> Any:
        placeholder = placeholders.revocable(request.form.get("token", ""), client)
        return placeholder or super().authenticate_token(request, client)

    def query_token(self, token_string: str, token_type_hint: Optional[str]) -> Any:
        state: State = self.server.state
        return state.refresh_tokens.get(token_string) or state.access_tokens.get(token_string)

    def revoke_token(self, token: Any, request: Any) -> None:
        token.grant.revoked = True

    def create_endpoint_response(self, request: Any) -> Any:
        status, _, headers = super().create_endpoint_response(request)
        return status, {"successful": True, "message": "The authorization has been revoked."}, headers


class DeviceEndpoint(DeviceAuthorizationEndpoint):
    CLIENT_AUTH_METHODS = CLIENT_AUTH_METHODS

    @property
    def EXPIRES_IN(self) -> int:  # noqa: N802 - Authlib's name
        return int(self.server.state.switches.device_lifetime)

    @property
    def INTERVAL(self) -> Optional[int]:  # noqa: N802 - Authlib's name
        interval = self.server.state.switches.device_interval
        return None if interval is None else int(interval)

    def get_verification_uri(self) -> str:
        return flask.url_for("pages.device_page", _external=True)

    def save_device_credential(self, client_id: str, scope: str, data: dict[str, Any]) -> None:
        state: State = self.server.state
        granted = state.scope_to_grant(state.applications[client_id], scope)
        if granted is None:
            raise InvalidScopeError()
        interval = state.switches.device_interval
        state.devices[data["device_code"]] = DeviceAuthorization(
            client_id=client_id,
            scope=granted,
            user_code=data["user_code"],
            expires_at=state.now() + state.switches.device_lifetime,
            now=state.now,
            interval=DEFAULT_DEVICE_INTERVAL if interval is None else interval,
        )

    def create_endpoint_response(self, request: Any) -> Any:
        status, answer, headers = super().create_endpoint_response(request)
        return status, {k: v for k, v in answer.items() if v is not None}, headers
