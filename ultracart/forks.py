"""Fork safety: a forked child gets new locks and connections, and a fork waits for late imports.

Only the forking thread survives in a child. A lock that another thread held is held there for ever,
and a connection is still the parent's, so both are made anew before the child uses them.

Python runs hooks where Python itself forks. A server written in C, such as uWSGI, forks without
them; so code calls :func:`notice_fork` before it uses anything that a child must not inherit.
"""

from __future__ import annotations

import logging  # noqa: F401  # its hooks must be registered before those at the end of this file
import os
from collections.abc import Callable
from threading import Lock, RLock
from typing import Any, Protocol
from weakref import WeakSet

# Seconds that a fork waits for a late import; the import may need a lock of the forking thread.
_LONGEST_WAIT = 10


class ForkAware(Protocol):
    """Something with process-local state."""

    def _after_fork(self) -> None:
        """Replace locks and connections, before the child uses them."""


_known: WeakSet[Any] = WeakSet()
_pid = os.getpid()
_renewing = Lock()
_loading = RLock()


def renew_after_fork(thing: ForkAware | Callable[[], None]) -> None:
    """Call ``thing._after_fork()``, or the module's function ``thing``, in every forked child.

    ``thing`` is not kept alive by this.
    """
    _known.add(thing)


def notice_fork() -> None:
    """Renew what this process has inherited, unless that has been done."""
    if os.getpid() != _pid:
        with _renewing:  # several threads may be the first to notice
            if os.getpid() != _pid:  # pragma: no branch - another thread was first
                _renew_all()


def load_lock() -> Any:
    """The lock to hold while importing or preparing what a child must not inherit half done."""
    return _loading


def _renew_all() -> None:
    global _pid, _loading
    _loading = RLock()
    for thing in list(_known):
        getattr(thing, "_after_fork", thing)()
    _pid = os.getpid()  # last: until then, other threads that notice the fork wait


def _after_fork_in_child() -> None:
    global _renewing
    _renewing = Lock()
    _renew_all()


def _wait_for_imports() -> None:
    _loading.acquire(timeout=_LONGEST_WAIT)


def _release() -> None:
    try:
        _loading.release()
    except RuntimeError:  # the wait ended without it
        pass


if hasattr(os, "register_at_fork"):
    # Hooks before a fork run in reverse order of registration: this one waits before logging's
    # takes logging's lock, which the thread that is waited for may need.
    os.register_at_fork(
        before=_wait_for_imports,
        after_in_parent=_release,
        after_in_child=_after_fork_in_child,
    )
