"""Safe store: any token store with one family of errors, optional abilities and pending saves."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import get_ident
from typing import Any, NamedTuple, NoReturn
from weakref import WeakKeyDictionary

from ..exceptions import ApiTypeError, TokenStoreError, UltraCartError
from ..forks import renew_after_fork
from ..locks import Lock
from .binding import Binding
from .refusals import Refusals
from .single_flight import needs_itself
from .stores.base import TokenStore
from .stores.lock_errors import caller_error_first
from .token import Token

_logger = logging.getLogger(__name__)
# Seconds; for so long an application may roll back what was saved in its transaction.
_LONGEST_TRANSACTION = 60.0
_METHODS = ("load", "save", "delete", "accounts", "lock")


class _Pending(NamedTuple):
    token: Token
    # The older tokens that the store may still return. A database whose COMMIT fails rolls back
    # every save made under the lock, so more than one older token is possible.
    predecessors: tuple[Token, ...]
    saved_at: float  # in monotonic seconds


class PendingSaves:
    """Refreshed tokens that one store has not yet shown, by account.

    A server that rotates refresh tokens takes each only once. A new token that could not be saved,
    or whose save is rolled back later, must be found by the next refresh of whichever session, or
    the grant is lost. So each is kept until a read a minute later has shown it.
    """

    def __init__(self) -> None:
        self._by_account: dict[str, _Pending] = {}
        self._lock = Lock()
        renew_after_fork(self)

    def begin(self, account: str, old: Token, new: Token, now: float) -> None:
        """``new`` is about to replace ``old`` in the store. Under the store's lock."""
        with self._lock:
            pending = self._by_account.get(account)
            predecessors: tuple[Token, ...] = (old,)
            if pending is not None and pending.token is new:
                predecessors = pending.predecessors
            elif pending is not None and pending.token.has_same_credentials(old):
                predecessors = (*pending.predecessors, old)
            self._by_account[account] = _Pending(new, predecessors, now)

    def latest(self, account: str, stored: Token) -> Token:
        """``stored``, or the token that has replaced it and is not in the store."""
        pending = self._by_account.get(account)
        if pending is None or stored.is_same_issue(pending.token):
            return stored
        if any(old.has_same_credentials(stored) for old in pending.predecessors):
            return pending.token
        return stored

    def confirm(self, account: str, stored: Token, now: float) -> None:
        """A read has shown ``stored``: its save is believed if it was a minute ago.

        Sooner, the read may have been in the transaction of the save, which may be rolled back.
        """
        pending = self._by_account.get(account)
        if pending is None or now - pending.saved_at < _LONGEST_TRANSACTION:
            return
        if stored.is_same_issue(pending.token):
            self.drop(account, pending.token)

    def drop(self, account: str, token: Token) -> None:
        """``token`` need not be saved any more: it was, or the store has what wins over it.

        By then another thread may hold the lock, and have a token that it could not save.
        """
        with self._lock:
            pending = self._by_account.get(account)
            if pending is not None and pending.token is token:
                del self._by_account[account]

    def _after_fork(self) -> None:
        self._lock = Lock()


class _Shared(NamedTuple):
    """What the sessions of one store object have in common in this process."""

    pending: PendingSaves
    refusals: Refusals


_by_store: WeakKeyDictionary[Any, _Shared] = WeakKeyDictionary()


