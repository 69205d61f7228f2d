"""A fork in the midst of another thread's late import: the child can call all the same."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from .server import answer

FORK = """
import datetime, faulthandler, os, sys, threading, warnings
import ultracart.serialization
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
    elif event == "call" and "/transport/" in place and place.endswith(":wrap_socket"):
        sys.setprofile(None)
        forked.wait(15)  # a child of a fork amid a handshake would inherit OpenSSL's own locks

def operate():
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
    "/ultracart/rest.py:<module>",
    "/ssl.py:__new__",
]
CASES = [(point, "", "call") for point in POINTS]
CASES += [(point, "logging", "call") for point in POINTS]
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

class Held:  # by a thread whose import never ends
    def acquire(self, timeout):
        print("waits", timeout, flush=True)

    def release(self):
        raise RuntimeError

ultracart.forks._loading = Held()
if os.fork() == 0:
    with ultracart.forks.load_lock():
        os._exit(0)
print("child", os.wait()[1])
"""


def test_fork_waits_ten_seconds_at_most_and_the_child_has_a_lock_of_its_own() -> None:
    done = subprocess.run([sys.executable, "-c", WAITS], capture_output=True, text=True, timeout=30)
    assert done.stdout.splitlines() == ["waits 10", "child 0"], done.stderr
