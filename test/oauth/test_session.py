"""The refresh policy, through public names, against the sandbox in the test's own time."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ultracart import OauthApi
from ultracart.exceptions import (
    ApiConnectionError,
    ApiException,
    ApiResponseError,
    ForbiddenException,
    OAuthError,
    RateLimitException,
    ReauthorizationRequired,
    ServiceException,
    TokenStoreError,
    UltraCartError,
)
from ultracart.oauth import MemoryTokenStore, OAuthSession, Token

TOKEN_PATH = "/oauth/token"


def token_requests(sandbox):
    return [r for r in list(sandbox.requests) if r.path == TOKEN_PATH]


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


# -- fresh ---------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("account", ["", None, 7, "x" * 256])
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


# -- stale and expired ---------------------------------------------------------------------------


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


def test_refresh_margin_overrides_it(make_session, sandbox, log_in_to, time_):
    session = make_session(refresh_margin=1000)
    log_in_to(session, sandbox)
    first = session.access_token()
    time_.pass_(2599)
    assert session.access_token() == first
    time_.pass_(2)
    assert session.access_token() != first


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
    sandbox.faults.add(TOKEN_PATH, status=400, body={"error": "invalid_client"}, times=None)
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


def test_an_early_refresh_rests_as_long_as_the_server_asks(authorized, sandbox, time_):
    first = authorized.access_token()
    time_.pass_(3541)
    sandbox.faults.add(TOKEN_PATH, retry_after=50, times=None)
    assert authorized.access_token() == first
    before = len(token_requests(sandbox))
    time_.pass_(49)
    assert authorized.access_token() == first
    assert len(token_requests(sandbox)) == before


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
    assert len({id(error) for error in errors}) == 64


def test_a_refresh_that_is_forced_is_shared_and_done(authorized, sandbox):
    first = authorized.access_token()
    assert authorized.refresh().access_token != first
    assert sandbox.counters.refreshes == 1


# -- other sessions on one store -----------------------------------------------------------------


def test_what_another_refreshed_is_adopted(make_session, sandbox, log_in_to, time_):
    store = MemoryTokenStore()
    one, two = make_session(token_store=store), make_session(token_store=store)
    log_in_to(one, sandbox)
    assert one.access_token() == two.access_token()
    for moment in (3550, 3601):  # stale, then expired
        time_.pass_(moment)
        assert one.access_token() == two.access_token()
    assert sandbox.counters.refreshes == 2
    assert sandbox.counters.reuse_detections == 0


def test_two_that_find_it_expired_at_once_refresh_once(make_session, sandbox, log_in_to, time_):
    store = MemoryTokenStore()
    sessions = [make_session(token_store=store) for _ in range(6)]
    log_in_to(sessions[0], sandbox)
    for session in sessions:
        session.access_token()
    time_.pass_(3601)
    answer = threading.Event()
    fault = sandbox.faults.add(TOKEN_PATH, delay=answer)
    with ThreadPoolExecutor(6) as threads:
        tokens = [threads.submit(session.access_token) for session in sessions]
        wait_until(lambda: fault.hits)
        answer.set()
        assert len({token.result(30) for token in tokens}) == 1
    assert sandbox.counters.refreshes == 1
    assert sandbox.counters.reuse_detections == 0


def test_while_another_refreshes_early_the_valid_token_is_kept(
    make_session, sandbox, log_in_to, time_
):
    store = MemoryTokenStore()
    one, two = make_session(token_store=store), make_session(token_store=store)
    log_in_to(one, sandbox)
    first = two.access_token()
    time_.pass_(3550)
    with store.lock("default"):
        assert two.access_token() == first
    time_.pass_(1)
    assert two.access_token() != first
    assert sandbox.counters.refreshes == 1


def test_invalid_grant_looks_into_the_store_once_more(make_session, sandbox, log_in_to, time_):
    store = MemoryTokenStore()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    time_.pass_(3601)
    saved = Token("saved by a program that does not lock", "r", time_.now + 60)
    answer = threading.Event()
    fault = sandbox.faults.add(
        TOKEN_PATH, delay=answer, status=400, body={"error": "invalid_grant"}
    )
    with ThreadPoolExecutor(1) as thread:
        call = thread.submit(session.access_token)
        wait_until(lambda: fault.hits)
        store.save("default", saved)
        answer.set()
        assert call.result(30) == saved.access_token


def test_after_invalid_grant_the_token_is_kept_and_the_cause_told(authorized, sandbox, time_):
    time_.pass_(3601)
    sandbox.revoke()
    stored = authorized.token()
    with pytest.raises(ReauthorizationRequired) as caught:
        authorized.access_token()
    assert caught.value.__cause__.error == "invalid_grant"
    assert authorized.token() == stored


# -- lost answers and faults ---------------------------------------------------------------------

FAULTS = [
    {"status": 503},
    {"status": 500},
    {"drop": "before"},
    {"retry_after": 1},
    {"status": 200, "body": "<html>a proxy's page</html>"},
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("times", [1, 3])
def test_up_to_three_faults_on_end_are_survived(authorized, sandbox, time_, fault, times):
    time_.pass_(3601)
    sandbox.faults.add(TOKEN_PATH, times=times, **fault)
    first = authorized.access_token()
    assert first
    assert sandbox.counters.refreshes == 1
    assert sum(time_.slept) < 10


def test_a_lost_answer_is_asked_for_again_with_the_same_token(authorized, sandbox, time_):
    sandbox.reuse_grace = 30
    time_.pass_(3601)
    sandbox.faults.add(TOKEN_PATH, drop="after", times=3)
    sandbox.requests.clear()
    assert OauthApi(authorized.api_client()).oauth_me().merchant_id == "default"
    sent = {r.form["refresh_token"] for r in token_requests(sandbox)}
    assert len(sent) == 1
    assert len(token_requests(sandbox)) == 4
    assert sandbox.counters.grants_lost == 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 503}, ServiceException),
        ({"drop": "before"}, ApiConnectionError),
        ({"status": 200, "body": "<html>"}, ApiResponseError),
    ],
)
def test_four_attempts_then_the_error_and_the_token_stays(authorized, sandbox, time_, fault, error):
    time_.pass_(3601)
    sandbox.requests.clear()
    sandbox.faults.add(TOKEN_PATH, times=4, **fault)
    stored = authorized.token()
    with pytest.raises(error):
        authorized.access_token()
    assert len(token_requests(sandbox)) == 4
    assert authorized.token() == stored
    assert authorized.access_token()


def test_retry_after_is_honoured_within_ten_seconds(authorized, sandbox, time_):
    time_.pass_(3601)
    sandbox.faults.add(TOKEN_PATH, retry_after=4, times=2)
    assert authorized.access_token()
    assert time_.slept == [4, 4]


def test_a_longer_retry_after_is_not_waited_for(authorized, sandbox, time_):
    time_.pass_(3601)
    sandbox.faults.add(TOKEN_PATH, retry_after=11)
    with pytest.raises(RateLimitException) as caught:
        authorized.access_token()
    assert caught.value.retry_after == 11
    assert time_.slept == []


def test_an_answer_that_cannot_be_used_is_not_asked_for_again(authorized, sandbox, time_):
    time_.pass_(3601)
    sandbox.token_type = "mac"
    sandbox.requests.clear()
    with pytest.raises(ApiException):
        authorized.access_token()
    assert len(token_requests(sandbox)) == 1


def test_a_store_that_fails_for_a_time_does_not_cost_the_grant(
    make_session, sandbox, log_in_to, time_
):
    class FullDisk(MemoryTokenStore):
        full = False

        def replace(self, account, old, new):
            if self.full:
                raise TokenStoreError("disk full")
            return super().replace(account, old, new)

    store = FullDisk()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    stored = store.load("default")
    time_.pass_(3601)
    store.full = True
    for _ in range(3):
        with pytest.raises(TokenStoreError):
            session.access_token()
    assert store.load("default") == stored
    store.full = False
    assert OauthApi(session.api_client()).oauth_me().merchant_id == "default"
    time_.pass_(3601)
    assert OauthApi(session.api_client()).oauth_me().merchant_id == "default"
    assert sandbox.counters.refreshes == 2
    assert sandbox.counters.reuse_detections == 0


def test_a_store_that_raises_anything_gives_a_token_store_error(make_session):
    class Broken(MemoryTokenStore):
        def load(self, account):
            raise RuntimeError("row: secret-token")

    session = make_session(token_store=Broken())
    with pytest.raises(TokenStoreError) as caught:
        session.access_token()
    assert "secret-token" not in str(caught.value)
    assert caught.value.__cause__ is None


# -- 401, 403, 410 -------------------------------------------------------------------------------


def test_a_mass_401_refreshes_each_account_once(make_session, sandbox, log_in_to):
    session = make_session()
    accounts = ["merchant-%d" % number for number in range(5)]
    for account in accounts:
        log_in_to(session, sandbox, account)
    sandbox.expire_access_tokens()
    with ThreadPoolExecutor(40) as threads:
        calls = [
            threads.submit(lambda a: OauthApi(session.api_client(a)).oauth_me().merchant_id, a)
            for a in accounts * 8
        ]
        assert [call.result(60) for call in calls] == accounts * 8
    assert sandbox.counters.refreshes == 5
    assert sandbox.counters.reuse_detections == 0


def test_after_a_401_the_stored_token_is_adopted_if_it_is_another(make_session, sandbox, log_in_to):
    store = MemoryTokenStore()
    one, two = make_session(token_store=store), make_session(token_store=store)
    log_in_to(one, sandbox)
    two.access_token()
    sandbox.expire_access_tokens()
    one.refresh()
    assert OauthApi(two.api_client()).oauth_me().merchant_id == "default"
    assert sandbox.counters.refreshes == 1


def test_a_late_401_for_an_old_token_refreshes_nothing(authorized, sandbox):
    old = authorized.access_token()
    new = authorized.refresh().access_token
    authorized.invalidate("default", old)
    assert authorized.access_token() == new
    assert sandbox.counters.refreshes == 1


@pytest.mark.parametrize(("status", "error"), [(403, ForbiddenException), (410, ApiException)])
def test_403_and_410_never_refresh(authorized, sandbox, status, error):
    sandbox.faults.add("/oauth/me", status=status)
    with pytest.raises(error) as caught:
        OauthApi(authorized.api_client()).oauth_me()
    assert caught.value.status == status
    assert sandbox.counters.refreshes == 0


def test_a_410_of_the_token_endpoint_is_final(authorized, sandbox, time_):
    time_.pass_(3601)
    sandbox.requests.clear()
    sandbox.faults.add(TOKEN_PATH, status=410, times=None)
    with pytest.raises(ApiException) as caught:
        authorized.access_token()
    assert caught.value.status == 410
    assert len(token_requests(sandbox)) == 1


# -- revoke --------------------------------------------------------------------------------------


def test_revoke_ends_the_grant_and_forgets_it(authorized, sandbox):
    authorized.revoke()
    (request,) = [r for r in sandbox.requests if r.path == "/oauth/revoke"]
    assert set(request.form) == {"client_id", "token"}
    with pytest.raises(ReauthorizationRequired):
        authorized.access_token()
    authorized.revoke()


def test_a_revoke_that_fails_keeps_the_token(authorized, sandbox):
    sandbox.faults.add("/oauth/revoke", status=503, times=4)
    with pytest.raises(ServiceException):
        authorized.revoke()
    assert authorized.access_token()
    authorized.revoke()
    assert authorized.token() is None


@pytest.mark.parametrize("how", ["revoke", "delete"])
def test_a_revoke_or_delete_that_races_a_refresh_wins(make_session, sandbox, log_in_to, time_, how):
    store = MemoryTokenStore()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    time_.pass_(3601)
    answer = threading.Event()
    fault = sandbox.faults.add(TOKEN_PATH, delay=answer)
    with ThreadPoolExecutor(2) as threads:
        refresh = threads.submit(session.access_token)
        wait_until(lambda: fault.hits)
        if how == "delete":
            store.delete("default")
        else:
            ended = threads.submit(session.revoke)
        answer.set()
        if how == "delete":
            with pytest.raises(ReauthorizationRequired):
                refresh.result(30)
        else:
            ended.result(30)
    assert store.load("default") is None
    with pytest.raises(ReauthorizationRequired):
        session.access_token()


def test_a_login_that_races_a_refresh_wins(make_session, sandbox, log_in_to, time_):
    store = MemoryTokenStore()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    time_.pass_(3601)
    answer = threading.Event()
    fault = sandbox.faults.add(TOKEN_PATH, delay=answer)
    login = Token("login", "of the merchant", time_.now + 60, issued_at=time_.now)
    with ThreadPoolExecutor(1) as thread:
        refresh = thread.submit(session.access_token)
        wait_until(lambda: fault.hits)
        store.save("default", login)
        answer.set()
        assert refresh.result(30) == "login"
    assert store.load("default") == login


# -- clocks --------------------------------------------------------------------------------------


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


# -- clients -------------------------------------------------------------------------------------


def test_many_clients_share_one_connection(authorized, sandbox):
    before = sandbox.counters.connections
    clients = [authorized.api_client() for _ in range(10_000)]
    for client in clients[::500]:
        OauthApi(client).oauth_me()
    assert sandbox.counters.connections - before == 1


def test_no_other_credential_goes_along(make_session, sandbox, log_in_to):
    from ultracart.configuration import Configuration

    configuration = Configuration()
    configuration.host = sandbox.host
    configuration.api_key["x-ultracart-simple-key"] = "another merchant's key"
    configuration.access_token = "another token"
    session = make_session(configuration=configuration)
    log_in_to(session, sandbox)
    OauthApi(session.api_client()).oauth_me()
    session.revoke()
    for request in sandbox.requests:
        assert "x-ultracart-simple-key" not in request.headers
        bearer = request.headers.get("Authorization")
        assert (bearer is not None) == (request.path == "/oauth/me")
        assert bearer != "Bearer another token"


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"client_id": ""}, "client_id"),
        ({"client_id": None}, "client_id"),
        ({"client_id": "a", "client_secret": 1}, "client_secret"),
        ({"client_id": "a", "scope": ["a"]}, "scope"),
        ({"client_id": "a", "token_store": MemoryTokenStore}, "token_store"),
        ({"client_id": "a", "token_store": {}}, "token_store"),
        ({"client_id": "a", "configuration": "host"}, "configuration"),
        ({"client_id": "a", "refresh_margin": -1}, "refresh_margin"),
        ({"client_id": "a", "max_parallel_requests": 0}, "max_parallel_requests"),
    ],
)
def test_an_option_that_cannot_work_is_named(options, name):
    with pytest.raises((TypeError, ValueError), match=name) as caught:
        OAuthSession(**options)
    assert isinstance(caught.value, UltraCartError)


def wait_until(condition):
    """Wait for another thread; an event with a deadline, for want of one to listen to."""
    pause = threading.Event()
    for _ in range(3000):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it did not happen within 30 s")


def waiting_threads():
    """How many threads wait for another's flight."""
    import sys

    frames = sys._current_frames().values()
    names = [_names(frame) for frame in frames]
    return sum("single_flight.py" in found and "wait" in found for found in names)


def _names(frame):
    found = set()
    while frame is not None:
        found.add(frame.f_code.co_name)
        found.add(frame.f_code.co_filename.rpartition("/")[2])
        frame = frame.f_back
    return found
