"""What the server has refused is not asked for again and again."""

from __future__ import annotations

import pytest
from waiting import TOKEN_PATH, token_requests

from ultracart import OauthApi
from ultracart.exceptions import (
    ApiConnectionError,
    ApiException,
    InvalidClientError,
    InvalidGrantError,
    OAuthError,
    RateLimitException,
    ReauthorizationRequired,
    UnauthorizedException,
)
from ultracart.oauth import MemoryTokenStore, SessionEvent, Token


@pytest.fixture
def store():
    return MemoryTokenStore()


@pytest.fixture
def expired(make_session, sandbox, log_in_to, time_, store):
    """A session whose token has expired; the sandbox forgets the requests before."""
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    time_.pass_(3601)
    sandbox.requests.clear()
    return session


def fail(session, times, error):
    errors = []
    for _ in range(times):
        with pytest.raises(error) as caught:
            session.access_token()
        errors.append(caught.value)
    return errors


def test_a_grant_that_has_ended_costs_one_request(expired, sandbox, time_):
    sandbox.revoke()
    errors = fail(expired, 50, ReauthorizationRequired)
    assert len(token_requests(sandbox)) == 1
    assert {str(error) for error in errors} == {str(errors[0])}
    assert {type(error.__cause__) for error in errors} == {InvalidGrantError}
    assert len({id(error) for error in errors}) == 50
    time_.pass_(30 * 86400)
    fail(expired, 5, ReauthorizationRequired)
    assert len(token_requests(sandbox)) == 1


def test_what_is_remembered_keeps_no_failed_call_in_memory(expired, sandbox):
    sandbox.revoke()
    cause = fail(expired, 2, ReauthorizationRequired)[1].__cause__
    assert isinstance(cause, InvalidGrantError)
    assert cause.__traceback__ is None


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "100"}])
def test_a_forced_refresh_whose_response_is_lost_leaves_an_ended_grant_ended(
    expired, sandbox, headers
):
    sandbox.revoke()
    fail(expired, 1, ReauthorizationRequired)
    sandbox.faults.add(TOKEN_PATH, status=503, headers=headers, times=4)
    with pytest.raises(ApiException):
        expired.refresh()
    sandbox.requests.clear()
    fail(expired, 1, ReauthorizationRequired)
    assert sandbox.requests == []


@pytest.mark.usefixtures("no_pauses")
def test_a_forced_refresh_that_was_not_sent_leaves_a_retry_after_as_it_is(expired, sandbox, time_):
    sandbox.faults.add(TOKEN_PATH, status=429, headers={"Retry-After": "100"})
    fail(expired, 1, RateLimitException)
    sandbox.close()
    with pytest.raises(ApiConnectionError):
        expired.refresh()
    fail(expired, 1, RateLimitException)
    time_.pass_(100)
    fail(expired, 1, ApiConnectionError)


@pytest.mark.parametrize("order", ["abb", "baa"])
def test_a_row_of_error_responses_is_one_of_one_token(make_session, sandbox, time_, store, order):
    session = make_session(token_store=store)
    fault = sandbox.faults.add(
        TOKEN_PATH, status=400, body={"error": "invalid_request"}, times=None
    )
    for refresh_token in order:
        store.save("default", Token("access", refresh_token, time_.now - 1))
        fail(session, 1, ApiException)
    assert fault.hits == 3
    fail(session, 1, ApiException)
    assert fault.hits == 3


def test_a_row_of_error_responses_ends_when_the_account_is_forgotten(
    expired, sandbox, time_, store
):
    fault = sandbox.faults.add(
        TOKEN_PATH, status=400, body={"error": "invalid_request"}, times=None
    )
    for hits in (1, 2):
        store.save("default", Token("access", "refresh", time_.now - 1))
        fail(expired, 1, ApiException)
        assert fault.hits == hits
        expired.revoke(forget=True)
    store.save("default", Token("access", "refresh", time_.now - 1))
    fail(expired, 2, ApiException)
    assert fault.hits == 4  # the first of a row is not remembered


@pytest.mark.parametrize("other", ["a", "z"])
def test_the_end_of_one_grant_is_not_that_of_its_successor(
    make_session, sandbox, time_, store, other
):
    session = make_session(token_store=store)
    fault = sandbox.faults.add(TOKEN_PATH, status=400, body={"error": "invalid_grant"}, times=2)
    for hits, refresh_token in enumerate(("m", other), 1):
        store.save("default", Token("access", refresh_token, time_.now - 1))
        assert session.grants()[0].state == "expired"
        fail(session, 1, ReauthorizationRequired)
        assert fault.hits == hits


