"""The switches: every behaviour that UltraCart leaves undocumented."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

RefreshTokens = Literal["rotate", "same", "absent"]
ExpiresIn = Literal["number", "text", "absent"]

Kind = Literal["seconds", "flag", "choice", "status", "text"]

#: The most seconds, some 30,000 years; more would lose precision when added to the current time.
_LONGEST = 1e12


class Switch(NamedTuple):
    """A switch that can be set from a text: on the sandbox's page and on the command line."""

    name: str
    kind: Kind
    #: One line for people.
    summary: str
    choices: tuple[str, ...] = ()
    #: Whether it also takes None.
    optional: bool = False

    @property
    def default(self) -> Any:
        """The value of a new sandbox."""
        return getattr(Switches, self.name)

    def read(self, text: str) -> Any:
        """The value of a text; ``none`` or an empty text means None, if the switch accepts it.

        Raises:
            ValueError: it is not a value of the switch, which the message names.
        """
        text = text.strip()
        if self.optional and text.lower() in ("", "none"):
            return None
        value: Any = text
        if self.kind == "flag":
            value = {"on": True, "off": False}.get(text, text)
        elif self.kind in ("seconds", "status"):
            try:
                number = float(text)
                value = int(number) if number.is_integer() else number
            except (ValueError, OverflowError):
                value = text
        check(self.name, value)
        return value


#: Every switch but the clock, in the order in which people are shown them.
SWITCHES = (
    Switch("access_token_lifetime", "seconds", "seconds until an access token expires"),
    Switch(
        "refresh_token_lifetime",
        "seconds",
        "seconds until a refresh token expires; none: never",
        optional=True,
    ),
    Switch("code_lifetime", "seconds", "seconds until an authorization code expires"),
    Switch("refresh_tokens", "choice", "what a refresh returns", choices=get_args(RefreshTokens)),
    Switch("reuse_detection", "flag", "a spent refresh token that is sent again revokes the grant"),
    Switch("reuse_grace", "seconds", "seconds in which it gets the same response again instead"),
    Switch("require_pkce", "flag", "refuse an authorization request without a code_challenge"),
    Switch("expires_in", "choice", "how the lifetime is sent", choices=get_args(ExpiresIn)),
    Switch("token_type", "text", "how the token type is spelled"),
    Switch(
        "granted_scope", "text", "the scope that is granted, whatever was asked for", optional=True
    ),
    Switch("oauth_error_status", "status", "HTTP status of OAuth errors"),
    Switch("issuer", "text", "the iss parameter of the callback", optional=True),
    Switch("limit_concurrency", "flag", "respond 429 to an application's concurrent requests"),
    Switch(
        "device_interval",
        "seconds",
        "seconds between two polls of a device; none is not sent",
        optional=True,
    ),
    Switch("device_lifetime", "seconds", "seconds until a device code expires"),
)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


#: What each kind accepts: a check, and a description.
_KINDS: dict[Kind, tuple[Callable[[Any], bool], str]] = {
    "seconds": (
        lambda value: _is_number(value) and 0 <= value <= _LONGEST,
        "a number of seconds from 0 on",
    ),
    "flag": (lambda value: isinstance(value, bool), "True or False"),
    "text": (lambda value: isinstance(value, str), "a text"),
    "status": (
        lambda value: isinstance(value, int) and value in range(200, 600),
        "an HTTP status from 200 to 599",
    ),
}
_BY_NAME = {switch.name: switch for switch in SWITCHES}


def check(name: str, value: object) -> None:
    """Raise ValueError, naming the switch, if it does not accept this value."""
    if name == "clock" and not callable(value):
        raise ValueError(f"clock must be a function that returns Unix seconds, not {value!r}")
    switch = _BY_NAME.get(name)
    if switch is None or (switch.optional and value is None):
        return
    if switch.choices:
        if value not in switch.choices:
            raise ValueError(f"{name} must be one of {', '.join(switch.choices)}, not {value!r}")
        return
    accepts, words = _KINDS[switch.kind]
    if not accepts(value):
        words += " or None" if switch.optional else ""
        raise ValueError(f"{name} must be {words}, not {value!r}")


@dataclass(eq=False, repr=False)
class Switches:
    """Keyword arguments of :class:`Sandbox`, and attributes of it to be changed at any time."""

    #: Seconds until an access token expires.
    access_token_lifetime: float = 3600
    #: Seconds until a refresh token expires; None is never.
    refresh_token_lifetime: float | None = None
    #: Seconds until an authorization code expires (RFC 6749, section 4.1.2 advises at most 600).
    code_lifetime: float = 600
    #: What a refresh returns: "rotate": a new refresh token, and the old one is spent; "same": the
    #: old one again; "absent": none, and the old one stays valid.
    refresh_tokens: RefreshTokens = "rotate"
    #: If a spent refresh token is sent again, the grant is revoked (RFC 9700, section 4.14.2).
    reuse_detection: bool = True
    #: Seconds in which a spent refresh token gets the same response again instead.
    reuse_grace: float = 0
    #: Refuse an authorization request without a code_challenge (RFC 7636).
    require_pkce: bool = False
    #: How ``expires_in`` is sent: as a "number", as "text" (UltraCart's documented type), or
    #: "absent".
    expires_in: ExpiresIn = "number"
    #: How the token type is spelled.
    token_type: str = "Bearer"
    #: The scope that is granted, whatever was asked for; None grants what was asked for.
    granted_scope: str | None = None
    #: HTTP status of OAuth errors of the token endpoint; 200 puts the error inside a success.
    oauth_error_status: int = 400
    #: The ``iss`` parameter of the callback (RFC 9207); None sends none.
    issuer: str | None = None
    #: Respond with 429 to a request while another one of its application is in progress, as
    #: UltraCart does.
    limit_concurrency: bool = False
    #: Seconds between two polls of a device code; a faster poll gets slow_down, which adds five
    #: seconds (RFC 8628, section 3.5). None leaves ``interval`` out of the response and means 5.
    device_interval: float | None = 5
    #: Seconds until a device code expires.
    device_lifetime: float = 600
    #: Current time in Unix seconds; with a clock of your own, no test has to wait.
    clock: Callable[[], float] = time.time

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_") and not hasattr(type(self), name):
            raise AttributeError(f"{type(self).__name__} has no switch {name!r}")
        check(name, value)
        super().__setattr__(name, value)
