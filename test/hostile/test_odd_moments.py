"""Connections that are interrupted, closed by others, or used without a call; and odd proxies."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from ultracart import ApiException, RateLimitException

from .conftest import BEARER, assert_clean, exchange
from .server import Peer, answer, connect_proxy
from .test_processes import in_child, run

TOKEN = answer('{"access_token":"a"}')
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


@pytest.mark.parametrize("header", [(), ("Connection: close",)], ids=["kept", "closed by server"])
@needs_fork
def test_fork_after_the_last_answer(serve: Any, api_of: Any, header: Any) -> None:
    api = api_of(serve(answer('{"access_token":"a"}', "200 OK", *header)))
    exchange(api)
    assert in_child(lambda: exchange(api).access_token == "a") == 0
    assert exchange(api).access_token == "a"


@needs_fork
def test_fork_after_the_application_closed_the_pool_itself(serve: Any, api_of: Any) -> None:
    api = api_of(serve(TOKEN))
    exchange(api)
    api.api_client.rest_client.pool_manager.close()
    assert in_child(lambda: exchange(api).access_token == "a") == 0


def attempts(port: int) -> int:
    """How many connections to the port wait for its answer (SYN_SENT is 02 in the table)."""
    with open("/proc/self/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table]
    return sum(row[2].endswith(":%04X" % port) and row[3] == "02" for row in rows)


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's table of connections")
def test_an_interrupted_connection_attempt_leaves_no_socket(
    api_of: Any, descriptors: Callable[[], int]
) -> None:
    def raise_interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        for _ in range(4):  # fills the backlog: from then on SYNs are dropped
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        fillers = attempts(port)
        api = api_of("http://127.0.0.1:%d" % port)
        opened = descriptors()
        main = threading.get_ident()

        def interrupt() -> None:
            pause = threading.Event()
            for _ in range(1000):
                if attempts(port) > fillers:
                    signal.pthread_kill(main, signal.SIGUSR1)
                    return
                pause.wait(0.01)

        before = signal.signal(signal.SIGUSR1, raise_interrupt)
        stack.callback(signal.signal, signal.SIGUSR1, before)
        thread = threading.Thread(target=interrupt)
        stack.callback(thread.join, 20)

        def call() -> None:
            thread.start()
            exchange(api, _request_timeout=15.0)

        with pytest.raises(KeyboardInterrupt):
            call()
        assert descriptors() <= opened  # fewer, where an earlier test left something


def test_a_body_that_the_caller_reads_is_bounded_by_silence_alone(serve: Any, api_of: Any) -> None:
    body = b'{"merchant_id":"M"}'

    def step(peer: Peer) -> bool:
        head, _, _ = answer(body).partition(body)
        peer.send(head)
        peer.drip(body, 0.08)  # 19 bytes: longer than the call's whole time
        return False

    raw = api_of(serve(step)).oauth_me(_preload_content=False, _request_timeout=1)
    assert raw.read() == body
    raw.close()


@pytest.mark.parametrize("date", ["Fri, 31 Dec 99999 23:59:59 GMT", "later"])
def test_an_impossible_date_is_no_retry_after(serve: Any, api_of: Any, date: str) -> None:
    server = serve(answer("", "429 Slow", "Retry-After: " + date))
    with pytest.raises(RateLimitException) as caught:
        exchange(api_of(server))
    assert caught.value.retry_after is None
    assert len(server.requests) == 1


@pytest.mark.parametrize("user", ["", "user:pass@"])
def test_a_proxy_without_a_scheme_is_http(
    serve: Any, api_of: Any, authority: Any, user: str
) -> None:
    origin, proxy = serve(TOKEN, tls=authority.context()), serve(connect_proxy)
    named = "%s127.0.0.1:%d" % (user, proxy.port)
    assert exchange(api_of(origin, ssl_ca_cert=authority.path, proxy=named)).access_token == "a"
    (connect,) = proxy.requests
    assert ("proxy-authorization" in connect.headers) == bool(user)


@pytest.mark.parametrize("password", ["planted-Pr0xyPassw0rd", "pl4nt3d"])
def test_what_an_answer_repeats_of_a_proxys_password_is_not_shown(
    serve: Any, api_of: Any, password: str
) -> None:
    basic = base64.b64encode(("user:" + password).encode()).decode()
    echo = '{"error":"%s","error_description":"%s %s"}' % ("invalid_request", password, basic)
    proxy = serve(answer(echo, "400 No"))
    api = api_of(
        "http://api.example.com/rest/v2",
        proxy="http://user:%s@127.0.0.1:%d" % (password, proxy.port),
        allow_insecure_transport=True,
    )
    with pytest.raises(ApiException) as caught:
        exchange(api)
    assert caught.value.status == 400
    assert_clean(str(caught.value) + repr(caught.value), password, basic)
    assert password not in str(caught.value)


def test_urllib3s_own_interface_goes_through_the_tunnel_without_a_call(
    serve: Any, client_of: Any, authority: Any
) -> None:
    origin, proxy = serve(TOKEN, tls=authority.context()), serve(connect_proxy)
    client = client_of(origin, ssl_ca_cert=authority.path, proxy="http://127.0.0.1:%d" % proxy.port)
    told = client.rest_client.pool_manager.request("GET", "/me", preload_content=False)
    assert told.read() == b'{"access_token":"a"}'
    told.close()
    assert origin.requests[0].line == "GET /me HTTP/1.1"
    assert BEARER not in origin.requests[0].raw.decode()


def test_a_call_after_idle_connections_were_closed_at_exit(serve: Any) -> None:
    # Handlers run in the reverse order: this one after that of the transport.
    script = "import atexit\natexit.register(lambda: print(api.oauth_me().merchant_id, flush=True))"
    done = run(serve(answer('{"merchant_id":"M"}')), script + "\napi.oauth_me()")
    assert done.stdout == "M\n"
