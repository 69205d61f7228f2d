"""The ``ultracart`` logger: one line for each exchange. No other logger is touched."""

from __future__ import annotations

import logging
import os
import traceback
import weakref
from collections.abc import Mapping
from typing import Any

from .forks import renew_after_fork
from .locks import Lock
from .redaction import show

LOGGER = logging.getLogger("ultracart")
LOGGER.addHandler(logging.NullHandler())
# The loggers by the official SDK's names. urllib3's is only returned, never changed.
LOGGERS = {"package_logger": LOGGER, "urllib3_logger": logging.getLogger("urllib3")}

# Longest error text that is logged, in characters.
_MAX_QUOTED = 500

# Configurations that have ``debug`` on, and the level to go back to when none is left.
_debugging: weakref.WeakSet[Any] = weakref.WeakSet()
_level_before: int | None = None
_debug_handler: logging.Handler | None = None
_file_handler: logging.Handler | None = None
# Two threads may switch at once.
_switching = Lock()


def debug_switched(configuration: Any, on: bool) -> None:
    """Let debug lines through while any configuration has ``debug`` on, then restore the level.

    Where the application has set up no logging at all, lines go to standard error.
    """
    global _level_before, _debug_handler
    with _switching:
        (_debugging.add if on else _debugging.discard)(configuration)
        if on and _level_before is None:
            _level_before = LOGGER.level
            LOGGER.setLevel(logging.DEBUG)
            if not _has_real_handler():
                _debug_handler = logging.StreamHandler()
                _debug_handler.setFormatter(formatter(configuration.logger_format))
                LOGGER.addHandler(_debug_handler)
        elif not _debugging and _level_before is not None:
            LOGGER.setLevel(_level_before)
            _level_before = None
            if _debug_handler is not None:
                LOGGER.removeHandler(_debug_handler)
                _debug_handler = None


def log_to_file(path: str | None, line_format: str) -> None:
    """Append this package's lines to ``path`` (made with mode 0600), no longer to another file."""
    global _file_handler
    handler: logging.Handler | None = None
    if path is not None:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        handler = logging.FileHandler(path, encoding="utf-8")
        handler.setFormatter(formatter(line_format))
        LOGGER.addHandler(handler)
    with _switching:
        before, _file_handler = _file_handler, handler
    if before is not None:
        LOGGER.removeHandler(before)
        before.close()


def formatter(line_format: str) -> logging.Formatter:
    """The formatter of the lines that this package writes."""
    return logging.Formatter(line_format)


def added_handlers() -> tuple[logging.Handler | None, logging.Handler | None]:
    """The handlers that this module added: of ``debug`` and of ``logger_file``."""
    return _debug_handler, _file_handler


def format_changed(line_format: str) -> None:
    """Use ``line_format`` in the handlers that this module added.

    Raises:
        TypeError, ValueError: it is not a logging format.
    """
    made = formatter(line_format)
    for handler in (_debug_handler, _file_handler):
        if handler is not None:
            handler.setFormatter(made)


def log_exchange(call: Any, response: Any, seconds: float) -> None:
    """Log one line for one exchange: names of what was sent, never a value.

    ``call`` is a ``transport.Call``, ``response`` its response or exception. Never raises, whatever
    they hold and whatever a handler does: the caller must not lose a response because its log line
    failed.
    """
    try:
        LOGGER.debug("%s", _line(call, response, seconds))
    except Exception as error:
        try:
            LOGGER.debug("an exchange cannot be shown (%s)", type(error).__name__)
        except Exception:
            pass  # a handler that always fails


def _line(call: Any, response: Any, seconds: float) -> str:
    names = [*_names(call.query), *_names(call.fields)]
    if isinstance(call.body, Mapping):  # a list has no names, only values
        names += call.body
    # One exchange is one line: escape line breaks in parameter names.
    shown = [name if name.isprintable() else ascii(name) for name in map(str, names)]
    content = getattr(response, "content", None)
    return "%s -> %s in %.1f ms (parameters: %s%s)" % (
        call.request_line(),
        response if isinstance(response, Exception) else response.status,
        seconds * 1000,
        ", ".join(shown) or "none",
        "" if content is None else "; %d bytes" % len(content),
    )


def _names(part: Any) -> list[Any]:
    """The names of query parameters or form fields."""
    return list(part) if isinstance(part, Mapping) else [name for name, _ in part or ()]


def log_cause(call: Any, error: BaseException) -> None:
    """Log where ``error`` was raised, and its text, which no other message shows. Never raises."""
    try:
        if not LOGGER.isEnabledFor(logging.DEBUG):
            return
        frames = traceback.extract_tb(error.__traceback__)
        place = "%s, line %s, in %s" % frames[-1][:3] if frames else "no traceback"
        kind = "%s.%s" % (type(error).__module__, type(error).__qualname__)
        text = show(error, call.secrets())[:_MAX_QUOTED]
        text = "".join(char if char.isprintable() else " " for char in text)
        LOGGER.debug("%s: %s at %s: %s", call.request_line(), kind, place, text)
    except Exception:  # as above
        pass


def _has_real_handler() -> bool:
    logger: logging.Logger | None = LOGGER
    while logger is not None:
        if any(not isinstance(h, logging.NullHandler) for h in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False


def _after_fork() -> None:
    global _switching
    _switching = Lock()


renew_after_fork(_after_fork)
