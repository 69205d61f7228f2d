"""Consent: the authorization requests of one session; the callback of each is used once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import NamedTuple

from ..exceptions import ApiException, ApiValueError, StateMismatchError
from ..forks import renew_after_fork
from ..locks import Lock
from .authorization import (
    AuthorizationRequest,
    authorization_code,
    check_authorization_endpoint,
    check_request,
    create_authorization_request,
    origin_of,
)


class Consent(NamedTuple):
    """What a merchant's consent brings for the exchange."""

    code: str
    redirect_uri: str | None
    code_verifier: str | None
    scope: str | None


class ConsentFlow:
    """Authorization requests of one session, from the URL to the code.

    Used states are remembered in this process; across processes the web session must give its
    request away only once (``dict.pop``), and the server refuses a used code.
    """

    def __init__(
        self,
        client_id: str,
        redirect_uri: str | None,
        scope: str | None,
        endpoint: str,
        issuer: str | None,
        *,
        pkce: bool,
        lifetime: float,
        allow_insecure: bool,
        clock: Callable[[], float],
    ) -> None:
        self.scope = scope
        self._client_id = client_id
        self.redirect_uri = redirect_uri
        self._endpoint = endpoint
        self._issuer = issuer
        self._pkce = pkce
        self._lifetime = lifetime
        self._allow_insecure = allow_insecure
        self._clock = clock
        # Digests of what was used, with the Unix time at which each may be forgotten.
        self._used: dict[bytes, float] = {}
        self._lock = Lock()
        renew_after_fork(self)

    def begin(self, redirect_uri: str | None, scope: str | None) -> AuthorizationRequest:
        """A new request."""
        check_authorization_endpoint(self._endpoint, allow_insecure=self._allow_insecure)
        return create_authorization_request(
            self._endpoint,
            self._client_id,
            redirect_uri or self.redirect_uri or "",
            scope=scope or self.scope,
            pkce=self._pkce,
            created_at=self._clock(),
        )

    @contextmanager
    def answered(
        self,
        response: str | None,
        request: AuthorizationRequest | None,
        code: str | None,
    ) -> Iterator[Consent]:
        """The consent in a callback, to be used once; or again if the exchange was not sent."""
        if (response is None) == (code is None):
            raise ApiValueError("give either authorization_response or code")
        if request is not None:
            check_request(request)
        if code is not None:
            if not isinstance(code, str) or not code:
                raise ApiValueError("code must be the text that the callback brought")
        else:
            code = self._code_in(response or "", request)
        used = self._use(code if request is None else request.state)
        try:
            yield Consent(
                code,
                (request.redirect_uri if request is not None else None) or self.redirect_uri,
                request.code_verifier if request is not None else None,
                (request.scope if request is not None else None) or self.scope,
            )
        except ApiException as error:
            if error.request_sent is False:
                with self._lock:
                    self._used.pop(used, None)
            raise

    def _code_in(self, response: str, request: AuthorizationRequest | None) -> str:
        if request is None:
            raise StateMismatchError(
                "no authorization request belongs to this response: pass the request that"
                " create_authorization_url() returned (where it is kept in a cookie, is the"
                " application's address the one of redirect_uri?)"
            )
        began = request.created_at
        if began is not None and self._clock() - began > self._lifetime:
            raise StateMismatchError("the authorization request has expired; start again")
        origin = origin_of(self._endpoint)
        return authorization_code(response, request, issuer=self._issuer, origin=origin)

    def _use(self, once: str) -> bytes:
        digest = sha256(once.encode("utf-8", "surrogatepass")).digest()
        now = self._clock()
        with self._lock:
            self._forget_used_before(now)
            if digest in self._used:
                raise StateMismatchError("the authorization response was used before; start again")
            self._used[digest] = now + self._lifetime
        return digest

    def _forget_used_before(self, now: float) -> None:
        for key, until in tuple(self._used.items()):
            if until < now:
                del self._used[key]

    def _after_fork(self) -> None:
        self._lock = Lock()
