"""The store in MySQL or MariaDB: broken connections, and locks that end with them."""

from __future__ import annotations

import time

import pytest
import sqlalchemy
from servers import assert_interruptions_go_unnoticed, enter, quiet_engine

from ultracart.exceptions import TokenStoreError
from ultracart.oauth import Token
from ultracart.oauth.stores.sqlalchemy import _CLOCKS

OLD, NEW = Token("old", "r"), Token("new-secret", "s")


@pytest.fixture
def engine(mysql_url):
    engine = quiet_engine(mysql_url)
    yield engine
    engine.dispose()


@pytest.fixture
def open_store(mysql_url, open_sql_store):
    return lambda at=mysql_url: open_sql_store(at)


def end_connections(url):
    engine = sqlalchemy.create_engine(url)
    others = "SELECT id FROM information_schema.processlist WHERE id <> connection_id()"
    with engine.connect() as connection:
        for (number,) in connection.execute(sqlalchemy.text(others + " AND db = 'ultracart'")):
            connection.execute(sqlalchemy.text("KILL %d" % number))
    engine.dispose()


def test_a_restart_of_the_server_is_not_noticed(open_store, mysql_url):
    store = open_store()
    assert_interruptions_go_unnoticed(store, lambda: end_connections(mysql_url))


def test_an_engine_that_keeps_dead_connections_gives_a_token_store_error(
    open_store, engine, mysql_url
):
    store = open_store(engine)
    store.save("merchant-7", Token("a"))
    end_connections(mysql_url)
    with pytest.raises(TokenStoreError):
        store.load("merchant-7")
    assert store.load("merchant-7") == Token("a")


def test_a_connection_lost_under_the_lock_is_an_error_and_keeps_the_old(open_store, mysql_url):
    store = open_store()
    store.save("merchant-7", OLD)

    def lose_it():
        with store.lock("merchant-7"):
            end_connections(mysql_url)
            store.replace("merchant-7", OLD, NEW)

    with pytest.raises(TokenStoreError):
        lose_it()
    assert store.load("merchant-7") == OLD
    enter(store)


def test_a_commit_that_fails_does_not_keep_the_lock(open_store, engine, monkeypatch):
    store, other = open_store(engine), open_store()
    store.save("merchant-7", OLD)

    def fail(connection):
        raise engine.dialect.dbapi.OperationalError(1180, "Got error 28 during COMMIT")

    def save_on_a_full_disk():
        with store.lock("merchant-7"):
            store.replace("merchant-7", OLD, NEW)
            monkeypatch.setattr(engine.dialect, "do_commit", fail)

    with pytest.raises(TokenStoreError):
        save_on_a_full_disk()
    monkeypatch.undo()
    with other.lock("merchant-7", blocking=False) as held:
        assert held is True
        assert other.load("merchant-7") == OLD


@pytest.mark.parametrize("isolation_level", ["SERIALIZABLE", "AUTOCOMMIT"])
def test_what_the_last_holder_saved_is_seen(open_store, mysql_url, isolation_level):
    engine = quiet_engine(mysql_url, isolation_level=isolation_level)
    store, other = open_store(engine), open_store()
    store.save("merchant-7", OLD)
    with store.lock("merchant-7"):
        assert store.replace("merchant-7", OLD, NEW) is True
    with other.lock("merchant-7"):
        assert other.load("merchant-7") == NEW
    engine.dispose()


@pytest.mark.parametrize("now", [1793511000, 1793514600])
def test_the_end_of_summer_time_does_not_move_the_clock(engine, now):
    clock = sqlalchemy.text("SELECT %s" % _CLOCKS["mysql"])
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SET timestamp = %d" % now))
        assert float(connection.execute(clock).scalar_one()) == now


def test_its_clock_is_ours(engine):
    clock = sqlalchemy.text("SELECT %s" % _CLOCKS["mysql"])
    with engine.connect() as connection:
        before = time.time()
        seen = float(connection.execute(clock).scalar_one())
        assert before - 0.05 <= seen <= time.time() + 0.05


def test_a_holder_whose_host_is_gone_is_ended_by_the_server(open_store, monkeypatch):
    monkeypatch.setattr("ultracart.oauth.stores.sql_locks._IDLE_TIMEOUT", 1)
    silent, waiting = open_store(), open_store()
    entered = []

    def hold():
        with silent.lock("merchant-7"):
            enter(waiting)
            entered.append(True)

    with pytest.raises(TokenStoreError):
        hold()
    assert entered  # else the error was that the wait came to an end


def test_the_lock_leaves_the_connection_as_it_was(open_store, mysql_url):
    engine = quiet_engine(mysql_url, pool_size=1, max_overflow=0)
    enter(open_store(engine))
    with engine.connect() as connection:
        query = sqlalchemy.text("SELECT @@session.wait_timeout = @@global.wait_timeout")
        assert connection.execute(query).scalar_one() == 1
    engine.dispose()


def test_a_lock_that_does_not_become_free_is_an_error(open_store, monkeypatch):
    monkeypatch.setattr("ultracart.oauth.stores.sql_locks.LOCK_TIMEOUT", 1)
    one, two = open_store(), open_store()
    with one.lock("merchant-7"), pytest.raises(TokenStoreError, match="not become free in 1 s"):
        enter(two)


def test_a_database_by_default_and_by_name_is_one_lock(mysql_url, open_sql_store):
    by_default, by_name = open_sql_store(mysql_url), open_sql_store(mysql_url, schema="ultracart")
    with by_default.lock("merchant-7"), by_name.lock("merchant-7", blocking=False) as held:
        assert held is False


def test_the_longest_name_and_a_long_token_fit(open_store, engine, table_name):
    name, token = "\U0001f6d2" * 255, Token("x" * 1_000_000)
    store = open_store()
    store.save(name, token)
    assert store.accounts() == [name]
    assert store.load(name) == token
    query = "SELECT data_type FROM information_schema.columns WHERE column_name = 'token'"
    with engine.connect() as connection:
        found = connection.execute(sqlalchemy.text(query + " AND table_name = '%s'" % table_name))
        assert found.scalar_one() == "mediumblob"


def test_an_early_refresh_does_not_wait_for_the_lock(open_store, engine):
    waits = []

    @sqlalchemy.event.listens_for(engine, "before_cursor_execute")
    def look(connection, cursor, statement, parameters, context, many):
        if "GET_LOCK" in statement:
            waits.append(parameters["timeout"])

    one, two = open_store(), open_store(engine)
    with one.lock("merchant-7"), two.lock("merchant-7", blocking=False) as held:
        assert held is False
    assert waits == [0]
