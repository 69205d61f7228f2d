"""When a token is refreshed, and by whom, through public names, in the test's own time."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from waiting import TOKEN_PATH, token_requests, wait_until, waiting_threads

from ultracart import Configuration, OauthApi
from ultracart.exceptions import (
    InvalidGrantError,
    OAuthError,
    RateLimitException,
    ReauthorizationRequired,
)
from ultracart.oauth import MemoryTokenStore, Token
from ultracart.oauth.token_cache import CachedToken


class CountingStore(MemoryTokenStore):
    """Counts what a session asks of its store."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def load(self, account):
        self.asked.append("load")
        return super().load(account)

    def lock(self, account, *, blocking=True):
        self.asked.append("lock")
        return super().lock(account, blocking=blocking)


class StrictStore(MemoryTokenStore):
    """Counts the saves made under the account's lock, and refuses others."""

    held = saves = 0

    @contextmanager
    def lock(self, account, *, blocking=True):
        with super().lock(account, blocking=blocking) as held:
            self.held += 1
            try:
                yield held
            finally:
                self.held -= 1

    def save(self, account, token):
        assert self.held == 1
        self.saves += 1
        super().save(account, token)

    def replace(self, account, old, new):
        assert self.held == 1
        self.saves += 1
        return super().replace(account, old, new)


def test_every_token_is_saved_under_the_lock(make_session, sandbox, log_in_to):
    store = StrictStore()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    session.refresh()
    assert store.saves == 2


def test_a_session_calls_no_hook_of_its_configuration(make_session, sandbox, log_in_to):
    """The hook is for the keys of one merchant, which a session drops: it has grants of many."""
    called: list[Configuration] = []
    configuration = Configuration()
    configuration.host = sandbox.host
    configuration.refresh_api_key_hook = called.append
    session = make_session(configuration=configuration)
    log_in_to(session, sandbox)
    assert OauthApi(session.api_client()).oauth_me().merchant_id == "default"
    assert called == []


# -- fresh --


def test_a_fresh_token_costs_neither_request_nor_store(make_session, sandbox, log_in_to):
    store = CountingStore()
    session = make_session(token_store=store)
    for number in range(100):
        log_in_to(session, sandbox, "merchant-%d" % number)
    sandbox.requests.clear()
    store.asked.clear()
    tokens = {session.access_token("merchant-%d" % number) for number in range(100)}
    assert len(tokens) == 100
    assert store.asked == []
    assert sandbox.requests == []


def test_what_is_in_memory_shows_no_token():
    """As in a debugger, or where a crash reporter collects variables."""
    assert "secret" not in repr(CachedToken(Token("access-secret", "refresh-secret")))


def test_another_session_reads_the_store_once(make_session, sandbox, log_in_to):
    store = CountingStore()
    log_in_to(make_session(token_store=store), sandbox)
    store.asked.clear()
    session = make_session(token_store=store)
    assert session.access_token() == session.access_token()
    assert store.asked == ["load"]


def test_without_a_token_the_merchant_must_authorize(session, sandbox):
    with pytest.raises(ReauthorizationRequired) as caught:
        session.access_token("merchant-7")
    assert caught.value.account == "merchant-7"
    assert sandbox.requests == []


@pytest.mark.parametrize("account", ["", None, 7, ["merchant-7"], "x" * 256])
def test_an_impossible_account_is_refused(session, account):
    with pytest.raises((TypeError, ValueError), match="account"):
        session.access_token(account)


def test_a_token_without_expiry_is_used_until_it_is_refused(
    make_session, sandbox, log_in_to, time_
):
    sandbox.expires_in = "absent"
    session = make_session()
    log_in_to(session, sandbox)
    first = session.access_token()
    time_.pass_(3599)
    assert session.access_token() == first
    time_.pass_(10)
    assert OauthApi(session.api_client()).oauth_me().merchant_id == "default"
    assert session.access_token() != first
    assert sandbox.counters.refreshes == 1


# -- stale and expired --


