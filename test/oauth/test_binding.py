"""A token is sent only to the server and by the application that it belongs to."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from failing_stores import FullDisk
from waiting import TOKEN_PATH

from ultracart import ApiClient, Configuration, OauthApi
from ultracart.exceptions import (
    ConfigurationError,
    InvalidClientError,
    OAuthSessionError,
    ReauthorizationRequired,
    TokenBindingError,
)
from ultracart.oauth import MemoryTokenStore, OAuthSession, SQLiteTokenStore, Token
from ultracart.sandbox import Application, Sandbox


@pytest.fixture
def elsewhere(time_):
    """Another server, and a configuration of it."""
    with Sandbox(clock=time_.clock) as other:
        configuration = Configuration()
        configuration.host = other.host
        yield other, configuration


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    if request.param == "memory":
        yield MemoryTokenStore()
    else:
        opened = SQLiteTokenStore(tmp_path / "tokens.db")
        yield opened
        opened.close()


def uses(session):
    return {
        "access_token": session.access_token,
        "refresh": session.refresh,
        "revoke": session.revoke,
        "invalidate": lambda: session.invalidate("default", "a"),
        "call": OauthApi(session.api_client()).oauth_me,
    }


@pytest.mark.parametrize("use", ["access_token", "refresh", "revoke", "invalidate", "call"])
@pytest.mark.parametrize("age", [0, 3550, 3601], ids=["fresh", "stale", "expired"])
def test_nothing_is_sent_to_another_server(
    make_session, sandbox, log_in_to, time_, elsewhere, store, use, age
):
    other, configuration = elsewhere
    log_in_to(make_session(token_store=store), sandbox)
    kept = store.load("default")
    time_.pass_(age)
    session = make_session(token_store=store, configuration=configuration)
    with pytest.raises(TokenBindingError, match=sandbox.host) as caught:
        uses(session)[use]()
    assert caught.value.account == "default"
    assert isinstance(caught.value, OAuthSessionError)
    assert kept.access_token not in str(caught.value)
    assert other.requests == []
    assert store.load("default") == kept


@pytest.mark.parametrize("change", ["host", "copy", "global"])
def test_a_client_whose_host_is_changed_sends_nothing(
    make_session, sandbox, log_in_to, elsewhere, change
):
    """A client has a configuration of its own, whose host anybody may set."""
    other, configuration = elsewhere
    session = make_session()
    log_in_to(session, sandbox)
    client = session.api_client()
    client.get("/oauth/me")
    if change == "host":
        client.configuration.host = configuration.host
    elif change == "copy":
        client = copy.deepcopy(client)
        client.configuration.host = configuration.host
    else:
        configuration.access_token = client.configuration.access_token
        client = ApiClient(configuration)
    with pytest.raises(TokenBindingError, match=sandbox.host) as caught:
        client.get("/oauth/me")
    assert caught.value.account == "default"
    assert session.access_token() not in str(caught.value)
    assert other.requests == []
    client.configuration.host = sandbox.host.replace("/rest/v2", "/rest/v2/")  # the same server
    client.get("/oauth/me")


@pytest.mark.parametrize("host", [5, None, b"http://127.0.0.1", "https://[", "http://a:b"])
def test_a_host_that_is_none_gets_no_token(make_session, sandbox, log_in_to, host):
    session = make_session()
    log_in_to(session, sandbox)
    client = session.api_client()
    client.configuration.host = host
    with pytest.raises(TokenBindingError, match="is not sent to another host"):
        client.get("/oauth/me")


def test_nothing_is_sent_by_another_application(make_session, sandbox, log_in_to, store):
    log_in_to(make_session(token_store=store), sandbox)
    sandbox.requests.clear()
    configuration = Configuration()
    configuration.host = sandbox.host
    with OAuthSession("other_client", token_store=store, configuration=configuration) as session:
        for use in uses(session).values():
            with pytest.raises(TokenBindingError, match=sandbox.client_id):
                use()
    assert sandbox.requests == []


def test_another_path_or_spelling_of_one_server_is_that_server(make_session, sandbox, log_in_to):
    store: Any = MemoryTokenStore()
    log_in_to(make_session(token_store=store), sandbox)
    configuration = Configuration()
    configuration.host = sandbox.host.replace("http", "HTTP") + "/"
    session = make_session(token_store=store, configuration=configuration)
    assert session.access_token() == store.load("default").access_token


@pytest.mark.parametrize("host", [5, None, "", "https://["])
def test_a_session_whose_host_is_none_says_so_with_its_first_request(host):
    configuration = Configuration()
    configuration.host = host
    store = MemoryTokenStore()
    store.save("default", Token("a", "r", 1.0))
    session = OAuthSession("client-7", token_store=store, configuration=configuration)
    with pytest.raises(ConfigurationError, match=r"Configuration\.host"):
        session.access_token()
    with pytest.raises(ValueError, match="authorization_endpoint"):
        session.create_authorization_url(redirect_uri="https://app.example/callback")


@pytest.mark.parametrize("unsaid", [["host", "client_id"], ["host"], ["client_id"]])
def test_a_token_of_an_earlier_version_is_bound_by_its_first_session(
    make_session, sandbox, log_in_to, elsewhere, store, unsaid
):
    other, configuration = elsewhere
    log_in_to(make_session(token_store=store), sandbox)
    token = store.load("default").replaced(**dict.fromkeys(unsaid))
    store.save("default", token)
    assert make_session(token_store=store).access_token() == token.access_token
    bound = store.load("default")
    assert (bound.host, bound.client_id) == (sandbox.host, sandbox.client_id)
    assert bound == token.replaced(host=sandbox.host, client_id=sandbox.client_id)
    with pytest.raises(TokenBindingError):
        make_session(token_store=store, configuration=configuration).access_token()
    assert other.requests == []


def test_a_token_of_a_server_that_has_no_url_is_sent_nowhere(make_session, sandbox, store):
    store.save("default", Token("a", host="http://[::1", client_id=sandbox.client_id))
    with pytest.raises(TokenBindingError):
        make_session(token_store=store).access_token()


def test_a_token_that_cannot_be_bound_now_is_used_all_the_same(make_session, sandbox, log_in_to):
    store: Any = FullDisk()
    log_in_to(make_session(token_store=store), sandbox)
    token = store.load("default").replaced(host=None)
    store.save("default", token)
    store.full = True
    assert make_session(token_store=store).access_token() == token.access_token
    assert store.load("default") == token
    store.full = False
    assert make_session(token_store=store).access_token() == token.access_token
    assert store.load("default").host == sandbox.host


def test_binding_waits_for_no_lock(make_session, sandbox, log_in_to):
    store: Any = MemoryTokenStore()
    log_in_to(make_session(token_store=store), sandbox)
    token = store.load("default").replaced(host=None, client_id=None)
    store.save("default", token)
    with store.lock("default"):
        assert make_session(token_store=store).access_token() == token.access_token
    assert store.load("default") == token


def test_a_refreshed_token_stays_bound(authorized, sandbox):
    token = authorized.refresh()
    assert (token.host, token.client_id) == (sandbox.host, sandbox.client_id)


def test_a_new_login_replaces_another_server_s_token(make_session, sandbox, log_in_to, elsewhere):
    other, configuration = elsewhere
    store: Any = MemoryTokenStore()
    log_in_to(make_session(token_store=store), sandbox)
    session = make_session(
        token_store=store, configuration=configuration, redirect_uri=other.redirect_uri
    )
    log_in_to(session, other)
    assert session.access_token() == store.load("default").access_token


def test_another_server_s_token_can_be_forgotten_unsent(
    make_session, sandbox, log_in_to, elsewhere
):
    other, configuration = elsewhere
    store: Any = MemoryTokenStore()
    log_in_to(make_session(token_store=store), sandbox)
    make_session(token_store=store, configuration=configuration).revoke(forget=True)
    assert store.load("default") is None
    assert other.requests == []


def test_a_refresh_for_another_merchant_is_refused(make_session, sandbox, log_in_to, time_):
    session = make_session()
    log_in_to(session, sandbox)
    kept = session.token()
    time_.pass_(3601)
    fault = sandbox.faults.add(
        TOKEN_PATH,
        status=200,
        body={"access_token": "x", "token_type": "bearer", "merchant_id": "OTHER"},
    )
    with pytest.raises(TokenBindingError, match="OTHER") as caught:
        session.access_token()
    assert caught.value.account == "default"
    assert session.token() == kept
    with pytest.raises(TokenBindingError):  # remembered for a while: the same would come again
        session.access_token()
    assert fault.hits == 1
    session.refresh()
    assert session.token().merchant_id == kept.merchant_id


# -- a client secret --


@pytest.fixture
def confidential(time_):
    redirects = ("https://app.example.com/callback",)
    application = Application("confidential", redirects, client_secret="s3cret-of-the-app")
    with Sandbox(applications=[application], clock=time_.clock) as running:
        yield running


def make_confidential(make_session, sandbox, secret):
    configuration = Configuration()
    configuration.host = sandbox.host
    return OAuthSession(
        "confidential",
        redirect_uri=sandbox.redirect_uri,
        client_secret=secret,
        configuration=configuration,
    )


def test_a_secret_goes_along_wherever_the_application_is_named(
    make_session, confidential, log_in_to
):
    with make_confidential(make_session, confidential, "s3cret-of-the-app") as session:
        log_in_to(session, confidential)
        session.refresh()
        session.revoke()
        assert session.start_device_authorization("crm").user_code
    sent = [r for r in confidential.requests if r.path.startswith("/oauth/") and r.form]
    assert {r.path for r in sent} >= {TOKEN_PATH, "/oauth/revoke", "/oauth/device/authorize"}
    assert {r.form.get("client_secret") for r in sent if r.method == "POST"} == {
        "s3cret-of-the-app"
    }


def test_a_wrong_secret_does_not_forget_the_grant(make_session, confidential, log_in_to):
    with make_confidential(make_session, confidential, "s3cret-of-the-app") as session:
        log_in_to(session, confidential)
        token = session.token()
        store = MemoryTokenStore()
        store.save("default", token)
    configuration = Configuration()
    configuration.host = confidential.host
    with OAuthSession(
        "confidential", client_secret="wrong", token_store=store, configuration=configuration
    ) as wrong:
        with pytest.raises(InvalidClientError) as caught:
            wrong.revoke()
        assert "wrong" not in str(caught.value)
        assert wrong.token() == token


# -- the consent page's address --


@pytest.mark.parametrize(
    "url",
    [
        "http://secure.ultracart.com/oauth/authorize",
        "http://localhost.example.com/oauth/authorize",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "https:///oauth/authorize",
        "//secure.ultracart.com/oauth",
        "http://a.example/oauth",
        "http://ultracart.example/oauth",
        "https://user:password@secure.ultracart.com/oauth",
        "https://user@secure.ultracart.com/oauth",
        "https://secure.ultracart.com/oauth#fragment",
        "https://secure.ultracart.com/o auth",
        "https://secure.ultracart.com\\@evil.example/",
        "https://secure.ultracart.com/\noauth",
        "https://[::1/oauth",
        "https://[::1]evil.example/oauth",
        "http://[::1]evil.example/oauth",
        "http://[::1].evil.example/oauth",
        "http://evil.example[::1]/oauth",
        "http://[::1]]/oauth",
        "https://secure.ultracart.com:99999/oauth",
        "oauth/authorize",
    ],
)
def test_an_authorization_endpoint_that_no_browser_should_open(make_session, url):
    with pytest.raises(ValueError, match="authorization_endpoint") as caught:
        make_session(authorization_endpoint=url)
    assert "password" not in str(caught.value).replace("user name or password", "")


@pytest.mark.parametrize(
    "url",
    [
        "https://secure.ultracart.com/admin/v2/oauth/authorize?a=b",
        "HTTPS://secure.ultracart.com/x",
        "http://127.0.0.1:8000/authorize",
        "http://localhost/authorize",
        "http://[::1]:1/authorize",
    ],
)
def test_an_authorization_endpoint_that_is_safe(make_session, url):
    session = make_session(authorization_endpoint=url)
    assert session.create_authorization_url().url.startswith(url)


@pytest.mark.parametrize("allowed", [False, True])
def test_the_consent_page_below_a_host_is_as_safe(allowed):
    configuration = Configuration()
    configuration.host = "http://ultracart.example/rest/v2"
    configuration.allow_insecure_transport = allowed
    with OAuthSession("c", "https://app.example.com/cb", configuration=configuration) as session:
        if allowed:
            assert session.create_authorization_url().url.startswith(configuration.host)
            return
        with pytest.raises(ValueError, match="authorization_endpoint"):
            session.create_authorization_url()


def test_forgetting_needs_no_token(session):
    session.revoke(forget=True)
    with pytest.raises(ReauthorizationRequired):
        session.access_token()


def test_a_token_says_where_it_belongs_in_its_json():
    token = Token("a", host="https://secure.ultracart.com/rest/v2", client_id="client-7")
    twin = Token.from_json(token.to_json())
    assert (twin.host, twin.client_id) == (token.host, token.client_id)
