"""Whatever meets, the newest token is the one that is handed out, and it is never lost."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager
from enum import Enum
from functools import partial

import pytest
from failing_stores import FullDisk
from waiting import TOKEN_PATH, token_requests

from ultracart import Configuration, OauthApi
from ultracart.exceptions import (
    ApiConnectionError,
    OAuthSessionError,
    ReauthorizationRequired,
    TokenStoreError,
)
from ultracart.oauth import MemoryTokenStore, Token


class Pausing(MemoryTokenStore):
    """Lets ``then`` happen once, just after it has answered: as a scheduler may."""

    def __init__(self, after: str) -> None:
        super().__init__()
        self._after = after
        self.then = lambda: None

    @contextmanager
    def lock(self, account, *, blocking=True):
        with super().lock(account, blocking=blocking) as held:
            yield held
        self._pause("lock")

    def load(self, account):
        found = super().load(account)
        self._pause("load")
        return found

    def _pause(self, where):
        if where == self._after:
            then, self.then = self.then, lambda: None
            then()


def _in_another_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


def _log_in_anew(session, sandbox):
    request = session.create_authorization_url()
    callback = sandbox.authorize(request.url, merchant="DEMO")
    _in_another_thread(lambda: session.fetch_token(callback, request=request))


@pytest.mark.parametrize("after", ["lock", "load"])
def test_a_login_outdates_what_another_thread_has_in_hand(
    make_session, sandbox, log_in_to, time_, after
):
    store = Pausing(after)
    log_in_to(make_session(token_store=store), sandbox)
    session = make_session(token_store=store)

    store.then = partial(_log_in_anew, session, sandbox)
    (session.refresh if after == "lock" else session.access_token)()
    newest = store.load("default")
    for _ in range(3):
        assert session.access_token() == newest.access_token
        time_.pass_(600)
    assert OauthApi(session.api_client()).oauth_me().merchant_id == "DEMO"


def test_a_login_outdates_what_two_threads_have_in_hand(make_session, sandbox, log_in_to):
    """The first of them drops the new token from memory; the second must not put its old one."""
    store = Pausing("load")
    log_in_to(make_session(token_store=store), sandbox)
    session = make_session(token_store=store)

    def read_too():
        store.then = partial(_log_in_anew, session, sandbox)
        _in_another_thread(session.access_token)

    store.then = read_too
    session.access_token()
    assert session.access_token() == store.load("default").access_token
    assert OauthApi(session.api_client()).oauth_me().merchant_id == "DEMO"


def test_a_revocation_outdates_what_another_thread_has_read(make_session, sandbox, log_in_to):
    store = Pausing("load")
    log_in_to(make_session(token_store=store), sandbox)
    session = make_session(token_store=store)
    store.then = partial(_in_another_thread, session.revoke)
    session.access_token()
    with pytest.raises(ReauthorizationRequired):
        session.access_token()


@pytest.mark.parametrize("meanwhile", ["default", "another"])
def test_what_is_read_is_outdated_by_no_other_read(make_session, sandbox, log_in_to, meanwhile):
    store = Pausing("load")
    for account in ("default", "another"):
        log_in_to(make_session(token_store=store), sandbox, account)
    session = make_session(token_store=store)
    store.then = partial(_in_another_thread, partial(session.access_token, meanwhile))
    token = session.access_token()
    store.then = partial(pytest.fail, "it reads the store once more")
    assert session.access_token() == token


@pytest.mark.parametrize("newer", ["a", "z"])
def test_a_rejection_of_the_token_before_does_not_expire_the_newest(
    make_session, sandbox, time_, newer
):
    """The newest one comes between two lines of the thread that reports the rejection."""
    meanwhile: list[Callable[[], object]] = []

    def monotonic():
        if meanwhile:
            meanwhile.pop()()
        return time_.monotonic()

    store = MemoryTokenStore()
    store.save("default", Token("m", "r", time_.now + 3600, issued_at=time_.now))
    session = make_session(token_store=store, monotonic=monotonic)
    assert session.access_token() == "m"
    body = {"access_token": newer, "refresh_token": "s", "token_type": "bearer", "expires_in": 3600}
    refresh = sandbox.faults.add(TOKEN_PATH, status=200, body=body, times=None)
    meanwhile.append(session.refresh)
    assert session.invalidate("default", "m")
    assert session.access_token() == newer
    assert refresh.hits == 1


class Transactional(MemoryTokenStore):
    """A database whose connection breaks: what was done under the lock has not happened."""

    breaks = False

    @contextmanager
    def lock(self, account, *, blocking=True):
        with super().lock(account, blocking=blocking) as held:
            before = self.load(account)
            yield held
            if self.breaks and before is not None:
                self.save(account, before)
                raise TokenStoreError("the connection broke")


@pytest.mark.parametrize("failures", [1, 2, 5])
def test_a_connection_that_breaks_again_and_again_costs_no_grant(
    make_session, sandbox, log_in_to, time_, failures
):
    store = Transactional()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    for _ in range(failures):
        time_.pass_(3601)
        store.breaks = True
        with pytest.raises(TokenStoreError):
            session.access_token()
        store.breaks = False
    for _ in range(2):
        assert OauthApi(session.api_client()).oauth_me().merchant_id == "default"
        time_.pass_(3601)
    assert sandbox.counters.reuse_detections == 0


def test_what_one_session_could_not_save_another_of_the_store_finds(
    make_session, sandbox, log_in_to, time_
):
    store = FullDisk()
    log_in_to(make_session(token_store=store), sandbox)
    time_.pass_(3601)
    store.full = True
    with pytest.raises(TokenStoreError):
        make_session(token_store=store).access_token()
    store.full = False
    other = make_session(token_store=store)
    assert other.invalidate("default", other.token().access_token)  # there is a newer one
    assert OauthApi(other.api_client()).oauth_me().merchant_id == "default"
    assert sandbox.counters.refreshes == 1
    assert sandbox.counters.reuse_detections == 0


def test_a_store_that_nothing_can_be_kept_beside_works_too(make_session, sandbox, log_in_to):
    class Slots:
        __hash__ = None  # type: ignore[assignment]
        __slots__ = ("_store", "accounts", "delete", "load", "lock", "save")

        def __init__(self):
            self._store = MemoryTokenStore()
            for name in ("accounts", "delete", "load", "lock", "save"):
                setattr(self, name, getattr(self._store, name))

    session = make_session(token_store=Slots())
    log_in_to(session, sandbox)
    session.refresh()
    assert sandbox.counters.refreshes == 1


def test_a_lock_that_was_not_had_is_an_error(make_session, sandbox, log_in_to, time_):
    class GivesUp(MemoryTokenStore):
        taken = False

        @contextmanager
        def lock(self, account, *, blocking=True):
            yield not self.taken  # as a lock with a timeout of its own may say

    store = GivesUp()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    store.taken = True
    time_.pass_(3601)
    for call in (session.access_token, session.refresh, session.revoke):
        with pytest.raises(TokenStoreError, match="lock"):
            call()
    assert len(token_requests(sandbox)) == 1
    assert store.load("default") is not None


@pytest.mark.parametrize("outer", ["refresh", "revoke"])
def test_a_thread_never_waits_for_a_lock_of_its_own(make_session, sandbox, log_in_to, outer):
    class Asks(MemoryTokenStore):
        session = None
        told = None

        def load(self, account):
            if self.session is not None:
                session, self.session = self.session, None
                with pytest.raises(OAuthSessionError, match="wait for itself") as caught:
                    session.revoke()
                self.told = caught.value
            return super().load(account)

    store = Asks()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    store.session = session
    getattr(session, outer)()
    assert store.told is not None
    log_in_to(session, sandbox)  # no lock is left behind
    assert session.access_token() == store.load("default").access_token


class Text(str):
    __slots__ = ()


class Scope(str, Enum):
    CRM = "crm"


@pytest.mark.parametrize("scope", [Text("crm"), Scope.CRM])
def test_a_scope_of_a_text_of_ones_own(make_session, sandbox, scope):
    sandbox.granted_scope = None
    session = make_session(scope=scope)
    request = session.create_authorization_url()
    assert "scope=crm&" in request.url
    token = session.fetch_token(sandbox.authorize(request.url), request=request)
    assert type(token.scope) is str
    assert token.scope == "crm"
    assert Token.from_json(token.to_json()) == token
    assert type(Token(Text("a"), Text("r")).refresh_token) is str


def test_states_are_given_back_while_others_are_looked_through(sandbox, make_session):
    """An exchange that could not be sent gives its state back."""

    sent = True

    def refuse(_):
        raise ApiConnectionError(reason="no turn", request_sent=sent)

    configuration = Configuration()
    configuration.host = sandbox.host
    configuration.request_limiter = refuse
    session = make_session(configuration=configuration)
    switch, seen = sys.getswitchinterval(), set()

    def answer(times):
        for _ in range(times):
            request = session.create_authorization_url()
            callback = "%s?code=c&state=%s" % (sandbox.redirect_uri, request.state)
            try:
                session.fetch_token(callback, request=request)
            except Exception as error:
                seen.add(type(error))

    answer(1500)  # these stay used
    sent = False

    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=answer, args=(100,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(switch)
    assert seen == {ApiConnectionError}
