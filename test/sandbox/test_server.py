"""The server starts, serves many at once, records, and leaves nothing behind."""

from __future__ import annotations

import ast
import contextlib
import gc
import http.client
import os
import pathlib
import socket
import struct
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3

import ultracart.sandbox
from ultracart.sandbox import Sandbox

from .conftest import API_VERSION

DEADLINE = 60


def test_ten_side_by_side(connect):
    sandboxes = [Sandbox() for _ in range(10)]
    try:
        assert len({sandbox.host for sandbox in sandboxes}) == 10
        tokens = [connect(sandbox).grant()["access_token"] for sandbox in sandboxes]
        assert connect(sandboxes[0]).get("/oauth/me", tokens[0]).status == 200
        assert connect(sandboxes[0]).get("/oauth/me", tokens[1]).status == 401
    finally:
        for sandbox in sandboxes:
            sandbox.close()


def test_close_frees_port_and_threads(connect):
    before = set(threading.enumerate())
    sandbox = Sandbox()
    wire = connect(sandbox)
    wire.grant()  # leaves a connection open, as pools do
    assert set(threading.enumerate()) - before
    sandbox.close()
    sandbox.close()
    assert set(threading.enumerate()) - before == set()
    with pytest.raises(urllib3.exceptions.NewConnectionError):
        connect(sandbox).get("/oauth/me")
    with Sandbox(port=sandbox.port) as successor:
        assert successor.port == sandbox.port


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_forked_child_ends_only_its_own_copy():
    """The child has neither the thread nor the connections; its listener is the parent's."""
    code = """
        import os, signal, urllib.error, urllib.request
        from ultracart.sandbox import Sandbox

        def status():
            try:
                return urllib.request.urlopen(sandbox.host + "/oauth/me").status
            except urllib.error.HTTPError as error:
                with error:
                    return error.code

        with Sandbox() as sandbox:
            sandbox.faults.add("/oauth/me", status=503)
            child = os.fork()
            if child == 0:
                signal.alarm(30)  # ends a child that waits for ever
                with sandbox:  # without a warning of the fault, of whose hits it knows nothing
                    pass
                sandbox.close()
                os._exit(7 if "(closed)" in repr(sandbox) else 1)
            assert os.waitpid(child, 0)[1] == 7 << 8
            assert (status(), status()) == (503, 401)
        """
    # A fork beside other threads is a DeprecationWarning.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_close_waits_for_threads_that_end_at_that_moment(connect):
    """A thread that has sent its response sees that the sandbox closes, and ends on its own."""
    before = set(threading.enumerate())
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # so that it is in the middle of that
    try:
        for _ in range(100):
            with Sandbox() as sandbox, connect(sandbox).pool as pool:
                pool.request("GET", sandbox.host + "/oauth/me")
            assert set(threading.enumerate()) - before == set()
    finally:
        sys.setswitchinterval(interval)


def test_a_prepared_response_may_close_the_sandbox(connect):
    sandbox = Sandbox()
    failed = []

    def close(request):
        try:
            sandbox.close()
        except BaseException as error:
            failed.append(error)
        return {}

    sandbox.answer("GET", "/order/orders", close)
    with contextlib.suppress(urllib3.exceptions.HTTPError):
        connect(sandbox).get("/order/orders", **{"x-ultracart-simple-key": "YOUR_API_KEY"})
    sandbox.close()
    assert failed == []
    assert "(closed)" in repr(sandbox)


