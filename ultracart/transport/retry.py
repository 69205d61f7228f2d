"""Decides whether a call is tried again, and after how long.

Only what cannot have happened is repeated: no connection was made, or the server said with 429 or
503 and ``Retry-After`` that it did not serve the request. UltraCart has no idempotency key, so
anything else would risk spending an authorization code or a refresh token twice.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import mktime_tz, parsedate_tz
from typing import Optional

from ..exceptions import ApiConnectionError, ApiException
from .deadline import Deadline

# Pauses before the second and third attempt to connect, in seconds.
_RECONNECT_AFTER = (0.1, 0.3)
# What one repetition takes from the budget at least, in seconds: "Retry-After: 0" must end too.
_LEAST_CHARGE = 1.0
# No server means a longer wait than a century; larger numbers break date arithmetic.
_LONGEST_WAIT = 100 * 365 * 86400.0


class RetryDecision:
    """The retry state of one call."""

    def __init__(self, budget: float, deadline: Deadline) -> None:
        self._budget = budget
        self._deadline = deadline
        self._reconnects = 0

    def pause_before_repeat(self, error: ApiException) -> Optional[float]:
        """Seconds to wait before the call is repeated, or ``None`` to raise ``error``."""
        if error.status in (429, 503):
            pause = error.retry_after
            if pause is None or max(pause, _LEAST_CHARGE) > self._budget:
                return None
            self._budget -= max(pause, _LEAST_CHARGE)
        elif isinstance(error, ApiConnectionError) and error.request_sent is False:
            # A refused certificate (status 0) is refused again.
            if error.status is not None or self._reconnects >= len(_RECONNECT_AFTER):
                return None
            pause = _RECONNECT_AFTER[self._reconnects]
            self._reconnects += 1
        else:
            return None
        return pause if self._deadline.allows_wait(pause) else None


def retry_after_seconds(headers: Mapping[str, str]) -> Optional[float]:
    """``Retry-After`` in seconds (RFC 9110, section 10.2.3); ``None`` if absent or malformed.

    A date is counted from the answer's own ``Date``, so that a wrong local clock does not matter;
    a date in the past is 0.
    """
    value = (headers.get("Retry-After") or "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:15]), _LONGEST_WAIT)
    until = _http_date(value)
    if until is None:
        return None
    now = _http_date((headers.get("Date") or "").strip())
    return min(max(0.0, until - (time.time() if now is None else now)), _LONGEST_WAIT)


def _http_date(value: str) -> Optional[float]:
    """Unix seconds of an HTTP date in any of its three forms (RFC 9110, section 5.6.7)."""
    parsed = parsedate_tz(value)
    if parsed is None:
        return None
    try:
        return float(mktime_tz(parsed))
    except (ValueError, OverflowError):
        return None
