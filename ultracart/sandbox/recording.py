"""Requests as the sandbox has received them, and its counters."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from werkzeug.datastructures import Authorization, EnvironHeaders, MultiDict

from .messages import below_base, segments_of

#: The most requests that are kept, and bytes of their bodies; then the oldest are dropped.
MAX_REQUESTS = 10_000
MAX_BODY_BYTES = 64 * 1024 * 1024

_HEADERS = ("HTTP_", "CONTENT_TYPE", "CONTENT_LENGTH")


class RecordedRequest:
    """One request as it arrived, secrets included; ``repr`` shows none of them.

    Headers, query, form and JSON are parsed only when they are looked at, so that recording costs
    nearly nothing.
    """

    __slots__ = (
        "_environ",
        "_owner_of",
        "_target",
        "body",
        "method",
        "path",
        "path_params",
        "query_string",
        "received_at",
        "seconds",
        "status",
    )

    def __init__(
        self,
        environ: dict[str, Any],
        body: bytes,
        received_at: float,
        owner_of: Callable[[str], str | None],
    ) -> None:
        self.method: str = environ["REQUEST_METHOD"]
        #: The path below ``/rest/v2``, such as ``/oauth/token``, decoded.
        self.path: str = below_base(_decoded(environ["PATH_INFO"]))
        #: The values that this request has for the ``{names}`` in the prepared response's path.
        self.path_params: dict[str, str] = {}
        self.query_string: str = environ["QUERY_STRING"]
        self.body: bytes = body
        #: The response's HTTP status; None while the request is in progress and when the
        #: connection was dropped.
        self.status: int | None = None
        #: Unix seconds of the sandbox's clock.
        self.received_at: float = received_at
        #: How long it took in real seconds; None while it is in progress.
        self.seconds: float | None = None
        self._target: str = environ.get("REQUEST_URI") or environ["PATH_INFO"]
        self._owner_of = owner_of
        # Not the whole environ: it holds the socket.
        self._environ = {name: environ[name] for name in environ if name.startswith(_HEADERS)}

    @property
    def headers(self) -> EnvironHeaders:
        """Case-insensitive and read-only."""
        return EnvironHeaders(self._environ)

    @property
    def query(self) -> MultiDict[str, str]:
        """The first value of each name by ``[...]``, all of them by ``getlist``."""
        return MultiDict(parse_qsl(self.query_string, keep_blank_values=True))

    @property
    def form(self) -> MultiDict[str, str]:
        """Fields of a form-encoded body; empty for any other content type."""
        if not self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            return MultiDict()
        return MultiDict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @property
    def json(self) -> Any:
        """The body read as JSON; None for an empty body. ValueError if it is not JSON."""
        return json.loads(self.body) if self.body else None

    @property
    def application(self) -> str | None:
        """The client id of the application that sent it, as far as the request tells."""
        named = self.form.get("client_id") or self.query.get("client_id")
        authorization = Authorization.from_header(self.headers.get("Authorization"))
        if named or authorization is None:
            return named
        if authorization.token:
            return self._owner_of(authorization.token)
        return authorization.username or None

    @property
    def segments(self) -> list[str]:
        """The decoded segments of the path: what path templates are compared with."""
        try:
            path = urlsplit(self._target).path if "://" in self._target else self._target
        except ValueError:  # not a valid absolute URI, such as http://[
            path = self.path
        return segments_of(below_base(path.partition("?")[0]))

    def __repr__(self) -> str:
        return f"<RecordedRequest {self.method} {self.path} -> {self.status}>"


class Recording:
    """The newest requests, within :data:`MAX_REQUESTS` and :data:`MAX_BODY_BYTES`."""

    def __init__(self) -> None:
        self.requests: list[RecordedRequest] = []
        #: How many there have been; the last one's number.
        self.total: int = 0
        self._bytes = 0

    def add(self, request: RecordedRequest) -> None:
        """Keep a request; drop the oldest if there are too many."""
        self.requests.append(request)
        self.total += 1
        self._bytes += len(request.body)
        del self.requests[:-MAX_REQUESTS]
        if self._bytes > MAX_BODY_BYTES:
            # Count again: the user may have cleared the list.
            self._bytes = sum(len(item.body) for item in self.requests)
            while self._bytes > MAX_BODY_BYTES and len(self.requests) > 1:
                self._bytes -= len(self.requests.pop(0).body)


@dataclass
class Counters:
    """Totals since the sandbox started, counted at the server."""

    #: Connections accepted.
    connections: int = 0
    #: Requests received, faults included.
    requests: int = 0
    #: The most requests that were in progress at one moment.
    max_concurrent: int = 0
    #: Authorization codes exchanged for tokens.
    exchanges: int = 0
    #: Refresh requests that issued a new access token.
    refreshes: int = 0
    #: Refresh requests that got the same response again, within ``reuse_grace``.
    replays: int = 0
    #: Spent refresh tokens that were sent again, after ``reuse_grace``.
    reuse_detections: int = 0
    #: Grants that were valid when reuse detection revoked them.
    grants_lost: int = 0


def _decoded(path: str) -> str:
    """WSGI spells the bytes of a path as Latin-1 (PEP 3333)."""
    return path.encode("latin-1").decode("utf-8", "replace")
