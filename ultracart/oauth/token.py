"""Decides what a token is: how long it may be used, and how it is written down."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from typing import Any

from ..exceptions import ApiTypeError, ApiValueError
from ..models.oauth_token_response import OauthTokenResponse

# The early-refresh margin: a share of the lifetime, because a fixed one would refresh a short
# token all the time, and at most a minute, because more only wastes the token's life.
_MARGIN_SHARE = 0.1
_MAX_MARGIN = 60.0
# A lifetime beyond this many seconds (a century) is as good as none and must not overflow.
_MAX_LIFETIME = 3.2e9
# Clocks that agree to this many seconds count as equal.
_CLOCK_TOLERANCE = 0.1

_FIELDS = (
    "access_token",
    "refresh_token",
    "expires_at",
    "token_type",
    "scope",
    "issued_at",
    "merchant_id",
)
_TIMES = ("expires_at", "issued_at")


@dataclass(frozen=True, init=False, repr=False)
class Token:
    """One grant's tokens at one moment; immutable. ``repr`` never shows a token.

    Attributes:
        access_token: what authorises a request (RFC 6750).
        refresh_token: what gets the next access token (RFC 6749, section 6), or ``None``.
        expires_at: Unix seconds at which the access token ends; ``None`` when the server did not
            say: it is then used until the server answers 401.
        token_type: always compared without case; ``"bearer"``.
        scope: permissions granted, separated by spaces, or ``None`` when unknown.
        issued_at: Unix seconds at which the token was asked for, or ``None`` when unknown.
        merchant_id: the UltraCart merchant, where the server named it.

    Raises:
        ApiTypeError: a field has the wrong type.
        ApiValueError: ``access_token`` is empty, or a time is not finite.
    """

    # Ten thousand merchants are kept in memory: slots save a dict each.
    __slots__ = _FIELDS

    access_token: str
    refresh_token: str | None
    expires_at: float | None
    token_type: str
    scope: str | None
    issued_at: float | None
    merchant_id: str | None

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
    ) -> None:
        scope = _optional_text("scope", scope)
        put = object.__setattr__
        put(self, "access_token", _text("access_token", access_token))
        put(self, "refresh_token", _optional_text("refresh_token", refresh_token) or None)
        put(self, "expires_at", _unix_time("expires_at", expires_at))
        # Few distinct values among many tokens: interning keeps one copy of each.
        put(self, "token_type", sys.intern(_text("token_type", token_type)))
        put(self, "scope", None if scope is None else sys.intern(scope))
        put(self, "issued_at", _unix_time("issued_at", issued_at))
        put(self, "merchant_id", _optional_text("merchant_id", merchant_id))

    def __reduce__(self) -> tuple[Any, ...]:
        # Python 3.9 cannot unpickle a frozen class with slots by itself.
        return _from_fields, ({name: getattr(self, name) for name in _FIELDS},)

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
        """The token of a token endpoint's answer (RFC 6749, section 5.1).

        Args:
            issued_at: Unix seconds at which the request was *sent*, so that a slow answer never
                makes the token look younger than it is.
            previous: the token that was refreshed; it supplies what the answer leaves out, its
                refresh token above all (RFC 6749, section 6).
            scope: the scope that was asked for, which an answer without one grants
                (RFC 6749, section 5.1).
        """
        lifetime = response.expires_in
        return cls(
            response.access_token or "",
            response.refresh_token or (previous.refresh_token if previous else None),
            None if lifetime is None else issued_at + min(max(lifetime, 0), _MAX_LIFETIME),
            (response.token_type or "").strip().lower() or "bearer",
            response.scope or (previous.scope if previous else scope),
            issued_at=issued_at,
            merchant_id=response.merchant_id or (previous.merchant_id if previous else None),
        )

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
        if self.issued_at - now > max(self.margin(now), _CLOCK_TOLERANCE):
            return 0.0
        return min(left, self.expires_at - self.issued_at)

    def is_expired(self, now: float) -> bool:
        """Whether the access token has ended at Unix time ``now``."""
        return self.remaining(now) <= 0

    def is_same(self, other: Token | None) -> bool:
        """Whether both came from one answer of the server.

        The access token alone does not tell: a server may issue the same text again with a later
        expiry. Times may differ by the jitter of two clocks.
        """
        if other is None or not self.has_same_credentials(other):
            return False
        if self.expires_at is None or other.expires_at is None:
            return self.expires_at is other.expires_at
        return abs(self.expires_at - other.expires_at) < 1.0

    def has_same_credentials(self, other: Token) -> bool:
        """Whether access token and refresh token are both the same."""
        return (self.access_token, self.refresh_token) == (other.access_token, other.refresh_token)

    def to_json(self) -> str:
        """JSON text for a store; it holds the secrets in the clear."""
        fields = {name: getattr(self, name) for name in _FIELDS}
        return json.dumps({name: value for name, value in fields.items() if value is not None})

    @classmethod
    def from_json(cls, text: str) -> Token:
        """The token of :meth:`to_json`. Unknown fields are ignored.

        Raises:
            ApiValueError: the text is not such JSON; the message never quotes it.
        """
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            fields = None
        if not isinstance(fields, dict) or "access_token" not in fields:
            raise ApiValueError("text is not the JSON form of a Token")
        return _from_fields({name: fields[name] for name in _FIELDS if name in fields})


def _from_fields(fields: dict[str, Any]) -> Token:
    return Token(**fields)


def _text(name: str, value: object) -> str:
    """``value``, also of a member of an enumeration, as plain text."""
    if not isinstance(value, str):
        raise ApiTypeError("%s must be str, not %s" % (name, type(value).__name__))
    if not value:
        raise ApiValueError("%s must not be empty" % name)
    return str.__str__(value)


def _optional_text(name: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ApiTypeError("%s must be str or None, not %s" % (name, type(value).__name__))
    return None if value is None else str.__str__(value)


def _unix_time(name: str, value: float | None) -> float | None:
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