def test_other_sessions_of_the_store_know_it_too(expired, make_session, sandbox, store):
    sandbox.revoke()
    fail(expired, 1, ReauthorizationRequired)
    for _ in range(5):
        fail(make_session(token_store=store), 1, ReauthorizationRequired)
    assert len(token_requests(sandbox)) == 1


@pytest.mark.parametrize("by", ["this session", "another session"])
def test_a_new_login_ends_it(expired, make_session, sandbox, log_in_to, store, by):
    sandbox.revoke()
    fail(expired, 3, ReauthorizationRequired)
    log_in_to(expired if by == "this session" else make_session(token_store=store), sandbox)
    assert OauthApi(expired.api_client()).oauth_me().merchant_id == "default"


def test_refresh_asks_all_the_same(expired, sandbox):
    fault = sandbox.faults.add(TOKEN_PATH, status=400, body={"error": "invalid_grant"}, times=2)
    fail(expired, 3, ReauthorizationRequired)
    assert fault.hits == 1
    with pytest.raises(ReauthorizationRequired):
        expired.refresh()
    assert fault.hits == 2
    assert expired.refresh().access_token  # the server has refused for a time only
    assert expired.access_token()


@pytest.mark.parametrize("mode", ["same", "absent"])
@pytest.mark.parametrize("who", ["this session", "another process"])
def test_a_refresh_that_succeeds_ends_what_was_remembered_of_a_lasting_refresh_token(
    expired, make_session, sandbox, store, time_, mode, who
):
    sandbox.refresh_tokens = mode
    sandbox.faults.add(TOKEN_PATH, status=400, body={"error": "invalid_grant"})
    fail(expired, 1, ReauthorizationRequired)
    if who == "this session":
        expired.refresh()
    else:
        assert make_session(token_store=OneProcess(store)).access_token()
    assert expired.grants()[0].state == "fresh"
    assert expired.access_token()
    time_.pass_(3601)
    assert expired.access_token()


def test_a_retry_after_is_waited_out(expired, sandbox, time_):
    sandbox.faults.add(TOKEN_PATH, retry_after=600)
    (first, *others) = fail(expired, 10, RateLimitException)
    assert first.retry_after == 600
    assert {error.retry_after for error in others} == {600}
    time_.pass_(100)
    assert fail(expired, 1, RateLimitException)[0].retry_after == 500
    assert len(token_requests(sandbox)) == 1
    time_.pass_(501)
    assert expired.access_token()
    assert len(token_requests(sandbox)) == 2


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"error": "invalid_client"}, InvalidClientError),
        (400, {"error": "unauthorized_client"}, OAuthError),
        (410, {}, ApiException),
    ],
)
def test_a_refused_application_asks_again_after_a_minute(
    expired, sandbox, time_, status, body, error
):
    fault = sandbox.faults.add(TOKEN_PATH, status=status, body=body, times=2)
    errors = fail(expired, 20, error)
    assert {error.retry_after for error in errors} == {None}  # the server has not asked for a wait
    assert fault.hits == 1
    time_.pass_(59.5)
    fail(expired, 20, error)
    assert fault.hits == 1
    time_.pass_(0.5)
    fail(expired, 20, error)
    assert fault.hits == 2
    time_.pass_(61)
    assert expired.access_token()


def test_a_retry_after_of_more_than_a_day_is_waited_for_a_day(expired, sandbox, time_):
    sandbox.faults.add(TOKEN_PATH, retry_after=10**9)
    fail(expired, 1, RateLimitException)
    time_.pass_(86399.5)
    fail(expired, 1, RateLimitException)
    time_.pass_(0.5)
    assert expired.access_token()


def test_another_application_s_refusal_is_not_this_one_s(expired, make_session, sandbox, store):
    sandbox.faults.add(TOKEN_PATH, status=401, body={"error": "invalid_client"})
    wrong = make_session(token_store=store, client_secret="wrong")
    fail(wrong, 3, InvalidClientError)
    assert expired.access_token()


