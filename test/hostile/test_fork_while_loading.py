"""A fork amid what another thread loads on first need: the child can call all the same."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import pytest

from ultracart import ApiConnectionError
from ultracart.forks import loading

from .server import answer

FORK = """
import datetime, faulthandler, os, sys, threading, warnings
import ultracart.oauth, ultracart.serialization
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12: fork in a process of threads
host, authority, point, first, operation = sys.argv[1:]
if first:
    __import__(first)
configuration = ultracart.Configuration()
configuration.host, configuration.ssl_ca_cert = host, authority
api = ultracart.OauthApi(ultracart.ApiClient(configuration))
reached, forked = threading.Event(), threading.Event()

def watch(frame, event, argument):
    place = frame.f_code.co_filename.replace(os.sep, "/") + ":" + frame.f_code.co_name
    if event == "call" and place.endswith(point):
        reached.set()
    elif event == "call" and place.endswith("/transport/framing.py:wrap_socket"):
        sys.setprofile(None)
        forked.wait(15)  # a child of a fork amid a handshake would inherit OpenSSL's own locks

def operate():
    if operation == "session":
        return ultracart.oauth.OAuthSession("c", "https://app.example.com/").access_token
    if operation == "date":
        reader = ultracart.serialization.Deserializer(None, {"date": datetime.date})
        return reader.read("9 May 2026", "date")
    return api.oauth_me().merchant_id

def call():
    sys.setprofile(watch)
    print("parent", bool(operate()))

caller = threading.Thread(target=call)
caller.start()
assert reached.wait(10), point
child = os.fork()
if child == 0:
    faulthandler.dump_traceback_later(10, exit=True)
    os._exit(0 if operate() else 3)
forked.set()
status = os.waitpid(child, 0)[1]
caller.join()
print("child", status)
"""
POINTS = [
    "/urllib3/__init__.py:<module>",
    "/urllib3/connectionpool.py:<module>",
    "/ultracart/models/oauth_me_response.py:<module>",
    "/ultracart/rest.py:<module>",
    "/ultracart/transport/settings.py:_tls_context",
    "/ssl.py:__new__",
]


CASES = [(point, "", "call") for point in POINTS]
CASES += [(point, "logging", "call") for point in POINTS]
CASES += [("/ultracart/oauth/session.py:<module>", "", "session")]
CASES += [("/dateutil/parser/__init__.py:<module>", "", "date")]


@pytest.mark.parametrize(("point", "first", "operation"), CASES)
def test_child_calls_after_a_fork_at(
    serve: Any, authority: Any, point: str, first: str, operation: str
) -> None:
    server = serve(answer('{"merchant_id":"M"}'), tls=authority.context())
    arguments = [server.host, authority.path, point, first, operation]
    done = subprocess.run(
        [sys.executable, "-c", FORK, *arguments], capture_output=True, text=True, timeout=30
    )
    assert sorted(done.stdout.splitlines()) == ["child 0", "parent True"], done.stderr


WAITS = """
import os, warnings, ultracart, ultracart.forks
warnings.simplefilter("ignore", DeprecationWarning)
if {after!r}:
    ultracart.ApiClient().rest_client

class Held:  # by a thread that never ends loading
    def acquire(self, timeout):
        print("waits", timeout, flush=True)
        return False

ultracart.forks.loading.lock = Held()
if os.fork() == 0:
    os._exit(0)
os.wait()
print("forked")
"""


@pytest.mark.parametrize("after", [False, True], ids=["nothing loaded", "transport loaded"])
def test_fork_waits_once_however_often_it_has_been_told_to(after: bool) -> None:
    command = [sys.executable, "-c", WAITS.format(after=after)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.stdout.splitlines() == ["waits 10", "forked"], done.stderr


def test_loading_that_never_ends_is_an_api_exception(
    serve: Any, client_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a child whose parent gave up waiting: the thread that was loading is not there."""
    monkeypatch.setattr("ultracart.forks._LONGEST_LOADING", 0.05)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with loading:
            held.set()
            done.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    try:
        client = client_of(serve(answer("{}")))
        with pytest.raises(ApiConnectionError, match="being loaded") as caught:
            client.call_api("/x", "GET")
        assert caught.value.request_sent is False
    finally:
        done.set()
        holder.join()
