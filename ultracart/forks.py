"""Decides when a forked child is noticed, and what a fork waits for.

Python runs hooks where Python itself forks. A server written in C, such as uWSGI, forks without
them; so whoever is about to use what must not be inherited calls :func:`notice_fork` first.

Python keeps these hooks, and with them the names of this module, to its very end. So all of them
are here, where they keep nothing else: it would end later for each module kept.
"""

from __future__ import annotations

import errno
import os
from _thread import RLock, allocate_lock, get_ident
from _weakref import ref
from sys import modules
from time import sleep

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing costs more to load than this package
    from collections.abc import Callable
    from typing import Any

_renewals: list[ref[Callable[[], None]]] = []
_pid = os.getpid()
_lock = allocate_lock()
# Seconds that a fork waits for a thread that is loading, and a thread for another one.
_LONGEST_WAIT = 10
_LONGEST_LOADING = 60
# Seconds that a fork, which waits, needs to wake up.
_GIVING_WAY = 0.01


class _Loading:
    """Held while something is loaded on first need, which no child may inherit half done.

    A fork waits for it, though not for long: it may hold a lock that the loading needs.

    Raises:
        OSError: it was not to be had, as in the child of a fork that did not wait long enough.
    """

    def __init__(self) -> None:
        self.lock: Any = RLock()

    def __enter__(self) -> None:
        if _forking and not self.lock._is_owned():
            sleep(_GIVING_WAY)  # else the thread that ended loading may be the next to begin
        if not self.lock.acquire(timeout=_LONGEST_LOADING):
            raise OSError(errno.EDEADLK, "it was being loaded when this process was forked")

    def __exit__(self, *exc_info: object) -> None:
        self.lock.release()


loading: _Loading = _Loading()
# What each of the hooks below got, by the thread that forks.
_forking: dict[int, list[bool]] = {}
_logging_is_preceded = False


def load(module: str) -> Any:
    """The module of this name; a fork waits while a thread loads it."""
    with loading:
        _precede_logging()
        # Not importlib: its names, kept with this module's, keep every module that was loaded.
        __import__(module)
        return modules[module]


def run_in_child(renew: Callable[[], None]) -> None:
    """Call ``renew()``, a function of a module, once in every forked child, before its first use
    of what that makes new."""
    _renewals.append(ref(renew))


def notice_fork() -> None:
    """Renew what a child has inherited, unless that has been done."""
    if os.getpid() != _pid:
        with _lock:  # several threads may be the first to notice
            if os.getpid() != _pid:  # pragma: no branch - another thread was first
                _renew_all()


def _after_fork_in_child() -> None:
    global _lock
    _lock = allocate_lock()
    _renew_all()


def _renew_all() -> None:
    global _pid
    for known in _renewals:
        renew = known()
        if renew is not None:  # pragma: no branch - a module is gone only when Python ends
            renew()
    _pid = os.getpid()  # last: another thread must not pass before all is new


def _wait_for_loading() -> None:
    got = _forking.setdefault(get_ident(), [])
    # It may be registered twice: what was waited for in vain is not waited for again.
    got.append(False not in got and loading.lock.acquire(timeout=_LONGEST_WAIT))


def _let_others_load() -> None:
    got = _forking.get(get_ident())
    if got and got.pop():
        loading.lock.release()
    if not got:
        _forking.pop(get_ident(), None)


def _have_forks_wait() -> None:
    os.register_at_fork(
        before=_wait_for_loading,
        after_in_parent=_let_others_load,
        after_in_child=_let_others_load,
    )


def load_logging_first() -> None:
    """Load logging, which urllib3 is about to do, and see :func:`_precede_logging`."""
    if not _logging_is_preceded:
        with loading:
            import logging  # noqa: F401

            _precede_logging()


def _precede_logging() -> None:
    """Keep a fork that waits from holding logging's lock, which urllib3 needs to load.

    logging takes it in a hook of its own, and the hook that was registered last runs first. A fork
    in the midst of logging's own first import, some two milliseconds, is not helped by this.
    """
    global _logging_is_preceded
    if not _logging_is_preceded and "logging" in modules and hasattr(os, "register_at_fork"):
        _have_forks_wait()
        _logging_is_preceded = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
    _have_forks_wait()