def test_one_account_s_refusal_is_not_another_s(expired, sandbox, log_in_to, time_):
    log_in_to(expired, sandbox, "merchant-8")
    sandbox.faults.add(TOKEN_PATH, status=400, body={"error": "invalid_grant"})
    fail(expired, 1, ReauthorizationRequired)
    time_.pass_(3601)
    assert expired.access_token("merchant-8")


def test_an_early_refresh_of_an_ended_grant_asks_once(make_session, sandbox, log_in_to, time_):
    session = make_session()
    log_in_to(session, sandbox)
    first = session.access_token()
    time_.pass_(3541)
    sandbox.revoke()
    sandbox.requests.clear()
    for _ in range(58):
        assert session.access_token() == first
        time_.pass_(1)
    assert len(token_requests(sandbox)) == 1


def test_an_expired_token_without_refresh_token_is_told_each_time(make_session, store, time_):
    store.save("default", Token("a", None, time_.now - 1, issued_at=time_.now - 100))
    session = make_session(token_store=store)
    assert len({str(error) for error in fail(session, 3, ReauthorizationRequired)}) == 1


# -- 401 --


def me(session):
    return OauthApi(session.api_client()).oauth_me()


def test_a_resource_that_rejects_every_token_gets_no_rotation_with_each_call(
    authorized, sandbox, time_
):
    sandbox.faults.add("/oauth/me", status=401, times=None)
    sandbox.requests.clear()
    for _ in range(20):
        with pytest.raises(UnauthorizedException):
            me(authorized)
    assert sandbox.counters.refreshes == 1
    assert len(sandbox.requests) == 1 + 2 + 19  # a repeat with the first call only
    # Polled every three seconds for an hour:
    for _ in range(1200):
        time_.pass_(3)
        with pytest.raises(UnauthorizedException):
            me(authorized)
    assert sandbox.counters.refreshes < 20


def test_a_token_that_is_rejected_later_is_refreshed(authorized, sandbox, time_):
    authorized.refresh()
    for number in range(3):
        time_.pass_(60)
        sandbox.expire_access_tokens()
        assert me(authorized).merchant_id == "default"
        assert sandbox.counters.refreshes == 2 + number


def test_what_is_adopted_and_rejected_again_ends_in_one_refresh(
    make_session, sandbox, log_in_to, store
):
    one, two = make_session(token_store=store), make_session(token_store=store)
    log_in_to(one, sandbox)
    two.access_token()
    one.refresh()
    sandbox.expire_access_tokens()
    sandbox.requests.clear()
    assert me(two).merchant_id == "default"
    assert [r.path for r in sandbox.requests] == ["/oauth/me"] * 2 + [TOKEN_PATH, "/oauth/me"]
    assert sandbox.counters.refreshes == 2


def test_then_it_is_an_error_if_it_is_rejected_once_more(make_session, sandbox, log_in_to, store):
    one, two = make_session(token_store=store), make_session(token_store=store)
    log_in_to(one, sandbox)
    two.access_token()
    one.refresh()
    sandbox.faults.add("/oauth/me", status=401, times=3)
    with pytest.raises(UnauthorizedException):
        me(two)
    assert sandbox.counters.refreshes == 2


def test_a_slow_resource_that_rejects_every_token_gets_one_refresh(authorized, sandbox, time_):
    def be_slow(request):
        time_.pass_(30)
        return True

    sandbox.faults.add("/oauth/me", status=401, when=be_slow, times=None)
    with pytest.raises(UnauthorizedException):
        me(authorized)
    assert sandbox.counters.refreshes == 1


@pytest.mark.parametrize("how", ["a login", "a token that lasted"])
def test_the_wait_begins_anew(authorized, sandbox, time_, log_in_to, how):
    def rejected_after(seconds):
        time_.pass_(seconds)
        return authorized.invalidate("default", authorized.access_token())

    authorized.refresh()
    for wait in (10, 20, 40, 80, 160, 320, 640, 640):
        assert not rejected_after(wait - 1)
        assert rejected_after(1.25)
        time_.pass_(0.25)
        assert authorized.access_token()
    if how == "a login":
        log_in_to(authorized, sandbox)
    else:
        assert rejected_after(1000)
    authorized.refresh()
    assert not rejected_after(9)
    assert rejected_after(2)


