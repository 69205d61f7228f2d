"""The way to the consent page and back: state, PKCE, iss, and every callback that must not pass."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from ultracart.exceptions import (
    AccessDeniedError,
    ApiConnectionError,
    ApiTypeError,
    ApiValueError,
    InvalidGrantError,
    OAuthError,
    OAuthSessionError,
    ServiceException,
    StateMismatchError,
    UltraCartError,
)
from ultracart.oauth import AuthorizationRequest
from ultracart.oauth.authorization import code_challenge

UNRESERVED = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")


def query_of(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_what_no_url_can_carry_is_refused(make_session):
    with pytest.raises(ApiValueError, match="UTF-8"):
        make_session(scope="order_read\ud800").create_authorization_url()


@pytest.mark.parametrize(
    "form", ["code={0}&state={1}", "state={1}&code={0}", "/cb?code={0}&state={1}"]
)
def test_a_question_mark_in_the_query_is_nothing_but_a_character(session, sandbox, form):
    request = session.create_authorization_url()
    with pytest.raises(InvalidGrantError):
        session.fetch_token(form.format("a?b", request.state), request=request)
    assert sandbox.requests[-1].form["code"] == "a?b"


def test_the_url_asks_for_a_code_with_s256(session, sandbox):
    request = session.create_authorization_url(scope="item_read order_read")
    assert request.url.startswith(sandbox.host + "/oauth/authorize?")
    assert query_of(request.url) == {
        "response_type": "code",
        "client_id": sandbox.client_id,
        "redirect_uri": sandbox.redirect_uri,
        "state": request.state,
        "scope": "item_read order_read",
        "code_challenge": code_challenge(request.code_verifier),
        "code_challenge_method": "S256",
    }


def test_the_challenge_is_that_of_rfc_7636_appendix_b():
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert code_challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_states_and_verifiers_are_unguessable(session):
    requests = [session.create_authorization_url() for _ in range(2000)]
    states = {request.state for request in requests}
    verifiers = {request.code_verifier for request in requests}
    assert len(states) == len(verifiers) == 2000
    assert not states & verifiers
    assert all(UNRESERVED.match(text) for text in states | verifiers)


def test_without_pkce_there_is_no_challenge(make_session, sandbox):
    session = make_session(pkce=False)
    request = session.create_authorization_url()
    assert request.code_verifier is None
    assert "code_challenge" not in request.url
    session.fetch_token(sandbox.authorize(request.url), request=request)
    (exchange,) = [r for r in sandbox.requests if r.path == "/oauth/token"]
    assert "code_verifier" not in exchange.form


def test_the_exchange_repeats_redirect_uri_and_sends_the_verifier_once(make_session, sandbox):
    odd = "http://127.0.0.1:8123/a%20b/?x=1&y=%C3%A9;z"
    session = make_session(redirect_uri=odd)
    request = session.create_authorization_url()
    assert query_of(request.url)["redirect_uri"] == odd
    session.fetch_token(sandbox.authorize(request.url), request=request)
    session.refresh()
    exchange, refresh = [r for r in sandbox.requests if r.path == "/oauth/token"]
    assert exchange.form["redirect_uri"] == odd
    assert exchange.form["code_verifier"] == request.code_verifier
    assert "code_verifier" not in refresh.form
    assert exchange.query == "" or not exchange.query


def test_a_server_that_requires_pkce_is_served(make_session, sandbox):
    sandbox.require_pkce = True
    session = make_session()
    request = session.create_authorization_url()
    session.fetch_token(sandbox.authorize(request.url), request=request)
    assert session.access_token()


def test_a_code_whose_state_the_application_checked(session, sandbox):
    code = query_of(sandbox.authorize(state="mine"))["code"]
    token = session.fetch_token(code=code, account="merchant-7")
    assert token.merchant_id == "DEMO"
    with pytest.raises(StateMismatchError):
        session.fetch_token(code=code, account="merchant-7")


def test_a_request_survives_a_web_session(session, sandbox):
    request = session.create_authorization_url()
    least = {"url": "u", "state": "s"}
    assert AuthorizationRequest.from_dict(least) == AuthorizationRequest("u", "s")
    restored = AuthorizationRequest.from_dict(json.loads(json.dumps(request.to_dict())))
    assert restored == request
    session.fetch_token(sandbox.authorize(restored.url), request=restored)
    with pytest.raises(ValueError, match="to_dict"):
        AuthorizationRequest.from_dict({"state": "s"})
    with pytest.raises(ValueError, match="to_dict"):
        AuthorizationRequest.from_dict({"url": "u", "state": "s", "more": 1})


@pytest.mark.parametrize(
    "values", [{"state": 7}, {"state": None}, {"code_verifier": 7}, {"created_at": "soon"}]
)
def test_a_request_of_other_types_is_refused_when_it_is_restored(values):
    with pytest.raises(ApiValueError, match="to_dict"):
        AuthorizationRequest.from_dict({"url": "u", "state": "s", **values})


def test_a_scope_that_is_no_text_is_refused(session):
    with pytest.raises(ApiTypeError, match="scope"):
        session.create_authorization_url(scope=["item_read"])


@pytest.mark.parametrize(
    ("granted", "asked", "scope"),
    [("item_read", "item_read order_read", "item_read"), (None, "item_read", "item_read")],
)
def test_the_granted_scope_may_differ(session, sandbox, granted, asked, scope):
    sandbox.granted_scope = granted
    request = session.create_authorization_url(scope=asked)
    assert session.fetch_token(sandbox.authorize(request.url), request=request).scope == scope


def test_what_one_request_asked_for_stands_before_the_session_s(make_session, sandbox):
    session = make_session(redirect_uri="http://127.0.0.1:9/other", scope="order_read")
    request = session.create_authorization_url(redirect_uri=sandbox.redirect_uri, scope="item_read")
    # The sandbox refuses a redirect_uri other than the one that the code went to.
    assert session.fetch_token(sandbox.authorize(request.url), request=request)
    again = session.create_authorization_url(scope="item_read")
    sandbox.faults.add("/oauth/token", status=200, body={"access_token": "a"})
    token = session.fetch_token(sandbox.authorize(again.url), request=again)
    assert token.scope == "item_read"


# -- callbacks that must not pass ----------------------------------------------------------------


def bad(**changes):
    """A change of a good callback's parameters; None leaves one out."""
    return changes


