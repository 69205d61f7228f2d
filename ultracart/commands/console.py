"""Decides where a command writes: data to stdout, messages for people to stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any


class CommandError(Exception):
    """A failure that the user can do something about: one line on stderr, exit status 1."""


def say(text: str = "") -> None:
    """Write a message for the person at the terminal."""
    if sys.stderr is not None:  # closed: print would take stdout, which is for data alone
        print(text, file=sys.stderr, flush=True)


def put(text: str = "") -> None:
    """Write data, for the next program or for the eye.

    Raises:
        CommandError: stdout is closed.
    """
    if sys.stdout is None:
        raise CommandError("stdout is closed")
    encoding = sys.stdout.encoding or "utf-8"
    # A merchant's name that the terminal cannot show is no reason to fail.
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


@contextmanager
def stdout_for_data() -> Iterator[None]:
    """Let what programs started inside write to stdout go to stderr.

    A browser's chatter would mix with the data, and one that stays open would hold up whoever
    reads stdout to its end.
    """
    if sys.stdout is None or sys.stderr is None:  # closed: that number may be another file's
        yield
        return
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def printable(value: object) -> str:
    """A value from a server as text that cannot steer the terminal."""
    return "".join(char if char.isprintable() else " " for char in str(value))


def put_json(value: Any) -> None:
    """Write data as one JSON value."""
    put(json.dumps(value, indent=2, sort_keys=True))


class Countdown:
    """One line that says what is waited for and how long at most; only on a terminal.

    Where stderr is a file or a pipe, a line that changes every second would only be noise.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._visible = sys.stderr is not None and sys.stderr.isatty()
        self._shown = False
        self._ends_at: float | None = None

    def start(self, seconds: float) -> None:
        """Count down these seconds in :meth:`sleep`."""
        self._ends_at = time.monotonic() + seconds

    def show(self, left: float) -> None:
        """Show ``left`` seconds."""
        if self._visible:
            minutes, seconds = divmod(max(0, round(left)), 60)
            self._write("%s (%d:%02d left) ..." % (self._what, minutes, seconds))
            self._shown = True

    def sleep(self, seconds: float) -> None:
        """Sleep, as ``time.sleep`` does, with the line kept up to date."""
        until = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            if now >= until:
                return
            if self._ends_at is not None:
                self.show(self._ends_at - now)
            time.sleep(min(1.0, until - now))

    def __enter__(self) -> Countdown:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._shown:
            self._write("")

    def _write(self, text: str) -> None:
        # ECMA-48: back to the line's start, and erase the rest of what stood there.
        print("\r" + text + "\x1b[K", end="", file=sys.stderr, flush=True)
