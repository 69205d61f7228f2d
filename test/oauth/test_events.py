"""What an application is told of its grants, and where it stands while it is told."""

from __future__ import annotations

import logging
import pickle
import threading
from contextlib import contextmanager
from typing import Any

import pytest
from failing_stores import FullDisk
from waiting import TOKEN_PATH

from ultracart.configuration import Configuration
from ultracart.exceptions import (
    ApiException,
    ConfigurationError,
    InvalidGrantError,
    ReauthorizationRequired,
    ServiceException,
    TokenStoreError,
)
from ultracart.oauth import MemoryTokenStore, SessionEvent, Token


@pytest.fixture
def events():
    return []


@pytest.fixture
def session(make_session, sandbox, log_in_to, events):
    session = make_session(on_event=events.append)
    log_in_to(session, sandbox)
    return session


def kinds(events):
    return [event.kind for event in events]


def test_the_life_of_a_grant(session, sandbox, events, time_):
    time_.pass_(100)
    session.refresh()
    session.access_token()
    session.revoke()
    session.revoke()  # nothing is left
    assert kinds(events) == ["issued", "refreshed", "revoked"]
    assert {event.account for event in events} == {"default"}
    assert {event.merchant_id for event in events} == {"default"}
    assert [event.at for event in events] == [time_.now - 100, time_.now, time_.now]
    assert {event.error for event in events} == {None}
    assert {event.attempts for event in events} == {1}
    assert {event.duration for event in events} == {0.0}


def test_an_event_of_a_test_s_own_needs_no_figures():
    assert SessionEvent("issued", "a") == SessionEvent("issued", "a", None, 0.0, 0.0, None, 0)


def test_a_failed_refresh(session, sandbox, events, time_):
    time_.pass_(3601)
    sandbox.faults.add(TOKEN_PATH, status=500, times=4)
    with pytest.raises(ServiceException):
        session.access_token()
    event = events[-1]
    assert event.kind == "refresh_failed"
    assert isinstance(event.error, ServiceException)
    assert event.attempts == 4
    assert event.duration == pytest.approx(sum(time_.slept))
    assert event.merchant_id == "default"
    sandbox.faults.add(TOKEN_PATH, status=500)
    session.access_token()
    assert (events[-1].kind, events[-1].attempts) == ("refreshed", 2)


def test_each_request_of_a_revocation_is_counted(session, sandbox, events):
    sandbox.faults.add("/oauth/revoke", status=500)
    session.revoke()
    assert (events[-1].kind, events[-1].attempts) == ("revoked", 2)


def test_an_early_one_that_fails(session, sandbox, events, time_):
    time_.pass_(3550)
    sandbox.faults.add(TOKEN_PATH, status=400, body={"error": "invalid_scope"})
    session.access_token()
    assert kinds(events) == ["issued", "refresh_failed"]


def test_a_grant_that_ends_is_told_once(session, sandbox, events, time_):
    time_.pass_(3601)
    sandbox.revoke()
    for _ in range(3):
        with pytest.raises(ReauthorizationRequired):
            session.access_token()
    assert kinds(events) == ["issued", "grant_ended"]
    assert isinstance(events[-1].error, ReauthorizationRequired)
    assert isinstance(events[-1].error.__cause__, InvalidGrantError)


def test_what_could_not_be_saved_is_a_failed_refresh(make_session, sandbox, log_in_to, events):
    store = FullDisk()
    session = make_session(token_store=store, on_event=events.append)
    log_in_to(session, sandbox)
    store.full = True
    with pytest.raises(TokenStoreError):
        session.refresh()
    assert kinds(events) == ["issued", "refresh_failed"]
    assert isinstance(events[-1].error, TokenStoreError)
    store.full = False
    session.refresh()  # saves what it could not save, and asks nobody
    session.access_token()
    assert kinds(events) == ["issued", "refresh_failed", "refreshed"]
    assert (events[-1].attempts, events[-1].error) == (0, None)