@pytest.mark.parametrize(
    ("lifetime", "fresh_for", "stale_at"), [(3600, 3539, 3541), (100, 89, 91), (4, 3.5, 3.7)]
)
def test_the_margin_scales_with_the_lifetime(
    session, sandbox, log_in_to, time_, lifetime, fresh_for, stale_at
):
    sandbox.access_token_lifetime = lifetime
    log_in_to(session, sandbox)
    first = session.access_token()
    time_.pass_(fresh_for)
    assert session.access_token() == first
    time_.pass_(stale_at - fresh_for)
    assert session.access_token() != first
    assert sandbox.counters.refreshes == 1


def test_the_margin_and_the_expiry_are_exact(authorized, sandbox, time_):
    first = authorized.access_token()
    time_.pass_(3540)
    assert authorized.access_token() != first
    time_.pass_(3600)
    sandbox.faults.add(TOKEN_PATH, status=400, body={"error": "invalid_client"}, times=None)
    with pytest.raises(OAuthError):
        authorized.access_token()


@pytest.mark.parametrize("how", ["plain", "async"])
def test_what_is_in_memory_is_fresh_up_to_its_margin(make_session, sandbox, log_in_to, time_, how):
    session = make_session(store_recheck=math.inf)
    log_in_to(session, sandbox)

    def token():
        return (
            session.access_token() if how == "plain" else asyncio.run(session.access_token_async())
        )

    first = token()
    time_.pass_(3539.5)
    assert token() == first
    time_.pass_(0.5)
    assert token() != first


def test_refresh_margin_overrides_it(make_session, sandbox, log_in_to, time_):
    session = make_session(refresh_margin=1000)
    log_in_to(session, sandbox)
    first = session.access_token()
    time_.pass_(2599)
    assert session.access_token() == first
    time_.pass_(2)
    assert session.access_token() != first


@pytest.mark.parametrize("margin", [3600, 1e9, math.inf])
def test_a_margin_as_long_as_the_life_does_not_make_every_call_a_refresh(
    make_session, sandbox, log_in_to, time_, margin
):
    session = make_session(refresh_margin=margin)
    log_in_to(session, sandbox)
    first = session.access_token()
    time_.pass_(1790)
    assert session.access_token() == first
    time_.pass_(20)
    assert session.access_token() != first
    assert sandbox.counters.refreshes == 1


@pytest.mark.parametrize("mode", ["rotate", "same", "absent"])
def test_refresh_tokens_rotate_stay_or_are_left_out(authorized, sandbox, time_, mode):
    sandbox.refresh_tokens = mode
    for _ in range(3):
        time_.pass_(3601)
        assert OauthApi(authorized.api_client()).oauth_me().merchant_id == "default"
    assert sandbox.counters.refreshes == 3
    assert sandbox.counters.reuse_detections == 0
    assert authorized.token().refresh_token


@pytest.mark.parametrize("form", ["text", "number"])
def test_expires_in_is_read_as_text_and_number(session, sandbox, log_in_to, time_, form):
    sandbox.expires_in = form
    log_in_to(session, sandbox)
    assert session.token().expires_at == time_.now + 3600


def test_stale_one_refreshes_and_the_others_keep_the_valid_token(authorized, sandbox, time_):
    first = authorized.access_token()
    time_.pass_(3550)
    answer = threading.Event()
    fault = sandbox.faults.add(TOKEN_PATH, delay=answer)
    with ThreadPoolExecutor(1) as winner:
        refreshed = winner.submit(authorized.access_token)
        wait_until(lambda: fault.hits)
        assert [authorized.access_token() for _ in range(20)] == [first] * 20
        answer.set()
        assert refreshed.result(30) != first
    assert authorized.access_token() == refreshed.result()
    assert sandbox.counters.refreshes == 1


def test_a_failed_early_refresh_is_logged_and_rests(authorized, sandbox, time_, caplog):
    first = authorized.access_token()
    time_.pass_(3545)  # 55 s are left
    sandbox.faults.add(TOKEN_PATH, status=400, body={"error": "invalid_request"}, times=None)
    with caplog.at_level(logging.WARNING, "ultracart"):
        assert [authorized.access_token() for _ in range(10)] == [first] * 10
    assert len(caplog.records) == 1
    assert first not in caplog.text
    before = len(token_requests(sandbox))
    time_.pass_(27)  # less than half of what was left
    assert authorized.access_token() == first
    assert len(token_requests(sandbox)) == before
    time_.pass_(2)
    assert authorized.access_token() == first
    assert len(token_requests(sandbox)) == before + 1
    time_.pass_(30)  # expired: now it fails for all
    with pytest.raises(OAuthError):
        authorized.access_token()


