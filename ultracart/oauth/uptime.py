"""Decides by which clock a token ages: one that never jumps, and goes on while a machine sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

# ``time.monotonic`` stands still while a Linux or macOS machine is suspended; a token does not.
# Linux calls the clock that goes on CLOCK_BOOTTIME, macOS and the BSDs CLOCK_MONOTONIC; Windows
# has neither name, and its ``time.monotonic`` counts sleep.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))

uptime: Callable[[], float] = (
    time.monotonic if _CLOCK is None else partial(time.clock_gettime, _CLOCK)
)