CALLBACKS = {
    "wrong state": (bad(state="forged"), StateMismatchError),
    "missing state": (bad(state=None), StateMismatchError),
    "empty state": (bad(state=""), StateMismatchError),
    "state of odd characters": (bad(state="\u00e9\ud800"), StateMismatchError),
    "state twice": (bad(state=["STATE", "STATE"]), OAuthSessionError),
    "code twice": (bad(code=["a", "b"]), OAuthSessionError),
    "no code": (bad(code=None), OAuthSessionError),
    "empty code": (bad(code=""), OAuthSessionError),
    "forged iss": (bad(iss="https://evil.example"), StateMismatchError),
    "empty iss": (bad(iss=""), StateMismatchError),
    "iss of another port": (bad(iss="http://127.0.0.1:1"), StateMismatchError),
    "iss that is no URL": (bad(iss="http://[::1"), StateMismatchError),
    "iss twice": (bad(iss=["https://a", "https://b"]), OAuthSessionError),
    "a megabyte": (bad(more="x" * 2**20), OAuthSessionError),
    "access denied": (bad(code=None, error="access_denied"), AccessDeniedError),
    "denied, and forged": (bad(error="access_denied", state="forged"), StateMismatchError),
    "an unknown error": (bad(code=None, error="strange"), OAuthError),
}


@pytest.mark.parametrize(("changes", "error"), CALLBACKS.values(), ids=CALLBACKS.keys())
def test_refused_before_any_token_request(session, sandbox, changes, error):
    request = session.create_authorization_url()
    good = query_of(sandbox.authorize(request.url))
    pairs = []
    for name, value in {**good, **changes}.items():
        values = value if isinstance(value, list) else [value]
        pairs += [(name, request.state if v == "STATE" else v) for v in values if v is not None]
    callback = sandbox.redirect_uri + "?" + urlencode(pairs, errors="surrogatepass")
    sandbox.requests.clear()
    with pytest.raises(error) as caught:
        session.fetch_token(callback, request=request)
    assert isinstance(caught.value, UltraCartError)
    assert sandbox.requests == []
    for secret in (request.state, request.code_verifier, good["code"]):
        assert secret not in str(caught.value) + repr(caught.value)
    # The genuine callback still works: the forged one has used nothing up.
    assert session.fetch_token(sandbox.redirect_uri + "?" + urlencode(good), request=request)


