"""Safe store: a token store with one family of errors, pending saves, and only own tokens."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import get_ident
from typing import Any, NamedTuple, NoReturn, TypeVar
from weakref import WeakKeyDictionary

from ..exceptions import ApiTypeError, TokenBindingError, TokenStoreError, UltraCartError
from ..forks import renew_after_fork
from ..locks import Lock
from .authorization import origin_of
from .refusals import Refusals
from .single_flight import needs_itself
from .stores.base import TokenStore
from .stores.lock_errors import caller_error_first
from .token import Token

T = TypeVar("T")

_logger = logging.getLogger(__name__)
# Seconds; for so long an application may roll back what was saved in its transaction.
_LONGEST_TRANSACTION = 60.0
_METHODS = ("load", "save", "delete", "accounts", "lock")


class _Pending(NamedTuple):
    token: Token
    # The older tokens that the store may still return. A database whose COMMIT fails rolls back
    # every save made under the lock, so more than one older token is possible.
    predecessors: tuple[Token, ...]
    saved_at: float  # monotonic seconds; a save that failed is repeated later


class PendingSaves:
    """Refreshed tokens that one store has not yet shown, by account.

    A server that rotates refresh tokens takes each only once. If a new token cannot be saved, or
    its save is rolled back later, the next refresh of any session needs it, or the grant is lost.
    So it is kept here until a read of the store shows it a minute or more later.
    """

    def __init__(self) -> None:
        # Not bounded: to drop a token that is saved nowhere may cost its grant.
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

        Only this token: another thread may meanwhile have one of its own that it could not save.
        """
        with self._lock:
            pending = self._by_account.get(account)
            if pending is not None and pending.token is token:
                del self._by_account[account]

    def _after_fork(self) -> None:
        self._lock = Lock()


class _Shared:
    """What the sessions of one store object have in common in this process."""

    def __init__(self) -> None:
        self.pending = PendingSaves()
        self.refusals: dict[Hashable, Refusals] = {}  # by application


_by_store: WeakKeyDictionary[Any, _Shared] = WeakKeyDictionary()


