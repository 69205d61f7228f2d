"""A Ctrl-C at any moment: whoever comes next gets through."""

from __future__ import annotations

import sqlite3
import sys
import threading

import pytest
from interrupts import in_another_thread, interrupts, needs_timer

from ultracart import OauthApi
from ultracart.exceptions import ApiException
from ultracart.oauth import MemoryTokenStore, RequestLimiter, SQLiteTokenStore, Token
from ultracart.oauth.single_flight import SingleFlight

# Python looks for signals where a function begins and where one in C returns.
MOMENTS = ("call", "c_return")
FILES = ("ultracart", "contextlib")


def interrupted(operate, moment):
    """``operate()`` with a Ctrl-C at its so-manieth moment; whether there was such a moment."""
    passed = 0

    def interrupt(frame, event, argument):
        nonlocal passed
        if event in MOMENTS and any(part in frame.f_code.co_filename for part in FILES):
            passed += 1
            if passed == moment:
                sys.setprofile(None)
                raise KeyboardInterrupt

    sys.setprofile(interrupt)
    try:
        operate()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return False


def limiter(path):
    limited = RequestLimiter(1)

    def operate():
        with limited(1):
            pass

    def works():
        try:
            with limited(0.05):
                return True
        except ApiException:
            return False

    return operate, works


def account_lock(store):
    def operate():
        with store.lock("merchant-7"):
            pass

    def works():
        with store.lock("merchant-7", blocking=False) as held:
            return held

    return operate, works


def flight(path):
    flights: SingleFlight[int] = SingleFlight()

    def works():
        results = []
        other = threading.Thread(target=lambda: results.append(flights.run("key", lambda: 8)))
        other.daemon = True
        other.start()
        other.join(10)
        return results == [8]

    return lambda: flights.run("key", lambda: 7), works


def saving(path):
    store = SQLiteTokenStore(path)
    store.accounts()

    def works():
        # Another process has a connection of its own.
        other = sqlite3.connect(path, timeout=0.05, isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return False
        finally:
            other.close()
        store.save("merchant-7", Token("b"))
        return store.load("merchant-7") == Token("b")

    return lambda: store.save("merchant-7", Token("a")), works


KINDS = {
    "limiter": limiter,
    "lock in memory": lambda path: account_lock(MemoryTokenStore()),
    "lock of a file": lambda path: account_lock(SQLiteTokenStore(path)),
    "flight": flight,
    "save": saving,
}


# A lock file that nobody closed: it was left to the end of its object.
left_to_its_end = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())


@pytest.mark.skipif(sys.version_info < (3, 11), reason="earlier ones have other such moments")
@left_to_its_end
@each_kind
def test_the_next_one_gets_through(kind, tmp_path):
    operate, works = kind(tmp_path / "tokens.db")
    assert works()
    moment = 1
    while interrupted(operate, moment):
        assert works(), "interrupted at moment %d" % moment
        moment += 1
    assert moment > 5


@needs_timer
@left_to_its_end
@each_kind
def test_the_next_one_gets_through_after_a_real_signal(kind, tmp_path):
    operate, works = kind(tmp_path / "tokens.db")
    for count in interrupts(operate, 60):
        assert in_another_thread(works), "after interrupt %d" % count


@needs_timer
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_calls_go_on_after_real_signals(authorized):
    api = OauthApi(authorized.api_client())

    def works():
        return api.oauth_me(_request_timeout=20.0).merchant_id == "default"

    for count in interrupts(works, 60, longest=4e-3):
        assert in_another_thread(works), "after interrupt %d" % count
