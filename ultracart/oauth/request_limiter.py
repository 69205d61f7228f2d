"""A limit on parallel requests: callers queue, first come, first served."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..exceptions import ApiTimeoutError
from ..turns import Turns
from .checks import check_integers


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
        self._turns = Turns(max_parallel_requests)

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
        with self._turns.take(None, timeout) as is_inside:
            if not is_inside:
                raise ApiTimeoutError(
                    reason="waited %g s for one of %d parallel requests"
                    % (timeout or 0, self._most),
                    request_sent=False,
                )
            yield
