"""Decides what happens to a request around the application: recording, faults, concurrency."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.datastructures import Authorization

from .answers import ultracart_error
from .faults import Fault, Faults
from .recording import RecordedRequest
from .state import State

_StartResponse = Callable[..., Any]
_WSGIApplication = Callable[[dict[str, Any], _StartResponse], Iterable[bytes]]


class ConnectionDroppedError(Exception):
    """The connection is to be reset without an answer."""


class Gateway:
    """WSGI middleware; ``requests`` is the list that :class:`Sandbox` shows."""

    def __init__(self, app: _WSGIApplication, state: State, faults: Faults, base_path: str) -> None:
        self._app = app
        self._state = state
        self._faults = faults
        self._base_path = base_path
        self._lock = threading.Lock()
        self._in_progress: Counter[str | None] = Counter()
        self._total = 0
        self.requests: list[RecordedRequest] = []
        self.closing: threading.Event = threading.Event()

    def connection_accepted(self) -> None:
        with self._lock:
            self._state.counters.connections += 1

    def __call__(self, environ: dict[str, Any], start_response: _StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].getvalue()
        path = environ["PATH_INFO"]
        if path.startswith(self._base_path):
            path = path[len(self._base_path) :]
        request = RecordedRequest(environ, body, path, self._state.now())
        application = (
            self._application_of(request) if self._state.switches.limit_concurrency else None
        )
        first = self._enter(request, application)

        def record_status(status: str, headers: Any, exc_info: Any = None) -> Any:
            request.status = int(status.split(None, 1)[0])
            return start_response(status, headers, exc_info)

        try:
            if not first:
                busy = ultracart_error(
                    429,
                    "Too many concurrent requests of one application.",
                    headers={"Retry-After": "1"},
                )
                return busy(environ, record_status)
            return self._answer(request, environ, record_status)
        finally:
            self._leave(application)

    def _answer(
        self, request: RecordedRequest, environ: dict[str, Any], start_response: _StartResponse
    ) -> Iterable[bytes]:
        fault: Fault | None = self._faults.take(request)
        if fault is None:
            return self._app(environ, start_response)
        fault.wait(self.closing)
        if fault.drop == "before":
            raise ConnectionDroppedError
        if fault.answer is not None:
            return fault.answer(environ, start_response)
        if fault.drop == "after":
            # Run to the end, close included, as if the answer were on its way.
            chunks: Any = self._app(environ, lambda status, headers, exc_info=None: None)
            chunks.close()
            raise ConnectionDroppedError
        return self._app(environ, start_response)

    def _enter(self, request: RecordedRequest, application: str | None) -> bool:
        """Count a request in; False when another of its limited application is in progress."""
        counters = self._state.counters
        with self._lock:
            self.requests.append(request)
            counters.requests += 1
            self._total += 1
            counters.max_concurrent = max(counters.max_concurrent, self._total)
            self._in_progress[application] += 1
            return application is None or self._in_progress[application] == 1

    def _leave(self, application: str | None) -> None:
        with self._lock:
            self._total -= 1
            self._in_progress[application] -= 1
            if not self._in_progress[application]:
                del self._in_progress[application]

    def _application_of(self, request: RecordedRequest) -> str | None:
        """Whose request it is: by its form, else by its access token, else by its key."""
        client_id = request.form.get("client_id")
        if client_id:
            return client_id
        authorization = Authorization.from_header(request.headers.get("Authorization"))
        if authorization is not None and authorization.token:
            token = self._state.access_tokens.get(authorization.token)
            return token.grant.client_id if token is not None else authorization.token
        if authorization is not None and authorization.username:
            return authorization.username
        return request.headers.get("x-ultracart-simple-key")
