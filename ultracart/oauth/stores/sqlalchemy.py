"""SQL token store: tokens in a database that many hosts share."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, NoReturn

import sqlalchemy
from sqlalchemy import Column, LargeBinary, MetaData, String, Table, literal_column, select
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.types import TypeDecorator

from ...exceptions import ApiTypeError, ApiValueError, ConfigurationError, TokenStoreError
from ...forks import notice_fork, renew_after_fork
from ...turns import Turns
from ..token import Token
from .base import (
    LOCK_TIMEOUT,
    Cipher,
    TokenStore,
    check_account,
    check_cipher,
    decode_token,
    encode_token,
)
from .engines import (
    DATABASES,
    LOCK_STATEMENT_TIMEOUT,
    MYSQL,
    STATEMENT_TIMEOUT,
    check_engine,
    check_kind,
    connection_of,
    make_engine,
    most_locks,
    without_secrets,
)
from .file_lock import FileLocks
from .lock_errors import caller_error_first
from .private_file import NotOurs, prepare_database, why_unusable
from .sql_locks import commit_durably, mysql_lock, postgresql_lock

_LOCKS = {"postgresql": postgresql_lock, "mysql": mysql_lock, "mariadb": mysql_lock}
# The database's clock in Unix seconds: hosts' clocks differ, so times are kept in this one.
# MySQL's by UTC: UNIX_TIMESTAMP() of a local time is an hour wrong when summer time ends.
_MYSQL_CLOCK = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1000000"
_CLOCKS = {
    "postgresql": "EXTRACT(EPOCH FROM clock_timestamp())",
    "mysql": _MYSQL_CLOCK,
    "mariadb": _MYSQL_CLOCK,
}
# Seconds by which two clocks may differ and still count as one.
_CLOCK_TOLERANCE = 0.05
# Connections that a forked child inherited.
_abandoned: list[Any] = []
# 16 MiB: in MySQL this makes the column a MEDIUMBLOB.
_MAX_TOKEN_SIZE = 2**24 - 1


class SQLAlchemyTokenStore(TokenStore):
    """Tokens in a SQL database: for applications on many hosts (extra ``sql``).

    PostgreSQL is what it is for. MySQL and MariaDB work with named locks instead of transaction
    locks; SQLite files work on one host, with the locks of
    :class:`~ultracart.oauth.SQLiteTokenStore`.

    Args:
        engine_or_url: an Engine, or a URL such as ``postgresql+psycopg://user@host/database``.
        cipher: encrypts the tokens at rest; default: they are kept in the clear.
        table_name: the table, made when first needed if it is not there.
        schema: where the table is, in PostgreSQL the name of a schema, in MySQL and MariaDB that
            of a database; default: where the connection looks for a table.
        clock: this host's time in Unix seconds.

    Raises:
        ApiTypeError: an argument has the wrong type.
        ApiValueError: ``table_name`` or ``schema`` cannot be a name.
        ConfigurationError: the database is of another kind, or SQLite in memory, or its driver is
            asynchronous.
    """

    def __init__(
        self,
        engine_or_url: Engine | URL | str,
        *,
        cipher: Cipher | None = None,
        table_name: str = "ultracart_token",
        schema: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_kind(engine_or_url)
        check_cipher(cipher)
        _check_name("table_name", table_name)
        if schema is not None:
            _check_name("schema", schema)
        self._owns_engine = not isinstance(engine_or_url, Engine)
        engine = engine_or_url if isinstance(engine_or_url, Engine) else make_engine(engine_or_url)
        self._dialect = engine.dialect.name
        if self._dialect not in DATABASES:
            raise ConfigurationError(
                "engine_or_url must be PostgreSQL, MySQL, MariaDB or SQLite, not %s" % self._dialect
            )
        for name in (table_name, schema or ""):
            if len(name) > engine.dialect.max_identifier_length:
                raise ApiValueError("%r is too long for a name in %s" % (name, self._dialect))
        self._files: FileLocks | None = None
        self._path = ""
        if self._dialect == "sqlite":
            if schema is not None:
                raise ConfigurationError("schema is for PostgreSQL, MySQL and MariaDB, not SQLite")
            self._path = _sqlite_path(engine)
            self._files = FileLocks(self._path + "-locks", timeout=LOCK_TIMEOUT)
        if not self._owns_engine:
            check_engine(engine)
        self._engine = engine
        # MySQL's drivers set the isolation level by a statement that SQLAlchemy does not watch.
        self._errors: tuple[type[Exception], ...] = (
            SQLAlchemyError,
            engine.dialect.loaded_dbapi.Error,
        )
        # READ COMMITTED: a snapshot from before the lock would show the token as it was then.
        if self._files is None:
            self._transaction = engine.execution_options(isolation_level="READ COMMITTED")
        # One statement each, so a transaction would only cost two more round trips.
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._cipher = cipher
        self._clock = clock
        self._table = _table(table_name, schema)
        # The table's full name, the same on every host, once it is known.
        self._full_name = ""
        self._load = self._load_statement()
        self._after_fork_or_at_start()
        renew_after_fork(self)

    def __repr__(self) -> str:
        return "SQLAlchemyTokenStore(%r)" % without_secrets(self._engine.url)

    def load(self, account: str) -> Token | None:
        found = self._run("load", account, lambda connection: self._read(connection, account))
        return None if found is None else found[1]

    def save(self, account: str, token: Token) -> None:
        check_account(account)
        if not isinstance(token, Token):
            raise ApiTypeError("token must be a Token, not %s" % type(token).__name__)
        self._run(
            "save", account, lambda connection: self._upsert(connection, account, token), True
        )

    def replace(self, account: str, old: Token, new: Token) -> bool:
        def swap(connection: Connection) -> bool:
            found = self._read(connection, account)
            if found is None or not found[1].has_same_credentials(old):
                return False
            # The database compares again, in the statement that writes.
            token = self._table.c.token
            statement = (
                self._table.update()
                .where(self._table.c.account == account, token == found[0])
                .values(token=self._encode(connection, account, new))
            )
            return connection.execute(statement).rowcount == 1

        swapped: bool = self._run("save", account, swap, True)
        return swapped

    def delete(self, account: str) -> None:
        statement = self._table.delete().where(self._table.c.account == account)
        self._run("delete", account, lambda connection: connection.execute(statement), True)

    def accounts(self) -> list[str]:
        statement = select(self._table.c.account)
        rows = self._run("list the accounts", "", lambda c: c.execute(statement).fetchall())
        return sorted(row[0] for row in rows)

    def lock(self, account: str, *, blocking: bool = True) -> AbstractContextManager[bool]:
        notice_fork()
        check_account(account)
        if self._files is not None:
            return self._files.lock(account, blocking=blocking)
        return self._lock(account, blocking)

    def close(self) -> None:
        """Close the connections, unless the engine was given: then they are its owner's."""
        if self._owns_engine:
            self._engine.dispose()

    @contextmanager
    def _lock(self, account: str, blocking: bool) -> Iterator[bool]:
        """The lock and, in the same transaction, everything that is loaded and saved under it."""
        with self._turns.take(None, LOCK_TIMEOUT if blocking else 0) as is_inside:
            if blocking and not is_inside:
                raise TokenStoreError(
                    "no connection for the lock became free in %g s: the engine's pool is too small"
                    % LOCK_TIMEOUT
                )
            if not is_inside:
                yield False
                return
            transaction = self._locked_transaction(account, blocking)
            with caller_error_first(transaction, self._errors, partial(_fail, "lock")) as held:
                yield held

    @contextmanager
    def _locked_transaction(self, account: str, blocking: bool) -> Iterator[bool]:
        self._ensure_table()
        with self._live_connection() as connection:
            name = "%s/%s" % (self._full_name, account)
            with _LOCKS[self._dialect](connection, name, blocking=blocking) as held:
                if held:
                    self._held()[account] = connection
                try:
                    yield held
                finally:
                    self._held().pop(account, None)
            connection.commit()

    @contextmanager
    def _live_connection(self) -> Iterator[Connection]:
        """A connection that has just responded: a kept one may be dead after a server restart."""
        for last in (False, True):
            with connection_of(self._transaction, LOCK_STATEMENT_TIMEOUT) as connection:
                try:
                    connection.execute(select(1))
                except DBAPIError as error:
                    if last or not error.connection_invalidated:
                        raise
                    continue
                yield connection
                return

    def _run(
        self, what: str, account: str, work: Callable[[Connection], Any], writes: bool = False
    ) -> Any:
        """``work`` on the connection that holds the account's lock, else on one of its own."""
        notice_fork()
        connection = self._held().get(account)
        try:
            if connection is not None:
                return work(connection)
            try:
                return self._run_alone(work, writes)
            except DBAPIError as error:
                # A kept connection was dead, as after a restart of the server.
                if not error.connection_invalidated:
                    raise
            return self._run_alone(work, writes)
        except self._errors as error:
            _fail(what, error)

    def _run_alone(self, work: Callable[[Connection], Any], writes: bool) -> Any:
        self._ensure_table()
        if writes and self._dialect == "postgresql":
            with connection_of(self._transaction, STATEMENT_TIMEOUT) as connection:
                commit_durably(connection)
                result = work(connection)
                connection.commit()
                return result
        with connection_of(self._single, STATEMENT_TIMEOUT) as connection:
            return work(connection)

    def _read(self, connection: Connection, account: str) -> tuple[bytes, Token] | None:
        """The account's token as it is kept, and as it is in this host's time."""
        before = self._clock()
        row: Any = connection.execute(self._load, {"account": account}).fetchone()
        if row is None:
            return None
        data = bytes(row[0])
        token = decode_token(data, self._cipher, account)
        offset = 0.0 if row[1] is None else _offset(float(row[1]), before, self._clock())
        return data, token.shifted(-offset) if offset else token

    def _upsert(self, connection: Connection, account: str, token: Token) -> None:
        values = {"account": account, "token": self._encode(connection, account, token)}
        statement: Any
        if self._dialect in MYSQL:
            statement = mysql.insert(self._table).values(values)
            statement = statement.on_duplicate_key_update(token=values["token"])
        else:
            insert = sqlite.insert if self._dialect == "sqlite" else postgresql.insert
            statement = insert(self._table).values(values)
            statement = statement.on_conflict_do_update(
                index_elements=["account"], set_={"token": values["token"]}
            )
        connection.execute(statement)

    def _encode(self, connection: Connection, account: str, token: Token) -> bytes:
        """``token`` in the database's time, as it is kept."""
        clock = _CLOCKS.get(self._dialect)
        if clock is not None:
            before = self._clock()
            now = float(connection.execute(select(literal_column(clock))).scalar_one())
            offset = _offset(now, before, self._clock())
            token = token.shifted(offset) if offset else token
        return encode_token(token, self._cipher, account)

    def _load_statement(self) -> Any:
        now: Any = literal_column(_CLOCKS.get(self._dialect, "NULL"))
        account = self._table.c.account
        return select(self._table.c.token, now).where(account == sqlalchemy.bindparam("account"))

    def _ensure_table(self) -> None:
        if self._full_name:
            return
        try:
            making: AbstractContextManager[object] = nullcontext()
            if self._files is not None:
                prepare_database(self._path, self._files.lock, None)
                making = self._files.lock("")
            with making, connection_of(self._single, STATEMENT_TIMEOUT) as connection:
                try:
                    self._table.create(connection, checkfirst=True)
                except DBAPIError:
                    # Another process may have made it at the same moment.
                    table = self._table
                    if not sqlalchemy.inspect(connection).has_table(
                        table.name, schema=table.schema
                    ):
                        raise
                self._full_name = self._find_full_name(connection)
        except self._errors as error:
            raise TokenStoreError("cannot open the token store: %s" % _why_closed(error)) from None
        except (OSError, NotOurs) as error:
            raise TokenStoreError(
                "cannot open the token store %s: %s" % (self._path, why_unusable(error))
            ) from None

    def _find_full_name(self, connection: Connection) -> str:
        """The table with its schema, which one host may name and another find by its search path.

        Locks are named by it: two hosts that work on one table must mean the same lock.
        """
        schema = self._table.schema or connection.dialect.default_schema_name
        if self._table.schema is None and self._dialect == "postgresql":
            name = connection.dialect.identifier_preparer.format_table(self._table)
            found = sqlalchemy.text(
                "SELECT nspname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
                " WHERE pg_class.oid = to_regclass(:name)"
            )
            schema = connection.execute(found, {"name": name}).scalar_one()
        return "%s.%s" % (schema, self._table.name)

    def _held(self) -> dict[str, Connection]:
        held: dict[str, Connection] = self._own.__dict__
        return held

    def _after_fork(self) -> None:
        # The connections are the parent's: neither used here nor closed. They are kept, because
        # garbage collection closes some and warns of others.
        _abandoned.append((self._engine.pool, self._own))
        self._engine.dispose(close=False)
        self._after_fork_or_at_start()

    def _after_fork_or_at_start(self) -> None:
        # Connections whose lock this thread holds, by account.
        self._own = threading.local()
        # So many refreshes at most wait for their locks: other connections are left for readers.
        self._turns = Turns(most_locks(self._engine) or sys.maxsize)


