"""Decides what a failure is called and which facts it carries.

::

    UltraCartError
      ConfigurationError (ValueError)     settings that cannot work; before any I/O
      ApiTypeError (TypeError)            an argument of the wrong type; before any I/O
      ApiValueError (ValueError)          an argument of the wrong value; before any I/O
      ApiException                        every failed call
        ApiConnectionError                no usable answer: connection, TLS, broken framing
        ApiTimeoutError                   no complete answer in time
        ApiResponseError                  an answer that is not what the API promises
        BadRequestException 400, UnauthorizedException 401, ForbiddenException 403,
        NotFoundException 404, RateLimitException 429, ServiceException 5xx
        OAuthError                        an OAuth error code (RFC 6749, section 5.2)
          InvalidGrantError InvalidClientError InvalidRequestError InvalidScopeError
          UnauthorizedClientError UnsupportedGrantTypeError
          AccessDeniedError AuthorizationPendingError SlowDownError ExpiredTokenError
      OAuthSessionError
        StateMismatchError ReauthorizationRequired TokenStoreError
"""

from __future__ import annotations

from collections.abc import Mapping

from ..forks import load, load_logging_first
from ..json_body import decode

TYPE_CHECKING = False
if TYPE_CHECKING:  # what type checkers and editors see; at run time _HOMES decides
    from collections.abc import Callable
    from typing import Any

    from .answers import (
        AccessDeniedError as AccessDeniedError,
        AuthorizationPendingError as AuthorizationPendingError,
        BadRequestException as BadRequestException,
        ExpiredTokenError as ExpiredTokenError,
        ForbiddenException as ForbiddenException,
        InvalidClientError as InvalidClientError,
        InvalidGrantError as InvalidGrantError,
        InvalidRequestError as InvalidRequestError,
        InvalidScopeError as InvalidScopeError,
        NotFoundException as NotFoundException,
        RateLimitException as RateLimitException,
        ServiceException as ServiceException,
        SlowDownError as SlowDownError,
        UnauthorizedClientError as UnauthorizedClientError,
        UnauthorizedException as UnauthorizedException,
        UnsupportedGrantTypeError as UnsupportedGrantTypeError,
    )
    from .sessions import (
        OAuthSessionError as OAuthSessionError,
        ReauthorizationRequired as ReauthorizationRequired,
        StateMismatchError as StateMismatchError,
        TokenStoreError as TokenStoreError,
    )
    from .version4 import ApiAttributeError as ApiAttributeError, ApiKeyError as ApiKeyError

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
    "TokenStoreError",
    "UltraCartError",
    "UnauthorizedClientError",
    "UnauthorizedException",
    "UnsupportedGrantTypeError",
]

_HOMES = {
    **dict.fromkeys(
        """
        BadRequestException UnauthorizedException ForbiddenException NotFoundException
        RateLimitException ServiceException InvalidGrantError InvalidClientError
        InvalidRequestError InvalidScopeError UnauthorizedClientError UnsupportedGrantTypeError
        AccessDeniedError AuthorizationPendingError SlowDownError ExpiredTokenError
        """.split(),
        "answers",
    ),
    **dict.fromkeys(
        "OAuthSessionError ReauthorizationRequired StateMismatchError TokenStoreError".split(),
        "sessions",
    ),
    **dict.fromkeys(["ApiAttributeError", "ApiKeyError"], "version4"),
}

