"""Moving tokens and changing keys while sessions go on; both may be run again after a crash."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.fernet import Fernet, MultiFernet
from waiting import wait_until

from ultracart.exceptions import ReauthorizationRequired, TokenStoreError
from ultracart.oauth import (
    MemoryTokenStore,
    SQLAlchemyTokenStore,
    SQLiteTokenStore,
    Token,
    TokenStore,
    copy_tokens,
)


@pytest.fixture
def source(tmp_path):
    store = SQLiteTokenStore(tmp_path / "source.db")
    yield store
    store.close()


@pytest.fixture(params=["memory", "sqlite", "postgresql", "mysql"])
def target(request, tmp_path):
    if request.param == "memory":
        yield MemoryTokenStore()
        return
    if request.param == "sqlite":
        store = SQLAlchemyTokenStore("sqlite:///%s" % (tmp_path / "target.db"))
    else:
        url = request.getfixturevalue(request.param + "_url")
        store = SQLAlchemyTokenStore(url, table_name="token_" + uuid.uuid4().hex)
    yield store
    store.close()


def token(name, issued_at=None):
    return Token(name, "refresh " + name, issued_at=issued_at, scope="s", merchant_id="M")


# -- copy_tokens --------------------------------------------------------------------------------


def test_every_token_is_copied_and_stays(source, target):
    source.save("b", token("1", 10.0))
    source.save("a", token("2"))
    assert copy_tokens(source, target) == ["a", "b"]
    for store in (source, target):
        assert store.accounts() == ["a", "b"]
        assert store.load("b") == token("1", 10.0)
    assert copy_tokens(source, target) == []


def test_what_changed_since_is_brought_over(source, target):
    source.save("a", token("1", 10.0))
    source.save("b", token("1"))
    copy_tokens(source, target)
    source.save("a", token("2", 11.0))
    source.save("b", token("2"))
    source.save("c", token("1"))
    assert copy_tokens(source, target) == ["a", "b", "c"]
    assert target.load("a") == token("2", 11.0)
    assert target.load("b") == token("2")


def test_a_newer_token_in_the_target_is_kept(source, target):
    source.save("a", token("1", 10.0))
    source.save("b", token("1"))
    copy_tokens(source, target)
    target.save("a", token("2", 11.0))
    target.save("b", token("2", 11.0))
    assert copy_tokens(source, target) == []
    assert target.load("a") == token("2", 11.0)
    assert target.load("b") == token("2", 11.0)


def test_of_two_tokens_of_one_second_the_target_keeps_its_own(source, target):
    source.save("a", token("1", 10.0))
    target.save("a", token("2", 10.0))
    assert copy_tokens(source, target) == []
    assert target.load("a") == token("2", 10.0)


def test_a_target_whose_lock_cannot_be_tried_will_do(source):
    class Waits(MemoryTokenStore):
        def lock(self, account):  # type: ignore[override]
            return super().lock(account)

    source.save("a", token("1"))
    target = Waits()
    assert copy_tokens(source, target) == ["a"]
    assert target.load("a") == token("1")


@pytest.mark.parametrize("locked", ["source", "target"])
def test_it_waits_for_a_refresh(source, target, locked):
    source.save("a", token("1", 10.0))
    if locked == "target":
        target.save("a", token("1", 10.0))
    store = source if locked == "source" else target
    with ThreadPoolExecutor(1) as thread:
        with store.lock("a"):
            copying = thread.submit(copy_tokens, source, target)
            wait_until(copying.running)
            threading.Event().wait(0.1)  # gives it time to do what it must not
            assert store.replace("a", token("1", 10.0), token("2", 11.0)) is True
        copying.result(30)
    assert target.load("a") == token("2", 11.0)


class ForgetfulStore(MemoryTokenStore):
    """An account is deleted between the list of accounts and its lock."""

    def accounts(self):
        return [*super().accounts(), "deleted meanwhile"]


def test_an_account_deleted_meanwhile_does_not_come_back(target):
    source = ForgetfulStore()
    source.save("a", token("1"))
    assert copy_tokens(source, target) == ["a"]
    assert target.accounts() == ["a"]
    assert source.reencrypt() == ["a"]
    assert source.load("deleted meanwhile") is None


def test_one_token_that_cannot_be_read_stops_no_other(tmp_path, target):
    keys = [Fernet(Fernet.generate_key()) for _ in range(2)]
    stores = [SQLiteTokenStore(tmp_path / "sealed.db", cipher=key) for key in keys]
    stores[1].save("b", token("1"))
    stores[0].save("a", token("1"))
    stores[0].save("c", token("1"))
    with pytest.raises(TokenStoreError, match=r"1 of the tokens.*'b'"):
        copy_tokens(stores[0], target)
    assert target.accounts() == ["a", "c"]
    for store in stores:
        store.close()


@pytest.mark.parametrize(("count", "more"), [(1, ""), (5, ""), (6, ", ...")])
def test_an_error_about_many_accounts_names_the_first(tmp_path, count, more):
    store = SQLiteTokenStore(tmp_path / "t.db", cipher=Fernet(Fernet.generate_key()))
    for number in range(count):
        store.save("merchant-%d" % number, token("1"))
    store.close()
    store = SQLiteTokenStore(tmp_path / "t.db", cipher=Fernet(Fernet.generate_key()))
    with pytest.raises(TokenStoreError) as caught:
        store.reencrypt()
    assert "%d of the tokens" % count in str(caught.value)
    named = "'merchant-%d'%s; the first: the stored token of account 'merchant-0'"
    assert named % (min(count, 5) - 1, more) in str(caught.value)
    store.close()


def test_what_is_no_pair_of_stores_is_refused(source):
    with pytest.raises(TypeError, match="target"):
        copy_tokens(source, "tokens.db")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="source"):
        copy_tokens(None, source)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="two stores"):
        copy_tokens(source, source)


def test_two_tables_of_one_database_are_two_stores(request, postgresql_url, mysql_url):
    for url in (postgresql_url, mysql_url):
        stores = [SQLAlchemyTokenStore(url, table_name="t" + uuid.uuid4().hex) for _ in range(2)]
        stores[0].save("a", token("1"))
        assert copy_tokens(*stores) == ["a"]
        for store in stores:
            store.close()


# -- reencrypt ----------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "sqlalchemy", "postgresql"])
def open_store(request, tmp_path):
    stores = []
    table = "token_" + uuid.uuid4().hex

    def open_(cipher):
        store: SQLiteTokenStore | SQLAlchemyTokenStore
        if request.param == "sqlite":
            store = SQLiteTokenStore(tmp_path / "t.db", cipher=cipher)
        elif request.param == "sqlalchemy":
            store = SQLAlchemyTokenStore("sqlite:///%s/t.db" % tmp_path, cipher=cipher)
        else:
            url = request.getfixturevalue("postgresql_url")
            store = SQLAlchemyTokenStore(url, table_name=table, cipher=cipher)
        stores.append(store)
        return store

    yield open_
    for store in stores:
        store.close()


def test_keys_change_while_workers_go_on(open_store, make_session, sandbox, log_in_to, time_):
    """The recipe of docs/TokenStores.md, with a worker that refreshes at each step."""
    old, new = Fernet(Fernet.generate_key()), Fernet(Fernet.generate_key())
    first = make_session(token_store=open_store(old))
    log_in_to(first, sandbox, "a")
    log_in_to(first, sandbox, "b")

    def work(*sessions):
        for session in sessions:
            time_.pass_(4000)
            assert session.access_token("a")

    # Every worker learns to read the new key, then every worker to write it.
    reads_both = make_session(token_store=open_store(MultiFernet([old, new])))
    work(first, reads_both, first)
    writes_new = make_session(token_store=open_store(MultiFernet([new, old])))
    work(reads_both, writes_new, reads_both)
    store = open_store(MultiFernet([new, old]))
    assert store.reencrypt() == ["a", "b"]
    assert store.reencrypt() == ["a", "b"]
    last = make_session(token_store=open_store(new))
    work(writes_new, last, writes_new)
    assert last.access_token("b")
    assert sandbox.counters.grants_lost == 0


def test_reencrypting_seals_tokens_of_before_with_their_accounts(tmp_path):
    import sqlite3

    cipher = Fernet(Fernet.generate_key())
    store = SQLiteTokenStore(tmp_path / "t.db", cipher=cipher)
    store.save("a", token("1"))
    old = cipher.encrypt(token("1").to_json().encode())
    with sqlite3.connect(tmp_path / "t.db") as connection:
        connection.execute("UPDATE ultracart_token SET token = ?", (old,))
        assert store.load("a") == token("1")
    store.reencrypt()
    (data,) = connection.execute("SELECT token FROM ultracart_token").fetchone()
    connection.close()
    assert b"sealed_for" in cipher.decrypt(data)
    store.close()


def test_reencrypting_keeps_what_a_refresh_saves(open_store):
    cipher = Fernet(Fernet.generate_key())
    store = open_store(cipher)
    store.save("a", token("1", 1.0))
    with ThreadPoolExecutor(1) as thread:
        with store.lock("a"):
            again = thread.submit(store.reencrypt)
            wait_until(again.running)
            threading.Event().wait(0.1)
            assert store.replace("a", token("1", 1.0), token("2", 2.0)) is True
        assert again.result(30) == ["a"]
    assert store.load("a") == token("2", 2.0)


class OwnStore(TokenStore):
    """A store of the five methods alone gets both."""

    def __init__(self):
        self._inner = MemoryTokenStore()
        self.saves = 0

    def load(self, account):
        return self._inner.load(account)

    def save(self, account, token):
        self.saves += 1
        self._inner.save(account, token)

    def delete(self, account):
        self._inner.delete(account)

    def accounts(self):
        return self._inner.accounts()

    def lock(self, account, *, blocking=True):
        return self._inner.lock(account, blocking=blocking)


def test_a_store_of_one_s_own_is_encrypted_anew_too():
    store = OwnStore()
    store.save("a", token("1"))
    assert store.reencrypt() == ["a"]
    assert store.saves == 2


def test_a_store_of_one_s_own_replaces_only_what_it_still_has():
    store = OwnStore()
    assert store.replace("a", token("1"), token("2")) is False
    store.save("a", token("3"))
    assert store.replace("a", token("1"), token("2")) is False
    assert store.load("a") == token("3")
    assert store.replace("a", token("3"), token("4")) is True
    assert store.load("a") == token("4")


def test_a_session_goes_on_in_the_target(source, target, make_session, sandbox, log_in_to, time_):
    before = make_session(token_store=source)
    log_in_to(before, sandbox, "a")
    copy_tokens(source, target)
    time_.pass_(4000)
    before.access_token("a")
    copy_tokens(source, target)  # once no session works with the source
    after = make_session(token_store=target)
    assert after.access_token("a")
    time_.pass_(4000)
    assert after.access_token("a")
    assert sandbox.counters.reuse_detections == 0
    with pytest.raises(ReauthorizationRequired):
        after.access_token("b")


def test_two_objects_on_one_store_are_refused_at_once(tmp_path, source):
    source.save("merchant-7", Token("a", "r"))
    twins: list[SQLiteTokenStore | SQLAlchemyTokenStore] = [
        SQLiteTokenStore(tmp_path / "source.db"),
        SQLAlchemyTokenStore("sqlite:///%s" % (tmp_path / "source.db")),
    ]
    for twin in twins:
        with pytest.raises(ValueError, match="two stores"):
            copy_tokens(source, twin)
        twin.close()
