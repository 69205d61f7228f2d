"""Decides what is done under an account's lock: ask for a token, save it, look again, or end it."""

from __future__ import annotations

from collections.abc import Callable

from ..exceptions import InvalidGrantError, OAuthSessionError, ReauthorizationRequired
from .store_guard import StoreGuard
from .token import Token
from .token_cache import TokenCache
from .token_endpoint import TokenEndpoint


class Renewal:
    """Replaces tokens by newer ones, and ends them, under the store's lock."""

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

    def renew(self, account: str) -> tuple[Token, float | None]:
        """Refresh the stored token and save the result.

        Returns the token, and its age in seconds where the clock need not be trusted for it.
        """
        old = self._store.load(account)
        if old is None:
            self._cache.forget(account)
            raise reauthorization_required(account)
        newest = self._store.unsaved.newest(account, old)
        if newest is not old:
            old = self._save(account, old, newest)
            if self._cache.is_fresh(old):
                return old, None
        if old.refresh_token is None:
            why = "its token has ended, and came without a refresh token"
            raise reauthorization_required(account, why)
        try:
            issued = self._endpoint.refresh(old.refresh_token)
        except InvalidGrantError as error:
            return self._after_invalid_grant(account, old, error), None
        new = Token.from_response(issued.response, issued_at=issued.sent_at, previous=old)
        saved = self._save(account, old, new)
        return saved, self._monotonic() - issued.sent_monotonic if saved is new else None

    def end(self, token: Token) -> None:
        """Revoke the grant of ``token``, unless it has ended before."""
        try:
            answer = self._endpoint.revoke(token.refresh_token or token.access_token)
        except InvalidGrantError:
            return
        if answer.successful is False:
            raise OAuthSessionError("UltraCart did not revoke the grant; it is kept")

    def _save(self, account: str, old: Token, new: Token) -> Token:
        """``new``, saved; or what was saved meanwhile by a login, which wins."""
        self._store.unsaved.keep(account, old, new)
        if self._store.replace(account, old, new):
            return new
        self._store.unsaved.settled(account, new)
        stored = self._store.load(account)
        if stored is None:
            self._cache.forget(account)
            raise reauthorization_required(account, "its token was deleted during the refresh")
        return stored

    def _after_invalid_grant(self, account: str, old: Token, error: InvalidGrantError) -> Token:
        # A writer that does not take the lock may have been faster. The stored token is kept: a
        # server may refuse for a time only.
        stored = self._store.load(account)
        if stored is not None and not stored.is_same(old):
            return stored
        why = "its grant has ended, by the merchant or because a refresh token was used twice"
        raise reauthorization_required(account, why) from error


def reauthorization_required(
    account: str, why: str = "no token is stored for it"
) -> ReauthorizationRequired:
    """The error that says what an application has to do next."""
    return ReauthorizationRequired(
        "account %r must authorize again: %s. Send the merchant to create_authorization_url()"
        % (account, why),
        account=account,
    )
