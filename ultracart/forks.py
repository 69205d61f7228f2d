"""Decides when a forked child is noticed: what belongs to one process is then made anew.

Python runs hooks where Python itself forks. A server written in C, such as uWSGI, forks without
them; so whoever is about to use what must not be inherited calls :func:`notice_fork` first.
"""

from __future__ import annotations

import os
import threading
from weakref import ref

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing costs more to load than this package
    from typing import Callable

# Weak, or Python would keep the modules of all of these to its very end, and end later for it.
_renewals: list[ref[Callable[[], None]]] = []
_pid = os.getpid()
_lock = threading.Lock()


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
    _lock = threading.Lock()
    _renew_all()


def _renew_all() -> None:
    global _pid
    for known in _renewals:
        renew = known()
        if renew is not None:  # pragma: no branch - a module is gone only when Python ends
            renew()
    _pid = os.getpid()  # last: another thread must not pass before all is new


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
