"""One call for many threads: its result and its error are shared, an interruption is not."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from waiting import wait_until, waiting_threads

from ultracart.exceptions import OAuthSessionError, RateLimitException
from ultracart.oauth import single_flight
from ultracart.oauth.single_flight import SingleFlight


class Work:
    """Waits to be let go, and counts how often it began."""

    def __init__(self, outcome: object) -> None:
        self.go = threading.Event()
        self.began = 0
        self.outcome = outcome

    def __call__(self) -> object:
        self.began += 1
        assert self.go.wait(30)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


def fly(work, count):
    flights = SingleFlight[object]()
    with ThreadPoolExecutor(count) as threads:
        calls = [threads.submit(flights.run, "key", work) for _ in range(count)]
        wait_until(lambda: work.began and waiting_threads() >= count - 1)
        work.go.set()
        return flights, [call.exception(30) or call.result() for call in calls]


def test_all_get_the_result_of_one_call():
    result = object()
    work = Work(result)
    flights, got = fly(work, 16)
    assert work.began == 1
    assert got == [result] * 16
    assert flights.run("key", lambda: "next") == "next"


def test_all_get_an_equal_error_of_their_own():
    work = Work(RateLimitException(429, "slow", retry_after=3.0))
    _, errors = fly(work, 16)
    assert work.began == 1
    assert {(type(e), str(e), e.retry_after) for e in errors} == {
        (RateLimitException, str(errors[0]), 3.0)
    }
    assert len({id(error) for error in errors}) == 16


def test_an_interrupted_leader_leaves_the_work_to_the_next():
    flights = SingleFlight[object]()
    work = Work(KeyboardInterrupt())
    second = Work("done")
    second.go.set()
    with ThreadPoolExecutor(2) as threads:
        leader = threads.submit(flights.run, "key", work)
        wait_until(lambda: work.began)
        follower = threads.submit(flights.run, "key", second)
        wait_until(lambda: waiting_threads() >= 1)
        work.go.set()
        with pytest.raises(KeyboardInterrupt):
            leader.result(30)
        assert follower.result(30) == "done"


@pytest.mark.parametrize("line", range(1, 12))
def test_wherever_the_leader_is_interrupted_the_next_call_gets_through(line):
    flights = SingleFlight[object]()
    trace = InterruptBeforeWork(line)
    old = sys.gettrace()
    sys.settrace(trace)
    try:
        interrupted = not flights.run("key", trace.work)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        sys.settrace(old)
    assert interrupted == (trace.line <= 0)
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(flights.run, "key", lambda: "next").result(30) == "next"


class InterruptBeforeWork:
    """Ctrl-C before one of the lines that lead to the work."""

    def __init__(self, line):
        self.line = line
        self.working = False

    def work(self):
        self.working = True
        return "done"

    def __call__(self, frame, event, argument):
        if frame.f_code.co_filename != single_flight.__file__:
            return None
        if event == "line" and not self.working:
            self.line -= 1
            if self.line == 0:
                raise KeyboardInterrupt
        return self


def test_a_call_that_needs_its_own_result_is_an_error():
    flights = SingleFlight[object]()

    def work():
        return flights.run("key", lambda: "inner")

    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(flights.run, "key", work)
        with pytest.raises(OAuthSessionError, match="wait for itself"):
            call.result(30)
    assert flights.run("key", lambda: "next") == "next"


def test_keys_do_not_wait_for_each_other():
    flights = SingleFlight[object]()
    work = Work("slow")
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(flights.run, "one", work)
        wait_until(lambda: work.began)
        assert flights.run("two", lambda: "quick") == "quick"
        assert flights.try_run("one", lambda: "never") is None
        work.go.set()
        assert slow.result(30) == "slow"


def test_a_try_that_is_alone_does_the_work():
    assert SingleFlight[object]().try_run("key", lambda: "done") == "done"


class KeyWhileAnotherLeaves:
    """A key whose second look-up, the one that registers a flight, lets another leave first."""

    def __init__(self, another_leaves):
        self._another_leaves = another_leaves
        self._looked_up = 0

    def __hash__(self):
        self._looked_up += 1
        if self._looked_up == 2:
            self._another_leaves()
        return hash("key")

    def __eq__(self, other):
        return other == "key"


@pytest.mark.parametrize("how", ["run", "try_run"])
def test_a_flight_that_leaves_first_is_shared(how):
    flights = SingleFlight[object]()
    first, second = Work("first"), Work("second")
    second.go.set()
    with ThreadPoolExecutor(1) as threads:

        def another_leaves():
            threads.submit(flights.run, "key", first)
            wait_until(lambda: first.began)
            if how == "run":
                first.go.set()

        got = getattr(flights, how)(KeyWhileAnotherLeaves(another_leaves), second)
        first.go.set()
    assert got == {"run": "first", "try_run": None}[how]
    assert not second.began
