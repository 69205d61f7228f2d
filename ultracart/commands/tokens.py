"""The commands about a login that exists: token, whoami, accounts, revoke and logout."""

from __future__ import annotations

import argparse
import os
import time
from contextlib import closing
from typing import Any

from ..api.oauth_api import OauthApi
from ..exceptions import ApiException
from ..oauth.cli_logins import Login, open_login_store, stored_logins
from ..oauth.token import Token
from .connections import (
    VARIABLE,
    authorized_client,
    connected,
    environment_token,
    say_environment_token,
)
from .console import (
    CommandError,
    duration,
    iso_time,
    printable,
    put,
    put_fields,
    put_json,
    put_table,
    say,
)
from .ended_grants import has_ended


def run(arguments: argparse.Namespace) -> int:
    """Run the command that ``arguments.command`` names."""
    commands = {
        "token": _token,
        "whoami": _whoami,
        "accounts": _accounts,
        "revoke": _revoke,
        "logout": _revoke,
    }
    commands[arguments.command](arguments)
    return 0


def describe_login(login: Login, token: Token | None) -> dict[str, Any]:
    """What ``--json`` says about a login; never a token."""
    described: dict[str, Any] = login._asdict()
    if token is not None:  # pragma: no branch - revoked by another process a moment ago
        described["merchant_id"] = token.merchant_id
        described["scope"] = token.scope
        described["expires_at"] = iso_time(token.expires_at)
        described["refresh_token_expires_at"] = iso_time(token.refresh_token_expires_at)
    return described


def state_of(token: Token | None) -> str:
    """What is known of a stored grant: ``valid``, ``stale``, ``expired`` or ``ended``."""
    if token is None or has_ended(token):
        return "ended"
    now = time.time()
    if not token.is_expired(now):
        return "valid"
    is_over = token.refresh_token_expires_at is not None and token.refresh_token_expires_at <= now
    return "stale" if token.refresh_token and not is_over else "expired"


def _token(arguments: argparse.Namespace) -> None:
    access_token = environment_token(arguments)
    if access_token is not None:
        say_environment_token()
        if arguments.json:
            put_json({"access_token": access_token})
        else:
            put(access_token)
        return
    with connected(arguments) as (session, login, _):
        access_token = session.access_token(login.key)
        if not arguments.json:
            put(access_token)
            return
        token = session.token(login.key)
        put_json({"access_token": access_token, **describe_login(login, token)})


def _whoami(arguments: argparse.Namespace) -> None:
    with authorized_client(arguments) as client:
        me = OauthApi(client).oauth_me().to_dict()
    if arguments.json:
        put_json(me)
        return
    put_fields(
        (
            (
                printable(name.replace("_", " ")),
                printable(" ".join(map(str, value)) if isinstance(value, list) else value),
            )
            for name, value in me.items()
            if value is not None
        ),
        least=len("application name:"),
    )


def _accounts(arguments: argparse.Namespace) -> None:
    with closing(open_login_store()) as store:
        found = [
            (login, store.load(login.key))
            for login in stored_logins(store)
            if arguments.host is None or arguments.host.rstrip("/") == login.host
        ]
    if arguments.json:
        put_json([{**describe_login(*each), "state": state_of(each[1])} for each in found])
        return
    if not found:
        say("Nobody is logged in. Run: ultracart login")
        return
    put_table(
        ("ACCOUNT", "MERCHANT", "CLIENT ID", "HOST", "TOKEN"),
        [
            (login.account, merchant_of(token), login.client_id, login.host, validity_of(token))
            for login, token in found
        ],
    )


def merchant_of(token: Token | None) -> str:
    """A token's merchant, for a table."""
    return printable(token.merchant_id) if token and token.merchant_id else "-"


def validity_of(token: Token | None) -> str:
    """How long a token is good for, as far as is known here."""
    state = state_of(token)
    if state == "ended" or token is None:
        return "ended: log in again"
    if state == "stale":
        return "refreshed when next used"
    if state == "valid" and token.expires_at is not None:
        return "valid for " + duration(token.remaining(time.time()))
    return state


def _revoke(arguments: argparse.Namespace) -> None:
    with connected(arguments) as (session, login, store):
        try:
            session.revoke(login.key)
        except ApiException as error:
            if not arguments.forget:
                raise CommandError(
                    "%s. The login was kept: try again, or delete it only here with --forget"
                    % str(error).rstrip(".")
                ) from error
            store.delete(login.key)
            say("UltraCart could not be told: %s" % error)
    if arguments.json:
        put_json(login._asdict())
    else:
        say("Account %s is logged out." % login.account)
    if os.environ.get(VARIABLE):
        say("The token in %s is not revoked." % VARIABLE)
