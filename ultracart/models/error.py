"""UltraCart's own description of an error."""

from __future__ import annotations

from .model import Model


class Error(Model):
    """The ``error`` object in the response of any UltraCart resource but OAuth's.

    Attributes:
        developer_message: what went wrong, in technical words.
        error_code: UltraCart's code for it.
        more_info: where to read on.
        object_id: the object that it is about.
        user_message: words that can be shown to a user.
    """

    developer_message: str | None = None
    error_code: str | None = None
    more_info: str | None = None
    object_id: str | None = None
    user_message: str | None = None
