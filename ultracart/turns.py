"""Turns: a limited number of places for each key; those who wait for one get it in order."""

from __future__ import annotations

import math
import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from .forks import renew_after_fork
from .locks import Event, Lock

# Seconds after which a waiting thread looks again: Ctrl-C may have kept another from letting it in.
_LOOK_AGAIN = 1.0


class _Turn(Event):
    """One caller: waits until it is set, and is inside until it is over."""

    __slots__ = ("is_over",)

    def __init__(self) -> None:
        super().__init__()
        self.is_over = False


class Turns:
    """At most ``places`` callers at once are inside for a key; a Ctrl-C gives back a place."""

    def __init__(self, places: int) -> None:
        self._places = places
        # By key, those inside and those who wait, in the order in which they came.
        self._turns: dict[Hashable, list[_Turn]] = {}
        self._mutex = Lock()
        renew_after_fork(self)

    @contextmanager
    def take(self, key: Hashable, timeout: float | None) -> Iterator[bool]:
        """Enter with whether a place became free in time; it is held while the context lasts.

        Args:
            timeout: seconds to wait for a place; ``None`` waits without end.
        """
        turn = _Turn()
        try:
            is_inside = self._wait(key, turn, math.inf if timeout is None else timeout)
            turn.is_over = not is_inside
            yield is_inside
        finally:
            turn.is_over = True  # first, and in one step: a Ctrl-C may come at any later line
            with self._mutex:
                self._let_in(key)

    def _wait(self, key: Hashable, turn: _Turn, timeout: float) -> bool:
        with self._mutex:
            self._turns[key] = [*self._turns.get(key, ()), turn]
            self._let_in(key)
        deadline = time.monotonic() + timeout
        while not turn.wait(min(deadline - time.monotonic(), _LOOK_AGAIN)):
            with self._mutex:
                self._let_in(key)
            if time.monotonic() >= deadline:
                break
        # The turn may have come in the moment in which the wait timed out.
        return turn.is_set()

    def _let_in(self, key: Hashable) -> None:
        """Give the places to those who came first, so that nobody cuts in."""
        turns = [turn for turn in self._turns.get(key, ()) if not turn.is_over]
        for turn in turns[: self._places]:
            turn.set()
        if turns:
            self._turns[key] = turns
        else:
            self._turns.pop(key, None)

    def _after_fork(self) -> None:
        self._turns = {}
        self._mutex = Lock()
