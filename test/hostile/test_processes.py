"""Threads, forks, pickles and exhausted descriptors: nothing is shared that must not be."""

from __future__ import annotations

import gc
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from ultracart import ApiConnectionError, ApiException, OauthApi

from .conftest import exchange
from .server import HostileServer, Peer, Request, answer


def echo(request: Request) -> bytes:
    code = dict(pair.split("=") for pair in request.body.decode().split("&"))["code"]
    return answer('{"access_token":"for-%s"}' % code)


class Chaos:
    """A step that answers each request with its own code, or breaks in a random way."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def __call__(self, peer: Peer) -> Any:
        right = echo(peer.request_now)  # type: ignore[attr-defined]
        return self._random.choice(
            [
                lambda: peer.send(right) and None,
                lambda: peer.send(right) and None,
                lambda: peer.send(right) and None,
                lambda: peer.send(right) and False,
                lambda: False,
                lambda: peer.reset() or False,
                lambda: peer.send(right[:-9]) and False,
                lambda: peer.send(right + right.replace(b"for-", b"EVIL")) and None,
                lambda: peer.send(b"HTTP/1.1 100 Continue\r\n\r\n" + right) and None,
                lambda: peer.send(b"garbage\r\n\r\n") and False,
                lambda: peer.send(answer("", "500 No")) and None,
                lambda: peer.silence(),
            ]
        )()


class EchoPeer(Peer):
    def request(self) -> Any:
        self.request_now = super().request()
        return self.request_now


@pytest.fixture
def chaos(serve: Any, monkeypatch: pytest.MonkeyPatch) -> HostileServer:
    monkeypatch.setattr(sys.modules[HostileServer.__module__], "Peer", EchoPeer)
    server: HostileServer = serve(Chaos(7))
    return server


def test_threads_get_their_own_answers(chaos: HostileServer, api_of: Any) -> None:
    api = api_of(chaos)
    outcomes: list[str] = []
    foreign: list[BaseException] = []

    def work(number: int) -> None:
        for count in range(12):
            code = "%d.%d" % (number, count)
            try:
                token = api.oauth_access_token("c", "g", code=code, _request_timeout=1)
            except ApiException:
                outcomes.append("failed")
            except BaseException as error:
                foreign.append(error)
            else:
                outcomes.append("right" if token.access_token == "for-" + code else "WRONG")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not foreign
    assert len(outcomes) == 32 * 12
    assert set(outcomes) == {"failed", "right"}
    assert outcomes.count("right") > 50


def in_child(work: Callable[[], bool]) -> int:
    """The exit status of a fork that does ``work``: 0 if that is true."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12: fork in a process of threads
        child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if work() else 2
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
class TestFork:
    @pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
    def test_parent_and_child_never_share_a_connection(
        self, serve: Any, api_of: Any, authority: Any, tls: bool
    ) -> None:
        context = authority.context() if tls else None
        server = serve(answer('{"access_token":"a"}'), tls=context)
        api = api_of(server, ssl_ca_cert=authority.path)
        exchange(api)

        def work() -> bool:
            return all(exchange(api).access_token == "a" for _ in range(3))

        assert [in_child(work) for _ in range(3)] == [0, 0, 0]
        exchange(api)
        assert server.connections == 4  # one for the parent, which it still uses, one a child
        assert len(server.requests) == 11

    def test_a_child_keeps_no_connection_of_its_parent_open(self, serve: Any, api_of: Any) -> None:
        """Else the server would not see that the parent has closed it."""
        api = api_of(serve(answer('{"access_token":"a"}')))
        unread = exchange(api, _preload_content=False)
        descriptor = unread.connection.sock.fileno()
        unread.read()
        unread.release_conn()

        def work() -> bool:
            try:
                os.fstat(descriptor)
            except OSError:
                return True
            return False

        assert in_child(work) == 0
        assert exchange(api).access_token == "a"

    def test_fork_during_use(self, serve: Any, api_of: Any) -> None:
        server = serve(answer('{"access_token":"a"}'))
        api = api_of(server)
        stop = threading.Event()
        foreign: list[BaseException] = []

        def hammer() -> None:
            while not stop.is_set():
                try:
                    exchange(api)
                except BaseException as error:
                    foreign.append(error)

        threads = [threading.Thread(target=hammer) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            statuses = [in_child(lambda: bool(exchange(api))) for _ in range(15)]
        finally:
            stop.set()
            for thread in threads:
                thread.join(10)
        assert statuses == [0] * 15
        assert not foreign

    def test_background_calls_after_fork(self, serve: Any, api_of: Any) -> None:
        api = api_of(serve(answer('{"access_token":"a"}')))
        exchange(api, async_req=True).get(30)

        def work() -> bool:
            return exchange(api, async_req=True).get(30).access_token == "a"

        assert in_child(work) == 0
        exchange(api, async_req=True).get(30)


SCRIPT = """
import logging, os, sys, threading, ultracart
configuration = ultracart.Configuration()
configuration.host = sys.argv[1]
configuration.timeout = 30
api = ultracart.OauthApi(ultracart.ApiClient(configuration))
"""


# Part of a script: no descriptor is left, until it calls release().
EXHAUST_DESCRIPTORS = """
import os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
hoard = []
try:
    while True: hoard.append(os.open(os.devnull, 0))
except OSError: pass
def release():
    for descriptor in hoard: os.close(descriptor)
"""


def run(server: HostileServer, script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", SCRIPT + script, server.host]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


EXITS = {
    "nothing closed": "api.oauth_me()",
    "client closed": "api.oauth_me(); api.api_client.close()",
    "context manager": "with api.api_client: api.oauth_me()",
    "client dropped": "api.oauth_me(); del api",
    "background": "api.oauth_me(async_req=True).get(30)",
    "background, and a hook": "api.oauth_me(async_req=True).get(30); "
    "sys.excepthook = lambda *told, kept=api: None",
    "background unfinished": "api.oauth_revoke('c', 't', async_req=True)",
    "unread answer": "raw = api.oauth_me(_preload_content=False); raw.read(); raw.close()",
    "error": "\ntry: api.oauth_device_authorize('c', 's')\nexcept ultracart.ApiException: pass",
    "fork": "api.oauth_me()\nif os.fork() == 0: api.oauth_me()\nelse: os.wait()",
}


@pytest.mark.parametrize("script", EXITS.values(), ids=EXITS.keys())
def test_process_ends_quietly(serve: Any, script: str) -> None:
    def step(peer: Peer) -> None:
        if "revoke" in peer.server.requests[-1].line:
            peer.silence()
        peer.send(answer('{"merchant_id":"M"}'))

    done = run(serve(step), script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_fork_waits_while_the_transport_loads(serve: Any) -> None:
    done = run(
        serve(answer('{"merchant_id":"M"}')),
        """
import builtins, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12: fork in a process of threads
loading, go = threading.Event(), threading.Event()
real = builtins.__import__
def slow(name, *args, **kwargs):
    if name == "urllib3":
        loading.set()
        go.wait(0.3)
    return real(name, *args, **kwargs)
builtins.__import__ = slow
first = threading.Thread(target=api.oauth_me)
first.start()
loading.wait(30)
child = os.fork()
if child == 0:
    api.oauth_me()
    os._exit(7)
first.join()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""",
    )
    assert (done.stdout.split(), done.stderr) == (["7"], "")


def test_interrupt_leaves_the_client_usable(serve: Any) -> None:
    def step(peer: Peer) -> None:
        if len(peer.server.requests) == 2:
            os.kill(int(peer.server.requests[-1].headers["x-process"]), signal.SIGALRM)
            peer.silence()
        peer.send(answer('{"merchant_id":"M"}'))

    done = run(
        serve(step),
        """
import signal
def interrupt(*args): raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
api.api_client.set_default_header("X-Process", str(os.getpid()))
api.oauth_me()
try: api.oauth_me(); print("no interrupt")
except KeyboardInterrupt: pass
for _ in range(3): print(api.oauth_me().merchant_id)
""",
    )
    assert (done.stdout.split(), done.stderr) == (["M"] * 3, "")


def test_out_of_descriptors_is_an_api_exception(serve: Any, api_of: Any, judge: Any) -> None:
    server = serve(answer('{"access_token":"a"}'))
    api = api_of(server)
    # What earlier tests left is closed now, not while no descriptor may come free.
    assert api.api_client.rest_client.pool_manager
    gc.collect()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = max(int(name) for name in os.listdir("/proc/self/fd")) + 40
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    hoard: list[int] = []
    try:
        while True:
            try:
                hoard.append(os.open(os.devnull, os.O_RDONLY))
            except OSError:
                break
        judge.failure(lambda: exchange(api), ApiConnectionError, sent=False)
    finally:
        for descriptor in hoard:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert exchange(api).access_token == "a"


def test_close_is_complete(serve: Any, client_of: Any, descriptors: Callable[[], int]) -> None:
    server = serve(answer('{"access_token":"a"}'))
    warm = client_of(server)
    exchange(OauthApi(warm))
    warm.close()
    before = descriptors()
    for _ in range(5):
        with client_of(server) as client:
            exchange(OauthApi(client))
            exchange(OauthApi(client), async_req=True).get(30)
    gc.collect()
    for thread in server._threads:
        if thread.name != server._threads[0].name:
            thread.join(30)
    assert descriptors() <= before


def test_client_is_usable_after_close(serve: Any, api_of: Any) -> None:
    api = api_of(serve(answer('{"access_token":"a"}')))
    for _ in range(3):
        assert exchange(api).access_token == "a"
        api.api_client.close()
        api.api_client.close()
