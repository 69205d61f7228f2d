"""Engines and URLs of the SQL store: what is understood, refused, warned of, and never shown."""

from __future__ import annotations

import logging
import os
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy
from servers import quiet_engine
from waiting import wait_until

from ultracart.exceptions import ConfigurationError, TokenStoreError
from ultracart.oauth import SQLAlchemyTokenStore, Token
from ultracart.oauth.stores import engines, sql_locks


@pytest.fixture
def open_store(postgresql_url, open_sql_store):
    return lambda at=postgresql_url, **options: open_sql_store(at, **options)


@pytest.fixture
def schema(postgresql_url):
    name = "App %s" % uuid.uuid4().hex
    engine = quiet_engine(postgresql_url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text('CREATE SCHEMA "%s"' % name))
    engine.dispose()
    return name


# -- names --------------------------------------------------------------------------------------


def test_a_schema_keeps_its_table_apart(open_store, schema):
    inside, outside = open_store(schema=schema), open_store()
    inside.save("merchant-7", Token("inside"))
    outside.save("merchant-7", Token("outside"))
    assert inside.load("merchant-7") == Token("inside")
    assert outside.load("merchant-7") == Token("outside")
    with inside.lock("merchant-7"), outside.lock("merchant-7", blocking=False) as held:
        assert held is True
    outside.delete("merchant-7")
    assert inside.accounts() == ["merchant-7"]


@pytest.mark.parametrize("path", ['"%s"', 'public,"%s"'])
def test_a_schema_by_search_path_and_by_name_is_one_lock(open_store, postgresql_url, schema, path):
    engine = quiet_engine(
        postgresql_url,
        connect_args={
            "prepare_threshold": None,
            "options": "-c search_path=" + path % schema.replace(" ", "\\ "),
        },
    )
    by_path, by_name = open_store(engine), open_store(schema=schema)
    by_name.save("merchant-7", Token("a"))
    assert by_path.load("merchant-7") == Token("a")
    with by_path.lock("merchant-7"), by_name.lock("merchant-7", blocking=False) as held:
        assert held is False
    engine.dispose()


def test_a_schema_that_is_not_there_is_a_store_error(open_store):
    with pytest.raises(TokenStoreError, match=r"InvalidSchemaName, SQLSTATE 3F000$"):
        open_store(schema="nowhere").load("merchant-7")


def test_a_schema_of_mysql_is_a_database(mysql_url, table_name):
    engine = quiet_engine(mysql_url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE DATABASE other_%s" % table_name))
    outside = SQLAlchemyTokenStore(engine, table_name=table_name)
    inside = SQLAlchemyTokenStore(engine, table_name=table_name, schema="other_" + table_name)
    inside.save("merchant-7", Token("inside"))
    assert outside.load("merchant-7") is None
    # MySQL's named locks are the server's, not the database's.
    with inside.lock("merchant-7"), outside.lock("merchant-7", blocking=False) as held:
        assert held is True
    engine.dispose()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"table_name": "app.tokens"}, "schema='app', table_name='tokens'"),
        ({"table_name": ""}, "table_name"),
        ({"table_name": "a\0b"}, "table_name"),
        ({"table_name": "x" * 64}, "too long"),
        ({"table_name": None}, "table_name"),
        ({"schema": ""}, "schema"),
        ({"schema": 7}, "schema"),
        ({"schema": "x" * 64}, "too long"),
    ],
)
def test_an_impossible_name_is_refused(options, named):
    with pytest.raises((TypeError, ValueError), match=named):
        SQLAlchemyTokenStore("postgresql+psycopg://user@127.0.0.1:1/db", **options)


def test_a_schema_in_sqlite_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="schema"):
        SQLAlchemyTokenStore("sqlite:///%s/t.db" % tmp_path, schema="app")


