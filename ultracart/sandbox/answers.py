"""Decides how an error of an UltraCart resource looks: JSON envelope and UC-REST-ERROR header."""

from __future__ import annotations

from flask import Response, json


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
    response.headers["UC-REST-ERROR"] = message
    response.headers.update(headers or {})
    return response


def json_response(status: int, body: object) -> Response:
    """``body`` as JSON."""
    return json_text_response(status, json.dumps(body))


def json_text_response(status: int, text: str) -> Response:
    """JSON that no cache may keep, as every answer with tokens must be (RFC 6749, section 5.1)."""
    response = Response(text, status=status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
