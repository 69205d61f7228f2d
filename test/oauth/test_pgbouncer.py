"""The SQL store behind a real PgBouncer in transaction pooling, where sessions change hands."""

from __future__ import annotations

import uuid
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import sqlalchemy
from servers import assert_interruptions_go_unnoticed, quiet_engine

from ultracart.exceptions import ConfigurationError, TokenStoreError
from ultracart.oauth import SQLAlchemyTokenStore, Token
from ultracart.oauth.stores.contract import OpenStore, TokenStoreContract


class TestSQLAlchemyBehindPgBouncer(TokenStoreContract):
    @pytest.fixture
    def open_store(self, open_pgbouncer) -> OpenStore:
        table = "token_%s" % uuid.uuid4().hex
        # One thread holds the locks of eight accounts there, each a transaction.
        return partial(SQLAlchemyTokenStore, open_pgbouncer(10).url, table_name=table)


@pytest.fixture
def open_store(open_sql_store):
    return lambda url, table_name, **options: open_sql_store(url, table_name=table_name, **options)


def tables(number):
    return ["token_%s" % uuid.uuid4().hex for _ in range(number)]


def use(store, name):
    """What makes psycopg name a statement by itself: the same one again and again."""
    for number in range(12):
        token = Token("%s of %s" % (number, name), "r", 2e9)
        store.save("merchant-7", token)
        assert store.load("merchant-7").access_token == token.access_token
        with store.lock("merchant-7"):
            assert store.replace("merchant-7", store.load("merchant-7"), token) is True
        assert store.accounts() == ["merchant-7"]


def named_statements(url):
    engine = quiet_engine(url, poolclass=sqlalchemy.pool.NullPool)
    with engine.connect() as connection:
        query = "SELECT statement FROM pg_prepared_statements"
        return [row[0] for row in connection.execute(sqlalchemy.text(query))]


@pytest.mark.parametrize("server_connections", [1, 4])
def test_two_tables_behind_one_pooler_are_not_mixed_up(
    open_pgbouncer, open_store, server_connections
):
    url = open_pgbouncer(server_connections).url
    names = tables(2)
    stores = [(open_store(url, name), name) for name in names for _ in range(2)]
    for name in names:
        open_store(url, name).accounts()
    with ThreadPoolExecutor(4) as threads:
        for number in range(10):
            for done in [
                threads.submit(use, store, name)
                for index, (store, name) in enumerate(stores)
                if index % 2 == number % 2
            ]:
                done.result(60)
    if server_connections == 1:
        assert named_statements(url) == []


def test_a_restart_of_the_pooler_is_not_noticed(open_pgbouncer, open_store):
    pooler = open_pgbouncer(4)
    store = open_store(pooler.url, *tables(1))
    assert_interruptions_go_unnoticed(store, pooler.restart)
    pooler.kill()
    with pytest.raises(TokenStoreError):
        store.load("merchant-7")
    pooler.start()
    assert store.load("merchant-7") == Token("a")


def test_an_engine_that_prepares_statements_is_named_once_and_serves(open_pgbouncer, open_store):
    url = open_pgbouncer(1).url
    engine = sqlalchemy.create_engine(url, hide_parameters=True)
    names = tables(2)
    stores = [open_store(engine, name) for name in names]
    with pytest.warns(UserWarning, match="prepare_threshold"):
        stores[0].load("merchant-7")
    for store, name in zip(stores, names):
        use(store, name)  # a second warning would be an error
    assert named_statements(url) == []
    # The application's own statements are its affair.
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        assert raw.prepare_threshold == 5
    engine.dispose()


def test_an_engine_that_prepares_none_is_not_named(postgresql_url, open_store):
    engine = quiet_engine(postgresql_url)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        use(open_store(engine, *tables(1)), "a")
    engine.dispose()


@pytest.mark.parametrize("value", ["None", "none", "", "0", "5"])
def test_the_option_is_understood_in_the_url(open_pgbouncer, open_store, value):
    url = open_pgbouncer(1).url
    use(open_store(url + "?prepare_threshold=" + value, *tables(1)), "a")
    assert named_statements(url) == []


@pytest.mark.parametrize(
    ("query", "named"),
    [("prepare_threshold=often", "prepare_threshold"), ("pgbouncer=true", "pgbouncer")],
)
def test_an_option_that_means_nothing_is_refused(query, named):
    with pytest.raises(ConfigurationError, match=named):
        SQLAlchemyTokenStore("postgresql+psycopg://user:secret@127.0.0.1/db?" + query)
