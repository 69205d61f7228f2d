"""The locks of the SQL token store, for each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

from sqlalchemy import text
from sqlalchemy.engine import Connection

from ...exceptions import TokenStoreError
from .base import LOCK_TIMEOUT

# Seconds after which the server closes the connection of a holder that sends nothing: its host may
# have vanished. Longer than any holder takes, shorter than others wait.
_IDLE_TIMEOUT = 75
_DURABLE = (
    "set_config('synchronous_commit', CASE current_setting('synchronous_commit')"
    " WHEN 'off' THEN 'local' ELSE current_setting('synchronous_commit') END, true)"
)


@contextmanager
def postgresql_lock(connection: Connection, name: str, *, blocking: bool) -> Iterator[bool]:
    """An advisory lock of the transaction that ``connection`` is in.

    Of the transaction, not of the session: a pooler such as PgBouncer may give the session to
    others. The server frees it when the connection breaks.
    """
    connection.execute(
        text(
            "SELECT set_config('lock_timeout', :lock, true),"
            " set_config('idle_in_transaction_session_timeout', :idle, true), " + _DURABLE
        ),
        {"lock": "%ds" % LOCK_TIMEOUT, "idle": "%ds" % _IDLE_TIMEOUT},
    )
    key = int.from_bytes(sha256(name.encode("utf-8")).digest()[:8], "big", signed=True)
    if blocking:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
        yield True
    else:
        statement = text("SELECT pg_try_advisory_xact_lock(:key)")
        yield bool(connection.execute(statement, {"key": key}).scalar_one())


def commit_durably(connection: Connection) -> None:
    """Have PostgreSQL write this transaction to its disk before COMMIT returns, also where
    ``synchronous_commit`` is off: a crash would bring a spent refresh token back."""
    connection.execute(text("SELECT " + _DURABLE))


@contextmanager
def mysql_lock(connection: Connection, name: str, *, blocking: bool) -> Iterator[bool]:
    """A named lock of the connection (``GET_LOCK``), for MySQL and MariaDB.

    The server frees it when the connection breaks; poolers that share one connection among
    clients between transactions do not go with it.
    """
    key = "ultracart:" + sha256(name.encode("utf-8")).hexdigest()[:48]
    got = connection.execute(
        text("SELECT GET_LOCK(:key, :timeout)"),
        {"key": key, "timeout": LOCK_TIMEOUT if blocking else 0},
    ).scalar_one()
    if not got and blocking:
        raise TokenStoreError("the lock did not become free in %g s" % LOCK_TIMEOUT)
    try:
        if got:
            idle = {"seconds": _IDLE_TIMEOUT}
            connection.execute(text("SET SESSION wait_timeout = :seconds"), idle)
        yield bool(got)
        if got:
            # Commit before the lock is released: the next holder must see what was saved.
            connection.commit()
            connection.execute(text("SELECT RELEASE_LOCK(:key)"), {"key": key})
            connection.execute(text("SET SESSION wait_timeout = DEFAULT"))
    except BaseException:
        # Close the connection, which releases its lock; in the pool it would keep the lock.
        connection.invalidate()
        raise
