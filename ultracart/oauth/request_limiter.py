"""A limit on parallel requests: callers queue, first come, first served."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..exceptions import ApiTimeoutError
from ..forks import renew_after_fork
from ..locks import Event, Lock
from .checks import check_integers

# Seconds after which a waiting thread looks again: Ctrl-C may have kept another from letting it in.
_LOOK_AGAIN = 1.0


class _Turn(Event):
    """One caller: waits until the turn is set, and has a place until it is over."""

    __slots__ = ("is_over",)

    def __init__(self) -> None:
        super().__init__()
        self.is_over = False


class RequestLimiter:
    """A cap on parallel requests, for ``Configuration.request_limiter``.

    UltraCart responds with 429 to concurrent requests of one application; with a cap of 1 the
    callers of one process queue instead. Copies of a Configuration share its limiter.

    Args:
        max_parallel_requests: at least 1.
    """

    def __init__(self, max_parallel_requests: int) -> None:
        check_integers(1, max_parallel_requests=max_parallel_requests)
        self._most = max_parallel_requests
        # Callers that have a place, then those that wait, in the order in which they came.
        self._turns: list[_Turn] = []
        self._mutex = Lock()
        renew_after_fork(self)

    def __reduce__(self) -> tuple[type[RequestLimiter], tuple[int]]:
        # Another process has a queue of its own.
        return RequestLimiter, (self._most,)

    @contextmanager
    def __call__(self, timeout: float | None = None) -> Iterator[None]:
        """Hold one of the places while the context lasts.

        Args:
            timeout: seconds to wait for a place; ``None`` waits without end.

        Raises:
            ApiTimeoutError: no place became free in time; nothing was sent.
        """
        turn = _Turn()
        try:
            self._wait(turn, timeout)
            yield
        finally:
            turn.is_over = True  # first, and in one step: a Ctrl-C may come at any later line
            with self._mutex:
                self._let_in()

    def _wait(self, turn: _Turn, timeout: float | None) -> None:
        with self._mutex:
            self._turns.append(turn)
            self._let_in()
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while not turn.wait(min(deadline - time.monotonic(), _LOOK_AGAIN)):
            with self._mutex:
                self._let_in()
            # The turn may come in the moment in which the wait times out.
            if time.monotonic() >= deadline and not turn.is_set():
                raise ApiTimeoutError(
                    reason="waited %g s for one of %d parallel requests"
                    % (timeout or 0, self._most),
                    request_sent=False,
                )

    def _let_in(self) -> None:
        """Give the places to those who came first."""
        self._turns = [turn for turn in self._turns if not turn.is_over]
        for turn in self._turns[: self._most]:
            turn.set()

    def _after_fork(self) -> None:
        self._turns = []
        self._mutex = Lock()
