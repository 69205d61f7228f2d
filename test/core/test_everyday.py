"""Everyday calls: get, post, put, patch, delete, pages and download on real sockets."""

from __future__ import annotations

import decimal
import gzip
import inspect
import json
import logging
import os
import shutil
import stat
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from ultracart import (
    ApiClient,
    ApiConnectionError,
    ApiException,
    ApiResponseError,
    ApiTimeoutError,
    ApiTypeError,
    ApiValueError,
    Configuration,
    NotFoundException,
    OauthMeResponse,
    UnauthorizedException,
)

from .shop import Answer, Seen, Shop

KEYS = {"x-ultracart-simple-key": "simple", "x-ultracart-browser-key": "browser"}


@pytest.fixture
def shop() -> Iterator[Shop]:
    """Answers each request with what it was; a test may set ``answer``."""
    with Shop(
        lambda seen: {"method": seen.method, "path": seen.path, "query": seen.query}
    ) as running:
        yield running


@pytest.fixture
def client(shop: Shop) -> Iterator[ApiClient]:
    configuration = Configuration()
    configuration.host = shop.host
    configuration.access_token = "token"
    configuration.api_key = dict(KEYS)
    with ApiClient(configuration) as made:
        yield made


# -- one call ---------------------------------------------------------------------------------


def test_get_returns_the_data_alone_and_sends_every_credential(
    client: ApiClient, shop: Shop
) -> None:
    data = client.get("/order/orders", {"_limit": 5}, None, {"X-Mine": "1"})
    assert data == {"method": "GET", "path": "/rest/v2/order/orders", "query": {"_limit": "5"}}
    headers = shop.requests[0].headers
    assert headers["authorization"] == "Bearer token"
    assert {name: headers[name] for name in KEYS} == KEYS
    assert (headers["x-mine"], headers["accept"]) == ("1", "application/json")
    assert headers["x-ultracart-api-version"] == "2017-03-01"


def test_auth_settings_narrow_what_is_sent(client: ApiClient, shop: Shop) -> None:
    client.get("/item/items", auth_settings=["ultraCartSimpleApiKey"])
    client.get("/item/items", auth_settings=[])
    credentials = {"authorization", *KEYS}
    sent = [credentials.intersection(seen.headers) for seen in shop.requests]
    assert sent == [{"x-ultracart-simple-key"}, set()]


def test_a_configuration_with_schemes_of_its_own_is_asked_for_them(shop: Shop) -> None:
    class Own(Configuration):
        def auth_settings(self) -> dict[str, Any]:
            return {"mine": {"in": "header", "key": "X-Mine", "value": "secret", "type": "api_key"}}

    configuration = Own()
    configuration.host = shop.host
    ApiClient(configuration).get("/a")
    assert shop.requests[0].headers["x-mine"] == "secret"


def test_a_path_parameter_fills_the_template(client: ApiClient) -> None:
    data = client.get("/order/orders/{order_id}", path={"order_id": "A B/1"})
    assert data["path"] == "/rest/v2/order/orders/A%20B%2F1"


def test_a_model_class_is_returned_as_such(client: ApiClient, shop: Shop) -> None:
    shop.answer = lambda seen: {"merchant_id": "DEMO", "client_id": "c"}
    me = client.get("/oauth/me", response_type=OauthMeResponse)
    assert (type(me), me.merchant_id) == (OauthMeResponse, "DEMO")
    assert client.get("/any", response_type="dict(str, str)")["client_id"] == "c"


