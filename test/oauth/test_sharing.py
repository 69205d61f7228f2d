"""Sessions that share a store; refused tokens; revoking; clients that share a connection."""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from waiting import TOKEN_PATH, token_requests, wait_until

from ultracart import OauthApi
from ultracart.exceptions import (
    ApiException,
    ForbiddenException,
    OAuthError,
    ReauthorizationRequired,
    ServiceException,
    UltraCartError,
)
from ultracart.oauth import MemoryTokenStore, OAuthSession, Token

# -- other sessions on one store --


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


def test_a_token_that_is_there_is_adopted_without_the_lock(make_session, sandbox, log_in_to, time_):
    store = MemoryTokenStore()
    one, two = make_session(token_store=store), make_session(token_store=store)
    log_in_to(one, sandbox)
    two.access_token()
    time_.pass_(3601)
    newest = one.access_token()
    with ThreadPoolExecutor(1) as thread, store.lock("default"):
        assert thread.submit(two.access_token).result(30) == newest


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
    source = session.api_client().configuration.access_token
    assert source.is_untried(saved.access_token)  # it was refreshed elsewhere


def test_after_invalid_grant_the_token_is_kept_and_the_cause_told(authorized, sandbox, time_):
    time_.pass_(3601)
    sandbox.revoke()
    stored = authorized.token()
    with pytest.raises(ReauthorizationRequired) as caught:
        authorized.access_token()
    assert isinstance(caught.value.__cause__, OAuthError)
    assert caught.value.__cause__.error == "invalid_grant"
    assert authorized.token() == stored


# -- 401, 403, 410 --


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


class Meeting(MemoryTokenStore):
    """Lets two threads read at once."""

    barrier: threading.Barrier | None = None

    def load(self, account):
        token = super().load(account)
        if self.barrier is not None:
            self.barrier.wait(10)
        return token


def test_two_threads_that_meet_a_401_at_once_both_get_another_token(
    make_session, sandbox, log_in_to
):
    store = Meeting()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    rejected = session.access_token()
    store.barrier = threading.Barrier(2)
    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(session.invalidate, "default", rejected) for _ in range(2)]
        assert [call.result(20) for call in asked] == [True, True]
    store.barrier = None
    assert session.access_token() != rejected
    assert sandbox.counters.refreshes == 1


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
    assert authorized.invalidate("default", old)  # there is another one
    assert authorized.access_token() == new
    assert sandbox.counters.refreshes == 1


def test_a_token_is_refused_that_the_session_has_not_handed_out(make_session, sandbox, log_in_to):
    store = MemoryTokenStore()
    log_in_to(make_session(token_store=store), sandbox)
    session = make_session(token_store=store)
    refused = session.token().access_token
    session.invalidate("default", refused)
    assert session.access_token() != refused
    session.invalidate("nobody", refused)
    assert sandbox.counters.refreshes == 1


CODES = ["expired_token", "access_denied", "invalid_grant", "invalid_client", "invalid_token"]


@pytest.mark.parametrize("code", CODES)
def test_a_401_refreshes_whatever_its_code(authorized, sandbox, code):
    sandbox.faults.add("/oauth/me", status=401, body={"error": code})
    assert OauthApi(authorized.api_client()).oauth_me().merchant_id == "default"
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


# -- revoke --


def test_revoke_ends_the_grant_and_forgets_it(authorized, sandbox):
    refresh_token = authorized.token().refresh_token
    authorized.revoke()
    (request,) = [r for r in sandbox.requests if r.path == "/oauth/revoke"]
    assert set(request.form) == {"client_id", "token"}
    # With it ends the whole grant; an access token may have expired already.
    assert request.form["token"] == refresh_token
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


# -- clients --


def test_many_clients_share_one_connection(authorized, sandbox):
    before = sandbox.counters.connections
    clients = [authorized.api_client() for _ in range(10_000)]
    for client in clients[::500]:
        OauthApi(client).oauth_me()
    assert sandbox.counters.connections - before == 1


def test_a_client_that_is_closed_takes_nothing_from_the_others(authorized, sandbox):
    one, two = authorized.api_client(), authorized.api_client()
    for client in (one, two):
        OauthApi(client).oauth_me()
    before = sandbox.counters.connections
    one.close()
    assert OauthApi(two).oauth_me().merchant_id == "default"
    assert sandbox.counters.connections == before


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
        ({"client_id": "a", "redirect_uri": 7}, "redirect_uri"),
        ({"client_id": "a", "issuer": b"https://a"}, "issuer"),
        ({"client_id": "a", "authorization_endpoint": 7}, "authorization_endpoint"),
        ({"client_id": "a", "authorization_lifetime": "3600"}, "authorization_lifetime"),
        ({"client_id": "a", "authorization_lifetime": None}, "authorization_lifetime"),
        ({"client_id": "a", "authorization_lifetime": -1}, "authorization_lifetime"),
        ({"client_id": "a", "authorization_lifetime": math.nan}, "authorization_lifetime"),
        ({"client_id": "a", "clock": None}, "clock"),
        ({"client_id": "a", "sleep": 1.0}, "sleep"),
    ],
)
def test_an_option_that_cannot_work_is_named(options, name):
    with pytest.raises((TypeError, ValueError), match=name) as caught:
        OAuthSession(**options)
    assert isinstance(caught.value, UltraCartError)