def test_an_early_refresh_rests_for_half_a_minute_at_most(make_session, sandbox, log_in_to, time_):
    session = make_session(refresh_margin=300)
    log_in_to(session, sandbox)
    first = session.access_token()
    time_.pass_(3310)
    fault = sandbox.faults.add(
        TOKEN_PATH, status=400, body={"error": "invalid_request"}, times=None
    )
    assert session.access_token() == first
    time_.pass_(29.9)
    assert session.access_token() == first
    assert fault.hits == 1
    time_.pass_(0.2)
    assert session.access_token() == first
    assert fault.hits == 2


def test_an_early_refresh_rests_even_when_next_to_nothing_is_left(authorized, sandbox, time_):
    first = authorized.access_token()
    time_.pass_(3599.85)
    sandbox.faults.add(TOKEN_PATH, status=400, body={"error": "invalid_request"}, times=None)
    assert authorized.access_token() == first
    before = len(token_requests(sandbox))
    time_.pass_(0.09)  # more than half of what was left
    assert authorized.access_token() == first
    assert len(token_requests(sandbox)) == before
    time_.pass_(0.02)
    assert authorized.access_token() == first
    assert len(token_requests(sandbox)) == before + 1


def test_an_early_refresh_rests_as_long_as_the_server_asks(authorized, sandbox, time_):
    first = authorized.access_token()
    time_.pass_(3541)
    sandbox.faults.add(TOKEN_PATH, retry_after=50, times=None)
    assert authorized.access_token() == first
    before = len(token_requests(sandbox))
    time_.pass_(49)
    assert authorized.access_token() == first
    assert len(token_requests(sandbox)) == before


def test_an_early_refresh_is_not_tried_while_the_application_is_refused(authorized, sandbox, time_):
    first = authorized.access_token()
    time_.pass_(3541)
    fault = sandbox.faults.add(TOKEN_PATH, status=401, body={"error": "invalid_client"}, times=None)
    for _ in range(58):
        assert authorized.access_token() == first
        time_.pass_(1)
    assert fault.hits == 1


@pytest.mark.parametrize("status", [503, 429])
def test_an_early_refresh_that_fails_until_the_token_ends_is_made_up_for(
    session, sandbox, log_in_to, time_, status
):
    sandbox.access_token_lifetime = 20
    log_in_to(session, sandbox)
    first = session.access_token()
    time_.pass_(19.5)
    headers = {"Retry-After": "2"} if status == 429 else {}
    sandbox.faults.add(TOKEN_PATH, status=status, headers=headers, times=4)
    if status == 429:
        with pytest.raises(RateLimitException) as caught:
            session.access_token()
        assert caught.value.retry_after == 2
        time_.pass_(2)
    assert session.access_token() != first
    assert len(token_requests(sandbox)) == 1 + 4 + 1
    assert sandbox.counters.refreshes == 1


def test_expired_everybody_waits_for_one_refresh(authorized, sandbox, time_):
    first = authorized.access_token()
    time_.pass_(3601)
    answer = threading.Event()
    fault = sandbox.faults.add(TOKEN_PATH, delay=answer)
    with ThreadPoolExecutor(64) as threads:
        tokens = [threads.submit(authorized.access_token) for _ in range(64)]
        wait_until(lambda: fault.hits)
        answer.set()
        got = {token.result(30) for token in tokens}
    assert len(got) == 1
    assert first not in got
    assert sandbox.counters.refreshes == 1


