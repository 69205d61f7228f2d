"""Decides what a failure of the session layer is called; loaded by who uses that layer."""

from __future__ import annotations

from . import UltraCartError, publish

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing costs more to load than this package
    pass


class OAuthSessionError(UltraCartError):
    """A failure of the session layer that is not the failure of one call."""


class StateMismatchError(OAuthSessionError):
    """A callback whose ``state`` is unknown, used, expired or missing (RFC 6749, 10.12)."""


class ReauthorizationRequired(OAuthSessionError):
    """The merchant must authorize again: the grant has ended or was never there.

    ``account`` names the merchant's account in the token store; ``__cause__`` holds the
    answer that ended the grant, where there was one.
    """

    def __init__(self, message: str = "authorize again", *, account: str | None = None) -> None:
        super().__init__(message)
        self.account = account


class TokenStoreError(OAuthSessionError):
    """The token store failed; the token in it is untouched."""


publish(globals())
