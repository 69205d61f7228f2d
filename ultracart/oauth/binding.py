"""Token binding: which server issued a token, and to which application."""

from __future__ import annotations

from ..exceptions import TokenBindingError
from .authorization import origin_of
from .token import Token


class Binding:
    """The server and the application of one session.

    Args:
        host: the base URL, as ``Configuration.host`` has it. Two are one server if scheme, host and
            port are equal.
        client_id: the application's OAuth client id.
    """

    def __init__(self, host: str, client_id: str) -> None:
        self.host: str = host.rstrip("/")
        self.client_id = client_id
        self._origin = _origin(self.host)

    def require(self, account: str, token: Token) -> None:
        """Raise TokenBindingError if ``token`` says that it belongs elsewhere."""
        if self.is_own(token):
            return
        raise TokenBindingError(
            "the token of account %r was issued by %s to application %r, and is not sent to %s by"
            " application %r: use another account or token store, or log in again"
            % (account, token.host, token.client_id, self.host, self.client_id),
            account=account,
        )

    def is_own(self, token: Token) -> bool:
        """Whether ``token`` says that it belongs here, or does not say where."""
        return token.client_id in (None, self.client_id) and (
            token.host in (None, self.host) or _origin(token.host) == self._origin
        )

    def is_bound(self, token: Token) -> bool:
        """Whether ``token`` says where it belongs; those of earlier versions do not."""
        return token.host is not None and token.client_id is not None

    def bound(self, token: Token) -> Token:
        """``token`` as one of this server and application."""
        return token.replaced(host=self.host, client_id=self.client_id)


def _origin(url: str | None) -> str:
    try:
        return origin_of(url or "")
    except ValueError:  # not a URL: the first request refuses it
        return url or ""
