"""What another process stored or deleted arrives, and what an application rolled back is kept."""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from waiting import TOKEN_PATH, token_requests

from ultracart import OauthApi
from ultracart.exceptions import ReauthorizationRequired, TokenStoreError
from ultracart.oauth import MemoryTokenStore, SQLiteTokenStore


class CountingStore(MemoryTokenStore):
    """Counts its reads, and fails while it is ``down``."""

    loads = 0
    down = False

    def load(self, account):
        self.loads += 1
        if self.down:
            raise TokenStoreError("the database is down")
        return super().load(account)


@pytest.fixture
def store():
    return CountingStore()


@pytest.fixture
def processes(make_session, sandbox, log_in_to, store):
    """Two sessions that stand for two processes; both have handed out the account's token."""
    pair = make_session(token_store=store), make_session(token_store=store)
    log_in_to(pair[0], sandbox)
    assert pair[0].access_token() == pair[1].access_token()
    return pair


@pytest.mark.parametrize("expires_in", ["number", "absent"])
def test_a_new_login_arrives_within_a_minute(
    make_session, sandbox, log_in_to, time_, store, expires_in
):
    sandbox.expires_in = expires_in
    one, two = make_session(token_store=store), make_session(token_store=store)
    log_in_to(one, sandbox)
    old = two.access_token()
    sandbox.granted_scope = "everything"
    log_in_to(one, sandbox)
    assert two.access_token() == old
    time_.pass_(61)
    assert two.access_token() == one.access_token() != old
    assert sandbox.counters.refreshes == 0


def test_a_deletion_arrives_within_a_minute(processes, time_, store):
    one, two = processes
    one.revoke()
    time_.pass_(61)
    with pytest.raises(ReauthorizationRequired):
        two.access_token()


def test_one_read_a_minute_for_each_account_in_use(processes, time_, store):
    _, two = processes
    store.loads = 0
    for _ in range(10):
        time_.pass_(61)
        for _ in range(10):
            two.access_token()
    assert store.loads == 10


def test_the_time_can_be_set(make_session, sandbox, log_in_to, time_, store):
    never = make_session(token_store=store, store_recheck=math.inf)
    often = make_session(token_store=store, store_recheck=0)
    log_in_to(never, sandbox)
    often.access_token()
    store.loads = 0
    time_.pass_(3000)
    never.access_token()
    assert store.loads == 0
    for _ in range(3):
        often.access_token()
    assert store.loads == 3


def test_a_refreshed_token_is_compared_first_after_a_second(
    make_session, sandbox, log_in_to, time_, store
):
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    session.refresh()
    store.loads = 0
    for seconds, loads in ((0.5, 0), (0.25, 0), (0.25, 1), (59.5, 1), (0.5, 2)):
        time_.pass_(seconds)
        session.access_token()
        assert store.loads == loads


@pytest.mark.parametrize("value", ["60", None, True])
def test_a_time_that_is_no_number(make_session, value):
    with pytest.raises(TypeError, match="store_recheck"):
        make_session(store_recheck=value)


@pytest.mark.parametrize("value", [-1, math.nan, -math.inf, 10**400])
def test_a_time_that_cannot_be(make_session, value):
    with pytest.raises(ValueError, match="store_recheck"):
        make_session(store_recheck=value)


def test_a_store_that_is_down_takes_no_valid_token_away(processes, time_, store, caplog):
    _, two = processes
    time_.pass_(61)
    store.down = True
    assert two.access_token()
    assert two.access_token()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    store.down = False
    time_.pass_(61)
    assert two.access_token()


def test_while_one_compares_the_others_go_on(processes, time_, store, monkeypatch):
    _, two = processes
    token = two.access_token()
    time_.pass_(61)
    asked, answer = threading.Event(), threading.Event()
    load = store.load

    def slow(account):
        asked.set()
        assert answer.wait(30)
        return load(account)

    monkeypatch.setattr(store, "load", slow)
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(two.access_token)
        assert asked.wait(30)
        assert two.access_token() == token
        answer.set()
        assert first.result(30) == token


@pytest.mark.parametrize("looks", [0, 1, 2])
def test_two_that_find_it_due_at_once_compare_it_once(
    make_session, sandbox, log_in_to, time_, store, looks
):
    calls: list[Any] = []

    def monotonic():
        if calls:
            calls.pop()()  # the last one as another thread, between two lines of this one
        return time_.monotonic()

    session = make_session(token_store=store, monotonic=monotonic)
    log_in_to(session, sandbox)
    time_.pass_(61)
    store.loads = 0
    calls.extend([session.access_token, *[time_.monotonic] * looks])
    assert session.access_token() == session.access_token()
    assert (store.loads, calls) == (1, [])


# -- a transaction of the application's --


