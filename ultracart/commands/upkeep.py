"""``ultracart keep-alive`` and ``ultracart store``: upkeep of token stores, for cron."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

from ..configuration import Configuration
from ..exceptions import ApiValueError, ReauthorizationRequired, TokenStoreError
from ..oauth.cli_logins import DEFAULT_ACCOUNT, LoginTokenStore, open_login_store, stored_logins
from ..oauth.events import SessionEvent
from ..oauth.session import OAuthSession
from ..oauth.stores.base import Cipher, TokenStore
from ..oauth.stores.copying import copy_tokens
from ..oauth.stores.sqlite import SQLiteTokenStore
from .console import CommandError, UsageError, iso_time, printable, put_json, put_table, say
from .ended_grants import ended_because, has_ended, note_ended
from .logins import SANDBOX_CLIENT_ID, configuration_of, is_sandbox
from .tokens import merchant_of, state_of, validity_of

_STORE = "ULTRACART_STORE"
_TARGET = "ULTRACART_STORE_TO"
_KEYS = "ULTRACART_STORE_KEYS"
_TARGET_KEYS = "ULTRACART_STORE_TO_KEYS"


def run(arguments: argparse.Namespace) -> int:
    """Run the command that ``arguments.command`` names."""
    if arguments.command == "keep-alive":
        return _keep_alive(arguments)
    actions = {"list": _list, "copy": _copy, "reencrypt": _reencrypt}
    with _source(arguments) as store:
        actions[arguments.action](arguments, store)
    return 0


# -- keep-alive -------------------------------------------------------------------------------


def _keep_alive(arguments: argparse.Namespace) -> int:
    if arguments.store is None and not os.environ.get(_STORE):
        events = _keep_logins_alive(arguments)
    else:
        events = _keep_store_alive(arguments)
    if arguments.json:
        put_json([_described(event) for event in events])
    elif events:
        put_table(
            ("ACCOUNT", "MERCHANT", "RESULT"),
            [
                (printable(event.account), printable(event.merchant_id or "-"), _result(event))
                for event in events
            ],
        )
    else:
        say("No grant was idle for that long.")
    return 1 if any(event.kind == "refresh_failed" for event in events) else 0


class _LivingLogins(LoginTokenStore):
    """The logins without grants that are known to have ended: to refresh those would be useless."""

    def accounts(self) -> list[str]:
        found = ((account, self.load(account)) for account in super().accounts())
        return [account for account, token in found if token and not has_ended(token)]


def _keep_logins_alive(arguments: argparse.Namespace) -> list[SessionEvent]:
    configuration_of(arguments)  # raises an error that names what is wrong with the host
    host = None if arguments.host is None else arguments.host.rstrip("/")
    events: list[SessionEvent] = []
    with closing(open_login_store()) as logins:
        for its_host, client_id in sorted({login[:2] for login in stored_logins(logins)}):
            if host not in (None, its_host) or arguments.client_id not in (None, client_id):
                continue
            store = _LivingLogins(logins, its_host, client_id, DEFAULT_ACCOUNT)
            configuration = Configuration()
            configuration.host = its_host
            with OAuthSession(client_id, token_store=store, configuration=configuration) as session:
                new = session.keep_alive(arguments.idle, _left(arguments.limit, events))
            for event in new:
                token = store.load(event.account)
                if event.kind == "grant_ended" and token is not None:
                    note_ended(token)
            events += new
    return events


def _left(limit: int | None, events: list[SessionEvent]) -> int | None:
    asked = sum(event.kind != "grant_ended" for event in events)
    return None if limit is None else max(0, limit - asked)


def _keep_store_alive(arguments: argparse.Namespace) -> list[SessionEvent]:
    configuration = configuration_of(arguments)
    client_id = arguments.client_id or os.environ.get("ULTRACART_CLIENT_ID")
    if not client_id and is_sandbox(configuration.host):
        client_id = SANDBOX_CLIENT_ID
    if not client_id:
        raise CommandError(
            "which application? Give its client id with --client-id or ULTRACART_CLIENT_ID"
        )
    with (
        _source(arguments) as store,
        OAuthSession(
            client_id,
            client_secret=os.environ.get("ULTRACART_CLIENT_SECRET") or None,
            token_store=store,
            configuration=configuration,
        ) as session,
    ):
        return session.keep_alive(arguments.idle, arguments.limit)


def _result(event: SessionEvent) -> str:
    words = {"refreshed": "refreshed", "grant_ended": "ended", "refresh_failed": "failed"}
    error = event.error
    if isinstance(error, ReauthorizationRequired):
        # Its own message is advice for programs.
        reason = ended_because(error.__cause__ or error)
    else:
        reason = "" if error is None else str(error)
    return words.get(event.kind, event.kind) + (": " + printable(reason) if reason else "")


def _described(event: SessionEvent) -> dict[str, Any]:
    return {
        "kind": event.kind,
        "account": event.account,
        "merchant_id": event.merchant_id,
        "at": iso_time(event.at),
        "attempts": event.attempts,
        "error": None if event.error is None else str(event.error),
    }


# -- store ------------------------------------------------------------------------------------


def _list(arguments: argparse.Namespace, store: TokenStore) -> None:
    found = [(account, store.load(account)) for account in store.accounts()]
    if arguments.json:
        put_json(
            [
                {
                    "account": account,
                    "client_id": token.client_id,
                    "expires_at": iso_time(token.expires_at),
                    "host": token.host,
                    "issued_at": iso_time(token.issued_at),
                    "merchant_id": token.merchant_id,
                    "refresh_token_expires_at": iso_time(token.refresh_token_expires_at),
                    "scope": token.scope,
                    "state": state_of(token),
                }
                for account, token in found
                if token is not None
            ]
        )
    elif not found:
        say("The store is empty.")
    else:
        put_table(
            ("ACCOUNT", "MERCHANT", "CLIENT ID", "HOST", "TOKEN"),
            [
                (
                    printable(account),
                    merchant_of(token),
                    printable(token.client_id or "-"),
                    printable(token.host or "-"),
                    validity_of(token),
                )
                for account, token in found
                if token is not None
            ],
        )


def _copy(arguments: argparse.Namespace, store: TokenStore) -> None:
    name = arguments.to or os.environ.get(_TARGET)
    if not name:
        raise UsageError("no target store: give --to URL, or set %s" % _TARGET)
    if _same(name, arguments.store or os.environ.get(_STORE, "")):
        raise UsageError("both stores are the same")
    keys = _read_keys(arguments.to_keys, _TARGET_KEYS) or _read_keys(arguments.keys, _KEYS)
    _warn_of_password("--to", arguments.to, _TARGET)
    with _opened(arguments, name, keys) as target:
        _tell(arguments, copy_tokens(store, target), "copied")


def _same(one: str, other: str) -> bool:
    files = _file_of(one), _file_of(other)
    if None in files:
        return one == other
    return len({os.path.realpath(str(file)) for file in files}) == 1


def _file_of(store: str) -> str | None:
    """The path of a store in a file, which a URL of SQLite names too; None of a server's."""
    scheme, separator, rest = store.partition("://")
    if not separator:
        return store
    is_sqlite = scheme.partition("+")[0] == "sqlite"
    return rest.partition("?")[0].removeprefix("/") if is_sqlite else None


