"""Deliberate differences in what is sent, and in which arguments are refused."""

from __future__ import annotations

from .expectations import (
    Difference,
    api_exception,
    gives,
    refuses,
    sends,
)

WIRE = [
    Difference(
        "None is never sent",
        "sent as the text `None`; a header of `None` is a `TypeError`",
        "left out, also of lists and dicts; in a path it is a `ValueError`",
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
        "a path parameter `..`, or an empty one, calls another resource",
        "`ValueError`",
        "A value from outside must not choose the resource.",
        {"call: path dots": refuses("ValueError"), "call: path empty": refuses("ValueError")},
    ),
    Difference(
        "Names that mean nothing",
        "an unfilled `{name}` is sent as it is; an unknown path parameter, authorization scheme or "
        "collection format is ignored",
        "`ValueError` that names it",
        "The name is misspelt, and the call would not be the one that was meant.",
        {
            "call: path parameter left out": refuses("ValueError"),
            "call: path parameter without a place": refuses("ValueError"),
            "call: unknown scheme": refuses("ValueError"),
            "call: query collection unheard-of": refuses("ValueError"),
            "helper: tuples other": refuses("ValueError"),
        },
    ),
    Difference(
        "Data that the official SDK drops",
        "the body of a GET, `post_params` with a JSON type, and `body` with a form type are "
        "dropped; `post_params` without a content type too",
        "`ValueError`; without a content type, `post_params` are sent as a form and `files` as "
        "multipart",
        "The caller would not notice that the data was not sent.",
        {
            "call: GET with a JSON body": refuses("ValueError"),
            "call: form with JSON type": refuses("ValueError"),
            "call: body beside a form": refuses("ValueError"),
            "call: post_params without a content type": sends(body="a=1"),
        },
    ),
    Difference(
        "A form type with a charset",
        "`ApiException` with status 0",
        "sent as a form",
        "A media type may have parameters (RFC 9110, 8.3.1).",
        {"call: form with a charset": sends(body="a=1")},
    ),
    Difference(
        "Lists and dicts where text goes",
        "sent as Python writes them, such as `[1, 'a']`",
        "`TypeError`; for lists, `collection_formats` says how they are sent",
        "No server reads a Python repr.",
        {
            "call: query list": refuses("TypeError"),
            "call: query dict": refuses("TypeError"),
            "call: form list": refuses("TypeError"),
            "call: path dict": refuses("TypeError"),
        },
    ),
    Difference(
        "Text with a collection format",
        "its letters are joined: `b,c` for the text `bc`",
        "sent as it is",
        "Text is one value.",
        {"call: query text as a collection": sends("/rest/v2/x?a=bc")},
    ),
    Difference(
        "NaN and infinities",
        "sent as `NaN`, which is not JSON, and as `nan`",
        "`ValueError` that says where it is",
        "No server can read it as a number (RFC 8259, 6).",
        {"call: body NaN": refuses("ValueError"), "call: query NaN": refuses("ValueError")},
    ),
    Difference(
        "Values of more types",
        "`AttributeError`",
        "`Decimal` is sent as an exact number, `UUID` as text, `Enum` as its value, sets and other "
        "sequences as lists, other mappings as dicts",
        "These are the forms that people expect.",
        {
            "call: body set": sends(body="[1]"),
            "helper: sanitize set": gives([1]),
            "call: body decimal": sends(body='{"price": 9.90}'),
            "call: body uuid": sends(body='["00000000-0000-0000-0000-000000000001"]'),
        },
    ),
    Difference(
        "Paths as written",
        "spaces and line breaks are encoded, a slash at the end of `host` is doubled, a query is "
        "followed by a second `?`, and a path needs no slash in front",
        "`ValueError`; one slash; continued with `&`; `ValueError`",
        "The request must go to the path that was meant.",
        {
            "call: path with a space": refuses("ValueError"),
            "call: path without a slash": refuses("ValueError"),
            "call: path with a query": sends("/rest/v2/x?a=1&b=2"),
            "call: host with a slash at its end": sends(),
        },
    ),
    Difference(
        "Empty optional values",
        "sent as empty parameters",
        "left out",
        "A parameter without a value counts as omitted (RFC 6749, 3.2).",
        {
            "oauth: optional empty": sends(
                "/rest/v2/oauth/token", "client_id=client&grant_type=authorization_code&code=c"
            )
        },
    ),
    Difference(
        "Floats in a header",
        "`TypeError`",
        "sent as text",
        "Integers are sent as text, too.",
        {"call: header float": sends()},
    ),
    Difference(
        "Header names in another case",
        "`content-type` and `Content-Type` are both sent",
        "one header; the body follows it",
        "Header names are case-insensitive (RFC 9110, 5.1); two content types contradict each "
        "other.",
        {
            "call: content type in lower case": sends(body="t"),
            "call: user agent in lower case": gives("x"),
        },
    ),
    Difference(
        "Folded header values",
        "sent as two lines",
        "`ValueError`",
        "A line break in a value can carry a second header (RFC 9112, 5.2).",
        {"call: header folded": refuses("ValueError")},
    ),
    Difference(
        "Headers that say where the body ends",
        "sent as they are given",
        "`Content-Length` must be the body's, and `Transfer-Encoding` is left to the transport; "
        "else `ValueError`",
        "The server would take the rest of the body for another request (RFC 9112, 11.2).",
        {
            "call: header of another length": refuses("ValueError"),
            "call: header of a transfer coding": refuses("ValueError"),
        },
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
        "The server learns that the form is empty.",
        {"call: multipart of nothing": sends(body=[])},
    ),
    Difference(
        "Basic credentials",
        "Latin-1",
        "UTF-8",
        "UTF-8 has every character, and is the only charset that RFC 7617, 2.1, names.",
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
        "Tokens must not cross a network in the clear (RFC 6749, 3.2).",
        {"call: plain http beyond loopback": refuses("ValueError")},
    ),
    Difference(
        "429 and 503 with Retry-After",
        "a GET waits as long as the server says, a POST raises",
        "both wait and repeat within `retry_budget` (20 seconds)",
        "The server has not processed the request, so repeating it is safe; the wait is bounded.",
        {"call: POST told to wait": sends(requests=2)},
    ),
    Difference(
        "Bounded time and size",
        "no default timeout; responses of any size",
        "`timeout` (10 and 60 seconds) and `max_response_size` (32 MiB)",
        "A stalled or hostile server must not block the caller.",
        {"call: larger than max_response_size": api_exception(200)},
    ),
]

ARGUMENTS = [
    Difference(
        "Arguments of an operation",
        "an empty required value is sent; numbers, also in `api_key`, are sent as text",
        "`ValueError` and `TypeError` before anything is sent",
        "The server's response would not name the mistake.",
        {
            "oauth: client_id empty": refuses("ValueError"),
            "oauth: client_id of another type": refuses("TypeError"),
            "oauth: key that is a number": refuses("TypeError"),
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
