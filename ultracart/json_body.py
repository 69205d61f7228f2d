"""Text and JSON as real servers send them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

_BYTE_ORDER_MARK = "\ufeff"


@lru_cache(maxsize=64)
def content_type_parts(content_type: str) -> tuple[str, str, str]:
    """The media type in lower case, and its charset and boundary or ``""`` (RFC 9110, 8.3.1)."""
    media_type, _, rest = content_type.partition(";")
    found = {}
    for part in rest.split(";"):
        name, _, value = part.partition("=")
        found[name.strip().lower()] = value.strip().strip('"')
    return media_type.strip().lower(), found.get("charset", ""), found.get("boundary", "")


def decode_text(body: bytes, charset: str) -> str | None:
    """``body`` as text: in ``charset`` if Python knows it, else in UTF-8 (RFC 8259, 8.1, allows no
    other encoding) or what a byte order mark says; ``None`` if it cannot be decoded."""
    if body.startswith(_BYTE_ORDER_MARK.encode("utf-8")):
        charset = "utf-8"
    try:
        return body.decode(charset or "utf-8")
    except LookupError:
        return decode_text(body, "")
    except UnicodeError:
        pass
    if charset or body[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return None
    try:
        return body.decode("utf-16")
    except UnicodeError:
        return None


def decode(body: Any) -> tuple[Any, bool]:
    """JSON data, or the text itself if it is not JSON; and whether it is JSON.

    Tolerates what real servers send: a byte order mark, Latin-1 in a JSON body, a number of any
    length.
    """
    import json  # imported late: only a response needs it

    if isinstance(body, bytes):
        mark = _BYTE_ORDER_MARK.encode("utf-8")
        body = (body[len(mark) :] if body.startswith(mark) else body).decode("latin-1")
    body = body.lstrip(_BYTE_ORDER_MARK)
    if not body or body.isspace():
        return None, True
    try:
        return json.loads(body), True
    except (json.JSONDecodeError, RecursionError):
        return body, False
    except ValueError:
        pass  # more digits than int() takes: keep the rest of the body, such as a token
    try:
        return json.loads(body, parse_int=_number), True
    except (ValueError, RecursionError):
        return body, False


def _number(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:
        return float(digits)
