"""A cap on parallel requests: callers queue, first come first served, within their timeout."""

from __future__ import annotations

import copy
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from waiting import in_turns, wait_until

from ultracart import ApiClient, Configuration, OauthApi, turns
from ultracart.exceptions import ApiTimeoutError, RateLimitException
from ultracart.oauth import RequestLimiter


@pytest.mark.parametrize("most", [1, 3])
def test_the_server_sees_no_more_than_the_cap(make_session, sandbox, log_in_to, most):
    session = make_session(max_parallel_requests=most)
    log_in_to(session, sandbox)
    sandbox.counters.max_concurrent = 0
    with ThreadPoolExecutor(16) as threads:
        calls = [
            threads.submit(lambda: OauthApi(session.api_client()).oauth_me()) for _ in range(64)
        ]
        assert all(call.result(60).merchant_id == "default" for call in calls)
    assert sandbox.counters.max_concurrent <= most


def test_a_server_that_refuses_concurrent_requests_refuses_none(make_session, sandbox, log_in_to):
    sandbox.limit_concurrency = True
    session = make_session(max_parallel_requests=1)
    log_in_to(session, sandbox)
    sandbox.expire_access_tokens()
    with ThreadPoolExecutor(16) as threads:
        calls = [
            threads.submit(lambda: OauthApi(session.api_client()).oauth_me()) for _ in range(48)
        ]
        for call in calls:
            call.result(60)
    assert 429 not in {request.status for request in sandbox.requests}


def test_without_a_cap_that_server_refuses(make_session, sandbox, log_in_to):
    sandbox.limit_concurrency = True
    session = make_session()
    log_in_to(session, sandbox)
    session._configuration.retry_budget = 0
    go_on = threading.Event()
    fault = sandbox.faults.add("/oauth/me", delay=go_on)
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(lambda: OauthApi(session.api_client()).oauth_me())
        pause = threading.Event()
        while not fault.hits:
            pause.wait(0.01)
        with pytest.raises(RateLimitException):
            OauthApi(session.api_client()).oauth_me()
        go_on.set()
        first.result(30)


def test_a_caller_waits_no_longer_than_its_timeout(make_session, sandbox, log_in_to):
    session = make_session(max_parallel_requests=1)
    log_in_to(session, sandbox)
    go_on = threading.Event()
    fault = sandbox.faults.add("/oauth/me", delay=go_on)
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(lambda: OauthApi(session.api_client()).oauth_me())
        pause = threading.Event()
        while not fault.hits:
            pause.wait(0.01)
        with pytest.raises(ApiTimeoutError) as caught:
            OauthApi(session.api_client()).oauth_me(_request_timeout=0.05)
        assert caught.value.request_sent is False
        go_on.set()
        assert first.result(30).merchant_id == "default"
    assert OauthApi(session.api_client()).oauth_me().merchant_id == "default"


@pytest.mark.parametrize(("timeout", "wait"), [(20, 20), (30, 30), ((10, 25), 35)])
def test_a_limiter_is_told_how_long_a_call_may_wait(sandbox, timeout, wait):
    asked = []

    @contextmanager
    def limiter(seconds):
        asked.append(seconds)
        yield

    configuration = Configuration()
    configuration.host = sandbox.host
    configuration.request_limiter = limiter
    sandbox.faults.add("/oauth/me", status=200, body={"merchant_id": "M"})
    with ApiClient(configuration) as client:
        OauthApi(client).oauth_me(_request_timeout=timeout)
    assert wait - 5 < asked[0] <= wait


def test_the_wait_ends_with_its_timeout_and_says_how_long_it_was():
    limiter, waits = RequestLimiter(2), []
    with limiter(), limiter(1):
        for _ in range(5):
            began = time.monotonic()
            with (
                pytest.raises(ApiTimeoutError, match=r"waited 0\.05 s for one of 2"),
                limiter(0.05),
            ):
                pass
            waits.append(time.monotonic() - began)
        with pytest.raises(ApiTimeoutError, match="waited 0 s for"), limiter(0):
            pass
    assert 0.05 <= min(waits) < 0.9  # on a busy machine not each of them


def test_who_looks_again_and_again_waits_on_until_the_timeout(monkeypatch):
    monkeypatch.setattr(turns, "_LOOK_AGAIN", 0.001)
    limiter = RequestLimiter(1)
    entered = []

    def take() -> None:
        with limiter(30):
            entered.append(1)

    thread = threading.Thread(target=take)
    with limiter():
        thread.start()
        threading.Event().wait(0.1)  # it looks again many times
        assert entered == []
    thread.join(30)
    assert entered == [1]


def test_who_has_given_up_takes_no_place(monkeypatch):
    monkeypatch.setattr(turns, "_LOOK_AGAIN", 60)
    limiter = RequestLimiter(1)

    def take() -> None:
        with limiter():
            pass

    thread = threading.Thread(target=take, daemon=True)
    with limiter():
        with pytest.raises(ApiTimeoutError), limiter(0):
            pass
        thread.start()
        wait_until(lambda: in_turns(limiter._turns) == 2)
    thread.join(20)
    assert not thread.is_alive()


def test_first_come_first_served():
    limiter = RequestLimiter(1)
    order: list[int] = []

    def take(number: int) -> None:
        with limiter(30):
            order.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(10)]
    with limiter(1):
        for number, thread in enumerate(threads):
            thread.start()
            pause = threading.Event()
            while in_turns(limiter._turns) <= number + 1:
                pause.wait(0.001)
    for thread in threads:
        thread.join(30)
    assert order == list(range(10))


def test_a_place_is_given_back_after_an_error():
    limiter = RequestLimiter(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), limiter(0.1):
            _ = 1 / 0


def test_copies_of_a_session_s_configuration_share_it():
    limiter = RequestLimiter(2)
    assert pickle.loads(pickle.dumps(limiter)) is not limiter
    assert isinstance(copy.deepcopy(limiter), RequestLimiter)


@pytest.mark.parametrize("most", [0, -1, True, 1.5, None])
def test_an_impossible_cap_is_refused(most):
    with pytest.raises((TypeError, ValueError), match="max_parallel_requests"):
        RequestLimiter(most)
