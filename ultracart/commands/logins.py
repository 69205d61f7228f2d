"""Decides which login a command is about: the server, the application and the account."""

from __future__ import annotations

import argparse
import json
import os
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from ..configuration import Configuration
from ..exceptions import ApiConnectionError, ApiTimeoutError
from ..oauth.stores.sqlite import SQLiteTokenStore
from ..transport.settings import Origin, transport_settings
from .console import CommandError
from .data_directory import data_directory
from .program import DEFAULT_ACCOUNT

_FILE = "tokens.sqlite3"
#: What a sandbox knows without being told, so that a login there needs no options. Real UltraCart
#: has no defaults: the wrong application or permission would be asked for.
SANDBOX_CLIENT_ID = "sandbox_client"
SANDBOX_SCOPE = "item_read order_read"


class Login(NamedTuple):
    """One grant on this machine. A token of one server or application must never reach another."""

    host: str
    client_id: str
    account: str

    @property
    def key(self) -> str:
        """The account's name in the token store."""
        return json.dumps(self)

    @classmethod
    def from_key(cls, key: str) -> Login | None:
        """The login behind a name of the token store, or ``None`` for a name of another program."""
        try:
            parts = json.loads(key)
        except ValueError:
            return None
        made_here = isinstance(parts, list) and [type(part) for part in parts] == [str] * 3
        return cls(*parts) if made_here else None


def open_store() -> SQLiteTokenStore:
    """The user's token store."""
    return SQLiteTokenStore(os.path.join(data_directory(), _FILE))


def configuration_of(arguments: argparse.Namespace) -> Configuration:
    """Settings for the server that ``--host`` or ``ULTRACART_HOST`` names.

    Raises:
        ConfigurationError: the host cannot be used, such as plain http beyond this machine.
    """
    configuration = Configuration()
    if arguments.host is not None:
        configuration.host = arguments.host
    configuration.host = configuration.host.rstrip("/")
    transport_settings(configuration)
    return configuration


@contextmanager
def reaching(host: str) -> Iterator[None]:
    """Say which server did not answer, and what may help.

    Raises:
        CommandError: no usable answer came.
    """
    try:
        yield
    except (ApiConnectionError, ApiTimeoutError) as error:
        message = "no answer from %s (%s)" % (host, error)
        if is_sandbox(host) and not error.request_sent:
            message += ". Is the sandbox running? Start it with: ultracart sandbox"
        raise CommandError(message) from error


def is_sandbox(host: str) -> bool:
    """Whether the server is on this machine, where only a sandbox can be."""
    return Origin(scheme="", host=urlsplit(host).hostname or "", port=0).is_loopback


def new_login(arguments: argparse.Namespace, host: str) -> Login:
    """The login that ``login`` is to make.

    Raises:
        CommandError: no application is named.
    """
    client_id = arguments.client_id or (SANDBOX_CLIENT_ID if is_sandbox(host) else None)
    if client_id is None:
        raise CommandError(
            "which application? Give its client id with --client-id or ULTRACART_CLIENT_ID"
        )
    return Login(host, client_id, arguments.account)


def logins(store: SQLiteTokenStore) -> list[Login]:
    """Every login on this machine, sorted."""
    found = (Login.from_key(key) for key in store.accounts())
    return sorted(login for login in found if login is not None)


def find_login(arguments: argparse.Namespace, host: str, store: SQLiteTokenStore) -> Login:
    """The login that the options mean.

    Raises:
        CommandError: there is none, or there are several.
    """
    named = [
        login
        for login in logins(store)
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
    if hosts:
        return "%s, but at %s: give --host or set ULTRACART_HOST, or run: %s" % (
            message,
            " and ".join(hosts),
            login_command(arguments, application),
        )
    return "%s. Run: %s" % (message, login_command(arguments, application))


def login_command(arguments: argparse.Namespace, client_id: str | None) -> str:
    """The command that makes the login that the options mean, for a person to copy."""
    words = ["ultracart", "login"]
    if arguments.account != DEFAULT_ACCOUNT:
        words += ["--account", arguments.account]
    if client_id not in (None, SANDBOX_CLIENT_ID):
        words += ["--client-id", str(client_id)]
    if arguments.host is not None:
        words += ["--host", arguments.host]
    return shlex.join(words)
