"""The cases of ``ApiClient.call_api``: what goes over the wire for any resource, and back."""

from __future__ import annotations

import datetime
import decimal
import pathlib
import tempfile
import uuid
from functools import partial
from typing import Any

from . import synthetic_models as models
from .harness import ALL_SCHEMES, FORM, MULTIPART, SIMPLE, Case, Sdk
from .oauth_cases import HARD
from .recording_server import answer

WHEN = datetime.datetime(2026, 2, 3, 4, 5, 6, 789000, datetime.timezone.utc)
LEAF = models.Leaf(datetime.date(2026, 2, 3), WHEN, {"a": [1, 2]})
TREE = models.Tree(name=HARD, leaf=LEAF, leaves=[LEAF, models.Leaf()], by_name={"k": LEAF}, count=0)
VALUES: list[tuple[str, Any]] = [
    ("text", HARD),
    ("int", 1),
    ("true", True),
    ("float", 1.5),
    ("bytes", b"\xff\x00"),
    ("date", datetime.date(2026, 2, 3)),
    ("when", WHEN),
    ("empty", ""),
    ("na me&=", "v"),
]
CSV = {"a": "csv"}
COLLECTION = ["x y", "z,\u00e9", 1, 2.5, True]


def _sent(name: str, path: str, method: str, *given: Any, **options: Any) -> Case:
    return Case("call: " + name, lambda sdk: sdk.call(path, method, *given, **options))


def _typed(name: str, method: str, content_type: str, **options: Any) -> Case:
    headers = {"Content-Type": content_type}
    return Case(
        "call: " + name,
        lambda sdk: sdk.call("/x", method, header_params=dict(headers), **options),
    )


def _file(directory: str, name: str, content: bytes) -> str:
    path = pathlib.Path(directory, name)
    path.write_bytes(content)
    return str(path)


def _upload(*names: str, form: Any = (), **options: Any) -> Any:
    def run(sdk: Sdk) -> Any:
        with tempfile.TemporaryDirectory() as directory:
            paths = [_file(directory, name, b"\x00\xff\r\n--" + name.encode()) for name in names]
            return sdk.call(
                "/x",
                "POST",
                header_params={"Content-Type": MULTIPART},
                post_params=list(form),
                files={"file": paths[0] if len(paths) == 1 else paths, "absent": None},
                **options,
            )

    return run


def _arguments_kept(sdk: Sdk) -> Any:
    """Query and body objects of the caller stay as they were."""
    query, body = [("a", [1])], {"when": WHEN}
    sdk.call("/x", "POST", query_params=query, body=body, collection_formats={"a": "csv"})
    return query, body


def _shape(sdk: Sdk, **options: Any) -> Any:
    client = sdk.client()
    result = client.call_api("/x", "GET", response_type="object", **options)
    return result, client.last_response.status


def _headers(sdk: Sdk) -> Any:
    headers = sdk.call("/x", "GET")[2]
    return headers["x-DUP"], headers.get("X-Dup"), headers.get("absent"), "x-dup" in headers


def _precedence(sdk: Sdk) -> Any:
    client = sdk.client("X-A", "default", "c=d", access_token="at", api_key={SIMPLE: "sk"})
    given = {"X-A": "call", "Authorization": "call", "Cookie": "call", "X-B": "call"}
    return client.call_api("/x", "GET", None, None, given, auth_settings=list(ALL_SCHEMES))


def _positional(sdk: Sdk) -> Any:
    return sdk.client().call_api(
        "/x/{id}",
        "POST",
        {"id": "1"},
        [("q", "2")],
        {"X-H": "3", "Content-Type": "application/json"},
        {"b": 4},
        None,
        None,
        "object",
        ["ultraCartSimpleApiKey"],
        False,
        True,
        {},
        True,
        30,
    )


