"""PendingLogins: what a browser's web session keeps between the redirect and the callback."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from ultracart.exceptions import ApiTypeError, ApiValueError, StateMismatchError
from ultracart.oauth import AuthorizationRequest, PendingLogins


def _callback(request):
    return "https://app.example/callback?code=code_example&state=" + request.state


def _take(logins: PendingLogins, callback: str) -> AuthorizationRequest:
    taken = logins.take(callback)
    assert taken is not None
    return taken


def test_a_login_is_taken_once_and_works(session, sandbox):
    web_session: dict[str, Any] = {}
    request = session.create_authorization_url()
    PendingLogins(web_session).add(request)
    web_session = json.loads(json.dumps(web_session))  # as a cookie keeps it
    callback = sandbox.authorize(request.url)
    taken = PendingLogins(web_session).take(callback)
    assert session.fetch_token(callback, request=taken).access_token
    assert PendingLogins(web_session).take(callback) is None
    with pytest.raises(StateMismatchError):
        session.fetch_token(callback, request=None)


def test_tabs_do_not_disturb_each_other(session):
    logins = PendingLogins({})
    first, second = session.create_authorization_url(), session.create_authorization_url()
    logins.add(first)
    logins.add(second)
    assert _take(logins, _callback(first)).code_verifier == first.code_verifier
    assert _take(logins, _callback(second)).code_verifier == second.code_verifier


def test_abandoned_logins_fill_no_cookie(session):
    web_session: dict[str, Any] = {}
    requests = [session.create_authorization_url(scope="item_read " * 20) for _ in range(40)]
    for request in requests:
        PendingLogins(web_session).add(request)
    assert len(json.dumps(web_session)) < 3000
    assert PendingLogins(web_session).take(_callback(requests[0])) is None
    assert PendingLogins(web_session).take(_callback(requests[-1])) is not None


@pytest.mark.parametrize(("limit", "kept"), [(None, 5), (1, 1), (2, 2)])
def test_the_newest_logins_are_kept(session, limit, kept):
    web_session: dict[str, Any] = {}
    logins = PendingLogins(web_session, **({} if limit is None else {"limit": limit}))
    requests = [session.create_authorization_url() for _ in range(8)]
    for request in requests:
        logins.add(request)
    states = [login["state"] for login in web_session["ultracart_logins"]]
    assert states == [request.state for request in requests[-kept:]]


def test_an_old_login_is_dropped(session):
    request = session.create_authorization_url()
    web_session: dict[str, Any] = {}
    PendingLogins(web_session).add(request)
    late = PendingLogins(web_session, clock=lambda: request.created_at + 3601)
    assert late.take(_callback(request)) is None
    assert web_session == {"ultracart_logins": []}


@pytest.mark.parametrize(("lifetime", "seconds"), [(None, 3600), (60.0, 60)])
def test_a_login_is_kept_to_the_last_second(session, lifetime, seconds):
    request = session.create_authorization_url()
    options = {} if lifetime is None else {"lifetime": lifetime}
    for late, found in ((0, True), (0.5, False)):
        clock = lambda late=late: request.created_at + seconds + late  # noqa: E731
        logins = PendingLogins({}, key="mine", clock=clock, **options)
        logins.add(request)
        assert (logins.take(_callback(request)) is not None) is found


@pytest.mark.parametrize(
    "kept",
    [
        "text",
        {"state": {"url": "https://a.example", "state": "state"}},
        [["state"]],
        [{"state": "state", "field of another version": 1}],
        [{"state": "state", "created_at": "yesterday"}],
    ],
)
def test_what_another_version_kept_is_an_unknown_login(session, kept):
    web_session = {"ultracart_logins": kept}
    logins = PendingLogins(web_session)
    assert logins.take("?code=code_example&state=state") is None
    request = session.create_authorization_url()
    logins.add(request)
    assert _take(logins, _callback(request)).state == request.state


@pytest.mark.parametrize("callback", ["", "?code=1", "?state=a&state=b", "?state=%00", "?state="])
def test_a_callback_that_belongs_to_nothing(session, callback):
    logins = PendingLogins({})
    logins.add(session.create_authorization_url())
    assert logins.take(callback) is None


def test_a_request_without_an_age_is_kept():
    logins = PendingLogins({})
    logins.add(AuthorizationRequest("https://a.example", "state"))
    assert _take(logins, "?state=state&code=1").state == "state"


def test_arguments_that_cannot_work():
    with pytest.raises(ApiTypeError, match="web_session must be a mapping, not list"):
        PendingLogins(["no mapping"])  # type: ignore[arg-type]
    for name, value in (
        *(("limit", value) for value in (0, -1, None, "5", True, 1.5)),
        *(("lifetime", value) for value in (-1, None, "3600", math.nan)),
        ("clock", 7),
        ("key", None),
    ):
        with pytest.raises((ApiTypeError, ApiValueError), match="^%s must" % name):
            PendingLogins({}, **{name: value})  # type: ignore[arg-type]
    with pytest.raises(ApiTypeError, match="request must be an AuthorizationRequest, not str"):
        PendingLogins({}).add("https://example.com")  # type: ignore[arg-type]
