"""A lock and an event that stay usable if a Ctrl-C interrupts them.

Python raises ``KeyboardInterrupt`` in the main thread where a Python function begins, where a C
function returns, and where a loop jumps back. At some of these points a lock would stay taken:

- Since Python 3.14, between ``lock.__enter__()`` and the block of ``with lock:``.
- Since Python 3.13, at the jump of a ``while``, or of an ``if`` at the end of a loop's or
  comprehension's round: the jump does not belong to the ``with`` or ``try`` around it. So no such
  ``while`` or ``if`` of this package is directly inside a ``with lock:`` or ``try ... finally``.
- In every version, inside :class:`threading.Condition` and :class:`threading.Event`.
"""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING

# A waiting thread looks again after so many seconds: an interrupted `set()` may have woken only
# some threads, and free-threaded Python handles no signal during an endless wait.
_LOOK_AGAIN = 1.0

if TYPE_CHECKING:

    class _RLock:
        def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...
        def release(self) -> None: ...
        def __exit__(
            self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
        ) -> None: ...

else:
    # The class of threading's locks; gevent's, if gevent has replaced it.
    _RLock = type(threading.RLock())


class Lock(_RLock):
    """A reentrant lock; ``with lock:`` never leaves it locked.

    ``__exit__`` stays the one written in C: at the start of a Python method a signal may arrive
    before the lock is released.
    """

    def __enter__(self) -> bool:
        """Acquire it, and release it again if a signal arrives before the block begins."""
        try:
            return self.acquire()
        except BaseException:
            try:
                self.release()
            except RuntimeError:  # interrupted while it waited: not acquired
                pass
            raise


class Event:
    """An event like :class:`threading.Event`, without ``clear()`` and without a lock inside."""

    __slots__ = ("_is_set", "_waiting")

    def __init__(self) -> None:
        self._is_set = False
        # For each waiting thread a lock that is taken until the event is set.
        self._waiting: deque[threading.Lock] = deque()

    def is_set(self) -> bool:
        """Whether :meth:`set` was called."""
        return self._is_set

    def set(self) -> None:
        """Wake every waiting thread; a later :meth:`wait` returns at once."""
        self._is_set = True
        try:
            while True:
                self._waiting.popleft().release()
        except IndexError:  # nobody is left
            pass

    def wait(self, timeout: float | None = None) -> bool:
        """Wait at most ``timeout`` seconds (default: without limit); return whether it is set."""
        if self._is_set:
            return True
        turn = threading.Lock()
        turn.acquire()
        self._waiting.append(turn)
        try:
            self._wait(turn, timeout)
        finally:
            try:
                self._waiting.remove(turn)
            except ValueError:  # set() has removed it
                pass
        return self._is_set

    def _wait(self, turn: threading.Lock, left: float | None) -> None:
        while not self._is_set and (left is None or left > 0):
            step = _LOOK_AGAIN if left is None else min(left, _LOOK_AGAIN)
            turn.acquire(timeout=step)
            left = None if left is None else left - step
