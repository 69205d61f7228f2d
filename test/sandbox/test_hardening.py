"""What a hostile page or client cannot do: forge a host, smuggle a redirect, fill the memory."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from ultracart.sandbox import Application, Sandbox, recording

from .conftest import API_VERSION
from .test_pages import PLAIN, consent_url
from .test_raw_requests import talk

DEADLINE = 20


def ask(sandbox, head, *more):
    """One raw request on a connection of its own; status and body of the response."""
    told = talk(sandbox, head, *more)
    start, _, body = told.partition(b"\r\n\r\n")
    return int(start.split()[1]), body


def get(path, host="127.0.0.1"):
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("latin-1")


def test_other_machines_cannot_connect(sandbox):
    """127.0.0.2 stands for the machine's other addresses: it listens on all of them or on none."""
    with pytest.raises(OSError, match=r"refused|assign|unreachable"):
        socket.create_connection(("127.0.0.2", sandbox.port), DEADLINE).close()


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80",
        "user@127.0.0.1",
        "127.0.0.1@evil.example",
        "0.0.0.0",
        "192.168.0.1",
        "[::2]",
        "[::1",
        "127.0.0.1:x",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/", "/rest/v2/oauth/me", "consent"])
def test_a_host_that_is_not_loopback_is_refused(sandbox, host, path):
    target = "/rest/v2" + consent_url(sandbox) if path == "consent" else path
    status, body = ask(sandbox, get(target, host))
    assert status == 421
    assert "Host header" in json.loads(body)["error"]["developer_message"]
    assert sandbox.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:8765"])
def test_loopback_names_on_any_port_are_served(sandbox, host):
    assert ask(sandbox, get("/rest/v2/oauth/me", host))[0] == 401


def test_an_absolute_target_is_judged_by_its_host(sandbox):
    assert ask(sandbox, get("http://evil.example/rest/v2/oauth/me"))[0] == 421
    assert ask(sandbox, get("http://localhost/rest/v2/oauth/me", "evil.example"))[0] == 401
    assert sandbox.requests[-1].path == "/oauth/me"


def test_a_target_that_is_no_url_gets_a_clean_answer(sandbox):
    assert ask(sandbox, get("http://["))[0] == 400


@pytest.mark.parametrize("lines", ["", "Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n"])
def test_one_host_header_is_required(sandbox, lines):
    head = f"GET /rest/v2/oauth/me HTTP/1.1\r\nConnection: close\r\n{lines}\r\n".encode()
    assert ask(sandbox, head)[0] == 400


def test_a_device_goes_to_this_sandbox_whatever_host_is_named(sandbox, wire):
    form = {"client_id": sandbox.client_id, "scope": "crm"}
    answer = wire.post("/oauth/device/authorize", {"Host": "localhost:1"}, **form).json()
    assert answer["verification_uri"] == f"{sandbox.host}/oauth/device"
    assert answer["verification_uri_complete"].startswith(f"{sandbox.host}/oauth/device?")


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "http://evil.example@127.0.0.1/cb",
        "http://user:password@localhost:8000/cb",
        "http://127.0.0.1\\@evil.example/cb",
        "http://127.0.0.1:80\\.evil.example/cb",
        "http:\\\\127.0.0.1\\cb",
        "http://localhost/\\evil.example/cb",
        "http://localhost/c\tb",
        "http://local\nhost/cb",
        " http://localhost/cb",
        "http://localhost /cb",
        "http://localhost:0/cb",
        "http://localhost/cb#x",
        "https://localhost/cb",
        "http://127.0.0.1.evil.example/cb",
    ],
)
def test_redirect_uris_that_only_look_like_loopback_are_refused(redirect_uri):
    application = Application("shop", ("https://shop.example/cb",))
    assert not application.check_redirect_uri(redirect_uri)
    assert application.check_redirect_uri("http://localhost:8000/cb?x=%5C")


@pytest.mark.parametrize("path", ["/%E2%82%AC", "/%F0%9F%8D%8E/a%0D%0Ab", "/%00", "/%FF"])
def test_any_path_gets_a_clean_answer(sandbox, wire, path):
    answer = wire.get(path, **{"x-ultracart-simple-key": "YOUR_API_KEY"})
    assert answer.status == 404
    assert answer.headers["UC-REST-ERROR"].isascii()
    assert answer.json()["success"] is False


def test_a_path_is_recorded_as_it_reads(sandbox, wire):
    wire.get("/item/items/%E2%82%AC")
    assert sandbox.requests[-1].path == "/item/items/\u20ac"
    assert (
        wire.get("/oauth/authorize?client_id=%E2%82%AC&response_type=code", **PLAIN).status == 400
    )


HEAD = (
    b"POST /rest/v2/oauth/token HTTP/1.1\r\nHost: localhost\r\n"
    b"X-UltraCart-Api-Version: 2017-03-01\r\n"
)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Content-Length: 99999999999\r\n\r\n", 413),
        (b"Content-Length: -1\r\n\r\n", 400),
        (b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"X: " + b"x" * 70_000 + b"\r\n\r\n", 431),
    ],
)
def test_what_is_too_large_or_ambiguous_is_refused(sandbox, head, status):
    assert ask(sandbox, HEAD + head)[0] == status
    assert sandbox.requests == []


