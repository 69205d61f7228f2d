"""Decides which tokens this process holds, and until when each may be handed out.

Deadlines are monotonic: a clock that is set back or forth does not move them.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from ..forks import renew_after_fork
from .token import Token

# Seconds that an early refresh rests at least after it failed or found somebody else at it.
_LEAST_REST = 0.1


class CachedToken:
    """A token with its deadlines, in seconds of the monotonic clock.

    Fresh before ``refresh_at``; from then on stale, so that a refresh is due; expired from
    ``expires_at`` on, when it must not be used.
    """

    __slots__ = ("access_token", "expires_at", "refresh_at", "token")

    def __init__(self, token: Token, refresh_at: float, expires_at: float) -> None:
        self.token: Token = token
        self.access_token: str = token.access_token
        self.refresh_at: float = refresh_at
        self.expires_at: float = expires_at


# The cache's epoch, and the account's entry.
Ticket = tuple[int, CachedToken | None]


class TokenCache:
    """The tokens of one session's accounts.

    Args:
        margin: seconds before expiry at which a token is stale, at most half its lifetime;
            ``None``: see Token.margin.
    """

    def __init__(
        self,
        margin: float | None,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._margin = margin
        self._clock = clock
        self._monotonic = monotonic
        # Read without the lock; a dict's single operations are atomic.
        self.entries: dict[str, CachedToken] = {}
        self._lock = threading.Lock()
        # Changes whenever what was read before may be gone or old.
        self._epoch = 0
        renew_after_fork(self)

    def ticket(self, account: str) -> Ticket:
        """How things are, for :meth:`put`: to be had before a token is read from the store, or
        under the store's lock."""
        return self._epoch, self.entries.get(account)

    def put(
        self,
        account: str,
        token: Token,
        *,
        ticket: Ticket,
        age: float | None = None,
        outdates: bool = False,
    ) -> CachedToken:
        """Keep a token, unless something happened to the account since ``ticket``.

        Then only the store knows which is the newest, and the next who asks reads it.

        Args:
            age: seconds since the token was asked for, where that is known better than by the
                clock and the token's own times.
            outdates: it is a new grant's, so whatever others have in hand by now is old.
        """
        entry = self._entry(token, age)
        epoch, seen = ticket
        with self._lock:
            kept = self.entries.get(account)
            if epoch == self._epoch and kept is seen:
                self.entries[account] = entry
            elif kept is not None and not kept.token.is_same(token):
                del self.entries[account]
            if outdates:
                self._epoch += 1
        return entry

    def is_fresh(self, token: Token) -> bool:
        """Whether a stored token may be handed out, and no refresh is due."""
        return self._monotonic() < self._entry(token, None).refresh_at

    def has_expired(self, account: str, token: Token) -> bool:
        """Whether this token is the account's, and its deadline has passed."""
        entry = self.entries.get(account)
        if entry is None or entry.token is not token or token.lifetime == 0:
            return False  # that lives for no time at all could only be asked for for ever
        return self._monotonic() >= entry.expires_at

    def expire(self, account: str, access_token: str) -> None:
        """Hand this token out no more, whatever its deadlines say."""
        with self._lock:
            entry = self.entries.get(account)
            if entry is not None and entry.access_token == access_token:
                self.entries[account] = CachedToken(entry.token, -math.inf, -math.inf)

    def rest(self, account: str, entry: CachedToken, seconds: float) -> None:
        """Try no early refresh of this token for so long, at most until it expires."""
        pause = max(_LEAST_REST, seconds)
        refresh_at = min(self._monotonic() + pause, entry.expires_at)
        self._swap(account, entry, CachedToken(entry.token, refresh_at, entry.expires_at))

    def forget(self, account: str) -> None:
        """Drop the account, and whatever is being read of it right now."""
        with self._lock:
            self._epoch += 1
            self.entries.pop(account, None)

    def _entry(self, token: Token, age: float | None) -> CachedToken:
        now = self._clock()
        lifetime = token.lifetime
        left = token.remaining(now) if age is None or lifetime is None else lifetime - age
        margin = token.margin(now) if self._margin is None else self._margin
        if lifetime is not None:
            # Else a margin as long as the life would make every call a refresh.
            margin = min(margin, lifetime / 2)
        expires_at = self._monotonic() + left
        return CachedToken(token, expires_at - (0.0 if math.isinf(left) else margin), expires_at)

    def _swap(self, account: str, old: CachedToken, new: CachedToken) -> None:
        with self._lock:
            if self.entries.get(account) is old:
                self.entries[account] = new

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