@pytest.mark.parametrize(
    "error",
    [
        "invalid_request",
        "unauthorized_client",
        "access_denied",
        "unsupported_response_type",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
    ],
)
def test_each_error_of_rfc_6749_4_1_2_1_is_told(session, error):
    request = session.create_authorization_url()
    query = urlencode({"state": request.state, "error": error, "error_description": "The reason"})
    with pytest.raises(OAuthError, match="The reason") as caught:
        session.fetch_token("http://127.0.0.1/?" + query, request=request)
    assert caught.value.error == error
    assert caught.value.request_sent is False


@pytest.mark.parametrize("character", ["\0", "\r\n", "\x1f", "\x7f"], ids=ascii)
def test_control_characters_are_refused(session, character):
    request = session.create_authorization_url()
    with pytest.raises(OAuthSessionError, match="control"):
        session.fetch_token("/callback?state=a%sb" % character, request=request)


def test_other_characters_are_none_of_our_business(session):
    request = session.create_authorization_url()
    query = "?error=access_denied&more=a ~\x80\u00e9&state=" + request.state
    with pytest.raises(AccessDeniedError):
        session.fetch_token(query, request=request)


def test_a_callback_works_once(session, sandbox):
    request = session.create_authorization_url()
    callback = sandbox.authorize(request.url)
    session.fetch_token(callback, request=request)
    sandbox.requests.clear()
    with pytest.raises(StateMismatchError, match="used"):
        session.fetch_token(callback, request=request)
    assert sandbox.requests == []


def test_a_used_code_is_remembered_for_as_long_as_a_login_may_take(session, sandbox, time_):
    code = query_of(sandbox.authorize(state="mine"))["code"]
    session.fetch_token(code=code)
    sandbox.requests.clear()
    time_.pass_(3600)
    with pytest.raises(StateMismatchError, match="used"):
        session.fetch_token(code=code)
    assert sandbox.requests == []
    time_.pass_(0.5)
    with pytest.raises(InvalidGrantError):  # the server's to refuse, from here on
        session.fetch_token(code=code)


@pytest.mark.parametrize("late", [0, 0.5])
def test_a_request_is_good_to_the_last_second(session, sandbox, time_, late):
    request = session.create_authorization_url()
    time_.pass_(3600 + late)
    query = "?error=access_denied&state=" + request.state
    with pytest.raises(StateMismatchError if late else AccessDeniedError):
        session.fetch_token(query, request=request)


def test_how_long_a_callback_may_be(session):
    request = session.create_authorization_url()
    query = "?error=access_denied&state=%s&more=" % request.state
    longest = query + "x" * (16384 - len(query))
    with pytest.raises(OAuthSessionError, match="too long"):
        session.fetch_token(longest + "x", request=request)
    with pytest.raises(AccessDeniedError):
        session.fetch_token(longest, request=request)


@pytest.mark.usefixtures("no_pauses")
def test_a_callback_that_never_left_may_be_repeated(session, sandbox, time_):
    request = session.create_authorization_url()
    callback = sandbox.authorize(request.url)
    endpoint = session._endpoint._client.configuration
    host, endpoint.host = endpoint.host, "http://127.0.0.1:1/rest/v2"
    with pytest.raises(ApiConnectionError):
        session.fetch_token(callback, request=request)
    endpoint.host = host
    assert session.fetch_token(callback, request=request)


def test_a_code_is_not_sent_twice_when_its_answer_is_lost(session, sandbox):
    request = session.create_authorization_url()
    callback = sandbox.authorize(request.url)
    sandbox.faults.add("/oauth/token", drop="after")
    sandbox.requests.clear()
    with pytest.raises(ApiConnectionError):
        session.fetch_token(callback, request=request)
    with pytest.raises(StateMismatchError, match="used"):
        session.fetch_token(callback, request=request)
    assert len(sandbox.requests) == 1


