"""The response of ``GET /oauth/me``."""

from __future__ import annotations

from .model import Model


class OauthMeResponse(Model):
    """The response of ``GET /oauth/me``: who authorized, and what.

    UltraCart does not document this body; fields beyond these are in ``additional_properties`` and
    can be read as ``me["name"]`` too.

    Attributes:
        application_name: the application's name.
        client_id: the application's OAuth client id.
        merchant_id: the merchant who authorized.
        merchant_name: the merchant's name.
        scopes: the permissions granted, which may be fewer than the application asked for.
    """

    application_name: str | None = None
    client_id: str | None = None
    merchant_id: str | None = None
    merchant_name: str | None = None
    scopes: list[str] | None = None
