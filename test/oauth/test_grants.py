"""All grants of an application: their states, and keeping unused ones alive."""

from __future__ import annotations

import math

import pytest
from failing_stores import FullDisk
from waiting import TOKEN_PATH, token_requests

from ultracart.exceptions import ReauthorizationRequired, TokenStoreError
from ultracart.oauth import Grant, MemoryTokenStore, OAuthSession, Token
from ultracart.oauth.stores.base import decode_token

DAY = 86400.0


@pytest.fixture
def store():
    return MemoryTokenStore()


@pytest.fixture
def session(make_session, store):
    return make_session(token_store=store)


def states(session):
    return {grant.account: grant.state for grant in session.grants()}


def test_nothing_is_there(session, sandbox):
    assert session.grants() == []
    assert session.keep_alive() == []
    assert sandbox.requests == []


def test_what_a_grant_says(session, sandbox, log_in_to, time_):
    sandbox.granted_scope = "item_read"
    log_in_to(session, sandbox, "merchant-7")
    issued = time_.now
    (grant,) = session.grants()
    assert grant == Grant(
        "merchant-7", "merchant-7", "item_read", issued, None, issued + 3600, "fresh"
    )
    time_.pass_(100)
    session.refresh("merchant-7")
    time_.pass_(100)
    session.refresh("merchant-7")
    (grant,) = session.grants()
    assert (grant.issued_at, grant.refreshed_at) == (issued, issued + 200)


def test_states(session, sandbox, log_in_to, time_, store):
    log_in_to(session, sandbox, "b")
    sandbox.requests.clear()
    store.save("a", Token("a", None, time_.now + 3600, issued_at=time_.now))
    store.save("c", Token("c", "r"))
    assert states(session) == {"a": "fresh", "b": "fresh", "c": "fresh"}
    time_.pass_(3539.5)
    assert states(session)["b"] == "fresh"
    time_.pass_(0.5)
    assert states(session) == {"a": "fresh", "b": "stale", "c": "fresh"}
    time_.pass_(110)
    assert states(session) == {"a": "ended", "b": "expired", "c": "fresh"}
    assert sandbox.requests == []
    sandbox.faults.add(TOKEN_PATH, status=400, body={"error": "invalid_grant"})
    with pytest.raises(ReauthorizationRequired):
        session.access_token("b")
    assert states(session)["b"] == "ended"
    session.refresh("b")
    assert states(session)["b"] == "fresh"


def test_a_new_token_without_refresh_token_is_no_ended_grant(session, store, time_):
    store.save("a", Token("first", None, time_.now + 60, issued_at=time_.now))
    time_.pass_(61)
    with pytest.raises(ReauthorizationRequired):
        session.access_token("a")
    assert states(session) == {"a": "ended"}
    store.save("a", Token("second", None, time_.now + 60, issued_at=time_.now))
    assert session.access_token("a") == "second"
    assert states(session) == {"a": "fresh"}


def test_a_grant_cannot_be_changed(session, sandbox, log_in_to):
    log_in_to(session, sandbox)
    (grant,) = session.grants()
    with pytest.raises(AttributeError):
        grant.state = "ended"
    assert grant in {grant}


@pytest.mark.parametrize(("left", "state"), [(-1, "ended"), (0, "ended"), (1, "expired")])
def test_an_expired_refresh_token_is_an_ended_grant(session, store, time_, left, state):
    ends = time_.now + left
    token = Token("a", "r", time_.now - 1, issued_at=time_.now - 10, refresh_token_expires_at=ends)
    store.save("a", token)
    assert states(session) == {"a": state}


def test_a_login_late_in_the_life_of_a_process_is_no_older(session, sandbox, log_in_to, time_):
    time_.pass_(30 * DAY)
    log_in_to(session, sandbox)
    time_.pass_(3500)
    session.access_token()
    assert sandbox.counters.refreshes == 0


def test_what_could_not_be_saved_is_seen(make_session, sandbox, log_in_to, time_):
    full = FullDisk()
    session = make_session(token_store=full)
    log_in_to(session, sandbox)
    time_.pass_(3601)
    full.full = True
    with pytest.raises(Exception, match="disk full"):
        session.access_token()
    assert states(session) == {"default": "fresh"}


def test_other_applications_grants_are_theirs(session, sandbox, log_in_to, store):
    log_in_to(session, sandbox, "mine")
    store.save("theirs", Token("x", "r", 1.0, client_id="another", host=sandbox.host))
    sandbox.requests.clear()
    assert list(states(session)) == ["mine"]
    assert session.keep_alive(idle=0) != []
    assert len(token_requests(sandbox)) == 1


# -- keeping alive --