def _check_name(argument: str, name: object) -> None:
    if not isinstance(name, str):
        raise ApiTypeError("%s must be str, not %s" % (argument, type(name).__name__))
    if argument == "table_name" and "." in name:
        schema, _, table = name.rpartition(".")
        raise ApiValueError(
            "table_name must be the table's name alone: give schema=%r, table_name=%r"
            % (schema, table)
        )
    if not name or re.search(r"[\x00-\x1f\x7f]", name):
        raise ApiValueError("%s must be a name, with no control characters" % argument)


def _sqlite_path(engine: Engine) -> str:
    database = engine.url.database
    if not database or database == ":memory:" or "mode=memory" in str(engine.url):
        raise ConfigurationError(
            "engine_or_url is SQLite in memory, which its connections do not share: use a file,"
            " or MemoryTokenStore"
        )
    if database.startswith("file:"):
        raise ConfigurationError(
            "engine_or_url must name the SQLite file by its path: its locks cannot be found by a"
            " file: URI"
        )
    return os.path.realpath(database)


class _Account(TypeDecorator[str]):
    """A name that is equal to itself alone.

    MySQL compares text without case or, with a binary collation, without trailing spaces, which
    would make two merchants one. So there it is bytes.
    """

    impl = String(255)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in MYSQL:
            return dialect.type_descriptor(mysql.VARBINARY(4 * 255))
        return super().load_dialect_impl(dialect)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return value.encode("utf-8") if dialect.name in MYSQL else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return value.decode("utf-8") if dialect.name in MYSQL else value


