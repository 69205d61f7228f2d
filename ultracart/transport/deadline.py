"""Decides how much time a call may take, and how much of it is left.

urllib3's own timeouts bound each ``recv``, so a server that drips a byte a second holds its
caller for ever. Here each phase of a call ends at a monotonic instant that reads and writes ask
for (see ``framing``).
"""

from __future__ import annotations

import math
import socket
from time import monotonic
from typing import Any, Optional

from ..exceptions import ApiTypeError, ApiValueError

# The longest timeout a socket accepts is smaller than the largest float: about 11 days here.
_LONGEST = 1e6


# Seconds for making the connection, for the answer, and (or ``None``) for the whole call.
TimeBounds = tuple[float, float, Optional[float]]


def time_bounds(value: Any, name: str) -> TimeBounds:
    """Read a timeout setting: one number for a whole call, or a pair (connect, answer).

    Raises:
        ApiTypeError, ApiValueError: naming ``name``, for anything else.
    """
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ApiValueError("%s must be a number or a (connect, read) pair" % name)
        return _seconds(value[0], name), _seconds(value[1], name), None
    total = _seconds(value, name)
    return total, total, total


def _seconds(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ApiTypeError(
            "%s must be seconds (int or float) or a (connect, read) pair, not %s"
            % (name, type(value).__name__)
        )
    if not 0 < value < math.inf:
        raise ApiValueError("%s must be a positive, finite number of seconds" % name)
    return float(min(value, _LONGEST))


class Deadline:
    """The time left of one call; also what its connection tells us about the request."""

    __slots__ = ("_answer", "_call_ends", "_connect", "_phase_ends", "_streaming", "request_sent")

    def __init__(self, bounds: TimeBounds) -> None:
        self._connect, self._answer, total = bounds
        self._call_ends = math.inf if total is None else monotonic() + total
        self._phase_ends = self._call_ends
        self._streaming = False
        # Whether a byte of the current attempt's request may have reached the server.
        self.request_sent: bool = False

    def queueing_time(self) -> float:
        """Seconds that the call may wait for its turn before anything is sent."""
        if self._call_ends == math.inf:
            return self._connect + self._answer
        return max(0.0, self._call_ends - monotonic())

    def start_attempt(self) -> None:
        """A connection is wanted from now on."""
        self.request_sent = False
        self._phase_ends = min(self._call_ends, monotonic() + self._connect)

    def start_sending(self) -> None:
        """The request goes out: from now on the server may act, and the answer's time runs."""
        self.request_sent = True
        self._phase_ends = min(self._call_ends, monotonic() + self._answer)

    def hand_over(self) -> None:
        """The caller reads the body itself: from now on only silence is bounded."""
        self._streaming = True

    def left(self) -> float:
        """Seconds left in this phase.

        Raises:
            socket.timeout: none are left.
        """
        if self._streaming:
            return self._answer
        left = self._phase_ends - monotonic()
        if left <= 0:
            raise socket.timeout("the time for this call has run out")
        return left

    def allows_wait(self, seconds: float) -> bool:
        """Whether the call would still have time after waiting this long."""
        return monotonic() + seconds < self._call_ends
