"""Checks of a session's arguments, each of which names the argument that cannot work."""

from __future__ import annotations

import inspect
import math
from typing import Any

from ..exceptions import ApiTypeError, ApiValueError


def check_client_id(client_id: Any) -> None:
    if not isinstance(client_id, str):
        raise ApiTypeError("client_id must be str, not %s" % type(client_id).__name__)
    if not client_id:
        raise ApiValueError("client_id must not be empty")


def check_texts(**values: Any) -> None:
    """Each is text or ``None``."""
    for name, value in values.items():
        if value is not None and not isinstance(value, str):
            raise ApiTypeError("%s must be str or None, not %s" % (name, type(value).__name__))


def check_functions(**values: Any) -> None:
    for name, value in values.items():
        if not callable(value):
            raise ApiTypeError("%s must be callable, not %s" % (name, type(value).__name__))
        if inspect.iscoroutinefunction(value):
            raise ApiTypeError("%s must be a plain function: nobody would await it" % name)


def check_seconds(**values: Any) -> None:
    """Each is a number, 0 or more, or infinite."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ApiTypeError("%s must be seconds, not %s" % (name, type(value).__name__))
        try:
            seconds = float(value)
        except OverflowError:
            raise ApiValueError("%s must be seconds; math.inf is without end" % name) from None
        if math.isnan(seconds) or seconds < 0:
            raise ApiValueError("%s must not be negative" % name)


def check_integers(least: int, **values: Any) -> None:
    """Each is an integer, ``least`` or more."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise ApiTypeError("%s must be int, not %s" % (name, type(value).__name__))
        if value < least:
            raise ApiValueError("%s must be at least %d" % (name, least))
