"""UltraCart's messages: paths and their templates, queries, responses, and the error envelope.

The ``check_`` functions check the arguments of faults and prepared responses.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from flask import Response

#: The path that UltraCart's API lies under; a prepared path may carry it or leave it out.
BASE_PATH = "/rest/v2"
#: The methods of requests to a resource.
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: The paths that the OAuth server itself serves.
OAUTH_PATHS = (
    "/oauth/authorize",
    "/oauth/device",
    "/oauth/device/authorize",
    "/oauth/me",
    "/oauth/revoke",
    "/oauth/token",
)

#: Where the files of the sandbox's own page lie.
_PAGE_FILES = "/sandbox/"
_PARAMETER = re.compile(r"\{([^{}]*)\}")
_DOT_SEGMENTS = frozenset({".", ".."})
_FIELD_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
#: Headers that the server writes itself; a second one would break the connection.
_FRAMING = frozenset({"connection", "content-length", "transfer-encoding"})
_LONGEST_QUOTE = 80
#: Clients give up on a header line of 65,536 bytes.
_LONGEST_HEADER = 1000


def check_method(method: object, allowed: tuple[str, ...] = METHODS) -> str:
    """The method in upper case.

    Raises:
        ValueError: no request has this method.
    """
    if not isinstance(method, str) or method.upper() not in allowed:
        raise ValueError(f"method must be one of {', '.join(allowed)}, not {method!r}")
    return method.upper()


class PathTemplate:
    """A path below ``/rest/v2``; each ``{name}`` stands for one or more characters but ``/``.

    Raises:
        ValueError: no request can have this path.
    """

    def __init__(self, path: object) -> None:
        if not isinstance(path, str) or not path.startswith("/"):
            raise ValueError(
                f"path must start with '/', such as /order/orders/DEMO-1, not {path!r}"
            )
        for mark, name in (("?", "query"), ("#", "fragment")):
            if mark in path:
                raise ValueError(f"path must not hold a {name}: {path!r}")
        below = below_base(path)
        is_served_elsewhere = below.startswith(("//", _PAGE_FILES))
        if not below.strip("/") or is_served_elsewhere or not path.isprintable():
            raise ValueError(f"path must be the path of a resource, not {path!r}")
        self._segments = below.split("/")
        if _DOT_SEGMENTS.intersection(self._segments):
            raise ValueError(f"path must not hold '.' or '..', which clients remove: {path!r}")
        names = _PARAMETER.findall(below)
        rest = _PARAMETER.sub("", below)
        if "{" in rest or "}" in rest or not all(name.isidentifier() for name in names):
            raise ValueError(f"path must name its parameters as in /orders/{{order_id}}: {path!r}")
        if len(set(names)) < len(names):
            raise ValueError(f"path must name each parameter once: {path!r}")
        #: As given, without ``/rest/v2``.
        self.text: str = below
        #: How many segments hold no parameter: of two matching templates, the one with more wins.
        self.literal_segments: int = sum("{" not in segment for segment in self._segments)
        self._patterns = [_pattern(segment) for segment in self._segments]

    @property
    def is_oauth(self) -> bool:
        """Whether it is written below ``/oauth``, where the OAuth server has its paths."""
        return self._segments[1].lower() == "oauth"

    def match(self, segments: Sequence[str]) -> dict[str, str] | None:
        """The parameters of a request's path, or None when it is another path."""
        if len(segments) != len(self._patterns):
            return None
        found: dict[str, str] = {}
        for pattern, segment in zip(self._patterns, segments, strict=True):
            matched = pattern.fullmatch(segment)
            if matched is None:
                return None
            found.update(matched.groupdict())
        return found

    def __repr__(self) -> str:
        return self.text


def check_query(query: object) -> dict[str, tuple[str, ...] | None]:
    """The values that query parameters must have: texts, or None for one that must be missing.

    Raises:
        ValueError: it is no mapping of names to texts, numbers, lists of these, or None.
    """
    if query is None:
        return {}
    if not isinstance(query, Mapping):
        raise ValueError(f"query must be a mapping such as {{'_offset': 200}}, not {query!r}")
    return {_name(name): _values(name, value) for name, value in query.items()}


def below_base(path: str) -> str:
    """The path below ``/rest/v2``; any other path as it is."""
    return path[len(BASE_PATH) :] if f"{path}/".startswith(f"{BASE_PATH}/") else path


def segments_of(path: str) -> list[str]:
    """The decoded segments of a raw path, so that ``%2F`` stays inside its segment."""
    return [unquote(segment) for segment in path.split("/")]


def _pattern(segment: str) -> re.Pattern[str]:
    # re.split with one group gives text, name, text, name, ..., text.
    parts = _PARAMETER.split(segment)
    return re.compile(
        "".join(
            f"(?P<{part}>.+)" if index % 2 else re.escape(unquote(part))
            for index, part in enumerate(parts)
        ),
        re.DOTALL,
    )


def _name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise ValueError(f"query must name its parameters by texts, not {name!r}")
    return name


def _values(name: str, value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    values = value if isinstance(value, (list, tuple)) else (value,)
    return tuple(_text(name, item) for item in values)


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):  # as JSON and every UltraCart client spell it
        return str(value).lower()
    if isinstance(value, str):
        return str.__str__(value)  # a member of an Enum counts as its value, as it is sent
    if isinstance(value, (int, float)) and math.isfinite(value):
        return str(value)
    raise ValueError(f"query must give a text or a number for {name}, not {value!r}")


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
    """A value that a client has sent, in quotes and shortened, for an ``error_description``.

    That takes no double quotation marks and no backslashes (RFC 6749, section 5.2).
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
        if not isinstance(name, str) or not _FIELD_NAME.fullmatch(name) or name.lower() in _FRAMING:
            raise ValueError(f"headers must not hold {name!r}: no header, or the server's own")
        if not isinstance(value, str) or not _is_field_value(value):
            raise ValueError(
                f"headers must give one line of Latin-1 text for {name}, not {value!r}"
            )
    return dict(headers)


def _is_field_value(value: str) -> bool:
    return all(char == "\t" or (char <= "\xff" and char.isprintable()) for char in value)
