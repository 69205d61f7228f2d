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
import faulthandler, os, sys, threading, warnings, ultracart
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12: fork in a process of threads
host, authority, point, first = sys.argv[1:]
if first:
    __import__(first)
configuration = ultracart.Configuration()
configuration.host, configuration.ssl_ca_cert = host, authority
api = ultracart.OauthApi(ultracart.ApiClient(configuration))
reached = threading.Event()

def watch(frame, event, argument):
    place = frame.f_code.co_filename.replace(os.sep, "/") + ":" + frame.f_code.co_name
    if event == "call" and place.endswith(point):
        sys.setprofile(None)
        reached.set()

def call():
    sys.setprofile(watch)
    print("parent", api.oauth_me().merchant_id)

caller = threading.Thread(target=call)
caller.start()
assert reached.wait(10), point
child = os.fork()
if child == 0:
    faulthandler.dump_traceback_later(10, exit=True)
    os._exit(0 if api.oauth_me().merchant_id == "M" else 3)
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


CASES = [(point, "") for point in POINTS] + [(point, "logging") for point in POINTS]


@pytest.mark.parametrize(("point", "first"), CASES)
def test_child_calls_after_a_fork_at(serve: Any, authority: Any, point: str, first: str) -> None:
    server = serve(answer('{"merchant_id":"M"}'), tls=authority.context())
    arguments = [server.host, authority.path, point, first]
    done = subprocess.run(
        [sys.executable, "-c", FORK, *arguments], capture_output=True, text=True, timeout=30
    )
    assert sorted(done.stdout.splitlines()) == ["child 0", "parent M"], done.stderr


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
