# mypy: disallow-subclassing-any=False
"""Authlib's grants: how tokens are issued, refreshed and revoked, and how devices log in."""

from __future__ import annotations

from typing import Any

from .applications import Application
from .authlib_bases import (
    AuthorizationCodeGrant,
    CodeChallenge,
    DeviceAuthorizationEndpoint,
    DeviceCodeGrant,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    RefreshTokenGrant,
    RevocationEndpoint,
)
from .messages import quoted
from .state import (
    DEFAULT_DEVICE_INTERVAL,
    AuthorizationCode,
    DeviceAuthorization,
    Grant,
    RefreshToken,
    State,
)

#: "none" for a public client, else RFC 6749, section 2.3.1; the Application says which.
CLIENT_AUTH_METHODS = ["none", "client_secret_post", "client_secret_basic"]
#: What slow_down adds to the interval (RFC 8628, section 3.5).
_SLOW_DOWN_SECONDS = 5


class Pkce(CodeChallenge):
    """RFC 7636 with S256 alone: a plain challenge is the verifier itself (section 7.2)."""

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


class CodeGrant(AuthorizationCodeGrant):
    """RFC 6749, section 4.1."""

    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_AUTH_METHODS

    def validate_authorization_request(self) -> str:
        redirect_uri: str = super().validate_authorization_request()
        request = self.request
        if self.server.state.scope_to_grant(request.client, request.payload.scope) is None:
            # Versions of Authlib after 1.6 check this themselves, before this hook.
            raise InvalidScopeError(redirect_uri=redirect_uri)  # pragma: no cover - see above
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

    def query_authorization_code(self, code: str, client: Application) -> AuthorizationCode:
        state: State = self.server.state
        found = state.find_code(code, client)
        if found is None:
            raise InvalidGrantError("The authorization code is unknown.")
        if found.client_id != client.client_id:
            raise InvalidGrantError(_issued_to_another("authorization code", found.client_id))
        if state.now() >= found.expires_at:
            raise InvalidGrantError("The authorization code has expired.")
        if found.grant is not None:
            found.grant.revoked = True
            raise InvalidGrantError("The authorization code was used before.")
        return found

    def authenticate_user(self, authorization_code: AuthorizationCode) -> Grant:
        code = authorization_code
        code.grant = Grant(code.client_id, code.merchant, code.scope)
        return code.grant

    def delete_authorization_code(self, authorization_code: AuthorizationCode) -> None:
        """The code is kept, marked as used, so that a second use is noticed."""
        self.server.state.counters.exchanges += 1


class RefreshGrant(RefreshTokenGrant):
    """RFC 6749, section 6, with the rotation and reuse detection of RFC 9700, section 4.14.2."""

    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_AUTH_METHODS

    def authenticate_refresh_token(self, refresh_token: str) -> RefreshToken:
        state: State = self.server.state
        client: Application = self.request.client
        token = state.find_refresh_token(refresh_token, client)
        if token is None:
            raise InvalidGrantError("The refresh token is unknown.")
        if not token.check_client(client):
            raise InvalidGrantError(_issued_to_another("refresh token", token.grant.client_id))
        if token.grant.revoked:
            raise InvalidGrantError("The authorization has been revoked.")
        if state.now() >= token.expires_at:
            raise InvalidGrantError("The refresh token has expired.")
        if token.spent_at is None or state.now() < token.spent_at + state.switches.reuse_grace:
            return token
        if state.switches.reuse_detection:
            state.counters.reuse_detections += 1
            state.counters.grants_lost += 1
            token.grant.revoked = True
        raise InvalidGrantError("The refresh token was used before.")

    def create_token_response(self) -> Any:
        token: RefreshToken = self.request.refresh_token
        if token.answer is None:
            return super().create_token_response()
        self.server.state.counters.replays += 1
        return 200, token.answer, self.TOKEN_RESPONSE_HEADER

    def authenticate_user(self, refresh_token: RefreshToken) -> Grant:
        return refresh_token.grant

    def issue_token(self, user: Grant, refresh_token: RefreshToken) -> dict[str, Any]:
        state: State = self.server.state
        mode = state.switches.refresh_tokens
        answer: dict[str, Any] = self.generate_token(
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
        """The old token was spent when the new one was made."""
        self.server.state.counters.refreshes += 1


class DeviceGrant(DeviceCodeGrant):
    """RFC 8628, section 3.4."""

    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_AUTH_METHODS

    def query_device_credential(self, device_code: str) -> DeviceAuthorization:
        state: State = self.server.state
        client = state.applications[self.request.payload.client_id]
        found = state.find_device_by_code(device_code, client)
        if found is None:
            raise InvalidGrantError("The device code is unknown or was used before.")
        return found

    def validate_device_credential(self, credential: DeviceAuthorization) -> Any:
        self._device = credential
        return super().validate_device_credential(credential)

    def query_user_grant(self, user_code: str) -> tuple[Grant | None, bool] | None:
        device: DeviceAuthorization = self._device
        if device.denied:
            return None, False
        return (device.grant, True) if device.grant is not None else None

    def should_slow_down(self, credential: DeviceAuthorization) -> bool:
        now = self.server.state.now()
        last = credential.last_poll
        early = last is not None and now < last + credential.interval
        credential.last_poll = now
        if early:
            credential.interval += _SLOW_DOWN_SECONDS
        return early

    def create_token_response(self) -> Any:
        self.server.state.devices.pop(self.request.form["device_code"], None)
        return super().create_token_response()


class DeviceEndpoint(DeviceAuthorizationEndpoint):
    """RFC 8628, section 3.1."""

    CLIENT_AUTH_METHODS = CLIENT_AUTH_METHODS

    @property
    def EXPIRES_IN(self) -> int:  # noqa: N802 - Authlib's name
        return int(self.server.state.switches.device_lifetime)

    @property
    def INTERVAL(self) -> float | None:  # noqa: N802 - Authlib's name
        interval: float | None = self.server.state.switches.device_interval
        return interval

    def get_verification_uri(self) -> str:
        verification_uri: str = self.server.state.verification_uri
        return verification_uri

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
        status, response, headers = super().create_endpoint_response(request)
        if response["interval"] is None:
            del response["interval"]
        return status, response, headers


class Revocation(RevocationEndpoint):
    """RFC 7009; as at UltraCart, it revokes the application's whole grant, not one token."""

    CLIENT_AUTH_METHODS = CLIENT_AUTH_METHODS

    def authenticate_token(self, request: Any, client: Application) -> Any:
        self._client = client  # the endpoint serves one request at a time, under state.lock
        if not request.form.get("token"):  # an empty parameter is a missing one: RFC 6749, 3.1
            raise InvalidRequestError()
        return super().authenticate_token(request, client)

    def query_token(self, token_string: str, token_type_hint: str | None) -> Any:
        state: State = self.server.state
        return state.find_revocable(token_string, self._client)

    def revoke_token(self, token: Any, request: Any) -> None:
        token.grant.revoked = True

    def create_endpoint_response(self, request: Any) -> Any:
        status, _, headers = super().create_endpoint_response(request)
        response = {"successful": True, "message": "The authorization has been revoked."}
        return status, response, headers


def _issued_to_another(what: str, client_id: str) -> str:
    return f"The {what} was issued to another application: {quoted(client_id)}."
