"""Real signals at random moments, for tests of what a Ctrl-C leaves behind."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any


def interrupts(operate: Callable[[], object], times: int) -> Iterator[int]:
    """Repeat ``operate`` until a signal interrupts it, and yield; ``times`` times."""
    armed = False

    def raise_interrupt(number: int, frame: object) -> None:
        if armed:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, raise_interrupt)
    try:
        for count in range(times):
            try:
                armed = True
                signal.setitimer(signal.ITIMER_REAL, random.uniform(2e-5, 6e-4))
                while True:
                    operate()
            except KeyboardInterrupt:
                armed = False
            yield count
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def is_free(lock: Any) -> bool:
    """Whether another thread gets ``lock``."""
    results: list[bool] = []

    def take() -> None:
        results.append(lock.acquire(timeout=1))
        if results[0]:
            lock.release()

    other = threading.Thread(target=take)
    other.start()
    other.join()
    return results[0]