@pytest.mark.parametrize("read", [True, False])
def test_close_lets_a_response_that_is_being_sent_end(read):
    """A browser would report a cut response; a client that does not read is not waited for."""
    before = set(threading.enumerate())
    sandbox = Sandbox()
    body = "x" * 8_000_000
    sandbox.faults.add("/oauth/me", status=200, body=body)
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=DEADLINE) as connection:
        connection.sendall(b"GET /rest/v2/oauth/me HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = len(connection.recv(1))
        with ThreadPoolExecutor(1) as pool:
            closed = pool.submit(sandbox.close)
            if read:
                while chunk := connection.recv(100_000):
                    received += len(chunk)
                assert received > len(body)
            closed.result(DEADLINE)
    assert set(threading.enumerate()) - before == set()


def test_taken_port_is_an_error_of_its_own():
    with Sandbox() as sandbox, pytest.raises(OSError, match=r"[Aa]ddress already in use"):
        Sandbox(port=sandbox.port)


@pytest.mark.parametrize("port", [-1, 65536, "8765", None])
def test_impossible_port_is_refused(port):
    with pytest.raises(ValueError, match="port"):
        Sandbox(port=port)


def test_serve_forever_ends_with_close():
    sandbox = Sandbox()
    waiting = threading.Thread(target=sandbox.serve_forever, daemon=True)
    waiting.start()
    sandbox.close()
    waiting.join(DEADLINE)
    assert not waiting.is_alive()


def test_connections_are_kept_alive(sandbox, wire):
    for _ in range(5):
        wire.refresh("x")
    assert sandbox.counters.connections == 1
    assert sandbox.counters.requests == 5


def test_an_unread_body_does_not_spoil_the_next_request(sandbox):
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=DEADLINE)
    chunks = iter([b"grant_type=refresh_token&refresh_token=x", b"&client_id=nobody"])
    connection.request("POST", "/rest/v2/oauth/token", body=chunks, headers=API_VERSION)
    assert connection.getresponse().read() != b""
    connection.request("PUT", "/rest/v2/nowhere", body=b"x" * 100_000, headers=API_VERSION)
    assert connection.getresponse().read() != b""
    connection.request("HEAD", "/rest/v2/oauth/authorize")
    answer = connection.getresponse()
    assert answer.status == 400
    assert answer.read() == b""
    connection.request("GET", "/rest/v2/oauth/me", headers=API_VERSION)
    assert connection.getresponse().status == 401
    connection.close()
    assert sandbox.counters.connections == 1


def test_nothing_is_printed_or_logged(sandbox, wire, capfd, caplog):
    caplog.set_level("INFO")
    wire.refresh("x")
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=DEADLINE) as connection:
        connection.sendall(b"\x00\xff nonsense\r\n\r\n")
        assert b"400" in connection.recv(1000)
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=DEADLINE) as connection:
        connection.sendall(b"POST /rest/v2/oauth/token HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""


def test_a_client_that_leaves_before_its_answer_costs_no_socket(sandbox):
    """The warning of an unclosed socket, an error here, comes when the socket is collected."""
    go, arrived = threading.Event(), threading.Event()
    sandbox.faults.add(delay=go, when=lambda request: bool(arrived.set()) or True)
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=DEADLINE) as connection:
        request = "GET /rest/v2/oauth/me HTTP/1.1\r\nHost: localhost\r\n\r\n"
        connection.sendall(request.encode())
        assert arrived.wait(DEADLINE)
        # Without lingering, leaving resets the connection: the answer has nowhere to go.
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    go.set()
    sandbox.close()
    gc.collect()


def test_parallel_clients(sandbox, connect):
    """32 clients refresh their own grants; the counters add up and no grant is lost."""
    clients, rounds = 32, 5
    ready = threading.Barrier(clients)

    def live(number):
        wire = connect(sandbox)
        token = wire.grant(merchant=f"M{number}")
        ready.wait(DEADLINE)
        for _ in range(rounds):
            token = wire.refresh(token["refresh_token"]).json()
            me = wire.get("/oauth/me", token["access_token"]).json()
            assert me["merchant_id"] == f"M{number}"

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(live, range(clients)))
    counters = sandbox.counters
    assert (counters.exchanges, counters.refreshes) == (clients, clients * rounds)
    assert counters.requests == len(sandbox.requests) == clients * (1 + 2 * rounds)
    assert (counters.reuse_detections, counters.grants_lost) == (0, 0)
    assert counters.connections == clients


def test_one_refresh_token_is_rotated_once_however_many_race(connect):
    racers = 16

    def yielding_clock():
        time.sleep(0)  # gives way to another thread in the middle of a refresh
        return time.time()

    with Sandbox(clock=yielding_clock) as sandbox:
        token = connect(sandbox).grant()["refresh_token"]
        ready = threading.Barrier(racers)

        def race(_):
            wire = connect(sandbox)
            ready.wait(DEADLINE)
            return wire.refresh(token).status

        with ThreadPoolExecutor(racers) as pool:
            statuses = sorted(pool.map(race, range(racers)))
        assert statuses == [200] + [400] * (racers - 1)
        assert (sandbox.counters.refreshes, sandbox.counters.grants_lost) == (1, 1)


def test_requests_are_recorded(sandbox, wire, clock):
    wire.post("/oauth/token?a=1&a=2", {"x-ultracart-simple-key": "k&y"}, grant_type="x y", code="")
    (seen,) = sandbox.requests
    assert (seen.method, seen.path, seen.status) == ("POST", "/oauth/token", 400)
    assert seen.query.getlist("a") == ["1", "2"]
    assert seen.form.to_dict() == {"grant_type": "x y", "code": ""}
    assert seen.headers["X-UltraCart-Simple-Key"] == "k&y"
    assert seen.body == b"grant_type=x+y&code="
    assert seen.received_at == clock.now
    assert "k&y" not in repr(seen)
    sandbox.requests.clear()
    assert sandbox.requests == []