@pytest.mark.parametrize("verb", ["post", "put", "patch", "delete"])
def test_bodies(client: ApiClient, shop: Shop, verb: str, tmp_path: Path) -> None:
    upload = tmp_path / "photo.png"
    upload.write_bytes(b"pixels")
    call = getattr(client, verb)
    assert call("/a", json={"price": 1.5})["method"] == verb.upper()
    call("/a")
    call("/a", form={"a": "1 2"})
    call("/a", content=b"\0\1")
    call("/a", content="text \u20ac")
    call("/a", content=b'{"n": 1.50}', headers={"content-type": "application/json"})
    call("/a", content="a=b", headers={"Content-Type": "application/x-www-form-urlencoded"})
    call("/a", content=b"")
    call("/a", form={"name": "n"}, files={"file": str(upload)})
    call("/a", files={"file": str(upload)})
    told = [(seen.headers["content-type"].partition(";")[0], seen.body) for seen in shop.requests]
    assert told[:8] == [
        ("application/json", b'{"price": 1.5}'),
        ("application/json", b"{}"),
        ("application/x-www-form-urlencoded", b"a=1+2"),
        ("application/octet-stream", b"\0\1"),
        ("text/plain", "text \u20ac".encode()),
        ("application/json", b'{"n": 1.50}'),
        ("application/x-www-form-urlencoded", b"a=b"),
        ("application/octet-stream", b""),
    ]
    assert [kind for kind, _ in told[8:]] == ["multipart/form-data"] * 2
    assert b'name="name"' in told[8][1]
    assert all(b"pixels" in body and b'filename="photo.png"' in body for _, body in told[8:])


@pytest.mark.parametrize(
    "arguments",
    [
        {"json": {}, "form": {}},
        {"json": 0, "content": b""},
        {"content": b"", "files": {"f": "/dev/null"}},
        {"content": 7},
    ],
)
def test_what_is_no_single_body_is_refused(
    client: ApiClient, shop: Shop, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ApiTypeError, match=r"body|content"):
        client.post("/a", **arguments)
    assert shop.requests == []


def test_content_that_no_encoding_can_carry(client: ApiClient) -> None:
    with pytest.raises(ApiValueError, match="surrogate"):
        client.post("/a", content="\ud800")


@pytest.mark.parametrize(
    ("content_type", "sent"),
    [
        ("text/csv", b"caf\xc3\xa9"),
        ("text/csv; charset=latin-1", b"caf\xe9"),
        ('application/json; Charset="UTF-16-LE"', "caf\u00e9".encode("utf-16-le")),
    ],
)
def test_content_in_the_charset_of_its_type(
    client: ApiClient, shop: Shop, content_type: str, sent: bytes
) -> None:
    client.post("/a", content="caf\u00e9", headers={"content-TYPE": content_type})
    assert shop.requests[-1].body == sent
    assert shop.requests[-1].headers["content-type"] == content_type


def test_content_beyond_the_charset_of_its_type(client: ApiClient, shop: Shop) -> None:
    with pytest.raises(ApiValueError, match="content cannot be encoded as latin-1"):
        client.post("/a", content="\u20ac", headers={"Content-Type": "text/csv; charset=latin-1"})
    assert shop.requests == []


def test_a_body_is_never_given_by_place(client: ApiClient) -> None:
    """requests takes a form there and UltraCart wants JSON: neither may be guessed."""
    with pytest.raises(TypeError, match="positional"):
        client.post("/a", {"a": 1})  # type: ignore[call-overload]


def test_errors_are_those_of_call_api(client: ApiClient, shop: Shop) -> None:
    shop.answer = lambda seen: (404, {}, b'{"error": {"developer_message": "none"}}')
    with pytest.raises(NotFoundException):
        client.get("/a")
    with pytest.raises(ApiTypeError):
        client.get("/a", headers=[("a", "b")])  # type: ignore[call-overload]
    with pytest.raises(ApiTypeError):
        client.get("/a", response_type="NoSuchModel")
    assert len(shop.requests) == 1