class SafeStore:
    """A store whose failures are all TokenStoreErrors, and which may lack optional abilities.

    A store may lack ``replace`` and the argument ``blocking`` of ``lock``.

    Args:
        binding: the session's server and application, whose tokens alone are loaded.
        monotonic: monotonic seconds.

    Raises:
        ApiTypeError: ``store`` lacks one of the methods that every store has.
    """

    def __init__(self, store: TokenStore, binding: Binding, monotonic: Callable[[], float]) -> None:
        for name in _METHODS:
            if not callable(getattr(store, name, None)):
                raise ApiTypeError("token_store must be a TokenStore: it has no %s()" % name)
        shared = _Shared(PendingSaves(), Refusals())
        try:
            shared = _by_store.setdefault(store, shared)
        # A store with __slots__, or not hashable: each session keeps its own pending saves.
        except TypeError:
            pass
        self.pending: PendingSaves = shared.pending
        self.refusals: Refusals = shared.refusals
        self._store = store
        self._binding = binding
        self._monotonic = monotonic
        self._load = store.load
        # The thread that holds each account's lock.
        self._owners: dict[str, int] = {}
        self._can_try = "blocking" in inspect.signature(store.lock).parameters

    def load(self, account: str) -> Token | None:
        """The stored token, which may be older than a pending one.

        Raises:
            TokenBindingError: it belongs to another server or application.
        """
        token = self.load_any(account)
        if token is not None:
            self._binding.require(account, token)
        return token

    def load_any(self, account: str) -> Token | None:
        """The stored token, of whichever server and application."""
        try:
            token = self._load(account)
        except Exception as error:
            _fail("load", error)
        if token is None:
            return None
        if not isinstance(token, Token):
            raise TokenStoreError(
                "the token store returned a %s in place of a Token" % type(token).__name__
            )
        if not self._is_owner(account):  # what is seen under the lock may be rolled back
            self.pending.confirm(account, token, self._monotonic())
        return token

    def is_own(self, token: Token) -> bool:
        """Whether ``token`` belongs to this session's server and application, or may."""
        return self._binding.is_own(token)

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

    def bind(self, account: str, token: Token) -> Token:
        """A token that does not say where it belongs, with this session's names, saved once.

        If it cannot be saved now, the next session does it.
        """
        if self._binding.is_bound(token):
            return token
        bound = self._binding.bound(token)
        try:
            with self.lock(account, blocking=False) as held:
                stored = self.load_any(account) if held else None
                if stored is not None and not self._binding.is_bound(stored):
                    self.replace(account, stored, self._binding.bound(stored))
        except UltraCartError as error:
            _logger.debug("account %r cannot be bound to its server: %s", account, error)
        return bound

    def delete(self, account: str) -> None:
        try:
            self._store.delete(account)
        except Exception as error:
            _fail("delete", error)

    def accounts(self) -> list[str]:
        try:
            return list(self._store.accounts())
        except Exception as error:
            _fail("list the accounts", error)

    @contextmanager
    def lock(self, account: str, *, blocking: bool = True) -> Iterator[bool]:
        """Enter with whether the lock is held, which is always so if ``blocking``.

        Raises:
            TokenStoreError: the lock was not to be had.
            OAuthSessionError: this thread holds it already, and would wait for itself.
        """
        waits = blocking or not self._can_try
        if waits and self._is_owner(account):
            raise needs_itself()
        fail = partial(_fail, "lock")
        with caller_error_first(self._lock(account, waits), Exception, fail) as entered:
            # A user's store may return anything from __enter__; only False means "not acquired".
            held = entered is not False
            if blocking and not held:
                raise TokenStoreError("the token store's lock did not become free in time")
            try:
                if held:
                    self._owners[account] = get_ident()
                yield held
            finally:
                if held:
                    self._owners.pop(account, None)

    @contextmanager
    def _lock(self, account: str, waits: bool) -> Iterator[object]:
        options: dict[str, Any] = {} if waits else {"blocking": False}
        with self._store.lock(account, **options) as entered:
            yield entered

    def _is_owner(self, account: str) -> bool:
        return self._owners.get(account) == get_ident()


def _fail(what: str, error: Exception) -> NoReturn:
    if isinstance(error, UltraCartError):
        raise error
    # A driver's text may quote the token, so only the kind of failure is named.
    raise TokenStoreError("the token store cannot %s: %s" % (what, type(error).__name__)) from None
