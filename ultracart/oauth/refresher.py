"""The refresh policy: when a token is refreshed, by whom, and what the other callers get.

R1   Fresh: returned from memory, without lock, store or request.
R2   Every ``store_recheck`` seconds, and a second after a refresh, one caller compares a fresh
     token with the store, and adopts what another process stored or deleted. A failure is logged.
R3   Stale: one caller refreshes, the winner of a non-blocking try; the others get the valid token.
     If the refresh fails, that is reported, and the next early refresh waits.
R4   Expired or rejected: all callers of a process wait for one refresh and share its result or its
     error. The lock of R5 joins the processes.
R5   One refresh: take the store's lock (a wait of 90 s at most: a holder needs 60); read the store
     again, since anything read earlier may be outdated; adopt what somebody else refreshed, else
     ask UltraCart; save; release the lock.
R6   A new token is pending from before its save until a read of the store shows it, a minute after
     the save or later: the save may fail, or be rolled back. If it fails, callers get the store's
     error. As long as the store shows an older token, the next refresh saves the pending one again
     instead of asking UltraCart.
R7   A login or a deletion during a refresh wins: nothing is saved over it.
R8   ``invalid_grant``: read the store once more, for writers that take no lock; then the grant has
     ended. The stored token stays until it is replaced or deleted.
R9   An error response to a refresh token is remembered, in this process. While it is, callers get
     it without a request: for good if the grant has ended; for a while if UltraCart refused the
     application or sent ``Retry-After``; for a pause that grows to a minute after two failures in a
     row, or to 15 seconds after four lost responses in a row. A forced refresh is sent anyway.
R10  A 401: adopt the stored token if it is another one, else refresh. A token that is rejected
     within ten seconds of its refresh, or half of a shorter life, stays in use: its successor would
     be rejected as well. With each such token in a row, the ten seconds double.
R11  A token is sent only to the server and by the application that it belongs to (SafeStore), and a
     response for another merchant is refused.
R12  Events are reported after every lock was released.

If a response is lost, TokenEndpoint repeats the request, for ten seconds at most, under the lock.
``test/model`` explores R4 to R7 with all failures in two processes, and says what breaks without
each rule.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import cast

from ..exceptions import (
    ApiException,
    InvalidGrantError,
    ReauthorizationRequired,
    TokenBindingError,
    TokenStoreError,
    UltraCartError,
)
from .events import EventReporter, SessionEvent, Trace
from .safe_store import SafeStore
from .single_flight import SingleFlight
from .token import Token
from .token_cache import CachedToken, TokenCache
from .token_endpoint import Issued, TokenEndpoint

# Seconds; a failed early refresh is retried after half of the token's remaining time, at most this.
MAX_REFRESH_BACKOFF = 30.0
# Seconds until the store is read again for a token that another process is refreshing.
PEER_REFRESH_RECHECK = 0.25
# How often to refresh if the new token has already expired when it comes.
_TRIES = 2

_logger = logging.getLogger(__name__)


class Refresher:
    """Hands out valid tokens, and replaces them under the store's lock."""

    def __init__(
        self,
        store: SafeStore,
        endpoint: TokenEndpoint,
        cache: TokenCache,
        reporter: EventReporter,
        monotonic: Callable[[], float],
    ) -> None:
        self._store = store
        self._endpoint = endpoint
        self._cache = cache
        self._reporter = reporter
        self._monotonic = monotonic
        self._flights: SingleFlight[Token | None] = SingleFlight()

    # -- what callers ask for -----------------------------------------------------------------

    def valid_token(self, account: str) -> Token:
        """A token that is valid now."""
        tries = _TRIES
        while True:
            entry = self._cache.entries.get(account) or self._read(account)
            if entry is None:
                raise reauthorization_required(account)
            now = self._monotonic()
            if now < entry.refresh_at:  # R1, R2
                if now < entry.fresh_until or self._is_still_stored(account, entry):
                    return entry.token
                continue
            if now < entry.expires_at:  # R3
                token: Token | None = self._refresh_early(account, entry)
            else:  # R4
                with self._reporter.reporting(account) as trace:
                    work = partial(self._refresh, account, entry, trace)
                    token = self._flights.run(account, work)
            if token is None:
                continue  # this call had joined an early refresh, which gave way
            tries -= 1
            if not tries or not self._cache.has_expired(account, token):
                return token
            # Lost responses took longer than the new token lives, or a failing early refresh longer
            # than the old one had left: refresh again.

    def refresh(self, account: str) -> Token:
        """Refresh now, even if the token is fresh; threads that ask at once share one refresh."""
        with self._reporter.reporting(account) as trace:
            work = partial(self._refresh, account, None, trace)
            # A tuple, because any text may be the name of another account. Never None: not early.
            return cast("Token", self._flights.run(("forced", account), work))

    def refresh_unless_newer(self, account: str, token: Token) -> SessionEvent | None:
        """Refresh ``token`` unless the store has another one; returns the event, if any."""
        with self._reporter.reporting(account) as trace:
            try:
                work = partial(self._refresh, account, CachedToken(token), trace)
                self._flights.run(account, work)
            except UltraCartError:
                pass  # the event says it
        return trace.event

    def invalidate(self, account: str, access_token: str) -> bool:
        """``access_token`` was rejected with 401; returns whether another can be had (R10)."""
        entry = self._cache.entries.get(account) or self._read(account)
        if entry is None or entry.token.access_token != access_token:
            return True
        stored = self._store.load(account)
        if stored is None or not stored.is_same_issue(entry.token):
            return self._cache.expire(account, access_token)
        keeps = partial(self._store.refusals.keeps_rejected, account, self._monotonic())
        return self._cache.expire(account, access_token, unless=keeps)

    # -- reading the store --------------------------------------------------------------------

    def _read(self, account: str) -> CachedToken | None:
        """The stored token, now cached; one that a pending token replaces has expired (R6)."""
        version = self._cache.version(account)
        stored = self._store.load(account)
        if stored is None:
            return None
        if self._store.pending.latest(account, stored) is not stored:
            return CachedToken(stored)
        return self._cache.put(account, self._store.adopt(account, stored), if_version=version)

    def _is_still_stored(self, account: str, entry: CachedToken) -> bool:
        """Compare a fresh token with the store (R2); ``False`` to begin anew with the cache."""
        if not self._cache.postpone_recheck(account, entry):
            return True  # another caller compares it
        version = self._cache.version(account)
        try:
            stored = self._store.load(account)
            if stored is None:
                self._cache.forget(account)
                return False
            if self._store.pending.latest(account, stored) is not stored:
                self._try_refresh(account, entry)  # which saves the pending token again
            elif not stored.is_same_issue(entry.token):
                self._cache.put(account, stored, if_version=version)
                return False
        except TokenBindingError:
            self._cache.forget(account)
            raise
        except UltraCartError as error:
            _logger.warning("account %r cannot be compared with the store: %s", account, error)
        return True

    # -- who refreshes ------------------------------------------------------------------------

    def _refresh_early(self, account: str, entry: CachedToken) -> Token:
        """The new token, or, if it could not be had now, the entry's, which was valid before."""
        try:
            return self._try_refresh(account, entry) or entry.token
        except UltraCartError as error:
            half = (entry.expires_at - self._monotonic()) / 2
            pause = max(min(half, MAX_REFRESH_BACKOFF), getattr(error, "retry_after", None) or 0.0)
            self._cache.postpone_refresh(account, entry, pause)
        return entry.token

    def _try_refresh(self, account: str, entry: CachedToken) -> Token | None:
        with self._reporter.reporting(account) as trace:
            work = partial(self._refresh, account, entry, trace, early=True)
            return self._flights.try_run(account, work)

    # -- one refresh, in the order of execution -----------------------------------------------

    def _refresh(
        self, account: str, seen: CachedToken | None, trace: Trace, *, early: bool = False
    ) -> Token | None:
        """The token that replaces ``seen``; without that, whatever is stored is refreshed.

        ``None`` if ``early``, and another process is at it.
        """
        try:
            stored = self._newer(account, seen)
            if stored is not None:
                return stored
            with self._store.lock(account, blocking=not early) as held:
                if not held and seen is not None:  # another process is at it
                    self._cache.postpone_refresh(account, seen, PEER_REFRESH_RECHECK)
                    return None
                stored = self._newer(account, seen)
                if stored is not None:
                    return stored
                token, sent_at = self._refresh_under_lock(account, trace, early)
                version = self._cache.version(account)
        except UltraCartError as error:
            # No event where no refresh token was sent, as with a remembered refusal.
            is_news = trace.token is not None or isinstance(error, TokenStoreError)
            if is_news and trace.kind != "grant_ended":
                trace.failed(error)
            raise
        self._cache.put(account, token, if_version=version, sent_at=sent_at)
        return token

    def _newer(self, account: str, seen: CachedToken | None) -> Token | None:
        """The stored token, if somebody has refreshed it since ``seen``.

        Raises the remembered error response to the stored token (R9).
        """
        if seen is None:
            return None
        version = self._cache.version(account)
        stored = self._store.load(account)
        if stored is None or self._store.pending.latest(account, stored) is not stored:
            return None
        if stored.is_same_issue(seen.token) or not self._cache.is_fresh(stored):
            self._store.refusals.check(account, stored, self._monotonic())
            return None
        _, cached = version
        if cached is None or not stored.is_same_issue(cached.token):  # else its age is known
            self._cache.put(account, stored, if_version=version)
        return stored

    def _refresh_under_lock(
        self, account: str, trace: Trace, early: bool
    ) -> tuple[Token, float | None]:
        """Refresh the stored token and save the result.

        Returns the token, and when it was asked for, in monotonic seconds, if it was now.
        """
        old = self._store.load(account)
        if old is None:
            self._cache.forget(account)
            raise reauthorization_required(account)
        latest = self._store.pending.latest(account, old)
        if latest is not old:  # R6
            old = self._save(account, old, latest)
            if self._cache.is_fresh(old):
                trace.done("refreshed", old)
                return old, None
        trace.token = old
        try:
            issued = self._ask(account, old, trace, early)
        except InvalidGrantError as error:  # R8
            stored = self._store.load(account)
            if stored is not None and not stored.is_same_issue(old):
                return stored, None
            why = "its grant has ended, by the merchant or because a refresh token was used twice"
            raise self._ended(account, old, trace, why, error) from error
        new = self._store.bound(
            Token.from_response(issued.response, issued_at=issued.sent_at, previous=old)
        )
        saved = self._save(account, old, new)
        trace.done("refreshed", saved)
        return saved, issued.sent_monotonic if saved is new else None

    def _ask(self, account: str, old: Token, trace: Trace, early: bool) -> Issued:
        if old.refresh_token is None:
            why = "its token has expired, and came without a refresh token"
            raise self._ended(account, old, trace, why)
        try:
            with trace.request():
                issued = self._endpoint.refresh(old.refresh_token)
            trace.attempts = issued.attempts
            self._store.refusals.accept(account)
            merchant = issued.response.merchant_id
            if merchant and old.merchant_id and merchant != old.merchant_id:  # R11
                raise TokenBindingError(
                    "UltraCart refreshed account %r of merchant %r with a token of merchant %r,"
                    " which is not kept" % (account, old.merchant_id, merchant),
                    account=account,
                )
        except (ApiException, TokenBindingError) as error:
            self._store.refusals.remember(account, old, error, self._monotonic(), early=early)
            raise
        return issued

    def _save(self, account: str, old: Token, new: Token) -> Token:
        """``new``, saved; or what was saved meanwhile by a login, which wins (R7)."""
        if self._store.replace(account, old, new):
            return new
        stored = self._store.load(account)
        if stored is None:
            self._cache.forget(account)
            raise reauthorization_required(account, "its token was deleted during the refresh")
        return stored

    def _ended(
        self, account: str, old: Token, trace: Trace, why: str, cause: Exception | None = None
    ) -> ReauthorizationRequired:
        error = reauthorization_required(account, why)
        error.__cause__ = cause
        self._store.refusals.remember(account, old, error, self._monotonic())
        trace.failed(error, has_ended=True)
        return error


def reauthorization_required(
    account: str, why: str = "no token is stored for it"
) -> ReauthorizationRequired:
    """The error that says what an application has to do next."""
    return ReauthorizationRequired(
        "account %r must authorize again: %s. Send the merchant to create_authorization_url()"
        % (account, why),
        account=account,
    )