def test_headers_of_the_call_win_over_the_clients(client: ApiClient, shop: Shop) -> None:
    client.get("/a", headers={"accept": "text/csv"})
    assert shop.requests.pop().headers["accept"] == "text/csv"
    client.set_default_header("X-Mine", "client's")
    client.get("/a", headers={"x-mine": "call's", "user-agent": None, "Authorization": "no"})
    client.get("/a")
    first, second = (seen.headers for seen in shop.requests)
    assert (first["x-mine"], second["x-mine"]) == ("call's", "client's")
    assert "ultracart" not in first.get("user-agent", "")
    assert first["authorization"] == "Bearer token"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"query": "a=b"}, "query must be"),
        ({"query": {"a": float("nan")}}, r"query\['a'\]: cannot send nan"),
        ({"path": 7}, "path must be"),
        ({"headers": 7}, "headers must be"),
        ({"timeout": "soon"}, "timeout must be"),
        ({"auth_settings": "ultraCartOauth"}, "auth_settings must be a list"),
        ({"auth_settings": ["oauth"]}, "no scheme 'oauth'"),
        ({"path": {"b": 1}}, "no {name} for"),
    ],
)
def test_errors_name_the_arguments_of_the_short_call(
    client: ApiClient, shop: Shop, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises((ApiTypeError, ApiValueError), match=message) as caught:
        client.get("/a", **arguments)
    assert "_params" not in str(caught.value)
    assert shop.requests == []


def test_errors_name_bodies_too(client: ApiClient, shop: Shop) -> None:
    with pytest.raises(ApiTypeError, match="form must be"):
        client.post("/a", form="a=b")  # type: ignore[arg-type]
    with pytest.raises(ApiValueError, match=r"json\['a'\]"):
        client.post("/a", json={"a": float("inf")})
    with pytest.raises(ApiValueError, match="resource needs a path parameter 'b'"):
        client.get("/a/{b}")
    assert shop.requests == []


def test_arguments_may_be_iterators(client: ApiClient, shop: Shop) -> None:
    shop.answer = orders(5)
    schemes = iter(["ultraCartOauth"])
    query, path = iter([("a", "b")]), iter([("name", "n")])
    found = client.pages("/{name}", "orders", query, 2, path=path, auth_settings=schemes)
    assert len(list(found)) == 5
    assert {seen.path for seen in shop.requests} == {"/rest/v2/n"}
    assert {seen.headers.get("authorization") for seen in shop.requests} == {"Bearer token"}


def test_timeout_is_the_calls(client: ApiClient) -> None:
    with pytest.raises(ApiValueError, match="positive"):
        client.get("/a", timeout=0)


def test_a_refused_token_is_refreshed_once(shop: Shop) -> None:
    class Source:
        token = "old"

        def __call__(self) -> str:
            return self.token

        def invalidate(self, token: str) -> None:
            self.token = "new"

    def answer(seen: Seen) -> Any:
        fresh = seen.headers["authorization"] == "Bearer new"
        return {"ok": True} if fresh else (401, {}, b"{}")

    shop.answer = answer
    configuration = Configuration()
    configuration.host = shop.host
    configuration.access_token = Source()
    assert ApiClient(configuration).get("/a") == {"ok": True}
    assert len(shop.requests) == 2


def test_order_of_arguments() -> None:
    """By place: what people give by place; bodies and rarities by name."""

    def by_place(name: str) -> list[str]:
        parameters = inspect.signature(getattr(ApiClient, name)).parameters.values()
        return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD][1:]

    assert by_place("get") == [
        "resource",
        "query",
        "path",
        "headers",
        "timeout",
        "response_type",
        "auth_settings",
    ]
    assert by_place("post") == by_place("delete") == ["resource"]
    assert by_place("pages") == ["resource", "items", "query", "limit"]
    assert by_place("download") == ["resource", "to", "path", "query", "progress"]


# -- pages ------------------------------------------------------------------------------------


def orders(total: int) -> Answer:
    """As UltraCart pages: count, limit, more, next_offset, offset, total_records."""

    def answer(seen: Seen) -> Any:
        limit, offset = int(seen.query["_limit"]), int(seen.query["_offset"])
        found = [{"order_id": str(n)} for n in range(offset, min(offset + limit, total))]
        more = offset + limit < total
        result_set = {"count": len(found), "limit": limit, "more": more, "offset": offset}
        if more:
            result_set["next_offset"] = offset + limit
        return {"orders": found, "metadata": {"result_set": result_set}, "success": True}

    return answer


def offsets(shop: Shop) -> list[str]:
    return [seen.query["_offset"] for seen in shop.requests]


def test_pages_follow_the_result_set(client: ApiClient, shop: Shop) -> None:
    shop.answer = orders(450)
    found = list(client.pages("/order/orders", items="orders", query={"_expand": "items"}))
    assert [order["order_id"] for order in found] == [str(n) for n in range(450)]
    assert offsets(shop) == ["0", "200", "400"]
    assert {seen.query["_limit"] for seen in shop.requests} == {"200"}
    assert {seen.query["_expand"] for seen in shop.requests} == {"items"}


