"""Decides how tokens are kept in a database that many hosts share."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NoReturn

import sqlalchemy
from sqlalchemy import Column, LargeBinary, MetaData, String, Table, literal_column, select
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.types import TypeDecorator

from ...exceptions import ApiTypeError, ConfigurationError, TokenStoreError
from ...forks import notice_fork, renew_after_fork
from ..token import Token
from .base import (
    LOCK_TIMEOUT,
    Cipher,
    TokenStore,
    check_account,
    decode_token,
    encode_token,
)
from .file_lock import FileLocks
from .private_file import make_private_file
from .sql_locks import mysql_lock, postgresql_lock

_MYSQL = ("mysql", "mariadb")
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
# 16 MiB: in MySQL this makes the column a MEDIUMBLOB.
_MAX_TOKEN_SIZE = 2**24 - 1
# Connections of one process: enough to refresh ten accounts at once, and few enough for ten
# processes on a PostgreSQL with its default limit of 100.
_POOL = {"pool_size": 5, "max_overflow": 5}


class SQLAlchemyTokenStore(TokenStore):
    """Tokens in a SQL database: for applications on many hosts (extra ``sql``).

    PostgreSQL is what it is for. MySQL and MariaDB work with named locks instead of transaction
    locks; SQLite files work on one host, with the locks of
    :class:`~ultracart.oauth.SQLiteTokenStore`.

    Args:
        engine_or_url: an Engine, or a URL such as ``postgresql+psycopg://user@host/database``.
        cipher: encrypts the tokens at rest; default: they are kept in the clear.
        table_name: the table, made when first needed if it is not there.
        clock: this host's time in Unix seconds.

    Raises:
        ConfigurationError: the database is of another kind, or SQLite in memory.
    """

    def __init__(
        self,
        engine_or_url: Engine | URL | str,
        *,
        cipher: Cipher | None = None,
        table_name: str = "ultracart_token",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._owns_engine = not isinstance(engine_or_url, Engine)
        engine = _engine(engine_or_url)
        self._dialect = engine.dialect.name
        self._files: FileLocks | None = None
        if self._dialect == "sqlite":
            self._files = _sqlite_locks(engine)
        elif self._dialect not in _LOCKS:
            raise ConfigurationError(
                "engine_or_url must be PostgreSQL, MySQL, MariaDB or SQLite, not %s" % self._dialect
            )
        self._engine = engine
        # MySQL's drivers set the isolation level by a statement that SQLAlchemy does not watch.
        self._errors: tuple[type[Exception], ...] = (
            SQLAlchemyError,
            engine.dialect.loaded_dbapi.Error,
        )
        # READ COMMITTED: a snapshot from before the lock would show the token as it was then.
        if self._files is None:
            self._locking = engine.execution_options(isolation_level="READ COMMITTED")
        # One statement each, so a transaction would only cost two more round trips.
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._cipher = cipher
        self._clock = clock
        self._table = _table(table_name)
        self._has_table = False
        self._load = self._load_statement()
        # Connections whose lock this thread holds, by account.
        self._own = threading.local()
        renew_after_fork(self)

    def __repr__(self) -> str:
        return "SQLAlchemyTokenStore(%r)" % self._engine.url.render_as_string(hide_password=True)

    def load(self, account: str) -> Token | None:
        found = self._run("load", account, lambda connection: self._read(connection, account))
        return None if found is None else found[1]

    def save(self, account: str, token: Token) -> None:
        check_account(account)
        if not isinstance(token, Token):
            raise ApiTypeError("token must be a Token, not %s" % type(token).__name__)
        self._run("save", account, lambda connection: self._upsert(connection, account, token))

    def replace(self, account: str, old: Token, new: Token) -> bool:
        def swap(connection: Connection) -> bool:
            found = self._read(connection, account)
            if found is None or not found[1].has_same_credentials(old):
                return False
            # The database compares once more, in the same step as it writes.
            token = self._table.c.token
            statement = (
                self._table.update()
                .where(self._table.c.account == account, token == found[0])
                .values(token=self._encode(connection, new))
            )
            return connection.execute(statement).rowcount == 1

        swapped: bool = self._run("save", account, swap)
        return swapped

    def delete(self, account: str) -> None:
        statement = self._table.delete().where(self._table.c.account == account)
        self._run("delete", account, lambda connection: connection.execute(statement))

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
        self._ensure_table()
        own: BaseException | None = None
        failure: Exception | None = None
        try:
            with self._live_connection() as connection:
                name = "%s/%s" % (self._table.name, account)
                with _LOCKS[self._dialect](connection, name, blocking=blocking) as held:
                    if held:
                        self._held()[account] = connection
                    try:
                        yield held
                    except BaseException as error:
                        own = error
                        raise
                    finally:
                        self._held().pop(account, None)
                connection.commit()
        except self._errors as error:
            failure = error
        try:
            if own is not None:
                raise own  # the caller's, also where the connection broke and did not roll back
            if failure is not None:
                _fail("lock", failure)
        finally:
            own = failure = None  # else they would hold themselves alive, by their tracebacks

    def _live_connection(self) -> Connection:
        """A connection that has just answered: a kept one may be dead, as after a restart."""
        last = False
        while True:
            connection = self._locking.connect()
            try:
                connection.execute(select(1))
                return connection
            except DBAPIError as error:
                connection.close()
                if last or not error.connection_invalidated:
                    raise
            last = True

    def _run(self, what: str, account: str, work: Callable[[Connection], Any]) -> Any:
        """``work`` on the connection that holds the account's lock, else on one of its own."""
        notice_fork()
        connection = self._held().get(account)
        try:
            if connection is not None:
                return work(connection)
            self._ensure_table()
            try:
                return self._run_alone(work)
            except DBAPIError as error:
                # A kept connection was dead, as after a restart of the server; nothing was done.
                if not error.connection_invalidated:
                    raise
            return self._run_alone(work)
        except self._errors as error:
            _fail(what, error)

    def _run_alone(self, work: Callable[[Connection], Any]) -> Any:
        with self._single.connect() as connection:
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
        return data, _shifted(token, -offset)

    def _upsert(self, connection: Connection, account: str, token: Token) -> None:
        values = {"account": account, "token": self._encode(connection, token)}
        statement: Any
        if self._dialect in _MYSQL:
            statement = mysql.insert(self._table).values(values)
            statement = statement.on_duplicate_key_update(token=values["token"])
        else:
            insert = sqlite.insert if self._dialect == "sqlite" else postgresql.insert
            statement = insert(self._table).values(values)
            statement = statement.on_conflict_do_update(
                index_elements=["account"], set_={"token": values["token"]}
            )
        connection.execute(statement)

    def _encode(self, connection: Connection, token: Token) -> bytes:
        """``token`` in the database's time, as it is kept."""
        clock = _CLOCKS.get(self._dialect)
        offset = 0.0
        if clock is not None and token.expires_at is not None:
            before = self._clock()
            now = float(connection.execute(select(literal_column(clock))).scalar_one())
            offset = _offset(now, before, self._clock())
        return encode_token(_shifted(token, offset), self._cipher)

    def _load_statement(self) -> Any:
        now: Any = literal_column(_CLOCKS.get(self._dialect, "NULL"))
        account = self._table.c.account
        return select(self._table.c.token, now).where(account == sqlalchemy.bindparam("account"))

    def _ensure_table(self) -> None:
        if self._has_table:
            return
        try:
            if self._files is not None and self._engine.url.database:
                make_private_file(self._engine.url.database)
            try:
                self._table.create(self._engine, checkfirst=True)
            except (DBAPIError, IntegrityError):
                # Another process may have made it at the same moment.
                if not sqlalchemy.inspect(self._engine).has_table(self._table.name):
                    raise
        except self._errors as error:
            _fail("open", error)
        except OSError as error:
            raise TokenStoreError("cannot open the token store: %s" % error.strerror) from None
        self._has_table = True

    def _held(self) -> dict[str, Connection]:
        held: dict[str, Connection] = self._own.__dict__
        return held

    def _after_fork(self) -> None:
        # The connections are the parent's: forgotten here, not closed.
        self._engine.dispose(close=False)
        self._own = threading.local()


