"""The deliberate differences from official 3.11.67: what, why, and the cases that show each.

``docs/Compatibility.md`` lists the same rows; a test compares the two. A case that differs must be
listed here with what happens instead, and a listed case must differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .expectations import (
    Expected,
    api_exception,
    gives,
    gives_data,
    model_field,
    refuses,
    sends,
)


class Difference(NamedTuple):
    """One row of the table; ``cases`` maps a case's name to what it must come to here."""

    what: str
    official: str
    here: str
    reason: str
    cases: Mapping[str, Expected]


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
    'read: datetime from "soon"': api_exception(0, '"soon"'),
}

# Differences that show on every request or model: ``everywhere.py`` takes them out of a comparison.
EVERYWHERE = [
    Difference(
        "API version header",
        "not sent unless you pass it",
        "`X-UltraCart-Api-Version: 2017-03-01` by default",
        "UltraCart refuses a request without it.",
        {},
    ),
    Difference(
        "User-Agent",
        "`Swagger-Codegen/3.11.67/python`",
        "`ultracart-python/` and the version",
        "It says which software calls; `user_agent` overrides it as before.",
        {},
    ),
    Difference(
        "Empty bearer",
        "`Authorization: Bearer ` with no token, where none is set",
        "no `Authorization` header",
        "An empty credential is no credential, and servers may refuse it.",
        {
            "configuration: auth_settings of nothing": lambda outcome: (
                ["value", None] in outcome["result"]["dict"][1][1]["dict"]
            )
        },
    ),
    Difference(
        "merchant_id",
        "no such field",
        "`OauthTokenResponse.merchant_id`, keyword-only",
        "UltraCart's newer answers say which merchant authorized.",
        {},
    ),
]

WIRE = [
    Difference(
        "None is never sent",
        "sent as the text `None`; a header of `None` is a `TypeError`",
        "left out; in a path it is a `ValueError`",
        "UltraCart would read the text `None` as a value.",
        {
            "oauth: optional None": sends(
                "/rest/v2/oauth/token", "client_id=client&grant_type=authorization_code&code=c"
            ),
            "call: query None": sends("/rest/v2/x?b=1"),
            "call: form None": sends(body="b=1"),
            "call: form collection with None": sends(body="a=1"),
            "call: header None": sends(),
            "call: path None": refuses("ValueError"),
        },
    ),
    Difference(
        "Dot segments in a path",
        "a path parameter `..` calls another resource",
        "`ValueError`",
        "A value from outside must not choose the resource.",
        {"call: path dots": refuses("ValueError")},
    ),
    Difference(
        "Header names in another case",
        "`content-type` and `Content-Type` are both sent",
        "one header; the body follows it",
        "Header names have no case (RFC 9110, 5.1); two content types contradict each other.",
        {"call: content type in lower case": sends(body="t")},
    ),
    Difference(
        "Folded header values",
        "sent as two lines",
        "`ValueError`",
        "A line break in a value can carry a second header (RFC 9112, 5.2).",
        {"call: header folded": refuses("ValueError")},
    ),
    Difference(
        "bytes as a body",
        "`ApiException` with status 0",
        "sent as they are, for content types that are not JSON",
        "Uploads of raw content need it.",
        {"call: bytes body": sends(body="\x00\xff")},
    ),
    Difference(
        "Multipart without parts",
        "no body and no content type",
        "an empty multipart body",
        "The server is told what was meant.",
        {"call: multipart of nothing": sends(body=[])},
    ),
    Difference(
        "Basic credentials",
        "Latin-1",
        "UTF-8",
        "RFC 7617 recommends UTF-8, and it carries every character.",
        {"configuration: basic auth": gives("Basic dXNlcjpwYTpzcyB3w7ZyZA==")},
    ),
    Difference(
        "Redirects",
        "followed, credentials included",
        "`ApiException` with the status; the location is in `.headers`",
        "A redirect must not carry a token or key to another host.",
        {"oauth: redirect": api_exception(307)},
    ),
    Difference(
        "Plain http",
        "allowed to any host",
        "only to loopback, unless `allow_insecure_transport` is set: `ConfigurationError`",
        "Tokens must not cross a network in the clear (RFC 6749, 1.6).",
        {"call: plain http beyond loopback": refuses("ValueError")},
    ),
    Difference(
        "429 and 503 with Retry-After",
        "a GET waits as long as it is told, a POST raises",
        "both wait and repeat within `retry_budget` (20 seconds)",
        "The server has refused the request, so repeating it is safe; the wait is bounded.",
        {"call: POST told to wait": sends(requests=2)},
    ),
    Difference(
        "Bounded time and size",
        "no default timeout; answers of any size",
        "`timeout` (10 and 60 seconds) and `max_response_size` (32 MiB)",
        "A stalled or hostile server must not hold the caller.",
        {"call: larger than max_response_size": api_exception(200)},
    ),
]

