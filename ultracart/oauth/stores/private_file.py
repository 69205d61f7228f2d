"""Files and directories of tokens: their owner's alone, and nobody else's touched.

Everything is looked at before anything is changed. A file that another user, or another
application, owns keeps its content and its rights.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path

from ...exceptions import TokenStoreError

# What SQLite keeps beside a database, with the database's content in it.
_BESIDE = ("-wal", "-shm", "-journal")
_OTHERS = 0o077


class NotOurs(TokenStoreError):
    """Something that is to be left as it is."""


class _Unreadable(NotOurs):
    """A SQLite database that is damaged, or not yet complete."""


def prepare_database(
    path: str, lock: Callable[[str], AbstractContextManager[object]], application_id: int | None
) -> None:
    """Make the SQLite file at the absolute ``path``, or take others' rights from an existing one.

    The file is made before SQLite could make it, so it is private from its first moment. So are
    the directories made above it, and what SQLite keeps beside it.

    Args:
        lock: ``lock("")`` is held by whoever makes the tables of an empty file.
        application_id: what ``PRAGMA application_id`` of an existing file must be, unless it has
            no content; ``None``: any SQLite database will do.

    Raises:
        NotOurs: it is no regular file, another user's, or another application's.
        OSError: the file system refuses.
    """
    make_private_directory(os.path.dirname(path))
    wide = [name for ending in _BESIDE if _is_wide(name := path + ending)]
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if _is_wide(path):
            wide.append(path)
        try:
            _check_content(path, application_id)
        except _Unreadable:
            with lock(""):  # another process may have begun to write the file
                _check_content(path, application_id)
    for name in wide:
        with suppress(FileNotFoundError):  # another process has just closed the database
            os.chmod(name, stat.S_IMODE(os.lstat(name).st_mode) & ~_OTHERS)


def why_unusable(error: OSError | NotOurs) -> str:
    """What is wrong with a file that cannot be opened, and what to do."""
    if isinstance(error, NotOurs):
        return "%s. It stays as it is: move it away, or use another path" % error
    return error.strerror or str(error)


def make_private_directory(path: str) -> None:
    """Make the directory, and those above it that are missing, with mode 0700."""
    missing = []
    while path and not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for name in reversed(missing):
        with suppress(FileExistsError):
            os.mkdir(name, 0o700)


def check_owner(found: os.stat_result) -> None:
    """Raise NotOurs unless it belongs to the user that this process runs as."""
    if os.name != "nt" and found.st_uid != os.geteuid():
        raise NotOurs("it belongs to another user (uid %d)" % found.st_uid)


def _is_wide(path: str) -> bool:
    """Whether others may do anything with the file.

    Raises:
        NotOurs: it is no regular file, or another user's.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode):
        raise NotOurs("it is not a regular file")
    check_owner(found)
    return os.name != "nt" and bool(found.st_mode & _OTHERS)


def _check_content(path: str, application_id: int | None) -> None:
    if os.path.getsize(path) == 1:  # SQLite takes it for an empty database, and would overwrite it
        raise NotOurs("file is not a database")
    # By SQLite, not by open(): closing a file drops all locks that this process has on it, also
    # those of a store that is open. Immutable: nothing is locked, written or made beside it.
    uri = Path(path).as_uri() + "?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            (found,) = connection.execute("PRAGMA application_id").fetchone()
            (layout,) = connection.execute("PRAGMA user_version").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        reason = str(error)  # SQLite's messages name reasons, never content
        raise (NotOurs if "not a database" in reason else _Unreadable)(reason) from None
    if application_id is None or found == application_id:
        return
    if not (found or layout or tables):
        found, tables = _in_log(path + "-wal")
    if found != application_id and (found or layout or tables):
        raise NotOurs("it is another application's database")


def _in_log(path: str) -> tuple[int, int]:
    """The application id, and how many entries the schema has, as a write-ahead log has them.

    A database may have nothing else yet. The format is https://sqlite.org/fileformat2.html#walformat
    """
    try:
        with open(path, "rb") as log:
            header = log.read(32)
            size = int.from_bytes(header[8:12], "big")
            newest = b""
            while len(frame := log.read(24 + size)) == 24 + size:
                if frame[8:16] != header[16:24]:  # written before the last checkpoint
                    break
                if frame[:4] == b"\0\0\0\1":
                    newest = frame[24:]
    except FileNotFoundError:
        return 0, 0
    return int.from_bytes(newest[68:72], "big"), int.from_bytes(newest[103:105], "big")