def test_only_the_idle_are_refreshed_and_the_longest_idle_first(session, sandbox, log_in_to, time_):
    for name in ("a", "b", "c"):
        log_in_to(session, sandbox, name)
        time_.pass_(3600)
    time_.pass_(DAY - 2 * 3600)
    session.refresh("b")
    sandbox.requests.clear()
    done = session.keep_alive()
    assert [(event.kind, event.account) for event in done] == [("refreshed", "a")]
    assert len(token_requests(sandbox)) == 1
    assert session.keep_alive() == []
    done = session.keep_alive(idle=1)
    assert [event.account for event in done] == ["c"]
    assert session.keep_alive(idle=math.inf) == []


def test_the_longest_idle_comes_first_whatever_its_name(session, sandbox, log_in_to, time_, store):
    for name in ("c", "a", "b"):
        log_in_to(session, sandbox, name)
        time_.pass_(1)
    unknown = store.load("b").replaced(issued_at=None, expires_at=time_.now)
    store.save("b", unknown)
    time_.pass_(DAY)
    assert [event.account for event in session.keep_alive()] == ["b", "c", "a"]


def test_a_refresh_after_the_clock_was_set_back_is_a_refresh(session, sandbox, log_in_to, time_):
    log_in_to(session, sandbox)
    time_.now -= 1000
    session.refresh()
    (grant,) = session.grants()
    assert (grant.issued_at, grant.refreshed_at) == (time_.now + 1000, time_.now)


@pytest.mark.parametrize("ahead", [5, 2 * DAY, 1000 * DAY])
def test_a_clock_that_was_ahead_does_not_hide_a_grant(session, sandbox, log_in_to, time_, ahead):
    log_in_to(session, sandbox)
    time_.now -= ahead
    assert len(session.keep_alive(idle=min(ahead, DAY))) == 1
    assert session.keep_alive() == []
    time_.now -= ahead
    assert len(session.keep_alive(idle=0)) == 1


def test_what_could_not_be_saved_is_saved_by_the_next_run(make_session, sandbox, log_in_to, time_):
    store = FullDisk()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    time_.pass_(DAY)
    store.full = True
    assert [event.kind for event in session.keep_alive()] == ["refresh_failed"]
    assert session.grants()[0].state == "fresh"
    store.full = False
    (event,) = session.keep_alive()
    assert (event.kind, event.attempts) == ("refreshed", 0)
    stored = store.load("default")
    assert stored is not None
    assert stored.issued_at == time_.now
    assert session.keep_alive() == []
    assert len(token_requests(sandbox)) == 2  # of the login and of the first run


def test_idle_means_for_a_day(session, sandbox, log_in_to, time_):
    log_in_to(session, sandbox)
    time_.pass_(DAY - 0.5)
    assert session.keep_alive() == []
    time_.pass_(0.5)
    assert len(session.keep_alive()) == 1


def test_a_limit(session, sandbox, log_in_to, time_):
    for number in range(5):
        log_in_to(session, sandbox, "merchant-%d" % number)
        time_.pass_(1)
    time_.pass_(DAY)
    assert [event.account for event in session.keep_alive(limit=2)] == ["merchant-0", "merchant-1"]
    assert session.keep_alive(limit=0) == []
    assert len(session.keep_alive(limit=9)) == 3


def test_ended_grants_take_nobody_s_turn_and_are_asked_once(session, sandbox, log_in_to, time_):
    for name in ("dead", "living"):
        log_in_to(session, sandbox, name)
        time_.pass_(1)
    time_.pass_(DAY)
    sandbox.requests.clear()
    sandbox.faults.add(TOKEN_PATH, status=400, body={"error": "invalid_grant"})
    done = session.keep_alive(limit=1)
    assert [(event.kind, event.account) for event in done] == [
        ("grant_ended", "dead"),
        ("refreshed", "living"),
    ]
    assert session.keep_alive() == []
    assert len(token_requests(sandbox)) == 2


@pytest.mark.parametrize(
    "fault",
    [{"retry_after": 600}, {"status": 401, "body": {"error": "invalid_client"}}],
    ids=["429", "invalid_client"],
)
def test_it_stops_when_the_server_asks_for_it(session, sandbox, log_in_to, time_, fault):
    for name in ("a", "b", "c"):
        log_in_to(session, sandbox, name)
    time_.pass_(DAY)
    sandbox.requests.clear()
    sandbox.faults.add(TOKEN_PATH, **fault)
    assert [event.kind for event in session.keep_alive()] == ["refresh_failed"]
    assert len(token_requests(sandbox)) == 1


def test_it_does_not_ask_before_the_time_that_the_server_named(session, sandbox, log_in_to, time_):
    log_in_to(session, sandbox)
    time_.pass_(DAY)
    sandbox.faults.add(TOKEN_PATH, retry_after=600)
    assert [event.kind for event in session.keep_alive()] == ["refresh_failed"]
    sandbox.requests.clear()
    assert session.keep_alive() == []
    assert sandbox.requests == []


def test_a_grant_that_is_known_to_have_ended_stops_nobody_else(session, sandbox, log_in_to, time_):
    for name in ("dead", "living"):
        log_in_to(session, sandbox, name)
        time_.pass_(1)
    time_.pass_(DAY)
    sandbox.faults.add(TOKEN_PATH, status=400, body={"error": "invalid_grant"})
    with pytest.raises(ReauthorizationRequired):
        session.access_token("dead")
    assert [event.account for event in session.keep_alive()] == ["living"]


