"""Prepared answers: templates, functions, sequences, queries, and what is refused."""

from __future__ import annotations

import itertools
import json

import pytest

KEY = {"x-ultracart-simple-key": "YOUR_API_KEY"}


def ask(wire, path, method="GET", body=None):
    headers = {"X-UltraCart-Api-Version": "2017-03-01", **KEY}
    answer = wire.send(method, path, headers=headers, body=None if body is None else body.encode())
    return answer.status, answer.json() if answer.data else None


def test_a_template_stands_for_every_order(sandbox, wire):
    sandbox.answer("GET", "/order/orders/DEMO-1", {"order": "first"})
    sandbox.answer("GET", "/order/orders/{order_id}", {"order": "any"})
    assert ask(wire, "/order/orders/DEMO-1") == (200, {"order": "first"})
    assert ask(wire, "/order/orders/A%2FB%20C?_expand=items") == (200, {"order": "any"})
    assert ask(wire, "/order/orders/A/B")[0] == 404
    assert ask(wire, "/order/orders/")[0] == 404
    assert ask(wire, "/order//orders/A")[0] == 404
    assert ask(wire, "//oauth/authorize")[0] == 404


def test_a_function_of_the_request_creates_and_reads_back(sandbox, wire):
    orders = {}

    def create(request):
        orders[request.json["order_id"]] = request.json
        return {"order": request.json}, 201, {"X-Created": "1"}

    def read(request):
        assert sandbox.requests[-1] is request
        return orders.get(request.path_params["order_id"])

    created = sandbox.answer("post", "/rest/v2/order/orders", create)
    sandbox.answer("GET", "/order/orders/{order_id}", read)
    assert ask(wire, "/order/orders/A%2F1")[0] == 404
    made = wire.send(
        "POST",
        "/order/orders",
        headers={**KEY, "X-UltraCart-Api-Version": "2017-03-01"},
        body=json.dumps({"order_id": "A/1"}).encode(),
    )
    assert (made.status, made.headers["X-Created"]) == (201, "1")
    assert ask(wire, "/order/orders/A%2F1") == (200, {"order_id": "A/1"})
    assert repr(created) == "<Answer to POST /order/orders: 1 hit>"


def test_where_a_function_has_nothing_the_next_answer_applies(sandbox, wire):
    sandbox.answer("GET", "/order/orders/{order_id}", {"order": "any"})
    sandbox.answer("GET", "/order/orders/A", lambda request: None)
    assert ask(wire, "/order/orders/A") == (200, {"order": "any"})


def test_a_function_that_fails_says_so(sandbox, wire, caplog):
    sandbox.answer("GET", "/order/orders", lambda request: request.headers["Orders"])
    status, body = ask(wire, "/order/orders")
    assert status == 500
    assert "GET /order/orders raised " in body["error"]["developer_message"]
    assert "Traceback" in caplog.text
    sandbox.answer("GET", "/order/orders", lambda request: ({}, 600))
    assert "status must be an HTTP status" in ask(wire, "/order/orders")[1]["error"]["user_message"]


def test_a_function_that_fails_the_test_says_so(sandbox, wire):
    """pytest.fail() raises no Exception: the client would see a connection that breaks."""
    sandbox.answer("GET", "/order/orders", lambda request: pytest.fail("no order is asked for"))
    status, body = ask(wire, "/order/orders")
    assert status == 500
    assert "raised Failed: no order is asked for" in body["error"]["developer_message"]


def test_a_sequence(sandbox, wire):
    sandbox.answer("GET", "/a", sequence=[{"n": 1}, ({"n": 2}, 202), lambda request: {"n": 3}])
    assert [ask(wire, "/a") for _ in range(4)] == [
        (200, {"n": 1}),
        (202, {"n": 2}),
        (200, {"n": 3}),
        (200, {"n": 3}),
    ]
    sandbox.answer("GET", "/b", ({"n": number} for number in itertools.count()))
    assert [ask(wire, "/b")[1]["n"] for _ in range(3)] == [0, 1, 2]


def test_a_list_is_one_answer(sandbox, wire):
    sandbox.answer("GET", "/a", [1, 2])
    assert [ask(wire, "/a")[1] for _ in range(2)] == [[1, 2], [1, 2]]


