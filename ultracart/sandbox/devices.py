# mypy: disallow-subclassing-any=False
"""Decides how a device without a browser is authorized (RFC 8628): Authlib's over the State."""

from __future__ import annotations

from typing import Any

from flask import url_for

from . import placeholders
from .authlib_bases import (
    DeviceAuthorizationEndpoint,
    DeviceCodeGrant,
    InvalidGrantError,
    InvalidScopeError,
)
from .grants import CLIENT_AUTH_METHODS
from .state import DEFAULT_DEVICE_INTERVAL, DeviceAuthorization, Grant, State

#: What slow_down adds to the interval (RFC 8628, section 3.5).
_SLOW_DOWN_SECONDS = 5


class DeviceGrant(DeviceCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_AUTH_METHODS

    def query_device_credential(self, device_code: str) -> DeviceAuthorization:
        state: State = self.server.state
        client = state.applications[self.request.payload.client_id]
        found = placeholders.device(device_code, client) or state.devices.get(device_code)
        if found is None:
            raise InvalidGrantError("The device code is unknown or was used before.")
        if client is placeholders.APPLICATION and found.grant is None:
            found.grant = placeholders.new_grant()
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
    CLIENT_AUTH_METHODS = CLIENT_AUTH_METHODS

    @property
    def EXPIRES_IN(self) -> int:  # noqa: N802 - Authlib's name
        return int(self.server.state.switches.device_lifetime)

    @property
    def INTERVAL(self) -> float | None:  # noqa: N802 - Authlib's name
        interval: float | None = self.server.state.switches.device_interval
        return interval

    def get_verification_uri(self) -> str:
        return url_for("pages.device_page", _external=True)

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
        if answer["interval"] is None:
            del answer["interval"]
        return status, answer, headers
