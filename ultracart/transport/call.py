"""One call: what is sent, its deadline, and its secrets.

If the client's defaults, the call and the credentials set the same header, one of them wins; names
are compared without case (RFC 9110, section 5.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING, Any

from ..exceptions import ApiTimeoutError, ApiTypeError
from ..redaction import secrets_in, secrets_in_headers

if TYPE_CHECKING:
    from ..configuration import Timeout
    from ..redaction import SentSecrets
    from .limits import Deadline
    from .settings import TransportSettings

# Seconds; a timeout is not reduced by less than this.
_WORTH_COUNTING = 0.001
_FOREVER = float("inf")


class RawContent(bytes):
    """A body that is sent as it is, whatever the content type."""


class Call:
    """One call: what is sent, its deadline, and its secrets."""

    __slots__ = (
        "body",
        "content",
        "deadline",
        "fields",
        "headers",
        "method",
        "preload",
        "query",
        "sent_secrets",
        "settings",
        "target",
    )
    method: str
    target: str
    headers: dict[str, str]
    content: bytes | None
    query: Any
    fields: Any
    body: Any
    preload: bool
    settings: TransportSettings
    deadline: Deadline
    sent_secrets: SentSecrets | None

    def request_line(self) -> str:
        return "%s %s" % (self.method, self.target.partition("?")[0])

    def peer(self) -> str:
        """The server or proxy that the call connects to, for messages."""
        proxy = self.settings.proxy
        if proxy is not None:
            return "the proxy %s" % proxy.url
        return "%s, port %d" % (self.settings.origin.host, self.settings.origin.port)

    def secrets(self) -> Iterator[str]:
        """The secrets that this call and earlier ones sent to the server: no message shows them."""
        if self.sent_secrets is not None:
            yield from self.sent_secrets
        yield from secrets_in_headers(self.headers)
        for part in (self.query, self.fields, self.body):
            yield from secrets_in(part)
        proxy = self.settings.proxy
        if proxy is not None and proxy.credentials is not None:
            yield proxy.credentials
            yield str(proxy.authorization).partition(" ")[2]
            yield proxy.credentials.partition(":")[2]


class OwnHeaders(dict[str, Any]):
    """Headers of one call that win over the client's defaults."""


def merge_headers(own: Any, defaults: Mapping[str, Any], cookie: str | None) -> dict[str, Any]:
    """The headers of one call: the client's defaults win over its own, the cookie over both.

    That is the official SDK's order. :class:`OwnHeaders` win over the defaults.

    Raises:
        ApiTypeError: ``own`` is not a mapping.
    """
    if type(own) is not dict and not isinstance(own, Mapping):
        raise ApiTypeError("header_params must be a dict, not %s" % type(own).__name__)
    parts = [defaults, own] if type(own) is OwnHeaders else [own, defaults]
    if cookie:
        parts.append({"Cookie": cookie})
    merged: dict[str, Any] = {}
    for part in parts:
        merged.update(part)
    if False in _last_of_each_name(tuple(merged)):
        pairs = [pair for part in parts for pair in part.items()]
        stays = _last_of_each_name(tuple([name for name, _ in pairs]))
        merged = {name: value for (name, value), last in zip(pairs, stays) if last}
    return merged


def replace_header(headers: Any, name: str, value: Any) -> None:
    """Set a header, and remove those of the same name in another case.

    Another thread that reads the headers meanwhile finds the old header, the new one or both.
    """
    names = (*list(headers), name)
    stays = _last_of_each_name(names)
    headers[name] = value
    if False in stays:
        for known, last in zip(names, stays):
            if not last and known != name:
                headers.pop(known, None)


@lru_cache(maxsize=128)  # of names only: an application has few sets of them, and none is a secret
def _last_of_each_name(names: tuple[Any, ...]) -> tuple[bool, ...]:
    lowered = [str(name).lower() for name in names]
    return tuple(name not in lowered[place:] for place, name in enumerate(lowered, 1))


def time_left(timeout: Timeout, default: Timeout, began: float, method: str, url: str) -> Timeout:
    """``timeout`` minus the time since ``began`` (monotonic seconds), which a credential took.

    Only a number is reduced, because it bounds the whole call; a pair bounds each request.

    Raises:
        ApiTimeoutError: nothing is left.
    """
    spent = monotonic() - began
    whole = default if timeout is None else timeout
    if spent < _WORTH_COUNTING or not isinstance(whole, (int, float)):
        return timeout
    if isinstance(whole, bool) or not 0 < whole < _FOREVER:
        return timeout  # the transport raises the error for it
    if whole <= spent:
        line = "%s /%s" % (method, "/".join(url.partition("?")[0].split("/")[3:]))
        raise ApiTimeoutError(
            reason="no access token in time", request_sent=False, request_line=line
        )
    return whole - spent
