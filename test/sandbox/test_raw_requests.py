"""The sandbox answers what no ordinary client sends, and refuses what is wrong."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from ultracart.sandbox import Application, Sandbox

from .test_pages import PLAIN, submit

DEADLINE = 20


def talk(sandbox, *parts):
    """Send the parts, each after an answer to the one before; returns everything answered."""
    port = urlsplit(sandbox.host).port
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as peer:
        told = b""
        for part in parts:
            peer.sendall(part)
            told += peer.recv(65536)
        return told + b"".join(iter(lambda: peer.recv(65536), b""))


HEAD = (
    b"POST /rest/v2/oauth/revoke HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    b"X-UltraCart-Api-Version: 2017-03-01\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n"
)


def test_a_client_that_asks_first_is_told_to_go_on(sandbox):
    body = b"client_id=%s&token=unknown" % sandbox.client_id.encode()
    head = HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    told = talk(sandbox, head, body)
    assert told.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 ")
    assert sandbox.requests[-1].form["token"] == "unknown"


def test_a_length_that_is_no_number_is_no_body_and_the_last_request(sandbox):
    told = talk(sandbox, HEAD.replace(b"Connection: close\r\n", b"") + b"Content-Length: x\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 4")
    assert b"\r\nConnection: close\r\n" in told


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("sent", [b"40\r\nclient_id=", b"5\r\nabcde\r\n40\r\n", b"FFFFFFFF\r\na"])
def test_a_client_that_leaves_in_a_chunk_gets_a_response_and_prints_nothing(sandbox, capfd, sent):
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=DEADLINE) as peer:
        peer.sendall(CHUNKED + sent)
        peer.shutdown(socket.SHUT_WR)
        told = b"".join(iter(lambda: peer.recv(65536), b""))
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b"The last chunk has not come whole." in told
    sandbox.close()
    assert capfd.readouterr() == ("", "")


def test_an_unknown_transfer_coding_is_refused(sandbox):
    told = talk(sandbox, CHUNKED.replace(b"chunked", b"gzip") + b"3\r\nabc\r\n0\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 501 ")
    assert told.count(b"HTTP/1.1 ") == 1
    assert not sandbox.requests


def test_a_path_outside_the_api_is_not_found(sandbox, wire):
    root = sandbox.host.replace("/rest/v2", "/elsewhere")
    answer = wire.pool.request("GET", root, headers={"X-UltraCart-Api-Version": "2017-03-01"})
    assert answer.status == 404
    assert json.loads(answer.data)["error"]
    assert sandbox.requests[-1].path == "/elsewhere"


@pytest.mark.parametrize(
    "credential",
    [{"x-ultracart-simple-key": "demo-simple-key"}, {"Authorization": "Basic c2hvcDpzZWNyZXQ="}],
    ids=["simple key", "basic"],
)
def test_concurrency_is_limited_for_each_credential(sandbox, wire, credential):
    sandbox.limit_concurrency = True
    go_on = threading.Event()
    fault = sandbox.faults.add("/oauth/me", delay=go_on)
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(wire.get, "/oauth/me", **credential)
        pause = threading.Event()
        while not fault.hits:
            pause.wait(0.01)
        assert wire.get("/oauth/me", **credential).status == 429
        assert wire.get("/oauth/me", token="other").status == 401
        go_on.set()
        assert first.result(DEADLINE).status != 429


def test_a_delay_without_end_ends(sandbox, wire, monkeypatch):
    monkeypatch.setattr("ultracart.sandbox.faults.EVENT_DEADLINE", 0.05)
    sandbox.faults.add("/oauth/me", delay=threading.Event())
    assert wire.get("/oauth/me", token="unknown").status == 401


def test_a_device_may_not_ask_for_what_its_application_may_not(connect):
    application = Application("tv", ("https://tv.example/cb",), scope="item_read")
    with Sandbox(applications=[application]) as sandbox:
        answer = connect(sandbox).post(
            "/oauth/device/authorize", client_id="tv", scope="user_write"
        )
        assert (answer.status, answer.json()["error"]) == (400, "invalid_scope")


def test_the_device_page_refuses_old_codes_and_unknown_merchants(sandbox, wire, clock):
    device = wire.post("/oauth/device/authorize", client_id=sandbox.client_id, scope="crm").json()
    code = {"user_code": device["user_code"]}
    page = wire.get("/oauth/device", **PLAIN)
    unknown = submit(wire, "/oauth/device", page, decision="allow", merchant="NOBODY", **code)
    assert unknown.status == 400
    assert b"Unknown merchant" in unknown.data
    clock.advance(device["expires_in"] + 1)
    expired = submit(wire, "/oauth/device", page, **code)
    assert expired.status == 400
    assert b"That code has expired" in expired.data


def test_impossible_applications_and_merchants_are_refused(sandbox):
    with pytest.raises(ValueError, match="client_id"):
        Application("", ("https://shop.example/cb",))
    with pytest.raises(TypeError, match="redirect_uris"):
        Application("shop", "https://shop.example/cb")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="merchant"):
        sandbox.authorize(merchant="")
