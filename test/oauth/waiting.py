"""Waiting for other threads in tests, and what the server has seen of them."""

from __future__ import annotations

import sys
import threading

TOKEN_PATH = "/oauth/token"


def token_requests(sandbox):
    return [r for r in list(sandbox.requests) if r.path == TOKEN_PATH]


def wait_until(condition):
    """Wait for another thread; an event with a deadline, for want of one to listen to."""
    pause = threading.Event()
    for _ in range(3000):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it did not happen within 30 s")


def waiting_threads(where="single_flight.py"):
    """How many threads wait in this file, by default for another's flight."""
    frames = sys._current_frames().values()
    names = [_names(frame) for frame in frames]
    return sum(where in found and "wait" in found for found in names)


def in_turns(turns, key=None):
    """How many callers are inside, or wait, for this key of a ``Turns``."""
    return len(turns._turns.get(key, ()))


def _names(frame):
    found = set()
    while frame is not None:
        found.add(frame.f_code.co_name)
        found.add(frame.f_code.co_filename.rpartition("/")[2])
        frame = frame.f_back
    return found