class _Hidden(bytes):
    """Bytes that are not shown where SQLAlchemy logs a whole row, as it does at DEBUG."""

    def __repr__(self) -> str:
        return "***"


class _TokenBytes(TypeDecorator[bytes]):
    """A token as it is kept, which no log shows."""

    impl = LargeBinary(_MAX_TOKEN_SIZE)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else bytes(value)

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        # In place of LargeBinary's, which in SQLAlchemy 2.0.0 makes bytes of whatever there is.
        return lambda value: self.process_result_value(value, dialect)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        # SQLite keeps text and numbers in a column of bytes too; neither is a token.
        return _Hidden(value if isinstance(value, (bytes, bytearray, memoryview)) else b"")


def _table(name: str, schema: str | None) -> Table:
    return Table(
        name,
        MetaData(),
        Column("account", _Account, primary_key=True),
        Column("token", _TokenBytes, nullable=False),
        schema=schema,
    )


def _offset(remote: float, before: float, after: float) -> float:
    """Seconds that the database's clock is ahead of ours, which read ``before`` and ``after``."""
    if before - _CLOCK_TOLERANCE <= remote <= after + _CLOCK_TOLERANCE:
        return 0.0
    return remote - (before + after) / 2


def _fail(what: str, error: Exception) -> NoReturn:
    raise TokenStoreError("cannot %s in the token store: %s" % (what, _kind(error))) from None


def _kind(error: Exception) -> str:
    """A driver's text may quote the row, so only the kind of failure is named."""
    original = getattr(error, "orig", None)
    kind = type(error if original is None else original).__name__
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    return "%s, SQLSTATE %s" % (kind, state) if state else kind


def _why_closed(error: Exception) -> str:
    kind = _kind(error)
    if "SQLSTATE" in kind:  # the server's own word
        return kind
    return "%s. Check that the database runs, and that its URL is right" % kind
