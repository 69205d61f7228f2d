"""The envelope of UltraCart's errors."""

from __future__ import annotations

from typing import Any, Optional

from .error import Error
from .model import Model


class ErrorResponse(Model):
    """The error answer of any UltraCart resource but OAuth's.

    Attributes:
        error: the error itself.
        metadata: facts about the request, as UltraCart sends them.
        success: ``False``.
        warning: a warning beside the error.
    """

    error: Optional[Error] = None
    metadata: Optional[dict[str, Any]] = None
    success: Optional[bool] = None
    warning: Optional[dict[str, Any]] = None
