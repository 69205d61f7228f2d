"""The four operations send and return what the specification says."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import ultracart
from ultracart import ApiClient, Configuration, InvalidGrantError, OauthApi, UnauthorizedException
from ultracart.models import OauthRevokeSuccessResponse, OauthTokenResponse
from ultracart.sandbox import Sandbox

from .conftest import OPERATIONS, TOKEN_ANSWER, Operation

_DATA: dict[str, dict[str, Any]] = {
    "oauth_access_token": TOKEN_ANSWER,
    "oauth_revoke": {"message": "revoked", "successful": True},
    "oauth_device_authorize": {"device_code": "d", "user_code": "u", "expires_in": 600},
    "oauth_me": {"client_id": "c", "merchant_id": "DEMO", "scopes": ["item_read"]},
}


@pytest.fixture(params=OPERATIONS, ids=lambda operation: operation.name)
def operation(request: pytest.FixtureRequest) -> Operation:
    found: Operation = request.param
    return found


def test_request(
    sandbox: Sandbox, api: OauthApi, operation: Operation, answer: Callable[..., None]
) -> None:
    answer(_DATA[operation.name])
    getattr(api, operation.name)(**operation.required)
    (sent,) = sandbox.requests
    assert (sent.method, sent.path) == (operation.method, operation.path)
    assert sent.form.to_dict() == operation.required
    assert sent.headers["Accept"] == "application/json"
    assert sent.headers["X-UltraCart-Api-Version"] == "2017-03-01"
    assert sent.headers["User-Agent"] == "ultracart-python/" + ultracart.__version__
    if operation.method == "POST":
        assert sent.headers["Content-Type"].startswith("application/x-www-form-urlencoded")


def test_every_argument_of_the_token_request_in_order(
    sandbox: Sandbox, api: OauthApi, answer: Callable[..., None]
) -> None:
    answer(TOKEN_ANSWER)
    optional: dict[str, Any] = {
        "code": "a/b+c d",
        "redirect_uri": "https://example.com/cb?x=1&y=2",
        "refresh_token": "r\u00e9f",
        "device_code": "dev",
        "code_verifier": "ver",
        "client_secret": "sec",
    }
    api.oauth_access_token("client", "type", **optional)
    (sent,) = sandbox.requests
    expected = {"client_id": "client", "grant_type": "type", **optional}
    assert list(sent.form.items()) == list(expected.items())


def test_none_is_never_sent(sandbox: Sandbox, api: OauthApi, answer: Callable[..., None]) -> None:
    answer(TOKEN_ANSWER)
    api.oauth_access_token("client", "type", code=None, redirect_uri="", refresh_token="r")
    (sent,) = sandbox.requests
    assert set(sent.form) == {"client_id", "grant_type", "refresh_token"}


@pytest.mark.parametrize(
    ("form", "sent"), [("csv", ["a,b"]), ("pipes", ["a|b"]), ("multi", ["a", "b"])]
)
def test_none_within_a_collection_leaves_no_gap(
    sandbox: Sandbox, client: ApiClient, answer: Callable[..., None], form: str, sent: list[str]
) -> None:
    answer({})
    query = {"ids": [None, "a", None, "b"]}
    client.call_api("/x", "GET", query_params=query, collection_formats={"ids": form})
    assert sandbox.requests[-1].query.getlist("ids") == sent


def test_result(api: OauthApi, operation: Operation, answer: Callable[..., None]) -> None:
    answer(_DATA[operation.name], times=None, headers={"X-Answer": "yes"})
    call = getattr(api, operation.name)
    twin = getattr(api, operation.name + "_with_http_info")
    data = call(**operation.required)
    for name, value in _DATA[operation.name].items():
        assert getattr(data, name) == value
    assert call(**operation.required, _return_http_data_only=False) == data
    assert twin(**operation.required, _return_http_data_only=True) == data
    same, status, headers = twin(**operation.required)
    assert (same, status) == (data, 200)
    assert headers["x-answer"] == headers["X-ANSWER"] == "yes"


def test_in_the_background(
    api: OauthApi, operation: Operation, answer: Callable[..., None]
) -> None:
    answer(_DATA[operation.name], times=None)
    started = getattr(api, operation.name)(**operation.required, async_req=True)
    data = started.get(10)
    started.wait(10)
    assert started.ready()
    assert started.successful()
    assert data == getattr(api, operation.name)(**operation.required)
    twin = getattr(api, operation.name + "_with_http_info")
    assert twin(**operation.required, async_req=True).get(10)[:2] == (data, 200)


def test_background_errors_surface_from_get(api: OauthApi) -> None:
    started: Any = api.oauth_me(async_req=True)
    with pytest.raises(UnauthorizedException):
        started.get(10)
    assert not started.successful()


def test_without_preloading(
    api: OauthApi, operation: Operation, answer: Callable[..., None]
) -> None:
    answer(_DATA[operation.name])
    raw = getattr(api, operation.name)(**operation.required, _preload_content=False)
    try:
        assert raw.status == 200
        assert b'"' in raw.read()
    finally:
        raw.release_conn()


def test_an_error_without_preloading_still_raises(api: OauthApi) -> None:
    with pytest.raises(UnauthorizedException):
        api.oauth_me(_preload_content=False)


def test_the_life_of_a_grant(sandbox: Sandbox, api: OauthApi) -> None:
    callback = sandbox.authorize(scope="item_read order_read")
    code = callback.partition("code=")[2].partition("&")[0]
    application = (sandbox.client_id, "authorization_code")
    token = api.oauth_access_token(*application, code=code, redirect_uri=sandbox.redirect_uri)
    assert isinstance(token, OauthTokenResponse)
    api.api_client.configuration.access_token = token.access_token
    me = api.oauth_me()
    assert (me.client_id, me.merchant_id) == (sandbox.client_id, "DEMO")
    assert me.scopes == ["item_read", "order_read"]
    second = api.oauth_access_token(
        sandbox.client_id, "refresh_token", refresh_token=token.refresh_token
    )
    assert second.access_token not in (None, token.access_token)
    revoked = api.oauth_revoke(sandbox.client_id, str(second.access_token))
    assert isinstance(revoked, OauthRevokeSuccessResponse)
    assert revoked.successful is True
    with pytest.raises(UnauthorizedException):
        api.oauth_me()
    with pytest.raises(InvalidGrantError) as caught:
        api.oauth_access_token(
            sandbox.client_id, "refresh_token", refresh_token=second.refresh_token
        )
    assert caught.value.error == "invalid_grant"
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), InvalidGrantError)


def test_apis_without_a_client_share_one_connection(sandbox: Sandbox) -> None:
    ultracart.configuration.host = sandbox.host
    ultracart.configuration.access_token = "access_token_example"
    for _ in range(5):
        OauthApi().oauth_me()
    assert OauthApi().api_client is OauthApi().api_client
    assert sandbox.counters.connections == 1
    OauthApi().api_client.close()


def test_from_api_key(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, answer: Callable[..., None]
) -> None:
    monkeypatch.setenv("ULTRACART_HOST", sandbox.host)
    answer(TOKEN_ANSWER, times=None)
    for make in (OauthApi.from_api_key, OauthApi.fromApiKey):
        made = make("the-key", verify_ssl=False)
        with made.api_client:
            made.oauth_access_token("client", "type")
        assert made.api_client.configuration.verify_ssl is False
        assert sandbox.requests[-1].headers["x-ultracart-simple-key"] == "the-key"
    assert not ultracart.configuration.api_key
    assert list(inspect.signature(OauthApi.fromApiKey).parameters) == [
        "apiKey",
        "verify_ssl",
        "debug",
    ]


def test_from_api_key_sends_no_other_credential(
    sandbox: Sandbox, answer: Callable[..., None]
) -> None:
    default = Configuration()
    default.host = sandbox.host
    default.access_token = "the-token"
    default.api_key = {"x-ultracart-browser-key": "browser", "x-ultracart-simple-key": "other"}
    default.refresh_api_key_hook = lambda conf: setattr(conf, "access_token", "hooked")
    Configuration.set_default(default)
    try:
        made = OauthApi.from_api_key("the-key")
    finally:
        Configuration.set_default(None)
    answer(TOKEN_ANSWER)
    with made.api_client:
        made.oauth_access_token("client", "type")
    sent = sandbox.requests[-1].headers
    assert sent["x-ultracart-simple-key"] == "the-key"
    assert "Authorization" not in sent
    assert "x-ultracart-browser-key" not in sent


def test_client_as_context_manager_can_be_used_again(
    sandbox: Sandbox, configuration: Configuration
) -> None:
    configuration.access_token = "access_token_example"
    with ApiClient(configuration) as client:
        OauthApi(client).oauth_me()
    with client:
        OauthApi(client).oauth_me()
    assert sandbox.counters.connections == 2
