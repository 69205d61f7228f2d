"""Decides how a session talks to any token store: its failures get one name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn, Optional

from ..exceptions import ApiTypeError, TokenStoreError, UltraCartError
from .stores.base import TokenStore
from .token import Token

_METHODS = ("load", "save", "delete", "accounts", "lock")


class StoreGuard:
    """A store whose every failure is a TokenStoreError, also if it has fewer abilities.

    A store may lack ``replace`` and the argument ``blocking`` of ``lock``.

    Raises:
        ApiTypeError: ``store`` lacks one of the methods that every store has.
    """

    def __init__(self, store: TokenStore) -> None:
        for name in _METHODS:
            if not callable(getattr(store, name, None)):
                raise ApiTypeError("token_store must be a TokenStore: it has no %s()" % name)
        self._store = store
        self._load = store.load
        self._can_try = "blocking" in inspect.signature(store.lock).parameters

    def load(self, account: str) -> Optional[Token]:
        try:
            token = self._load(account)
        except Exception as error:
            _fail("load", error)
        if token is not None and not isinstance(token, Token):
            raise TokenStoreError(
                "the token store loads a %s, which is no Token" % type(token).__name__
            )
        return token

    def save(self, account: str, token: Token) -> None:
        try:
            self._store.save(account, token)
        except Exception as error:
            _fail("save", error)

    def replace(self, account: str, old: Token, new: Token) -> bool:
        """See :meth:`TokenStore.replace`, which any store gets."""
        try:
            if isinstance(self._store, TokenStore):
                return self._store.replace(account, old, new)
            return TokenStore.replace(self._store, account, old, new)
        except Exception as error:
            _fail("save", error)

    def delete(self, account: str) -> None:
        try:
            self._store.delete(account)
        except Exception as error:
            _fail("delete", error)

    @contextmanager
    def lock(self, account: str, *, blocking: bool = True) -> Iterator[bool]:
        """Enter with whether the lock is held, which is always so if ``blocking``."""
        own: Optional[BaseException] = None
        failure: Optional[Exception] = None
        try:
            with self._store.lock(
                account, **({} if blocking or not self._can_try else {"blocking": False})
            ) as held:
                try:
                    # A store of its own making may enter with anything; only False says no.
                    yield held is not False
                except BaseException as error:
                    own = error
                    raise
        except Exception as error:
            failure = error
        try:
            if own is not None:
                raise own  # what was done under the lock failed, whatever leaving it made of that
            if failure is not None:
                _fail("lock", failure)
        finally:
            own = failure = None  # else they would hold themselves alive, by their tracebacks


def _fail(what: str, error: Exception) -> NoReturn:
    if isinstance(error, UltraCartError):
        raise error
    # A driver's text may quote the token, so only the kind of failure is named.
    raise TokenStoreError("the token store cannot %s: %s" % (what, type(error).__name__)) from None
