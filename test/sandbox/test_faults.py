"""Faults on demand happen to the requests they are meant for, and to no others."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3

from ultracart.sandbox import Sandbox

DEADLINE = 20


def test_burst_of_errors_then_recovery(sandbox, wire):
    token = wire.grant()
    fault = sandbox.faults.add("/oauth/token", status=503, times=2)
    statuses = [wire.refresh(token["refresh_token"]).status for _ in range(3)]
    assert statuses == [503, 503, 200]
    assert fault.hits == 2
    assert [item.status for item in sandbox.requests][-3:] == [503, 503, 200]


@pytest.mark.parametrize("value", [7, "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_retry_after(sandbox, wire, value):
    sandbox.faults.add(retry_after=value)
    answer = wire.refresh("x")
    assert (answer.status, answer.headers["Retry-After"]) == (429, str(value))


def test_error_page_is_html(sandbox, wire):
    sandbox.faults.add(status=502)
    answer = wire.refresh("x")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert b"502 BAD GATEWAY" in answer.data
    sandbox.faults.add(status=200, body="<p>maintenance</p>")
    assert wire.refresh("x").data == b"<p>maintenance</p>"


def test_json_body(sandbox, wire):
    sandbox.faults.add("/oauth/token", body={"error": "slow_down"}, status=400)
    answer = wire.refresh("x")
    assert (answer.status, answer.json()) == (400, {"error": "slow_down"})


def test_redirect(sandbox, wire):
    target = "https://elsewhere.example/rest/v2/oauth/token"
    sandbox.faults.add(status=307, location=target)
    answer = wire.refresh("x")
    assert (answer.status, answer.headers["Location"]) == (307, target)
    sandbox.faults.add(location=target)
    assert wire.refresh("x").status == 302


def test_only_matching_requests(sandbox, wire):
    token = wire.grant()
    sandbox.faults.add("/oauth/token", status=500, times=None)
    sandbox.faults.add(method="DELETE", status=500, times=None)
    sandbox.faults.add(when=lambda request: request.form.get("token") == "bad", status=500)
    assert wire.get("/oauth/me", token["access_token"]).status == 200
    client = {"client_id": sandbox.client_id}
    statuses = [wire.post("/oauth/revoke", token=name, **client).status for name in ("ok", "bad")]
    assert statuses == [200, 500]
    assert wire.refresh("x").status == wire.refresh("x").status == 500
    sandbox.faults.clear()
    assert wire.refresh(token["refresh_token"]).status == 200


def test_drop_before_processing_loses_nothing(sandbox, wire):
    token = wire.grant()
    sandbox.faults.add("/oauth/token", drop="before")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        wire.refresh(token["refresh_token"])
    assert sandbox.requests[-1].status is None
    assert sandbox.counters.refreshes == 0
    assert wire.refresh(token["refresh_token"]).status == 200


def test_drop_after_processing_loses_the_answer(sandbox, wire):
    sandbox.reuse_grace = 30
    token = wire.grant()
    sandbox.faults.add("/oauth/token", drop="after")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        wire.refresh(token["refresh_token"])
    assert sandbox.counters.refreshes == 1
    repeated = wire.refresh(token["refresh_token"])
    assert repeated.status == 200
    assert (sandbox.counters.refreshes, sandbox.counters.replays) == (1, 1)


def test_delay_until_an_event(sandbox, wire):
    token = wire.grant()["access_token"]
    go = threading.Event()
    sandbox.faults.add("/oauth/me", delay=go)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(wire.get, "/oauth/me", token)
        # The held request does not stop another one, and is not answered before the event.
        assert wire.refresh("x").status == 400
        assert not held.done()
        go.set()
        assert held.result(DEADLINE).status == 200


def test_delay_in_seconds_ends_when_the_sandbox_closes(connect):
    before = set(threading.enumerate())
    sandbox = Sandbox()
    wire = connect(sandbox)
    fault = sandbox.faults.add(delay=3600, when=lambda request: bool(arrived.set()) or True)
    arrived = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(wire.get, "/oauth/me")
        assert arrived.wait(DEADLINE)
        sandbox.close()
        held.exception(DEADLINE)
    assert fault.hits == 1
    assert set(threading.enumerate()) - before == set()


def test_concurrent_requests_of_one_application_are_refused(sandbox, wire):
    sandbox.limit_concurrency = True
    first, second = wire.grant(), wire.grant(merchant="OTHER")
    go, arrived = threading.Event(), threading.Event()
    sandbox.faults.add("/oauth/me", delay=go, when=lambda request: bool(arrived.set()) or True)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(wire.get, "/oauth/me", first["access_token"])
        assert arrived.wait(DEADLINE)
        busy = [
            wire.get("/oauth/me", second["access_token"]),
            wire.refresh(second["refresh_token"]),
        ]
        assert [item.status for item in busy] == [429, 429]
        assert all(item.headers["Retry-After"] == "1" for item in busy)
        assert wire.get("/oauth/me", "access_token_example").status == 200
        go.set()
        assert held.result(DEADLINE).status == 200
    assert wire.refresh(second["refresh_token"]).status == 200
    assert sandbox.counters.max_concurrent == 2


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"drop": "now"},
        {"drop": "after", "status": 500},
        {"status": 500, "times": 0},
    ],
)
def test_arguments_are_checked(sandbox, arguments):
    with pytest.raises(ValueError, match=r"give|must be"):
        sandbox.faults.add(**arguments)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"times": -1}, "times"),
        ({"times": "3"}, "times"),
        ({"times": True}, "times"),
        ({"times": 1.5}, "times"),
        ({"delay": -1}, "delay"),
        ({"delay": "1"}, "delay"),
        ({"delay": float("inf")}, "delay"),
        ({"retry_after": -1}, "retry_after"),
        ({"retry_after": "soon"}, "retry_after"),
        ({"retry_after": 1.5}, "retry_after"),
        ({"status": 99}, "status"),
        ({"status": 1000}, "status"),
        ({"status": "500"}, "status"),
        ({"status": 204, "body": "x"}, "status 204"),
        ({"method": "PSOT"}, "method"),
        ({"path": "oauth/token"}, "path"),
        ({"path": "/oauth/tokens"}, "none of the OAuth server's: /oauth/authorize"),
        ({"path": "/OAuth/Token"}, "none of the OAuth server's"),
        ({"path": "/oauth/token?x=1"}, "query"),
        ({"location": "https://a.example/\r\nX: 1"}, "headers"),
        ({"when": "always"}, "when"),
        ({"body": 5}, "body"),
    ],
)
def test_what_can_never_happen_is_refused_by_name(sandbox, arguments, name):
    with pytest.raises(ValueError, match=name):
        sandbox.faults.add(**{"status": 500, **arguments})


def test_paths_and_methods_are_written_in_any_way(sandbox, wire):
    fault = sandbox.faults.add("/rest/v2/oauth/{endpoint}", method="post", status=503)
    assert wire.get("/oauth/me").status == 401
    assert wire.refresh("x").status == 503
    assert fault.hits == 1


def test_a_status_without_a_body_has_none(sandbox, wire):
    sandbox.faults.add("/oauth/token", status=204)
    answer = wire.refresh("x")
    assert (answer.status, answer.data) == (204, b"")


def test_a_list_is_sent_as_json(sandbox, wire):
    sandbox.faults.add("/oauth/token", body=[1])
    assert wire.refresh("x").json() == [1]


def test_repr_tells(sandbox, wire):
    def mine(request):
        return True

    fault = sandbox.faults.add("/oauth/token", method="post", status=503, times=2, when=mine)
    sandbox.faults.add(retry_after=7, delay=0.0, times=None)
    wire.refresh("x")
    assert repr(fault) == ("<Fault for POST /oauth/token when mine: status 503; 1 left, 1 hit>")
    assert repr(list(sandbox.faults)[1]) == (
        "<Fault for any method any path: 0 s later, status 429, Retry-After 7; every time, 0 hits>"
    )
    assert len(sandbox.faults) == 2
    assert "POST /oauth/token" in repr(sandbox.faults)
    sandbox.faults.clear()


def test_a_fault_that_nothing_has_met_is_warned_of():
    sandbox = Sandbox()
    sandbox.faults.add("/order/order", status=500)
    with pytest.warns(UserWarning, match=r"no request has met <Fault for any method /order/order"):
        sandbox.close()
    sandbox.close()


def test_the_warning_stays_out_of_the_way_of_an_error():
    sandbox = Sandbox()
    sandbox.faults.add("/order/order", status=500)
    with pytest.raises(KeyError), sandbox:
        raise KeyError


def test_one_fault_can_be_removed(sandbox, wire):
    first = sandbox.faults.add("/oauth/token", status=500)
    second = sandbox.faults.add("/oauth/token", status=501)
    sandbox.faults.remove(first)
    sandbox.faults.remove(first)
    assert wire.refresh("x").status == 501
    assert second.hits == 1
