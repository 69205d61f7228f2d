"""Token: one grant's access and refresh token at one moment, immutable."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..exceptions import ApiTypeError, ApiValueError
from ..models.oauth_token_response import OauthTokenResponse

# The early-refresh margin: a share of the lifetime, because a fixed one would refresh a short
# token all the time, and at most a minute, because more only wastes the token's life.
_MARGIN_SHARE = 0.1
_MAX_MARGIN = 60.0
# A lifetime beyond this many seconds (a century) is as good as none and must not overflow.
_MAX_LIFETIME = 3.2e9
# Seconds by which the clock of another host may be ahead of this one's.
_CLOCK_TOLERANCE = 30.0
# What servers call the lifetime of a refresh token, which no RFC names.
_REFRESH_LIFETIMES = (
    "refresh_token_expires_in",
    "refresh_expires_in",
    "x_refresh_token_expires_in",
)


@dataclass(frozen=True, init=False, repr=False, eq=False, slots=True)
class Token:
    """One grant's tokens at one moment; immutable. ``repr`` never shows a token.

    Attributes:
        access_token: what authorizes a request (RFC 6750).
        refresh_token: what gets the next access token (RFC 6749, section 6), or ``None``.
        expires_at: Unix seconds at which the access token expires; ``None`` when the server did not
            say: it is then used until the server responds with 401.
        token_type: always compared without case; ``"bearer"``.
        scope: permissions granted, separated by spaces, or ``None`` when unknown.
        issued_at: Unix seconds at which the token was asked for, or ``None`` when unknown.
        merchant_id: the UltraCart merchant, where the server named it.
        host: scheme, host and port of the server that issued it, or ``None`` when unknown.
        client_id: the application that it was issued to, or ``None`` when unknown.
        granted_at: Unix seconds of the login that all refreshes go back to, or ``None``.
        refresh_token_expires_at: Unix seconds at which the refresh token expires, where the server
            says so.
        extra: fields of the response that are none of the above, a read-only ``dict``.

    Raises:
        ApiTypeError: a field has the wrong type.
        ApiValueError: ``access_token`` is empty, or a time is not finite. A bare refresh token, see
            :meth:`from_dict`, has an empty ``access_token`` and has expired.
    """

    access_token: str
    refresh_token: str | None
    expires_at: float | None
    token_type: str
    scope: str | None
    issued_at: float | None
    merchant_id: str | None
    host: str | None
    client_id: str | None
    granted_at: float | None
    refresh_token_expires_at: float | None
    extra: Mapping[str, Any]

    def __init__(
        self,
        access_token: str,
        refresh_token: str | None = None,
        expires_at: float | None = None,
        token_type: str = "bearer",
        scope: str | None = None,
        *,
        issued_at: float | None = None,
        merchant_id: str | None = None,
        host: str | None = None,
        client_id: str | None = None,
        granted_at: float | None = None,
        refresh_token_expires_at: float | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        given = locals()
        for name, read in _FIELDS.items():
            object.__setattr__(self, name, read(name, given[name]))
        is_bare = self.refresh_token is not None and self.expires_at == 0
        if not self.access_token and not is_bare:
            raise ApiValueError("access_token must not be empty")

    def __reduce__(self) -> tuple[Any, ...]:
        # By the names of the fields: a later version, with more of them, reads it as well.
        return partial(Token, **self._fields()), ()

    def __eq__(self, other: object) -> bool:
        return self._fields() == other._fields() if isinstance(other, Token) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.access_token, self.refresh_token, self.expires_at))

    def __repr__(self) -> str:
        return (
            "Token(access_token=***, refresh_token=%s, expires_at=%r, scope=%r, merchant_id=%r)"
            % (
                "***" if self.refresh_token else None,
                self.expires_at,
                self.scope,
                self.merchant_id,
            )
        )

    @classmethod
    def from_response(
        cls,
        response: OauthTokenResponse,
        *,
        issued_at: float,
        previous: Token | None = None,
        scope: str | None = None,
    ) -> Token:
        """The token of a token endpoint's response (RFC 6749, section 5.1).

        Args:
            issued_at: Unix seconds at which the request was *sent*, so that a slow response never
                makes the token look younger than it is.
            previous: the token that was refreshed; it supplies what the response leaves out, its
                refresh token above all (RFC 6749, section 6).
            scope: the scope that was asked for, which a response without one grants
                (RFC 6749, section 5.1).
        """
        old: dict[str, Any] = {"scope": scope, "granted_at": issued_at}
        if previous is not None:
            old = previous._fields()
        unknown = response.additional_properties
        refresh_expires_at = _refresh_expiry(unknown, issued_at)
        if response.refresh_token in (None, "", old.get("refresh_token")):
            refresh_expires_at = refresh_expires_at or old.get("refresh_token_expires_at")
        new = {
            "access_token": response.access_token or "",
            "refresh_token": response.refresh_token or old.get("refresh_token"),
            "expires_at": _expiry(response.expires_in, issued_at),
            "token_type": (response.token_type or "").strip().lower() or "bearer",
            "scope": response.scope or old.get("scope"),
            "issued_at": issued_at,
            "merchant_id": response.merchant_id or old.get("merchant_id"),
            "refresh_token_expires_at": refresh_expires_at,
            "extra": {**old.get("extra", {}), **unknown},
        }
        return cls(**{**old, **new})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, issued_at: float | None = None) -> Token:
        """The token in a dict of another library: Authlib, requests-oauthlib, a JSON response.

        A bare refresh token, ``{"refresh_token": "..."}``, makes a token that has expired: the
        session gets an access token with it when one is first asked for.

        Args:
            values: ``access_token``, ``refresh_token``, ``expires_at`` or ``expires_in``, ``scope``
                (text or a list), ``token_type``, and what else a Token has; further fields are
                kept in ``extra``.
            issued_at: Unix seconds at which ``expires_in`` began. Without it, and without
                ``expires_at``, a token that can be refreshed counts as expired.

        Raises:
            ApiTypeError, ApiValueError: ``values`` holds no token, or a field that cannot be read.
        """
        if not isinstance(values, Mapping):
            raise ApiTypeError("values must be a mapping, not %s" % type(values).__name__)
        if not values.get("access_token") and not values.get("refresh_token"):
            raise ApiValueError("values must hold an access_token or a refresh_token")
        fields = {name: values[name] for name in _FIELDS if values.get(name) is not None}
        fields.setdefault("access_token", "")
        if issued_at is not None:
            fields["issued_at"] = issued_at
        for name in _TIMES & fields.keys():
            fields[name] = _number(name, fields[name])
        issued_at = fields.get("issued_at")
        if isinstance(fields.get("scope"), (list, tuple, set, frozenset)):
            fields["scope"] = " ".join(map(str, fields["scope"]))
        if isinstance(fields.get("token_type"), str):
            fields["token_type"] = fields["token_type"].strip().lower() or "bearer"
        lifetime = values.get("expires_in")
        if lifetime is not None:
            lifetime = _number("expires_in", lifetime)
        if not fields["access_token"]:
            fields["expires_at"] = 0.0
        elif "expires_at" not in fields and lifetime is not None:
            if issued_at is not None:
                fields["expires_at"] = _expiry(lifetime, issued_at)
            elif fields.get("refresh_token"):
                fields["expires_at"] = 0.0
        unknown = {
            name: value
            for name, value in values.items()
            if value is not None and name not in _FIELDS and name != "expires_in"
        }
        if issued_at is not None and "refresh_token_expires_at" not in fields:
            fields["refresh_token_expires_at"] = _refresh_expiry(unknown, issued_at)
        fields["extra"] = {**_mapping("extra", fields.get("extra")), **unknown}
        return cls(**fields)

    def replaced(self, **changes: Any) -> Token:
        """A copy with other values in the fields that ``changes`` names."""
        return Token(**{**self._fields(), **changes})

    def shifted(self, seconds: float) -> Token:
        """A copy whose times are later by ``seconds``: the same moments by another clock."""
        if not self.access_token:
            return self  # a bare refresh token, which has expired by any clock
        times = {name: getattr(self, name) for name in _TIMES}
        return self.replaced(**{n: t + seconds for n, t in times.items() if t is not None})

    @property
    def lifetime(self) -> float | None:
        """Seconds from issue to expiry; ``None`` when either is unknown."""
        if self.expires_at is None or self.issued_at is None:
            return None
        return max(0.0, self.expires_at - self.issued_at)

    def margin(self, now: float) -> float:
        """Seconds before expiry at which a refresh is due: a tenth of the life, at most 60."""
        lifetime = self.lifetime
        if lifetime is None:
            lifetime = 0.0 if self.expires_at is None else max(0.0, self.expires_at - now)
        return min(_MAX_MARGIN, _MARGIN_SHARE * lifetime)

    def remaining(self, now: float) -> float:
        """Seconds of life left at Unix time ``now``; infinite when the server set no end.

        Never more than the whole lifetime. A token from the future has an unknown age, because a
        clock was set back since; it counts as expired rather than being handed out dead.
        """
        if self.expires_at is None:
            return math.inf
        left = self.expires_at - now
        if self.issued_at is None:
            return left
        if self.issued_at - now > _CLOCK_TOLERANCE:
            return 0.0
        return min(left, self.expires_at - self.issued_at)

    def is_expired(self, now: float) -> bool:
        """Whether the access token has expired at Unix time ``now``."""
        return self.remaining(now) <= 0

    def is_same_issue(self, other: Token | None) -> bool:
        """Whether both came from one response of the server.

        The access token alone does not tell: a server may issue the same text again with a later
        expiry. Times may differ by the jitter of two clocks.
        """
        if other is None or not self.has_same_credentials(other):
            return False
        if self.expires_at is None or other.expires_at is None:
            return self.expires_at is other.expires_at
        return abs(self.expires_at - other.expires_at) < 1.0

    def is_same(self, other: Token | None) -> bool:
        """The earlier name of :meth:`is_same_issue`."""
        return self.is_same_issue(other)

    def has_same_credentials(self, other: Token) -> bool:
        """Whether access token and refresh token are both the same."""
        return (self.access_token, self.refresh_token) == (other.access_token, other.refresh_token)

    def to_json(self) -> str:
        """JSON text for a store; it holds the secrets in the clear.

        Raises:
            ApiTypeError: ``extra`` holds something that JSON cannot.
        """
        fields = {name: value for name, value in self._fields().items() if value not in (None, {})}
        try:
            return json.dumps(fields)
        except (TypeError, ValueError, RecursionError):
            raise ApiTypeError("extra must hold JSON values only") from None

    @classmethod
    def from_json(cls, text: str) -> Token:
        """The token of :meth:`to_json`. Unknown fields are ignored.

        Raises:
            ApiValueError: the text is not such JSON; the message never quotes it.
        """
        try:
            fields = json.loads(text)
        except (TypeError, ValueError, RecursionError):
            fields = None
        if not isinstance(fields, dict) or "access_token" not in fields:
            raise ApiValueError("text is not the JSON form of a Token")
        return cls(**{name: fields[name] for name in _FIELDS if name in fields})

    def _fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _FIELDS}


def _text(name: str, value: object) -> str:
    """``value``, also of a member of an enumeration, as plain text."""
    if not isinstance(value, str):
        raise ApiTypeError("%s must be str, not %s" % (name, type(value).__name__))
    return str.__str__(value)


def _interned(name: str, value: object) -> str | None:
    # Few distinct values among many tokens: interning keeps one copy of each.
    return None if value is None else sys.intern(_text(name, value))


def _token_type(name: str, value: object) -> str:
    text = sys.intern(_text(name, value))
    if not text:
        raise ApiValueError("%s must not be empty" % name)
    return text


def _optional_text(name: str, value: object) -> str | None:
    """Text; ``None`` where there is none."""
    return None if value is None else _text(name, value) or None


def _unix_time(name: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ApiTypeError("%s must be Unix seconds, not %s" % (name, type(value).__name__))
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds):
        raise ApiValueError("%s must be finite Unix seconds" % name)
    return seconds


def _refuse(*_: Any, **__: Any) -> Any:
    raise TypeError("extra cannot be changed: make another Token with replaced(extra=...)")


class _ReadOnly(dict[str, Any]):
    """A dict that cannot be changed, because it is part of a Token."""

    __slots__ = ()

    __setitem__ = __delitem__ = __ior__ = update = setdefault = pop = popitem = clear = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return _ReadOnly, (dict(self),)


# One for all tokens without any: ten thousand are kept in memory.
_NO_EXTRA = _ReadOnly()


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise ApiTypeError("%s must be a mapping or None, not %s" % (name, type(value).__name__))
    return _ReadOnly(value) if value else _NO_EXTRA


# Every field and how its value is read: constructor, comparison, copies and JSON go by this table.
_FIELDS: dict[str, Callable[[str, Any], Any]] = {
    "access_token": _text,
    "refresh_token": _optional_text,
    "expires_at": _unix_time,
    "token_type": _token_type,
    "scope": _interned,
    "issued_at": _unix_time,
    "merchant_id": _optional_text,
    "host": _interned,
    "client_id": _interned,
    "granted_at": _unix_time,
    "refresh_token_expires_at": _unix_time,
    "extra": _mapping,
}
_TIMES = {name for name, read in _FIELDS.items() if read is _unix_time}


def _expiry(lifetime: float | None, issued_at: float) -> float | None:
    return None if lifetime is None else issued_at + min(max(lifetime, 0), _MAX_LIFETIME)


def _refresh_expiry(unknown: Mapping[str, Any], issued_at: float) -> float | None:
    """When the refresh token expires, where the response says it in a way that can be read."""
    for name in _REFRESH_LIFETIMES:
        try:
            lifetime = _number(name, unknown.get(name))
        except (ApiTypeError, ApiValueError):
            continue
        if lifetime > 0:  # Keycloak's 0 means that it does not expire
            return _expiry(lifetime, issued_at)
    return None


def _number(name: str, value: Any) -> float:
    """A number of seconds, which some libraries keep as text."""
    if isinstance(value, str) and len(value) < 32:
        try:
            value = float(value)
        except ValueError:
            value = None
    seconds = _unix_time(name, value)
    if seconds is None:
        raise ApiValueError("%s must be a number of seconds" % name)
    return seconds