def test_a_token_that_two_threads_have_asked_for_is_of_this_process(
    make_session, sandbox, log_in_to, time_
):
    """The one that asked in vain adopts what the other has refreshed, and cached."""

    class Pausing(MemoryTokenStore):
        def load(self, account):
            found = super().load(account)
            then, self.then = self.then, lambda: None
            then()
            return found

        then = staticmethod(lambda: None)

    store = Pausing()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    time_.pass_(3601)
    store.then = session.refresh  # after the other's first look at the store
    token = session.access_token()
    assert sandbox.counters.refreshes == 1
    assert not session.invalidate("default", token)


def test_a_short_token_that_is_at_its_end_is_refreshed(session, sandbox, log_in_to, time_):
    sandbox.access_token_lifetime = 4
    log_in_to(session, sandbox)
    token = session.refresh().access_token
    time_.pass_(1.5)
    assert not session.invalidate("default", token)
    assert session.access_token() == token
    time_.pass_(1)  # it was valid for four seconds
    assert session.invalidate("default", token)
    assert session.access_token() != token


@pytest.mark.parametrize(("age", "is_kept"), [(7.5, True), (8, False)])
def test_a_short_token_is_kept_for_half_of_its_time(
    session, sandbox, log_in_to, time_, age, is_kept
):
    sandbox.access_token_lifetime = 16
    log_in_to(session, sandbox)
    token = session.refresh().access_token
    time_.pass_(age)
    assert session.invalidate("default", token) != is_kept


def test_a_token_is_untried_while_only_others_have_refreshed_it(
    make_session, sandbox, log_in_to, store
):
    log_in_to(make_session(token_store=store), sandbox)
    session = make_session(token_store=store)
    source = session.api_client().configuration.access_token
    assert not source.is_untried("a token")  # nothing is known of any
    adopted = source()
    assert source.is_untried(adopted)
    assert not source.is_untried(adopted + "a")
    assert not source.is_untried(adopted[:-1])
    assert not source.is_untried(session.refresh().access_token)


def test_what_another_refreshed_since_is_adopted_at_once(make_session, sandbox, log_in_to, store):
    one, two = make_session(token_store=store), make_session(token_store=store)
    log_in_to(one, sandbox)
    rejected = two.refresh().access_token
    newest = one.refresh().access_token
    assert two.invalidate("default", rejected)
    assert two.access_token() == newest
    assert sandbox.counters.refreshes == 2


class OneProcess(MemoryTokenStore):
    """What one process sees of a store: its tokens, and none of what others have met."""

    def __init__(self, shared):
        super().__init__()
        for name in ("load", "save", "delete", "accounts", "lock", "replace"):
            setattr(self, name, getattr(shared, name))


def test_processes_do_not_replace_each_other_s_tokens_with_each_call(
    make_session, sandbox, log_in_to, store, time_
):
    sessions = [make_session(token_store=OneProcess(store)) for _ in range(8)]
    log_in_to(sessions[0], sandbox)
    sandbox.faults.add("/oauth/me", status=401, times=None)
    for _ in range(20):
        for session in sessions:
            with pytest.raises(UnauthorizedException):
                me(session)
    assert sandbox.counters.refreshes <= 8
    # Polled every three seconds for an hour, by one process after another:
    for number in range(1200):
        time_.pass_(3)
        with pytest.raises(UnauthorizedException):
            me(sessions[number % 8])
    assert sandbox.counters.refreshes < 300


def test_what_others_refreshed_is_replaced_again_after_a_while(
    make_session, sandbox, log_in_to, store, time_
):
    one, two = (make_session(token_store=OneProcess(store)) for _ in range(2))
    log_in_to(one, sandbox)

    def is_replaced_after(seconds):
        time_.pass_(seconds)
        one.refresh()
        newest = store.load("default").access_token
        known = two.access_token()
        if known != newest:
            two.invalidate("default", known)
        assert two.access_token() == newest
        return two.invalidate("default", newest)

    assert is_replaced_after(0)
    for wait in (10, 20, 40, 80, 160, 320, 640, 640):
        assert not is_replaced_after(wait - 1)
        assert is_replaced_after(1.5)
    assert is_replaced_after(4 * 640 - 0.5)  # still one series
    assert not is_replaced_after(639)
    assert is_replaced_after(1)
    for long_after in (4 * 640, 1000):
        assert is_replaced_after(long_after)
        assert not is_replaced_after(9)
        assert is_replaced_after(1)


