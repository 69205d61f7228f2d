"""The logins that ``ultracart login`` keeps on this machine, for commands and for sessions."""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager
from typing import NamedTuple

from .data_directory import data_directory
from .stores.base import TokenStore, check_account
from .stores.sqlite import SQLiteTokenStore
from .token import Token

_FILE = "tokens.sqlite3"
DEFAULT_ACCOUNT = "default"


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


def open_login_store() -> SQLiteTokenStore:
    """The user's token store.

    Raises:
        ConfigurationError: there is no home directory.
    """
    return SQLiteTokenStore(os.path.join(data_directory(), _FILE))


def stored_logins(store: TokenStore) -> list[Login]:
    """Every login on this machine, sorted."""
    found = (Login.from_key(key) for key in store.accounts())
    return sorted(login for login in found if login is not None)


class LoginTokenStore(TokenStore):
    """The logins of one application at one host, under the names that people gave them.

    Args:
        store: the store of all logins.
        default: the login that the account ``"default"`` means.
    """

    def __init__(self, store: TokenStore, host: str, client_id: str, default: str) -> None:
        self._store = store
        self._host = host
        self._client_id = client_id
        self._default = default

    def __repr__(self) -> str:
        return "LoginTokenStore(%r, %r, %r)" % (self._store, self._host, self._client_id)

    def load(self, account: str) -> Token | None:
        return self._store.load(self._key(account))

    def save(self, account: str, token: Token) -> None:
        self._store.save(self._key(account), token)

    def replace(self, account: str, old: Token, new: Token) -> bool:
        return self._store.replace(self._key(account), old, new)

    def delete(self, account: str) -> None:
        self._store.delete(self._key(account))

    def accounts(self) -> list[str]:
        return [
            login.account
            for login in stored_logins(self._store)
            if (login.host, login.client_id) == (self._host, self._client_id)
            and (login.account != DEFAULT_ACCOUNT or self._default == DEFAULT_ACCOUNT)
        ]

    def lock(self, account: str, *, blocking: bool = True) -> AbstractContextManager[bool]:
        return self._store.lock(self._key(account), blocking=blocking)

    def _key(self, account: str) -> str:
        check_account(account)
        name = self._default if account == DEFAULT_ACCOUNT else account
        return Login(self._host, self._client_id, name).key