DUPLICATES = answer(headers=(("X-Dup", "1"), ("X-Dup", "2")))
CASES = [
    *[
        _sent("%s without a body" % method, "/x", method)
        for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
    ],
    *[
        _sent("%s with a JSON body" % method, "/x", method, body={"a": [1, None, "\u20ac"]})
        for method in ("GET", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
    ],
    *[
        _typed("%s form" % method, method, FORM, post_params=list(VALUES))
        for method in ("POST", "PUT", "PATCH")
    ],
    Case("call: all arguments by position", _positional),
    _sent("method in lower case", "/x", "post"),
    _sent("unknown method", "/x", "TRACE"),
    _sent("query values", "/x", "GET", query_params=list(VALUES)),
    _sent("query values of a POST", "/x", "POST", query_params=list(VALUES)),
    _sent("query as a dict", "/x", "GET", query_params={"a": "1", "b": "2"}),
    _sent("query None", "/x", "GET", query_params=[("a", None), ("b", "1")]),
    _sent("query list", "/x", "GET", query_params=[("a", [1, None])]),
    _sent("query dict", "/x", "GET", query_params=[("a", {"k": 1})]),
    _sent("query NaN", "/x", "GET", query_params=[("a", float("nan"))]),
    _sent("path dict", "/x/{a}", "GET", path_params={"a": {"k": 1}}),
    _sent("path parameter without a place", "/x", "GET", path_params={"a": 1}),
    _sent("query text as a collection", "/x", "GET", {}, [("a", "bc")], collection_formats=CSV),
    _sent("post_params without a content type", "/x", "POST", post_params=[("a", "1")]),
    _typed("form list", "POST", FORM, post_params=[("a", [1])]),
    _typed("form with a charset", "POST", FORM + "; charset=UTF-8", post_params=[("a", "1")]),
    _typed("body beside a form", "POST", FORM, body={"a": 1}),
    _sent("empty query", "/x", "GET", query_params=[]),
    *[
        _sent(
            "query collection " + form,
            "/x",
            "GET",
            query_params=[("a", COLLECTION), ("b", ["only"]), ("c", [])],
            collection_formats={"a": form, "b": form, "c": form},
        )
        for form in ("csv", "ssv", "tsv", "pipes", "multi", "unheard-of")
    ],
    _sent(
        "tuple as a collection",
        "/x",
        "GET",
        query_params=[("a", ("p", "q"))],
        collection_formats={"a": "multi"},
    ),
    _typed(
        "form collections",
        "POST",
        FORM,
        post_params=[("a", COLLECTION), ("b", COLLECTION)],
        collection_formats={"a": "multi", "b": "csv"},
    ),
    _typed("form None", "POST", FORM, post_params=[("a", None), ("b", "1")]),
    _typed("empty form", "POST", FORM),
    _typed("form as a dict", "POST", FORM, post_params={"a": "1", "b": "2"}),
    _typed("form with JSON type", "POST", "application/json", post_params=[("a", "1")]),
    _typed("form and body", "POST", FORM, post_params=[("a", "1")], body={"a": 1}),
    _sent("path parameter", "/x/{a}/y/{b}", "GET", path_params={"a": HARD, "b": 7}),
    _sent(
        "path collection",
        "/x/{a}",
        "GET",
        path_params={"a": ["p", "q r"]},
        collection_formats={"a": "csv"},
    ),
    _sent("path date", "/x/{a}", "GET", path_params={"a": WHEN}),
    _sent("path dots", "/x/{a}/y", "GET", path_params={"a": ".."}),
    _sent("path empty", "/x/{a}", "GET", path_params={"a": ""}),
    _sent("path with a space", "/x y", "GET"),
    _sent("path without a slash", "x", "GET"),
    _sent("path with a query", "/x?a=1", "GET", query_params=[("b", "2")]),
    Case(
        "call: host with a slash at its end",
        lambda sdk: sdk.client(host=sdk.server.host + "/").call_api("/x", "GET"),
    ),
    _sent("header float", "/x", "GET", header_params={"X-A": 1.5}),
    _sent("path None", "/x/{a}", "GET", path_params={"a": None}),
    _sent("path parameter left out", "/x/{a}", "GET"),
    _sent("path text beyond ASCII", "/x/\u00e9", "GET"),
    Case(
        "call: safe characters of path parameters",
        lambda sdk: sdk.client(safe_chars_for_path_param="/:").call_api(
            "/x/{a}", "GET", {"a": "p/q:r s"}
        ),
    ),
    _sent("header values", "/x", "GET", header_params={"X-A": "\u00e9 b", "X-B": 5, "X-C": True}),
    _sent(
        "header collection",
        "/x",
        "GET",
        header_params={"X-A": ["a", "b"]},
        collection_formats={"X-A": "csv"},
    ),
    _sent("header line break", "/x", "GET", header_params={"X-A": "a\r\nX-B: c"}),
    _sent("header folded", "/x", "GET", header_params={"X-A": "a\r\n b"}),
    _sent("header beyond Latin-1", "/x", "GET", header_params={"X-A": "\u20ac"}),
    _typed(
        "form collection with None",
        "POST",
        FORM,
        post_params=[("a", ["1", None])],
        collection_formats={"a": "csv"},
    ),
    _sent(
        "content type in lower case",
        "/x",
        "POST",
        body="t",
        header_params={"content-type": "text/plain"},
    ),
    _sent("header None", "/x", "GET", header_params={"X-A": None}),
    *[
        _sent(
            "header of " + what,
            "/x",
            "POST",
            body="text",
            header_params={"Content-Type": "text/plain", name: value},
        )
        for what, name, value in [
            ("the right length", "content-length", "4"),
            ("another length", "Content-Length", "3"),
            ("a transfer coding", "Transfer-Encoding", "identity"),
        ]
    ],
    Case("call: precedence of headers", _precedence),
    Case("call: user agent in lower case", lambda sdk: sdk.client("user-agent", "x").user_agent),
    _sent("unknown scheme", "/x", "GET", auth_settings=["unheard-of"]),
    *[
        _typed("body %s" % name, "POST", "application/json; charset=UTF-8", body=body)
        for name, body in [
            ("nested model", TREE),
            ("list of models", [LEAF]),
            ("dict of models", {"k": LEAF}),
            ("empty list", []),
            ("empty dict", {}),
            ("empty text", ""),
            ("zero", 0),
            ("false", False),
            ("text", HARD),
            ("date", WHEN),
            ("tuple", (1, 2)),
            ("NaN", [float("nan")]),
            ("bytes", b"x"),
            ("set", {1}),
            ("decimal", {"price": decimal.Decimal("9.90")}),
            ("uuid", [uuid.UUID(int=1)]),
        ]
    ],
    _typed("vendor JSON type", "POST", "application/vnd.shop+JSON", body={"a": 1}),
    _typed("text body", "POST", "text/plain", body="t\u20acxt"),
    _typed("bytes body", "POST", "application/octet-stream", body=b"\x00\xff"),
    _typed("no body for a text type", "POST", "text/plain"),
    _typed("dict body for a text type", "POST", "text/plain", body={"a": 1}),
    Case("call: upload", _upload("plain.txt")),
    Case("call: upload beside fields", _upload("a.png", form=[("a", "1"), ("b", "\u20ac")])),
    Case("call: upload of several files", _upload("a.json", "b.unknown", "c")),
    Case("call: upload name", _upload('na me\u20ac";.txt')),
    _typed("multipart without a file", "POST", MULTIPART, post_params=[("a", "1"), ("b", b"\xff")]),
    _typed("multipart number", "POST", MULTIPART, post_params=[("a", 1)]),
    _typed("multipart of nothing", "POST", MULTIPART),
    _sent("missing file", "/x", "POST", files={"file": "/nonexistent/file"}),
    Case("call: arguments kept", _arguments_kept),
    Case("call: result triple", lambda sdk: _shape(sdk)),
    Case("call: data only", lambda sdk: _shape(sdk, _return_http_data_only=True)),
    Case("call: raw", lambda sdk: _shape(sdk, _preload_content=False)),
    Case("call: raw data only", lambda sdk: _raw_only(sdk)),
    Case("call: no response_type", lambda sdk: sdk.call("/x", "GET"), (answer('{"a": 1}'),)),
    Case("call: response headers", _headers, (DUPLICATES,)),
    Case("call: async_req", lambda sdk: sdk.call("/x", "GET", async_req=True).get(30)),
    Case("call: 204", lambda sdk: _shape(sdk), (answer("", "204 No Content"),)),
    Case("call: 201", lambda sdk: _shape(sdk), (answer("[1]", "201 Created"),)),
    Case("call: 304", lambda sdk: _shape(sdk), (answer("", "304 Not Modified"),)),
    Case("call: not UTF-8", lambda sdk: _shape(sdk), (answer(b"\xff"),)),
    Case("call: byte order mark", lambda sdk: _shape(sdk), (answer(b"\xef\xbb\xbf{}"),)),
    Case("call: error body not UTF-8", lambda sdk: _shape(sdk), (answer(b"\xff", "404 No"),)),
    *[
        Case("call: timeout %r" % (value,), partial(_shape, _request_timeout=value))
        for value in (30, (5, 30), 5.5, None, 0, -1, True, "5", [5, 30], (1, 2, 3))
    ],
    Case("call: nothing listens", lambda sdk: _refused(sdk)),
    Case(
        "call: larger than max_response_size",
        lambda sdk: sdk.client(max_response_size=10).call_api("/x", "GET"),
        (answer('"%s"' % ("x" * 100)),),
    ),
    Case(
        "call: plain http beyond loopback",
        # Reaches this machine, but is not a loopback address.
        lambda sdk: sdk.client(host="http://0.0.0.0:%d" % sdk.server.port).call_api("/x", "GET"),
    ),
    Case(
        "call: POST told to wait",
        lambda sdk: sdk.call("/x", "POST"),
        (answer("{}", "429 Slow", headers=(("Retry-After", "0"),)), answer()),
    ),
    Case(
        "call: GET told to wait",
        lambda sdk: sdk.call("/x", "GET"),
        (answer("{}", "503 Busy", headers=(("Retry-After", "0"),)), answer()),
    ),
    Case("call: file", lambda sdk: _download(sdk), (answer(b"\x00\xff", content_type=None),)),
]


def _raw_only(sdk: Sdk) -> Any:
    return sdk.call("/x", "GET", _preload_content=False, _return_http_data_only=True)


def _refused(sdk: Sdk) -> Any:
    return sdk.client(host="http://127.0.0.1:1").call_api("/x", "GET", _request_timeout=5)


def _download(sdk: Sdk) -> Any:
    with tempfile.TemporaryDirectory() as directory:
        client = sdk.client(temp_folder_path=directory)
        path = client.call_api("/x", "GET", response_type="file", _return_http_data_only=True)
        return pathlib.Path(path).read_bytes()
