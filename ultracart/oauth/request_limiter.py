"""Decides how many requests are under way at once, and who is next: first come, first served."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional

from ..exceptions import ApiTimeoutError, ApiTypeError, ApiValueError
from .fork_safety import renew_after_fork


class RequestLimiter:
    """A cap on parallel requests, for ``Configuration.request_limiter``.

    UltraCart answers 429 to concurrent requests of one application; with a cap of 1 the callers
    of one process queue instead. Copies of a Configuration share its limiter.

    Args:
        max_parallel_requests: at least 1.
    """

    def __init__(self, max_parallel_requests: int) -> None:
        if isinstance(max_parallel_requests, bool) or not isinstance(max_parallel_requests, int):
            raise ApiTypeError(
                "max_parallel_requests must be int, not %s" % type(max_parallel_requests).__name__
            )
        if max_parallel_requests < 1:
            raise ApiValueError("max_parallel_requests must be at least 1")
        self._most = max_parallel_requests
        self._after_fork()
        renew_after_fork(self)

    def __reduce__(self) -> tuple[type[RequestLimiter], tuple[int]]:
        # Another process has a queue of its own.
        return RequestLimiter, (self._most,)

    @contextmanager
    def __call__(self, timeout: Optional[float] = None) -> Iterator[None]:
        """Hold one of the places while the context lasts.

        Args:
            timeout: seconds to wait for a place; ``None`` waits without end.

        Raises:
            ApiTimeoutError: no place became free in time; nothing was sent.
        """
        self._enter(timeout)
        try:
            yield
        finally:
            self._leave()

    def _enter(self, timeout: Optional[float]) -> None:
        with self._mutex:
            if self._free and not self._queue:
                self._free -= 1
                return
            turn = threading.Event()
            self._queue.append(turn)
        try:
            came = turn.wait(timeout)
        except BaseException:
            if not self._give_up(turn):
                self._leave()
            raise
        if not came and self._give_up(turn):
            raise ApiTimeoutError(
                reason="waited %g s for one of %d parallel requests" % (timeout or 0, self._most),
                request_sent=False,
            )

    def _give_up(self, turn: threading.Event) -> bool:
        """Leave the queue; False if the turn has just come."""
        with self._mutex:
            if turn in self._queue:
                self._queue.remove(turn)
                return True
        return False

    def _leave(self) -> None:
        with self._mutex:
            if self._queue:
                self._queue.popleft().set()  # the place is handed over, so nobody can cut in
            else:
                self._free += 1

    def _after_fork(self) -> None:
        self._mutex = threading.Lock()
        self._free = self._most
        self._queue: deque[threading.Event] = deque()
