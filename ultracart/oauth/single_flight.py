"""Decides who does a piece of work that many threads ask for at once: one; the rest share it."""

from __future__ import annotations

import copy
import threading
from typing import Callable, Generic, Hashable, Optional, TypeVar

from ..exceptions import UltraCartError
from .fork_safety import renew_after_fork

T = TypeVar("T")


class _Flight(Generic[T]):
    __slots__ = ("abandoned", "error", "landed", "result")

    def __init__(self) -> None:
        self.landed = threading.Event()
        self.result: Optional[T] = None
        self.error: Optional[Exception] = None
        # The leader was interrupted (KeyboardInterrupt, SystemExit): that is its own affair.
        self.abandoned = True


class SingleFlight(Generic[T]):
    """At most one call for each key at a time, among the threads of one process."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[T]] = {}
        self._lock = threading.Lock()
        renew_after_fork(self)

    def run(self, key: Hashable, work: Callable[[], T]) -> T:
        """The result of ``work()``, or of the call for ``key`` that is already on its way.

        Everybody who waits for one call gets its result or, if it fails, an equal error.
        """
        while True:
            flight, leads = self._board(key)
            if leads:
                return self._fly(key, flight, work)
            flight.landed.wait()
            if flight.error is not None:
                raise _own_copy(flight.error)
            if not flight.abandoned:
                return flight.result  # type: ignore[return-value]

    def try_run(self, key: Hashable, work: Callable[[], T]) -> Optional[T]:
        """The result of ``work()``; ``None`` at once if a call for ``key`` is on its way."""
        flight, leads = self._board(key)
        return self._fly(key, flight, work) if leads else None

    def _board(self, key: Hashable) -> tuple[_Flight[T], bool]:
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None:
                return flight, False
            flight = self._flights[key] = _Flight()
            return flight, True

    def _fly(self, key: Hashable, flight: _Flight[T], work: Callable[[], T]) -> T:
        try:
            flight.result = work()
            flight.abandoned = False
            return flight.result
        except Exception as error:
            flight.error = error
            raise
        finally:
            with self._lock:
                self._flights.pop(key, None)
            flight.landed.set()

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        self._flights = {}


def _own_copy(error: Exception) -> Exception:
    """An equal error for another thread: one object raised in many would mix their tracebacks."""
    if not isinstance(error, UltraCartError):
        return error
    twin = copy.copy(error)
    twin.__cause__ = error.__cause__
    return twin
