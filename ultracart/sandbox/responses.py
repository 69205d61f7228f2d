"""Responses of UltraCart's API: JSON, the error envelope, and the ``UC-REST-ERROR`` header."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Response

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
#: Headers that the server writes itself; a second one would break the connection.
_FRAMING = frozenset({"connection", "content-length", "transfer-encoding"})
_LONGEST_QUOTE = 80
#: Clients give up on a header line of 65,536 bytes.
_LONGEST_HEADER = 1000


def ultracart_error(
    status: int,
    message: str,
    *,
    code: str = "",
    headers: dict[str, str] | None = None,
) -> Response:
    """An UltraCart error; ``message`` is for the user, the developer and ``UC-REST-ERROR``."""
    body = {
        "error": {
            "developer_message": message,
            "user_message": message,
            "error_code": code,
            "more_info": "",
            "object_id": 0,
        },
        "metadata": {},
        "success": False,
    }
    response = json_response(status, body)
    response.headers["UC-REST-ERROR"] = header_text(message)
    response.headers.update(headers or {})
    return response


def json_response(status: int, body: object) -> Response:
    """``body`` as JSON."""
    return json_text_response(status, json_text(body))


def json_text_response(status: int, text: str) -> Response:
    """JSON that no cache may keep, as every response with tokens must be (RFC 6749, 5.1)."""
    response = Response(text, status=status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def json_text(body: object) -> str:
    """``body`` as JSON text; TypeError or ValueError for what JSON cannot hold."""
    return json.dumps(body, allow_nan=False)


def header_text(message: str) -> str:
    """A message as a header can hold it: printable ASCII, in one line, shortened."""
    text = "".join(
        char if char.isascii() and char.isprintable() else ascii(char)[1:-1] for char in message
    )
    return text if len(text) <= _LONGEST_HEADER else text[:_LONGEST_HEADER] + "..."


def quoted(value: object) -> str:
    """What a client has sent, shortened, in the characters of an OAuth description.

    ``error_description`` takes neither quotation marks nor backslashes (RFC 6749, section 5.2).
    """
    text = str(value)
    if len(text) > _LONGEST_QUOTE:
        text = text[:_LONGEST_QUOTE] + "..."
    plain = (char if " " <= char <= "~" and char not in "'\"\\" else "?" for char in text)
    return f"'{''.join(plain)}'"


def is_bodyless(status: int) -> bool:
    """Whether a response of this status never has a body (RFC 9110, 15.3.5, 15.3.6, 15.4.5)."""
    return status in (HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED)


def check_status(status: Any, *, has_body: bool) -> int:
    """A final HTTP status.

    Raises:
        ValueError: no response can have it, or not with a body.
    """
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        raise ValueError(f"status must be an HTTP status from 200 to 599, not {status!r}")
    if has_body and is_bodyless(status):
        raise ValueError(f"status {status} has no body: leave body out")
    return int(status)


def check_headers(headers: Any) -> dict[str, str]:
    """Header fields that can be sent as they are.

    Raises:
        ValueError: a name or value that HTTP cannot carry, or that the server writes itself.
    """
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):
        raise ValueError(f"headers must be a mapping of names to texts, not {headers!r}")
    for name, value in headers.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name) or name.lower() in _FRAMING:
            raise ValueError(f"headers must not hold {name!r}: no header, or the server's own")
        if not isinstance(value, str) or not _is_field_value(value):
            raise ValueError(
                f"headers must give one line of Latin-1 text for {name}, not {value!r}"
            )
    return dict(headers)


def _is_field_value(value: str) -> bool:
    return all(char == "\t" or (char <= "\xff" and char.isprintable()) for char in value)
