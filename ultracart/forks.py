"""Decides when a forked child is noticed: what belongs to one process is then made anew.

Python runs hooks where Python itself forks. A server written in C, such as uWSGI, forks without
them; so whoever is about to use what must not be inherited calls :func:`notice_fork` first.
"""

from __future__ import annotations

import os
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing costs more to load than this package
    from typing import Callable

_renewals: list[Callable[[], None]] = []
_pid = os.getpid()
_lock = threading.Lock()


def run_in_child(renew: Callable[[], None]) -> None:
    """Call ``renew()`` once in every forked child, before what it renews is used there."""
    _renewals.append(renew)


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
    for renew in _renewals:
        renew()
    _pid = os.getpid()  # last: another thread must not pass before all is new


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