def test_a_store_that_cannot_be_read_is_a_failed_refresh(
    make_session, sandbox, log_in_to, events, time_
):
    class Down(MemoryTokenStore):
        down = False

        def load(self, account):
            if self.down:
                raise TokenStoreError("the database is down")
            return super().load(account)

    store = Down()
    session = make_session(token_store=store, on_event=events.append)
    log_in_to(session, sandbox)
    time_.pass_(3601)
    store.down = True
    with pytest.raises(TokenStoreError):
        session.access_token()
    assert kinds(events) == ["issued", "refresh_failed"]
    assert (events[-1].attempts, events[-1].duration) == (0, 0.0)


def test_where_no_request_could_be_sent_none_is_counted(make_session, events, tmp_path):
    configuration = Configuration()
    configuration.host = "https://127.0.0.1:1/rest/v2"
    configuration.ssl_ca_cert = str(tmp_path / "removed.pem")
    store = MemoryTokenStore()
    store.save("default", Token(access_token="a", refresh_token="r", expires_at=1.0))
    session = make_session(configuration=configuration, token_store=store, on_event=events.append)
    with pytest.raises(ConfigurationError, match="ssl_ca_cert"):
        session.access_token()
    assert kinds(events) == ["refresh_failed"]
    assert events[0].attempts == 0


def test_where_nothing_is_there_nothing_is_told(make_session, events):
    session = make_session(on_event=events.append)
    for call in (session.access_token, session.refresh):
        with pytest.raises(ReauthorizationRequired):
            call("nobody")
    session.revoke("nobody")
    assert events == []


def test_a_commit_that_fails_is_a_failed_refresh(make_session, sandbox, log_in_to, events):
    class BreaksAtCommit(MemoryTokenStore):
        breaks = False

        @contextmanager
        def lock(self, account, *, blocking=True):
            with super().lock(account, blocking=blocking) as held:
                yield held
            if self.breaks:
                raise TokenStoreError("the connection broke")

    store = BreaksAtCommit()
    session = make_session(token_store=store, on_event=events.append)
    log_in_to(session, sandbox)
    store.breaks = True
    with pytest.raises(TokenStoreError):
        session.refresh()
    assert kinds(events) == ["issued", "refresh_failed"]


def test_forgetting_tells_why_the_server_does_not_know(session, sandbox, events):
    sandbox.faults.add("/oauth/revoke", status=500, times=4)
    session.revoke(forget=True)
    assert (events[-1].kind, events[-1].attempts) == ("revoked", 4)
    assert isinstance(events[-1].error, ServiceException)


