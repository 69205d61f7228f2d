"""Token store in memory, for the life of one process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ...exceptions import ApiTypeError, TokenStoreError
from ...forks import notice_fork, renew_after_fork
from ...locks import Event, Lock
from ..token import Token
from .base import LOCK_TIMEOUT, TokenStore, check_account

# Seconds after which a waiting thread looks again: Ctrl-C may have kept the holder from waking it.
_LOOK_AGAIN = 1.0


class MemoryTokenStore(TokenStore):
    """Tokens in a dict: for tests, notebooks and applications that log in at each start.

    One process only. A forked child has a copy of the tokens, and two processes that refresh one
    grant from copies lose it, so in the child :meth:`lock` raises TokenStoreError.
    """

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}
        self._mutex = Lock()
        # The holder of each account's lock.
        self._holders: dict[str, _Hold] = {}
        self._forked = False
        renew_after_fork(self)

    def load(self, account: str) -> Token | None:
        return self._tokens.get(account)

    def save(self, account: str, token: Token) -> None:
        check_account(account)
        if not isinstance(token, Token):
            raise ApiTypeError("token must be a Token, not %s" % type(token).__name__)
        with self._mutex:
            self._tokens[account] = token

    def replace(self, account: str, old: Token, new: Token) -> bool:
        with self._mutex:
            stored = self._tokens.get(account)
            if stored is None or not stored.has_same_credentials(old):
                return False
            self._tokens[account] = new
            return True

    def delete(self, account: str) -> None:
        with self._mutex:
            self._tokens.pop(account, None)

    def accounts(self) -> list[str]:
        with self._mutex:
            return sorted(self._tokens)

    @contextmanager
    def lock(self, account: str, *, blocking: bool = True) -> Iterator[bool]:
        notice_fork()
        check_account(account)
        if self._forked:
            raise TokenStoreError(
                "a MemoryTokenStore is not shared between processes: after fork, use a"
                " SQLiteTokenStore or SQLAlchemyTokenStore"
            )
        hold = _Hold()
        try:
            yield self._enter(account, hold, blocking)
        finally:
            hold.is_over = True  # first, and in one step: a Ctrl-C may come at any later line
            with self._mutex:
                if self._holders.get(account) is hold:
                    del self._holders[account]
            hold.left.set()

    def _enter(self, account: str, hold: _Hold, wait: bool) -> bool:
        """Make ``hold`` the holder of the account's lock; ``False`` if it would have to wait."""
        deadline = time.monotonic() + LOCK_TIMEOUT
        while (holder := self._take(account, hold)) is not hold:
            if not wait:
                return False
            left = deadline - time.monotonic()
            if left <= 0:
                raise TokenStoreError("the lock of account %r did not become free" % account)
            holder.left.wait(min(left, _LOOK_AGAIN))
        return True

    def _take(self, account: str, hold: _Hold) -> _Hold:
        """The holder of the account's lock: ``hold``, if the lock was free."""
        with self._mutex:
            holder = self._holders.get(account)
            if holder is None or holder.is_over:
                holder = self._holders[account] = hold
            return holder

    def _after_fork(self) -> None:
        self._mutex = Lock()
        self._holders = {}
        self._forked = True


class _Hold:
    """One holder of an account's lock, and the event that the others wait for."""

    __slots__ = ("is_over", "left")

    def __init__(self) -> None:
        self.is_over = False
        self.left = Event()
