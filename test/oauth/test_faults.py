"""Lost answers, errors and failing stores: the grant survives them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from failing_stores import FullDisk
from waiting import TOKEN_PATH, token_requests

from ultracart import OauthApi
from ultracart.exceptions import (
    ApiConnectionError,
    ApiException,
    ApiResponseError,
    InvalidClientError,
    RateLimitException,
    ServiceException,
    TokenStoreError,
)
from ultracart.oauth import MemoryTokenStore, SQLiteTokenStore, Token

# -- lost answers and faults --

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


def test_an_answer_that_comes_again_is_as_old_as_its_first_request(session, sandbox, log_in_to):
    sandbox.reuse_grace = 30
    sandbox.access_token_lifetime = 3
    log_in_to(session, sandbox)
    sandbox.expire_access_tokens()
    sandbox.faults.add(TOKEN_PATH, drop="after")
    sandbox.faults.add(TOKEN_PATH, retry_after=4)  # longer than the token lives
    assert OauthApi(session.api_client()).oauth_me().merchant_id == "default"
    assert sandbox.counters.refreshes == 2
    refused = [r for r in sandbox.requests if r.path == "/oauth/me" and r.status == 401]
    assert len(refused) == 1  # the one that began it


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


@pytest.mark.parametrize("code", ["slow_down", "invalid_request", "made_up"])
def test_429_is_repeated_whatever_its_code(authorized, sandbox, time_, code):
    time_.pass_(3601)
    sandbox.faults.add(TOKEN_PATH, status=429, body={"error": code})
    assert authorized.access_token()
    assert sandbox.counters.refreshes == 1


@pytest.mark.parametrize("code", ["invalid_grant", "invalid_client"])
def test_an_outage_ends_no_grant_whatever_its_code(authorized, sandbox, time_, code):
    time_.pass_(3601)
    sandbox.faults.add(TOKEN_PATH, status=503, body={"error": code})
    assert authorized.access_token()
    assert sandbox.counters.refreshes == 1


def test_a_token_is_no_older_than_the_request_that_was_let_in(authorized, sandbox, time_):
    """What a 429 turned away cannot be what the answer is to."""
    began = time_.now
    sandbox.faults.add(TOKEN_PATH, status=429, retry_after=8)
    assert authorized.refresh().issued_at == began + 8


def test_a_token_that_lives_for_no_time_is_asked_for_once(authorized, sandbox, time_):
    sandbox.access_token_lifetime = 0
    time_.pass_(3601)
    sandbox.requests.clear()
    assert authorized.access_token()
    assert len(token_requests(sandbox)) == 1


@pytest.mark.parametrize("seconds", [10, 11])
def test_a_longer_retry_after_is_not_waited_for(authorized, sandbox, time_, seconds):
    time_.pass_(3601)
    sandbox.faults.add(TOKEN_PATH, retry_after=seconds)
    with pytest.raises(RateLimitException) as caught:
        authorized.access_token()
    assert caught.value.retry_after == seconds
    assert time_.slept == []


def test_a_token_that_has_just_expired_when_it_comes_is_refreshed_again(
    session, sandbox, log_in_to, time_
):
    def be_slow(request):
        time_.pass_(20 if len(token_requests(sandbox)) == 2 else 1)
        return False  # it is answered as usual

    sandbox.access_token_lifetime = 20
    log_in_to(session, sandbox)
    time_.pass_(20)
    sandbox.faults.add(TOKEN_PATH, when=be_slow, status=500)
    assert session.access_token()
    assert sandbox.counters.refreshes == 2
    sandbox.faults.clear()


def test_only_the_session_waits_and_repeats(authorized, sandbox, time_):
    """Its transport must not: the session counts the attempts, and holds a lock meanwhile."""
    sandbox.faults.add(TOKEN_PATH, retry_after=1)
    authorized.refresh()
    assert time_.slept == [1]


def test_the_pauses_double_and_are_spread_by_a_quarter(authorized, sandbox, time_):
    sandbox.faults.add(TOKEN_PATH, status=500, times=60)
    for _ in range(15):
        with pytest.raises(ServiceException):
            authorized.refresh()
    for first, pauses in ((0.25, time_.slept[::3]), (0.5, time_.slept[1::3])):
        assert 0.75 * first <= min(pauses) < max(pauses) <= 1.25 * first
    assert 0.75 <= min(time_.slept[2::3]) < max(time_.slept[2::3]) <= 1.25
    assert len(time_.slept) == 45


@pytest.mark.parametrize(
    "body",
    [
        '{"access_token": "a", "token_type": "mac"}',
        # Read as leniently as a usable one: behind a byte order mark, with an endless number.
        '\ufeff{"access_token": "a", "token_type": "mac"}',
        '{"token_type": "bearer", "expires_in": %s}' % ("9" * 5000),
    ],
    ids=["another type", "byte order mark", "no token"],
)
def test_an_answer_that_cannot_be_used_is_not_asked_for_again(authorized, sandbox, time_, body):
    time_.pass_(3601)
    sandbox.faults.add(TOKEN_PATH, status=200, body=body)
    sandbox.requests.clear()
    with pytest.raises(ApiException):
        authorized.access_token()
    assert len(token_requests(sandbox)) == 1


def test_a_store_that_fails_for_a_time_does_not_cost_the_grant(
    make_session, sandbox, log_in_to, time_
):
    store = FullDisk()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    stored = store.load("default")
    time_.pass_(3601)
    store.full = True
    for _ in range(3):
        with pytest.raises(TokenStoreError, match="disk full"):  # the store's own words
            session.access_token()
    assert store.load("default") == stored
    store.full = False
    assert OauthApi(session.api_client()).oauth_me().merchant_id == "default"
    time_.pass_(3601)
    assert OauthApi(session.api_client()).oauth_me().merchant_id == "default"
    assert sandbox.counters.refreshes == 2
    assert sandbox.counters.reuse_detections == 0


def test_a_pending_token_that_has_expired_meanwhile_is_refreshed(
    make_session, sandbox, log_in_to, time_
):
    store = FullDisk()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    store.full = True
    with pytest.raises(TokenStoreError):
        session.refresh()
    store.full = False
    time_.pass_(3601)
    token = session.refresh()
    assert token.expires_at > time_.now
    assert store.load("default") == token
    assert sandbox.counters.refreshes == 2


def test_a_token_that_could_not_be_saved_outlives_the_refresh_before_it(
    make_session, sandbox, log_in_to, time_
):
    class FailsNext(FullDisk):
        """Lets another refresh in just when the lock is free again, and fails to save for it."""

        then = None

        @contextmanager
        def lock(self, account, *, blocking=True):
            with super().lock(account, blocking=blocking) as held:
                yield held
            then, self.then = self.then, None
            if then is not None:
                then()

    store = FailsNext()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)

    def refresh_on_a_full_disk():
        store.full = True
        with ThreadPoolExecutor(1) as thread, pytest.raises(TokenStoreError):
            thread.submit(session.refresh).result(30)
        store.full = False

    time_.pass_(3601)
    store.then = refresh_on_a_full_disk
    session.access_token()
    assert sandbox.counters.refreshes == 2
    time_.pass_(3601)
    assert OauthApi(session.api_client()).oauth_me().merchant_id == "default"
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


class Swallowing(MemoryTokenStore):
    """A store of one's own, whose lock leaves as it should not."""

    how = "swallow"

    @contextmanager
    def lock(self, account):  # type: ignore[override]
        try:
            yield
        except Exception:
            if self.how == "raise":
                raise RuntimeError("planted-driver-text") from None