# -- URLs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_the_names_that_hosts_give_postgresql_are_understood(open_store, postgresql_url, scheme):
    store = open_store(postgresql_url.replace("postgresql+psycopg", scheme))
    store.save("merchant-7", Token("a"))
    assert store.load("merchant-7") == Token("a")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg_async://user:secret@127.0.0.1/db",
        "sqlite+aiosqlite:///tokens.db",
        "mysql+asyncmy://user:secret@127.0.0.1/db",
        "postgresql+asyncpg://user:secret@127.0.0.1/db",
    ],
)
def test_an_asynchronous_driver_is_named(url, monkeypatch):
    with pytest.raises(ConfigurationError, match="asynchronous") as caught:
        SQLAlchemyTokenStore(url)
    assert "secret" not in str(caught.value)


def test_an_asynchronous_engine_is_named():
    asyncio = pytest.importorskip("sqlalchemy.ext.asyncio")
    engine = asyncio.create_async_engine("postgresql+psycopg_async://user@127.0.0.1/db")
    with pytest.raises(TypeError, match=r"AsyncEngine.*synchronous"):
        SQLAlchemyTokenStore(engine)
    with pytest.raises(ConfigurationError, match="asynchronous"):
        SQLAlchemyTokenStore(engine.sync_engine)


@pytest.mark.parametrize(
    "url",
    [
        "mysql+pymysql://user:secret@127.0.0.1/db?color=secret",
        "postgresql+psycopg://user:secret@127.0.0.1/db?color=secret",
        "postgresql+psycopg://user:secret@127.0.0.1/db?autocommit=true",
        "mysql+pymysql://user:secret@127.0.0.1/db?prepare_threshold=3",
        "mysql+pymysql://user:secret@127.0.0.1/db?connect_timeout=-1",
    ],
)
def test_an_unknown_option_is_a_configuration_error(url, tmp_path):
    with pytest.raises(ConfigurationError, match="option") as caught:
        SQLAlchemyTokenStore(url.replace("%s", str(tmp_path / "t.db"))).load("merchant-7")
    assert "secret" not in str(caught.value)


def test_a_relative_file_is_found_after_a_change_of_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = SQLAlchemyTokenStore("sqlite:///t.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.save("merchant-7", Token("a"))
    store.close()
    assert (tmp_path / "t.db").stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path / "elsewhere") == []


@pytest.mark.parametrize("path", ["release", "%s/release"])
def test_a_link_to_the_file_is_followed_once(tmp_path, monkeypatch, path):
    """The locks are those of the file that was found first."""
    monkeypatch.chdir(tmp_path)
    link = tmp_path / "release"
    link.symlink_to(tmp_path / "first.db")
    store = SQLAlchemyTokenStore("sqlite:///" + path.replace("%s", str(tmp_path)))
    store.save("merchant-7", Token("a"))
    store.close()
    link.unlink()
    link.symlink_to(tmp_path / "second.db")
    assert store.load("merchant-7") == Token("a")
    store.close()


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("sqlite://", "SQLite in memory"),
        ("sqlite:///:memory:", "SQLite in memory"),
        ("sqlite:///file:/var/lib/tokens.db?uri=true", "by its path"),
    ],
)
def test_why_a_sqlite_database_cannot_serve_is_said(url, named):
    with pytest.raises(ConfigurationError, match=named):
        SQLAlchemyTokenStore(url)


def test_an_engine_of_sqlite_in_memory_is_named():
    engine = quiet_engine(
        "sqlite:///file:tokens?mode=memory&uri=true", poolclass=sqlalchemy.pool.QueuePool
    )
    with pytest.raises(ConfigurationError, match="SQLite in memory"):
        SQLAlchemyTokenStore(engine)


@pytest.mark.parametrize(
    "url",
    [
        "nonsense-secret",
        "postgresql://user:secret@host:secret/db",
        "sqlite:////tmp/tokens.db?timeout=secret",
        "sqlite:////tmp/secret.db?timeout=1&timeout=2",
        "mysql+nothing://user:secret@host/db",
    ],
)
def test_a_url_that_is_not_understood_is_not_quoted(url):
    with pytest.raises(ConfigurationError, match="engine_or_url cannot be used") as caught:
        SQLAlchemyTokenStore(url)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


class AAA:
    """Its name comes before that of every engine."""


