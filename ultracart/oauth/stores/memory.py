"""Decides how tokens are kept for the life of one process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional

from ...exceptions import ApiTypeError, TokenStoreError
from ..fork_safety import notice_fork, renew_after_fork
from ..token import Token
from .base import LOCK_TIMEOUT, TokenStore, check_account


class MemoryTokenStore(TokenStore):
    """Tokens in a dict: for tests, notebooks and applications that log in at each start.

    One process only. A forked child has a copy of the tokens, and two processes that refresh one
    grant from copies lose it, so in the child :meth:`lock` raises TokenStoreError.
    """

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}
        self._locks: dict[str, _SharedLock] = {}
        self._mutex = threading.Lock()
        self._forked = False
        renew_after_fork(self)

    def load(self, account: str) -> Optional[Token]:
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
                "a MemoryTokenStore does not reach across processes: after fork, use a"
                " SQLiteTokenStore or SQLAlchemyTokenStore"
            )
        with self._mutex:
            lock = self._locks.setdefault(account, _SharedLock())
            lock.users += 1
        try:
            held = lock.mutex.acquire(blocking, LOCK_TIMEOUT if blocking else -1)
            if blocking and not held:
                raise TokenStoreError("the lock of account %r did not become free" % account)
            try:
                yield held
            finally:
                if held:
                    lock.mutex.release()
        finally:
            with self._mutex:
                lock.users -= 1
                if not lock.users:
                    self._locks.pop(account, None)

    def _after_fork(self) -> None:
        self._mutex = threading.Lock()
        self._locks = {}
        self._forked = True


class _SharedLock:
    """One account's lock, and how many are at it: the last one out removes it."""

    __slots__ = ("mutex", "users")

    def __init__(self) -> None:
        self.mutex = threading.Lock()
        self.users = 0
