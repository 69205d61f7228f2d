"""Decides how a person logs in from a terminal: by browser, or by a code on another device."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import webbrowser
from contextlib import closing

from ..configuration import Configuration
from ..exceptions import AccessDeniedError, ExpiredTokenError
from ..oauth.session import OAuthSession
from ..oauth.stores.sqlite import SQLiteTokenStore
from ..oauth.token import Token
from .console import CommandError, Countdown, printable, put_json, say, stdout_for_data
from .logins import (
    SANDBOX_SCOPE,
    Login,
    configuration_of,
    is_sandbox,
    new_login,
    open_store,
    reaching,
)
from .loopback import RedirectListener
from .tokens import describe_login

_NO_BROWSER = (
    "No browser could be started here: open the address yourself, or log in with --device."
)


def run(arguments: argparse.Namespace) -> int:
    """Log in and keep the token."""
    configuration = configuration_of(arguments)
    login = new_login(arguments, configuration.host)
    with closing(open_store()) as store, reaching(login.host):
        # A store that cannot be opened is found before somebody is asked for consent.
        store.accounts()
        try:
            log_in = _by_device if arguments.device else _by_browser
            token = log_in(arguments, login, store, configuration)
        except AccessDeniedError as error:
            raise CommandError("the answer was no: nothing has changed") from error
    merchant = " for merchant " + printable(token.merchant_id) if token.merchant_id else ""
    say("Logged in%s. The account is called %s." % (merchant, login.account))
    if arguments.json:
        put_json(describe_login(login, token))
    return 0


def _by_browser(
    arguments: argparse.Namespace,
    login: Login,
    store: SQLiteTokenStore,
    configuration: Configuration,
) -> Token:
    with (
        _listener(arguments.port) as listener,
        OAuthSession(
            login.client_id,
            redirect_uri=listener.redirect_uri,
            scope=arguments.scope,
            token_store=store,
            configuration=configuration,
        ) as session,
    ):
        request = session.create_authorization_url()
        listener.expect(request.state)
        say("Log in to UltraCart at this address:\n\n    %s\n" % request.url)
        with stdout_for_data(), Countdown("Waiting for your answer in the browser") as countdown:
            if arguments.browser:
                _open_browser(request.url)
            callback = listener.wait(arguments.timeout, countdown.show)
        if callback is None:
            raise CommandError(
                "no answer came within %g seconds: run the command again" % arguments.timeout
            )
        return session.fetch_token(callback, request=request, account=login.key)


def _by_device(
    arguments: argparse.Namespace,
    login: Login,
    store: SQLiteTokenStore,
    configuration: Configuration,
) -> Token:
    scope = arguments.scope or (SANDBOX_SCOPE if is_sandbox(login.host) else None)
    if scope is None:
        raise CommandError("which permissions? A login by device needs --scope, such as crm")
    with (
        Countdown("Waiting for your answer on the other device") as countdown,
        OAuthSession(
            login.client_id,
            scope=scope,
            token_store=store,
            configuration=configuration,
            sleep=countdown.sleep,
        ) as session,
    ):
        device = session.start_device_authorization()
        say("Open this address, on any device, and enter the code:\n")
        say("    " + printable(device.verification_uri))
        say("    %s\n" % printable(device.user_code))
        countdown.start(device.expires_in)
        try:
            return session.wait_for_device(device, account=login.key)
        except ExpiredTokenError as error:
            raise CommandError(
                "no answer came before the code expired: run the command again"
            ) from error


def _listener(port: int) -> RedirectListener:
    try:
        return RedirectListener(port)
    except OSError as error:
        raise CommandError(
            "port %d cannot be used for the redirect (%s): choose another with --port"
            % (port, error.strerror)
        ) from error


def _open_browser(url: str) -> None:
    if not _has_screen():
        say(_NO_BROWSER)
        return
    # In a thread, because a browser named by BROWSER is waited for until it ends.
    threading.Thread(target=_open, args=(url,), daemon=True).start()


def _has_screen() -> bool:
    """Whether a browser can show itself; without, a text browser would take over the terminal."""
    if not sys.platform.startswith("linux"):  # pragma: no cover - the tests run on Linux
        return True
    return any(os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))


def _open(url: str) -> None:
    try:
        opened = webbrowser.open(url)
    except (OSError, webbrowser.Error):
        opened = False
    if not opened:
        say(_NO_BROWSER)
