"""The exceptions of this package, and how an error response becomes one of them.

::

    UltraCartError
      ConfigurationError (ValueError)     settings that cannot work; before any I/O
      ApiTypeError (TypeError)            an argument of the wrong type; before any I/O
      ApiValueError (ValueError)          an argument of the wrong value; before any I/O
      ApiException                        every failed call
        ApiConnectionError                no usable response: connection, TLS, invalid HTTP
        ApiTimeoutError                   no complete response in time
        ApiResponseError                  a response that is not what the API promises
        BadRequestException 400, UnauthorizedException 401, ForbiddenException 403,
        NotFoundException 404, RateLimitException 429, ServiceException 5xx
        OAuthError                        an OAuth error code (RFC 6749, section 5.2)
          InvalidGrantError InvalidClientError InvalidRequestError InvalidScopeError
          UnauthorizedClientError UnsupportedGrantTypeError
          AccessDeniedError AuthorizationPendingError SlowDownError ExpiredTokenError
      OAuthSessionError
        StateMismatchError ReauthorizationRequired TokenBindingError TokenStoreError
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .json_body import decode

__all__ = [
    "AccessDeniedError",
    "ApiAttributeError",
    "ApiConnectionError",
    "ApiException",
    "ApiKeyError",
    "ApiResponseError",
    "ApiTimeoutError",
    "ApiTypeError",
    "ApiValueError",
    "AuthorizationPendingError",
    "BadRequestException",
    "ConfigurationError",
    "ExpiredTokenError",
    "ForbiddenException",
    "InvalidClientError",
    "InvalidGrantError",
    "InvalidRequestError",
    "InvalidScopeError",
    "NotFoundException",
    "OAuthError",
    "OAuthSessionError",
    "OpenApiException",
    "RateLimitException",
    "ReauthorizationRequired",
    "ServiceException",
    "SlowDownError",
    "StateMismatchError",
    "TokenBindingError",
    "TokenStoreError",
    "UltraCartError",
    "UnauthorizedClientError",
    "UnauthorizedException",
    "UnsupportedGrantTypeError",
]

# The most characters that a message quotes from a server.
_MAX_QUOTED = 500
# Characters that are searched for secrets: more than is shown, so that no secret is shown in part.
_MAX_SEARCHED = 4000
# A body longer than this (characters or bytes) is not searched for an error description.
_MAX_DESCRIPTION = 256 * 1024


def _rebuild(
    cls: type[BaseException],
    args: tuple[Any, ...],
    state: dict[str, Any],
    cause: BaseException | None,
) -> BaseException:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    error.__cause__ = cause
    return error


class UltraCartError(Exception):
    """The base class of all exceptions of this package."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own protocol calls __init__ with self.args, which loses keyword arguments.
        # A cause is ours or the system's (rest chains no other); both pickle.
        cause = self.__cause__ if isinstance(self.__cause__, (UltraCartError, OSError)) else None
        return _rebuild, (type(self), self.args, dict(self.__dict__), cause)


def _located(msg: object, path_to_item: Any) -> object:
    """``msg`` with the place of the error: the keys and indices that lead to the wrong value.

    The official 4.x SDK's models pass these to the errors that they raise.
    """
    place = "".join("[%r]" % (step,) for step in path_to_item or ())
    return "%s at %s" % (msg, place) if place else msg


class ConfigurationError(UltraCartError, ValueError):
    """A setting that cannot work; raised before any I/O and naming the setting."""


class ApiTypeError(UltraCartError, TypeError):
    """An argument of the wrong type, or an unknown or missing one; raised before any I/O."""

    def __init__(
        self,
        msg: object = "",
        path_to_item: Any = None,
        valid_classes: Any = None,
        key_type: Any = None,
    ) -> None:
        super().__init__(_located(msg, path_to_item))
        self.path_to_item = path_to_item
        self.valid_classes = valid_classes
        self.key_type = key_type


class ApiValueError(UltraCartError, ValueError):
    """A required argument that is ``None`` or empty, or an impossible value; before any I/O."""

    def __init__(self, msg: object = "", path_to_item: Any = None) -> None:
        super().__init__(_located(msg, path_to_item))
        self.path_to_item = path_to_item