def test_a_failed_refresh_is_one_request_and_64_equal_errors(authorized, sandbox, time_):
    time_.pass_(3601)
    sandbox.requests.clear()
    answer = threading.Event()
    fault = sandbox.faults.add(
        TOKEN_PATH, delay=answer, status=400, body={"error": "invalid_grant"}, times=None
    )
    arrived = threading.Semaphore(0)

    def call():
        arrived.release()
        try:
            authorized.access_token()
        except ReauthorizationRequired as error:
            return error
        return None

    with ThreadPoolExecutor(64) as threads:
        calls = [threads.submit(call) for _ in range(64)]
        for _ in range(64):
            assert arrived.acquire(timeout=30)
        wait_until(lambda: fault.hits)
        wait_until(lambda: waiting_threads() >= 63)
        answer.set()
        errors = [done.result(30) for done in calls]
    assert len(token_requests(sandbox)) == 1
    assert {str(error) for error in errors} == {str(errors[0])}
    assert {error.account for error in errors} == {"default"}
    assert {type(error.__cause__) for error in errors} == {InvalidGrantError}
    assert len({id(error) for error in errors}) == 64


def test_a_refresh_that_is_forced_is_shared_and_done(authorized, sandbox):
    first = authorized.access_token()
    assert authorized.refresh().access_token != first
    assert sandbox.counters.refreshes == 1


def test_a_forced_refresh_is_shared_with_no_other_account(make_session, sandbox, log_in_to, time_):
    session = make_session()
    accounts = ["merchant-7", "refresh merchant-7"]
    for account in accounts:
        log_in_to(session, sandbox, account)
    time_.pass_(3601)
    answer = threading.Event()
    fault = sandbox.faults.add(TOKEN_PATH, delay=answer, times=2)
    with ThreadPoolExecutor(2) as threads:
        forced = threads.submit(lambda: session.refresh(accounts[0]).access_token)
        wait_until(lambda: fault.hits)
        other = threads.submit(session.access_token, accounts[1])
        wait_until(lambda: fault.hits == 2 or waiting_threads())
        answer.set()
        got = [forced.result(30), other.result(30)]
    assert got == [session.access_token(account) for account in accounts]
    assert got[0] != got[1]


# -- clocks --


def test_a_clock_that_steps_does_not_move_a_cached_token(authorized, sandbox, time_):
    first = authorized.access_token()
    for step in (-7200, 7200 + 36000, -36000):
        time_.now += step
        assert authorized.access_token() == first
    time_.now -= 600
    time_.pass_(3601)
    assert authorized.access_token() != first
    assert sandbox.counters.refreshes == 1


def test_a_stored_token_from_the_future_is_refreshed(make_session, sandbox, log_in_to, time_):
    store = MemoryTokenStore()
    log_in_to(make_session(token_store=store), sandbox)
    late = make_session(token_store=store, clock=lambda: time_.now - 600)
    assert OauthApi(late.api_client()).oauth_me().merchant_id == "default"
    assert sandbox.counters.refreshes == 1


@pytest.mark.parametrize("how", ["login", "refresh"])
def test_a_clock_that_is_set_during_the_request_makes_no_token_older(
    authorized, sandbox, time_, log_in_to, how
):
    def answer_late_and_set_the_clock_back(request):
        time_.elapsed += 5
        time_.now += 5 - 86400
        return False  # it is answered as usual

    sandbox.faults.add(TOKEN_PATH, when=answer_late_and_set_the_clock_back, status=500)
    if how == "login":
        log_in_to(authorized, sandbox)
    else:
        authorized.refresh()
    sandbox.faults.clear()
    before = sandbox.counters.refreshes
    authorized.access_token()
    time_.pass_(3600 - 60 - 6)  # five seconds of its life went by before it came
    authorized.access_token()
    assert sandbox.counters.refreshes == before
    time_.pass_(2)
    authorized.access_token()
    assert sandbox.counters.refreshes == before + 1


def test_a_token_that_a_client_has_sent_is_in_no_error_of_the_token_endpoint(
    session, sandbox, log_in_to
):
    """The session's token requests have a connection pool of their own."""
    log_in_to(session, sandbox)
    token = session.access_token()
    session.api_client().get("/oauth/me")
    body = {"error": "server_error", "error_description": "the token %s is gone" % token}
    sandbox.faults.add("/oauth/token", status=400, body=body)
    with pytest.raises(OAuthError) as caught:
        session.refresh()
    assert token in str(caught.value.error_description)
    assert token not in str(caught.value)
