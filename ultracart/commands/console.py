"""What a command writes: data to stdout, messages for people to stderr.

On a terminal, text for people is folded at words to its width; nothing that programs read is.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from textwrap import TextWrapper
from types import TracebackType
from typing import Any, TextIO

_DEFAULT_WIDTH = 80


class CommandError(Exception):
    """A failure that the user can do something about: one line on stderr, exit status 1."""


class UsageError(Exception):
    """Options that contradict each other: the usage and one line on stderr, exit status 2."""


def is_terminal(stream: TextIO | None) -> bool:
    """Whether the stream is a terminal."""
    return stream is not None and stream.isatty()


def width_of(stream: TextIO | None) -> int:
    """Columns of the terminal behind the stream; 80 where none is known."""
    if stream is None:
        return _DEFAULT_WIDTH
    try:
        return os.get_terminal_size(stream.fileno()).columns or _DEFAULT_WIDTH
    except (OSError, ValueError):
        return _DEFAULT_WIDTH


def fold(text: str, width: int, hanging: int = 0) -> str:
    """``text`` in lines of at most ``width``; each line keeps its indent.

    Words stay whole, so that addresses can be copied. Continued lines are indented by ``hanging``
    more.
    """
    return "\n".join(_folded(line, width, hanging) for line in text.split("\n"))


def _folded(line: str, width: int, hanging: int) -> str:
    if len(line) <= width:
        return line
    indent = line[: len(line) - len(line.lstrip())]
    wrapper = TextWrapper(
        width,
        initial_indent=indent,
        subsequent_indent=indent + " " * hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapper.fill(line.strip())


def say(text: str = "") -> None:
    """Write a message for the person at the terminal."""
    if sys.stderr is None:  # stderr is closed: print would write to stdout, which is for data alone
        return
    if sys.stderr.isatty():
        text = fold(text, width_of(sys.stderr))
    print(text, file=sys.stderr, flush=True)


def put(text: str = "", end: str = "\n") -> None:
    """Write data, for a program or a person.

    Raises:
        CommandError: stdout is closed.
    """
    stream = stdout()
    encoding = stream.encoding or "utf-8"
    # Replace characters that the terminal cannot show: a merchant's name must not end the command.
    print(
        text.encode(encoding, "backslashreplace").decode(encoding), end=end, file=stream, flush=True
    )


def show(text: str = "", hanging: int = 0) -> None:
    """Write text for a person to stdout, folded on a terminal. Raises as :func:`put`."""
    if is_terminal(sys.stdout):
        text = fold(text, width_of(sys.stdout), hanging)
    put(text)


def stdout() -> TextIO:
    """Where data goes.

    Raises:
        CommandError: stdout is closed.
    """
    if sys.stdout is None:
        raise CommandError("stdout is closed")
    return sys.stdout


def printable(value: object) -> str:
    """A value from a server as text that cannot steer the terminal."""
    return "".join(char if char.isprintable() else " " for char in str(value))


def put_json(value: Any) -> None:
    """Write data as one JSON value."""
    put(json.dumps(value, indent=2, sort_keys=True))


def put_fields(fields: Iterable[tuple[str, str]], indent: str = "", least: int = 0) -> None:
    """Write one line for each name and value, with the values below each other.

    Args:
        least: minimum width of the column of names.
    """
    rows = [(name + ":", value) for name, value in fields]
    width = max([least, *(len(name) for name, _ in rows)])
    for name, value in rows:
        show("%s%s %s" % (indent, name.ljust(width), value), hanging=4)


def put_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table: on a terminal with a header, or as blocks if the table is wider than it."""
    on_terminal = is_terminal(sys.stdout)
    lines = [header, *rows] if on_terminal else rows
    widths = [max(map(len, column)) for column in zip(*lines)]
    table = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in lines]
    if not on_terminal or max(map(len, table), default=0) <= width_of(sys.stdout):
        for line in table:
            put(line)
        return
    for row in rows:
        show(row[0])
        put_fields(zip((name.lower() for name in header[1:]), row[1:]), indent="  ")


def iso_time(seconds: float | None) -> str | None:
    """Unix seconds as ISO 8601 in UTC."""
    if seconds is None:
        return None
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    except (OverflowError, OSError, ValueError):  # a time beyond the calendar
        return None


def duration(seconds: float) -> str:
    """``59 min``, ``12 s``, ``3 days``."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length or (unit == "min" and seconds >= length):
            return "%d %s" % (seconds // length, unit)
    return "%d s" % seconds


class Countdown:
    """A line that says what the command waits for, and counts down; only on a terminal.

    In a file or a pipe, or on a terminal that cannot overwrite a line, it would only be noise.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._visible = is_terminal(sys.stderr) and _can_erase()
        self._shown = False
        self._ends_at: float | None = None

    def start(self, seconds: float) -> None:
        """Count down these seconds in :meth:`sleep`."""
        self._ends_at = time.monotonic() + seconds

    def show(self, left: float) -> None:
        """Show ``left`` seconds."""
        if self._visible:
            minutes, seconds = divmod(max(0, round(left)), 60)
            clock = "%d:%02d" % (minutes, seconds)
            texts = ("%s (%s left) ..." % (self._what, clock), "Waiting (%s left)" % clock, clock)
            # A line that fills the last column would wrap, and could not be erased.
            room = width_of(sys.stderr) - 1
            self._write(next((text for text in texts if len(text) <= room), ""))
            self._shown = True

    def note(self, text: str) -> None:
        """Say something while the line is shown."""
        self.end()
        say(text)

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
        self.end()

    def end(self) -> None:
        """Wipe the line."""
        if self._shown:
            self._write("")
            self._shown = False

    def _write(self, text: str) -> None:
        # ECMA-48: go back to the start of the line, and erase the rest of the old text.
        print("\r" + text + "\x1b[K", end="", file=sys.stderr, flush=True)


def _can_erase() -> bool:
    """Whether the terminal understands ECMA-48; Windows names no type."""
    return os.environ.get("TERM", "dumb" if os.name == "posix" else "") != "dumb"
