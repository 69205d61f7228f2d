"""``ultracart login``: by browser, by a pasted address, or by a code on another device."""

from __future__ import annotations

import argparse
import socket
import sys
import time
from collections.abc import Callable
from contextlib import closing
from urllib.parse import urlsplit

from ..api.oauth_api import OauthApi
from ..api_client import ApiClient
from ..configuration import Configuration
from ..exceptions import (
    AccessDeniedError,
    ApiException,
    ApiValueError,
    ExpiredTokenError,
    OAuthSessionError,
    StateMismatchError,
    UnauthorizedException,
)
from ..oauth.authorization import AuthorizationRequest
from ..oauth.cli_logins import Login, open_login_store
from ..oauth.local_login import NoAnswerError, browser_login, require_server
from ..oauth.session import OAuthSession
from ..oauth.stores.sqlite import SQLiteTokenStore
from ..oauth.token import Token
from .connections import token_client
from .console import (
    CommandError,
    Countdown,
    UsageError,
    is_terminal,
    printable,
    put_json,
    say,
)
from .logins import SANDBOX_SCOPE, configuration_of, is_sandbox, new_login, reaching
from .tokens import describe_login

_DEFAULT_TIMEOUT = 300.0
_NO_BROWSER = (
    "No browser could be started here: open the address yourself, or log in with --paste or "
    "--device."
)


def run(arguments: argparse.Namespace) -> int:
    """Log in and keep the token."""
    _check_options(arguments)
    configuration = configuration_of(arguments)
    login = new_login(arguments, configuration.host)
    with closing(open_login_store()) as store, reaching(login.host):
        # Open the store before somebody is asked for consent: it may fail.
        task = _Task(arguments, configuration, login, store, store.load(login.key))
        log_in = _by_device if arguments.device else _by_paste if arguments.paste else _by_browser
        try:
            return log_in(task)
        except AccessDeniedError as error:
            raise CommandError("the merchant did not allow it: nothing has changed") from error


def _check_options(arguments: argparse.Namespace) -> None:
    """Raises UsageError for options that the chosen way to log in has no use for."""
    given = {
        "--port": arguments.port is not None,
        "--redirect-uri": arguments.redirect_uri is not None,
        "--timeout": arguments.timeout is not None,
        "--no-browser": not arguments.browser,
    }
    useless = list(given) if arguments.device else ["--timeout"] if arguments.paste else []
    for option in useless:
        if given[option]:
            way = "--device" if arguments.device else "--paste"
            raise UsageError("%s does not go with %s, which has no use for it" % (option, way))
    if given["--port"] and given["--redirect-uri"]:
        raise UsageError("--port does not go with --redirect-uri, which names the port")


class _Task:
    def __init__(
        self,
        arguments: argparse.Namespace,
        configuration: Configuration,
        login: Login,
        store: SQLiteTokenStore,
        old: Token | None,
    ) -> None:
        self.arguments = arguments
        self.configuration = configuration
        self.login = login
        self._store = store
        self._old = old

    def session(
        self, scope: str | None, sleep: Callable[[float], None] = time.sleep
    ) -> OAuthSession:
        return OAuthSession(
            self.login.client_id,
            scope=scope,
            token_store=self._store,
            configuration=self.configuration,
            sleep=sleep,
        )

    def finish(self, token: Token) -> int:
        """Report the new login, and what became of the grant that it replaces."""
        merchant = " for merchant " + printable(token.merchant_id) if token.merchant_id else ""
        say("Logged in%s. The account is called %s." % (merchant, self.login.account))
        fate = None if self._old is None else self._end_old(self._old, token)
        if self.arguments.json:
            put_json({**describe_login(self.login, token), "old_grant": fate})
        return 0

    def _end_old(self, old: Token, new: Token) -> str | None:
        if old.access_token == new.access_token or (
            old.refresh_token is not None and old.refresh_token == new.refresh_token
        ):
            return None  # the server has returned the same grant again
        if not self.arguments.revoke_old:
            say("The grant that it replaces is still valid; --revoke-old would revoke it.")
            return "alive"
        with ApiClient(_without_credentials(self.configuration)) as client:
            try:
                secret = old.refresh_token or old.access_token
                OauthApi(client).oauth_revoke(self.login.client_id, secret)
            except ApiException as error:
                if error.status in (400, 401, 404, 410):
                    say("The grant that it replaces had ended before.")
                    return "ended"
                say(
                    "The grant that it replaces could not be revoked and is still valid: %s" % error
                )
                return "alive"
        say("The grant that it replaces was revoked.")
        with token_client(_without_credentials(self.configuration), new.access_token) as client:
            try:
                OauthApi(client).oauth_me()
            except UnauthorizedException as error:
                raise CommandError(
                    "the new grant has ended together with the old one: log in again"
                ) from error
            except ApiException:
                pass  # the check itself failed: take the new grant for valid
        return "revoked"


