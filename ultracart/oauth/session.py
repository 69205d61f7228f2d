"""The session: login, valid tokens and authorized clients for one application's merchants."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..api_client import ApiClient
from ..configuration import Configuration, configuration_or_global
from ..forks import notice_fork
from ..late_imports import load
from .authorization import AuthorizationRequest, check_authorization_endpoint
from .checks import (
    check_client_id,
    check_functions,
    check_integers,
    check_seconds,
    check_texts,
)
from .consent import ConsentFlow
from .device import DeviceAuthorization, poll_until_answered
from .events import EventReporter, SessionEvent
from .grants import Grant, Grants
from .refresher import Refresher
from .request_limiter import RequestLimiter
from .safe_store import SafeStore
from .stores.base import TokenStore, check_account
from .stores.memory import MemoryTokenStore
from .token import Token
from .token_cache import TokenCache, uptime
from .token_endpoint import TokenEndpoint

if TYPE_CHECKING:
    # Loaded when first needed; named here for tools that bundle applications (PyInstaller).
    from . import local_login as local_login
    from .client_auth import ClientAuth

DEFAULT_ACCOUNT = "default"


class AccountTokenSource:
    """One account's access token, as ``Configuration.access_token`` takes it."""

    __slots__ = ("_account", "_session")

    def __init__(self, session: OAuthSession, account: str) -> None:
        self._session = session
        self._account = account

    def __call__(self) -> str:
        return self._session.access_token(self._account)

    def check_host(self, host: str) -> None:
        """Raise TokenBindingError unless ``host``, a client's, is the session's server."""
        self._session._store.require_own_server(self._account, str(host))

    async def token_async(self) -> str:
        """The same for coroutines."""
        return await self._session.access_token_async(self._account)

    def invalidate(self, token: str) -> bool:
        """The server rejected ``token`` with 401; returns whether another one can be had."""
        return self._session.invalidate(self._account, token)

    def is_untried(self, token: str) -> bool:
        """Whether ``token`` came from the store, so that a refresh may bring a better one."""
        return self._session._cache.is_untried(self._account, token)

    def __repr__(self) -> str:
        return "AccountTokenSource(%r)" % self._account


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
        store_recheck: seconds after which a token in memory is compared with the store, so that a
            login or a deletion in another process arrives; ``math.inf``: never. Default 60.
        on_event: called with a :class:`SessionEvent` for each login, refresh, failed refresh,
            ended grant and revocation, outside every lock; what it raises is logged.
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
        store_recheck: float = 60.0,
        on_event: Callable[[SessionEvent], object] | None = None,
        max_parallel_requests: int | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = uptime,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        check_client_id(client_id)
        check_texts(
            redirect_uri=redirect_uri,
            scope=scope,
            client_secret=client_secret,
            issuer=issuer,
            authorization_endpoint=authorization_endpoint,
        )
        check_functions(clock=clock, monotonic=monotonic, sleep=sleep)
        if on_event is not None:
            check_functions(on_event=on_event)
        check_seconds(authorization_lifetime=authorization_lifetime, store_recheck=store_recheck)
        if refresh_margin is not None:
            check_seconds(refresh_margin=refresh_margin)
        limiter = None if max_parallel_requests is None else RequestLimiter(max_parallel_requests)
        self._configuration = _without_credentials(configuration, limiter)
        host = str(self._configuration.host).rstrip("/")  # if it is no URL, a request says so
        allow_insecure = self._configuration.allow_insecure_transport
        if authorization_endpoint:
            check_authorization_endpoint(authorization_endpoint, allow_insecure=allow_insecure)
        store = MemoryTokenStore() if token_store is None else token_store
        self._store = SafeStore(store, host, client_id, client_secret, monotonic)
        self._endpoint = TokenEndpoint(
            client_id,
            client_secret,
            self._configuration.__copy__(),
            clock=clock,
            monotonic=monotonic,
            sleep=sleep,
        )
        self._consent = ConsentFlow(
            client_id,
            redirect_uri,
            scope,
            authorization_endpoint or host + "/oauth/authorize",
            issuer,
            pkce=pkce,
            lifetime=authorization_lifetime,
            allow_insecure=allow_insecure,
            clock=clock,
        )
        self._monotonic = monotonic
        self._sleep = sleep
        self._cache = TokenCache(
            refresh_margin, store_recheck=store_recheck, clock=clock, monotonic=monotonic
        )
        self._entries = self._cache.entries
        reporter = EventReporter(on_event, clock, monotonic)
        self._refresher = Refresher(self._store, self._endpoint, self._cache, reporter, monotonic)
        self._grants = Grants(
            self._store, self._endpoint, self._cache, reporter, self._refresher, clock, monotonic
        )

    def __enter__(self) -> OAuthSession:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back; the store stays open. The session can be used again."""
        self._endpoint.close()

    @classmethod
    def from_cli_login(
        cls,
        account: str = DEFAULT_ACCOUNT,
        *,
        client_id: str | None = None,
        configuration: Configuration | None = None,
        **options: Any,
    ) -> OAuthSession:
        """A session on what ``ultracart login`` has stored on this machine.

        Without an account its methods mean this login; the other logins of the same application
        and host go by their names.

        Args:
            account: the login's name.
            client_id: its application, where there are logins of several.
            configuration: its host, TLS, proxy and timeouts; default: the global configuration.
            options: the other arguments of :class:`OAuthSession` but ``token_store``.

        Raises:
            ReauthorizationRequired: there is no such login at the configured host.
            ApiTypeError, ApiValueError: an argument is of the wrong type or impossible, or there
                are such logins of several applications.
            ConfigurationError: no home directory is known.
            TokenStoreError: the store failed.
        """
        # Loaded late: few sessions log in this way.
        find = load("ultracart.oauth.local_login", "cli_login")
        found, store = find(account, configuration, client_id)
        return cls(found, token_store=store, configuration=configuration, **options)

    # -- getting a grant ----------------------------------------------------------------------

    def create_authorization_url(
        self, *, redirect_uri: str | None = None, scope: str | None = None
    ) -> AuthorizationRequest:
        """A new way to the consent page: send the browser to ``url``, keep it for the callback.

        Args:
            redirect_uri, scope: in place of the session's.

        Raises:
            ApiValueError: there is no usable redirect URI, or the consent page is neither https
                nor on this machine.
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
            OAuthError: the merchant or UltraCart refused, such as AccessDeniedError.
            ApiException: the exchange failed.
            TokenStoreError: the token could not be kept.
        """
        _check_call(account)
        with self._consent.answered(authorization_response, request, code) as grant:
            issued = self._endpoint.exchange_code(
                grant.code, grant.redirect_uri, grant.code_verifier
            )
        return self._grants.save_login(account, issued, grant.scope)

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
            AccessDeniedError: the merchant did not allow it.
            ExpiredTokenError: nobody answered in time.
            ApiException: UltraCart refused, or sent a response that cannot be used (see ``body``);
                a response that is lost does not end the wait.
            TokenStoreError: the token could not be kept.
        """
        _check_call(account)
        issued = poll_until_answered(
            device, self._endpoint.poll_device, monotonic=self._monotonic, sleep=self._sleep
        )
        return self._grants.save_login(account, issued, device.scope)

    def login_in_browser(
        self,
        account: str = DEFAULT_ACCOUNT,
        *,
        scope: str | None = None,
        redirect_uri: str | None = None,
        port: int = 0,
        timeout: float = 300.0,
        open_browser: bool = True,
        show: Callable[[str], object] | None = None,
    ) -> Token:
        """Let the person at this machine log in with a browser, and keep the token.

        For scripts and notebooks, as ``ultracart login``: it opens the consent page, waits for the
        redirect to a port of this machine (RFC 8252), and returns when the callback has come.

        Args:
            account: whose token it is; replaces any that the account has.
            scope: permissions to ask for; default: the session's.
            redirect_uri: plain http on ``127.0.0.1``, ``[::1]`` or ``localhost``, as registered.
                Default: the session's, or ``http://127.0.0.1:PORT/callback``.
            port: the PORT, where no redirect URI is named; 0 takes any free one.
            timeout: seconds to wait for the person.
            open_browser: ``False`` only shows the address.
            show: called with what the person should read; default: written to stderr.

        Raises:
            AccessDeniedError: the merchant did not allow it.
            OAuthSessionError: no callback came in time, or the port cannot be used.
            ApiTypeError, ApiValueError: an argument is of the wrong type or impossible.
            ApiException: UltraCart refused or could not be reached, which is found before anybody
                is asked.
            TokenStoreError: the token could not be kept.
        """
        _check_call(account)
        token: Token = load("ultracart.oauth.local_login", "login_in_browser")(
            self,
            self._configuration,
            account,
            scope=scope,
            redirect_uri=redirect_uri or (None if port else self._consent.redirect_uri),
            port=port,
            timeout=timeout,
            browser=open_browser,
            show=show,
        )
        return token

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
        if entry is not None and self._monotonic() < entry.fresh_until:
            return entry.token.access_token
        _check_call(account)
        return self._refresher.valid_token(account).access_token

    async def access_token_async(self, account: str = DEFAULT_ACCOUNT) -> str:
        """:meth:`access_token` for coroutines: what may wait runs in a thread.

        Raises: as :meth:`access_token`.
        """
        entry = self._entries.get(account) if isinstance(account, str) else None
        if entry is not None and self._monotonic() < entry.fresh_until:
            return entry.token.access_token
        from .client_auth import in_thread  # few programs need it

        return await in_thread(lambda: self.access_token(account))

    def auth(self, account: str = DEFAULT_ACCOUNT) -> ClientAuth:
        """An ``auth=`` for requests and for httpx, sync and async, that keeps the token valid.

        It adds the token and the version header; on a 401 the request is repeated with another
        token, see :meth:`api_client`. A request to another host than the configured one is a
        ConfigurationError. Neither library is imported.
        """
        from .client_auth import ClientAuth  # few programs need it

        _check_call(account)
        return ClientAuth(AccountTokenSource(self, account), self._configuration)

    def api_client(self, account: str = DEFAULT_ACCOUNT) -> ApiClient:
        """A client whose requests carry the account's valid token, now and later.

        All clients of a session share one connection pool. On a 401 the request is repeated with
        the token that another process has stored, if there is one, and if that is rejected too, or
        there is none, with a refreshed one.
        """
        _check_call(account)
        configuration = self._configuration.__copy__()
        configuration.access_token = AccountTokenSource(self, account)
        return ApiClient(configuration)

    def token(self, account: str = DEFAULT_ACCOUNT) -> Token | None:
        """The account's token as the store has it, which may have expired; ``None`` without.

        Also one that belongs to another server or application, which this session does not use.

        Raises:
            TokenStoreError: the store failed.
        """
        _check_call(account)
        return self._store.load_any(account)

    def invalidate(self, account: str, access_token: str) -> bool:
        """The server rejected ``access_token`` with 401: do not hand it out again.

        The next call adopts the stored token if it is another one, else refreshes.

        Returns:
            Whether another token can be had: not if this one was refreshed within seconds, since a
            resource that rejects it would reject its successor too. Then it stays in use.

        Raises:
            TokenBindingError: the stored token belongs to another server or application.
            TokenStoreError: the store failed.
        """
        _check_call(account)
        return self._refresher.invalidate(account, access_token)

    def refresh(self, account: str = DEFAULT_ACCOUNT) -> Token:
        """Refresh now, even if the token is fresh or was refused; threads that ask at once share
        one refresh.

        Raises: as :meth:`access_token`.
        """
        _check_call(account)
        return self._refresher.refresh(account)

    def revoke(self, account: str = DEFAULT_ACCOUNT, *, forget: bool = False) -> None:
        """End the grant at UltraCart, then forget it; nothing happens without a token.

        Args:
            forget: forget it also if UltraCart could not be told or refused, if the token
                belongs to another server or application, which is told nothing, or if it cannot
                be read.

        Raises:
            ApiException, OAuthSessionError: UltraCart could not be told, or refused; the token is
                kept, so try again.
            TokenStoreError: the store failed.
        """
        _check_call(account)
        self._grants.revoke(account, forget=forget)

    # -- all of them --------------------------------------------------------------------------

    def grants(self) -> list[Grant]:
        """What this session's accounts have, and in which state; reads the whole store.

        An account whose token is damaged, or encrypted under another key, is left out, and logged.

        Raises:
            TokenStoreError: the store failed, or no token in it can be read.
        """
        return self._grants.all()

    def keep_alive(self, idle: float = 86400.0, limit: int | None = None) -> list[SessionEvent]:
        """Refresh the grants that were not refreshed for long: unused ones die at many servers.

        One after another, the longest idle first. Grants that have ended are left alone, and it
        stops when UltraCart asks to wait, refuses the application, or does not respond three times
        in a row.

        Args:
            idle: seconds since the last refresh or login.
            limit: how many to refresh at most; default: all. Those that turn out to have ended do
                not count.

        Returns:
            What happened, in order: ``refreshed``, ``refresh_failed`` and ``grant_ended``.

        Raises:
            ApiTypeError, ApiValueError: an argument that is no number, or negative.
            TokenStoreError: the store failed, or no token in it can be read.
        """
        check_seconds(idle=idle)
        if limit is not None:
            check_integers(0, limit=limit)
        return self._grants.keep_alive(idle, limit)


def _check_call(account: str) -> None:
    """What a call for an account begins with: notice a fork, and refuse an impossible name."""
    notice_fork()
    check_account(account)


def _without_credentials(
    configuration: Configuration | None, limiter: RequestLimiter | None
) -> Configuration:
    """A copy without credentials: one merchant's keys must not go along with another's token."""
    copied = configuration_or_global(configuration).__copy__()
    copied.access_token = None
    copied.api_key = {}
    copied.api_key_prefix = {}
    copied.refresh_api_key_hook = None
    if limiter is not None:
        copied.request_limiter = limiter
    return copied