def test_a_page_is_asked_for_when_it_is_wanted(client: ApiClient, shop: Shop) -> None:
    shop.answer = orders(5)
    pages = client.pages("/order/orders", "orders", None, 2)
    assert offsets(shop) == []
    assert [next(pages)["order_id"], next(pages)["order_id"]] == ["0", "1"]
    assert offsets(shop) == ["0"]
    next(pages)
    assert offsets(shop) == ["0", "2"]


def test_query_says_where_to_begin_and_how_many(client: ApiClient, shop: Shop) -> None:
    shop.answer = orders(10)
    found = list(client.pages("/o", "orders", [("_offset", 4), ("_limit", "3")]))
    assert [order["order_id"] for order in found] == list("456789")
    assert offsets(shop) == ["4", "7"]


def test_a_search_is_paged_too(client: ApiClient, shop: Shop) -> None:
    shop.answer = orders(3)
    assert len(list(client.pages("/order/orders/query", "orders", limit=2, json={"a": 1}))) == 3
    told = [(seen.method, seen.body) for seen in shop.requests]
    assert told == [("POST", b'{"a": 1}')] * 2


@pytest.mark.parametrize("repeated", [0, 2])
def test_a_repeated_offset_ends(
    client: ApiClient, shop: Shop, repeated: int, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(seen: Seen) -> Any:
        following = 2 if seen.query["_offset"] == "0" else repeated
        result_set = {"more": True, "next_offset": following}
        return {"orders": [1], "metadata": {"result_set": result_set}}

    shop.answer = answer
    with caplog.at_level(logging.WARNING, "ultracart"):
        assert list(client.pages("/o", "orders")) == [1, 1]
    assert offsets(shop) == ["0", "2"]
    assert "the offset %d a second time" % repeated in caplog.text


def test_endless_empty_pages_end(
    client: ApiClient, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(seen: Seen) -> Any:
        offset = int(seen.query["_offset"])
        result_set = {"more": True, "next_offset": offset + 1}
        return {"orders": [offset] * (offset == 9), "metadata": {"result_set": result_set}}

    shop.answer = answer
    with caplog.at_level(logging.WARNING, "ultracart"):
        assert list(client.pages("/o", "orders")) == [9]
    assert len(shop.requests) == 20
    assert "empty" in caplog.text


@pytest.mark.parametrize("following", ["soon", -1, 1.5, [1], True])
def test_a_next_offset_that_is_none(client: ApiClient, shop: Shop, following: Any) -> None:
    result_set = {"more": True, "next_offset": following}
    shop.answer = lambda seen: {"orders": [1], "metadata": {"result_set": result_set}}
    with pytest.raises(ApiResponseError, match="next_offset of the response") as caught:
        list(client.pages("/o", "orders"))
    assert caught.value.status == 200


@pytest.mark.parametrize(
    ("answers", "items", "expected"),
    [
        ([{"items": [1, 2]}], "items", [1, 2]),
        ([[1, 2]], None, [1, 2]),
        ([{"items": [], "metadata": None}], "items", []),
        ([{"items": None, "metadata": {}}], "items", []),
        ([{"metadata": {"result_set": {"count": 0, "more": False}}}], "items", []),
        # More, but not where: after what came.
        (
            [
                {"items": [1, 2], "metadata": {"result_set": {"more": True}}},
                {"items": [3], "metadata": {"result_set": {"more": False, "next_offset": 9}}},
            ],
            "items",
            [1, 2, 3],
        ),
        # More, and nothing came.
        ([{"items": [], "metadata": {"result_set": {"more": True}}}], "items", []),
        (
            [
                {"items": [1], "metadata": {"result_set": {"more": "true", "next_offset": "1"}}},
                {"items": [2], "metadata": {"result_set": {"more": 1, "next_offset": 2.0}}},
                {"items": [3], "metadata": {"result_set": {"more": "false", "next_offset": 3}}},
            ],
            "items",
            [1, 2, 3],
        ),
    ],
)
def test_other_shapes_of_pages(
    client: ApiClient, shop: Shop, answers: list[Any], items: str | None, expected: list[int]
) -> None:
    shop.answer = lambda seen: answers[len(shop.requests) - 1]
    assert list(client.pages("/o", items)) == expected
    assert len(shop.requests) == len(answers)


@pytest.mark.parametrize(
    ("answer", "items", "message"),
    [
        ({"orders": [], "success": True}, "order", "'order'.*lists are orders"),
        ({"orders": []}, None, "lists are orders"),
        ("text", "orders", "it has no list"),
        ({"orders": {}}, "orders", "it has no list"),
        ([1], "orders", "leave items out"),
    ],
)
def test_a_response_without_the_list(
    client: ApiClient, shop: Shop, answer: Any, items: str | None, message: str
) -> None:
    shop.answer = lambda seen: answer
    with pytest.raises(ApiResponseError, match=message) as caught:
        list(client.pages("/o", items))
    _has_the_facts(caught.value, json.dumps(answer))


def _has_the_facts(error: ApiException, body: str) -> None:
    assert (error.status, error.body, error.request_sent) == (200, body, True)
    assert str(error).startswith("GET /rest/v2/o: HTTP 200. ")
    assert error.headers["content-type"] == "application/json"


def test_an_error_of_a_page_says_what_the_server_said(client: ApiClient, shop: Shop) -> None:
    answer = {"success": False, "error": {"developer_message": "_limit is at most 200"}}
    shop.answer = lambda seen: answer
    with pytest.raises(ApiResponseError, match="_limit is at most 200") as caught:
        list(client.pages("/o", "orders"))
    _has_the_facts(caught.value, json.dumps(answer))


@pytest.mark.parametrize("body", [b"", b"<html>"])
def test_a_page_that_is_not_json(client: ApiClient, shop: Shop, body: bytes) -> None:
    shop.answer = lambda seen: (200, {"Content-Type": "text/html"}, body)
    with pytest.raises(ApiResponseError) as caught:
        list(client.pages("/o", "orders"))
    assert (caught.value.status, caught.value.body) == (200, body.decode())


@pytest.mark.parametrize(
    "arguments",
    [
        {"items": ["orders"]},
        {"items": ""},
        {"query": "a=b"},
        {"query": 7},
        {"limit": 0},
        {"limit": "many"},
        {"limit": True},
        {"query": {"_offset": -1}},
    ],
)
def test_what_cannot_be_paged_is_refused_at_once(
    client: ApiClient, shop: Shop, arguments: dict[str, Any]
) -> None:
    with pytest.raises((ApiTypeError, ApiValueError), match=r"items|query|limit|offset"):
        client.pages("/o", **arguments)
    assert shop.requests == []


GENERICS: list[tuple[Any, Any, Any]] = [
    (list[str], [1, "a"], ["1", "a"]),
    (list, [1], [1]),
    (dict[str, int], {"a": "1"}, {"a": 1}),
    ("dict(str,int)", {"a": "1"}, {"a": 1}),
    (dict, {"a": 1}, {"a": 1}),
    (list[dict[str, list[int]]], [{"a": ["1"]}], [{"a": [1]}]),
    (Any, {"a": 1}, {"a": 1}),
]


@pytest.mark.parametrize(("type_", "answer", "expected"), GENERICS)
def test_generic_types(
    client: ApiClient, shop: Shop, type_: Any, answer: Any, expected: Any
) -> None:
    shop.answer = lambda seen: answer
    assert client.get("/x", response_type=type_) == expected


def test_a_list_of_a_class(client: ApiClient, shop: Shop) -> None:
    shop.answer = lambda seen: [{"merchant_id": "DEMO"}]
    (me,) = client.get("/x", response_type=list[OauthMeResponse])
    assert me.merchant_id == "DEMO"


@pytest.mark.parametrize(("type_", "answer"), [(list, {}), (dict, []), (dict[str, int], [1])])
def test_a_response_of_another_shape(
    client: ApiClient, shop: Shop, type_: Any, answer: Any
) -> None:
    shop.answer = lambda seen: answer
    with pytest.raises(ApiResponseError, match=r"not a (list|dict)"):
        client.get("/x", response_type=type_)


def test_a_tuple_in_a_form_says_that_it_counts_as_a_file(client: ApiClient, shop: Shop) -> None:
    with pytest.raises(ApiValueError, match="the tuple 'ids' counts as a file; give several"):
        client.post("/x", form={"a": 1, "ids": (1, 2)})
    assert shop.requests == []


@pytest.mark.parametrize(
    "type_",
    [
        "list[Nope]",
        "list[",
        "dict(str, list[Nope])",
        ["str"],
        tuple[str, str],
        decimal.Decimal,  # classes that no JSON is read into
        list[set],
        Path,
    ],
)
def test_a_type_that_does_not_exist_is_refused_before_anything_is_sent(
    client: ApiClient, shop: Shop, type_: Any
) -> None:
    with pytest.raises(ApiTypeError, match="response_type"):
        client.post("/x", json={}, response_type=type_)
    assert shop.requests == []


# -- downloads --------------------------------------------------------------------------------

PDF = b"%PDF-1.7 " + bytes(range(256)) * 1000


def test_download(client: ApiClient, shop: Shop, tmp_path: Path) -> None:
    shop.answer = lambda seen: (200, {"Content-Type": "application/pdf"}, PDF)
    told: list[tuple[int, int | None]] = []
    to = tmp_path / "invoice.pdf"
    to.write_bytes(b"old")
    found = client.download(
        "/order/orders/{order_id}/invoice",
        to=to,
        path={"order_id": "DEMO-1"},
        progress=lambda done, total: told.append((done, total)),
    )
    assert (found, to.read_bytes(), os.listdir(tmp_path)) == (to, PDF, ["invoice.pdf"])
    assert stat.S_IMODE(to.stat().st_mode) == 0o600
    assert shop.requests[0].path == "/rest/v2/order/orders/DEMO-1/invoice"
    assert shop.requests[0].headers["authorization"] == "Bearer token"
    assert shop.requests[0].headers["accept-encoding"] == "identity"
    assert [total for _, total in told] == [len(PDF)] * len(told)
    done = [done for done, _ in told]
    assert done == sorted(set(done))
    assert done[-1] == len(PDF)


def test_download_to_a_relative_name(
    client: ApiClient, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shop.answer = lambda seen: (200, {}, b"")
    told: list[tuple[int, int | None]] = []
    assert client.download("/a", "empty.txt", progress=lambda *at: told.append(at)) == "empty.txt"
    assert (os.listdir(tmp_path), told) == (["empty.txt"], [(0, 0)])


def failing(seen: Seen) -> Any:
    return 200, {"Content-Length": "999999"}, PDF


def unauthorized(seen: Seen) -> Any:
    return 401, {}, b"{}"


@pytest.mark.parametrize(
    ("answer", "error"), [(failing, ApiConnectionError), (unauthorized, UnauthorizedException)]
)
def test_a_failed_download_leaves_everything_as_it_was(
    client: ApiClient, shop: Shop, tmp_path: Path, answer: Answer, error: type[ApiException]
) -> None:
    shop.answer = answer
    to = tmp_path / "invoice.pdf"
    to.write_bytes(b"old")
    with pytest.raises(error) as caught:
        client.download("/a", to=to)
    assert caught.value.request_sent is not False
    assert str(caught.value).startswith("GET /rest/v2/a: ")
    assert (os.listdir(tmp_path), to.read_bytes()) == (["invoice.pdf"], b"old")


def test_a_download_that_falls_silent(client: ApiClient, shop: Shop, tmp_path: Path) -> None:
    """The time between two pieces is bounded; the server says nothing until the client is gone."""
    gone = threading.Event()

    def answer(seen: Seen) -> Any:
        def body() -> Iterator[bytes]:
            yield PDF
            gone.wait(20)

        return 200, {"Content-Length": str(2 * len(PDF))}, body()

    shop.answer = answer
    with pytest.raises(ApiTimeoutError, match="in time"):
        client.download("/a", to=tmp_path / "a", timeout=0.3)
    gone.set()
    assert os.listdir(tmp_path) == []


def test_a_compressed_download_is_unpacked(client: ApiClient, shop: Shop, tmp_path: Path) -> None:
    """Also where the server compresses unasked; how much comes is then unknown."""
    shop.answer = lambda seen: (200, {"Content-Encoding": "gzip"}, gzip.compress(PDF))
    told: list[tuple[int, int | None]] = []
    client.download("/a", to=tmp_path / "a", progress=lambda *at: told.append(at))
    assert (tmp_path / "a").read_bytes() == PDF
    assert told[-1] == (len(PDF), None)


@pytest.mark.parametrize(
    ("encoding", "body", "message"),
    [
        ("gzip", gzip.compress(PDF)[:-9], "compressed body is cut"),
        ("gzip", gzip.compress(PDF)[:1], "compressed body is cut"),
        ("deflate", zlib.compress(PDF)[:-9], "compressed body is cut"),
        ("gzip", b"not gzip at all", "compression is broken"),
        ("br", b"brotli", "content encoding other than gzip"),
    ],
)
def test_a_download_that_cannot_be_unpacked_whole_is_no_file(
    client: ApiClient, shop: Shop, tmp_path: Path, encoding: str, body: bytes, message: str
) -> None:
    shop.answer = lambda seen: (200, {"Content-Encoding": encoding}, body)
    with pytest.raises(ApiResponseError, match=message) as caught:
        client.download("/a", to=tmp_path / "a", query={"not": "shown"})
    assert str(caught.value).startswith("GET /rest/v2/a: HTTP 200. ")
    assert caught.value.status == 200
    assert caught.value.headers["Content-Encoding"] == encoding
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "raw deflate"])
def test_a_compressed_download_in_single_bytes(
    client: ApiClient, shop: Shop, tmp_path: Path, coding: str
) -> None:
    content = PDF[:300]
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = {
        "gzip": gzip.compress(content[:100]) + gzip.compress(content[100:]),
        "x-gzip": gzip.compress(content),
        "deflate": zlib.compress(content),
        "raw deflate": raw.compress(content) + raw.flush(),
    }[coding]
    headers = {"Content-Encoding": coding.split()[-1], "Content-Length": str(len(body))}
    shop.answer = lambda seen: (200, headers, (body[i : i + 1] for i in range(len(body))))
    client.download("/a", to=tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == content


def test_a_number_bounds_the_whole_download(
    client: ApiClient, shop: Shop, tmp_path: Path, clock_of_limits: Any
) -> None:
    """However steadily the bytes come; a pair bounds only each wait."""
    most = 60
    turns: list[threading.Semaphore] = []

    def answer(seen: Seen) -> Any:
        turn = threading.Semaphore(0)
        turns.append(turn)

        def body() -> Iterator[bytes]:
            for _ in range(most):
                yield b"x"
                turn.acquire(timeout=30)

        return 200, {"Content-Length": str(most)}, body()

    def progress(size: int, _: int | None) -> None:
        done.append(size)
        clock_of_limits.ahead += 1
        turns[-1].release()

    shop.answer = answer
    done: list[int] = []
    with pytest.raises(ApiTimeoutError, match=r"^GET /rest/v2/a: no complete response in time"):
        client.download("/a", to=tmp_path / "a", timeout=20, progress=progress)
    assert 1 < len(done) <= 20
    assert os.listdir(tmp_path) == []
    turns[-1].release(most)
    client.download("/a", to=tmp_path / "a", timeout=(20, 20), progress=progress)
    assert (tmp_path / "a").read_bytes() == b"x" * most


def test_a_number_bounds_the_silence_at_the_end_of_a_download(
    client: ApiClient, shop: Shop, tmp_path: Path, clock_of_limits: Any
) -> None:
    """Bytes that came meanwhile give a later wait no time of its own."""
    came, gone = threading.Event(), threading.Event()

    def answer(seen: Seen) -> Any:
        def body() -> Iterator[bytes]:
            yield b"x"
            came.wait(30)
            yield b"x"
            gone.wait(60)

        return 200, {"Content-Length": "3"}, body()

    def progress(size: int, _: int | None) -> None:
        clock_of_limits.ahead = 29.5
        came.set()

    shop.answer = answer
    began = monotonic()
    with pytest.raises(ApiTimeoutError):
        client.download("/a", to=tmp_path / "a", timeout=30, progress=progress)
    assert monotonic() - began < 20
    gone.set()


def test_a_download_has_as_much_time_as_a_number_says(
    client: ApiClient, shop: Shop, tmp_path: Path
) -> None:
    shop.answer = lambda seen: (200, {}, PDF)
    client.download("/a", to=tmp_path / "a", timeout=10**400)
    assert (tmp_path / "a").read_bytes() == PDF


def test_a_folder_that_is_removed_during_a_download(
    client: ApiClient, shop: Shop, tmp_path: Path
) -> None:
    shop.answer = lambda seen: (200, {}, PDF)
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(ApiException, match="cannot be written: No such file"):
        client.download("/a", to=folder / "a", progress=lambda *_: shutil.rmtree(folder, True))


@pytest.mark.usefixtures("in_a_removed_folder")
def test_a_relative_name_in_a_folder_that_was_removed(client: ApiClient) -> None:
    with pytest.raises(ApiValueError, match="to must be an absolute path"):
        client.download("/a", to="a.pdf")


def test_a_full_disk_is_an_error_of_the_call(client: ApiClient, shop: Shop, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="Windows has no limit for files")
    shop.answer = lambda seen: (200, {}, PDF)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(ApiException, match="cannot be written: File too large"):
            client.download("/a", to=tmp_path / "a")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path) == []


def test_an_error_of_the_callback_stays_what_it_is(
    client: ApiClient, shop: Shop, tmp_path: Path
) -> None:
    shop.answer = lambda seen: (200, {}, PDF)

    def stop(done: int, total: int | None) -> None:
        raise OSError("mine")

    with pytest.raises(OSError, match="mine"):
        client.download("/a", to=tmp_path / "a", progress=stop)


def test_a_callback_that_raises_ends_the_download(
    client: ApiClient, shop: Shop, tmp_path: Path
) -> None:
    shop.answer = lambda seen: (200, {}, PDF)

    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.download("/a", to=tmp_path / "a", progress=stop)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("to", ["", "no/such/folder/a", ".", "a\0b", 7, None, "new/"])
def test_where_nothing_can_be_written_nothing_is_asked(
    client: ApiClient, shop: Shop, tmp_path: Path, to: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ApiTypeError, ApiValueError), match=r"^to") as caught:
        client.download("/a", to=to)
    if to == "no/such/folder/a":
        assert str(tmp_path / "no/such/folder") in str(caught.value)
    assert (shop.requests, os.listdir(tmp_path)) == ([], [])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize("name", ["pipe", "link"])