def _without_credentials(configuration: Configuration) -> Configuration:
    copied = configuration.__copy__()
    copied.access_token = None
    copied.api_key = {}
    return copied


def _by_browser(task: _Task) -> int:
    arguments = task.arguments
    timeout = _DEFAULT_TIMEOUT if arguments.timeout is None else arguments.timeout
    countdown = Countdown("Waiting for your answer in the browser")
    asked: list[AuthorizationRequest] = []

    def announce(address: str, request: AuthorizationRequest) -> None:
        if not arguments.browser and not is_terminal(sys.stderr):
            # A program gets the whole address, for a browser elsewhere; a person the short one.
            address = request.url
        say("Log in to UltraCart at this address:\n\n    %s\n" % address)
        asked.append(request)

    def no_browser() -> None:
        countdown.note(_NO_BROWSER)
        if not is_terminal(sys.stderr):
            say("It leads to:\n\n    %s\n" % asked[0].url)

    require_server(task.configuration)
    try:
        with (
            task.session(arguments.scope) as session,
            countdown,
            browser_login(
                session,
                task.login.key,
                timeout=timeout,
                announce=announce,
                tick=countdown.show,
                redirect_uri=arguments.redirect_uri,
                port=arguments.port or 0,
                no_browser=no_browser if arguments.browser else None,
            ) as token,
        ):
            countdown.end()
            # Say it now: the listener stays open a moment for the browser's last page.
            return task.finish(token)
    except NoAnswerError as error:
        raise CommandError("%s: run the command again" % error) from error
    except ApiValueError as error:
        raise CommandError(str(error).replace("redirect_uri", "--redirect-uri")) from error
    except OSError as error:
        raise CommandError(_unusable_port(arguments, error)) from error


def _unusable_port(arguments: argparse.Namespace, error: OSError) -> str:
    option, port = "--port", arguments.port
    if arguments.redirect_uri is not None:
        option, port = "--redirect-uri", urlsplit(arguments.redirect_uri).port or 80
    return "port %s cannot be used for the redirect (%s): choose another with %s" % (
        port,
        str(error.strerror).partition(" (")[0],
        option,
    )


def _by_paste(task: _Task) -> int:
    arguments = task.arguments
    require_server(task.configuration)
    redirect_uri = arguments.redirect_uri or "http://127.0.0.1:%d/callback" % (
        arguments.port or _free_port()
    )
    with task.session(arguments.scope) as session:
        try:
            request = session.create_authorization_url(redirect_uri=redirect_uri)
        except ApiValueError as error:
            raise CommandError(str(error).replace("redirect_uri", "--redirect-uri")) from error
        say("Log in to UltraCart at this address, in any browser:\n\n    %s\n" % request.url)
        say(
            "Then the browser goes to an address that begins with %s, and may say that it cannot "
            "be reached. Copy that address from the browser's address bar, and paste it here:"
            % redirect_uri
        )
        while True:
            pasted = _read_line()
            try:
                token = session.fetch_token(pasted, request=request, account=task.login.key)
            except (StateMismatchError, OAuthSessionError) as error:
                if not is_terminal(sys.stdin):
                    raise CommandError("not the address of this login: %s" % error) from error
                say("That is not the address of this login: %s. Paste it here:" % error)
                continue
            return task.finish(token)


def _read_line() -> str:
    """What was pasted, without the quotes that some programs put around addresses.

    Raises:
        CommandError: nothing more comes.
    """
    while True:
        line = "" if sys.stdin is None else sys.stdin.readline()
        if not line:
            raise CommandError("no address was pasted: run the command again")
        pasted = line.strip().strip("\"'<>").strip()
        if pasted:
            return pasted


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def _by_device(task: _Task) -> int:
    scope = task.arguments.scope or (SANDBOX_SCOPE if is_sandbox(task.login.host) else None)
    if scope is None:
        raise CommandError("which permissions? A login by device needs --scope, such as crm")
    with (
        Countdown("Waiting for your answer on the other device") as countdown,
        task.session(scope, countdown.sleep) as session,
    ):
        device = session.start_device_authorization()
        say("Open this address, on any device, and enter the code:\n")
        say("    " + printable(device.verification_uri))
        say("    %s\n" % printable(device.user_code))
        if device.verification_uri_complete:
            say("Or open this one, and compare the code:\n")
            say("    %s\n" % printable(device.verification_uri_complete))
        countdown.start(device.expires_in)
        try:
            token = session.wait_for_device(device, account=task.login.key)
        except ExpiredTokenError as error:
            raise CommandError(
                "no answer came before the code expired: run the command again"
            ) from error
    return task.finish(token)
