"""Single flight: work that many threads ask for at once is done by one, and shared."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from ..exceptions import OAuthSessionError, UltraCartError
from ..forks import renew_after_fork
from ..locks import Event

T = TypeVar("T")

# Seconds after which a waiting thread looks again.
_LOOK_AGAIN = 1.0


class _Call(Generic[T]):
    __slots__ = ("error", "finished", "interrupted", "owner", "result")

    def __init__(self) -> None:
        # Not a Future: those have a lock of their own, which a Ctrl-C can leave taken.
        self.finished = Event()
        self.owner = threading.get_ident()
        self.result: T | None = None
        self.error: Exception | None = None
        # True until the work has returned or failed. KeyboardInterrupt and SystemExit are the
        # owner's alone: another thread repeats the work.
        self.interrupted = True


class SingleFlight(Generic[T]):
    """At most one call for each key at a time, among the threads of one process."""

    def __init__(self) -> None:
        # No lock: a dict's single operations are atomic.
        self._calls: dict[Hashable, _Call[T]] = {}
        renew_after_fork(self)

    def run(self, key: Hashable, work: Callable[[], T]) -> T:
        """The result of ``work()``, or of the call for ``key`` that is running.

        All who wait for one call get its result or, if it fails, an equal error.

        Raises:
            OAuthSessionError: the running call is this thread's own, and would wait for itself.
        """
        while True:
            call = self._running(key)
            if call is not None and call.owner == threading.get_ident():
                raise needs_itself()
            if call is None:
                call = self._run(key, work)
            # Not for ever: Ctrl-C may keep the owner from waking this thread.
            call.finished.wait(_LOOK_AGAIN)
            if call.error is not None:
                raise equal_error(call.error)
            if not call.interrupted:
                return call.result  # type: ignore[return-value]

    def try_run(self, key: Hashable, work: Callable[[], T]) -> T | None:
        """The result of ``work()``; ``None`` at once if a call for ``key`` is running."""
        if self._running(key) is not None:
            return None
        call = self._run(key, work)
        return call.result if call.finished.is_set() else None

    def _run(self, key: Hashable, work: Callable[[], T]) -> _Call[T]:
        """Our own call, which has finished; or another thread's that was first."""
        own: _Call[T] = _Call()
        # From here on an interrupt, wherever it comes, must leave nobody waiting.
        try:
            call = self._calls.setdefault(key, own)
            if call is own:
                own.result = work()
                own.interrupted = False
            return call
        except Exception as error:
            own.error = error
            raise
        finally:
            try:
                self._remove(key, own)
            finally:
                own.finished.set()

    def _running(self, key: Hashable) -> _Call[T] | None:
        call = self._calls.get(key)
        if call is None or not call.finished.is_set():
            return call
        self._remove(key, call)  # the owner was interrupted before it removed the call
        return self._calls.get(key)

    def _remove(self, key: Hashable, call: _Call[T]) -> None:
        if self._calls.get(key) is call:
            self._calls.pop(key, None)

    def _after_fork(self) -> None:
        self._calls = {}


def needs_itself() -> OAuthSessionError:
    """The error of a thread that would wait for itself."""
    return OAuthSessionError(
        "this refresh would wait for itself: a token store, cipher, log handler or signal"
        " handler must not ask for the token that is being refreshed"
    )


def equal_error(error: Exception) -> Exception:
    """A copy for another caller: one object raised in many threads would mix their tracebacks."""
    if not isinstance(error, UltraCartError):
        return error
    twin = copy.copy(error)
    twin.__cause__ = error.__cause__
    return twin
