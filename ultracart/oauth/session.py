"""Decides when a token is refreshed, by whom, and what everybody else does meanwhile.

===========  ============================================================================
fresh        handed out from memory: no lock, no store, no request
stale        one caller refreshes, the winner of a try; the others keep the valid token,
             and if the refresh fails that is logged and it rests a while
expired,     everybody waits for one refresh, and shares its result or its error
refused
===========  ============================================================================

One refresh: the store's lock; read again, and adopt what somebody else refreshed; ask UltraCart;
save; unlock. What began before the lock was held counts for nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

from ..api_client import ApiClient
from ..configuration import Configuration
from ..exceptions import UltraCartError
from .authorization import AuthorizationRequest
from .consent import ConsentFlow
from .device import DeviceAuthorization, poll_until_answered
from .renewal import Renewal, reauthorization_required
from .request_limiter import RequestLimiter
from .session_options import begin_call, require_options, session_configuration
from .single_flight import SingleFlight
from .store_guard import StoreGuard
from .stores.base import TokenStore
from .stores.memory import MemoryTokenStore
from .token import Token
from .token_cache import CachedToken, TokenCache
from .token_endpoint import Issued, TokenEndpoint
from .token_source import AccountTokenSource
from .uptime import uptime

DEFAULT_ACCOUNT = "default"
# Seconds; an early refresh that fails is tried again after half of what is left, at most this.
_LONGEST_REST = 30.0
# Seconds; another process's early refresh is looked for again after this.
_ELSEWHERE_REST = 0.25
# How often a token is asked for that has expired when it comes.
_TRIES = 2

_logger = logging.getLogger(__name__)


class _RefreshedElsewhere(Exception):
    """Another process holds the lock: it refreshes, and the token here is still valid."""


class OAuthSession:
    """Keeps the grants of one application's merchants valid.

    Safe to use from many threads, after ``fork``, and, with a store they share, from many
    processes and hosts.

    Args:
        client_id: the application's OAuth client id.
        redirect_uri: where UltraCart sends the merchant's browser back to.
        scope: permissions to ask for, separated by spaces; default: those the application was
            registered with.
        client_secret: for an application that has one; UltraCart's are public clients.
        token_store: where tokens are kept; default: in memory.
        configuration: host, TLS, proxy and timeouts; it is copied, without keys and token.
            Default: the global configuration.
        pkce: send a PKCE challenge and verifier (RFC 7636). Default ``True``.
        issuer: what ``iss`` in a callback must be (RFC 9207); default: an ``iss`` is optional, and
            must be of the configured host.
        authorization_endpoint: default: ``/oauth/authorize`` below the configured host.
        authorization_lifetime: seconds from the authorization URL to the callback. Default 3600.
        refresh_margin: seconds before expiry at which a token is refreshed early, at most half of
            its lifetime; default: a tenth of its lifetime, at most 60.
        max_parallel_requests: a cap on this process's parallel requests; callers queue. Default:
            none.
        clock, monotonic, sleep: time in Unix seconds, monotonic seconds (default: of a clock that
            goes on while the machine sleeps), and how to wait seconds.

    Raises:
        ApiTypeError, ApiValueError: an argument is of the wrong type or impossible.
    """

    def __init__(
        self,
        client_id: str,
        redirect_uri: str | None = None,
        scope: str | None = None,
        client_secret: str | None = None,
        token_store: TokenStore | None = None,
        configuration: Configuration | None = None,
        *,
        pkce: bool = True,
        issuer: str | None = None,
        authorization_endpoint: str | None = None,
        authorization_lifetime: float = 3600.0,
        refresh_margin: float | None = None,
        max_parallel_requests: int | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = uptime,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        require_options(
            client_id,
            token_store=token_store,
            refresh_margin=refresh_margin,
            authorization_lifetime=authorization_lifetime,
            texts={
                "redirect_uri": redirect_uri,
                "scope": scope,
                "client_secret": client_secret,
                "issuer": issuer,
                "authorization_endpoint": authorization_endpoint,
            },
            callables={"clock": clock, "monotonic": monotonic, "sleep": sleep},
        )
        limiter = None if max_parallel_requests is None else RequestLimiter(max_parallel_requests)
        self._configuration = session_configuration(configuration, limiter)
        self._store = StoreGuard(MemoryTokenStore() if token_store is None else token_store)
        self._endpoint = TokenEndpoint(
            client_id,
            client_secret,
            session_configuration(configuration, limiter),
            clock=clock,
            monotonic=monotonic,
            sleep=sleep,
        )
        self._consent = ConsentFlow(
            client_id,
            redirect_uri,
            scope,
            authorization_endpoint or self._configuration.host.rstrip("/") + "/oauth/authorize",
            issuer,
            pkce=pkce,
            lifetime=authorization_lifetime,
            clock=clock,
        )
        self._monotonic = monotonic
        self._sleep = sleep
        self._cache = TokenCache(refresh_margin, clock=clock, monotonic=monotonic)
        self._entries = self._cache.entries
        self._flights: SingleFlight[Token] = SingleFlight()
        self._renewal = Renewal(self._store, self._endpoint, self._cache, monotonic)

    def __enter__(self) -> OAuthSession:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back; the store stays open. The session can be used again."""
        self._endpoint.close()

    # -- getting a grant ----------------------------------------------------------------------

    def create_authorization_url(
        self, *, redirect_uri: str | None = None, scope: str | None = None
    ) -> AuthorizationRequest:
        """A new way to the consent page: send the browser to ``url``, keep it for the callback.

        Args:
            redirect_uri, scope: in place of the session's.

        Raises:
            ApiValueError: there is no usable redirect URI.
        """
        return self._consent.begin(redirect_uri, scope)

    def fetch_token(
        self,
        authorization_response: str | None = None,
        *,
        request: AuthorizationRequest | None = None,
        code: str | None = None,
        account: str = DEFAULT_ACCOUNT,
    ) -> Token:
        """Exchange what the callback brought for a token, and keep it as the account's.

        Args:
            authorization_response: the URL that the browser came back to; with ``request``.
            request: what :meth:`create_authorization_url` returned for this browser.
            code: instead of the URL, when the application has checked ``state`` itself.
            account: whose token it is; replaces any that the account has.

        Raises:
            StateMismatchError: the callback does not belong to ``request``, or came before.
            OAuthSessionError: the callback is malformed.
            OAuthError: the merchant or UltraCart said no, such as AccessDeniedError.
            ApiException: the exchange failed.
            TokenStoreError: the token could not be kept.
        """
        begin_call(account)
        with self._consent.answered(authorization_response, request, code) as grant:
            issued = self._endpoint.exchange_code(
                grant.code, grant.redirect_uri, grant.code_verifier
            )
        return self._keep_new(account, issued, grant.scope)

    def start_device_authorization(self, scope: str | None = None) -> DeviceAuthorization:
        """Codes for a login on a device without a browser (RFC 8628).

        Args:
            scope: application-level scope, such as ``crm``; default: the session's.

        Raises:
            ApiValueError: there is no scope, which UltraCart requires here.
            ApiException: UltraCart refused or could not be reached.
        """
        started_at = self._monotonic()
        asked = scope or self._consent.scope or ""
        response = self._endpoint.authorize_device(asked)
        return DeviceAuthorization.from_response(response, started_at=started_at, scope=asked)

    def wait_for_device(
        self, device: DeviceAuthorization, *, account: str = DEFAULT_ACCOUNT
    ) -> Token:
        """Wait until the merchant has agreed, and keep the token as the account's.

        Raises:
            AccessDeniedError: the merchant said no.
            ExpiredTokenError: nobody answered in time.
            ApiException: UltraCart refused, or answered what cannot be used, which is in ``body``;
                an answer that is lost does not end the wait.
            TokenStoreError: the token could not be kept.
        """
        begin_call(account)
        issued = poll_until_answered(
            device, self._endpoint.poll_device, monotonic=self._monotonic, sleep=self._sleep
        )
        return self._keep_new(account, issued, device.scope)

    # -- using it -----------------------------------------------------------------------------

    def access_token(self, account: str = DEFAULT_ACCOUNT) -> str:
        """An access token that is valid now.

        Raises:
            ReauthorizationRequired: there is no grant any more, or never was.
            ApiException: the token had expired and could not be refreshed; try again later.
            TokenStoreError: the store failed.
        """
        try:
            entry = self._entries.get(account)
        except TypeError:  # a list, say, is no key: refused below
            entry = None
        if entry is not None and self._monotonic() < entry.refresh_at:
            return entry.access_token
        return self._due(account).access_token

    def api_client(self, account: str = DEFAULT_ACCOUNT) -> ApiClient:
        """A client whose requests carry the account's valid token, now and later.

        All clients of a session share one connection pool. On a 401 the token is refreshed once
        and the request repeated once.
        """
        begin_call(account)
        configuration = self._configuration.__copy__()
        configuration.access_token = AccountTokenSource(self, account)
        return ApiClient(configuration)

    def token(self, account: str = DEFAULT_ACCOUNT) -> Token | None:
        """The account's token as the store has it, which may have expired; ``None`` without.

        Raises:
            TokenStoreError: the store failed.
        """
        begin_call(account)
        return self._store.load(account)

    def invalidate(self, account: str, access_token: str) -> None:
        """The server refused ``access_token``: do not hand it out again.

        The next call adopts the stored token if it is another one, else refreshes.

        Raises:
            TokenStoreError: the store failed.
        """
        begin_call(account)
        if self._entries.get(account) is None:
            self._read(account)
        self._cache.expire(account, access_token)

    def refresh(self, account: str = DEFAULT_ACCOUNT) -> Token:
        """Refresh now, even if the token is fresh; threads that ask at once share one refresh.

        Raises: as :meth:`access_token`.
        """
        begin_call(account)
        # A tuple, because any text may be the name of another account.
        return self._flights.run(("forced", account), lambda: self._refresh(account, None))

    def revoke(self, account: str = DEFAULT_ACCOUNT) -> None:
        """End the grant at UltraCart, then forget it; nothing happens without a token.

        Raises:
            ApiException, OAuthSessionError: UltraCart could not be told, or refused; the token is
                kept, so try again.
            TokenStoreError: the store failed.
        """
        begin_call(account)
        try:
            with self._store.lock(account):
                token = self._store.load(account)
                if token is not None:
                    token = self._store.unsaved.newest(account, token)
                    self._renewal.end(token)
                    self._store.delete(account)
        finally:
            self._cache.forget(account)
        if token is not None:
            self._store.unsaved.settled(account, token)

    # -- the policy ---------------------------------------------------------------------------

    def _due(self, account: str) -> Token:
        """A valid token when memory has no fresh one."""
        begin_call(account)
        tries = _TRIES
        while True:
            entry = self._entries.get(account) or self._read(account)
            if entry is None:
                raise reauthorization_required(account)
            now = self._monotonic()
            if now < entry.refresh_at:
                return entry.token
            try:
                if now < entry.expires_at:
                    token = self._refresh_early(account, entry)
                else:
                    token = self._flights.run(account, partial(self._refresh, account, entry))
            except _RefreshedElsewhere:
                continue  # the flight had left early; by now this one is not
            tries -= 1
            if not tries or not self._cache.has_expired(account, token):
                return token
            # The answer was lost for longer than the token lives, or an early refresh failed for
            # longer than the old one had left: ask for the next one.

    def _refresh_early(self, account: str, entry: CachedToken) -> Token:
        """Refresh if nobody else does; else the entry's token, which was valid when this began."""
        try:
            work = partial(self._refresh, account, entry, early=True)
            return self._flights.try_run(account, work) or entry.token
        except _RefreshedElsewhere:
            self._cache.rest(account, entry, _ELSEWHERE_REST)
        except UltraCartError as error:
            half = (entry.expires_at - self._monotonic()) / 2
            pause = max(min(half, _LONGEST_REST), getattr(error, "retry_after", None) or 0.0)
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
            token, age = self._renewal.renew(account)
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

    def _read(self, account: str) -> CachedToken | None:
        ticket = self._cache.ticket(account)
        token = self._store.load(account)
        return None if token is None else self._cache.put(account, token, ticket=ticket)

    def _keep_new(self, account: str, issued: Issued, scope: str | None) -> Token:
        token = Token.from_response(issued.response, issued_at=issued.sent_at, scope=scope)
        age = self._monotonic() - issued.sent_monotonic
        with self._store.lock(account):
            self._store.save(account, token)
            ticket = self._cache.ticket(account)
        self._cache.put(account, token, age=age, ticket=ticket, outdates=True)
        return token
