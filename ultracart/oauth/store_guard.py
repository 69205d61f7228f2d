"""Decides how a session talks to any token store: its failures get one name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import NoReturn
from weakref import ref

from ..exceptions import ApiTypeError, TokenStoreError, UltraCartError
from .single_flight import needs_itself
from .stores.base import TokenStore
from .token import Token
from .unsaved_tokens import UnsavedTokens, unsaved_tokens_of

_METHODS = ("load", "save", "delete", "accounts", "lock")


class _Hold:
    """A thread's hold of a lock; it ends with the block that holds it, whatever ends that."""

    __slots__ = ("__weakref__", "thread")

    def __init__(self) -> None:
        self.thread: int = get_ident()


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
        # What the store may lack.
        self.unsaved: UnsavedTokens = unsaved_tokens_of(store)
        self._store = store
        self._load = store.load
        self._holds: dict[str, ref[_Hold]] = {}
        self._can_try = "blocking" in inspect.signature(store.lock).parameters

    def load(self, account: str) -> Token | None:
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
        """Enter with whether the lock is held, which is always so if ``blocking``.

        Raises:
            TokenStoreError: the lock was not to be had.
            OAuthSessionError: this thread holds it already, and would wait for itself.
        """
        waits = blocking or not self._can_try
        if waits and self._is_held_here(account):
            raise needs_itself()
        own: BaseException | None = None
        failure: Exception | None = None
        try:
            with self._store.lock(account, **({} if waits else {"blocking": False})) as entered:
                # A store of its own making may enter with anything; only False says no.
                held = entered is not False
                hold = _Hold()
                try:
                    if blocking and not held:
                        raise TokenStoreError("the token store's lock was not to be had in time")
                    if held:
                        self._holds[account] = ref(hold)
                    yield held
                except BaseException as error:
                    own = error
                    raise
                finally:
                    if held:
                        self._holds.pop(account, None)
        except Exception as error:
            failure = error
        try:
            if own is not None:
                raise own  # what was done under the lock failed, whatever leaving it made of that
            if failure is not None:
                _fail("lock", failure)
        finally:
            own = failure = None  # else they would hold themselves alive, by their tracebacks

    def _is_held_here(self, account: str) -> bool:
        hold = self._holds.get(account)
        holder = None if hold is None else hold()
        return holder is not None and holder.thread == get_ident()


def _fail(what: str, error: Exception) -> NoReturn:
    if isinstance(error, UltraCartError):
        raise error
    # A driver's text may quote the token, so only the kind of failure is named.
    raise TokenStoreError("the token store cannot %s: %s" % (what, type(error).__name__)) from None
