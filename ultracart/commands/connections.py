"""The credential of a command: a stored login, or the token in ULTRACART_ACCESS_TOKEN."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from ..api_client import ApiClient
from ..configuration import Configuration
from ..exceptions import ReauthorizationRequired
from ..oauth.cli_logins import Login, open_login_store
from ..oauth.session import OAuthSession
from ..oauth.stores.sqlite import SQLiteTokenStore
from .console import CommandError, say
from .ended_grants import note_ended
from .logins import configuration_of, find_login, login_command, reaching

VARIABLE = "ULTRACART_ACCESS_TOKEN"


class Connected(NamedTuple):
    """A stored login, ready for use."""

    session: OAuthSession
    login: Login
    store: SQLiteTokenStore


def environment_token(arguments: argparse.Namespace) -> str | None:
    """The token in the environment, unless options name a stored login.

    Raises:
        CommandError: it cannot be a token.
    """
    token = os.environ.get(VARIABLE, "").strip()
    if not token or arguments.names_login:
        return None
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise CommandError(
            "%s is not an access token: it holds a space or a special character" % VARIABLE
        )
    return token


def say_environment_token() -> None:
    """Say on stderr that no stored login is used."""
    say("Using the token in %s, not a stored login." % VARIABLE)


@contextmanager
def authorized_client(arguments: argparse.Namespace) -> Iterator[ApiClient]:
    """A client that is authorized as the options and the environment say.

    Raises: as :func:`connected`.
    """
    token = environment_token(arguments)
    if token is None:
        with (
            connected(arguments) as (session, login, _),
            session.api_client(login.key) as client,
        ):
            yield client
        return
    say_environment_token()
    configuration = configuration_of(arguments)
    with reaching(configuration.host), token_client(configuration, token) as client:
        yield client


def token_client(configuration: Configuration, token: str) -> ApiClient:
    """A client that sends this token and nothing else."""
    configuration.access_token = token
    configuration.api_key = {}
    return ApiClient(configuration)


@contextmanager
def connected(arguments: argparse.Namespace) -> Iterator[Connected]:
    """The stored login that the options mean.

    Raises:
        CommandError: there is none, its grant has ended, or the server does not respond.
    """
    configuration = configuration_of(arguments)
    with closing(open_login_store()) as store, reaching(configuration.host):
        login = find_login(arguments, configuration.host, store)
        try:
            with OAuthSession(
                login.client_id, token_store=store, configuration=configuration
            ) as session:
                yield Connected(session, login, store)
        except ReauthorizationRequired as error:
            token = store.load(login.key)
            if token is not None and error.__cause__ is not None:
                note_ended(token)
            # Replace the session's message: it names the key in the store, and a Python method.
            raise CommandError(
                "the grant of account %s has ended%s. Run: %s"
                % (
                    login.account,
                    "" if error.__cause__ is None else " (%s)" % error.__cause__,
                    login_command(login.account, login.client_id, arguments.host),
                )
            ) from error