# What a message quotes from a server is cut here, in characters: an error page is no message.
_MAX_QUOTED = 500
# As much is searched for secrets: more than is shown, so that none is shown in part.
_MAX_SEARCHED = 4000
# A longer body, in characters or bytes, describes no error.
_MAX_DESCRIPTION = 256 * 1024
# How loading fails: no descriptor or memory is left, Python is about to end, or a signal handler
# calls amid the first call.
CANNOT_LOAD = (ImportError, OSError, MemoryError, RecursionError)


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
    """Base of everything this package raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own protocol calls __init__ with self.args, which loses keyword facts.
        # A cause is ours or the system's (rest chains no other); both pickle.
        cause = self.__cause__ if isinstance(self.__cause__, (UltraCartError, OSError)) else None
        return _rebuild, (type(self), self.args, dict(self.__dict__), cause)


class ConfigurationError(UltraCartError, ValueError):
    """A setting that cannot work; raised before any I/O and naming the setting."""


class ApiTypeError(UltraCartError, TypeError):
    """An argument of the wrong type, or an unknown or missing one; raised before any I/O."""


class ApiValueError(UltraCartError, ValueError):
    """A required argument that is ``None`` or empty, or an impossible value; before any I/O."""


class ApiException(UltraCartError):
    """A call that failed. ``except ApiException`` catches every failure of a call.

    ``str()`` never shows the body, a header or a credential; the attributes hold them.

    Attributes:
        status: HTTP status code; ``None`` (0 for a TLS failure, as in the official SDK)
            when no answer came.
        reason: the server's reason phrase, or the cause in words when no answer came.
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
        """Add the facts of the answer that this error was found in, as ``rest`` read it.

        Users also deserialize answers of their own making, which have ``data`` alone.
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
        if self.error is not None:
            described = self.error_description
            parts.append(_quote(self.error + (": " + described if described else ""), redact))
        # Callers of the official SDK also pass a text as the status.
        redirected = isinstance(self.status, int) and 300 <= self.status <= 399
        location = (self.headers or {}).get("Location") if redirected else None
        if location:
            parts.append("not following the redirect to " + _quote(_bare_url(location), redact))
        # The server's own reason phrase may echo anything, so only our words are shown.
        if self.reason and own_reason:
            parts.append(_quote(self.reason, redact))
        ultracart = (self.headers or {}).get("UC-REST-ERROR") or fields.get("developer_message")
        if isinstance(ultracart, str) and ultracart != self.error_description:
            parts.append("UC-REST-ERROR: " + _quote(ultracart, redact))
        text = ". ".join(parts) or type(self).__name__
        return "%s: %s" % (self.request_line, text) if self.request_line else text


class ApiConnectionError(ApiException):
    """No usable answer: refused, reset, TLS failure or broken framing; see ``request_sent``."""


class ApiTimeoutError(ApiException):
    """No complete answer in time; see ``request_sent``."""


class ApiResponseError(ApiException):
    """An answer that is not what the API promises: HTML, bad JSON, too large, no token."""


class OAuthError(ApiException):
    """The server answered with an OAuth error code (RFC 6749, section 5.2), also in a 200."""


# The root's name in the official 4.x SDK.
OpenApiException = UltraCartError


def oauth_error_class(error: str) -> type[OAuthError]:
    """The class for an OAuth error code; ``OAuthError`` itself for a code of no RFC we know."""
    answers = load_answers()
    return OAuthError if answers is None else answers.BY_ERROR.get(error, OAuthError)


def error_class(status: int, body: Any) -> type[ApiException]:
    """The class for an error answer: the OAuth code decides where there is one, else the status.

    RFC 6750 codes (``invalid_token``) come with a 401 or 403 on a resource and say no more than
    the status does, so those stay with the status classes; ``.error`` has the code.
    """
    error = error_fields(body).get("error")
    if isinstance(error, str) and status < 500:
        found = oauth_error_class(error)
        if found is not OAuthError or status == 400:
            return found
    answers = load_answers()
    return (
        ApiException if answers is None else answers.BY_STATUS.get(min(status, 500), ApiException)
    )


def is_unauthorized(error: ApiException) -> bool:
    """Whether the server answered 401, whatever OAuth code made the class; not a proxy's 401."""
    return error.status == 401 and not isinstance(error, ApiConnectionError)


def load_answers() -> Any:
    """The module ``answers``; ``None`` where it cannot be loaded any more, and a base must do.

    Then no descriptor is left, or Python is about to end. Before that can be, ``rest`` has loaded
    the module, in every process that makes more than one call.
    """
    try:
        return _load("answers")
    except CANNOT_LOAD:
        return None


def _load(name: str) -> Any:
    # Python puts it here once it is whole.
    return globals().get(name) or load(__name__ + "." + name)


def publish(part: dict[str, Any]) -> None:
    """Give what a module of this package defines its public name, in tracebacks and pickles too."""
    for value in list(part.values()):
        if getattr(value, "__module__", None) == part["__name__"]:
            value.__module__ = __name__


def load_part(module: str, name: str) -> Any:
    """What the module of this name has under ``name``; the module is loaded on first need.

    Raises:
        ApiConnectionError: it cannot be loaded; nothing has been sent.
    """
    try:
        load_logging_first()
        return getattr(load(module), name)
    except (AttributeError, *CANNOT_LOAD) as error:
        raise not_loaded(module, error) from error


def not_loaded(what: str, error: BaseException) -> ApiConnectionError:
    """The error of a call whose process cannot load what it needs."""
    why = getattr(error, "strerror", None) or "%s: %s" % (type(error).__name__, error)
    return ApiConnectionError(reason="%s cannot be loaded: %s" % (what, why), request_sent=False)


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
    """Server text made safe for one line of a log: redacted, printable, bounded."""
    text = redact(text[:_MAX_SEARCHED])
    if len(text) > _MAX_QUOTED:
        text = text[:_MAX_QUOTED] + "..."
    return "".join(char if char.isprintable() else " " for char in text)


def _bare_url(url: str) -> str:
    """``url`` without the parts that may hold credentials: user, query, fragment."""
    from re import sub  # only redirects need it

    bare = url.partition("?")[0].partition("#")[0]
    # Slashes as browsers take them: any number, either way.
    return sub(r"^(\w[\w+.-]*:(?=[/\\]))?([/\\]*)[^/\\]*@", r"\1\2", bare)


def _find(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError("module %r has no attribute %r" % (__name__, name))
    value = getattr(_load(_HOMES[name]), name)
    globals()[name] = value
    return value


if not TYPE_CHECKING:  # type checkers would take every misspelt name for something of it
    __getattr__ = _find


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
