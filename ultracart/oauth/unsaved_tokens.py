"""Decides which refreshed tokens a store may lack, and keeps them while this process lives.

A server that rotates refresh tokens takes each only once. So a new token that could not be saved
must be found again by the next refresh, of whichever session, or the grant is lost.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from ..forks import renew_after_fork
from .token import Token


class _Kept(NamedTuple):
    token: Token
    # Whatever of its predecessors the store may show: a database that fails when the lock is left
    # takes back what was saved under it, also what was kept before.
    predecessors: tuple[Token, ...]


class UnsavedTokens:
    """The tokens that one store may lack, by account; used under the store's lock, but
    ``settled``."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._mutex = threading.Lock()
        renew_after_fork(self)

    def newest(self, account: str, stored: Token) -> Token:
        """``stored``, or the token that replaces it and could not be saved before."""
        kept = self._kept.get(account)
        if kept is not None and any(old.has_same_credentials(stored) for old in kept.predecessors):
            return kept.token
        return stored

    def keep(self, account: str, old: Token, new: Token) -> None:
        """``new`` is about to replace ``old`` in the store."""
        with self._mutex:
            kept = self._kept.get(account)
            predecessors: tuple[Token, ...] = (old,)
            if kept is not None and kept.token is new:
                predecessors = kept.predecessors
            elif kept is not None and kept.token.has_same_credentials(old):
                predecessors = (*kept.predecessors, old)
            self._kept[account] = _Kept(new, predecessors)

    def settled(self, account: str, token: Token) -> None:
        """The store has ``token``: the lock was left without an error.

        By then another thread may hold the lock, and have a token that it could not save.
        """
        with self._mutex:
            kept = self._kept.get(account)
            if kept is not None and kept.token is token:
                del self._kept[account]

    def _after_fork(self) -> None:
        self._mutex = threading.Lock()


_by_store: WeakKeyDictionary[Any, UnsavedTokens] = WeakKeyDictionary()


def unsaved_tokens_of(store: object) -> UnsavedTokens:
    """Those of this store object, which all of its sessions share."""
    try:
        return _by_store.setdefault(store, UnsavedTokens())
    except TypeError:  # a user's store of slots, or one that is no key: each session has its own
        return UnsavedTokens()
