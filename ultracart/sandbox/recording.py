"""Decides what the sandbox remembers of the requests that reached it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.datastructures import EnvironHeaders, MultiDict

_HEADERS = ("HTTP_", "CONTENT_TYPE", "CONTENT_LENGTH")


class RecordedRequest:
    """One request as it arrived, secrets included; ``repr`` shows none of them.

    ``status`` is the answer's HTTP status, or None while the request is in progress or when the
    connection was dropped. Headers, query and form are parsed only when they are looked at, so that
    recording costs nearly nothing.
    """

    __slots__ = ("_environ", "body", "method", "path", "query_string", "received_at", "status")

    def __init__(self, environ: dict[str, Any], body: bytes, path: str, received_at: float) -> None:
        self.method: str = environ["REQUEST_METHOD"]
        #: The path below ``/rest/v2``, such as ``/oauth/token``.
        self.path: str = path
        self.query_string: str = environ["QUERY_STRING"]
        self.body: bytes = body
        self.status: int | None = None
        #: Unix seconds of the sandbox's clock.
        self.received_at: float = received_at
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

    def __repr__(self) -> str:
        return f"<RecordedRequest {self.method} {self.path} -> {self.status}>"


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
    #: Refresh requests answered again inside the grace window.
    replays: int = 0
    #: Spent refresh tokens that came back outside the grace window.
    reuse_detections: int = 0
    #: Grants that were alive when reuse detection revoked them.
    grants_lost: int = 0
