"""SQLite token store: tokens in one file that the processes of a host share."""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from ...exceptions import ApiTypeError, ApiValueError, TokenStoreError
from ...forks import notice_fork, renew_after_fork
from ...locks import Lock
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
from .file_lock import FileLocks
from .private_file import NotOurs, prepare_database, why_unusable

# "UCTS" in PRAGMA application_id marks the file as ours; user_version is the layout's version.
_APPLICATION_ID = 0x55435453
_LAYOUT = 1
# Seconds to wait for another process's transaction; each takes milliseconds.
_BUSY_TIMEOUT = 15.0

# Connections that a forked child inherited: they are the parent's, neither used nor closed here.
_abandoned: list[Any] = []


class SQLiteTokenStore(TokenStore):
    """Tokens in a SQLite file: for many threads and processes of one host.

    The file, and those SQLite keeps beside it (``-wal``, ``-shm``), have mode 0600; the locks are
    files in the directory ``<path>-locks``. Not for network file systems.

    Args:
        path: the file; it and its directory are made when first needed.
        cipher: encrypts the tokens at rest; default: they are kept in the clear.

    :meth:`close` gives the file back; the store can be used again later.
    """

    def __init__(self, path: str | os.PathLike[str], *, cipher: Cipher | None = None) -> None:
        if not isinstance(path, (str, os.PathLike)):
            raise ApiTypeError("path must be str or PathLike, not %s" % type(path).__name__)
        if os.fsdecode(path) in ("", ":memory:"):
            raise ApiValueError("path must name a file; MemoryTokenStore keeps tokens in memory")
        if os.fsdecode(path).startswith("file:") or "\0" in os.fsdecode(path):
            raise ApiValueError("path must be the file's path, not a file: URI, and without NUL")
        check_cipher(cipher)
        # The working directory may change before the first use. Symbolic links are followed, as
        # SQLite does, because the locks are found by this name.
        self._path = os.path.realpath(os.fsdecode(path))
        self._cipher = cipher
        self._locks = FileLocks(self._path + "-locks", timeout=LOCK_TIMEOUT)
        self._mutex = Lock()
        self._connection: sqlite3.Connection | None = None
        self._finalizer: Any = None
        renew_after_fork(self)

    def __repr__(self) -> str:
        return "SQLiteTokenStore(%r)" % self._path

    def load(self, account: str) -> Token | None:
        # Called most often, so without check_account: only `save` needs it.
        notice_fork()
        try:
            with self._mutex:
                connection = self._connection or self._open()
                row = connection.execute(
                    "SELECT token FROM ultracart_token WHERE account = ?", (account,)
                ).fetchone()
        except sqlite3.Error as error:
            raise self._failure("load", error) from None
        return None if row is None else decode_token(row[0], self._cipher, account)

    def save(self, account: str, token: Token) -> None:
        check_account(account)
        data = encode_token(token, self._cipher, account)
        with self._writing("save") as connection:
            connection.execute(
                "INSERT INTO ultracart_token (account, token) VALUES (?, ?)"
                " ON CONFLICT (account) DO UPDATE SET token = excluded.token",
                (account, data),
            )

    def replace(self, account: str, old: Token, new: Token) -> bool:
        data = encode_token(new, self._cipher, account)
        with self._writing("save") as connection:
            row = connection.execute(
                "SELECT token FROM ultracart_token WHERE account = ?", (account,)
            ).fetchone()
            if row is None:
                return False
            if not decode_token(row[0], self._cipher, account).has_same_credentials(old):
                return False
            connection.execute(
                "UPDATE ultracart_token SET token = ? WHERE account = ?", (data, account)
            )
            return True

    def delete(self, account: str) -> None:
        with self._writing("delete") as connection:
            connection.execute("DELETE FROM ultracart_token WHERE account = ?", (account,))
        self._empty_log()

    def accounts(self) -> list[str]:
        notice_fork()
        try:
            with self._mutex:
                connection = self._connection or self._open()
                rows = connection.execute(
                    "SELECT account FROM ultracart_token ORDER BY account"
                ).fetchall()
        except sqlite3.Error as error:
            raise self._failure("list the accounts", error) from None
        return sorted(row[0] for row in rows)

    def lock(self, account: str, *, blocking: bool = True) -> AbstractContextManager[bool]:
        notice_fork()
        check_account(account)
        return self._locks.lock(account, blocking=blocking)

    def close(self) -> None:
        """Close the file."""
        with self._mutex:
            if self._finalizer is not None:
                self._finalizer()
            self._connection = self._finalizer = None

    @contextmanager
    def _writing(self, what: str) -> Iterator[sqlite3.Connection]:
        """One transaction that has the write lock from its start, so that it cannot fail later."""
        notice_fork()
        try:
            with self._mutex:
                connection = self._connection or self._open()
                try:
                    if connection.in_transaction:  # a Ctrl-C came between the lines below
                        connection.execute("ROLLBACK")
                    connection.execute("BEGIN IMMEDIATE")
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    # SQLite has rolled back by itself after some errors, such as a full disk.
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
        except sqlite3.Error as error:
            raise self._failure(what, error) from None

    def _empty_log(self) -> None:
        """Overwrite what is deleted in the file too; until then only the log knows of it."""
        try:
            with self._mutex:
                connection = self._connection or self._open()
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error:  # the token is deleted all the same; a later save truncates the log
            pass

    def _open(self) -> sqlite3.Connection:
        try:
            prepare_database(self._path, self._locks.lock, _APPLICATION_ID)
        except (OSError, NotOurs) as error:
            raise TokenStoreError(
                "cannot open the token store %s: %s" % (self._path, why_unusable(error))
            ) from None
        # isolation_level=None: transactions are begun here, by name, not by the module's guess.
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
        )
        try:
            # One process at a time: unlike other statements, this one does not wait for locks.
            with self._locks.lock(""):
                self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._finalizer = weakref.finalize(self, _close, connection, os.getpid())
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        (layout,) = connection.execute("PRAGMA user_version").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != _APPLICATION_ID and (application or layout or tables):
            raise TokenStoreError("%s is another application's database" % self._path)
        if layout > _LAYOUT:
            raise TokenStoreError(
                "%s was written by a newer version of ultracart (layout %d, this one knows %d):"
                " upgrade ultracart" % (self._path, layout, _LAYOUT)
            )
        # FULL: NORMAL can lose the newest commit on power loss, and with it a rotated token.
        connection.execute("PRAGMA synchronous = FULL")
        # Overwrite deleted tokens; not every SQLite is built to do that by default.
        connection.execute("PRAGMA secure_delete = ON")
        if layout < _LAYOUT:
            self._make_table(connection)
        # WAL only now: until here the mark must be in the file itself, not only in its log.
        connection.execute("PRAGMA journal_mode = WAL")

    def _make_table(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS ultracart_token"
            " (account TEXT PRIMARY KEY NOT NULL, token BLOB NOT NULL) WITHOUT ROWID"
        )
        connection.execute("PRAGMA application_id = %d" % _APPLICATION_ID)
        connection.execute("PRAGMA user_version = %d" % _LAYOUT)
        connection.execute("COMMIT")

    def _failure(self, what: str, error: sqlite3.Error) -> TokenStoreError:
        # SQLite's messages name tables and reasons, never values.
        return TokenStoreError("cannot %s in the token store %s: %s" % (what, self._path, error))

    def _after_fork(self) -> None:
        _abandoned.append((self._connection, self._finalizer))
        if self._finalizer is not None:
            self._finalizer.detach()
        self._connection = self._finalizer = None
        self._mutex = Lock()


def _close(connection: sqlite3.Connection, pid: int) -> None:
    if os.getpid() == pid:  # pragma: no branch - a fork in the midst of _open leaves it behind
        connection.close()