def _reencrypt(arguments: argparse.Namespace, store: TokenStore) -> None:
    if not _read_keys(arguments.keys, _KEYS):
        raise UsageError("no key: give --keys FILE, or set %s" % _KEYS)
    _tell(arguments, store.reencrypt(), "encrypted")


def _tell(arguments: argparse.Namespace, accounts: list[str], done: str) -> None:
    if arguments.json:
        put_json(accounts)
    count = len(accounts)
    say("%d %s %s." % (count, "account was" if count == 1 else "accounts were", done))


@contextmanager
def _source(arguments: argparse.Namespace) -> Iterator[TokenStore]:
    name = arguments.store or os.environ.get(_STORE)
    if not name:
        raise UsageError("no store: give --store URL, or set %s" % _STORE)
    file = _file_of(name)
    if file is not None and not os.path.exists(file):  # opening it would make one
        raise CommandError("there is no token store at %s" % file)
    _warn_of_password("--store", arguments.store, _STORE)
    with _opened(arguments, name, _read_keys(arguments.keys, _KEYS)) as store:
        yield store


@contextmanager
def _opened(arguments: argparse.Namespace, name: str, keys: list[str]) -> Iterator[TokenStore]:
    """The store that a path names, or a database URL as SQLAlchemy writes it."""
    cipher = _cipher(keys)
    if "://" not in name:
        with closing(SQLiteTokenStore(name, cipher=cipher)) as file, _keys_named():
            yield file
        return
    try:
        from ..oauth.stores.sqlalchemy import SQLAlchemyTokenStore
    except ModuleNotFoundError as error:
        raise CommandError(
            "a database needs SQLAlchemy: python -m pip install 'SQLAlchemy<3'"
        ) from error
    try:
        database = SQLAlchemyTokenStore(
            name, cipher=cipher, table_name=arguments.table, schema=arguments.schema
        )
    except ApiValueError as error:
        message = str(error).replace("engine_or_url", "the URL of the store")
        message = message.replace("table_name", "--table").replace("schema", "--schema")
        raise CommandError(message) from error
    with closing(database), _keys_named():
        yield database


@contextmanager
def _keys_named() -> Iterator[None]:
    """Let an error name the option that the keys come from, not the store's argument."""
    try:
        yield
    except TokenStoreError as error:
        keys = "are the keys of --keys or %s those" % _KEYS
        raise CommandError(str(error).replace("is cipher= the one", keys)) from error


def _warn_of_password(option: str, given: str | None, variable: str) -> None:
    try:
        has_password = given is not None and urlsplit(given).password is not None
    except ValueError:
        has_password = False
    if has_password:
        say(
            "Every user of this machine can read the password in %s while the command runs: "
            "put the URL in %s." % (option, variable)
        )


def _read_keys(path: str | None, variable: str) -> list[str]:
    """Fernet keys, the newest first: of a file, else of the environment."""
    if path is None:
        return os.environ.get(variable, "").replace(",", " ").split()
    try:
        with open(path, encoding="utf-8") as stream:
            keys = stream.read().split()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(
            "cannot read %s: %s" % (path, getattr(error, "strerror", None) or "it is no text")
        ) from None
    if not keys:
        raise CommandError("there is no key in %s" % path)
    return keys


def _cipher(keys: list[str]) -> Cipher | None:
    if not keys:
        return None
    try:
        from cryptography.fernet import Fernet, MultiFernet
    except ModuleNotFoundError as error:
        raise CommandError("keys need cryptography: python -m pip install cryptography") from error
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise CommandError(
            "a key is not a Fernet key: 32 bytes in URL-safe base64, as Fernet.generate_key() makes"
        ) from None
