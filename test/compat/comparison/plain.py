"""How a result, an error or a request is written down so that two SDKs can be compared."""

from __future__ import annotations

import datetime
import email.parser
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

# The nearest of these names an error that is no ApiException.
_KINDS = (TypeError, ValueError, AttributeError, AssertionError, OSError)


def plain_value(value: Any) -> Any:
    """``value`` as JSON-able data that keeps its type and, for models, its class and fields."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, bytes):
        return {"bytes": value.decode("latin-1")}
    if isinstance(value, datetime.datetime):
        # The zone as an offset: python-dateutil's zone objects differ with the machine's zone.
        return {"datetime": value.isoformat()}
    if isinstance(value, datetime.date):
        return {"date": value.isoformat()}
    if isinstance(value, tuple):
        return {"tuple": [plain_value(item) for item in value]}
    if isinstance(value, list):
        return [plain_value(item) for item in value]
    if hasattr(value, "swagger_types"):
        return _plain_model(value)
    if isinstance(value, dict):
        return {"dict": [[key, plain_value(item)] for key, item in value.items()]}
    if hasattr(value, "status") and hasattr(value, "data"):
        kind = "RESTResponse" if type(value).__name__ == "RESTResponse" else "raw response"
        return {kind: [value.status, plain_value(value.data)]}
    if isinstance(value, Mapping):
        return {"headers": plain_headers(value)}
    if isinstance(value, type):
        return {"class": value.__name__}
    return {"object": type(value).__name__}


def _plain_model(value: Any) -> dict[str, Any]:
    fields = {name: plain_value(getattr(value, name)) for name in value.swagger_types}
    extra = dict(value) if isinstance(value, dict) else {}
    return {"model": type(value).__name__, "fields": fields, "items": plain_value(extra)}


def plain_headers(headers: Any) -> Any:
    """Response headers by lower-cased name."""
    if headers is None:
        return None
    return {name.lower(): headers[name] for name in sorted(headers)}


def plain_error(error: BaseException, api_exception: type) -> dict[str, Any]:
    """What a caller can tell about an error: ApiException's four facts, or the built-in kind."""
    if isinstance(error, api_exception):
        facts: Any = error
        return {
            "error": "ApiException",
            "status": facts.status,
            "reason": facts.reason,
            "body": plain_value(facts.body),
            "headers": plain_headers(facts.headers),
        }
    kinds = [kind.__name__ for kind in _KINDS if isinstance(error, kind)]
    return {"error": kinds[0] if kinds else type(error).__name__}


def plain_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """A recorded request: headers by lower-cased name, form pairs and multipart parts in order."""
    headers: dict[str, list[str]] = {}
    for name, value in request["headers"]:
        headers.setdefault(name.lower(), []).append(value)
    for name in ("host", "connection"):
        headers.pop(name, None)
    body = request["body"]
    written: Any = body.decode("latin-1")
    content_type = "".join(headers.get("content-type", []))
    if content_type == "application/x-www-form-urlencoded":
        written = [written, parse_qsl(written, keep_blank_values=True, encoding="latin-1")]
    elif content_type.startswith("multipart/form-data; boundary="):
        written = _multipart(content_type, body)
        headers["content-type"] = [re.sub("boundary=.*", "boundary=*", content_type)]
    return {
        "method": request["method"],
        "target": request["target"],
        "headers": headers,
        "body": written,
    }


def _multipart(content_type: str, body: bytes) -> list[Any]:
    """The parts as (headers in order, content), whatever the boundary."""
    head = ("Content-Type: %s\r\n\r\n" % content_type).encode("latin-1")
    message = email.parser.BytesParser().parsebytes(head)
    boundary = ("--" + str(message.get_param("boundary"))).encode("latin-1")
    first, *parts, last = body.split(boundary)
    if first or last != b"--\r\n":
        raise AssertionError("the multipart body is not framed by its boundary")
    pieces = (part.decode("latin-1")[2:-2].partition("\r\n\r\n") for part in parts)
    return [[head_lines.split("\r\n"), content] for head_lines, _, content in pieces]