class SafeStore:
    """A session's access to its store: failures are TokenStoreErrors, tokens are its own.

    A store may lack ``replace`` and the argument ``blocking`` of ``lock``.

    Args:
        host: the base URL of the session's server. Two are one server if scheme, host and port
            are equal.
        client_id, client_secret: the session's application. What the server refuses to one is
            not taken as refused to another.
        monotonic: monotonic seconds.

    Raises:
        ApiTypeError: ``store`` is a class, or lacks one of the methods that every store has.
    """

    def __init__(
        self,
        store: TokenStore,
        host: str,
        client_id: str,
        client_secret: str | None,
        monotonic: Callable[[], float],
    ) -> None:
        if isinstance(store, type):
            raise ApiTypeError("token_store must be an instance: write %s(...)" % store.__name__)
        for name in _METHODS:
            if not callable(getattr(store, name, None)):
                raise ApiTypeError("token_store must be a TokenStore: it has no %s()" % name)
        shared = _Shared()
        try:
            shared = _by_store.setdefault(store, shared)
        # A store with __slots__, or not hashable: each session keeps its own pending saves.
        except TypeError:
            pass
        self.pending: PendingSaves = shared.pending
        application = host, client_id, client_secret
        self.refusals: Refusals = shared.refusals.setdefault(application, Refusals())
        self._host = host
        self._origin = _origin(host)
        self._client_id = client_id
        self._monotonic = monotonic
        self._store = store
        self._replace: Callable[[str, Token, Token], bool] = (
            store.replace if isinstance(store, TokenStore) else partial(TokenStore.replace, store)
        )
        # The thread that holds each account's lock.
        self._owners: dict[str, int] = {}
        self._can_try = "blocking" in inspect.signature(store.lock).parameters

    # -- what is stored -----------------------------------------------------------------------

    def load(self, account: str) -> Token | None:
        """The stored token, which may be older than a pending one.

        Raises:
            TokenBindingError: it belongs to another server or application.
        """
        token = self.load_any(account)
        if token is not None:
            self.require_own(account, token)
        return token

    def load_any(self, account: str) -> Token | None:
        """The stored token, of whichever server and application."""
        token = _call("load", self._store.load, account)
        if token is None:
            return None
        if not isinstance(token, Token):
            raise TokenStoreError(
                "the token store returned a %s in place of a Token" % type(token).__name__
            )
        self.pending.confirm(account, token, self._monotonic())
        return token

    def accounts(self) -> list[str]:
        return _call("list the accounts", lambda: list(self._store.accounts()))

    def save(self, account: str, token: Token) -> None:
        _call("save", self._store.save, account, token)

    def replace(self, account: str, old: Token, new: Token) -> bool:
        """Save the token that a refresh of ``old`` has brought, which is pending from now on.

        Under the lock. Returns ``False`` if the account no longer has ``old``'s credentials.
        """
        self.pending.begin(account, old, new, self._monotonic())
        if _call("save", self._replace, account, old, new):
            return True
        self.pending.drop(account, new)
        return False

    def delete(self, account: str) -> None:
        _call("delete", self._store.delete, account)

    # -- whose token it is --------------------------------------------------------------------

    def is_own(self, token: Token) -> bool:
        """Whether ``token`` says that it belongs to this session, or does not say to which."""
        return token.client_id in (None, self._client_id) and (
            token.host is None or self._is_own_server(token.host)
        )

    def require_own(self, account: str, token: Token) -> None:
        """Raise TokenBindingError if ``token`` belongs to another server or application."""
        if self.is_own(token):
            return
        raise TokenBindingError(
            "the token of account %r was issued by %s to application %r, and is not sent to %s by"
            " application %r: use another account or token store, or log in again"
            % (account, token.host, token.client_id, self._host, self._client_id),
            account=account,
        )

    def require_own_server(self, account: str, host: str) -> None:
        """Raise TokenBindingError if ``host``, where a client would send the token, is another."""
        if not self._is_own_server(host):
            raise TokenBindingError(
                "the token of account %r belongs to %s, and is not sent to another host: make a"
                " session with a Configuration of that host" % (account, self._host),
                account=account,
            )

    def _is_own_server(self, host: str) -> bool:
        return host == self._host or _origin(host) == self._origin

    def bound(self, token: Token) -> Token:
        """``token`` with the names of this session's server and application."""
        return token.replaced(host=self._host, client_id=self._client_id)

    def adopt(self, account: str, token: Token) -> Token:
        """``token``, bound. A token of an earlier version is not; it is saved again once, bound.

        If it cannot be saved now, the next session tries again.
        """
        if _is_bound(token):
            return token
        try:
            with self.lock(account, blocking=False) as held:
                stored = self.load_any(account) if held else None
                if stored is not None and not _is_bound(stored):
                    _call("save", self._replace, account, stored, self.bound(stored))
        except UltraCartError as error:
            _logger.debug("account %r cannot be bound to its server: %s", account, error)
        return self.bound(token)

    # -- its lock -----------------------------------------------------------------------------

    @contextmanager
    def lock(self, account: str, *, blocking: bool = True) -> Iterator[bool]:
        """Enter with whether the lock is held, which is always so if ``blocking``.

        Raises:
            TokenStoreError: the lock was not to be had.
            OAuthSessionError: this thread holds it already, and would wait for itself.
        """
        waits = blocking or not self._can_try
        if waits and self._owners.get(account) == get_ident():
            raise needs_itself()
        options = {} if waits else {"blocking": False}
        context = _call("lock", self._store.lock, account, **options)
        with caller_error_first(context, Exception, partial(_fail, "lock")) as entered:
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


def _call(what: str, method: Callable[..., T], *arguments: Any, **options: Any) -> T:
    try:
        return method(*arguments, **options)
    except Exception as error:
        _fail(what, error)


def _fail(what: str, error: Exception) -> NoReturn:
    if isinstance(error, UltraCartError):
        raise error
    # A driver's text may quote the token, so only the kind of failure is named.
    raise TokenStoreError("the token store cannot %s: %s" % (what, type(error).__name__)) from None


def _is_bound(token: Token) -> bool:
    return token.host is not None and token.client_id is not None


def _origin(url: str) -> str:
    try:
        return origin_of(url)
    except ValueError:  # not a URL: the first request refuses it
        return url