def test_a_login_in_another_process_begins_anew(make_session, sandbox, log_in_to, store, time_):
    one, two = (make_session(token_store=OneProcess(store)) for _ in range(2))
    log_in_to(one, sandbox)
    assert two.access_token()
    sandbox.expire_access_tokens()
    assert me(two)  # the rejected token was replaced
    time_.pass_(3)
    log_in_to(one, sandbox)
    assert two.access_token() == one.access_token()
    sandbox.revoke()
    with pytest.raises(ReauthorizationRequired):
        me(two)


def invalid_client(sandbox):
    return sandbox.faults.add(TOKEN_PATH, status=401, body={"error": "invalid_client"}, times=None)


@pytest.fixture
def many_expired(session, sandbox, log_in_to, time_):
    for number in range(20):
        log_in_to(session, sandbox, "merchant-%d" % number)
    time_.pass_(3601)
    sandbox.requests.clear()
    return ["merchant-%d" % number for number in range(20)]


def fail_all(session, accounts):
    for account in accounts:
        with pytest.raises(InvalidClientError):
            session.access_token(account)


def test_two_accounts_more_than_a_minute_apart_say_nothing_of_the_others(
    session, sandbox, many_expired, time_
):
    fault = invalid_client(sandbox)
    fail_all(session, many_expired[:1])
    time_.pass_(60)
    fail_all(session, many_expired[1:2])
    assert fault.hits == 2
    sandbox.faults.clear()
    assert session.access_token(many_expired[2])


def test_a_refused_application_is_asked_about_again_after_exactly_a_minute(
    session, sandbox, many_expired, time_
):
    fault = invalid_client(sandbox)
    fail_all(session, many_expired[:2])
    time_.pass_(59.5)
    fail_all(session, many_expired)
    assert fault.hits == 2
    sandbox.faults.clear()
    time_.pass_(0.5)
    assert session.access_token(many_expired[2])


@pytest.mark.parametrize("order", [1, -1])
def test_a_refused_application_is_refused_for_all_accounts(
    session, sandbox, many_expired, time_, order
):
    fault = invalid_client(sandbox)
    for minute in range(1, 6):
        fail_all(session, many_expired[::order])
        fail_all(session, many_expired[::order])
        assert fault.hits == 2 * minute
        time_.pass_(61)


@pytest.mark.parametrize("how", ["login", "refresh"])
def test_an_application_that_is_accepted_again_is_so_for_all_accounts(
    session, sandbox, many_expired, log_in_to, how
):
    invalid_client(sandbox)
    fail_all(session, many_expired)
    sandbox.faults.clear()
    if how == "login":
        log_in_to(session, sandbox, "another")
    else:
        assert session.refresh(many_expired[7])
    assert session.access_token(many_expired[5])


def test_one_account_s_invalid_client_is_not_another_s(session, sandbox, many_expired):
    fault = invalid_client(sandbox)
    fail_all(session, many_expired[:1] * 3)
    assert fault.hits == 1
    sandbox.faults.clear()
    assert session.access_token(many_expired[1])


@pytest.mark.parametrize("value", [0, "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_retry_after_that_is_over_does_not_repeat_at_once(expired, sandbox, time_, value):
    sandbox.faults.add(TOKEN_PATH, status=503, headers={"Retry-After": str(value)}, times=4)
    fail(expired, 1, ApiException)
    assert len(time_.slept) == 3
    assert min(time_.slept) > 0.1


def test_a_refusal_shows_no_secret(expired, sandbox, store):
    sandbox.revoke()
    fail(expired, 1, ReauthorizationRequired)
    shown = repr(vars(expired._store.refusals))
    assert "Refusal(token=Token(access_token=***" in shown
    assert store.load("default").refresh_token not in shown


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": "invalid_request"}),
        (403, {}),
        (404, "<html>gone</html>"),
        (200, {"access_token": "x", "token_type": "mac"}),
    ],
)
def test_error_responses_in_a_row_are_asked_for_less_and_less(
    expired, sandbox, time_, status, body
):
    fault = sandbox.faults.add(TOKEN_PATH, status=status, body=body, times=None)
    errors = fail(expired, 20, ApiException)
    assert fault.hits == 2  # a failure that comes once costs nobody a second
    assert {str(error) for error in errors} == {str(errors[0])}
    for _ in range(1200):  # an hour, every three seconds
        time_.pass_(3)
        fail(expired, 1, ApiException)
    assert fault.hits < 80
    sandbox.faults.clear()
    time_.pass_(61)
    assert expired.access_token()
    time_.pass_(3601)
    fault = sandbox.faults.add(TOKEN_PATH, status=status, body=body)
    fail(expired, 1, ApiException)
    assert expired.access_token()  # it begins anew


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 429},
        {"status": 200, "body": "<h1>Maintenance</h1>"},
        {"drop": "before"},
        {"drop": "after"},
    ],
)
def test_a_server_that_fails_for_an_hour_is_asked_less_and_less(expired, sandbox, time_, fault):
    fault = sandbox.faults.add(TOKEN_PATH, **fault, times=None)
    fail(expired, 20, ApiException)
    assert fault.hits == 16  # four rows of four attempts
    for _ in range(1200):  # an hour, every three seconds
        time_.pass_(3)
        fail(expired, 1, ApiException)
    assert 800 < fault.hits < 1000  # within the application's requests of an hour
    time_.pass_(15)
    fail(expired, 1, ApiException)
    hits = fault.hits
    time_.pass_(14.9)
    fail(expired, 1, ApiException)
    assert fault.hits == hits
    hits = fault.hits
    with pytest.raises(ApiException):
        expired.refresh()
    assert fault.hits == hits + 4
    sandbox.faults.clear()
    time_.pass_(15)
    # Where the server had issued a token each time, the old one counts as used twice.
    assert fault.drop == "after" or expired.access_token()


