"""The response of the token endpoint."""

from __future__ import annotations

from typing import ClassVar

from .model import Model


class OauthTokenResponse(Model):
    """The response of ``POST /oauth/token`` (RFC 6749, section 5.1).

    Attributes:
        access_token: sent as ``Authorization: Bearer ...`` with each call.
        error, error_description, error_uri: kept for the official SDK's shape; a response with an
            error is raised as :class:`ultracart.exceptions.OAuthError` instead.
        expires_in: lifetime of the access token in seconds, counted from the request; ``None`` if
            the server does not say.
        refresh_token: gets the next access token; ``None`` if the server sent none.
        scope: granted permissions, separated by spaces; ``None`` means those that were asked for
            (RFC 6749, 5.1).
        token_type: ``bearer``, in the server's spelling.
        merchant_id: the merchant who authorized, if UltraCart names one.
    """

    _keyword_only: ClassVar[frozenset[str]] = frozenset({"merchant_id"})

    access_token: str | None = None
    error: str | None = None
    error_description: str | None = None
    error_uri: str | None = None
    expires_in: int | None = None
    refresh_token: str | None = None
    scope: str | None = None
    token_type: str | None = None
    merchant_id: str | None = None