@pytest.mark.parametrize("given", [7, AAA()])
def test_what_is_no_engine_is_named(given):
    with pytest.raises(TypeError, match="not %s$" % type(given).__name__):
        SQLAlchemyTokenStore(given)


# -- drivers ------------------------------------------------------------------------------------


@pytest.fixture
def drivers(monkeypatch):
    """Installs stand-ins for drivers, which connect to nothing, and uninstalls others."""

    def have(*names, without=()):
        for name in names:
            module: Any = ModuleType(name)
            module.__spec__ = ModuleSpec(name, None)
            module.__version__, module.paramstyle = "9.9.9", "format"
            module.Error = type("Error", (Exception,), {})
            module.extensions = module.extras = module
            monkeypatch.setitem(sys.modules, name, module)
        for name in without:
            monkeypatch.setitem(sys.modules, name, None)

    return have


class Given(Exception):
    """What a driver is given for a connection, in place of one."""


def options_of(url):
    engine = engines.make_engine(url)

    @sqlalchemy.event.listens_for(engine, "do_connect")
    def stop(dialect, record, arguments, options):
        raise Given(options)

    with pytest.raises(Given) as caught:
        engine.connect()
    (options,) = caught.value.args
    return {name: value for name, value in options.items() if "_" in name}


def test_every_driver_is_given_its_own_options(drivers):
    pytest.importorskip("pymysql", reason="PyMySQL is not installed")
    drivers("psycopg2", "pg8000", "MySQLdb")
    libpq = {
        "connect_timeout": 10,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    }
    assert options_of("postgresql+psycopg2://user@host/db") == libpq
    assert options_of("postgresql+pg8000://user@host/db?prepare_threshold=0") == {}
    assert options_of("mysql+mysqldb://user@host/db") == {}
    pymysql = options_of("mysql+pymysql://user@host/db?write_timeout=7")
    assert pymysql.pop("client_flag")  # SQLAlchemy's own
    assert pymysql == {"read_timeout": engines.LOCK_STATEMENT_TIMEOUT, "write_timeout": 7}


def test_options_in_the_url_come_first(postgresql_url):
    url = sqlalchemy.engine.make_url(postgresql_url).update_query_dict({"keepalives_count": "7"})
    engine = engines.make_engine(url)
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        given = raw.info.get_parameters()
    engine.dispose()
    assert (given["keepalives_count"], given["keepalives_idle"]) == ("7", "30")


def test_the_newer_driver_of_postgresql_is_preferred(drivers):
    pytest.importorskip("psycopg", reason="psycopg is not installed: it has no wheel here")
    drivers("psycopg2")
    assert "postgresql+psycopg://" in repr(SQLAlchemyTokenStore("postgresql://user@host/db"))
    drivers("psycopg2", without=["psycopg"])
    assert "postgresql+psycopg2://" in repr(SQLAlchemyTokenStore("postgresql://user@host/db"))


@pytest.mark.parametrize(
    ("scheme", "missing"), [("postgresql", r"psycopg\b"), ("postgresql+pg8000", "pg8000")]
)
def test_a_driver_that_is_not_installed_is_named(drivers, scheme, missing):
    drivers(without=["psycopg", "psycopg2", "pg8000"])
    with pytest.raises(ConfigurationError, match=missing):
        SQLAlchemyTokenStore(scheme + "://user@host/db")


# -- what is never shown ------------------------------------------------------------------------


