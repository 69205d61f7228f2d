"""Token store in memory, for the life of one process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...exceptions import ApiTypeError, TokenStoreError
from ...forks import notice_fork, renew_after_fork
from ...locks import Lock
from ...turns import Turns
from ..token import Token
from .base import LOCK_TIMEOUT, TokenStore, check_account


class MemoryTokenStore(TokenStore):
    """Tokens in a dict: for tests, notebooks and applications that log in at each start.

    One process only. A forked child has a copy of the tokens, and two processes that refresh one
    grant from copies lose it, so in the child :meth:`lock` raises TokenStoreError.
    """

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}
        self._mutex = Lock()
        self._turns = Turns(1)
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
        with self._turns.take(account, LOCK_TIMEOUT if blocking else 0) as held:
            if blocking and not held:
                raise TokenStoreError("the lock of account %r did not become free" % account)
            yield held

    def _after_fork(self) -> None:
        self._mutex = Lock()
        self._forked = True
