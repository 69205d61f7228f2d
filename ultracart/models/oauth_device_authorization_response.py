"""The response of the device authorization endpoint."""

from __future__ import annotations

from .model import Model


class OauthDeviceAuthorizationResponse(Model):
    """The response of ``POST /oauth/device/authorize`` (RFC 8628, section 3.2).

    Attributes:
        device_code: what the application polls with; secret.
        expires_in: lifetime of both codes in seconds.
        interval: minimum number of seconds between two polls; ``None`` means 5 (RFC 8628, 3.2).
        user_code: what the merchant types in; it is shown, so it is not masked.
        verification_uri: where the merchant types it.
        verification_uri_complete: the same with the code in it, for a link or a QR code.
    """

    device_code: str | None = None
    expires_in: int | None = None
    interval: int | None = None
    user_code: str | None = None
    verification_uri: str | None = None
    verification_uri_complete: str | None = None
