"""The envelope of UltraCart's errors."""

from __future__ import annotations

from typing import Any

from .error import Error
from .model import Model


class ErrorResponse(Model):
    """The error response of any UltraCart resource but OAuth's.

    Attributes:
        error: the error itself.
        metadata: data about the request, as UltraCart sends it.
        success: ``False``.
        warning: a warning beside the error.
    """

    error: Error | None = None
    metadata: dict[str, Any] | None = None
    success: bool | None = None
    warning: dict[str, Any] | None = None