def test_secrets_stay_out_of_logs_and_output(sandbox, wire, caplog, capfd):
    caplog.set_level("DEBUG")
    callback = sandbox.authorize(state="very-secret-state")
    token = wire.exchange(callback).json()
    newer = wire.refresh(token["refresh_token"]).json()
    wire.get("/oauth/me", newer["access_token"])
    shown = caplog.text + "".join(capfd.readouterr()) + repr(sandbox) + repr(sandbox.requests)
    secrets = ["very-secret-state", callback.partition("code=")[2][:48]]
    secrets += [
        answer[name] for answer in (token, newer) for name in ("access_token", "refresh_token")
    ]
    assert [secret for secret in secrets if secret in shown] == []


def test_switches_are_checked(sandbox):
    with pytest.raises(ValueError, match="rotate, same, absent"):
        Sandbox(refresh_tokens="sometimes")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="access_token_lifetime"):
        sandbox.access_token_lifetime = -1
    with pytest.raises(AttributeError, match="reuse_detecton"):
        sandbox.reuse_detecton = False
    with pytest.raises(AttributeError, match="merchants is fixed"):
        sandbox.merchants = ["LATE"]
    with pytest.raises(ValueError, match="at least one"):
        Sandbox(applications=[])
    with pytest.raises(TypeError, match="merchants must be a list"):
        Sandbox(merchants="DEMO")
    with pytest.raises(TypeError, match="simple_keys must be a list"):
        Sandbox(simple_keys="key")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("access_token_lifetime", float("inf")),
        ("device_lifetime", float("nan")),
        ("refresh_token_lifetime", -1),
        ("device_interval", -1),
        ("device_interval", "5"),
        ("reuse_detection", "no"),
        ("require_pkce", None),
        ("limit_concurrency", "yes"),
        ("token_type", None),
        ("granted_scope", ["item_read"]),
        ("issuer", 1),
        ("oauth_error_status", 20),
        ("oauth_error_status", "400"),
        ("clock", 1_700_000_000),
    ],
)
def test_a_value_that_no_switch_takes_is_refused(sandbox, name, value):
    with pytest.raises(ValueError, match=f"{name} must be"):
        setattr(sandbox, name, value)


def test_it_imports_nothing_of_the_client():
    folder = pathlib.Path(ultracart.sandbox.__file__).parent
    for module in folder.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                # Locks that a Ctrl-C leaves usable say nothing of OAuth.
                assert node.level <= 1 or node.module == "locks", module
                assert not (node.module or "").startswith("ultracart"), module
            elif isinstance(node, ast.Import):
                assert not any(item.name.startswith("ultracart") for item in node.names), module


def test_without_the_extra_it_says_which():
    program = (
        "import sys\n"
        "sys.modules['flask'] = None\n"
        "try:\n"
        "    import ultracart.sandbox\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    assert "python -m pip install 'Flask<4' 'Authlib<2'" in done.stdout


def test_reset_goes_back_to_the_start(connect):
    with Sandbox(access_token_lifetime=60, merchants={"OAK": "Oak"}) as sandbox:
        wire = connect(sandbox)
        token = wire.grant(merchant="LATE")
        counters = sandbox.counters
        device = wire.post("/oauth/device/authorize", client_id=sandbox.client_id).json()
        sandbox.answer("GET", "/order/orders", {})
        sandbox.faults.add("/order/orders", status=500)
        sandbox.access_token_lifetime = 5
        with pytest.warns(UserWarning, match="no request has met"):
            sandbox.reset()
        sandbox.reset()
        assert sandbox.access_token_lifetime == 60
        assert (sandbox.requests, len(sandbox.faults)) == ([], 0)
        assert sandbox.counters is counters
        assert (counters.requests, counters.exchanges) == (0, 0)
        assert wire.get("/oauth/me", token["access_token"]).status == 401
        assert wire.refresh(token["refresh_token"]).json()["error"] == "invalid_grant"
        with pytest.raises(ValueError, match="no device is waiting"):
            sandbox.approve_device(device["user_code"])
        key = {"x-ultracart-simple-key": "YOUR_API_KEY"}
        assert wire.get("/order/orders", **key).status == 404
        assert "LATE" not in wire.pool.request("GET", sandbox.url).data.decode()