@pytest.mark.parametrize("how", ["swallow", "raise"])
def test_what_failed_under_the_lock_is_told_however_the_lock_is_left(
    make_session, sandbox, time_, log_in_to, how
):
    session = make_session(token_store=Swallowing())
    log_in_to(session, sandbox)
    session._store._store.how = how
    time_.pass_(3601)
    sandbox.faults.add(TOKEN_PATH, status=401, body={"error": "invalid_client"})
    with pytest.raises(InvalidClientError) as caught:
        session.access_token()
    assert caught.value.__context__ is None


class Foreign(MemoryTokenStore):
    def load(self, account):
        return {"access_token": "planted-token"}


def test_what_is_no_token_is_not_used(make_session):
    session = make_session(token_store=Foreign())
    for call in (session.access_token, session.token, session.refresh):
        with pytest.raises(TokenStoreError, match="dict") as caught:
            call()
        assert "planted" not in str(caught.value)


class Broken:
    def __init__(self, made):
        self.made = made

    def encrypt(self, data):
        if self.made is None:
            raise ValueError("planted: %r" % data)
        return self.made

    def decrypt(self, token):
        return token


@pytest.mark.parametrize("made", [None, "text", 7])
def test_a_cipher_that_fails_is_a_store_error(tmp_path, made):
    store = SQLiteTokenStore(tmp_path / "tokens.db", cipher=Broken(made))
    with pytest.raises(TokenStoreError, match="cipher") as caught:
        store.save("merchant-7", Token("a"))
    assert caught.value.__cause__ is None
    assert store.accounts() == []


def test_a_login_wins_though_another_account_is_forgotten_meanwhile(
    make_session, sandbox, log_in_to
):
    class Store(MemoryTokenStore):
        def save(self, account, token):
            super().save(account, token)
            if account == "A" and "B" in self.accounts():
                session.revoke("B")

    session = make_session(token_store=Store())
    log_in_to(session, sandbox, "A")
    log_in_to(session, sandbox, "B")
    log_in_to(session, sandbox, "A")
    assert session.access_token("A") == session.token("A").access_token
    assert session.token("B") is None
