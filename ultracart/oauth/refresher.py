"""The refresh policy: when a token is refreshed, by whom, and what the other callers get.

===========  ============================================================================
fresh        returned from memory: no lock, no store, no request
stale        one caller refreshes, the winner of a non-blocking try; the others keep the
             valid token; a failed refresh is logged and backs off
expired,     everybody waits for one refresh, and shares its result or its error
rejected
===========  ============================================================================

One refresh: take the store's lock; read the store again, because anything read earlier may be
outdated; adopt what somebody else refreshed, else ask UltraCart; save; leave the lock.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from ..exceptions import (
    InvalidGrantError,
    OAuthSessionError,
    ReauthorizationRequired,
    UltraCartError,
)
from .session_options import begin_call
from .single_flight import SingleFlight
from .store_guard import StoreGuard
from .token import Token
from .token_cache import CachedToken, TokenCache
from .token_endpoint import Issued, TokenEndpoint

# Seconds; a failed early refresh is repeated after half of what is left, at most this.
MAX_REFRESH_BACKOFF = 30.0
# Seconds until a token that another process refreshes right now is looked for in the store.
PEER_REFRESH_RECHECK = 0.25
# How often a refresh is tried whose token has expired by the time it comes.
_TRIES = 2

_logger = logging.getLogger(__name__)


class _RefreshedElsewhere(Exception):
    """Another process holds the lock: it refreshes, and the token here is still valid."""


class Refresher:
    """Hands out valid tokens, and replaces and revokes them under the store's lock."""

    def __init__(
        self,
        store: StoreGuard,
        endpoint: TokenEndpoint,
        cache: TokenCache,
        monotonic: Callable[[], float],
    ) -> None:
        self._store = store
        self._endpoint = endpoint
        self._cache = cache
        self._monotonic = monotonic
        self._flights: SingleFlight[Token] = SingleFlight()

    # -- what callers ask for -----------------------------------------------------------------

    def valid_token(self, account: str) -> Token:
        """A token that is valid now."""
        begin_call(account)
        tries = _TRIES
        while True:
            entry = self._cache.entries.get(account) or self._read(account)
            if entry is None:
                raise _reauthorization_required(account)
            now = self._monotonic()
            if now < entry.refresh_at:
                return entry.token
            try:
                if now < entry.expires_at:
                    token = self._refresh_early(account, entry)
                else:
                    token = self._flights.run(account, partial(self._refresh, account, entry))
            except _RefreshedElsewhere:
                continue  # shared with an early refresh; by now the token has expired
            tries -= 1
            if not tries or not self._cache.has_expired(account, token):
                return token
            # The response was lost for longer than the token lives, or an early refresh failed for
            # longer than the old one had left: ask for the next one.

    def refresh(self, account: str) -> Token:
        """Refresh now, even if the token is fresh; threads that ask at once share one refresh."""
        # A tuple, because any text may be the name of another account.
        return self._flights.run(("forced", account), partial(self._refresh, account, None))

    def invalidate(self, account: str, access_token: str) -> None:
        """The server answered 401 to ``access_token``: do not hand it out again."""
        if self._cache.entries.get(account) is None:
            self._read(account)
        self._cache.expire(account, access_token)

    def save_login(self, account: str, issued: Issued, scope: str | None) -> Token:
        """Keep a new grant's token, in place of any that the account has."""
        token = Token.from_response(issued.response, issued_at=issued.sent_at, scope=scope)
        age = self._monotonic() - issued.sent_monotonic
        with self._store.lock(account):
            self._store.save(account, token)
            ticket = self._cache.ticket(account)
        self._cache.put(account, token, age=age, ticket=ticket, outdates=True)
        return token

    def revoke_grant(self, account: str) -> None:
        """End the grant at UltraCart, then forget it; nothing happens without a token."""
        try:
            with self._store.lock(account):
                token = self._store.load(account)
                if token is not None:
                    token = self._store.unsaved.newest(account, token)
                    self._revoke_under_lock(token)
                    self._store.delete(account)
        finally:
            self._cache.forget(account)
        if token is not None:
            self._store.unsaved.settled(account, token)

    # -- one refresh, in the order of execution -----------------------------------------------

    def _refresh_early(self, account: str, entry: CachedToken) -> Token:
        """Refresh if nobody else does; else the entry's token, which was valid when this began."""
        try:
            work = partial(self._refresh, account, entry, early=True)
            return self._flights.try_run(account, work) or entry.token
        except _RefreshedElsewhere:
            self._cache.rest(account, entry, PEER_REFRESH_RECHECK)
        except UltraCartError as error:
            half = (entry.expires_at - self._monotonic()) / 2
            pause = max(min(half, MAX_REFRESH_BACKOFF), getattr(error, "retry_after", None) or 0.0)
            self._cache.rest(account, entry, pause)
            _logger.warning("early refresh of account %r failed: %s", account, error)
        return entry.token

    def _refresh(self, account: str, seen: CachedToken | None, *, early: bool = False) -> Token:
        """The token that replaces ``seen``; without that, whatever is stored is refreshed.

        Raises _RefreshedElsewhere if ``early`` and another process is at it.
        """
        stored = self._newer(account, seen)
        if stored is not None:
            return stored
        with self._store.lock(account, blocking=not early) as held:
            if not held:
                raise _RefreshedElsewhere
            stored = self._newer(account, seen)
            if stored is not None:
                return stored
            token, age = self._refresh_under_lock(account)
            ticket = self._cache.ticket(account)
        self._store.unsaved.settled(account, token)
        self._cache.put(account, token, age=age, ticket=ticket)
        return token

    def _newer(self, account: str, seen: CachedToken | None) -> Token | None:
        """The stored token, if somebody has refreshed it since ``seen``."""
        if seen is None:
            return None
        ticket = self._cache.ticket(account)
        stored = self._store.load(account)
        if stored is None or stored.is_same(seen.token) or not self._cache.is_fresh(stored):
            return None
        self._cache.put(account, stored, ticket=ticket)
        return stored

    def _refresh_under_lock(self, account: str) -> tuple[Token, float | None]:
        """Refresh the stored token and save the result.

        Returns the token, and its age in seconds where the clock need not be trusted for it.
        """
        old = self._store.load(account)
        if old is None:
            self._cache.forget(account)
            raise _reauthorization_required(account)
        newest = self._store.unsaved.newest(account, old)
        if newest is not old:
            old = self._save(account, old, newest)
            if self._cache.is_fresh(old):
                return old, None
        if old.refresh_token is None:
            why = "its token has expired, and came without a refresh token"
            raise _reauthorization_required(account, why)
        try:
            issued = self._endpoint.refresh(old.refresh_token)
        except InvalidGrantError as error:
            return self._after_invalid_grant(account, old, error), None
        new = Token.from_response(issued.response, issued_at=issued.sent_at, previous=old)
        saved = self._save(account, old, new)
        return saved, self._monotonic() - issued.sent_monotonic if saved is new else None

    def _save(self, account: str, old: Token, new: Token) -> Token:
        """``new``, saved; or what was saved meanwhile by a login, which wins."""
        self._store.unsaved.keep(account, old, new)
        if self._store.replace(account, old, new):
            return new
        self._store.unsaved.settled(account, new)
        stored = self._store.load(account)
        if stored is None:
            self._cache.forget(account)
            raise _reauthorization_required(account, "its token was deleted during the refresh")
        return stored

    def _after_invalid_grant(self, account: str, old: Token, error: InvalidGrantError) -> Token:
        # A writer that does not take the lock may have been faster. The stored token is kept: a
        # server may refuse for a time only.
        stored = self._store.load(account)
        if stored is not None and not stored.is_same(old):
            return stored
        why = "its grant has ended, by the merchant or because a refresh token was used twice"
        raise _reauthorization_required(account, why) from error

    def _revoke_under_lock(self, token: Token) -> None:
        try:
            response = self._endpoint.revoke(token.refresh_token or token.access_token)
        except InvalidGrantError:
            return  # it has ended before
        if response.successful is False:
            raise OAuthSessionError("UltraCart did not revoke the grant; it is kept")

    def _read(self, account: str) -> CachedToken | None:
        ticket = self._cache.ticket(account)
        token = self._store.load(account)
        return None if token is None else self._cache.put(account, token, ticket=ticket)


def _reauthorization_required(
    account: str, why: str = "no token is stored for it"
) -> ReauthorizationRequired:
    """The error that says what an application has to do next."""
    return ReauthorizationRequired(
        "account %r must authorize again: %s. Send the merchant to create_authorization_url()"
        % (account, why),
        account=account,
    )
