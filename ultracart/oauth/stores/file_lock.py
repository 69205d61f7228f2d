"""Locks on files, which the kernel holds: for the processes of one host.

The kernel frees a lock the moment its holder dies, however that dies. Each holder opens the file
anew, so that threads exclude each other as well; POSIX record locks (``lockf``) would not do, since
the process loses them when it closes *any* descriptor of the file.
"""

from __future__ import annotations

import errno
import os
import re
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from io import FileIO

from ...exceptions import ApiTypeError, TokenStoreError
from ...forks import renew_after_fork
from .base import LOCK_TIMEOUT
from .private_file import NotOurs, check_owner, make_private_directory

if os.name == "nt":  # pragma: no cover - the tests run where there is flock
    import msvcrt
else:
    import fcntl

# Seconds between two tries, growing from the first to the second.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.02
_LOCK_NAME = re.compile("[0-9a-f]{32}")


class FileLocks:
    """Locks by name for the threads and processes of one host, for a token store of your own.

    Each is a file in ``directory`` for as long as somebody holds it or waits for it. Not for
    network file systems.

    Args:
        directory: made with mode 0700 when first needed, with whatever is missing above it. An
            existing one must hold nothing but such locks; other users lose their rights to it.
        timeout: seconds to wait before TokenStoreError; default: longer than any holder takes.
        sleep: waits a number of seconds between two tries.

    Raises:
        ApiTypeError: ``directory`` is neither text nor a path.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        timeout: float = LOCK_TIMEOUT,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not isinstance(directory, (str, os.PathLike)):
            raise ApiTypeError(
                "directory must be str or PathLike, not %s" % type(directory).__name__
            )
        # The working directory may change before the first use.
        self._directory = os.path.realpath(os.fsdecode(directory))
        self._is_prepared = False
        self._timeout = timeout
        self._sleep = sleep
        # The held locks by descriptor. A WeakSet would run code when a lock is garbage-collected,
        # and a Ctrl-C in such code is lost.
        self._locked: dict[int, weakref.ref[FileIO]] = {}
        renew_after_fork(self)

    @contextmanager
    def lock(self, name: str, *, blocking: bool = True) -> Iterator[bool]:
        """Enter with ``True`` once it is held; with ``False`` if taken and not ``blocking``.

        Raises:
            TokenStoreError: it did not become free in time, or the directory is of no use.
        """
        path = os.path.join(self._directory, sha256(name.encode("utf-8")).hexdigest()[:32])
        file = self._acquire(path, blocking)
        try:
            yield file is not None
        finally:
            # Not in a forked child: it is the parent's lock, and was closed here already.
            if file is not None and not file.closed:
                _release(path, file)

    def _acquire(self, path: str, blocking: bool) -> FileIO | None:
        deadline = time.monotonic() + self._timeout
        pause = _FIRST_PAUSE
        while True:
            try:
                file = self._try(path)
            except (OSError, NotOurs) as error:
                reason = getattr(error, "strerror", None) or error
                raise TokenStoreError("cannot lock in %s: %s" % (self._directory, reason)) from None
            if file is not None or not blocking:
                return file
            if time.monotonic() >= deadline:
                raise TokenStoreError("the lock did not become free in %g s" % self._timeout)
            self._sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _try(self, path: str) -> FileIO | None:
        if not self._is_prepared:
            self._prepare()
        try:
            file = _open(path)
        except FileNotFoundError:
            self._prepare()
            file = _open(path)
        try:
            _take_rights_of_others(file.fileno())
            # The last holder may have removed this file between our open and our lock.
            if _lock_now(file.fileno()) and _is_still(path, file.fileno()):
                self._locked[file.fileno()] = weakref.ref(file)
                return file
        except BaseException:
            file.close()
            raise
        file.close()
        return None

    def _prepare(self) -> None:
        """Make the directory, or take others' rights from one that holds locks alone."""
        make_private_directory(self._directory)
        found = os.lstat(self._directory)
        check_owner(found)
        if os.name != "nt" and found.st_mode & 0o077:
            if not all(_LOCK_NAME.fullmatch(name) for name in os.listdir(self._directory)):
                raise NotOurs("it holds other files too, and others have rights to it")
            os.chmod(self._directory, 0o700)
        self._is_prepared = True

    def _after_fork(self) -> None:
        # A copy of the parent's descriptor would keep its lock alive after the parent's death.
        locked, self._locked = self._locked, {}
        for known in locked.values():
            file = known()
            if file is not None:
                with suppress(OSError):
                    file.close()


def _open(path: str) -> FileIO:
    """The lock file. Its lock ends with this object: also where a Ctrl-C came between two lines."""
    return FileIO(path, "r+", opener=_descriptor)


def _descriptor(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)


def _take_rights_of_others(descriptor: int) -> None:
    if os.name == "nt":  # pragma: no cover - the directory's rights are what counts there
        return
    found = os.fstat(descriptor)
    check_owner(found)
    if found.st_mode & 0o077:
        os.fchmod(descriptor, 0o600)


def _is_still(path: str, descriptor: int) -> bool:
    if os.name == "nt":  # pragma: no cover - an open file cannot be removed there
        return True
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _release(path: str, file: FileIO) -> None:
    # Removed while still locked, so that whoever waits for it notices and nobody holds a lock on a
    # file that others cannot see; the number of files stays that of the locks in use.
    if os.name == "nt":  # pragma: no cover
        file.close()
        with suppress(OSError):  # somebody else has the file open and will remove it
            os.unlink(path)
        return
    with suppress(OSError):
        os.unlink(path)
    file.close()


if os.name == "nt":  # pragma: no cover

    def _lock_now(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True

else:

    def _lock_now(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise  # pragma: no cover - a file system without locks
        return True
