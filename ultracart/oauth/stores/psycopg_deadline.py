"""psycopg connections that give up a server which sends nothing.

The kernel of a frozen server still accepts bytes, so no timeout of TCP notices it.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo


class ImpatientConnection(psycopg.Connection[Any]):
    """Waits ``longest_wait`` seconds for the response to a statement; then it is closed."""

    longest_wait: float = 30.0

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().wait(_within(gen, self.longest_wait), *args, **kwargs)
        except _NoResponse:
            self.close()
            raise psycopg.OperationalError("the server does not respond") from None


def connect(dialect: Any, record: Any, arguments: Any, options: Any) -> ImpatientConnection:
    """What SQLAlchemy's event ``do_connect`` asks for."""
    return ImpatientConnection.connect(*arguments, **options)


def knows(options: dict[str, Any]) -> bool:
    """Whether libpq knows the names of all these options."""
    try:
        make_conninfo(**options)
    except psycopg.ProgrammingError:
        return False
    return True


class _NoResponse(Exception):
    """psycopg has waited for too long."""


def _within(steps: Generator[Any, Any, Any], seconds: float) -> Generator[Any, Any, Any]:
    """``steps``, one of psycopg's operations, which psycopg resumes every 0.1 s at the latest."""
    deadline = time.monotonic() + seconds
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > deadline:
                raise _NoResponse
            wanted = steps.send(ready)
    except StopIteration as end:
        return end.value
