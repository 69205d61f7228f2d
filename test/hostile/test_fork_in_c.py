"""A server that forks in C, as uWSGI does, runs none of Python's hooks: nothing is shared anyway.

Each program here warms everything up, forks through the C library, and works on both sides.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ultracart.sandbox import Sandbox

_DEADLINE = 60
_FORK = """
import ctypes, os, sys
import ultracart
from ultracart import OauthApi
from ultracart.oauth import MemoryTokenStore, OAuthSession, SQLAlchemyTokenStore, SQLiteTokenStore

def fork(work):
    "The exit status of a child that does ``work``, forked without Python's knowledge."
    child = ctypes.PyDLL(None).fork()
    if child == 0:
        status = 3
        try:
            status = 0 if work() else 2
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]
"""
_CLIENT = """
ultracart.configuration.access_token = "access_token_example"
api = OauthApi()
api.oauth_me()
assert fork(lambda: api.oauth_me().merchant_id == "DEMO") == 0
api.oauth_me()
"""
_LIMITER = """
from ultracart.oauth import RequestLimiter
ultracart.configuration.access_token = "access_token_example"
ultracart.configuration.request_limiter = limiter = RequestLimiter(1)
api = OauthApi()
api.oauth_me()
with limiter():  # a place that the child's copy would never get back
    assert fork(lambda: api.oauth_me(_request_timeout=30).merchant_id == "DEMO") == 0
"""
_SESSION = """
store = {store}
session = OAuthSession("client_id_example", "redirect_uri_example", token_store=store)
session.fetch_token(code="code_example", account="m")
def work():
    session.refresh("m")
    return OauthApi(session.api_client("m")).oauth_me().merchant_id == "DEMO"
work()
assert fork(work) == 0
work()
store.close()
"""
_STORE = """
store = {store}
from ultracart.oauth import Token
store.save("m", Token("a"))
with store.lock("m"):  # the parent's: the child must not believe that it has it
    def work():
        with store.lock("m", blocking=False) as held:
            return not held and store.load("m").access_token == "a" and store.accounts() == ["m"]
    assert fork(work) == 0
store.close()
"""
_STORES = ['SQLiteTokenStore("tokens.db")', 'SQLAlchemyTokenStore("sqlite:///tokens.db")']

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def _run(program: str, sandbox: Sandbox, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _FORK + program],
        cwd=folder,
        env={**os.environ, "ULTRACART_HOST": sandbox.host},
        capture_output=True,
        text=True,
        timeout=_DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr


def test_child_has_a_connection_of_its_own(sandbox: Sandbox, tmp_path: Path) -> None:
    _run(_CLIENT, sandbox, tmp_path)
    # The parent's lasts for both of its calls, the child's for its one.
    assert sandbox.counters.requests == 3
    assert sandbox.counters.connections == 2


def test_child_has_places_of_its_own(sandbox: Sandbox, tmp_path: Path) -> None:
    _run(_LIMITER, sandbox, tmp_path)


@pytest.mark.parametrize("store", _STORES)
def test_sessions_work_on_both_sides(store: str, sandbox: Sandbox, tmp_path: Path) -> None:
    _run(_SESSION.format(store=store), sandbox, tmp_path)
    # Parent: one for the session's token requests, one for its clients; child: as many.
    assert sandbox.counters.connections == 4


@pytest.mark.parametrize("store", _STORES)
def test_stores_work_on_both_sides(store: str, sandbox: Sandbox, tmp_path: Path) -> None:
    _run(_STORE.format(store=store), sandbox, tmp_path)


def test_memory_is_refused_in_the_child(sandbox: Sandbox, tmp_path: Path) -> None:
    refused = """
from ultracart.exceptions import TokenStoreError
def work():
    try:
        session.refresh("m")
    except TokenStoreError:
        return True
"""
    program = _SESSION.partition("def work")[0].format(store="MemoryTokenStore()")
    _run(program + refused + "assert fork(work) == 0\n", sandbox, tmp_path)
