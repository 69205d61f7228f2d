"""Copying tokens from one store to another while sessions work with them."""

from __future__ import annotations

import inspect
import secrets

from ...exceptions import ApiTypeError, ApiValueError
from ..token import Token
from .base import TokenStore, for_each_account

_METHODS = ("load", "save", "accounts", "lock")


def copy_tokens(source: TokenStore, target: TokenStore) -> list[str]:
    """Copy each account's token from ``source`` to ``target``; what is copied stays in ``source``.

    Each is copied under the account's lock in both stores, so sessions may go on meanwhile. A token
    in ``target`` that was issued later than that in ``source`` is kept, so it may be run again:
    after a crash, or to bring over what has changed since. An account that is deleted in ``source``
    meanwhile is not copied; one that was deleted there after it was copied stays in ``target``.

    Sessions that refresh one grant in two stores lose it: docs/TokenStores.md says how to move
    them.

    Returns:
        The accounts whose token was written to ``target``, sorted.

    Raises:
        ApiTypeError: an argument is no token store.
        ApiValueError: both are the same store.
        TokenStoreError: some could not be copied, which it names; the others were.
    """
    for name, store in (("source", source), ("target", target)):
        if not all(callable(getattr(store, method, None)) for method in _METHODS):
            raise ApiTypeError("%s must be a TokenStore, not %s" % (name, type(store).__name__))
    if source is target or _share_their_locks(source, target):
        raise ApiValueError("source and target must be two stores, each with its own locks")

    def copy(account: str) -> bool:
        with source.lock(account), target.lock(account):
            token = source.load(account)
            if token is None or not _replaces(token, target.load(account)):
                return False
            target.save(account, token)
            return True

    return for_each_account(source.accounts(), copy, "copied")


def _share_their_locks(source: TokenStore, target: TokenStore) -> bool:
    """Whether both objects keep one store: a copy would wait for its own lock."""
    if "blocking" not in inspect.signature(target.lock).parameters:
        return False
    name = "copy-" + secrets.token_hex(16)  # an account that nobody has, so its lock is free
    with source.lock(name), target.lock(name, blocking=False) as held:
        return held is False


def _replaces(token: Token, stored: Token | None) -> bool:
    """Whether ``token``, of the source, is to replace what the target has."""
    if stored is None:
        return True
    if stored.has_same_credentials(token):
        return False
    if stored.issued_at is None:
        return True
    return token.issued_at is not None and token.issued_at > stored.issued_at
