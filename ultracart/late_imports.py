"""Late imports: modules that only some calls need, imported with the first of these calls."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .exceptions import ApiConnectionError


def load(module: str, name: str) -> Any:
    """Import ``module``; return its attribute ``name``. A fork waits for a running import.

    Raises:
        ApiConnectionError: it cannot be imported, for example because no descriptor is left or the
            interpreter is shutting down; nothing has been sent.
    """
    try:
        from .forks import load_lock  # imported late: it imports logging

        with load_lock():
            return getattr(import_module(module), name)
    # AttributeError: a signal handler may make a call while the module is half imported.
    except (ImportError, AttributeError, OSError, MemoryError, RecursionError) as error:
        why = getattr(error, "strerror", None) or "%s: %s" % (type(error).__name__, error)
        raise ApiConnectionError(
            reason="%s cannot be loaded: %s" % (module, why), request_sent=False
        ) from error
