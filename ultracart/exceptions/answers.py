"""Decides which class an answer that says no is raised as: by its OAuth code, or by its status.

Loaded by who names one of these classes, else with the first refusal or the second call of a
process: most of those that make one call are never told no, and these classes cost as much to make
as three calls.
"""

from __future__ import annotations

from . import ApiException, OAuthError, publish

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing costs more to load than this package
    pass


class BadRequestException(ApiException):
    """400 without an OAuth error code."""


class UnauthorizedException(ApiException):
    """401: the credentials were missing, wrong or expired."""


class ForbiddenException(ApiException):
    """403: the credentials are valid but lack the permission."""


class NotFoundException(ApiException):
    """404: no such resource."""


class RateLimitException(ApiException):
    """429: too many requests, or concurrent ones of one application; see ``retry_after``."""


class ServiceException(ApiException):
    """5xx: the server failed; it may have acted before it did."""


class InvalidGrantError(OAuthError):
    """The code or refresh token is wrong, expired, used or revoked (RFC 6749, 5.2)."""

    error: str | None = "invalid_grant"


class InvalidClientError(OAuthError):
    """The application is unknown or did not authenticate (RFC 6749, 5.2)."""

    error: str | None = "invalid_client"


class InvalidRequestError(OAuthError):
    """A parameter is missing, repeated or malformed (RFC 6749, 5.2)."""

    error: str | None = "invalid_request"


class InvalidScopeError(OAuthError):
    """The scope is unknown or exceeds what was granted (RFC 6749, 5.2)."""

    error: str | None = "invalid_scope"


class UnauthorizedClientError(OAuthError):
    """The application may not use this grant type (RFC 6749, 5.2)."""

    error: str | None = "unauthorized_client"


class UnsupportedGrantTypeError(OAuthError):
    """The server does not know this grant type (RFC 6749, 5.2)."""

    error: str | None = "unsupported_grant_type"


class AccessDeniedError(OAuthError):
    """The merchant said no (RFC 6749, 4.1.2.1; RFC 8628, 3.5)."""

    error: str | None = "access_denied"


class AuthorizationPendingError(OAuthError):
    """The merchant has not answered yet: poll again (RFC 8628, 3.5)."""

    error: str | None = "authorization_pending"


class SlowDownError(OAuthError):
    """Poll again, five seconds slower from now on (RFC 8628, 3.5)."""

    error: str | None = "slow_down"


class ExpiredTokenError(OAuthError):
    """The device code has expired: start again (RFC 8628, 3.5)."""

    error: str | None = "expired_token"


BY_STATUS: dict[int, type[ApiException]] = {
    400: BadRequestException,
    401: UnauthorizedException,
    403: ForbiddenException,
    404: NotFoundException,
    429: RateLimitException,
    500: ServiceException,
}
BY_ERROR: dict[str, type[OAuthError]] = {
    str(cls.error): cls
    for cls in (
        InvalidGrantError,
        InvalidClientError,
        InvalidRequestError,
        InvalidScopeError,
        UnauthorizedClientError,
        UnsupportedGrantTypeError,
        AccessDeniedError,
        AuthorizationPendingError,
        SlowDownError,
        ExpiredTokenError,
    )
}


publish(globals())
