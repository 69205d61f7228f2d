"""The store in a SQL database: clocks, broken connections, and what its errors may say."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy
from servers import assert_interruptions_go_unnoticed, enter, quiet_engine
from waiting import wait_until

from ultracart.exceptions import ConfigurationError, TokenStoreError
from ultracart.oauth import SQLAlchemyTokenStore, Token, token_endpoint
from ultracart.oauth.stores import sql_locks


@pytest.fixture
def open_store(postgresql_url, open_sql_store):
    return lambda at=postgresql_url, **options: open_sql_store(at, **options)


@pytest.mark.parametrize("wrong", [600.0, -600.0])
def test_a_host_whose_clock_is_wrong_sees_the_same_age(open_store, wrong):
    right = open_store()
    other = open_store(clock=lambda: time.time() + wrong)
    now = time.time()
    right.save("merchant-7", Token("a", "r", now + 3600, issued_at=now))
    seen = other.load("merchant-7")
    assert seen.remaining(now + wrong) == pytest.approx(3600, abs=1)
    other.save("merchant-7", Token("b", "r", now + wrong + 60, issued_at=now + wrong))
    assert right.load("merchant-7").remaining(now) == pytest.approx(60, abs=1)


def test_a_host_that_is_a_second_ahead_is_noticed(open_store):
    now = time.time()
    open_store().save("merchant-7", Token("a", "r", now + 3600, issued_at=now))
    seen = open_store(clock=lambda: time.time() + 1).load("merchant-7")
    assert seen.expires_at == pytest.approx(now + 3601, abs=0.4)


def test_a_host_whose_clock_is_right_sees_the_very_same_times(open_store):
    token = Token("a", "r", time.time() + 3600, issued_at=time.time())
    store = open_store()
    store.save("merchant-7", token)
    assert store.load("merchant-7") == token


@pytest.fixture
def statements():
    """Watches an engine; returns the statements that it executes from then on."""

    def watch(engine):
        seen = []

        @sqlalchemy.event.listens_for(engine, "before_cursor_execute")
        def look(connection, cursor, statement, parameters, context, many):
            seen.append((statement, parameters))

        return seen

    return watch


def test_a_read_is_one_statement(open_store, postgresql_url, statements):
    engine = quiet_engine(postgresql_url)
    store = open_store(engine)
    store.save("merchant-7", Token("a"))
    seen = statements(engine)
    assert store.load("merchant-7") == Token("a")
    assert store.accounts() == ["merchant-7"]
    assert [statement.split()[0] for statement, _ in seen] == ["SELECT", "SELECT"]
    engine.dispose()


def test_a_table_that_another_host_makes_first_will_do(open_store, postgresql_url):
    engine = quiet_engine(postgresql_url)
    other = open_store()

    @sqlalchemy.event.listens_for(engine, "before_cursor_execute")
    def make_it_first(connection, cursor, statement, parameters, context, many):
        if "CREATE TABLE" in statement:
            other.save("merchant-7", Token("a"))

    assert open_store(engine).load("merchant-7") == Token("a")
    engine.dispose()


def test_accounts_with_equal_tokens_are_kept_apart(tmp_path):
    store = SQLAlchemyTokenStore("sqlite:///%s" % (tmp_path / "tokens.db"))
    same, new = Token("same", "r"), Token("new", "s")
    for account in "abc":
        store.save(account, same)
    assert store.replace("b", same, new) is True
    assert [store.load(account) for account in "abc"] == [same, new, same]
    store.delete("b")
    assert [store.load(account) for account in "abc"] == [same, None, same]
    store.close()


def test_the_longest_name_of_an_account_fits(open_store):
    name = "\U0001f6d2" * 255
    store = open_store()
    store.save(name, Token("a"))
    assert store.accounts() == [name]
    assert store.load(name) == Token("a")


@pytest.mark.parametrize(
    "options", [{"table_name": "x" * 63}, {"schema": "x" * 63}, {"schema": "a.b"}]
)
def test_what_can_be_a_name_is_one(options):
    SQLAlchemyTokenStore("postgresql+psycopg://user@127.0.0.1:1/db", **options).close()


def test_a_relative_path_of_an_application_s_engine_will_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    engine = quiet_engine("sqlite:///tokens.db")
    SQLAlchemyTokenStore(engine).save("merchant-7", Token("a"))
    assert (tmp_path / "tokens.db").exists()
    engine.dispose()


def test_hosts_that_make_the_table_at_once_all_succeed(open_store):
    stores = [open_store() for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda store: store.load("merchant-7"), stores)) == [None] * 8


def end_connections(url):
    engine = sqlalchemy.create_engine(url)
    statement = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    )
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(statement + " AND datname = current_database()"))
    engine.dispose()


def test_a_restart_of_the_server_is_not_noticed(open_store, postgresql_url):
    store = open_store()
    assert_interruptions_go_unnoticed(store, lambda: end_connections(postgresql_url))


def test_a_connection_lost_under_the_lock_is_an_error_and_keeps_the_old(open_store, postgresql_url):
    store = open_store()
    old = Token("old", "r")
    store.save("merchant-7", old)

    def lose_it():
        with store.lock("merchant-7"):
            end_connections(postgresql_url)
            store.replace("merchant-7", old, Token("new-secret", "s"))

    with pytest.raises(TokenStoreError):
        lose_it()
    assert store.load("merchant-7") == old
    enter(store)


def test_a_lock_that_does_not_become_free_is_an_error(open_store, monkeypatch):
    monkeypatch.setattr("ultracart.oauth.stores.sql_locks.LOCK_TIMEOUT", 1)
    one, two = open_store(), open_store()
    with one.lock("merchant-7"), pytest.raises(TokenStoreError, match="55P03"):
        enter(two)


def test_an_idle_holder_is_ended_by_the_server(open_store, monkeypatch):
    monkeypatch.setattr("ultracart.oauth.stores.sql_locks._IDLE_TIMEOUT", 1)
    one, two = open_store(), open_store()
    frozen = threading.Event()
    with ThreadPoolExecutor(1) as thread:

        def freeze():
            with one.lock("merchant-7"):
                frozen.set()
                done.wait(30)
                one.load("merchant-7")

        done = threading.Event()
        holder = thread.submit(freeze)
        assert frozen.wait(30)
        enter(two)
        done.set()
        with pytest.raises(TokenStoreError):
            holder.result(30)


def test_an_idle_holder_is_ended_after_any_refresh_and_before_others_give_up():
    longest_refresh = token_endpoint.ATTEMPTS_WITHIN + sum(token_endpoint._TIMEOUT)
    assert longest_refresh < sql_locks._IDLE_TIMEOUT < sql_locks.LOCK_TIMEOUT


def test_many_threads_with_few_connections_do_not_deadlock(open_store):
    store = open_store()
    for number in range(30):
        store.save("merchant-%d" % number, Token("a", "r"))

    def refresh(number):
        account = "merchant-%d" % number
        with store.lock(account):
            return store.replace(account, store.load(account), Token("b", "s"))

    with ThreadPoolExecutor(30) as threads:
        assert all(threads.map(refresh, range(30)))


def test_errors_and_reprs_hold_neither_tokens_nor_passwords(open_store, postgresql_url, table_name):
    store = open_store()
    store.save("merchant-7", Token("old"))
    engine = sqlalchemy.create_engine(postgresql_url, hide_parameters=True)
    with engine.begin() as connection:
        connection.execute(
            sqlalchemy.text('ALTER TABLE "%s" ADD CHECK (false) NOT VALID' % table_name)
        )
    engine.dispose()
    with pytest.raises(TokenStoreError, match=r"CheckViolation, SQLSTATE 23514$") as caught:
        store.save("merchant-7", Token("new-secret", "refresh-secret"))
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    url = "postgresql+psycopg://user:password-secret@127.0.0.1:1/db"
    unreachable = open_store(url)
    with pytest.raises(TokenStoreError, match="Check that the database runs") as caught:
        unreachable.load("merchant-7")
    assert "secret" not in repr(unreachable) + str(caught.value)


def test_sqlalchemy_logs_statements_without_tokens(open_store, caplog):
    caplog.set_level(logging.INFO, "sqlalchemy.engine")
    store = open_store()  # made after that: an engine asks for its log's level once
    store.save("merchant-7", Token("access-secret", "refresh-secret"))
    store.replace("merchant-7", Token("access-secret", "refresh-secret"), Token("next-secret"))
    assert "INSERT" in caplog.text
    assert "UPDATE" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("login", ["login", "second login"])
def test_a_login_between_the_look_and_the_swap_wins(tmp_path, login):
    """It does not take the lock: the merchant may come back at any moment."""
    engine = quiet_engine("sqlite:///%s" % (tmp_path / "tokens.db"))
    other = SQLAlchemyTokenStore("sqlite:///%s" % (tmp_path / "tokens.db"))
    store = SQLAlchemyTokenStore(engine)
    store.save("merchant-7", Token("old"))

    @sqlalchemy.event.listens_for(engine, "before_cursor_execute")
    def log_in_first(connection, cursor, statement, parameters, context, many):
        if statement.startswith("UPDATE"):
            other.save("merchant-7", Token(login))

    assert store.replace("merchant-7", Token("old"), Token("new")) is False
    assert store.load("merchant-7") == Token(login)
    other.close()
    engine.dispose()


def test_an_engine_of_the_application_stays_open(postgresql_url, table_name):
    engine = quiet_engine(postgresql_url)
    store = SQLAlchemyTokenStore(engine, table_name=table_name)
    store.save("merchant-7", Token("a"))
    store.close()
    assert engine.pool.checkedin() > 0  # type: ignore[attr-defined]
    engine.dispose()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:/var/lib/tokens.db?uri=true",
        "nonsense",
        "oracle://user:password@host/db",
    ],
)
def test_a_database_that_cannot_serve_is_refused(url):
    with pytest.raises(ConfigurationError, match="engine_or_url") as caught:
        SQLAlchemyTokenStore(url)
    assert "password" not in str(caught.value)


def test_an_impossible_engine_is_refused():
    with pytest.raises(TypeError, match="engine_or_url"):
        SQLAlchemyTokenStore(7)  # type: ignore[arg-type]


def test_an_early_refresh_does_not_wait_for_a_connection(open_store, postgresql_url, monkeypatch):
    waits = []

    def wait(self, timeout):
        waits.append(timeout)
        return self.is_set()

    engine = quiet_engine(postgresql_url, pool_size=1, max_overflow=0)
    store = open_store(engine)
    with store.lock("a"):
        monkeypatch.setattr("ultracart.locks.Event.wait", wait)
        with store.lock("b", blocking=False) as held:
            assert held is False
    assert max(waits) <= 0
    engine.dispose()


def test_no_connection_for_a_read_is_an_error(open_store, postgresql_url):
    engine = quiet_engine(postgresql_url, pool_size=1, max_overflow=0, pool_timeout=0.05)
    store = open_store(engine)
    store.save("merchant-7", Token("a"))
    with engine.connect(), pytest.raises(TokenStoreError, match=r"cannot load .*: TimeoutError$"):
        store.load("merchant-7")
    engine.dispose()


def test_waiting_is_first_seen_by_the_database(open_store):
    one, two = open_store(), open_store()
    with ThreadPoolExecutor(1) as thread:
        with one.lock("merchant-7"):
            waiting = thread.submit(enter, two)
            wait_until(lambda: waiting.running())
            assert not waiting.done()
        waiting.result(30)
