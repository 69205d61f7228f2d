"""Pending logins: the authorization requests that one browser has begun, in its web session."""

from __future__ import annotations

import time
from collections.abc import Callable, MutableMapping
from typing import Any

from ..exceptions import ApiTypeError, ApiValueError, OAuthSessionError
from .authorization import AuthorizationRequest, check_request, response_parameters
from .checks import check_functions, check_integers, check_seconds

_KEPT = ("state", "code_verifier", "redirect_uri", "created_at", "scope")


class PendingLogins:
    """Keeps what a login needs from the redirect to the callback: bounded, so that abandoned logins
    never fill a cookie, and by state, so that two tabs do not disturb each other.

    Args:
        web_session: the browser's session, of Flask, Django, Starlette or any other mapping that
            keeps JSON. If it is a cookie, its owner can read the PKCE verifiers in it.
        key: where in it the logins lie. Default ``ultracart_logins``.
        limit: how many are kept; a further one takes the place of the oldest. Default 5, which is
            about 1,500 bytes of a cookie.
        lifetime: seconds from the redirect to the callback. Default 3600, as for OAuthSession.
        clock: the time in Unix seconds.

    Raises:
        ApiTypeError, ApiValueError: an argument is of the wrong type or impossible.
    """

    def __init__(
        self,
        web_session: MutableMapping[str, Any],
        key: str = "ultracart_logins",
        *,
        limit: int = 5,
        lifetime: float = 3600.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not (hasattr(web_session, "get") and hasattr(web_session, "__setitem__")):
            raise ApiTypeError("web_session must be a mapping, not %s" % type(web_session).__name__)
        if not isinstance(key, str):
            raise ApiTypeError("key must be str, not %s" % type(key).__name__)
        check_integers(1, limit=limit)
        check_seconds(lifetime=lifetime)
        check_functions(clock=clock)
        self._session = web_session
        self._key = key
        self._limit = limit
        self._lifetime = lifetime
        self._clock = clock

    def add(self, request: AuthorizationRequest) -> None:
        """Keep the request of a browser that is about to be redirected to ``request.url``.

        Raises:
            ApiTypeError: ``request`` is no AuthorizationRequest.
        """
        check_request(request)
        values = {name: getattr(request, name) for name in _KEPT}
        self._keep([*self._living(), values])

    def take(self, authorization_response: str) -> AuthorizationRequest | None:
        """Remove and return the request to which a callback belongs, so that each is used once.

        Args:
            authorization_response: the callback's URL or query.

        Returns:
            The request, for ``OAuthSession.fetch_token(request=...)``; ``None`` if the login is
            unknown, used, too old, or kept by another version of the application. For ``None``,
            ``fetch_token`` raises StateMismatchError.
        """
        try:
            state = response_parameters(authorization_response).get("state")
        except OAuthSessionError:
            return None
        living = self._living()
        taken = [values for values in living if state and values.get("state") == state]
        self._keep([values for values in living if values not in taken])
        try:
            return AuthorizationRequest.from_dict({"url": "", **taken[-1]}) if taken else None
        except ApiValueError:
            return None

    def _living(self) -> list[dict[str, Any]]:
        kept = self._session.get(self._key)
        oldest = self._clock() - self._lifetime
        return [
            values
            for values in (kept if isinstance(kept, list) else ())
            if isinstance(values, dict) and _is_after(values.get("created_at"), oldest)
        ]

    def _keep(self, logins: list[dict[str, Any]]) -> None:
        # A new list: web sessions notice an assignment, not a change within a value.
        self._session[self._key] = logins[-self._limit :]


def _is_after(created_at: object, oldest: float) -> bool:
    return not isinstance(created_at, (int, float)) or created_at >= oldest
