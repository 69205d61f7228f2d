"""Which login a command is about: the server, the application and the account."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from ..configuration import Configuration
from ..exceptions import ApiConnectionError, ApiTimeoutError, ApiValueError, ConfigurationError
from ..hosts import is_loopback
from ..oauth.cli_logins import Login, stored_logins
from ..oauth.stores.base import TokenStore, check_account
from ..transport.settings import transport_settings
from .console import CommandError
from .program import DEFAULT_ACCOUNT

#: Defaults for a sandbox, so that a login there needs no options. UltraCart itself gets none: they
#: would name a wrong application or permission.
SANDBOX_CLIENT_ID = "sandbox_client"
SANDBOX_SCOPE = "item_read order_read"

# The part of an error message that is advice for programs, not for users of the command line.
_TRUST_ENV = re.compile(r", unless [^,]*Configuration\.trust_env is False,")


def configuration_of(arguments: argparse.Namespace) -> Configuration:
    """Settings for the server that ``--host`` or ``ULTRACART_HOST`` names.

    Raises:
        CommandError: the host cannot be used, such as plain http beyond this machine.
    """
    configuration = Configuration()
    source = "ULTRACART_HOST"
    if arguments.host is not None:
        configuration.host, source = arguments.host, "--host"
    configuration.host = configuration.host.rstrip("/")
    try:
        transport_settings(configuration)
    except ConfigurationError as error:
        message = str(error)
        if message.startswith("plain http"):
            message = (
                "%s begins with http:, which would send tokens readable to everyone on the way: "
                "use https" % source
            )
        message = _TRUST_ENV.sub("", message).replace("Configuration.host", source)
        raise CommandError(message) from error
    return configuration


@contextmanager
def reaching(host: str) -> Iterator[None]:
    """If a server does not respond, raise an error that names it and says what may help.

    Raises:
        CommandError: no usable response came.
    """
    try:
        yield
    except (ApiConnectionError, ApiTimeoutError) as error:
        raise CommandError(no_response(host, error)) from error


def no_response(host: str, error: ApiConnectionError | ApiTimeoutError) -> str:
    """The message about a server that did not respond."""
    message = "no response from %s (%s)" % (host, error)
    if is_sandbox(host) and not error.request_sent:
        message += ". Is the sandbox running? Start it with: ultracart sandbox"
    return message


def is_sandbox(host: str) -> bool:
    """Whether the server is on this machine, where only a sandbox can be."""
    return is_loopback(urlsplit(host).hostname or "")


def new_login(arguments: argparse.Namespace, host: str) -> Login:
    """The login that ``login`` is to make.

    Raises:
        CommandError: no application is named, or the names are too long to be kept.
    """
    client_id = arguments.client_id or (SANDBOX_CLIENT_ID if is_sandbox(host) else None)
    if client_id is None:
        raise CommandError(
            "which application? Give its client id with --client-id or ULTRACART_CLIENT_ID"
        )
    login = Login(host, client_id, arguments.account)
    try:
        check_account(login.key)
    except ApiValueError as error:
        raise CommandError(
            "the names are too long: --account, --client-id and the host must have about 240 "
            "characters together. Give a shorter --account"
        ) from error
    return login


def find_login(arguments: argparse.Namespace, host: str, store: TokenStore) -> Login:
    """The login that the options mean.

    Raises:
        CommandError: there is none, or there are several.
    """
    named = [
        login
        for login in stored_logins(store)
        if login.account == arguments.account and arguments.client_id in (None, login.client_id)
    ]
    here = [login for login in named if login.host == host]
    if len(here) == 1:
        return here[0]
    if here:
        raise CommandError(
            "account %s is logged in with several applications (%s): choose one with --client-id"
            % (arguments.account, ", ".join(login.client_id for login in here))
        )
    raise CommandError(_nobody(arguments, host, named))


def _nobody(arguments: argparse.Namespace, host: str, elsewhere: Iterable[Login]) -> str:
    message = "account %s is not logged in at %s" % (arguments.account, host)
    if arguments.client_id is not None:
        message += " with the application %s" % arguments.client_id
    application = arguments.client_id or (None if is_sandbox(host) else "YOUR_CLIENT_ID")
    hosts = sorted({login.host for login in elsewhere})
    advice = login_command(arguments.account, application, arguments.host)
    if hosts:
        return "%s, but at %s: give --host or set ULTRACART_HOST, or run: %s" % (
            message,
            " and ".join(hosts),
            advice,
        )
    return "%s. Run: %s" % (message, advice)


def login_command(account: str, client_id: str | None, host: str | None) -> str:
    """The command that makes a login again, for a person to copy.

    Args:
        host: what ``--host`` must say; ``None`` where the environment says it.
    """
    words = ["ultracart", "login"]
    if account != DEFAULT_ACCOUNT:
        words += ["--account", account]
    if client_id not in (None, SANDBOX_CLIENT_ID):
        words += ["--client-id", str(client_id)]
    if host is not None:
        words += ["--host", host]
    return shlex.join(words)
