"""The response of the revocation endpoint."""

from __future__ import annotations

from .model import Model


class OauthRevokeSuccessResponse(Model):
    """The response of ``POST /oauth/revoke``.

    Attributes:
        message: UltraCart's message for people; ``None`` if it sent none.
        successful: whether the grant is revoked. A response with status 200 without this field is a
            success (RFC 7009, section 2.2).
    """

    message: str | None = None
    successful: bool | None = None
