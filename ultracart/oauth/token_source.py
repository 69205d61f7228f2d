"""Decides what an ApiClient sees of a session: one account's token, and a way to reject it."""

from __future__ import annotations

from typing import Protocol


class TokenKeeper(Protocol):
    """The two things that a source asks of its session."""

    def access_token(self, account: str = ...) -> str:
        """A valid access token."""
        ...

    def invalidate(self, account: str, access_token: str) -> None:
        """The server refused this access token."""


class AccountTokenSource:
    """One account's access token, as ``Configuration.access_token`` takes it."""

    __slots__ = ("_account", "_keeper")

    def __init__(self, keeper: TokenKeeper, account: str) -> None:
        self._keeper = keeper
        self._account = account

    def __call__(self) -> str:
        return self._keeper.access_token(self._account)

    def invalidate(self, token: str) -> None:
        """The server answered 401 to ``token``."""
        self._keeper.invalidate(self._account, token)

    def __repr__(self) -> str:
        return "AccountTokenSource(%r)" % self._account