def test_a_code_is_not_sent_twice_after_an_outage_that_names_no_time(session, sandbox):
    """It may have been used before the server failed."""
    request = session.create_authorization_url()
    callback = sandbox.authorize(request.url)
    sandbox.faults.add("/oauth/token", status=503)
    sandbox.requests.clear()
    with pytest.raises(ServiceException):
        session.fetch_token(callback, request=request)
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize(
    "fault", [{"status": 429, "body": {"error": "slow_down"}}, {"status": 503, "retry_after": 2}]
)
def test_a_code_that_was_turned_away_is_sent_again(session, sandbox, fault):
    request = session.create_authorization_url()
    callback = sandbox.authorize(request.url)
    sandbox.faults.add("/oauth/token", **fault)
    sandbox.requests.clear()
    assert session.fetch_token(callback, request=request)
    first, second = sandbox.requests
    assert first.form == second.form


def test_an_old_request_is_refused(session, sandbox, time_):
    request = session.create_authorization_url()
    callback = sandbox.authorize(request.url)
    sandbox.requests.clear()
    time_.pass_(3601)
    with pytest.raises(StateMismatchError, match="expired"):
        session.fetch_token(callback, request=request)
    assert sandbox.requests == []


def test_two_tabs_do_not_disturb_each_other(session, sandbox):
    one, two = session.create_authorization_url(), session.create_authorization_url()
    first, second = sandbox.authorize(one.url), sandbox.authorize(two.url)
    with pytest.raises(StateMismatchError):
        session.fetch_token(first, request=two)
    session.fetch_token(second, request=two)
    session.fetch_token(first, request=one)


def test_without_a_request_a_callback_is_refused(session, sandbox):
    with pytest.raises(StateMismatchError, match="request"):
        session.fetch_token(sandbox.authorize())


@pytest.mark.parametrize("arguments", [{}, {"code": "a", "authorization_response": "b"}])
def test_either_a_response_or_a_code(session, arguments):
    with pytest.raises(ValueError, match="authorization_response or code"):
        session.fetch_token(**arguments)


@pytest.mark.parametrize("code", ["", 7, b"code"])
def test_a_code_is_text(session, sandbox, code):
    with pytest.raises(ApiValueError, match="code must be the text"):
        session.fetch_token(code=code)
    assert sandbox.requests == []


def test_iss_of_the_configured_host_passes(session, sandbox):
    sandbox.issuer = sandbox.host
    request = session.create_authorization_url()
    callback = sandbox.authorize(request.url)
    assert "iss" in query_of(callback)
    assert session.fetch_token(callback, request=request)


@pytest.mark.parametrize(
    "sent", [None, "https://secure.ultracart.com/", "HTTPS://SECURE.ULTRACART.COM"]
)
def test_an_expected_issuer_must_come_and_be_equal(make_session, sandbox, sent):
    session = make_session(issuer="https://secure.ultracart.com")
    sandbox.issuer = sent
    request = session.create_authorization_url()
    with pytest.raises(StateMismatchError, match="iss"):
        session.fetch_token(sandbox.authorize(request.url), request=request)
    sandbox.issuer = "https://secure.ultracart.com"
    assert session.fetch_token(sandbox.authorize(request.url), request=request)


@pytest.mark.parametrize("uri", ["", "https://a.example/#b", "https://a.example/\nx", 7])
def test_an_impossible_redirect_uri_is_refused(make_session, uri):
    with pytest.raises((TypeError, ValueError), match="redirect_uri"):
        make_session(redirect_uri=uri).create_authorization_url()


def test_another_authorization_endpoint_may_be_named(make_session):
    session = make_session(authorization_endpoint="https://secure.ultracart.com/admin/v2/oauth?a=b")
    url = session.create_authorization_url().url
    assert url.startswith("https://secure.ultracart.com/admin/v2/oauth?a=b&response_type=code")


def test_a_wrong_verifier_is_the_server_s_to_refuse(session, sandbox):
    one, two = session.create_authorization_url(), session.create_authorization_url()
    code = query_of(sandbox.authorize(one.url))["code"]
    sandbox.requests.clear()
    with pytest.raises(InvalidGrantError):
        session.fetch_token(code=code, request=two)
    assert len(sandbox.requests) == 1