def _engine(engine_or_url: Engine | URL | str) -> Engine:
    if isinstance(engine_or_url, Engine):
        return engine_or_url
    if not isinstance(engine_or_url, (str, URL)):
        raise ApiTypeError(
            "engine_or_url must be an Engine or a URL, not %s" % type(engine_or_url).__name__
        )
    try:
        url = make_url(engine_or_url)
        backend = url.get_backend_name()
        options: dict[str, Any] = {} if backend == "sqlite" else dict(_POOL)
        if backend in _MYSQL:
            # Its server ends idle connections after hours, and see SQLAlchemyTokenStore._errors.
            options["pool_pre_ping"] = True
        # A failed statement's parameters are tokens.
        return sqlalchemy.create_engine(url, hide_parameters=True, **options)
    except (SQLAlchemyError, ImportError) as error:
        # The URL may hold a password and is not quoted; a missing driver is named.
        reason = str(error) if isinstance(error, ImportError) else type(error).__name__
        raise ConfigurationError("engine_or_url does not lead to a database: %s" % reason) from None


def _sqlite_locks(engine: Engine) -> FileLocks:
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
    return FileLocks(os.path.realpath(database) + "-locks", timeout=LOCK_TIMEOUT)


class _Account(TypeDecorator[str]):
    """A name that is equal to itself alone.

    MySQL compares text without case or, with a binary collation, without trailing spaces, which
    would make two merchants one. So there it is bytes.
    """

    impl = String(255)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in _MYSQL:
            return dialect.type_descriptor(mysql.VARBINARY(4 * 255))
        return super().load_dialect_impl(dialect)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return value.encode("utf-8") if dialect.name in _MYSQL else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return value.decode("utf-8") if dialect.name in _MYSQL else value


def _table(name: str) -> Table:
    return Table(
        name,
        MetaData(),
        Column("account", _Account, primary_key=True),
        Column("token", LargeBinary(_MAX_TOKEN_SIZE), nullable=False),
    )


def _offset(remote: float, before: float, after: float) -> float:
    """Seconds that the database's clock is ahead of ours, which read ``before`` and ``after``."""
    if before - _CLOCK_TOLERANCE <= remote <= after + _CLOCK_TOLERANCE:
        return 0.0
    return remote - (before + after) / 2


def _shifted(token: Token, seconds: float) -> Token:
    if not seconds or token.expires_at is None:
        return token
    return Token(
        token.access_token,
        token.refresh_token,
        token.expires_at + seconds,
        token.token_type,
        token.scope,
        issued_at=None if token.issued_at is None else token.issued_at + seconds,
        merchant_id=token.merchant_id,
    )


def _fail(what: str, error: Exception) -> NoReturn:
    # A driver's text may quote the row, so only the kind of failure is named.
    original = getattr(error, "orig", None)
    kind = type(error if original is None else original).__name__
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    detail = "%s, SQLSTATE %s" % (kind, state) if state else kind
    raise TokenStoreError("cannot %s in the token store: %s" % (what, detail)) from None
