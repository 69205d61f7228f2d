"""Real signals at random moments, for tests of what a Ctrl-C leaves behind."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

needs_timer = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="this system has no timer that sends signals"
)


def interrupts(
    operate: Callable[[], object], times: int, *, longest: float = 6e-4
) -> Iterator[int]:
    """Repeat ``operate`` until a signal interrupts it, and yield; ``times`` times.

    Args:
        longest: seconds within which the signal comes.
    """
    armed = False

    def raise_interrupt(number: int, frame: object) -> None:
        nonlocal armed
        if armed:
            armed = False
            raise KeyboardInterrupt

    def repeat() -> None:
        # Python drops an interrupt that comes in a finalizer: then try again.
        while armed:
            operate()

    before = signal.signal(signal.SIGALRM, raise_interrupt)
    try:
        for count in range(times):
            reached = False
            while not reached:
                try:
                    armed = True
                    # Repeated: a signal just before a system call waits does not end that wait.
                    signal.setitimer(signal.ITIMER_REAL, random.uniform(2e-5, longest), 0.05)
                    # A function of its own: Python 3.13 leaves the jump at the end of a `while`
                    # out of the `try` around it, and a signal can come there.
                    repeat()
                except KeyboardInterrupt:
                    reached = True
                finally:
                    armed = False
                    signal.setitimer(signal.ITIMER_REAL, 0)
            yield count
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def in_another_thread(work: Callable[[], Any]) -> Any:
    """The result of ``work()`` in a thread of its own; ``None`` if it does not come within 10 s."""
    results: list[Any] = []
    other = threading.Thread(target=lambda: results.append(work()), daemon=True)
    other.start()
    other.join(10)
    return results[0] if results else None


def is_free(lock: Any) -> bool:
    """Whether another thread gets ``lock``."""

    def take() -> bool:
        taken: bool = lock.acquire(timeout=1)
        if taken:
            lock.release()
        return taken

    return bool(in_another_thread(take))
