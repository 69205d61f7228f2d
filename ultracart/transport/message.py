"""Decides what a request looks like on the wire: target, headers and body; checks every byte."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlsplit

from ..exceptions import ApiTypeError, ApiValueError
from ..serialization import is_encodable
from . import RawContent
from .settings import TransportSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    MultipartEncoder = Callable[[Any], tuple[bytes, str]]

FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_UNRESERVED = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~")
_TOKEN = _UNRESERVED.union("!#$%&'*+^`|")
_BODILESS = frozenset(["GET", "HEAD"])
# Headers that this module looks at, whatever their case.
_SPELLED_ALIKE = {"content-type": "Content-Type", "content-length": "Content-Length"}


def prepare_message(
    method: str,
    headers: Mapping[str, Any],
    body: Any,
    fields: Iterable[tuple[str, Any]],
    encode_multipart: MultipartEncoder,
) -> tuple[bytes | None, dict[str, str]]:
    """The body's bytes and the headers to send.

    As in the official 3.x SDK the content type decides: JSON from ``body`` (``{}`` without one),
    a form or multipart from ``fields``, otherwise ``body`` as it is.

    Raises:
        ApiTypeError, ApiValueError: naming what cannot be sent, without its value.
    """
    sent = checked_headers(headers)
    content = _content(method, sent, body, fields, encode_multipart)
    length = sent.pop("Content-Length", None)
    if length is not None and length.strip() != str(len(content or b"")):
        raise ApiValueError("Content-Length is not the body's: leave the header out")
    return content, sent


def _content(
    method: str,
    sent: dict[str, str],
    body: Any,
    fields: Iterable[tuple[str, Any]],
    encode_multipart: MultipartEncoder,
) -> bytes | None:
    content_type = sent.setdefault("Content-Type", "application/json")
    if method in _BODILESS:
        return None
    if isinstance(body, RawContent):
        return bytes(body)
    if fields and body:
        raise ApiValueError("body parameter cannot be used with post_params parameter.")
    if content_type == FORM:
        return encode_form(fields).encode("ascii")
    if "json" in content_type.lower():
        return b"{}" if body is None else _json(body)
    if content_type == _MULTIPART:
        content, sent["Content-Type"] = encode_multipart(list(_parts(fields)))
        return content
    if isinstance(body, str):
        return _encoded(body, "body")
    if isinstance(body, bytes):
        return body
    raise ApiTypeError(
        "body must be str or bytes for the content type %s" % content_type.split(";")[0]
    )


def target(url: str, settings: TransportSettings, query: Any) -> str:
    """The request target (RFC 9112, section 3.2.1): path and query.

    Raises:
        ApiValueError: the path or query has characters that no URL may hold.
    """
    if "#" in url or not url.isprintable():  # urlsplit leaves out what it does not like
        raise ApiValueError("the path holds characters that must be percent-encoded")
    parts = urlsplit(url)
    path = parts.path or "/"
    if parts.query:
        path += "?" + parts.query
    if query:
        path += ("&" if parts.query else "?") + encode_form(query)
    if not path.isascii() or " " in path:
        raise ApiValueError("the path holds characters that must be percent-encoded")
    origin = settings.origin
    if settings.proxy is not None and origin.scheme == "http":
        asked = parts.netloc if parts.netloc.isascii() else "%s:%d" % (origin.host, origin.port)
        return "http://%s%s" % (asked, path)
    return path


def encode_form(fields: Any) -> str:
    """``fields`` form-encoded (WHATWG URL, section 5.2), in order; ``None`` is never sent."""
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    try:
        return "&".join(
            [_quoted(name) + "=" + _quoted(value) for name, value in pairs if value is not None]
        )
    except UnicodeEncodeError:
        pass  # it holds the whole value, so it must not become the context of what is raised
    pairs = ((name, str(value)) for name, value in pairs)
    name = next((n for n, v in pairs if not is_encodable(n + v)), "a field")
    raise ApiValueError("%s holds a lone surrogate, which no encoding can carry" % ascii(name))


def _parts(fields: Any) -> Iterator[tuple[str, Any]]:
    """``fields`` as a multipart form takes them; ``None`` is never sent."""
    for name, value in fields.items() if isinstance(fields, Mapping) else fields:
        if value is None:
            continue
        if isinstance(value, (int, float)):
            value = str(value)
        if not isinstance(value, (str, bytes, tuple)):  # a tuple is a file
            raise ApiTypeError(
                "%s must be str, bytes or a number, not %s" % (ascii(name), type(value).__name__)
            )
        if isinstance(value, str):
            _encoded(value, ascii(name))
        if isinstance(value, tuple) and len(value) > 2:
            value = (*value[:2], _header_value("Content-Type of %s" % ascii(name), value[2]))
        yield name, value


def checked_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    """``headers`` with ``None`` left out.

    Raises:
        ApiTypeError, ApiValueError: a name or value that would break the message, or could carry
            a second header; the value is not shown.
    """
    return {
        _header_name(name): (
            value
            if type(value) is str and value.isascii() and value.isprintable()
            else _header_value(name, value)
        )
        for name, value in headers.items()
        if value is not None
    }


@lru_cache(maxsize=256)
def _header_name(name: Any) -> str:
    if not isinstance(name, str) or not name or not _TOKEN.issuperset(name):
        raise ApiValueError("%s is not a header name" % ascii(name)[:80])
    if name.lower() == "transfer-encoding":  # a server would look elsewhere for the body's end
        raise ApiValueError("the header Transfer-Encoding is the transport's: leave it out")
    return _SPELLED_ALIKE.get(name.lower(), name)


def _header_value(name: str, value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    elif isinstance(value, (int, float)):
        value = str(value)
    elif not isinstance(value, str):
        raise ApiTypeError(
            "the value of header %s must be str, not %s" % (name, type(value).__name__)
        )
    if not value.isprintable() and any((c < " " and c != "\t") or c == "\x7f" for c in value):
        raise ApiValueError("the value of header %s holds a control character" % name)
    if not value.isascii() and any(c > "\xff" for c in value):
        raise ApiValueError("the value of header %s holds characters beyond Latin-1" % name)
    text: str = value
    return text


def _quoted(part: Any) -> str:
    if isinstance(part, str) and _UNRESERVED.issuperset(part):
        return part  # as most tokens are
    return quote_plus(part if isinstance(part, bytes) else str(part))


def _json(body: Any) -> bytes:
    try:
        return json.dumps(body).encode("ascii")
    except (TypeError, ValueError, RecursionError):
        raise ApiTypeError("body cannot be written as JSON") from None


def _encoded(text: str, name: str) -> bytes:
    if not is_encodable(text):
        raise ApiValueError("%s holds a lone surrogate, which no encoding can carry" % name)
    return text.encode("utf-8")
