"""Decides when a forked child is noticed, and what a fork waits for.

Python runs hooks where Python itself forks. A server written in C, such as uWSGI, forks without
them; so whoever is about to use what must not be inherited calls :func:`notice_fork` first.

Python keeps these hooks, and with them the names of this module, to its very end. So all of them
are here, where they keep nothing else: it would end later for each module kept.
"""

from __future__ import annotations

import os
from _thread import RLock, allocate_lock
from _weakref import ref

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing costs more to load than this package
    from typing import Callable

# Held while a module is loaded on first need. A fork waits for that, at most two seconds, or the
# child would wait for ever for that import; no longer, since it may hold a lock that this needs.
loading = RLock()
_held: list[bool] = []

_renewals: list[ref[Callable[[], None]]] = []
_pid = os.getpid()
_lock = allocate_lock()


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
    _let_others_load()
    _lock = allocate_lock()
    _renew_all()


def _renew_all() -> None:
    global _pid
    for known in _renewals:
        renew = known()
        if renew is not None:  # pragma: no branch - a module is gone only when Python ends
            renew()
    _pid = os.getpid()  # last: another thread must not pass before all is new


def _let_others_load() -> None:
    if _held.pop():
        loading.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _held.append(loading.acquire(timeout=2)),
        after_in_parent=_let_others_load,
        after_in_child=_after_fork_in_child,
    )
