"""The engines of the SQL token store: made from a URL, or the application's own, looked over."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any
from weakref import WeakSet

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool, SingletonThreadPool, StaticPool

from ...exceptions import ApiTypeError, ConfigurationError
from .base import LOCK_TIMEOUT

MYSQL = ("mysql", "mariadb")
DATABASES = ("postgresql", *MYSQL, "sqlite")
# Connections of one process: few enough for ten processes on a PostgreSQL with its default limit
# of 100.
_POOL = {"pool_size": 5, "max_overflow": 5}
# The share of a pool's connections that no lock may take, so that a reader finds one.
_READERS_SHARE = 5
# Seconds to wait for the response to one statement, and to one that may wait for a lock.
STATEMENT_TIMEOUT = 30.0
LOCK_STATEMENT_TIMEOUT = LOCK_TIMEOUT + 10
# What notices a server that has vanished; libpq's own defaults wait for hours.
_LIBPQ_OPTIONS = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# Engines of applications that a warning was given for, by warning.
_warned_of_parameters: WeakSet[Any] = WeakSet()
_warned_of_statements: WeakSet[Any] = WeakSet()


def make_engine(url: URL | str) -> Engine:
    """An engine for this store alone.

    Raises:
        ConfigurationError: no database can be reached by such a URL; its text is not quoted, since
            it may hold a password.
    """
    try:
        return _make_engine(_understood(make_url(url)))
    except ConfigurationError:
        raise
    except (SQLAlchemyError, ImportError, TypeError, ValueError) as error:
        # Of these only an ImportError's text holds nothing of the URL: it names a driver.
        reason = str(error) if isinstance(error, ImportError) else type(error).__name__
        raise ConfigurationError(
            "engine_or_url cannot be used to connect to a database: %s" % reason
        ) from None


def check_engine(engine: Engine) -> None:
    """Warn of, or refuse, an application's engine that the store cannot use safely.

    Raises:
        ConfigurationError: its driver is asynchronous, or all its users share one connection.
    """
    _refuse_asynchronous(engine.dialect)
    if isinstance(engine.pool, (StaticPool, SingletonThreadPool)):
        raise ConfigurationError(
            "engine_or_url has a %s, whose connections are shared with the application: a token"
            " would be rolled back with its transaction. Use a QueuePool or NullPool"
            % type(engine.pool).__name__
        )
    if not engine.hide_parameters and engine not in _warned_of_parameters:
        _warned_of_parameters.add(engine)
        warnings.warn(
            "the engine given to SQLAlchemyTokenStore logs the parameters of statements, which are"
            " tokens: create it with hide_parameters=True",
            UserWarning,
            stacklevel=3,
        )


def without_secrets(url: URL) -> str:
    """``url`` for people: no password, and no options, which may hold another one."""
    return url.set(query={}).render_as_string(hide_password=True)


def most_locks(engine: Engine) -> int | None:
    """How many of the pool's connections may hold a lock at once; ``None``: there is no limit."""
    pool = engine.pool
    if not isinstance(pool, QueuePool):
        return None
    overflow = getattr(pool, "_max_overflow", 0)
    if overflow < 0:  # also where pool_size is 0
        return None
    total: int = pool.size() + overflow
    return max(1, total - max(1, total // _READERS_SHARE))


@contextmanager
def connection_of(engine: Engine, timeout: float) -> Iterator[Connection]:
    """A connection that waits ``timeout`` seconds for a response, and prepares no statement.

    Raises:
        ConfigurationError: the driver does not take the options that the engine gives it.
    """
    try:
        connection = engine.connect()
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            "the driver of engine_or_url does not accept the options that the store sets: %s"
            % type(error).__name__
        ) from None
    with connection:
        raw: Any = connection.connection.driver_connection
        if engine.dialect.name == "sqlite":
            # A deleted token is overwritten, and what is saved is on the disk.
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
            connection.exec_driver_sql("PRAGMA synchronous = FULL")
        if hasattr(raw, "longest_wait"):
            raw.longest_wait = timeout
        threshold = getattr(raw, "prepare_threshold", None)
        if threshold is None:
            yield connection
            return
        _warn_of_statements(engine)
        raw.prepare_threshold = None
        try:
            yield connection
        finally:
            raw.prepare_threshold = threshold


def _warn_of_statements(engine: Engine) -> None:
    if engine.pool in _warned_of_statements:
        return
    _warned_of_statements.add(engine.pool)
    warnings.warn(
        "the engine given to SQLAlchemyTokenStore prepares named statements, which a pooler such"
        " as PgBouncer mixes up between its clients. The store does without them; for your own"
        " statements create the engine with connect_args={'prepare_threshold': None}",
        UserWarning,
        stacklevel=2,
    )


def _understood(url: URL) -> URL:
    """``url`` with a name that SQLAlchemy knows, a driver that is installed, an absolute path."""
    name, plus, driver = url.drivername.partition("+")
    if name == "postgres":  # what many hosts put into DATABASE_URL
        url = url.set(drivername="postgresql" + plus + driver)
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+" + _installed_postgresql_driver())
    if url.get_backend_name() not in DATABASES:
        raise ConfigurationError(
            "engine_or_url must be PostgreSQL, MySQL, MariaDB or SQLite, not %s"
            % url.get_backend_name()
        )
    database = url.database
    if url.get_backend_name() == "sqlite" and database and not _is_special(database):
        # An absolute path, because the working directory may change before the first use.
        url = url.set(database=os.path.realpath(database))
    return url


def _is_special(database: str) -> bool:
    return database == ":memory:" or database.startswith("file:")


def _installed_postgresql_driver() -> str:
    return "psycopg2" if find_spec("psycopg2") and not find_spec("psycopg") else "psycopg"


def _make_engine(url: URL) -> Engine:
    backend = url.get_backend_name()
    options: dict[str, Any] = {} if backend == "sqlite" else dict(_POOL)
    arguments: dict[str, Any] = {}
    if backend == "postgresql" and "prepare_threshold" in url.query:
        _check_threshold(url.query["prepare_threshold"])
        url = url.difference_update_query(["prepare_threshold"])
    if url.get_driver_name() in ("psycopg", "psycopg2"):
        arguments = {name: v for name, v in _LIBPQ_OPTIONS.items() if name not in url.query}
    if url.get_driver_name() == "psycopg":
        arguments["prepare_threshold"] = None
    if backend in MYSQL:
        # Its server ends idle connections after hours, and see SQLAlchemyTokenStore._errors.
        options["pool_pre_ping"] = True
    if url.get_driver_name() == "pymysql":
        for name in ("read_timeout", "write_timeout"):
            if name not in url.query:
                arguments[name] = LOCK_STATEMENT_TIMEOUT
    _refuse_asynchronous(url.get_dialect())
    # A failed statement's parameters are tokens.
    engine = sqlalchemy.create_engine(url, hide_parameters=True, connect_args=arguments, **options)
    if engine.dialect.driver == "psycopg":
        _use_psycopg_with_a_deadline(engine)
    return engine


def _refuse_asynchronous(dialect: type[Dialect] | Dialect) -> None:
    if dialect.is_async:
        raise ConfigurationError(
            "engine_or_url has the asynchronous driver %s; the store is synchronous: use"
            " postgresql+psycopg://, mysql+pymysql:// or sqlite:///" % dialect.driver
        )


def _check_threshold(value: str | tuple[str, ...]) -> None:
    # "None" for psycopg 3, 0 for other drivers: both mean what the store does anyway.
    if isinstance(value, str) and (
        value.strip().lower() in ("", "none") or value.strip().isdigit()
    ):
        return
    raise ConfigurationError(
        "prepare_threshold of engine_or_url must be None or a number; the store prepares no"
        " statement in any case"
    )


def _use_psycopg_with_a_deadline(engine: Engine) -> None:
    from .psycopg_deadline import connect, knows

    _, given = engine.dialect.create_connect_args(engine.url)
    options = dict(given)
    options.pop("context", None)  # what SQLAlchemy adds is no option of libpq
    if not knows(options):
        raise ConfigurationError(
            "engine_or_url has an option that psycopg does not know, among: %s"
            % ", ".join(sorted(engine.url.query))
        )
    event.listen(engine, "do_connect", connect)


def check_kind(engine_or_url: object) -> None:
    """Raise ApiTypeError unless it is an Engine or a URL."""
    if isinstance(engine_or_url, (str, URL, Engine)):
        return
    hint = ""
    if type(engine_or_url).__name__ == "AsyncEngine":
        hint = ": the store is synchronous, give it a URL or an Engine of its own"
    raise ApiTypeError(
        "engine_or_url must be an Engine or a URL, not %s%s" % (type(engine_or_url).__name__, hint)
    )
