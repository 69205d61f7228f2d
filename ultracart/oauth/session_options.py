"""Decides which options a session accepts, and what its clients may send."""

from __future__ import annotations

from typing import Any, Optional

from ..configuration import Configuration, global_configuration
from ..exceptions import ApiTypeError, ApiValueError


def require_options(
    client_id: Any, client_secret: Any, scope: Any, token_store: Any, refresh_margin: Any
) -> None:
    """Raise ApiTypeError or ApiValueError naming the argument that cannot work."""
    if not isinstance(client_id, str):
        raise ApiTypeError("client_id must be str, not %s" % type(client_id).__name__)
    if not client_id:
        raise ApiValueError("client_id must not be empty")
    for name, value in (("client_secret", client_secret), ("scope", scope)):
        if value is not None and not isinstance(value, str):
            raise ApiTypeError("%s must be str or None, not %s" % (name, type(value).__name__))
    if isinstance(token_store, type):
        raise ApiTypeError("token_store must be an instance: write %s(...)" % token_store.__name__)
    if refresh_margin is not None:
        if isinstance(refresh_margin, bool) or not isinstance(refresh_margin, (int, float)):
            raise ApiTypeError("refresh_margin must be seconds or None")
        if not refresh_margin >= 0:
            raise ApiValueError("refresh_margin must not be negative")


def session_configuration(configuration: Optional[Configuration], limiter: Any) -> Configuration:
    """A copy without credentials: one merchant's keys must not go along with another's token."""
    if configuration is None:
        configuration = global_configuration
    elif not isinstance(configuration, Configuration):
        raise ApiTypeError(
            "configuration must be a Configuration, not %s" % type(configuration).__name__
        )
    copied = configuration.__copy__()
    copied.access_token = None
    copied.api_key = {}
    copied.api_key_prefix = {}
    copied.refresh_api_key_hook = None
    if limiter is not None:
        copied.request_limiter = limiter
    return copied
