"""A limited number of places, which a Ctrl-C at any moment gives back."""

from __future__ import annotations

import time
import weakref

from ...locks import Lock

# Seconds between two tries, growing from the first to the second.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.02


class Place:
    """One of the places; free again when it is left or when nobody refers to it any more."""

    __slots__ = ("__weakref__", "is_left")

    def __init__(self) -> None:
        self.is_left: bool = False

    def leave(self) -> None:
        self.is_left = True


class Places:
    """At most ``number`` places at once; ``None``: as many as are asked for."""

    def __init__(self, number: int | None) -> None:
        self._number = number
        self._mutex = Lock()
        self._taken: list[weakref.ref[Place]] = []

    def take(self, timeout: float) -> Place | None:
        """A place, or ``None`` if none becomes free within ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        pause = _FIRST_PAUSE
        while True:
            place = self._try()
            if place is not None or time.monotonic() >= deadline:
                return place
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _try(self) -> Place | None:
        place = Place()
        if self._number is None:
            return place
        with self._mutex:
            self._taken = list(filter(_is_taken, self._taken))
            if len(self._taken) >= self._number:
                return None
            self._taken.append(weakref.ref(place))
        return place


def _is_taken(ref: weakref.ref[Place]) -> bool:
    place = ref()
    return place is not None and not place.is_left
