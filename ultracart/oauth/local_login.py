"""A merchant's login on this machine: by browser and loopback redirect, or by a pasted address."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..api_client import ApiClient
from ..configuration import Configuration, configuration_or_global
from ..exceptions import (
    AccessDeniedError,
    ApiConnectionError,
    ApiException,
    ApiTimeoutError,
    ApiValueError,
    OAuthSessionError,
    ReauthorizationRequired,
)
from .browser import open_browser
from .checks import check_functions, check_integers, check_seconds, check_texts
from .cli_logins import DEFAULT_ACCOUNT, LoginTokenStore, open_login_store, stored_logins
from .loopback import DENIED, FAILED, LOGGED_IN, RedirectListener
from .stores.base import check_account
from .token import Token

if TYPE_CHECKING:
    from .authorization import AuthorizationRequest
    from .session import OAuthSession


class NoAnswerError(OAuthSessionError):
    """Nobody has answered the consent page in time."""


def require_server(configuration: Configuration) -> None:
    """Raise ApiConnectionError or ApiTimeoutError where no server answers.

    Found before a person is sent to a page that cannot be loaded.
    """
    configuration = copy.copy(configuration)
    # 429: the server is busy, so it is up.
    configuration.retry_budget = 0.0
    with ApiClient(configuration) as client:
        try:
            client.call_api("/oauth/me", "GET", auth_settings=[])
        except (ApiConnectionError, ApiTimeoutError):
            raise
        except ApiException:
            pass  # an error response: the server is up, nobody is logged in


@contextmanager
def browser_login(
    session: OAuthSession,
    account: str,
    *,
    timeout: float,
    announce: Callable[[str, AuthorizationRequest], object],
    tick: Callable[[float], object],
    redirect_uri: str | None = None,
    port: int = 0,
    scope: str | None = None,
    no_browser: Callable[[], object] | None = None,
) -> Iterator[Token]:
    """A context with the token of a login by browser; the browser is told how the login went.

    Args:
        announce: called with the address to open and the request behind it, before the wait.
        no_browser: called where no browser can be started; ``None``: none is to be opened.

    Raises:
        NoAnswerError: nobody answered within ``timeout`` seconds.
        OSError: the port is taken or may not be used.
        Others as :meth:`OAuthSession.fetch_token`.
    """
    with RedirectListener(redirect_uri, port) as listener:
        request = session.create_authorization_url(redirect_uri=listener.redirect_uri, scope=scope)
        listener.expect(request.state, request.url)
        announce(listener.start_address, request)
        if no_browser is not None:
            open_browser(listener.start_address, no_browser)
        callback = listener.wait(timeout, tick)
        if callback is None:
            raise NoAnswerError("no answer came within %s" % seconds_in_words(timeout))
        try:
            token = session.fetch_token(callback, request=request, account=account)
        except AccessDeniedError:
            listener.report(DENIED)
            raise
        except BaseException:
            listener.report(FAILED)
            raise
        listener.report(LOGGED_IN)
        yield token


def login_in_browser(
    session: OAuthSession,
    configuration: Configuration,
    account: str,
    *,
    scope: str | None,
    redirect_uri: str | None,
    port: int,
    timeout: float,
    browser: bool,
    show: Callable[[str], object] | None,
) -> Token:
    """What :meth:`OAuthSession.login_in_browser` does."""
    if show is None:
        show = _write_to_stderr
    check_functions(show=show)
    check_seconds(timeout=timeout)
    if not 0 < timeout < float("inf"):
        raise ApiValueError("timeout must be a positive number of seconds")
    check_integers(0, port=port)
    if port > 65535:
        raise ApiValueError("port must be from 0 to 65535")
    require_server(configuration)

    def announce(address: str, request: AuthorizationRequest) -> None:
        show("Log in to UltraCart at this address: " + address)

    def no_browser() -> None:
        show("No browser could be started here: open the address yourself.")

    try:
        with browser_login(
            session,
            account,
            timeout=timeout,
            announce=announce,
            tick=lambda left: None,
            redirect_uri=redirect_uri,
            port=port,
            scope=scope,
            no_browser=no_browser if browser else None,
        ) as token:
            return token
    except OSError as error:
        raise OAuthSessionError(
            "the port of the redirect cannot be used: %s" % error.strerror
        ) from error


def cli_login(
    account: str, configuration: Configuration | None, client_id: str | None
) -> tuple[str, LoginTokenStore]:
    """Client id and store of what ``ultracart login`` has kept for the account.

    Raises:
        ReauthorizationRequired: there is no such login at the configured host.
        ApiValueError: there are several, of different applications.
        ConfigurationError: there is no home directory.
        TokenStoreError: the store failed.
    """
    check_account(account)
    check_texts(client_id=client_id)
    chosen = configuration_or_global(configuration)
    host = str(chosen.host).rstrip("/")
    # A session never closes its store: this one closes its file when it is garbage-collected.
    store = open_login_store()
    found = [
        login.client_id
        for login in stored_logins(store)
        if (login.host, login.account) == (host, account) and client_id in (None, login.client_id)
    ]
    if not found:
        raise ReauthorizationRequired(
            "account %r is not logged in at %s: run ultracart login%s"
            % (account, host, "" if account == DEFAULT_ACCOUNT else " --account NAME"),
            account=account,
        )
    if len(found) > 1:
        raise ApiValueError(
            "account %r is logged in with several applications (%s): give client_id"
            % (account, ", ".join(found))
        )
    return found[0], LoginTokenStore(store, host, found[0], account)


def seconds_in_words(seconds: float) -> str:
    """``1 second``, ``0.2 seconds``."""
    return "%g second%s" % (seconds, "" if seconds == 1 else "s")


def _write_to_stderr(text: str) -> None:
    if sys.stderr is not None:  # closed: print would take stdout
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - for the person who logs in
