"""A lock and an event that a Ctrl-C at any moment leaves usable for whoever comes next.

Python runs the handler of a signal, which raises ``KeyboardInterrupt``, between two steps of the
main thread: where a Python function begins, where one written in C returns, and where a loop jumps
back. Since Python 3.14 one such moment lies between ``lock.__enter__()`` and the block of
``with lock:``, and nothing releases the lock then. Since Python 3.13 the jump of a ``while``, or of
an ``if`` that ends a round of a loop or comprehension, is compiled without the ``with`` and ``try``
around it: in this package none stands directly inside a ``with lock:`` or a ``try`` with a
``finally``. :class:`threading.Condition` and :class:`threading.Event` have such moments in every
version.
"""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING

# Seconds between two looks of a waiting thread: a `set()` that was interrupted has released only
# some of them, and free-threaded Python sees no signal during an endless wait.
_LOOK_AGAIN = 1.0

if TYPE_CHECKING:

    class _RLock:
        def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...
        def release(self) -> None: ...
        def __exit__(
            self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
        ) -> None: ...

else:
    # The class that threading makes its own of; gevent's, where gevent has replaced it.
    _RLock = type(threading.RLock())


class Lock(_RLock):
    """A reentrant lock; ``with lock:`` never leaves it locked.

    ``__exit__`` stays the one written in C: a method written in Python begins with a moment at
    which a signal may arrive, before it has released anything.
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
    """What :class:`threading.Event` is, without ``clear()`` and without a lock of its own."""

    __slots__ = ("_is_set", "_waiting")

    def __init__(self) -> None:
        self._is_set = False
        # For each waiting thread a lock that is taken until the event is set.
        self._waiting: deque[threading.Lock] = deque()

    def is_set(self) -> bool:
        """Whether :meth:`set` was called."""
        return self._is_set

    def set(self) -> None:
        """Let all who wait and who will wait go on."""
        self._is_set = True
        try:
            while True:
                self._waiting.popleft().release()
        except IndexError:  # nobody is left
            pass

    def wait(self, timeout: float | None = None) -> bool:
        """Wait at most ``timeout`` seconds, by default without end; whether the event is set."""
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