@pytest.mark.parametrize("owner", ["store", "application"])
@pytest.mark.parametrize("database", ["postgresql", "mysql", "sqlite"])
def test_no_log_level_shows_a_token(request, tmp_path, table_name, caplog, owner, database):
    caplog.set_level(logging.DEBUG)
    for name in ("sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "psycopg"):
        caplog.set_level(logging.DEBUG, name)
    if database == "sqlite":
        url = "sqlite:///%s" % (tmp_path / "t.db")
    else:
        url = request.getfixturevalue(database + "_url")
    store = SQLAlchemyTokenStore(
        url if owner == "store" else quiet_engine(url), table_name=table_name
    )
    store.save("merchant-7", Token("access-secret", "refresh-secret", 2e9))
    token = store.load("merchant-7")
    assert token is not None
    assert store.replace("merchant-7", token, Token("next-secret")) is True
    store.load("merchant-7")
    store.delete("merchant-7")
    store._engine.dispose()
    assert "Row" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("name", ["password", "sslpassword", "passfile", "passwd"])
def test_a_password_among_the_options_is_not_shown(name):
    url = sqlalchemy.engine.URL.create(
        "mysql+pymysql", "user", "first-secret", "host", 1, "db", query={name: "second-secret"}
    )
    shown = repr(SQLAlchemyTokenStore(url))
    assert "secret" not in shown
    assert "user" in shown
    assert "host" in shown


# -- engines of the application -----------------------------------------------------------------


def test_an_engine_that_logs_parameters_is_named_once(tmp_path):
    engine = sqlalchemy.create_engine("sqlite:///%s" % (tmp_path / "t.db"))
    with pytest.warns(UserWarning, match="hide_parameters=True") as warned:
        SQLAlchemyTokenStore(engine)
    SQLAlchemyTokenStore(engine, table_name="another")
    assert len(warned) == 1
    assert warned[0].filename == __file__


@pytest.mark.parametrize("pool", ["StaticPool", "SingletonThreadPool"])
def test_an_engine_that_shares_the_application_s_connection_is_refused(tmp_path, pool):
    engine = quiet_engine(
        "sqlite:///%s" % (tmp_path / "t.db"), poolclass=getattr(sqlalchemy.pool, pool)
    )
    with pytest.raises(ConfigurationError, match=pool):
        SQLAlchemyTokenStore(engine)


def test_a_transaction_of_the_application_takes_no_token_back(open_store, postgresql_url):
    engine = quiet_engine(postgresql_url)
    store = open_store(engine)
    store.save("merchant-7", Token("old"))
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 1"))
        with store.lock("merchant-7"):
            assert store.replace("merchant-7", Token("old"), Token("new")) is True
        connection.rollback()
    assert store.load("merchant-7") == Token("new")
    engine.dispose()


# -- connections --------------------------------------------------------------------------------


def slow_refreshes(store, number):
    """``number`` threads, each with the lock of an account or in the queue for it."""
    done, inside = threading.Event(), []

    def refresh(account):
        with store.lock(account):
            inside.append(account)
            assert done.wait(60)

    threads = ThreadPoolExecutor(number)
    refreshes = [threads.submit(refresh, "merchant-%d" % n) for n in range(number)]

    def end():
        done.set()
        for refresh in refreshes:
            refresh.result(60)
        threads.shutdown()

    return inside, end


@pytest.mark.parametrize(
    ("size", "overflow", "locks"),
    [
        (5, 5, 8),
        (1, 0, 1),
        (1, 1, 1),
        (2, 1, 2),
        (4, 0, 3),
        (20, 4, 20),
        (0, 5, None),
        (5, -1, None),
    ],
)
def test_how_many_connections_locks_may_take(size, overflow, locks):
    pool = {"poolclass": sqlalchemy.pool.QueuePool, "pool_size": size, "max_overflow": overflow}
    assert engines.most_locks(quiet_engine("sqlite://", **pool)) == locks


def test_a_process_has_ten_connections(postgresql_url):
    engine = engines.make_engine(postgresql_url)
    with ExitStack() as connections:
        for _ in range(10):
            connections.enter_context(engine.connect())
        assert engine.pool.checkedin() == 0  # type: ignore[attr-defined]
    engine.dispose()


def test_a_driver_waits_longer_for_a_lock_than_the_server():
    assert engines.LOCK_STATEMENT_TIMEOUT > sql_locks.LOCK_TIMEOUT


@pytest.mark.parametrize("owner", ["store", "application"])
def test_a_reader_never_waits_for_slow_refreshes(open_store, postgresql_url, owner):
    engine = quiet_engine(postgresql_url, pool_size=2, max_overflow=1, pool_timeout=0.1)
    store = open_store(postgresql_url if owner == "store" else engine)
    store.save("merchant-99", Token("fresh"))
    inside, end = slow_refreshes(store, 12)
    wait_until(lambda: len(inside) == (8 if owner == "store" else 2))
    try:
        assert store.load("merchant-99") == Token("fresh")
        store.save("merchant-98", Token("login"))
        # An early refresh goes on with the valid token instead of waiting.
        with store.lock("merchant-99", blocking=False) as held:
            assert held is False
    finally:
        end()
    assert len(inside) == 12
    engine.dispose()


@pytest.mark.parametrize(
    "options", [{"poolclass": sqlalchemy.pool.NullPool}, {"max_overflow": -1}, {"pool_size": 0}]
)
def test_a_pool_without_a_limit_limits_no_refresh(open_store, postgresql_url, options):
    engine = quiet_engine(postgresql_url, **options)
    store = open_store(engine)
    inside, end = slow_refreshes(store, 12)
    wait_until(lambda: len(inside) == 12)
    end()
    engine.dispose()


def test_no_connection_for_a_lock_is_an_error(open_store, postgresql_url, monkeypatch):
    engine = quiet_engine(postgresql_url, pool_size=1, max_overflow=0)
    store = open_store(engine)
    monkeypatch.setattr("ultracart.oauth.stores.sqlalchemy.LOCK_TIMEOUT", 0.05)
    with store.lock("a"), pytest.raises(TokenStoreError, match="pool is too small"):
        store.lock("b").__enter__()
    with store.lock("b") as held:
        assert held is True
    engine.dispose()


def test_a_lock_is_written_to_the_disk_where_commits_are_not(open_store, postgresql_url):
    engine = quiet_engine(
        postgresql_url,
        connect_args={"prepare_threshold": None, "options": "-c synchronous_commit=off"},
    )
    store = open_store(engine)
    seen = []

    @sqlalchemy.event.listens_for(engine, "after_cursor_execute")
    def look(connection, cursor, statement, parameters, context, many):
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            cursor.execute("SHOW synchronous_commit")
            seen.append(cursor.fetchone()[0])

    store.save("merchant-7", Token("old"))
    with store.lock("merchant-7"):
        store.replace("merchant-7", Token("old"), Token("new"))
    store.replace("merchant-7", Token("new"), Token("newer"))
    store.delete("merchant-7")
    assert seen == ["local"] * 4
    engine.dispose()


def test_what_is_saved_or_deleted_in_sqlite_is_so_on_the_disk(tmp_path):
    engine = quiet_engine("sqlite:///%s" % (tmp_path / "t.db"))

    @sqlalchemy.event.listens_for(engine, "connect")
    def be_careless(raw, record):
        raw.execute("PRAGMA secure_delete = OFF")
        raw.execute("PRAGMA synchronous = OFF")

    store = SQLAlchemyTokenStore(engine)
    seen = []

    @sqlalchemy.event.listens_for(engine, "before_cursor_execute")
    def look(connection, cursor, statement, parameters, context, many):
        if statement.startswith(("INSERT", "DELETE")):
            for name in ("secure_delete", "synchronous"):
                seen.append(cursor.execute("PRAGMA %s" % name).fetchone()[0])

    store.save("merchant-7", Token("a"))
    store.delete("merchant-7")
    full = 2
    assert seen == [1, full] * 2
    engine.dispose()


# -- faults between client and database -----------------------------------------------------------


@pytest.fixture
def proxied(postgresql, open_proxy, table_name):
    """A store whose connections go through a proxy, and the proxy."""
    proxy = open_proxy(postgresql.socket + "/.s.PGSQL.5432")
    store = SQLAlchemyTokenStore(
        "postgresql://postgres@127.0.0.1:%d/postgres" % proxy.port, table_name=table_name
    )
    store.save("merchant-7", Token("old", "r"))
    yield store, proxy
    store.close()


def test_a_cut_is_not_noticed(proxied):
    store, proxy = proxied
    for _ in range(2):
        proxy.cut()
        assert store.load("merchant-7") == Token("old", "r")
        proxy.cut()
        with store.lock("merchant-7") as held:
            assert held is True


def test_connections_that_break_again_and_again_are_an_error(proxied):
    store, proxy = proxied
    cuts = []

    @sqlalchemy.event.listens_for(store._engine, "before_cursor_execute")
    def cut(connection, cursor, statement, parameters, context, many):
        if statement == "SELECT 1":
            cuts.append(proxy.cut())

    with pytest.raises(TokenStoreError, match="cannot lock in the token store"):
        store.lock("merchant-7").__enter__()
    assert len(cuts) == 2


def test_a_cut_under_the_lock_is_an_error_and_keeps_the_old(proxied):
    store, proxy = proxied

    def refresh():
        with store.lock("merchant-7"):
            proxy.cut()
            store.replace("merchant-7", Token("old", "r"), Token("new", "s"))

    with pytest.raises(TokenStoreError):
        refresh()
    assert store.load("merchant-7") == Token("old", "r")


def test_a_cut_before_the_commit_is_known_leaves_old_or_new(proxied):
    store, proxy = proxied

    def refresh():
        with store.lock("merchant-7"):
            store.replace("merchant-7", Token("old", "r"), Token("new", "s"))
            proxy.cut()

    with pytest.raises(TokenStoreError):
        refresh()
    assert store.load("merchant-7") in (Token("old", "r"), Token("new", "s"))
    with store.lock("merchant-7") as held:
        assert held is True


def test_delays_change_nothing(proxied):
    store, proxy = proxied
    proxy.delay = 0.05
    with store.lock("merchant-7"):
        assert store.replace("merchant-7", store.load("merchant-7"), Token("new", "s")) is True
    assert store.load("merchant-7") == Token("new", "s")


def test_cuts_and_silence_of_mysql(mysql_url, open_proxy, table_name, monkeypatch):
    proxy = open_proxy(sqlalchemy.engine.make_url(mysql_url).query["unix_socket"])
    monkeypatch.setattr(engines, "LOCK_STATEMENT_TIMEOUT", 2)
    store = SQLAlchemyTokenStore(
        "mysql+pymysql://root@127.0.0.1:%d/ultracart" % proxy.port, table_name=table_name
    )
    store.save("merchant-7", Token("old", "r"))
    proxy.cut()
    assert store.load("merchant-7") == Token("old", "r")
    proxy.half_open = True
    with pytest.raises(TokenStoreError):
        store.load("merchant-7")
    proxy.half_open = False
    assert store.load("merchant-7") == Token("old", "r")
    store.close()


@pytest.fixture
def connect_timeout(monkeypatch):
    """The least that libpq takes, for stores that are made from now on."""
    monkeypatch.setitem(engines._LIBPQ_OPTIONS, "connect_timeout", 2)


def test_a_server_that_takes_bytes_and_sends_none_is_given_up(
    connect_timeout, proxied, monkeypatch
):
    """Nobody waits for ever: neither a reader nor whoever wants the lock."""
    store, proxy = proxied
    monkeypatch.setattr("ultracart.oauth.stores.sqlalchemy.STATEMENT_TIMEOUT", 0.2)
    monkeypatch.setattr("ultracart.oauth.stores.sqlalchemy.LOCK_STATEMENT_TIMEOUT", 0.2)
    proxy.half_open = True
    for work in (
        lambda: store.load("merchant-7"),
        lambda: store.lock("merchant-7").__enter__(),
    ):
        with pytest.raises(TokenStoreError):
            work()
    proxy.half_open = False
    assert store.load("merchant-7") == Token("old", "r")


def test_the_short_name_of_postgresql_may_name_its_driver():
    store = SQLAlchemyTokenStore("postgres+psycopg://user:secret@localhost/app")
    assert repr(store) == "SQLAlchemyTokenStore('postgresql+psycopg://user:***@localhost/app')"
    store.close()
    with pytest.raises(ConfigurationError, match="asynchronous"):
        SQLAlchemyTokenStore("postgres+psycopg_async://user:secret@localhost/app")
