"""Decides what the commands about a login that exists do: token, whoami, accounts, revoke."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from ..api.oauth_api import OauthApi
from ..exceptions import ApiException, ReauthorizationRequired
from ..oauth.session import OAuthSession
from ..oauth.stores.sqlite import SQLiteTokenStore
from ..oauth.token import Token
from .console import CommandError, printable, put, put_json, say
from .logins import Login, configuration_of, find_login, login_command, logins, open_store, reaching


def run(arguments: argparse.Namespace) -> int:
    """Run the command that ``arguments.command`` names."""
    commands = {"token": _token, "whoami": _whoami, "accounts": _accounts, "revoke": _revoke}
    commands[arguments.command](arguments)
    return 0


def describe_login(login: Login, token: Token | None) -> dict[str, Any]:
    """What ``--json`` says about a login; never a token."""
    described: dict[str, Any] = login._asdict()
    if token is not None:  # pragma: no branch - revoked by another process a moment ago
        described["merchant_id"] = token.merchant_id
        described["scope"] = token.scope
        described["expires_at"] = token.expires_at
    return described


class _Connected(NamedTuple):
    session: OAuthSession
    login: Login
    store: SQLiteTokenStore


def _token(arguments: argparse.Namespace) -> None:
    with _connected(arguments) as (session, login, _):
        access_token = session.access_token(login.key)
        if not arguments.json:
            put(access_token)
            return
        token = session.token(login.key)
        put_json({"access_token": access_token, **describe_login(login, token)})


def _whoami(arguments: argparse.Namespace) -> None:
    with _connected(arguments) as (session, login, _), session.api_client(login.key) as client:
        me = OauthApi(client).oauth_me().to_dict()
    if arguments.json:
        put_json(me)
        return
    for name, value in me.items():
        if value is not None:
            text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
            put("%-17s %s" % (printable(name.replace("_", " ")) + ":", printable(text)))


def _accounts(arguments: argparse.Namespace) -> None:
    with closing(open_store()) as store:
        found = [
            (login, store.load(login.key))
            for login in logins(store)
            if arguments.host is None or arguments.host.rstrip("/") == login.host
        ]
    if arguments.json:
        put_json([describe_login(login, token) for login, token in found])
        return
    if not found:
        say("Nobody is logged in. Run: ultracart login")
    rows = [
        (login.account, _merchant(token), login.client_id, login.host, _validity(token))
        for login, token in found
    ]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        put("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def _merchant(token: Token | None) -> str:
    return printable(token.merchant_id) if token and token.merchant_id else "-"


def _validity(token: Token | None) -> str:
    if token is None:  # pragma: no cover - revoked by another process a moment ago
        return "gone"
    left = token.remaining(time.time())
    if token.expires_at is None:
        return "valid"
    if left > 0:
        return "valid for %d min" % (left // 60) if left >= 60 else "valid for %d s" % left
    return "refreshed when next used" if token.refresh_token else "expired"


def _revoke(arguments: argparse.Namespace) -> None:
    with _connected(arguments) as (session, login, store):
        try:
            session.revoke(login.key)
        except ApiException as error:
            if not arguments.forget:
                raise CommandError(
                    "%s. The login was kept: try again, or forget it here alone with --forget"
                    % str(error).rstrip(".")
                ) from error
            store.delete(login.key)
            say("UltraCart could not be told: %s" % error)
    if arguments.json:
        put_json(login._asdict())
    else:
        say("Account %s is logged out." % login.account)


@contextmanager
def _connected(arguments: argparse.Namespace) -> Iterator[_Connected]:
    configuration = configuration_of(arguments)
    with closing(open_store()) as store, reaching(configuration.host):
        login = find_login(arguments, configuration.host, store)
        try:
            with OAuthSession(
                login.client_id, token_store=store, configuration=configuration
            ) as session:
                yield _Connected(session, login, store)
        except ReauthorizationRequired as error:
            # The session knows the account by its key, and the way back by its method's name.
            raise CommandError(
                "the grant of account %s has ended%s. Run: %s"
                % (
                    login.account,
                    "" if error.__cause__ is None else " (%s)" % error.__cause__,
                    login_command(arguments, login.client_id),
                )
            ) from error
