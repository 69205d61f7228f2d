"""``session.auth(account)``: the ``auth=`` of requests and of httpx, sync and async.

Neither library is imported here: the object has the methods that both of them call.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ..api_client import API_VERSION, API_VERSION_HEADER
from ..configuration import Configuration
from ..exceptions import ConfigurationError
from ..transport.pools import sent_to
from ..transport.settings import TransportSettings, transport_settings

if TYPE_CHECKING:
    from .session import AccountTokenSource

T = TypeVar("T")

_HEADER = "Authorization"


class ClientAuth:
    """Authorizes requests to UltraCart with one account's token.

    Adds the token and, where the request has none, the ``X-UltraCart-Api-Version`` header. On a 401
    the request is repeated, as by a client of ``OAuthSession.api_client()``. A request to another
    host than that of the configuration is refused with ConfigurationError, before it is sent.
    """

    # Attributes that httpx reads of an Auth: it need not read either body first.
    requires_request_body = False
    requires_response_body = False

    def __init__(self, source: AccountTokenSource, configuration: Configuration) -> None:
        self._source = source
        self._configuration = configuration
        # What was sent, so that no message shows it: UltraCart may repeat it to the session.
        self._sent: Any = None

    def __repr__(self) -> str:
        return "ClientAuth(%r)" % self._source

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        # httpx lets only an httpx.Auth, by isinstance(), repeat a request; any other callable may
        # block the event loop. A base class would need httpx, and this object may be made before
        # httpx is imported. So `__class__` tells isinstance(), as proxies and mocks do.
        httpx = sys.modules.get("httpx")
        return ClientAuth if httpx is None else _as_auth(httpx.Auth)

    # -- requests -----------------------------------------------------------------------------

    def __call__(self, request: Any) -> Any:
        """Authorize a ``requests.PreparedRequest``, and watch for its response."""
        self._check(request.url)
        self._authorize(request, self._source())
        request.register_hook("response", self._on_response)
        return request

    def _on_response(self, response: Any, **options: Any) -> Any:
        """The response, or that of the repeated request."""
        request = response.request
        token: str | None = str(request.headers.get(_HEADER, "")).partition("Bearer ")[2]
        if not token or not self._covers(request.url):  # a redirect has led to another host
            return response
        repeated = False
        while response.status_code == 401:
            again = request.copy()
            token = self._next_token(token, repeated) if _rewound(again) else None
            if token is None:
                break
            self._authorize(again, token)
            response.content  # noqa: B018 - read, so that the connection serves the repetition
            response.close()
            before, repeated = response, True
            response = before.connection.send(again, **options)  # an adapter calls no hooks
            response.history.append(before)
            response.request = again
        return response

    # -- httpx --------------------------------------------------------------------------------

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """The requests of one call, for a response each."""
        self._check(request.url)
        token: str | None = self._source()
        repeated, start = False, _start_of(request)
        while token is not None:
            self._authorize(request, token)
            response = yield request
            if not self._is_rejected(response) or not _begins_anew(request, start):
                return
            token, repeated = self._next_token(token, repeated), True

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """The same, while the event loop runs on."""
        self._check(request.url)
        token: str | None = await self._source.token_async()
        repeated, start = False, _start_of(request)
        while token is not None:
            self._authorize(request, token)
            response = yield request
            if not self._is_rejected(response) or not _begins_anew(request, start):
                return
            token = await in_thread(partial(self._next_token, token, repeated))
            repeated = True

    def _is_rejected(self, response: Any) -> bool:
        # A redirect may have led to another host.
        return response.status_code == 401 and self._covers(response.request.url)

    # -- both ---------------------------------------------------------------------------------

    def _authorize(self, request: Any, token: str) -> None:
        settings: TransportSettings = self._configuration.prepared("transport", transport_settings)
        sent = self._sent = sent_to(settings.origin)
        sent.add({_HEADER: "Bearer " + token})
        request.headers[_HEADER] = "Bearer " + token
        request.headers.setdefault(API_VERSION_HEADER, API_VERSION)

    def _next_token(self, rejected: str, repeated: bool) -> str | None:
        """The token to repeat the request with, if it may be repeated.

        It may be repeated once. If that had a token that another process had stored, a second time.
        """
        if repeated and not self._source.is_untried(rejected):
            return None
        return self._source() if self._source.invalidate(rejected) else None

    def _covers(self, url: Any) -> bool:
        settings: TransportSettings = self._configuration.prepared("transport", transport_settings)
        url = str(url)
        return settings.covers(url) or settings.for_url(url).origin == settings.origin

    def _check(self, url: Any) -> None:
        if not self._covers(url):
            raise ConfigurationError(
                "session.auth() is for requests to %s: its token goes nowhere else"
                % self._configuration.host
            )


_auths: dict[type, type] = {}


def _as_auth(auth: type) -> type:
    """A subclass of ClientAuth and of ``auth``, for isinstance(); no object is made of it."""
    if auth not in _auths:
        _auths[auth] = type("ClientAuth", (ClientAuth, auth), {})
    return _auths[auth]


def _rewound(request: Any) -> bool:
    """Whether the body of a ``requests.PreparedRequest`` can be sent again."""
    if request.body is None or isinstance(request.body, (str, bytes)):
        return True
    try:
        request.body.seek(request._body_position)
    except (AttributeError, TypeError, OSError, ValueError):
        return False
    return True


def _start_of(request: Any) -> Any:
    """The position in the file that an ``httpx.Request`` sends; ``None`` if it sends no file."""
    try:
        return request.stream._stream.tell()
    except (AttributeError, OSError, ValueError):
        return None


def _begins_anew(request: Any, start: Any) -> bool:
    """Whether the body of an ``httpx.Request`` can be sent again; a generator's is spent."""
    # The content is bytes, or multipart.
    if hasattr(request, "_content") or hasattr(request.stream, "fields"):
        return True
    try:
        request.stream._stream.seek(start)
    except (AttributeError, TypeError, OSError, ValueError):
        return False
    return True


async def in_thread(call: Callable[[], T]) -> T:
    """The result of a call that may wait, while the event loop (asyncio's or trio's) runs on."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:  # under trio, httpx uses anyio
        from anyio import to_thread

        return await to_thread.run_sync(call)
    return await asyncio.to_thread(call)
