"""Decides how the body of an answer is read as JSON, whatever real servers do to it."""

from __future__ import annotations

from typing import Any

_BYTE_ORDER_MARK = "\ufeff"


def decode(body: Any) -> tuple[Any, bool]:
    """JSON data, or the text itself where it is no JSON; and which of the two it is.

    Tolerates what real servers send: a byte order mark, Latin-1 in a JSON body, a number of any
    length.
    """
    import json  # an answer needs it, importing the package does not

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
        pass  # a number with more digits than int() takes: no reason to lose a token beside it
    try:
        return json.loads(body, parse_int=float), True
    except (ValueError, RecursionError):
        return body, False