def test_a_device_or_pipe_is_not_replaced(
    client: ApiClient, shop: Shop, tmp_path: Path, name: str
) -> None:
    """As root, a download to /dev/null would replace the device by a file."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with pytest.raises(ApiValueError, match="to must be a regular file"):
        client.download("/a", to=tmp_path / name)
    assert shop.requests == []
    assert stat.S_ISFIFO(os.stat(tmp_path / name).st_mode)
    assert (tmp_path / "link").is_symlink()


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="only Linux has such a folder")
def test_a_folder_that_takes_no_files(client: ApiClient, shop: Shop) -> None:
    with pytest.raises(ApiValueError, match="cannot be written to: '/proc/self'"):
        client.download("/a", to="/proc/self/a")
    assert shop.requests == []


def test_headers_of_a_download_must_be_a_mapping(client: ApiClient, tmp_path: Path) -> None:
    with pytest.raises(ApiTypeError, match="headers must be a dict"):
        client.download("/f", tmp_path / "f", headers=5)  # type: ignore[arg-type]


def test_progress_must_be_a_function(client: ApiClient, tmp_path: Path) -> None:
    with pytest.raises(ApiTypeError, match="progress"):
        client.download("/a", tmp_path / "a", progress="yes")  # type: ignore[arg-type]


def test_the_type_of_json_in_a_text_stays(client: ApiClient, shop: Shop) -> None:
    client.post("/a", json="text")
    client.post("/a", json=[])
    client.post("/a", json=False)
    assert [json.loads(seen.body) for seen in shop.requests] == ["text", [], False]