def test_pages_by_query(sandbox, wire):
    for offset in (0, 2):
        sandbox.answer("GET", "/order/orders", {"at": offset}, query={"_offset": offset})
    sandbox.answer("GET", "/order/orders", {"at": "start"})
    sandbox.answer("GET", "/order/orders", {"two": 1}, query={"id": ["a", "b"], "live": True})
    assert ask(wire, "/order/orders?_offset=2&_limit=2")[1] == {"at": 2}
    assert ask(wire, "/order/orders?_offset=0")[1] == {"at": 0}
    assert ask(wire, "/order/orders?_offset=9")[1] == {"at": "start"}
    assert ask(wire, "/order/orders?id=a&live=true&id=b")[1] == {"two": 1}
    assert ask(wire, "/order/orders?id=a&live=true")[1] == {"at": "start"}
    sandbox.answer("GET", "/order/orders", {"without": 1}, query={"_offset": None, "x": 1})
    assert ask(wire, "/order/orders?x=1")[1] == {"without": 1}
    assert ask(wire, "/order/orders?x=1&_offset=7")[1] == {"at": "start"}


def test_bytes_and_no_content(sandbox, wire):
    sandbox.answer("GET", "/pdf", b"%PDF", headers={"Content-Type": "application/pdf"})
    answer = wire.get("/pdf", **KEY)
    assert (answer.data, answer.headers["Content-Type"]) == (b"%PDF", "application/pdf")
    sandbox.answer("DELETE", "/order/orders/{order_id}", status=204)
    assert ask(wire, "/order/orders/A", "DELETE") == (204, None)
    sandbox.answer("GET", "/null")
    assert wire.get("/null", **KEY).data == b"null"


def test_head_is_answered_as_get(sandbox, wire):
    sandbox.answer("GET", "/a", {"n": 1})
    answer = wire.send("HEAD", "/a", headers={**KEY, "X-UltraCart-Api-Version": "2017-03-01"})
    assert (answer.status, answer.headers["Content-Length"]) == (200, "8")


def test_what_is_missing_is_named_with_what_is_prepared(sandbox, wire):
    assert "None is prepared" in ask(wire, "/order/order/1")[1]["error"]["developer_message"]
    sandbox.answer("GET", "/order/orders/{order_id}", {}, query={"_expand": "items"})
    told = ask(wire, "/order/order/\u20ac")[1]["error"]["developer_message"]
    assert "no response for GET /order/order/\u20ac" in told
    assert "Prepared: GET /order/orders/{order_id}?_expand=items." in told


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"path": "/a?b=1"}, "query"),
        ({"path": "/a#b"}, "fragment"),
        ({"path": "a"}, "path"),
        ({"path": "/rest/v2"}, "path"),
        ({"path": "/"}, "path"),
        ({"path": "/a/../b"}, "path"),
        ({"path": "/a/{}"}, "path"),
        ({"path": "/a/{b"}, "path"),
        ({"path": "/a/{b}/{b}"}, "once"),
        ({"path": "/a\n"}, "path"),
        ({"path": None}, "path"),
        ({"path": "/rest/v2/oauth/token"}, r"faults\.add\('/oauth/token'"),
        ({"path": "/oauth/{name}"}, "OAuth server"),
        ({"method": "FETCH"}, "method"),
        ({"method": None}, "method"),
        ({"status": 199}, "status"),
        ({"status": 600}, "status"),
        ({"status": "200"}, "status"),
        ({"status": True}, "status"),
        ({"status": 204, "body": {"n": 1}}, "status 204 has no body"),
        ({"headers": {"X-A": "1\r\nX-B: 2"}}, "headers"),
        ({"headers": {"X A": "1"}}, "headers"),
        ({"headers": {"X-A": "\u20ac"}}, "headers"),
        ({"headers": {"Content-Length": "1"}}, "headers"),
        ({"headers": [("X-A", "1")]}, "headers"),
        ({"query": "a=1"}, "query"),
        ({"query": {"a": object()}}, "query"),
        ({"query": {1: "a"}}, "query"),
        ({"body": {}, "sequence": [{}]}, "either"),
        ({"sequence": []}, "sequence"),
        ({"sequence": "ab"}, "sequence"),
        ({"sequence": 5}, "sequence"),
        ({"sequence": [({}, 700)]}, "status"),
        ({"sequence": [({},)]}, "tuple"),
        ({"body": ({"error": "none"}, 404)}, "sequence"),
        ({"body": float("nan")}, "JSON"),
    ],
)
def test_what_can_never_be_is_refused_by_name(sandbox, arguments, name):
    given = {"method": "GET", "path": "/a", **arguments}
    with pytest.raises(ValueError, match=name):
        sandbox.answer(**given)