class ApiException(UltraCartError):
    """A call that failed. ``except ApiException`` catches every failure of a call.

    With a session's client, also catch ``OAuthSessionError``: a failure of the session itself.

    ``str()`` never shows the body, a header or a credential; the attributes hold them.

    Attributes:
        status: HTTP status code; ``None`` (0 for a TLS failure, as in the official SDK)
            when no response came.
        reason: the server's reason phrase, or the cause in words when no response came.
        headers: response headers, a case-insensitive mapping, or ``None``.
        body: response body as text, or bytes where it is not UTF-8, or ``None``.
        retry_after: seconds the server asked to wait (RFC 9110, section 10.2.3), or ``None``.
        request_sent: ``False``: the server cannot have acted; ``True``: it may have;
            ``None``: unknown.
        error, error_description, error_uri: the OAuth error (RFC 6749, section 5.2), or ``None``.
        request_line: method and path, such as ``"POST /rest/v2/oauth/token"``, or ``None``.
    """

    error: str | None = None
    error_description: str | None = None
    error_uri: str | None = None

    def __init__(
        self,
        status: int | None = None,
        reason: str | None = None,
        http_resp: Any | None = None,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        retry_after: float | None = None,
        request_sent: bool | None = None,
        request_line: str | None = None,
        redact: Callable[[str], str] = str,
    ) -> None:
        self.status: int | None = status
        self.reason: str | None = reason
        self.body: Any = body
        self.headers: Any = headers
        if http_resp is not None:
            self.status = http_resp.status
            self.reason = http_resp.reason
            self.body = http_resp.data
            self.headers = http_resp.getheaders()
            request_sent = True
        self.retry_after = retry_after
        self.request_sent = request_sent
        self.request_line = request_line
        self._describe(http_resp is None, redact)

    def complete(self, response: Any, reason: str | None = None) -> None:
        """Add status, headers and body of ``response``, in which this error was found.

        A response that a user made may have ``data`` alone.
        """
        if self.status is None:
            self.status = getattr(response, "status", None)
        self.reason = reason or self.reason
        self.body = response.data
        self.headers = response.getheaders() if hasattr(response, "getheaders") else None
        self.request_sent = True
        self.request_line = getattr(response, "request_line", None)
        self._describe(True, getattr(response, "redact", str))

    def _describe(self, own_reason: bool, redact: Callable[[str], str]) -> None:
        fields = error_fields(self.body)
        for name in ("error", "error_description", "error_uri"):
            if isinstance(fields.get(name), str):
                setattr(self, name, fields[name])
        self.args: tuple[Any, ...] = (self._message(fields, own_reason, redact),)

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""

    def _message(
        self, fields: Mapping[str, Any], own_reason: bool, redact: Callable[[str], str]
    ) -> str:
        parts = ["HTTP %s" % self.status] if self.status else []
        if self.error:
            described = self.error_description
            parts.append(_quote(self.error + (": " + described if described else ""), redact))
        # Callers of the official SDK also pass a text as the status.
        redirected = isinstance(self.status, int) and 300 <= self.status <= 399
        location = (self.headers or {}).get("Location") if redirected else None
        if location:
            parts.append("not following the redirect to " + _quote(_bare_url(location), redact))
        # The server's own reason phrase may echo anything, so only our words are shown.
        if self.reason and own_reason:
            parts.append(_quote(str(self.reason), redact))
        ultracart = (self.headers or {}).get("UC-REST-ERROR") or fields.get("developer_message")
        if isinstance(ultracart, str) and ultracart != self.error_description:
            parts.append("UC-REST-ERROR: " + _quote(ultracart, redact))
        text = ". ".join(parts) or type(self).__name__
        return "%s: %s" % (self.request_line, text) if self.request_line else text


class ApiConnectionError(ApiException):
    """No usable response: refused, reset, TLS failure or invalid HTTP; see ``request_sent``."""


class ApiTimeoutError(ApiException):
    """No complete response in time; see ``request_sent``."""


class ApiResponseError(ApiException):
    """A response that is not what the API promises: HTML, bad JSON, too large, no token."""


class OAuthError(ApiException):
    """An OAuth error code (RFC 6749, section 5.2), also in a response with status 200."""


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
    """The merchant did not allow it (RFC 6749, 4.1.2.1; RFC 8628, 3.5)."""

    error: str | None = "access_denied"


class AuthorizationPendingError(OAuthError):
    """The merchant has not decided yet: poll again (RFC 8628, 3.5)."""

    error: str | None = "authorization_pending"


class SlowDownError(OAuthError):
    """Poll again, five seconds slower from now on (RFC 8628, 3.5)."""

    error: str | None = "slow_down"


