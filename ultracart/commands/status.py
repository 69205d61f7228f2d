"""``ultracart status``: every login, checked at its server."""

from __future__ import annotations

import argparse
import time
from calendar import timegm
from contextlib import closing
from typing import Any

from ..api.oauth_api import OauthApi
from ..api_client import ApiClient
from ..configuration import Configuration
from ..exceptions import (
    ApiConnectionError,
    ApiException,
    ApiTimeoutError,
    ReauthorizationRequired,
    TokenStoreError,
    UnauthorizedException,
)
from ..oauth.cli_logins import Login, open_login_store, stored_logins
from ..oauth.session import OAuthSession
from ..oauth.stores.base import TokenStore
from ..oauth.token import Token
from .connections import VARIABLE, environment_token, token_client
from .console import duration, iso_time, printable, put_fields, put_json, say, show
from .ended_grants import ended_because, note_ended
from .logins import configuration_of, login_command, no_response
from .program import DEFAULT_ACCOUNT

_VALID = "valid"


def run(arguments: argparse.Namespace) -> int:
    """Check the logins that the options mean; 0 if all of them work."""
    # Raises an error that names what is wrong with the host.
    configuration = configuration_of(arguments)
    found: list[dict[str, Any]] = []
    token = environment_token(arguments)
    if token is not None:
        found.append(_of_environment(configuration, token))
    with closing(open_login_store()) as store:
        for login in stored_logins(store):
            if _is_meant(arguments, login):
                found.append(_of_login(arguments, login, store))
    if arguments.json:
        put_json(found)
    else:
        _show(found)
    if not found:
        command = login_command(
            arguments.account if arguments.names_account else DEFAULT_ACCOUNT,
            arguments.client_id,
            arguments.host,
        )
        only = (arguments.client_id, arguments.host)
        narrowed = arguments.names_account or only != (None, None)
        say("%s. Run: %s" % ("No such login" if narrowed else "Nobody is logged in", command))
    return 0 if found and all(each["state"] == _VALID for each in found) else 1


def _is_meant(arguments: argparse.Namespace, login: Login) -> bool:
    if arguments.names_account and login.account != arguments.account:
        return False
    host = None if arguments.host is None else arguments.host.rstrip("/")
    return host in (None, login.host) and arguments.client_id in (None, login.client_id)


def _of_environment(configuration: Configuration, token: str) -> dict[str, Any]:
    described = _nothing_known(configuration.host, None, None)
    described["source"] = VARIABLE
    with token_client(configuration, token) as client:
        try:
            _ask(described, client)
        except UnauthorizedException as error:
            described.update(state="ended", problem=ended_because(error))
        except ApiException as error:
            described.update(state="unknown", problem=_problem(configuration.host, error))
    return described


def _of_login(arguments: argparse.Namespace, login: Login, store: TokenStore) -> dict[str, Any]:
    described = _nothing_known(login.host, login.account, login.client_id)
    configuration = Configuration()
    configuration.host = login.host
    try:
        with (
            OAuthSession(
                login.client_id, token_store=store, configuration=configuration
            ) as session,
            session.api_client(login.key) as client,
        ):
            _ask(described, client)
    except (ReauthorizationRequired, UnauthorizedException) as error:
        token = store.load(login.key)
        if token is not None:
            note_ended(token)
        elsewhere = login.host != configuration_of(arguments).host or arguments.host is not None
        host = login.host if elsewhere else None
        cause = error.__cause__ if isinstance(error, ReauthorizationRequired) else error
        described.update(
            state="ended",
            problem=None if cause is None else ended_because(cause),
            login_command=login_command(login.account, login.client_id, host),
        )
    except (ApiException, TokenStoreError) as error:
        described.update(state="unknown", problem=_problem(login.host, error))
    _add_token(described, store.load(login.key))
    return described


def _nothing_known(host: str, account: str | None, client_id: str | None) -> dict[str, Any]:
    return {
        "host": host,
        "account": account,
        "client_id": client_id,
        "source": "login",
        "state": "unknown",
        "problem": None,
        "login_command": None,
        "merchant_id": None,
        "merchant_name": None,
        "scopes": None,
        "expires_at": None,
        "refresh_token": None,
        "refresh_token_expires_at": None,
    }


def _ask(described: dict[str, Any], client: ApiClient) -> None:
    me = OauthApi(client).oauth_me()
    described.update(
        state=_VALID,
        client_id=described["client_id"] or me.client_id,
        merchant_id=me.merchant_id,
        merchant_name=me.merchant_name,
        scopes=[str(scope) for scope in me.scopes or []],
    )


def _add_token(described: dict[str, Any], token: Token | None) -> None:
    # Read the token after the check, which may have refreshed it.
    if token is not None:
        described.update(
            expires_at=iso_time(token.expires_at),
            refresh_token=token.refresh_token is not None,
            refresh_token_expires_at=iso_time(token.refresh_token_expires_at),
            merchant_id=described["merchant_id"] or token.merchant_id,
            scopes=described["scopes"] or (token.scope or "").split() or None,
        )


def _problem(host: str, error: Exception) -> str:
    if isinstance(error, (ApiConnectionError, ApiTimeoutError)):
        return no_response(host, error)
    return str(error)


def _show(found: list[dict[str, Any]]) -> None:
    host = None
    for each in found:
        if each["host"] != host:
            host = each["host"]
            show(host)
        show("  " + ("Token in %s" % VARIABLE if each["account"] is None else each["account"]))
        put_fields(_fields(each), indent="    ")


def _fields(each: dict[str, Any]) -> list[tuple[str, str]]:
    state = "could not be checked" if each["state"] == "unknown" else str(each["state"])
    fields: list[tuple[str, str]] = [("state", state)]
    if each["problem"]:
        fields.append(("reason", printable(each["problem"])))
    if each["login_command"]:
        fields.append(("to do", "run: " + each["login_command"]))
    if each["merchant_id"]:
        name = each["merchant_name"]
        other = " (%s)" % name if name and name != each["merchant_id"] else ""
        fields.append(("merchant", printable(each["merchant_id"] + other)))
    if each["client_id"]:
        fields.append(("client id", printable(each["client_id"])))
    if each["scopes"]:
        fields.append(("scopes", printable(" ".join(each["scopes"]))))
    if each["state"] != "ended":
        fields += _expiries(each)
    return fields


def _expiries(each: dict[str, Any]) -> list[tuple[str, str]]:
    untold = "the server names no expiry"
    if each["account"] is None:
        return [("access token", "expiry unknown")]
    refresh = _end(each["refresh_token_expires_at"]) or untold
    if not each["refresh_token"]:
        refresh = "none: log in again when the access token expires"
    return [("access token", _end(each["expires_at"]) or untold), ("refresh token", refresh)]


def _end(moment: str | None) -> str | None:
    if moment is None:
        return None
    left = timegm(time.strptime(moment, "%Y-%m-%dT%H:%M:%SZ")) - time.time()
    return "%s (%s)" % (moment, "in " + duration(left) if left > 0 else "over")
