"""A request on the wire: target, headers and body, each byte of them checked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlsplit

from ..exceptions import ApiTypeError, ApiValueError
from ..json_body import content_type_parts
from ..sending import (
    BODILESS,
    as_text,
    encoded,
    is_encodable,
    is_text,
    require_no_body,
    sanitize_argument,
)
from .call import RawContent
from .settings import TransportSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    MultipartEncoder = Callable[[Any, str | None], tuple[bytes, str]]

FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_UNRESERVED = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~")
_TOKEN = _UNRESERVED.union("!#$%&'*+^`|")
# Headers that this module reads: they get this spelling, whatever the caller's.
_SPELLING = {
    "accept-encoding": "Accept-Encoding",
    "content-length": "Content-Length",
    "content-type": "Content-Type",
}


def prepare_message(
    method: str,
    headers: Mapping[str, Any],
    body: Any,
    fields: Iterable[tuple[str, Any]],
    encode_multipart: MultipartEncoder,
) -> tuple[bytes | None, dict[str, str]]:
    """The body's bytes and the headers to send.

    As in the official 3.x SDK the content type decides: JSON from ``body`` (``{}`` without one),
    a form or multipart from ``fields``, otherwise ``body`` as it is. Without a content type,
    ``fields`` are sent as a form, and with a file among them as multipart.

    Raises:
        ApiTypeError, ApiValueError: naming what cannot be sent, without its value.
    """
    sent = checked_headers(headers)
    sent.setdefault("Accept-Encoding", "gzip")
    content = _content(method, sent, body, fields, encode_multipart)
    length = sent.pop("Content-Length", None)
    if length is not None and length.strip() != str(len(content or b"")):
        raise ApiValueError("Content-Length is not the length of the body: leave the header out")
    return content, sent


def _content(
    method: str,
    sent: dict[str, str],
    body: Any,
    fields: Any,
    encode_multipart: MultipartEncoder,
) -> bytes | None:
    if fields:
        fields = list(fields.items() if hasattr(fields, "items") else fields)
    if method in BODILESS:
        require_no_body(method, body, fields)
        sent.setdefault("Content-Type", "application/json")
        return None
    if fields and body is not None:
        raise ApiValueError("body parameter cannot be used with post_params parameter.")
    has_files = any(isinstance(value, tuple) for _, value in fields)
    default = (_MULTIPART if has_files else FORM) if fields else "application/json"
    content_type = sent.setdefault("Content-Type", default)
    if isinstance(body, RawContent):
        return bytes(body)
    media_type, charset, boundary = content_type_parts(content_type)
    is_form = media_type in (FORM, _MULTIPART)
    if is_form and body is not None:
        raise ApiValueError("body cannot be sent as %s: use post_params" % media_type)
    if fields and not is_form:
        raise ApiValueError(
            "post_params and files cannot be sent as %s: use %s or %s"
            % (media_type, FORM, _MULTIPART)
        )
    if media_type == FORM:
        if has_files:
            name = next(name for name, value in fields if isinstance(value, tuple))
            raise ApiValueError(
                "files cannot be sent as %s: use %s (the tuple %r counts as a file; give several"
                " values as a list)" % (FORM, _MULTIPART, name)
            )
        if charset.lower() not in ("", "utf-8", "utf8"):
            raise ApiValueError("a form is sent in UTF-8: leave the charset of its type out")
        return encode_form(fields).encode("ascii")
    if media_type == _MULTIPART:
        content, made = encode_multipart(list(_parts(fields)), boundary or None)
        if not boundary:
            sent["Content-Type"] = made
        return content
    if "json" in media_type:
        return b"{}" if body is None else _json(body)
    if isinstance(body, str):
        return encoded(body, "body", content_type)
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    raise ApiTypeError("body must be str or bytes for the content type %s" % media_type)


def target(url: str, settings: TransportSettings, query: Any) -> str:
    """The request target (RFC 9112, section 3.2.1): path and query.

    Raises:
        ApiValueError: the path or query has characters that no URL may hold.
    """
    if "#" in url or not url.isprintable():  # urlsplit silently removes tabs and line breaks
        raise ApiValueError("the path holds characters that must be percent-encoded")
    parts = urlsplit(url)
    path = parts.path or "/"
    if parts.query:
        path += "?" + parts.query
    encoded = encode_form(query) if query else ""
    if encoded:
        path += ("&" if parts.query else "?") + encoded
    if not path.isascii() or " " in path:
        raise ApiValueError("the path holds characters that must be percent-encoded")
    origin = settings.origin
    if origin.scheme == "http" and settings.proxy is not None and not settings.proxy.is_socks:
        asked = parts.netloc if parts.netloc.isascii() else "%s:%d" % (origin.host, origin.port)
        return "http://%s%s" % (asked, path)
    return path


def encode_form(fields: Any) -> str:
    """``fields`` form-encoded (WHATWG URL, section 5.2), in order; ``None`` is never sent.

    Raises:
        ApiTypeError, ApiValueError: naming the field that cannot be sent.
    """
    pairs = list(fields.items() if hasattr(fields, "items") else fields)
    try:
        return "&".join(
            [
                _quoted("a name", name) + "=" + _quoted(name, value)
                for name, value in pairs
                if value is not None
            ]
        )
    except UnicodeEncodeError:
        pass  # the UnicodeError holds the whole value, so it must not become the context
    texts = ((str(n), v if isinstance(v, str) else "") for n, v in pairs)
    name = next((n for n, v in texts if not is_encodable(n + v)), "a field")
    raise ApiValueError("%s holds a lone surrogate, which no encoding can carry" % ascii(name))


def _parts(fields: list[tuple[Any, Any]]) -> Iterator[tuple[str, Any]]:
    """``fields`` as the parts of a multipart form; ``None`` is never sent."""
    for name, value in fields:
        name = as_text("a name", name)
        if value is None:
            continue
        if not isinstance(value, (bytes, tuple)):  # a tuple is a file
            value = as_text(ascii(name), value)
        if isinstance(value, str):
            encoded(value, ascii(name))
        if isinstance(value, tuple):
            value = _file_part(ascii(name), value)
        encoded(name, ascii(name))
        yield name, value


def _file_part(name: str, part: tuple[Any, ...]) -> tuple[Any, ...]:
    if (
        not 2 <= len(part) <= 3
        or not isinstance(part[0], (str, type(None)))
        or not isinstance(part[1], (str, bytes))
    ):
        raise ApiTypeError("%s must be (file name, content[, content type])" % name)
    file_name, content, *kinds = part
    kinds = [_header_value("Content-Type of %s" % name, kind) for kind in kinds]
    if file_name is not None:
        encoded(file_name, name)
    if isinstance(content, str):
        content = encoded(content, name, *kinds)
    return (file_name, content, *kinds)


def checked_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    """``headers`` with ``None`` left out.

    Raises:
        ApiTypeError, ApiValueError: a name or value that would break the message, or could carry
            a second header; the value is not shown.
    """
    values = headers.values()
    together = "".join(values) if is_text(values) else "\n"
    if together.isascii() and together.isprintable():  # the usual case
        return dict(zip(_header_names(tuple(headers)), values))
    return {
        _header_name(name): _header_value(name, value)
        for name, value in headers.items()
        if value is not None
    }


@lru_cache(maxsize=128)  # of names only, as in call
def _header_names(names: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(map(_header_name, names))


def _header_name(name: Any) -> str:
    if not isinstance(name, str) or not name or not _TOKEN.issuperset(name):
        raise ApiValueError("%s is not a header name" % ascii(name)[:80])
    # With this header, a server would take another place for the end of the body.
    if name.lower() == "transfer-encoding":
        raise ApiValueError("the header Transfer-Encoding is set by the transport: leave it out")
    return _SPELLING.get(name.lower(), name)


def _header_value(name: str, value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    elif not isinstance(value, str):
        value = as_text("the value of header %s" % name, value)
    if not value.isprintable() and any((c < " " and c != "\t") or c == "\x7f" for c in value):
        raise ApiValueError("the value of header %s holds a control character" % name)
    if not value.isascii() and any(c > "\xff" for c in value):
        raise ApiValueError("the value of header %s holds characters beyond Latin-1" % name)
    text: str = value
    return text


def _quoted(name: Any, part: Any) -> str:
    if isinstance(part, str) and _UNRESERVED.issuperset(part):
        return part  # the usual case: most tokens
    return quote_plus(part if isinstance(part, bytes) else as_text(ascii(name), part))


def _json(body: Any) -> bytes:
    try:
        try:
            return json.dumps(body, allow_nan=False).encode("ascii")
        except TypeError:
            return _exact_json(body).encode("ascii")
    except (TypeError, ValueError, RecursionError):
        pass  # the error may hold the whole body, so it must not become the context
    sanitize_argument("body", body, _require_json)
    raise ApiTypeError("body is too deep for JSON")


def _require_json(value: Any) -> None:
    try:
        _exact_json(value)
    except TypeError:
        problem: Any = ApiTypeError(
            "JSON cannot hold a value of this type; to send bytes, decode them or use base64"
        )
    except ValueError:
        problem = ApiValueError(
            "a number is not finite or has too many digits, or a list contains itself"
        )
    except RecursionError:
        problem = ApiTypeError("the value is too deep for JSON")
    else:
        return
    raise problem


def _exact_json(value: Any) -> str:
    """``value`` as JSON, with each ``Decimal`` as an exact number, which json cannot do."""
    if isinstance(value, dict):
        # json.dumps({key: 0}) is '{"key": 0}', whatever JSON makes of the key.
        pairs = (json.dumps({key: 0})[1:-2] + _exact_json(item) for key, item in value.items())
        return "{%s}" % ", ".join(pairs)
    if isinstance(value, (list, tuple)):
        return "[%s]" % ", ".join(map(_exact_json, value))
    if hasattr(value, "is_finite") and hasattr(value, "as_tuple"):
        if not value.is_finite():
            raise ValueError
        return str(value)
    return json.dumps(value, allow_nan=False)
