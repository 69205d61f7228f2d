"""How a grant ends: revoked, deleted, not refreshable, or ended while somebody still uses it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from waiting import TOKEN_PATH, wait_until, waiting_threads

from ultracart.configuration import Configuration
from ultracart.exceptions import (
    ApiResponseError,
    OAuthSessionError,
    ReauthorizationRequired,
    TokenStoreError,
)
from ultracart.oauth import MemoryTokenStore, Token


def test_revoking_what_has_ended_already_forgets_it(authorized, sandbox):
    sandbox.faults.add("/oauth/revoke", status=400, body={"error": "invalid_grant"})
    authorized.revoke()
    assert authorized.token() is None


def test_a_revocation_that_ultracart_denies_keeps_the_token(authorized, sandbox):
    sandbox.faults.add("/oauth/revoke", status=200, body={"successful": False})
    with pytest.raises(OAuthSessionError, match="kept"):
        authorized.revoke()
    assert authorized.access_token()


def test_a_revocation_needs_no_words_from_ultracart(authorized, sandbox):
    """RFC 7009, section 2.2: the status says it all."""
    sandbox.faults.add("/oauth/revoke", status=200, body={})
    authorized.revoke()
    assert authorized.token() is None


def test_a_token_that_another_process_deleted_is_not_used_on(
    make_session, sandbox, log_in_to, time_
):
    store = MemoryTokenStore()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    store.delete("default")
    time_.pass_(3601)
    with pytest.raises(ReauthorizationRequired):
        session.access_token()
    assert sandbox.counters.refreshes == 0


def test_an_expired_token_without_refresh_token_needs_the_merchant(
    make_session, sandbox, time_, caplog
):
    store = MemoryTokenStore()
    store.save("default", Token("a", None, time_.now + 60, issued_at=time_.now))
    session = make_session(token_store=store)
    for seconds in (0, 59.5):  # it is not refreshed early either
        time_.pass_(seconds)
        assert session.access_token() == "a"
        assert caplog.records == []
    time_.pass_(0.5)
    with pytest.raises(ReauthorizationRequired, match="without a refresh token"):
        session.access_token()
    assert sandbox.requests == []


class FailingStore(MemoryTokenStore):
    """Fails, with the token in its error, at what ``fails_at`` names."""

    fails_at = ""

    def _fail(self, what):
        if self.fails_at == what:
            raise RuntimeError("cannot %s %r" % (what, self._tokens))

    def save(self, account, token):
        self._fail("save")
        super().save(account, token)

    def replace(self, account, old, new):
        self._fail("replace")
        return super().replace(account, old, new)

    def delete(self, account):
        self._fail("delete")
        super().delete(account)

    def lock(self, account, *, blocking=True):
        self._fail("lock")
        return super().lock(account, blocking=blocking)


def test_whatever_a_store_fails_at_is_a_store_error_without_secrets(
    make_session, sandbox, log_in_to
):
    store = FailingStore()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    secret = session.access_token()
    for fails_at, work in {
        "save": lambda: log_in_to(session, sandbox),
        "delete": session.revoke,
        "lock": session.refresh,
    }.items():
        store.fails_at = fails_at
        with pytest.raises(TokenStoreError, match="%s: RuntimeError" % fails_at) as caught:
            work()
        assert secret not in str(caught.value)
        assert caught.value.__cause__ is None


def test_what_could_not_be_saved_is_refreshed_when_it_has_expired_as_well(
    make_session, sandbox, log_in_to, time_
):
    store = FailingStore()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    time_.pass_(3601)
    store.fails_at = "replace"
    with pytest.raises(TokenStoreError):
        session.access_token()
    store.fails_at = ""
    time_.pass_(3601)
    assert session.access_token()
    assert sandbox.counters.refreshes == 2
    assert sandbox.counters.grants_lost == 0


def test_a_revoke_ends_what_the_store_could_not_keep(make_session, sandbox, log_in_to):
    """The stored refresh token is spent: the server would not know the grant by it."""
    store = FailingStore()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    spent = session.token().refresh_token
    store.fails_at = "replace"
    with pytest.raises(TokenStoreError):
        session.refresh()
    session.revoke()
    assert sandbox.requests[-1].path == "/oauth/revoke"
    assert sandbox.requests[-1].form["token"] not in (spent, None)
    assert store.load("default") is None


def test_a_revoked_token_is_not_handed_out_though_the_store_could_not_delete_it(
    make_session, sandbox, log_in_to
):
    store = FailingStore()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    store.fails_at = "delete"
    with pytest.raises(TokenStoreError):
        session.revoke()
    store.fails_at = ""
    store.delete("default")  # as another process does
    with pytest.raises(ReauthorizationRequired):
        session.access_token()


class DeletingStore(MemoryTokenStore):
    """Another process deletes the token just before a new one is saved."""

    def replace(self, account, old, new):
        self.delete(account)
        return super().replace(account, old, new)


@pytest.mark.parametrize("kind", [MemoryTokenStore, DeletingStore], ids=["before", "during"])
def test_a_refresh_that_finds_its_token_deleted_ends_the_fresh_one_too(
    make_session, sandbox, log_in_to, kind
):
    store = kind()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    assert session.access_token()
    if kind is MemoryTokenStore:
        store.delete("default")
    for call in (session.refresh, session.access_token):
        with pytest.raises(ReauthorizationRequired):
            call()


class BusyStore(MemoryTokenStore):
    """Another process holds the lock whenever somebody only tries it."""

    def __init__(self):
        super().__init__()
        self.tried, self.answer = threading.Event(), threading.Event()

    def lock(self, account, *, blocking=True):
        if blocking:
            return super().lock(account)
        self.tried.set()
        assert self.answer.wait(30)
        return super().lock("held elsewhere", blocking=False)


@pytest.fixture
def stale(make_session, sandbox, log_in_to, time_):
    """A busy store, a session on it whose token is due for an early refresh, and that token."""
    store = BusyStore()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    old = session.access_token()
    time_.pass_(3590)
    return store, session, old


def test_a_token_that_expires_during_an_early_try_is_refreshed(stale, sandbox, time_):
    store, session, old = stale
    with store.lock("held elsewhere"), ThreadPoolExecutor(2) as threads:
        early = threads.submit(session.access_token)
        assert store.tried.wait(30)
        time_.pass_(20)
        late = threads.submit(session.access_token)
        wait_until(lambda: waiting_threads() == 2)  # one at the store, one for its flight
        store.answer.set()
        assert early.result(30)
        assert late.result(30) not in (None, old)
    assert sandbox.counters.refreshes == 1


def test_keep_alive_that_meets_an_early_try_leaves_the_refresh_to_the_other_process(stale):
    store, session, old = stale
    with store.lock("held elsewhere"), ThreadPoolExecutor(2) as threads:
        early = threads.submit(session.access_token)
        assert store.tried.wait(30)
        kept_alive = threads.submit(session.keep_alive, idle=0)
        wait_until(lambda: waiting_threads() == 2)
        store.answer.set()
        assert early.result(30) == old
        assert kept_alive.result(30) == []


def test_an_early_try_that_fails_late_does_not_bring_the_old_token_back(stale):
    store, session, old = stale
    with store.lock("held elsewhere"), ThreadPoolExecutor(1) as thread:
        early = thread.submit(session.access_token)
        assert store.tried.wait(30)
        new = session.refresh().access_token
        store.answer.set()
        assert early.result(30) == old
    assert session.access_token() == new != old


class InterruptedStore(MemoryTokenStore):
    """Something happens between a read and what is done with it."""

    meanwhile = None
    loads = 0

    def load(self, account):
        token = super().load(account)
        self.loads += 1
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return token


def test_what_was_read_while_it_was_revoked_is_not_kept(make_session, sandbox, log_in_to):
    store = InterruptedStore()
    log_in_to(make_session(token_store=store), sandbox)
    session = make_session(token_store=store)
    store.meanwhile = session.revoke
    session.access_token()  # read before the revocation, so still handed out
    with pytest.raises(ReauthorizationRequired):
        session.access_token()


@pytest.mark.parametrize("new", ["a", "z"])
def test_a_401_takes_nothing_from_what_was_refreshed_meanwhile(make_session, sandbox, time_, new):
    store = InterruptedStore()
    store.save("default", Token("m", "r", time_.now + 3600, issued_at=time_.now))
    session = make_session(token_store=store)
    assert session.access_token() == "m"
    body = {"access_token": new, "token_type": "bearer", "expires_in": 3600}
    sandbox.faults.add(TOKEN_PATH, status=200, body=body)
    store.meanwhile = session.refresh
    assert session.invalidate("default", "m")  # there is another one
    assert session.access_token() == new
    assert len(sandbox.requests) == 1


def test_a_refresh_whose_answer_is_too_large_is_asked_for_again(make_session, sandbox, log_in_to):
    configuration = Configuration()
    configuration.host = sandbox.host
    configuration.max_response_size = 10_000
    session = make_session(configuration=configuration)
    log_in_to(session, sandbox)
    sandbox.faults.add(TOKEN_PATH, status=200, body="x" * 20_000)
    assert session.refresh().access_token
    sandbox.faults.add(TOKEN_PATH, times=4, status=200, body="x" * 20_000)
    with pytest.raises(ApiResponseError):
        session.refresh()


@pytest.mark.parametrize("missing", ["device_code", "user_code", "verification_uri"])
def test_a_device_answer_without_one_of_its_codes_is_refused(session, sandbox, missing):
    answer = {"device_code": "d", "user_code": "u", "verification_uri": "https://u.example/"}
    del answer[missing]
    sandbox.faults.add("/oauth/device/authorize", status=200, body=answer)
    with pytest.raises(ApiResponseError):
        session.start_device_authorization("crm")
