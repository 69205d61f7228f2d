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
    """The error response to a token that callers get, without a request, until it is over."""

    token: Token
    error: Exception
    until: float  # monotonic seconds; infinite once the grant has ended
    failures: int  # error responses in a row


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
        # By grant: how many rejected tokens in a row this process has replaced, when it has last
        # replaced one, or refreshed one that was rejected and stays, and whether it was the latter.
        self._rejected: BoundedDict[_GrantKey, tuple[int, float, bool]] = BoundedDict()

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
        known = self._of(account, token)
        failures = 0 if known is None else known.failures
        pause = _pause(error)
        # What was not sent costs UltraCart nothing.
        if isinstance(error, ApiException) and not (early or error.request_sent is False):
            failures += 1
            # A server may name one second again and again.
            pause = max(pause, _pause_in_a_row(error, failures))
        # Copies: the original's traceback would keep the failed call's local variables alive.
        kept = equal_error(error)
        if isinstance(error.__cause__, Exception):
            kept.__cause__ = equal_error(error.__cause__)
        refusal = Refusal(token, kept, now + pause, failures)
        if isinstance(error, InvalidClientError):
            other, last = self._last_invalid or (account, refusal)
            if other != account and now < last.until:
                self._for_all = refusal
            self._last_invalid = account, refusal
        if known is not None and known.until > refusal.until:
            refusal = known._replace(failures=failures)
        self._by_account[account] = refusal

    def check(self, account: str, token: Token, now: float) -> None:
        """Raise the refusal that still holds for this token."""
        for refusal in (self._for_all, self._of(account, token)):
            if refusal is not None and now < refusal.until:
                error = equal_error(refusal.error)
                if isinstance(error, ApiException) and error.retry_after:
                    error.retry_after = refusal.until - now
                raise error

    def has_ended(self, account: str, token: Token) -> bool:
        """Whether the grant of this token is known to have ended."""
        refusal = self._of(account, token)
        return refusal is not None and refusal.until == math.inf

    def forget(self, account: str) -> None:
        """The account has no grant any more."""
        self._by_account.pop(account, None)

    def accept(self, account: str) -> None:
        """The server has given the application a token for the account."""
        self.forget(account)
        self._last_invalid = self._for_all = None

    def _of(self, account: str, token: Token) -> Refusal | None:
        """What is remembered of this token: another one, once it is stored, may be accepted."""
        refusal = self._by_account.get(account)
        if refusal is None or not refusal.token.has_same_credentials(token):
            return None
        return refusal

    def keeps_rejected(self, account: str, now: float, entry: CachedToken) -> bool:
        """Whether a token that is rejected ``now`` stays in use.

        It does for a while after this process has refreshed the grant: a resource that rejects
        every token would get a new one with each call. That counts as well where another process
        has refreshed it since: else many processes would replace each other's tokens.
        """
        grant = account, entry.token.granted_at
        count, last, was_kept = self._rejected.get(grant, (0, -math.inf, False))
        refreshed_at = max(entry.refreshed_at, last)
        # A short token may have expired on its way to the resource.
        pause = min(_REJECTED_SOON * 2**count, (entry.token.lifetime or math.inf) / 2)
        if now - refreshed_at < pause:
            self._rejected[grant] = count, refreshed_at, True
            return True
        # In a row: this process has adopted the token after it replaced one, or has refreshed it
        # itself, and it was rejected while it was new, too.
        is_next = entry.refreshed_at < last or (was_kept and entry.refreshed_at == last)
        is_in_a_row = is_next and now - last < _SERIES * pause
        self._rejected[grant] = min(count + 1, _MOST_DOUBLINGS) if is_in_a_row else 0, now, False
        return False


def _pause_in_a_row(error: ApiException, count: int) -> float:
    """Seconds that grow with each error response in a row to one token; none after the first.

    Without it, a merchant for whom each refresh is an ``invalid_request`` would cost a request
    with each call, and one for whom it is a 500 would cost four. Lost responses may be a short
    outage: no pause after the first three.
    """
    free, longest = (3, _LOST) if may_have_been_lost(error) else (1, _DECIDED)
    return 0.0 if count <= free else min(2.0 ** min(count - free - 1, 10), longest)


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
