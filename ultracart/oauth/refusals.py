"""Remembered refusals: error responses to refresh tokens, 401s to new access tokens.

A request that would be refused again is not sent: an application that asks for the token of one
revoked grant every three seconds would use up its requests of the hour.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..exceptions import (
    ApiException,
    InvalidClientError,
    ReauthorizationRequired,
    TokenBindingError,
    UltraCartError,
    UnauthorizedClientError,
)
from .single_flight import equal_error
from .token import Token
from .token_cache import BoundedDict, CachedToken
from .token_endpoint import may_have_been_lost

# Seconds after which an application whose client id was refused asks again.
_APPLICATION_REFUSED = 60.0
# The longest pause, in seconds, after several failures in a row: if UltraCart decided so, and if
# its responses were lost, as in an outage, whose end is to be noticed soon.
_DECIDED, _LOST = 60.0, 15.0
# Seconds for which a new token is kept although a resource rejects it; doubled each time.
_REJECTED_SOON = 10.0
_MOST_DOUBLINGS = 6
# A series of rejections ends when the next one comes later than so many pauses.
_SERIES = 4
# Seconds; the longest Retry-After that is waited out.
_MAX_RETRY_AFTER = 86400.0

# The account, and when the login was that all refreshes go back to.
_GrantKey = tuple[str, float | None]


class Refusal(NamedTuple):
    """An error response to a token, and the monotonic second until which it holds."""

    credential: str
    error: Exception
    until: float

    def __repr__(self) -> str:
        return "Refusal(%s, until=%r)" % (type(self.error).__name__, self.until)

    @property
    def is_final(self) -> bool:
        """Whether the grant has ended, so that only another token helps."""
        return self.until == math.inf

    def is_of(self, token: Token) -> bool:
        """Whether it is an error response to this token."""
        return self.credential == _credential(token)


class Refusals:
    """The refusals of one application and one store in this process, one for each account.

    An application whose client id or secret is refused (``invalid_client``) for two accounts within
    a minute is refused for all: their refresh tokens have nothing to do with it.
    """

    def __init__(self) -> None:
        # No lock: a dict's single operations are atomic.
        self._by_account: BoundedDict[str, Refusal] = BoundedDict()
        # The account that was last refused as invalid_client, and the refusal that holds for all.
        self._last_invalid: tuple[str, Refusal] | None = None
        self._for_all: Refusal | None = None
        # Tokens that were rejected soon after their refresh, by grant: how many in a row, and when
        # the last was refreshed.
        self._rejected: BoundedDict[_GrantKey, tuple[int, float]] = BoundedDict()
        # Rejected tokens that other processes had refreshed, by grant: how many in a row were
        # replaced, and when the last was.
        self._adopted: BoundedDict[_GrantKey, tuple[int, float]] = BoundedDict()
        # The hash of a refresh token, and how many error responses in a row came to it.
        self._failed: BoundedDict[str, tuple[int, int]] = BoundedDict()

    def remember(
        self,
        account: str,
        token: Token,
        error: UltraCartError,
        now: float,
        *,
        early: bool = False,
    ) -> None:
        """Keep the ``error`` of a request with ``token``, if an early retry would fail again.

        ``early``: the token was still valid. Such requests have a backoff of their own (R3).
        """
        pause = _pause(error)
        if not pause and not early:
            pause = self._pause_of_a_series(account, token, error)
        if not pause or (pause < math.inf and self.has_ended(account, token)):
            return
        # Copies: the original's traceback would keep the failed call's local variables alive.
        kept = equal_error(error)
        if isinstance(error.__cause__, Exception):
            kept.__cause__ = equal_error(error.__cause__)
        refusal = Refusal(_credential(token), kept, now + pause)
        self._by_account[account] = refusal
        if isinstance(error, InvalidClientError):
            other, last = self._last_invalid or (account, refusal)
            if other != account and now < last.until:
                self._for_all = refusal
            self._last_invalid = account, refusal

    def _pause_of_a_series(self, account: str, token: Token, error: UltraCartError) -> float:
        """Seconds that grow with each error in a row for one token; none after the first.

        Without it, a merchant for whom each refresh is an ``invalid_request`` would cost a request
        with each call, and one for whom it is a 500 would cost four. What was not sent costs none.
        Lost responses may be a short outage: no pause after the first three.
        """
        if not isinstance(error, ApiException) or error.request_sent is False:
            return 0.0
        seen, count = self._failed.get(account, (0, 0))
        count = count + 1 if seen == hash(token.refresh_token) else 1
        self._failed[account] = hash(token.refresh_token), count
        free, longest = (3, _LOST) if may_have_been_lost(error) else (1, _DECIDED)
        return 0.0 if count <= free else min(2.0 ** min(count - free - 1, 10), longest)

    def check(self, account: str, token: Token, now: float) -> None:
        """Raise the refusal that still holds for this token."""
        for_all = self._for_all
        if for_all is not None and now < for_all.until:
            raise equal_error(for_all.error)
        refusal = self._by_account.get(account)
        if refusal is None or now >= refusal.until or not refusal.is_of(token):
            return
        error = equal_error(refusal.error)
        if isinstance(error, ApiException) and error.retry_after:
            error.retry_after = refusal.until - now
        raise error

    def has_ended(self, account: str, token: Token) -> bool:
        """Whether the grant of this token is known to have ended."""
        refusal = self._by_account.get(account)
        return refusal is not None and refusal.is_final and refusal.is_of(token)

    def forget(self, account: str) -> None:
        """The account has a new grant, or none."""
        self._by_account.pop(account, None)
        self._failed.pop(account, None)

    def accept(self, account: str) -> None:
        """The server has given the application a token for the account."""
        self._failed.pop(account, None)
        self._last_invalid = self._for_all = None

    def keeps_rejected(self, account: str, now: float, entry: CachedToken) -> bool:
        """Whether a token that is rejected ``now`` stays in use.

        It does within seconds of its own refresh: a resource that rejects every token would get a
        new one with each call.
        """
        grant = account, entry.token.granted_at
        refreshed_at = entry.refreshed_at
        if not math.isfinite(refreshed_at):
            return self._keeps_adopted(grant, now)
        count, rejected = self._rejected.get(grant, (0, -math.inf))
        if now - refreshed_at < _REJECTED_SOON * 2**count:
            self._rejected[grant] = count, refreshed_at
            return True
        if rejected == refreshed_at:
            self._rejected[grant] = min(count + 1, _MOST_DOUBLINGS), refreshed_at
        else:
            self._rejected.pop(grant, None)
        return False

    def _keeps_adopted(self, grant: _GrantKey, now: float) -> bool:
        """Otherwise many processes on one store replace each other's tokens with each call."""
        count, replaced = self._adopted.get(grant, (0, -math.inf))
        pause = _REJECTED_SOON * 2**count
        if now - replaced < pause:
            return True
        is_series = now - replaced < _SERIES * pause
        self._adopted[grant] = (min(count + 1, _MOST_DOUBLINGS) if is_series else 0), now
        return False


def _credential(token: Token) -> str:
    """What identifies a token: its refresh token, or without one its access token."""
    return token.refresh_token or token.access_token


def _pause(error: UltraCartError) -> float:
    """Seconds before which a retry is useless; infinite once the grant has ended."""
    if isinstance(error, ReauthorizationRequired):
        return math.inf
    retry_after = getattr(error, "retry_after", None)
    if retry_after:
        return min(float(retry_after), _MAX_RETRY_AFTER)
    # 410: UltraCart has disabled the application.
    refused = (InvalidClientError, UnauthorizedClientError, TokenBindingError)
    if isinstance(error, refused) or (isinstance(error, ApiException) and error.status == 410):
        return _APPLICATION_REFUSED
    return 0.0
