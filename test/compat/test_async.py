"""Whether ``async_req=True`` behaves as users of the official SDK know it, and leaves nothing."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from typing import Any

import pytest

from ultracart import ApiClient, Configuration, OauthApi
from ultracart.exceptions import InvalidGrantError, NotFoundException

from .comparison.recording_server import answer

DEADLINE = 20  # seconds until a test that waits for an event gives up


@pytest.fixture
def client(server):
    configuration = Configuration()
    configuration.host = server.host
    with ApiClient(configuration) as made:
        yield made


@pytest.fixture
def gate(server):
    """The server answers only once this is set."""
    server.gate = threading.Event()
    yield server.gate
    server.gate.set()


def call_threads():
    return [thread for thread in threading.enumerate() if thread.name == "ultracart-call"]


def test_result_object(server, client, gate):
    result = client.call_api("/x", "GET", response_type="object", async_req=True)
    assert not result.ready()
    with pytest.raises(ValueError, match="not finished"):
        result.successful()
    with pytest.raises(TimeoutError):
        result.get(timeout=0)
    assert result.wait(0) is None
    gate.set()
    data, status, headers = result.get(timeout=DEADLINE)
    assert (data, status, headers["content-type"]) == ({}, 200, "application/json")
    assert result.ready()
    assert result.successful()
    assert result.get() == result.get(0)


def test_error_comes_from_get_and_from_each_get(server, client):
    server.script(answer("{}", "404 Not Found"))
    result = client.call_api("/x", "GET", async_req=True)
    result.wait(DEADLINE)
    assert not result.successful()
    for _ in range(2):
        with pytest.raises(NotFoundException) as caught:
            result.get()
        assert caught.value.status == 404


def test_operations(server, client):
    api: Any = OauthApi(client)
    server.script(answer('{"successful": true, "message": "m"}'))
    assert api.oauth_revoke("client", "t", async_req=True).get(DEADLINE).successful
    data, status, _ = api.oauth_revoke_with_http_info("c", "t", async_req=True).get(DEADLINE)
    assert (data.message, status) == ("m", 200)
    server.script(answer('{"error": "invalid_grant"}', "400 Bad Request"))
    with pytest.raises(InvalidGrantError):
        api.oauth_access_token("c", "refresh_token", refresh_token="r", async_req=True).get(
            DEADLINE
        )


def test_calls_run_at_the_same_time(server, client, gate):
    results = [client.call_api("/x", "GET", async_req=True) for _ in range(8)]
    for _ in results:
        assert server.arrived.acquire(timeout=DEADLINE), "the calls wait for each other"
    gate.set()
    assert [result.get(DEADLINE)[1] for result in results] == [200] * 8


def test_more_calls_than_threads(client):
    results = [client.call_api("/x", "GET", async_req=True) for _ in range(100)]
    assert [result.get(DEADLINE)[1] for result in results] == [200] * 100


@pytest.mark.parametrize("end", ["dropped", "closed"])
def test_no_thread_is_left(server, monkeypatch, end):
    # An idle thread must be told to leave, not leave by its own patience.
    monkeypatch.setattr("ultracart.async_calls._LINGER", 600)
    configuration = Configuration()
    configuration.host = server.host
    client = ApiClient(configuration)
    before = set(call_threads())
    results = [client.call_api("/x", "GET", async_req=True) for _ in range(4)]
    threads = set(call_threads()) - before
    assert threads
    assert [result.get(DEADLINE)[1] for result in results] == [200] * 4
    if end == "closed":
        client.close()
    del client, results
    gc.collect()
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive()


def test_client_dropped_during_a_call(server, monkeypatch, gate):
    monkeypatch.setattr("ultracart.async_calls._LINGER", 600)
    configuration = Configuration()
    configuration.host = server.host
    before = set(call_threads())
    result = ApiClient(configuration).call_api("/x", "GET", async_req=True)
    (thread,) = set(call_threads()) - before
    gc.collect()
    gate.set()
    assert result.get(DEADLINE)[1] == 200
    thread.join(DEADLINE)
    assert not thread.is_alive()


def test_client_works_after_close(client):
    assert client.call_api("/x", "GET", async_req=True).get(DEADLINE)[1] == 200
    client.close()
    assert client.call_api("/x", "GET", async_req=True).get(DEADLINE)[1] == 200


@pytest.mark.parametrize("ending", ["", "raise SystemExit(3)", "1 / 0"])
def test_the_process_ends_with_a_call_in_flight(server, gate, ending):
    program = (
        "import sys, ultracart\n"
        "configuration = ultracart.Configuration()\n"
        "configuration.host = sys.argv[1]\n"
        "client = ultracart.ApiClient(configuration)\n"
        "results = [client.call_api('/x', 'GET', async_req=True) for _ in range(3)]\n"
        "sys.stdin.readline()\n" + ending
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, server.host],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(3):
        assert server.arrived.acquire(timeout=DEADLINE)
    # The server stays silent: the process must not wait for the calls' own 60 seconds.
    out, errors = process.communicate("go\n", timeout=DEADLINE)
    assert process.returncode == {"": 0, "1 / 0": 1}.get(ending, 3)
    assert out == ""
    assert ("ZeroDivisionError" if "1 / 0" in ending else "") in errors
    assert "ultracart-call" not in errors


def test_no_thread_before_the_first_call(client):
    before = set(call_threads())  # those of earlier tests, which may end meanwhile
    client.call_api("/x", "GET")
    assert client.pool is client.pool
    assert not set(call_threads()) - before
