"""Decides what happens to locks and connections in a forked child: they are made anew.

Only the forking thread survives in the child. A lock that another thread held stays held for
ever there, and a connection is still the parent's.
"""

from __future__ import annotations

import weakref
from typing import Any, Protocol

from ..forks import notice_fork, run_in_child

__all__ = ["ForkAware", "notice_fork", "renew_after_fork"]


class ForkAware(Protocol):
    """Something with process-local state."""

    def _after_fork(self) -> None:
        """Replace locks and connections, before the child uses them."""


_registered: weakref.WeakSet[Any] = weakref.WeakSet()


def renew_after_fork(thing: ForkAware) -> None:
    """Call ``thing._after_fork()`` in every forked child, as long as ``thing`` lives."""
    _registered.add(thing)


def _renew_all() -> None:
    for thing in list(_registered):
        thing._after_fork()


run_in_child(_renew_all)
