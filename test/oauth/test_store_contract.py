"""Every store of the package keeps the published contract."""

from __future__ import annotations

import uuid
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from ultracart.oauth import (
    MemoryTokenStore,
    SQLAlchemyTokenStore,
    SQLiteTokenStore,
    Token,
    TokenStore,
)
from ultracart.oauth.stores.contract import OpenStore, TokenStoreContract


class TestMemoryTokenStore(TokenStoreContract):
    shared_between_processes = False
    shared_between_objects = False

    @pytest.fixture
    def open_store(self) -> OpenStore:
        return MemoryTokenStore


class TestSQLiteTokenStore(TokenStoreContract):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        return partial(SQLiteTokenStore, tmp_path / "tokens.db")


class TestEncryptedSQLiteTokenStore(TokenStoreContract):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        cipher = Fernet(Fernet.generate_key())
        return partial(SQLiteTokenStore, tmp_path / "tokens.db", cipher=cipher)


class TestSQLAlchemyOnSQLite(TokenStoreContract):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        return partial(SQLAlchemyTokenStore, "sqlite:///%s" % (tmp_path / "tokens.db"))


class TestSQLAlchemyOnPostgreSQL(TokenStoreContract):
    @pytest.fixture
    def open_store(self, postgresql_url: str) -> OpenStore:
        table = "token_%s" % uuid.uuid4().hex
        return partial(SQLAlchemyTokenStore, postgresql_url, table_name=table)


class TestSQLAlchemyOnMySQL(TokenStoreContract):
    @pytest.fixture
    def open_store(self, mysql_url: str) -> OpenStore:
        table = "token_%s" % uuid.uuid4().hex
        return partial(SQLAlchemyTokenStore, mysql_url, table_name=table)


class PlainStore:
    """What a user may write: no base class, no ``replace``, a ``lock`` without ``blocking``."""

    def __init__(self) -> None:
        self._inner = MemoryTokenStore()
        self.load = self._inner.load
        self.save = self._inner.save
        self.delete = self._inner.delete
        self.accounts = self._inner.accounts

    def lock(self, account: str) -> Any:
        return self._inner.lock(account)


class OwnStore(TokenStore):
    """A store that inherits ``replace``; its ``delete`` waits for the lock, as that asks."""

    def __init__(self) -> None:
        self._inner = MemoryTokenStore()

    def load(self, account: str) -> Token | None:
        return self._inner.load(account)

    def save(self, account: str, token: Token) -> None:
        self._inner.save(account, token)

    def delete(self, account: str) -> None:
        with self.lock(account):
            self._inner.delete(account)

    def accounts(self) -> list[str]:
        return self._inner.accounts()

    def lock(self, account: str, *, blocking: bool = True) -> Any:
        return self._inner.lock(account, blocking=blocking)


class TestOwnStore(TokenStoreContract):
    shared_between_processes = False
    shared_between_objects = False

    @pytest.fixture
    def open_store(self) -> OpenStore:
        return OwnStore


class ForgetsWhose(OwnStore):
    """A column for each field that its author knew."""

    def load(self, account: str) -> Token | None:
        token = super().load(account)
        return None if token is None else token.replaced(host=None, client_id=None, extra=None)


def test_the_suite_notices_a_store_that_forgets_whose_a_token_is() -> None:
    tokens = TokenStoreContract.test_what_was_saved_is_loaded.pytestmark[0].args[1]  # type: ignore[attr-defined]
    for make_store, kept in ((OwnStore, len(tokens)), (ForgetsWhose, len(tokens) - 1)):
        store = make_store()
        for token in tokens[:kept]:
            TokenStoreContract().test_what_was_saved_is_loaded(store, store, token)
    with pytest.raises(AssertionError):
        TokenStoreContract().test_what_was_saved_is_loaded(store, store, tokens[-1])


def test_a_store_without_extras_serves_a_session(make_session, sandbox, log_in_to, time_) -> None:
    session = make_session(token_store=PlainStore())
    log_in_to(session, sandbox)
    first = session.access_token()
    time_.pass_(3590)
    assert session.access_token() != first
    time_.pass_(3601)
    assert session.access_token()
    assert sandbox.counters.refreshes == 2