class RollingBack(MemoryTokenStore):
    """Saves in the request's transaction: visible to its own thread, and rolled back later."""

    before: Any = None

    @contextmanager
    def lock(self, account, *, blocking=True):
        with super().lock(account, blocking=blocking) as held:
            self.before = self.load(account)
            yield held

    def roll_back(self, account="default"):
        self.save(account, self.before)


@pytest.mark.parametrize("who", ["the same session", "another session", "a forced refresh"])
@pytest.mark.parametrize("later", [0, 2, 120, 3601])
def test_a_rolled_back_refresh_is_found_again(make_session, sandbox, log_in_to, time_, who, later):
    store: Any = RollingBack()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    time_.pass_(3601)
    newest = session.access_token()
    store.roll_back()
    time_.pass_(later)
    if who == "another session":
        session = make_session(token_store=store)
    if who == "a forced refresh":
        session.refresh()
    token = session.access_token()
    if later < 3601:
        assert token == newest
    assert OauthApi(session.api_client()).oauth_me().merchant_id == "default"
    assert sandbox.counters.reuse_detections == 0
    if later:
        assert store.load("default").access_token == token


def test_a_save_that_was_seen_is_not_kept_any_longer(make_session, sandbox, log_in_to, time_):
    """Then a restored backup is what the store says it is."""
    store: Any = RollingBack()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    time_.pass_(3601)
    session.access_token()
    for seconds in (2, 61):
        assert session._store.pending._by_account != {}
        time_.pass_(seconds)
        session.access_token()
    assert session._store.pending._by_account == {}


def test_a_revoked_grant_s_save_is_not_kept(authorized):
    authorized.refresh()
    assert authorized._store.pending._by_account != {}
    authorized.revoke()
    assert authorized._store.pending._by_account == {}


def test_a_save_is_believed_after_exactly_a_minute(make_session, sandbox, log_in_to, time_):
    store: Any = RollingBack()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    newest = session.refresh()
    for seconds in (0, 59.5):
        time_.pass_(seconds)
        assert session.token() == newest
    store.roll_back()
    assert make_session(token_store=store).access_token() == newest.access_token
    assert session.refresh().access_token != newest.access_token
    old = store.before
    time_.pass_(60)
    assert session.token() != old
    store.roll_back()  # now a backup that somebody restored
    assert make_session(token_store=store).access_token() == old.access_token


def test_a_token_of_its_own_refresh_is_known_as_such_in_every_store(
    make_session, sandbox, log_in_to, time_, tmp_path
):
    """So a resource that rejects it within seconds brings about no other refresh."""
    store = SQLiteTokenStore(tmp_path / "tokens.db")
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    assert not session.invalidate("default", session.refresh().access_token)
    store.close()


def test_a_long_transaction_that_sees_its_own_save_and_is_rolled_back(
    make_session, sandbox, log_in_to, time_
):
    store: Any = RollingBack()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    time_.pass_(3601)
    newest = session.access_token()
    before = store.before
    for _ in range(10):  # calls of one request of the application's
        time_.pass_(3)
        assert session.access_token() == newest
    store.save("default", before)
    time_.pass_(35)
    assert session.access_token() == newest
    assert store.load("default").access_token == newest
    assert sandbox.counters.reuse_detections == 0


def test_what_cannot_be_saved_again_is_tried_again(make_session, sandbox, log_in_to, time_):
    store: Any = RollingBack()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    time_.pass_(3601)
    newest = session.access_token()
    store.roll_back()
    time_.pass_(2)
    with store.lock("default"):
        assert session.access_token() == newest
    assert store.load("default").access_token != newest
    time_.pass_(61)
    assert session.access_token() == newest
    assert store.load("default").access_token == newest
    assert len(token_requests(sandbox)) == 2


def test_two_refreshes_in_one_transaction_that_is_rolled_back(make_session, sandbox, log_in_to):
    store: Any = RollingBack()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    before = store.load("default")
    session.refresh()
    newest = session.refresh()
    store.save("default", before)
    assert make_session(token_store=store).access_token() == newest.access_token
    session.refresh()
    assert OauthApi(session.api_client()).oauth_me().merchant_id == "default"
    assert sandbox.counters.reuse_detections == 0


def test_a_session_that_comes_later_is_handed_the_newest(make_session, sandbox, log_in_to, time_):
    store: Any = RollingBack()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    newest = session.refresh()
    store.roll_back()
    assert not store.load("default").is_expired(time_.now)
    assert make_session(token_store=store).access_token() == newest.access_token
    assert store.load("default") == newest


def test_a_server_that_issues_one_text_again_and_again(
    make_session, sandbox, log_in_to, time_, tmp_path
):
    store: Any = SQLiteTokenStore(tmp_path / "tokens.db")
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    body = {"access_token": "one text", "expires_in": 3600, "token_type": "bearer"}
    fault = sandbox.faults.add(TOKEN_PATH, status=200, body=body, times=None)
    for number in range(4):
        time_.pass_(100)
        assert session.refresh().expires_at == time_.now + 3600
        assert fault.hits == number + 1
    store.close()
