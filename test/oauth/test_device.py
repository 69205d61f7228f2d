"""Login on a device (RFC 8628), in the test's own time."""

from __future__ import annotations

import json

import pytest

from ultracart.exceptions import (
    AccessDeniedError,
    ApiResponseError,
    ApiTypeError,
    ExpiredTokenError,
    ReauthorizationRequired,
)

DENY = {"error": "access_denied"}


def polls(sandbox):
    return [request for request in sandbox.requests if "device_code" in request.form]


def test_the_whole_way(session, sandbox):
    device = session.start_device_authorization("crm")
    assert device.user_code
    assert device.verification_uri.startswith("http")
    sandbox.approve_device(device.user_code, merchant="merchant-7")
    token = session.wait_for_device(device, account="merchant-7")
    assert token.merchant_id == "merchant-7"
    assert session.access_token("merchant-7") == token.access_token


@pytest.mark.parametrize(("own", "asked"), [("order_read", "crm"), (None, "crm"), ("crm", None)])
def test_the_scope_is_what_was_asked_for_where_the_answer_names_none(
    make_session, sandbox, own, asked
):
    session = make_session(scope=own)
    device = session.start_device_authorization(asked)
    sandbox.faults.add("/oauth/token", status=200, body={"access_token": "a", "expires_in": 9})
    assert session.wait_for_device(device).scope == "crm"


def answer_after(sandbox, time_, count, answers):
    """Answer the polls one by one, then approve."""
    for status, body in answers:
        sandbox.faults.add("/oauth/token", status=status, body=body)


PENDING = (400, {"error": "authorization_pending"})
SLOW_DOWN = (400, {"error": "slow_down"})


@pytest.mark.parametrize(
    ("answers", "gaps"),
    [
        ([PENDING, SLOW_DOWN, PENDING], [5, 5, 10, 10]),
        ([SLOW_DOWN, SLOW_DOWN, PENDING], [5, 10, 15, 15]),
        ([PENDING, (503, {"error": "temporarily"}), PENDING], [5, 5, 10, 5]),
    ],
)
def test_pending_keeps_and_slow_down_widens_the_gap(session, sandbox, time_, answers, gaps):
    device = session.start_device_authorization("crm")
    sandbox.approve_device(device.user_code)
    for status, body in answers:
        sandbox.faults.add("/oauth/token", status=status, body=body)
    session.wait_for_device(device)
    assert time_.slept == gaps


def test_without_an_interval_five_seconds(session, sandbox, time_):
    sandbox.device_interval = None
    device = session.start_device_authorization("crm")
    sandbox.approve_device(device.user_code)
    session.wait_for_device(device)
    assert time_.slept == [5]


@pytest.mark.parametrize("interval", ["junk", None, -1, 0, True])
def test_an_interval_that_makes_no_sense_is_five_seconds(session, sandbox, interval):
    body = {
        "device_code": "d",
        "user_code": "u",
        "verification_uri": "http://127.0.0.1/",
        "expires_in": 60,
        "interval": interval,
    }
    sandbox.faults.add("/oauth/device/authorize", status=200, body=body)
    assert session.start_device_authorization("crm").interval == 5


WHOLE = {"device_code": "d", "user_code": "u", "verification_uri": "http://127.0.0.1/"}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("value", [None, ""])
def test_a_response_without_a_code_or_an_address_is_refused(session, sandbox, name, value):
    sandbox.faults.add("/oauth/device/authorize", status=200, body={**WHOLE, name: value})
    with pytest.raises(ApiResponseError, match=r"the response (lacks|holds no)"):
        session.start_device_authorization("crm")


def test_what_a_device_is_told_stays_as_it_is(session, sandbox):
    sandbox.faults.add("/oauth/device/authorize", status=200, body={**WHOLE, "interval": 1})
    device = session.start_device_authorization("crm")
    assert (device.interval, device.expires_in) == (1, 600)
    with pytest.raises(AttributeError):
        device.interval = 0
    assert "device_code=***" in repr(device)


def test_a_lost_poll_and_429_are_waited_out(session, sandbox, time_):
    device = session.start_device_authorization("crm")
    sandbox.approve_device(device.user_code)
    sandbox.faults.add("/oauth/token", drop="before")
    sandbox.faults.add("/oauth/token", retry_after=33)
    session.wait_for_device(device)
    assert time_.slept == [5, 10, 33]


@pytest.mark.parametrize(
    ("interval", "gaps"), [(5, [5, 10, 20, 40, 60, 60]), (120, [120, 120, 120])]
)
def test_lost_polls_double_the_gap_up_to_a_minute_or_the_interval(
    session, sandbox, time_, interval, gaps
):
    sandbox.device_interval, sandbox.device_lifetime = interval, 6000
    device = session.start_device_authorization("crm")
    sandbox.approve_device(device.user_code)
    sandbox.faults.add("/oauth/token", drop="before", times=len(gaps) - 1)
    session.wait_for_device(device)
    assert time_.slept == gaps


def test_429_is_waited_for_whatever_its_code(session, sandbox, time_):
    device = session.start_device_authorization("crm")
    sandbox.approve_device(device.user_code)
    slow_down = {"status": 429, "body": {"error": "slow_down"}, "headers": {"Retry-After": "40"}}
    sandbox.faults.add("/oauth/token", **slow_down)
    session.wait_for_device(device)
    assert time_.slept == [5, 40]


@pytest.mark.parametrize("body", [{"access_token": "a", "token_type": "mac"}, {"expires_in": 9}])
def test_an_answer_that_cannot_be_used_ends_the_wait_and_is_kept(session, sandbox, body):
    device = session.start_device_authorization("crm")
    sandbox.faults.add("/oauth/token", status=200, body=body)
    with pytest.raises(ApiResponseError) as caught:
        session.wait_for_device(device)
    assert json.loads(caught.value.body) == body
    assert len(polls(sandbox)) == 1


def test_the_merchant_says_no(session, sandbox):
    device = session.start_device_authorization("crm")
    sandbox.deny_device(device.user_code)
    with pytest.raises(AccessDeniedError):
        session.wait_for_device(device)
    with pytest.raises(ReauthorizationRequired):
        session.access_token()


@pytest.mark.parametrize(("lifetime", "count"), [(31, 6), (30, 5)])
def test_no_poll_after_the_code_has_expired(session, sandbox, time_, lifetime, count):
    sandbox.device_lifetime = lifetime
    began = time_.now
    device = session.start_device_authorization("crm")
    with pytest.raises(ExpiredTokenError):
        session.wait_for_device(device)
    assert len(polls(sandbox)) == count
    assert time_.now - began <= lifetime


def test_ctrl_c_leaves_nothing_behind(make_session, sandbox):
    def interrupted(seconds):
        raise KeyboardInterrupt

    session = make_session(sleep=interrupted)
    device = session.start_device_authorization("crm")
    with pytest.raises(KeyboardInterrupt):
        session.wait_for_device(device)
    with pytest.raises(ReauthorizationRequired):
        session.access_token()


def test_the_device_code_is_not_shown(session):
    device = session.start_device_authorization("crm")
    assert device.device_code not in repr(device)
    assert device.user_code in repr(device)


def test_what_is_no_device_authorization_is_refused(session):
    with pytest.raises(ApiTypeError, match="device"):
        session.wait_for_device("the code")
