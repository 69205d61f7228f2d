"""The switches: every behaviour that UltraCart leaves undocumented."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

RefreshTokens = Literal["rotate", "same", "absent"]
ExpiresIn = Literal["number", "text", "absent"]

_CHOICES: dict[str, tuple[Any, ...]] = {
    "refresh_tokens": get_args(RefreshTokens),
    "expires_in": get_args(ExpiresIn),
}


def _is_seconds(value: Any) -> bool:
    return isinstance(value, (int, float)) and 0 <= value < math.inf


def _is_optional_seconds(value: Any) -> bool:
    return value is None or _is_seconds(value)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_optional_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


#: What the other switches take: a test, and in words.
_ACCEPTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(
        ("access_token_lifetime", "code_lifetime", "reuse_grace", "device_lifetime"),
        (_is_seconds, "a number of seconds, not negative"),
    ),
    **dict.fromkeys(
        ("reuse_detection", "require_pkce", "limit_concurrency"), (_is_flag, "True or False")
    ),
    **dict.fromkeys(("granted_scope", "issuer"), (_is_optional_text, "a text or None")),
    "token_type": (lambda value: isinstance(value, str), "a text"),
    "oauth_error_status": (lambda value: value in range(200, 600), "an HTTP status from 200 on"),
    **dict.fromkeys(
        ("refresh_token_lifetime", "device_interval"),
        (_is_optional_seconds, "a number of seconds, not negative, or None"),
    ),
    "clock": (callable, "a function that returns Unix seconds"),
}


@dataclass(eq=False, repr=False)
class Switches:
    """Keyword arguments of :class:`Sandbox`, and attributes of it to be changed at any time."""

    #: Seconds until an access token expires.
    access_token_lifetime: float = 3600
    #: Seconds until a refresh token expires; None is never.
    refresh_token_lifetime: float | None = None
    #: Seconds until an authorization code expires (RFC 6749, section 4.1.2 advises at most 600).
    code_lifetime: float = 600
    #: What a refresh answers: "rotate" a new refresh token and spend the old one, "same" the old
    #: one again, "absent" none at all (the old one stays good).
    refresh_tokens: RefreshTokens = "rotate"
    #: A spent refresh token that comes back revokes the whole grant (RFC 9700, section 4.14.2).
    reuse_detection: bool = True
    #: Seconds in which a spent refresh token gets the same answer again instead.
    reuse_grace: float = 0
    #: Refuse an authorization request without a code_challenge (RFC 7636).
    require_pkce: bool = False
    #: How ``expires_in`` is answered: as a "number", as "text" (UltraCart's documented type), or
    #: "absent".
    expires_in: ExpiresIn = "number"
    #: How the token type is spelled.
    token_type: str = "Bearer"
    #: The scope that the merchant grants whatever was asked; None grants what was asked.
    granted_scope: str | None = None
    #: HTTP status of OAuth errors of the token endpoint; 200 puts the error inside a success.
    oauth_error_status: int = 400
    #: The ``iss`` parameter of the callback (RFC 9207); None sends none.
    issuer: str | None = None
    #: Answer 429 to a request that arrives while another of its application is in progress, as
    #: UltraCart does.
    limit_concurrency: bool = False
    #: Seconds between two polls of a device code; a faster poll is answered slow_down, which adds
    #: five seconds (RFC 8628, section 3.5). None leaves ``interval`` out of the answer and means 5.
    device_interval: float | None = 5
    #: Seconds until a device code expires.
    device_lifetime: float = 600
    #: Current time in Unix seconds; give your own so that a test need not wait.
    clock: Callable[[], float] = time.time

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_") and not hasattr(type(self), name):
            raise AttributeError(f"{type(self).__name__} has no switch {name!r}")
        choices = _CHOICES.get(name)
        if choices is not None and value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
        accepts, words = _ACCEPTED.get(name, (None, ""))
        if accepts is not None and not accepts(value):
            raise ValueError(f"{name} must be {words}, not {value!r}")
        super().__setattr__(name, value)