def test_an_outage_that_ends_in_time_costs_no_call(make_session, sandbox, log_in_to, time_):
    """Failed early refreshes delay no refresh that a caller waits for, nor do three failures."""
    session = make_session()
    log_in_to(session, sandbox)
    first = session.access_token()
    expiry = time_.now + 3600
    time_.pass_(3541)
    fault = sandbox.faults.add(TOKEN_PATH, status=503, times=None)
    while time_.now < expiry - 12:
        assert session.access_token() == first
        time_.pass_(1)
    assert fault.hits >= 2 * 4
    time_.pass_(12)
    fail(session, 3, ApiException)
    sandbox.faults.clear()
    assert session.access_token() != first


@pytest.mark.usefixtures("no_pauses")
def test_what_was_never_sent_is_tried_again_with_each_call(make_session, sandbox, log_in_to, time_):
    events: list[SessionEvent] = []
    session = make_session(on_event=events.append)
    log_in_to(session, sandbox)
    time_.pass_(3601)
    sandbox.close()
    events.clear()
    assert {error.request_sent for error in fail(session, 5, ApiException)} == {False}
    assert len(events) == 5  # none where the error is a remembered one


def test_the_wait_between_error_responses_doubles_to_a_minute(expired, sandbox, time_):
    body = {"error": "invalid_request"}
    fault = sandbox.faults.add(TOKEN_PATH, status=400, body=body, times=None)
    fail(expired, 2, ApiException)
    for count, wait in enumerate([1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60, 60, 60], 3):
        time_.pass_(wait - 0.25)
        fail(expired, 1, ApiException)
        assert fault.hits == count - 1
        time_.pass_(0.25)
        fail(expired, 1, ApiException)
        assert fault.hits == count


@pytest.mark.parametrize("status", [429, 503])
def test_a_short_retry_after_again_and_again_is_an_outage_too(expired, sandbox, time_, status):
    fault = sandbox.faults.add(TOKEN_PATH, status=status, headers={"Retry-After": "1"}, times=None)
    began = time_.now
    while time_.now < began + 600:
        (error,) = fail(expired, 1, ApiException)
        assert 0 < error.retry_after <= 15
        time_.pass_(3)
    assert fault.hits <= 16 * 10 + 16
    sandbox.faults.clear()
    time_.pass_(15)
    expired.access_token()


@pytest.mark.parametrize("gap", [12, 30])
@pytest.mark.parametrize("processes", [1, 2])
def test_tokens_that_serve_a_while_are_replaced_each_time(
    make_session, sandbox, log_in_to, time_, processes, gap
):
    """A server that drops access tokens now and then is none that rejects every token."""
    store = MemoryTokenStore()
    sessions = [make_session(token_store=store) for _ in range(processes)]
    log_in_to(sessions[0], sandbox)
    for _ in range(8):
        time_.pass_(gap)
        sandbox.expire_access_tokens()
        for session in sessions:
            assert OauthApi(session.api_client()).oauth_me().merchant_id == "default"
    assert sandbox.counters.refreshes == 8