def test_of_many_threads_one_tells(session, sandbox, events, time_):
    time_.pass_(3601)
    threads = [threading.Thread(target=session.access_token) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert kinds(events) == ["issued", "refreshed"]


def test_it_is_told_outside_every_lock(make_session, sandbox, log_in_to, time_):
    session: Any = None
    store: Any = MemoryTokenStore()
    seen = []

    def use_the_session(event):
        with store.lock("default", blocking=False) as held:
            seen.append((event.kind, held))
        if event.kind != "revoked":
            session.access_token()
        if len(seen) == 2:
            session.refresh()

    session = make_session(token_store=store, on_event=use_the_session)
    log_in_to(session, sandbox)
    time_.pass_(3601)
    session.access_token()
    time_.pass_(3550)
    session.access_token()
    session.revoke()
    assert seen == [
        ("issued", True),
        ("refreshed", True),
        ("refreshed", True),
        ("refreshed", True),
        ("revoked", True),
    ]


def test_what_it_raises_is_logged_and_harms_nothing(make_session, sandbox, log_in_to, caplog):
    def fail(event):
        raise RuntimeError("secret of the application")

    session = make_session(on_event=fail)
    log_in_to(session, sandbox)
    assert session.refresh().access_token == session.access_token()
    errors = [r for r in caplog.records if r.levelname == "ERROR"]
    assert [r.getMessage() for r in errors] == ["on_event failed: RuntimeError"] * 2
    assert "secret of" not in caplog.text


def test_a_keyboard_interrupt_in_it_gets_through(make_session, sandbox, log_in_to):
    def interrupt(event):
        raise KeyboardInterrupt

    session = make_session(on_event=interrupt)
    with pytest.raises(KeyboardInterrupt):
        log_in_to(session, sandbox)
    assert session.access_token()


def test_the_log_has_the_same_facts(session, sandbox, events, time_, caplog):
    with caplog.at_level(logging.INFO, "ultracart.oauth"):
        session.refresh()
        time_.pass_(3601)
        sandbox.revoke()
        with pytest.raises(ReauthorizationRequired):
            session.access_token()
    facts = ["kind", "account", "merchant_id", "at", "duration", "attempts"]
    told = [[getattr(event, name) for name in facts] for event in events[1:]]
    records = [r for r in caplog.records if r.name == "ultracart.oauth"]
    assert [[getattr(record, name) for name in facts] for record in records] == told
    assert [record.levelname for record in records] == ["INFO", "WARNING"]
    assert records[0].error is None
    assert records[1].error.startswith("ReauthorizationRequired: ")
    assert [record.getMessage() for record in records] == [
        "account 'default' was refreshed",
        "the grant of account 'default' has ended: " + records[1].error,
    ]
    for token in (session.token().access_token, session.token().refresh_token):
        assert token not in caplog.text
        assert all(token not in repr(vars(record)) for record in records)


def test_a_log_handler_that_fails_harms_nothing(session, caplog):
    told = []

    class Broken(logging.Handler):
        def handle(self, record):
            told.append(record.kind)
            raise RuntimeError("disk full")

    handler = Broken()
    logger = logging.getLogger("ultracart.oauth")
    logger.addHandler(handler)
    try:
        with caplog.at_level(logging.INFO, "ultracart.oauth"):
            assert session.refresh().access_token == session.access_token()
    finally:
        logger.removeHandler(handler)
    assert told == ["refreshed"]


async def _coroutine(event):
    """What nobody would await."""


@pytest.mark.parametrize("on_event", ["print", 7, [], _coroutine])
def test_what_cannot_be_called_is_refused(make_session, on_event):
    with pytest.raises(TypeError, match="on_event"):
        make_session(on_event=on_event)


def test_an_event_is_a_value():
    event = SessionEvent("refreshed", "merchant-7", "DEMO", 1.0, 0.5, None, 1)
    assert pickle.loads(pickle.dumps(event)) == event
    with pytest.raises(AttributeError):
        event.kind = "issued"  # type: ignore[misc]


# -- revoking --


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": "invalid_token"}),
        (401, {"error": "invalid_token"}),
        (400, {"error": "invalid_grant"}),
        (404, {}),
        (410, {}),
        (404, "<html>gone</html>"),
    ],
)
def test_a_grant_that_is_no_more_can_be_disconnected(session, sandbox, events, status, body):
    sandbox.faults.add("/oauth/revoke", status=status, body=body)
    session.revoke()
    assert session.token() is None
    assert (events[-1].kind, events[-1].error) == ("revoked", None)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"error": "invalid_client"}),
        (404, {"error": "invalid_client"}),
        (403, {}),
        (400, {"error": "invalid_request"}),
    ],
)
def test_another_refusal_keeps_the_grant_unless_it_is_to_be_forgotten(
    session, sandbox, events, status, body
):
    sandbox.faults.add("/oauth/revoke", status=status, body=body, times=2)
    token = session.token()
    with pytest.raises(ApiException):
        session.revoke()
    assert session.token() == token
    assert session.access_token() == token.access_token
    assert kinds(events) == ["issued"]
    session.revoke(forget=True)
    assert session.token() is None
    with pytest.raises(ReauthorizationRequired):
        session.access_token()


def test_forgetting_needs_no_server(make_session, log_in_to, time_, sandbox):
    session = make_session()
    log_in_to(session, sandbox)
    sandbox.faults.add("/oauth/revoke", drop="before", times=None)
    session.revoke(forget=True)
    assert session.token() is None


def test_a_denial_in_a_200_is_forgotten_on_demand(session, sandbox, events):
    sandbox.faults.add("/oauth/revoke", status=200, body={"successful": False})
    session.revoke(forget=True)
    assert session.token() is None
    assert "kept" in str(events[-1].error)