def test_an_outage_that_begins_on_the_way_ends_the_run_as_soon(session, sandbox, log_in_to, time_):
    for number in range(6):
        log_in_to(session, sandbox, "merchant-%d" % number)
        time_.pass_(1)
    time_.pass_(DAY)
    sandbox.requests.clear()
    sandbox.faults.add(
        TOKEN_PATH, status=500, times=None, when=lambda request: len(sandbox.requests) > 1
    )
    done = session.keep_alive()
    assert [event.kind for event in done] == ["refreshed"] + ["refresh_failed"] * 3


def test_one_failure_stops_nobody_else(session, sandbox, log_in_to, time_):
    for name in ("a", "b"):
        log_in_to(session, sandbox, name)
    time_.pass_(DAY)
    sandbox.faults.add(TOKEN_PATH, status=400, body={"error": "invalid_scope"})
    assert [event.kind for event in session.keep_alive()] == ["refresh_failed", "refreshed"]


def test_what_another_process_refreshed_meanwhile_is_left_alone(
    make_session, sandbox, log_in_to, time_
):
    class Slow(MemoryTokenStore):
        meanwhile = None

        def load(self, account):
            token = super().load(account)
            meanwhile, self.meanwhile = self.meanwhile, None
            if meanwhile is not None:
                meanwhile()
            return token

    store = Slow()
    one, two = make_session(token_store=store), make_session(token_store=store)
    log_in_to(one, sandbox)
    time_.pass_(DAY)
    store.meanwhile = two.refresh
    assert one.keep_alive() == []
    assert sandbox.counters.refreshes == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"idle": "1"}, TypeError),
        ({"idle": -1}, ValueError),
        ({"idle": math.nan}, ValueError),
        ({"limit": "1"}, TypeError),
        ({"limit": -1}, ValueError),
        ({"limit": 1.5}, TypeError),
        ({"limit": True}, TypeError),
    ],
)
def test_impossible_arguments(session, arguments, error):
    with pytest.raises(error, match=next(iter(arguments))):
        session.keep_alive(**arguments)


def test_names_are_exported():
    from ultracart import oauth

    assert {"Grant", "SessionEvent"} <= set(oauth.__all__)
    assert OAuthSession.grants.__doc__


# -- what goes wrong on the way --


class PartlyUnreadable(MemoryTokenStore):
    """Some rows were encrypted under another key."""

    unreadable: tuple[str, ...] = ()

    def load(self, account):
        if account in self.unreadable:
            return decode_token(b"damaged", None, account)
        return super().load(account)


@pytest.fixture
def damaged(make_session, sandbox, log_in_to, time_):
    store = PartlyUnreadable()
    session = make_session(token_store=store)
    for name in ("a", "b", "c"):
        log_in_to(session, sandbox, name)
    time_.pass_(DAY)
    store.unreadable = ("b",)
    return session, store


def test_one_token_that_cannot_be_read_stops_nobody_else(damaged, caplog):
    session, store = damaged
    assert list(states(session)) == ["a", "c"]
    assert [event.account for event in session.keep_alive()] == ["a", "c"]
    assert "'b' is left out" in caplog.text
    store.unreadable = ("a", "b", "c")
    for use in (session.grants, session.keep_alive):
        with pytest.raises(TokenStoreError, match="cipher"):
            use()


def test_a_token_that_cannot_be_read_can_be_forgotten(damaged, sandbox):
    session, store = damaged
    sandbox.requests.clear()
    with pytest.raises(TokenStoreError, match="cipher"):
        session.revoke("b")
    assert store.accounts() == ["a", "b", "c"]
    session.revoke("b", forget=True)
    assert store.accounts() == ["a", "c"]
    assert sandbox.requests == []


def test_an_outage_ends_the_run(session, sandbox, log_in_to, time_):
    for number in range(9):
        log_in_to(session, sandbox, "merchant-%d" % number)
        time_.pass_(1)
    time_.pass_(DAY)
    sandbox.faults.add(TOKEN_PATH, status=500, times=None)
    assert [event.kind for event in session.keep_alive()] == ["refresh_failed"] * 3
    sandbox.faults.clear()
    sandbox.faults.add(TOKEN_PATH, status=500, times=8)
    assert [event.kind for event in session.keep_alive()] == ["refresh_failed"] * 2 + [
        "refreshed"
    ] * 7


def test_a_refresh_token_that_has_expired_is_not_sent(session, sandbox, log_in_to, time_, store):
    log_in_to(session, sandbox)
    token = store.load("default")
    store.save("default", token.replaced(refresh_token_expires_at=time_.now + 10))
    time_.pass_(DAY)
    sandbox.requests.clear()
    assert session.keep_alive() == []
    assert sandbox.requests == []
    assert states(session) == {"default": "ended"}
