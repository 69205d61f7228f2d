"""Deliberate differences in the results of responses, and in the exceptions of failures."""

from __future__ import annotations

from .expectations import (
    Difference,
    api_exception,
    gives,
    gives_data,
    model_field,
)

_UNUSABLE_TOKEN_ANSWERS = {
    "oauth: OAuth error in a 200": api_exception(200, '{"error": "invalid_grant"}'),
    "oauth: answer without a token": api_exception(200, "{}"),
    "oauth: HTML with 200": api_exception(200, "<html>sign in</html>"),
    "oauth: empty 200": api_exception(200, ""),
}
_WRONG_SHAPES = {
    'read: Picky from {"size": "XXL"}': api_exception(200, '{"size": "XXL"}'),
    'read: Tree from "text"': api_exception(200, '"text"'),
    "read: Tree from []": api_exception(200, "[]"),
    "read: Tree from 5": api_exception(200, "5"),
    'read: int from "x"': api_exception(200, '"x"'),
    'read: list[str] from "abc"': api_exception(200, '"abc"'),
    'read: list[str] from {"a": 1}': api_exception(200, '{"a": 1}'),
    "read: list[str] from 5": api_exception(200, "5"),
    "read: dict(str, int) from [1]": api_exception(200, "[1]"),
    "read: date from 5": api_exception(0, "5"),
    'read: date from "soon"': api_exception(0, '"soon"'),
    'read: date from "2026-W05-1"': api_exception(0, '"2026-W05-1"'),
    'read: datetime from "soon"': api_exception(0, '"soon"'),
}

RESULTS = [
    Difference(
        "Spelling of token_type",
        "anything but `bearer` is a `ValueError`, and the token is lost",
        "any case is accepted and kept",
        "RFC 6749, 5.1: the value is case-insensitive; a token that was issued must not be lost.",
        {"oauth: Bearer capitalised": model_field("token_type", "Bearer")},
    ),
    Difference(
        "expires_in",
        "text",
        "`int`, also where the server sends text",
        "It is a number of seconds (RFC 6749, 5.1).",
        {
            "oauth: expires_in as a number": model_field("expires_in", 3600),
            "oauth: expires_in as text": model_field("expires_in", 3600),
        },
    ),
    Difference(
        "Token responses that cannot be used",
        "a model whose `access_token` is `None`",
        "`OAuthError` for an OAuth error, else `ApiResponseError`; `.body` has the response",
        "Callers do not check a successful call for an error.",
        _UNUSABLE_TOKEN_ANSWERS,
    ),
    Difference(
        "successful as text",
        "the text `false` becomes `True`",
        "`False`",
        "A failure must not read as a success.",
        {"oauth: successful as the text false": model_field("successful", False)},
    ),
    Difference(
        "Responses of the wrong shape",
        "an empty model, single letters, or a bare `TypeError`, `ValueError` or `AttributeError`",
        "`ApiException` with the status, headers and body (status 0 for text that is not a date)",
        "One `except ApiException` catches every failed call.",
        {**_WRONG_SHAPES, "derived: stored answer that is no date": api_exception(0, '"no date"')},
    ),
    Difference(
        "ErrorResponse",
        "its `metadata` and `warning` are models",
        "they are plain dicts",
        "Their models belong to the other resources.",
        {"model: metadata of an error": gives(True)},
    ),
    Difference(
        "Empty responses",
        "empty text",
        "`None`",
        "The response holds no value.",
        {
            "call: 204": gives_data(None),
            "read: str from ": gives(None),
            "read: object from ": gives(None),
        },
    ),
    Difference(
        "Text as `str`",
        "a JSON body that is not a string is returned in Python's notation: `True`",
        "returned as received: `true`",
        "The text should be what the server sent.",
        {"read: str from true": gives("true")},
    ),
    Difference(
        "Bytes that are not UTF-8",
        "`UnicodeDecodeError`, also in place of an `ApiException`",
        "bytes in `.data` and `.body`; results are read in the charset of the content type, else "
        "`ApiResponseError`",
        "An error page in another encoding must not hide the error; a result must not be guessed.",
        {
            "call: not UTF-8": api_exception(200, {"bytes": "\xff"}),
            "call: error body not UTF-8": api_exception(404, {"bytes": "\xff"}),
        },
    ),
    Difference(
        "Byte order mark",
        "the JSON after it is returned as text",
        "skipped",
        "Some proxies add it.",
        {"call: byte order mark": gives_data({"dict": []})},
    ),
    Difference(
        "File downloads",
        "`response_type='file'` raises for every body, and would follow paths in the file name",
        "works for any bytes; the name never leaves `temp_folder_path`",
        "The server must not choose where a file lands.",
        {"call: file": gives({"bytes": "\x00\xff"})},
    ),
]

ERRORS = [
    Difference(
        "Connection failures",
        "urllib3's exceptions",
        "`ApiConnectionError` and `ApiTimeoutError`, both `ApiException`",
        "One `except ApiException` catches every failed call; `.request_sent` says whether the "
        "request was sent.",
        {"call: nothing listens": api_exception(None)},
    ),
    Difference(
        "Error body with `_preload_content=False`",
        "bytes",
        "text, as without the option",
        "The body of an error has one type, however the call was made.",
        {
            "oauth: status 400 Bad Request raw": api_exception(
                400, '{"error": {"developer_message": "\u20ac"}}'
            ),
            "oauth: status 500 Internal Server Error raw": api_exception(
                500, '{"error": {"developer_message": "\u20ac"}}'
            ),
        },
    ),
    Difference(
        "Text of an exception",
        "`str()` repeats the headers and the body",
        "`str()` gives status, error code and request line",
        "Exceptions are logged, and responses hold tokens; `.headers` and `.body` have both.",
        {"error: secrets shown": gives({"tuple": [False, True, True]})},
    ),
    Difference(
        "repr and to_str of a model",
        "show tokens",
        "mask tokens; attributes and `to_dict()` have them",
        "Models are printed and logged.",
        {"model: secrets shown": gives([False, False, True])},
    ),
    Difference(
        "A result that is not ready",
        "`multiprocessing.TimeoutError` from `.get(timeout)`",
        "the built-in `TimeoutError`",
        "`async_req` uses threads, not `multiprocessing`.",
        {"async: not ready": gives([False, True, False, True, 200, None, True, True])},
    ),
]
