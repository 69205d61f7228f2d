"""Grants: their login and revocation, what state each is in, and keeping unused ones alive."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Literal

from ..exceptions import (
    ApiException,
    InvalidClientError,
    OAuthSessionError,
    TokenStoreError,
    UltraCartError,
)
from .events import EventReporter, SessionEvent, Trace
from .refresher import Refresher
from .safe_store import SafeStore
from .stores.base import UnreadableToken
from .token import Token
from .token_cache import TokenCache
from .token_endpoint import Issued, TokenEndpoint, may_have_been_lost

_logger = logging.getLogger(__name__)
# Accounts in a row whose refresh got no response: UltraCart is out of order, or not to be reached.
_OUTAGE = 3

GrantState = Literal["fresh", "stale", "expired", "ended"]


@dataclass(frozen=True)
class Grant:
    """One account's grant, as the store has it.

    Attributes:
        account: the account's name.
        merchant_id: its UltraCart merchant, where known.
        scope: permissions granted, separated by spaces, or ``None`` when unknown.
        issued_at: Unix seconds of the login, or ``None`` when unknown.
        refreshed_at: Unix seconds of the last refresh; ``None`` if there was none.
        expires_at: Unix seconds at which the access token expires, or ``None`` when unknown.
        state: ``fresh``; ``stale``: the next call refreshes it; ``expired``: likewise, and waits
            for that; ``ended``: the merchant must authorize again, as far as this process knows.
    """

    account: str
    merchant_id: str | None
    scope: str | None
    issued_at: float | None
    refreshed_at: float | None
    expires_at: float | None
    state: GrantState


class Grants:
    """All grants of one session's store that belong to its server and application."""

    def __init__(
        self,
        store: SafeStore,
        endpoint: TokenEndpoint,
        cache: TokenCache,
        reporter: EventReporter,
        refresher: Refresher,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._store = store
        self._endpoint = endpoint
        self._cache = cache
        self._reporter = reporter
        self._refresher = refresher
        self._clock = clock
        self._monotonic = monotonic

    def save_login(self, account: str, issued: Issued, scope: str | None) -> Token:
        """Keep a new grant's token, in place of any that the account has."""
        token = self._store.bound(
            Token.from_response(issued.response, issued_at=issued.sent_at, scope=scope)
        )
        sent_at = issued.sent_monotonic
        duration = self._monotonic() - sent_at
        with self._reporter.reporting(account) as trace:
            with self._store.lock(account):
                self._store.save(account, token)
                version = self._cache.version(account)
            self._cache.put(account, token, if_version=version, sent_at=sent_at, is_login=True)
            self._store.refusals.accept(account)
            trace.duration, trace.attempts = duration, issued.attempts
            trace.done("issued", token)
        return token

    def revoke(self, account: str, *, forget: bool) -> None:
        """End the grant at UltraCart, then forget it; nothing happens without a token."""
        with self._reporter.reporting(account) as trace:
            try:
                with self._store.lock(account):
                    token = self._load_to_revoke(account, trace, forget)
                    if token is not None:
                        token = self._store.pending.latest(account, token)
                        self._revoke_under_lock(account, token, trace, forget)
                    elif trace.error is None:
                        return
                    self._store.delete(account)
            finally:
                self._cache.forget(account)
            if token is not None:
                self._store.pending.drop(account, token)
            self._store.refusals.forget(account)
            trace.done("revoked", token)

    def _load_to_revoke(self, account: str, trace: Trace, forget: bool) -> Token | None:
        try:
            return self._store.load_any(account)
        except UnreadableToken as error:
            if not forget:
                raise
            trace.error = error
            return None

    def _revoke_under_lock(self, account: str, token: Token, trace: Trace, forget: bool) -> None:
        try:
            self._store.require_own(account, token)
            with trace.request():
                revoked = self._endpoint.revoke(token.refresh_token or token.access_token)
            trace.attempts = revoked.attempts
            if revoked.response.successful is False:
                raise OAuthSessionError("UltraCart did not revoke the grant; it is kept")
        except (ApiException, OAuthSessionError) as error:
            if not _says_that_it_has_ended(error):
                if not forget:
                    raise
                trace.error = error

    def all(self) -> list[Grant]:
        """Every grant, by account."""
        latest = self._store.pending.latest
        return [self._grant(name, latest(name, token)) for name, token in self._stored()]

    def keep_alive(self, idle: float, limit: int | None) -> list[SessionEvent]:
        """Refresh what was not refreshed for ``idle`` seconds, the longest idle first."""
        now = self._clock()
        due = [
            (token.issued_at or 0.0, account, token)
            # As stored: a token whose save failed is due, to be saved.
            for account, token in self._stored()
            # The absolute value: a clock that was ahead has written a time that is still to come.
            if abs(now - (token.issued_at or 0.0)) >= idle
            and token.refresh_token
            and not _has_passed(token, now)
        ]
        done: list[SessionEvent] = []
        asked = lost = 0
        for _, account, token in sorted(due, key=itemgetter(0)):
            if limit is not None and asked >= limit:
                break
            event = self._refresher.refresh_unless_newer(account, token)
            if event is None:  # another process has refreshed it, or the refusal is remembered
                continue
            done.append(event)
            # A grant that turns out to be revoked does not count towards ``limit``.
            asked += event.kind != "grant_ended"
            lost = lost + 1 if _was_lost(event.error) else 0
            if lost == _OUTAGE or _asks_to_stop(event.error):
                break
        return done

    def _stored(self) -> Iterator[tuple[str, Token]]:
        """Own tokens. Raises UnreadableToken if there are tokens and none can be read."""
        unreadable, is_readable = None, False
        for account in self._store.accounts():
            try:
                token = self._store.load_any(account)
            except UnreadableToken as error:
                unreadable = unreadable or error
                _logger.warning("account %r is left out: %s", account, error)
                continue
            is_readable = True
            if token is not None and self._store.is_own(token):
                yield account, token
        if unreadable is not None and not is_readable:
            raise unreadable

    def _grant(self, account: str, token: Token) -> Grant:
        is_login = token.granted_at is None or token.granted_at == token.issued_at
        return Grant(
            account,
            token.merchant_id,
            token.scope,
            token.issued_at if token.granted_at is None else token.granted_at,
            None if is_login else token.issued_at,
            token.expires_at,
            self._state(account, token),
        )

    def _state(self, account: str, token: Token) -> GrantState:
        now = self._clock()
        is_expired = token.is_expired(now)
        if self._store.refusals.has_ended(account, token):
            return "ended"
        if is_expired and (token.refresh_token is None or _has_passed(token, now)):
            return "ended"
        if is_expired:
            return "expired"
        return "fresh" if self._cache.is_fresh(token) else "stale"


def _says_that_it_has_ended(error: UltraCartError) -> bool:
    """Whether an error of the revocation endpoint means that there is nothing left to revoke."""
    if not isinstance(error, ApiException) or isinstance(error, InvalidClientError):
        return False
    return error.error in ("invalid_grant", "invalid_token") or error.status in (404, 410)


def _has_passed(token: Token, now: float) -> bool:
    expires_at = token.refresh_token_expires_at
    return expires_at is not None and expires_at <= now


def _was_lost(error: Exception | None) -> bool:
    return isinstance(error, ApiException) and may_have_been_lost(error)


def _asks_to_stop(error: Exception | None) -> bool:
    """Whether the next account's refresh would fail in the same way."""
    return bool(getattr(error, "retry_after", None)) or isinstance(
        error, (InvalidClientError, TokenStoreError)
    )
