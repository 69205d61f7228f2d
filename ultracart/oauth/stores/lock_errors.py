"""Which error a lock's context raises: that of its block, rather than that of its release."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NoReturn, TypeVar

T = TypeVar("T")


@contextmanager
def caller_error_first(
    context: AbstractContextManager[T],
    errors: type[Exception] | tuple[type[Exception], ...],
    fail: Callable[[Exception], NoReturn],
) -> Iterator[T]:
    """Enter ``context``; an error of the block is raised as it is, whatever leaving raises then.

    Args:
        errors: what entering and leaving ``context`` may raise.
        fail: raises the error that is told in place of one of those.
    """
    own: BaseException | None = None
    failure: Exception | None = None
    try:
        with context as value:
            try:
                yield value
            except BaseException as error:
                own = error
                raise
    except errors as error:
        failure = error
    try:
        if own is not None:
            raise own
        if failure is not None:
            fail(failure)
    finally:
        own = failure = None  # break the reference cycle through their tracebacks
