"""Decides which options and accounts a session accepts, and what its clients may send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..configuration import Configuration, global_configuration
from ..exceptions import ApiTypeError, ApiValueError
from ..forks import notice_fork
from .stores.base import check_account


def require_options(
    client_id: Any,
    *,
    token_store: Any,
    refresh_margin: Any,
    authorization_lifetime: Any,
    texts: Mapping[str, Any],
    callables: Mapping[str, Any],
) -> None:
    """Raise ApiTypeError or ApiValueError naming the argument that cannot work."""
    if not isinstance(client_id, str):
        raise ApiTypeError("client_id must be str, not %s" % type(client_id).__name__)
    if not client_id:
        raise ApiValueError("client_id must not be empty")
    for name, value in texts.items():
        if value is not None and not isinstance(value, str):
            raise ApiTypeError("%s must be str or None, not %s" % (name, type(value).__name__))
    for name, value in callables.items():
        if not callable(value):
            raise ApiTypeError("%s must be callable, not %s" % (name, type(value).__name__))
    if isinstance(token_store, type):
        raise ApiTypeError("token_store must be an instance: write %s(...)" % token_store.__name__)
    if refresh_margin is not None:
        _require_seconds("refresh_margin", refresh_margin)
    _require_seconds("authorization_lifetime", authorization_lifetime)


def _require_seconds(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ApiTypeError("%s must be seconds, not %s" % (name, type(value).__name__))
    if not value >= 0:
        raise ApiValueError("%s must not be negative" % name)


def session_configuration(configuration: Configuration | None, limiter: Any) -> Configuration:
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


def begin_call(account: str) -> None:
    """What a call for an account begins with: see to a fork, and refuse an impossible name."""
    notice_fork()
    check_account(account)