class ExpiredTokenError(OAuthError):
    """The device code has expired: start again (RFC 8628, 3.5)."""

    error: str | None = "expired_token"


class OAuthSessionError(UltraCartError):
    """A failure of the session layer that is not the failure of one call."""


class StateMismatchError(OAuthSessionError):
    """A callback whose ``state`` is unknown, used, expired or missing (RFC 6749, 10.12)."""


class ReauthorizationRequired(OAuthSessionError):
    """The merchant must authorize again: there is no grant, or it has expired or was revoked.

    ``account`` names the merchant's account in the token store; ``__cause__`` is the server's
    error response, if there was one.
    """

    def __init__(self, message: str = "authorize again", *, account: str | None = None) -> None:
        super().__init__(message)
        self.account = account


class TokenBindingError(OAuthSessionError):
    """A token that belongs to another server, application or merchant; it is not used.

    ``account`` names the account in the token store. The stored token stays.
    """

    def __init__(self, message: str = "another's token", *, account: str | None = None) -> None:
        super().__init__(message)
        self.account = account


class TokenStoreError(OAuthSessionError):
    """The token store failed; the token in it is untouched."""


class ApiAttributeError(UltraCartError, AttributeError):
    """The official SDK's error for an attribute that a model does not have."""

    def __init__(self, msg: object = "", path_to_item: Any = None) -> None:
        super().__init__(_located(msg, path_to_item))
        self.path_to_item = path_to_item


class ApiKeyError(UltraCartError, KeyError):
    """The official SDK's error for a key that a model does not have."""

    def __init__(self, msg: object = "", path_to_item: Any = None) -> None:
        super().__init__(_located(msg, path_to_item))
        self.path_to_item = path_to_item


# The name of the base class in the official 4.x SDK.
OpenApiException = UltraCartError

_BY_STATUS: dict[int, type[ApiException]] = {
    400: BadRequestException,
    401: UnauthorizedException,
    403: ForbiddenException,
    404: NotFoundException,
    429: RateLimitException,
    500: ServiceException,
}
_BY_ERROR: dict[str, type[OAuthError]] = {
    str(cls.error): cls for cls in OAuthError.__subclasses__()
}


def oauth_error_class(error: str) -> type[OAuthError]:
    """The class for an OAuth error code; ``OAuthError`` itself for an unknown code."""
    return _BY_ERROR.get(error, OAuthError)


def error_class(status: int, body: Any) -> type[ApiException]:
    """The class for an error response: by its OAuth code where it has one, else by its status.

    RFC 6750 codes (``invalid_token``) come with a 401 or 403 on a resource and say no more than
    the status does, so those stay with the status classes; ``.error`` has the code.
    """
    error = error_fields(body).get("error")
    if isinstance(error, str) and status < 500:
        found = oauth_error_class(error)
        if found is not OAuthError or status == 400:
            return found
    return _BY_STATUS.get(min(status, 500), ApiException)


def is_unauthorized(error: ApiException) -> bool:
    """Whether the server (not a proxy) responded with 401, whatever the class of the error."""
    return error.status == 401 and not isinstance(error, ApiConnectionError)


def error_fields(body: Any) -> Mapping[str, Any]:
    """The error fields of either of UltraCart's shapes, flat; empty where the body has none.

    ``{"error": "code", "error_description": ...}`` is RFC 6749's;
    ``{"error": {"developer_message": ...}}`` is every other UltraCart resource's.
    """
    if isinstance(body, (str, bytes)):
        if len(body) > _MAX_DESCRIPTION:
            return {}
        body, _ = decode(body)
    if not isinstance(body, dict):
        return {}
    error = body.get("error")
    return error if isinstance(error, dict) else body


def _quote(text: str, redact: Callable[[str], str]) -> str:
    """Server text for one line of a log: redacted, printable, cut to a length."""
    text = redact(text[:_MAX_SEARCHED])
    if len(text) > _MAX_QUOTED:
        text = text[:_MAX_QUOTED] + "..."
    return "".join(char if char.isprintable() else " " for char in text)


def _bare_url(url: str) -> str:
    """``url`` without the parts that may hold credentials: user, query, fragment."""
    from re import sub  # only redirects need it

    bare = url.partition("?")[0].partition("#")[0]
    # As browsers, accept any number of slashes and backslashes.
    return sub(r"^(\w[\w+.-]*:(?=[/\\]))?([/\\]*)[^/\\]*@", r"\1\2", bare)
