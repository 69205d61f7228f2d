"""A dict of bounded size: what a process remembers of accounts must not grow for ever."""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

# More accounts than a process uses within a minute. What is forgotten can be read or found out
# again, by one read of the store or one request.
_MOST = 20_000


class BoundedDict(dict[K, V]):
    """A dict that drops the oldest quarter of its entries when it has too many."""

    __slots__ = ()

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        if len(self) > _MOST:
            # No lock: the keys are listed in one step, and may be gone when they are dropped.
            for oldest in list(self)[: _MOST // 4]:
                self.pop(oldest, None)
