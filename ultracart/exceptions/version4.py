"""Names that exist for code written for the official 4.x SDK; nothing here raises them."""

from __future__ import annotations

from . import UltraCartError, publish


class ApiAttributeError(UltraCartError, AttributeError):
    """The official SDK's error for an attribute that a model does not have."""


class ApiKeyError(UltraCartError, KeyError):
    """The official SDK's error for a key that a model does not have."""


publish(globals())
