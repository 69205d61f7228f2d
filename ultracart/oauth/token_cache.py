"""Token cache: the tokens of one session in memory, and until when each may be handed out.

Deadlines are monotonic: setting the clock does not move them.

A token that was read from the store may be outdated by the time it is cached::

    thread A   version() -> 7   load() -> old token                 put(if_version=7): refused
    thread B                                          put(new), 8

So :meth:`TokenCache.put` keeps a token only if nothing happened to its account since the version
that was taken before the read. Else the next caller reads the store again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

from ..forks import renew_after_fork
from ..locks import Lock
from .token import Token

# ``time.monotonic`` stands still while a Linux or macOS machine is suspended; a token does not.
# Linux calls the clock that goes on CLOCK_BOOTTIME, macOS and the BSDs CLOCK_MONOTONIC; Windows
# has neither name, and its ``time.monotonic`` counts sleep.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))

uptime: Callable[[], float] = (
    time.monotonic if _CLOCK is None else partial(time.clock_gettime, _CLOCK)
)

# Accounts that a process remembers: more than it uses within a minute. What is forgotten is read or
# found out again, by one read of the store or one request.
_MOST = 20_000
# Before every moment of the clock.
_NEVER = -math.inf
# Least seconds until the next early refresh, after one failed or another process was at it.
_MIN_BACKOFF = 0.1
# Seconds after a refresh until its token is first compared with the store: the application's
# transaction may have rolled the save back.
_VERIFY_AFTER = 1.0


K = TypeVar("K")
V = TypeVar("V")


class BoundedDict(dict[K, V]):
    """A dict that drops the oldest quarter of its entries when it has too many."""

    __slots__ = ()

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        if len(self) > _MOST:
            # No lock: the keys are listed in one step, and may be gone when they are dropped.
            for oldest in list(self)[: _MOST // 4]:
                self.pop(oldest, None)


class CachedToken(NamedTuple):
    """A token with its deadlines, in seconds of the monotonic clock.

    Attributes:
        refresh_at: until then the token is fresh; then it is stale: a refresh is due.
        expires_at: from then on it must not be used.
        fresh_until: until then it is returned without reading the store.
        refreshed_at: when this process refreshed it; minus infinity if it came from the store.
    """

    token: Token
    refresh_at: float = _NEVER
    expires_at: float = _NEVER
    fresh_until: float = _NEVER
    refreshed_at: float = _NEVER


# The cache's count of invalidations, and the account's entry.
Version = tuple[int, CachedToken | None]


class TokenCache:
    """The tokens of one session's accounts in memory.

    Args:
        margin: seconds before expiry at which a token is stale, at most half its lifetime;
            ``None``: see Token.margin.
        store_recheck: seconds after which a cached token is compared with the store.
    """

    def __init__(
        self,
        margin: float | None,
        *,
        store_recheck: float,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._margin = margin
        self._store_recheck = store_recheck
        self._clock = clock
        self._monotonic = monotonic
        # Read without the lock; a dict's single operations are atomic.
        self.entries: BoundedDict[str, CachedToken] = BoundedDict()
        self._lock = Lock()
        # Changes whenever a token that was read before may be outdated.
        self._invalidations = 0
        renew_after_fork(self)

    def version(self, account: str) -> Version:
        """The entry's version. Take it before you read the store, or under the store's lock."""
        return self._invalidations, self.entries.get(account)

    def put(
        self,
        account: str,
        token: Token,
        *,
        if_version: Version,
        sent_at: float | None = None,
        is_login: bool = False,
    ) -> CachedToken:
        """Keep a token, unless something happened to the account since ``if_version``.

        Args:
            sent_at: when this process asked UltraCart for it, in monotonic seconds; else the
                token's own times and the clock tell its age.
            is_login: it is a new grant's, so ignore what others have read before.
        """
        entry = self._entry(token, sent_at, is_refreshed=sent_at is not None and not is_login)
        invalidations, seen = if_version
        with self._lock:
            kept = self.entries.get(account)
            if invalidations == self._invalidations and kept is seen:
                self.entries[account] = entry
            elif kept is not None and not kept.token.is_same_issue(token):
                del self.entries[account]
            if is_login:
                self._invalidations += 1
        return entry

    def is_untried(self, account: str, access_token: str) -> bool:
        """Whether this token was adopted, not refreshed by this process."""
        entry = self.entries.get(account)
        if entry is None or entry.token.access_token != access_token:
            return False
        return entry.refreshed_at == _NEVER

    def is_fresh(self, token: Token) -> bool:
        """Whether a stored token may be handed out, and no refresh is due."""
        return self._monotonic() < self._entry(token).refresh_at

    def has_expired(self, account: str, token: Token) -> bool:
        """Whether this token is the account's, and its deadline has passed."""
        entry = self.entries.get(account)
        if entry is None or entry.token is not token or token.lifetime == 0:
            return False  # a token that lives for 0 seconds would be refreshed on every call
        return self._monotonic() >= entry.expires_at

    def expire(
        self,
        account: str,
        access_token: str,
        unless: Callable[[CachedToken], bool] | None = None,
    ) -> bool:
        """Do not hand this token out again, whatever its deadlines say; ``False`` if it is kept.

        Args:
            unless: whether to keep it. Asked under the cache's lock: of several threads whose
                requests were rejected at once, the first decides for all.
        """
        with self._lock:
            entry = self.entries.get(account)
            if (
                entry is None
                or entry.token.access_token != access_token
                or entry.expires_at == _NEVER
            ):
                return True
            if unless is not None and unless(entry):
                return False
            self.entries[account] = CachedToken(entry.token)
            return True

    def postpone_refresh(self, account: str, entry: CachedToken, seconds: float) -> None:
        """Try no early refresh of this token for so long, at most until it expires."""
        refresh_at = min(self._monotonic() + max(_MIN_BACKOFF, seconds), entry.expires_at)
        self._postpone(account, entry, refresh_at)

    def postpone_recheck(self, account: str, entry: CachedToken) -> bool:
        """Compare this token with the store later; ``False`` if another thread was first."""
        return self._postpone(account, entry, entry.refresh_at)

    def forget(self, account: str) -> None:
        """Drop the account, and invalidate reads of it that are in progress."""
        with self._lock:
            self._invalidations += 1
            self.entries.pop(account, None)

    def _entry(
        self, token: Token, sent_at: float | None = None, *, is_refreshed: bool = False
    ) -> CachedToken:
        now = self._clock()
        margin = token.margin(now) if self._margin is None else self._margin
        left = token.remaining(now)
        lifetime = token.lifetime
        now = self._monotonic()
        if lifetime is not None:
            # Cap the margin: one as long as the lifetime would refresh on every call.
            margin = min(margin, lifetime / 2)
            if sent_at is not None:
                left = lifetime - (now - sent_at)
        if math.isinf(left) or token.refresh_token is None:
            margin = 0.0
        recheck, refreshed_at = self._store_recheck, _NEVER
        if is_refreshed:
            recheck, refreshed_at = min(recheck, _VERIFY_AFTER), now
        refresh_at = now + left - margin
        fresh_until = min(refresh_at, now + recheck)
        return CachedToken(token, refresh_at, now + left, fresh_until, refreshed_at)

    def _postpone(self, account: str, old: CachedToken, refresh_at: float) -> bool:
        recheck_at = self._monotonic() + self._store_recheck
        new = old._replace(refresh_at=refresh_at, fresh_until=min(refresh_at, recheck_at))
        with self._lock:
            if self.entries.get(account) is not old:
                return False
            self.entries[account] = new
            return True

    def _after_fork(self) -> None:
        self._lock = Lock()