def test_a_target_that_is_too_long_is_refused(sandbox):
    assert ask(sandbox, b"GET /" + b"x" * 70_000)[0] == 414


def test_chunks_are_bounded(sandbox, monkeypatch):
    monkeypatch.setattr("ultracart.sandbox.http_server.MAX_BODY_BYTES", 100)
    chunks = b"Transfer-Encoding: chunked\r\n\r\n" + (b"40\r\n" + b"x" * 64 + b"\r\n") * 3
    assert ask(sandbox, HEAD + chunks + b"0\r\n\r\n")[0] == 413
    assert ask(sandbox, HEAD + b"Content-Length: 101\r\n\r\n")[0] == 413


@pytest.mark.parametrize(
    "part", [b"G", b"GET / HTTP/1.1\r\nHost: loc", HEAD + b"Content-Length: 9\r\n\r\nabc"]
)
def test_a_request_that_stops_half_way_is_ended(sandbox, monkeypatch, part):
    monkeypatch.setattr("ultracart.sandbox.http_server.REQUEST_DEADLINE", 0.05)
    assert ask(sandbox, part)[0] == 408
    assert sandbox.requests == []


@pytest.mark.parametrize("part", [b"GET /rest", HEAD + b"Content-Length: 9\r\n\r\nabc"])
def test_a_request_that_was_cut_off_is_not_served(sandbox, part):
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=DEADLINE) as peer:
        peer.sendall(part)
        peer.shutdown(socket.SHUT_WR)
        told = b"".join(iter(lambda: peer.recv(65536), b""))
    assert told.startswith(b"HTTP/1.1 408 ")
    assert sandbox.requests == []


def test_an_idle_connection_is_kept(sandbox, wire, monkeypatch):
    passes = threading.Event()
    ended = sandbox._http._connections.end_slow_requests

    def look():
        ended()
        passes.set()

    sandbox._http._server.service_actions = look
    assert wire.get("/oauth/me").status == 401
    # Only now, when no request is under way that the server would end.
    monkeypatch.setattr("ultracart.sandbox.http_server.REQUEST_DEADLINE", 0.0)
    for _ in range(2):
        passes.clear()
        assert passes.wait(DEADLINE)
    monkeypatch.setattr("ultracart.sandbox.http_server.REQUEST_DEADLINE", 60.0)
    assert wire.get("/oauth/me").status == 401
    assert sandbox.counters.connections == 1


def test_recorded_requests_are_bounded(sandbox, wire, monkeypatch):
    monkeypatch.setattr(recording, "MAX_REQUESTS", 3)
    for number in range(5):
        wire.get(f"/item/{number}")
    assert [item.path for item in sandbox.requests] == ["/item/2", "/item/3", "/item/4"]
    assert sandbox.counters.requests == 5


def test_recorded_bodies_are_bounded(sandbox, wire, monkeypatch):
    monkeypatch.setattr(recording, "MAX_BODY_BYTES", 250)
    for number in range(5):
        wire.send("POST", f"/item/{number}", headers=API_VERSION, body=b"x" * 100)
    assert [item.path for item in sandbox.requests] == ["/item/3", "/item/4"]
    wire.send("POST", "/item/5", headers=API_VERSION, body=b"x" * 1000)
    assert [item.path for item in sandbox.requests] == ["/item/5"]
    sandbox.requests.clear()
    wire.send("POST", "/item/6", headers=API_VERSION, body=b"x" * 200)
    assert len(sandbox.requests) == 1


def test_the_application_of_a_request(connect):
    with Sandbox() as sandbox:
        wire = connect(sandbox)
        token = wire.grant()["access_token"]
        wire.get("/oauth/me", token)
        wire.get("/oauth/me", "unknown")
        wire.get("/oauth/me", Authorization="Basic c2hvcDpzZWNyZXQ=")
        wire.get("/oauth/authorize?client_id=other")
        assert [item.application for item in sandbox.requests] == [
            "sandbox_client",
            "sandbox_client",
            None,
            "shop",
            "other",
        ]
        assert all(item.seconds is not None and item.seconds >= 0 for item in sandbox.requests)


def test_on_request_sees_each_request(connect, caplog):
    seen = []

    def note(request):
        seen.append((request.method, request.path, request.status, request.seconds is not None))
        raise RuntimeError

    with Sandbox(on_request=note) as sandbox:
        wire = connect(sandbox)
        assert wire.get("/oauth/me").status == 401
        sandbox.faults.add(drop="before")
        with pytest.raises(Exception, match="aborted"):
            wire.get("/oauth/me")
    assert seen == [("GET", "/oauth/me", 401, True), ("GET", "/oauth/me", None, True)]
    assert "on_request has failed" in caplog.text
    with Sandbox(on_request=lambda request: pytest.fail("this fails no response")) as sandbox:
        assert connect(sandbox).get("/oauth/me").status == 401
    with pytest.raises(ValueError, match="on_request"):
        Sandbox(on_request="print")  # type: ignore[arg-type]