ARGUMENTS = [
    Difference(
        "Arguments of an operation",
        "an empty required value is sent; numbers are sent as text",
        "`ValueError` and `TypeError` before anything is sent",
        "They are mistakes, and the server's answer would not name them.",
        {
            "oauth: client_id empty": refuses("ValueError"),
            "oauth: client_id of another type": refuses("TypeError"),
        },
    ),
    Difference(
        "_request_timeout",
        "0, text and triples are ignored; `True` is a `ValueError`; floats are ignored",
        "floats and lists count; anything else is a `TypeError` or `ValueError`",
        "A timeout that is silently dropped is no timeout.",
        {
            "call: timeout 0": refuses("ValueError"),
            "call: timeout True": refuses("TypeError"),
            "call: timeout '5'": refuses("TypeError"),
            "call: timeout (1, 2, 3)": refuses("ValueError"),
        },
    ),
    Difference(
        "Values that cannot be sent",
        "`AttributeError`, or `ApiException` with status 0",
        "`TypeError` that names the argument",
        "Nothing was sent, so it is not an API failure.",
        {
            "call: body set": refuses("TypeError"),
            "helper: sanitize set": refuses("TypeError"),
            "call: no body for a text type": refuses("TypeError"),
            "call: dict body for a text type": refuses("TypeError"),
        },
    ),
    Difference(
        "A file that cannot be read",
        "`OSError`",
        "`ValueError` that names the argument",
        "All argument errors are `TypeError` or `ValueError`.",
        {"call: missing file": refuses("ValueError")},
    ),
    Difference(
        "An unknown response type",
        "`AttributeError`",
        "`TypeError`",
        "All argument errors are `TypeError` or `ValueError`.",
        {"read: NoSuchModel from {}": lambda outcome: outcome.get("error") == "TypeError"},
    ),
]

RESULTS = [
    Difference(
        "Spelling of token_type",
        "`Bearer` is a `ValueError`, and the token is lost",
        "any case is accepted and kept",
        "RFC 6749, 5.1: the value has no case; a token once issued must not be lost.",
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
        "Token answers that cannot be used",
        "a model whose `access_token` is `None`",
        "`OAuthError` for an OAuth error, else `ApiResponseError`; `.body` has the answer",
        "No caller checks for an error after a success.",
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
        "Answers of the wrong shape",
        "an empty model, single letters, or a bare `TypeError`, `ValueError` or `AttributeError`",
        "`ApiException` with the status, headers and body (status 0 for a date that is none)",
        "One `except ApiException` catches every failed call.",
        _WRONG_SHAPES,
    ),
    Difference(
        "Empty answers",
        "empty text",
        "`None`",
        "There is no value in the answer.",
        {
            "call: 204": gives_data(None),
            "read: str from ": gives(None),
            "read: object from ": gives(None),
        },
    ),
    Difference(
        "Bytes that are not UTF-8",
        "`UnicodeDecodeError`, also in place of an `ApiException`",
        "bytes in `.data` and `.body`; results read them as Latin-1",
        "An error page in another encoding must not hide the error.",
        {
            "call: not UTF-8": gives_data("\xff\xfe"),
            "call: error body not UTF-8": api_exception(404, {"bytes": "\xff"}),
        },
    ),
    Difference(
        "Byte order mark",
        "JSON after it is returned as text",
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
        "One `except ApiException` catches every failed call; `.request_sent` says what is known.",
        {"call: nothing listens": api_exception(None)},
    ),
    Difference(
        "Error body with `_preload_content=False`",
        "bytes",
        "text, as without the option",
        "An error reads the same however the call was made.",
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
        "Exceptions are logged, and answers hold tokens; `.headers` and `.body` have them.",
        {"error: secrets shown": gives({"tuple": [False, True, True]})},
    ),
    Difference(
        "repr and to_str of a model",
        "show tokens",
        "mask tokens; attributes and `to_dict()` give them",
        "Models are printed and logged.",
        {"model: secrets shown": gives([False, False, True])},
    ),
    Difference(
        "A result that is not ready",
        "`multiprocessing.TimeoutError` from `.get(timeout)`",
        "the built-in `TimeoutError`",
        "No process pool stands behind `async_req`.",
        {"async: not ready": gives([False, True, False, True, 200, None, True, True])},
    ),
]

SETTINGS = [
    Difference(
        "OauthApi() without a client",
        "each makes a Configuration and a pool of its own",
        "all share one client, which uses `ultracart.configuration`, live",
        "One connection, and settings that take effect.",
        {"oauth: one client for all": gives(True)},
    ),
    Difference(
        "set_default",
        "keeps the object: later changes show in new Configurations",
        "copies the settings, and gives them to `ultracart.configuration` too",
        "No two configurations share mutable state.",
        {"configuration: default changed later": gives(False)},
    ),
    Difference(
        "Log handlers",
        "each Configuration adds a handler to the loggers `ultracart` and `urllib3`",
        "none is added",
        "Handlers belong to the application.",
        {"configuration: handlers added": gives([0, 0])},
    ),
    Difference(
        "debug",
        "prints headers and bodies of the whole process, secrets included",
        "logs method, path, status, time and names of parameters through `ultracart`",
        "Debugging must not leak secrets or change other libraries.",
        {"configuration: debug": gives({"tuple": [0, False]})},
    ),
]

DIFFERENCES = [*EVERYWHERE, *WIRE, *ARGUMENTS, *RESULTS, *ERRORS, *SETTINGS]


def expected_here() -> dict[str, Expected]:
    """What each case that differs must come to, by its name."""
    expected: dict[str, Expected] = {}
    for difference in DIFFERENCES:
        for name, check in difference.cases.items():
            if name in expected:
                raise AssertionError("two differences claim the case " + name)
            expected[name] = check
    return expected
