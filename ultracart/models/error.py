"""UltraCart's own description of an error."""

from __future__ import annotations

from .model import Model


class Error(Model):
    """The ``error`` object in the response of any UltraCart resource but OAuth's.

    Attributes:
        developer_message: what went wrong, for developers.
        error_code: UltraCart's code for the error.
        more_info: where to find more information.
        object_id: the id of the object that the error is about.
        user_message: what went wrong, for users.
    """

    developer_message: str | None = None
    error_code: str | None = None
    more_info: str | None = None
    object_id: str | None = None
    user_message: str | None = None
