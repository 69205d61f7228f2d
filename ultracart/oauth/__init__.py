"""The session layer: a merchant's grant, kept valid and never lost.

Every name is loaded when it is first used, so that ``import ultracart.oauth`` costs next to
nothing and needs no extra.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:  # what type checkers and editors see; at run time _HOMES decides
    from typing import Any

    from .authorization import AuthorizationRequest as AuthorizationRequest
    from .device import DeviceAuthorization as DeviceAuthorization
    from .events import SessionEvent as SessionEvent
    from .grants import Grant as Grant
    from .pending_logins import PendingLogins as PendingLogins
    from .request_limiter import RequestLimiter as RequestLimiter
    from .session import OAuthSession as OAuthSession
    from .stores.base import (
        Cipher as Cipher,
        TokenStore as TokenStore,
        check_account as check_account,
    )
    from .stores.copying import copy_tokens as copy_tokens
    from .stores.file_lock import FileLocks as FileLocks
    from .stores.memory import MemoryTokenStore as MemoryTokenStore
    from .stores.sqlalchemy import SQLAlchemyTokenStore as SQLAlchemyTokenStore
    from .stores.sqlite import SQLiteTokenStore as SQLiteTokenStore
    from .token import Token as Token

__all__ = [
    "AuthorizationRequest",
    "Cipher",
    "DeviceAuthorization",
    "FileLocks",
    "Grant",
    "MemoryTokenStore",
    "OAuthSession",
    "PendingLogins",
    "RequestLimiter",
    "SQLAlchemyTokenStore",
    "SQLiteTokenStore",
    "SessionEvent",
    "Token",
    "TokenStore",
    "check_account",
    "copy_tokens",
]

_HOMES = {
    "AuthorizationRequest": "authorization",
    "Cipher": "stores.base",
    "DeviceAuthorization": "device",
    "FileLocks": "stores.file_lock",
    "Grant": "grants",
    "MemoryTokenStore": "stores.memory",
    "OAuthSession": "session",
    "PendingLogins": "pending_logins",
    "RequestLimiter": "request_limiter",
    "SQLAlchemyTokenStore": "stores.sqlalchemy",
    "SQLiteTokenStore": "stores.sqlite",
    "SessionEvent": "events",
    "Token": "token",
    "TokenStore": "stores.base",
    "check_account": "stores.base",
    "copy_tokens": "stores.copying",
}


def _find(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError("module %r has no attribute %r" % (__name__, name))
    try:
        value = getattr(import_module(__name__ + "." + _HOMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name != "sqlalchemy":
            raise
        raise ImportError(
            "%s needs SQLAlchemy: python -m pip install 'SQLAlchemy<3'" % name, name=error.name
        ) from None
    globals()[name] = value
    return value


if not TYPE_CHECKING:  # hidden from type checkers, which would accept every misspelt name
    __getattr__ = _find


def __dir__() -> list[str]:
    from importlib.util import find_spec

    # Leave the name out without its extra: help() and others read every name in this list.
    without = () if find_spec("sqlalchemy") else ("SQLAlchemyTokenStore",)
    return sorted({*globals(), *__all__}.difference(without))
