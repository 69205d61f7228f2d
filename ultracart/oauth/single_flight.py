"""Decides who does a piece of work that many threads ask for at once: one; the rest share it."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from ..exceptions import OAuthSessionError, UltraCartError
from ..forks import renew_after_fork

T = TypeVar("T")


# Seconds after which one who waits looks again: Ctrl-C may have kept another from waking it.
_LOOK_AGAIN = 1.0


class _Flight(Generic[T]):
    __slots__ = ("abandoned", "error", "gate", "landed", "leader", "result")

    def __init__(self) -> None:
        # No Event: those have a lock of their own, which a Ctrl-C can leave taken.
        self.gate = threading.Lock()
        self.gate.acquire()
        self.landed = False
        self.leader = threading.get_ident()
        self.result: T | None = None
        self.error: Exception | None = None
        # The leader was interrupted (KeyboardInterrupt, SystemExit): that is its own affair.
        self.abandoned = True

    def land(self) -> None:
        """Let everybody pass; first the word for it, so that nobody waits for ever."""
        self.landed = True
        self.gate.release()

    def wait(self) -> None:
        """Until it has landed."""
        while not self.landed:
            if self.gate.acquire(timeout=_LOOK_AGAIN):
                self.gate.release()  # the next one's turn


class SingleFlight(Generic[T]):
    """At most one call for each key at a time, among the threads of one process."""

    def __init__(self) -> None:
        # Without a lock; a dict's single operations are atomic.
        self._flights: dict[Hashable, _Flight[T]] = {}
        renew_after_fork(self)

    def run(self, key: Hashable, work: Callable[[], T]) -> T:
        """The result of ``work()``, or of the call for ``key`` that is already on its way.

        Everybody who waits for one call gets its result or, if it fails, an equal error.

        Raises:
            OAuthSessionError: the call on its way is this thread's own, which waits for this one.
        """
        while True:
            flight = self._under_way(key)
            if flight is not None and flight.leader == threading.get_ident():
                raise needs_itself()
            if flight is None:
                flight = self._fly(key, work)
            flight.wait()
            if flight.error is not None:
                raise _own_copy(flight.error)
            if not flight.abandoned:
                return flight.result  # type: ignore[return-value]

    def try_run(self, key: Hashable, work: Callable[[], T]) -> T | None:
        """The result of ``work()``; ``None`` at once if a call for ``key`` is on its way."""
        if self._under_way(key) is not None:
            return None
        flight = self._fly(key, work)
        return flight.result if flight.landed else None

    def _fly(self, key: Hashable, work: Callable[[], T]) -> _Flight[T]:
        """Our own flight, which has landed; or another's that left first."""
        own: _Flight[T] = _Flight()
        # From here on an interruption, wherever it comes, must leave nobody waiting.
        try:
            flight = self._flights.setdefault(key, own)
            if flight is own:
                own.result = work()
                own.abandoned = False
            return flight
        except Exception as error:
            own.error = error
            raise
        finally:
            try:
                self._remove(key, own)
            finally:
                own.land()

    def _under_way(self, key: Hashable) -> _Flight[T] | None:
        flight = self._flights.get(key)
        if flight is None or not flight.landed:
            return flight
        self._remove(key, flight)  # in case its leader was interrupted before it could
        return self._flights.get(key)

    def _remove(self, key: Hashable, flight: _Flight[T]) -> None:
        if self._flights.get(key) is flight:
            self._flights.pop(key, None)

    def _after_fork(self) -> None:
        self._flights = {}


def needs_itself() -> OAuthSessionError:
    """The error of a thread that waits for what it is doing."""
    return OAuthSessionError(
        "a refresh needs its own result: a token store, cipher, log handler or signal"
        " handler must not ask for the token that is being refreshed"
    )


def _own_copy(error: Exception) -> Exception:
    """An equal error for another thread: one object raised in many would mix their tracebacks."""
    if not isinstance(error, UltraCartError):
        return error
    twin = copy.copy(error)
    twin.__cause__ = error.__cause__
    return twin
