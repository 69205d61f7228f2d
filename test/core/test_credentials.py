"""Which credentials and headers a request carries, and which it never does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import pytest

from ultracart import (
    ApiClient,
    ApiTimeoutError,
    ApiTypeError,
    Configuration,
    OauthApi,
    UnauthorizedException,
)
from ultracart.sandbox import Sandbox

from .conftest import TOKEN_ANSWER

BROWSER, SIMPLE = "x-ultracart-browser-key", "x-ultracart-simple-key"
_CREDENTIALS = (BROWSER, SIMPLE, "Authorization")
_SCHEMES = ["ultraCartBrowserApiKey", "ultraCartOauth", "ultraCartSimpleApiKey"]


@pytest.fixture(autouse=True)
def any_answer(sandbox: Sandbox, answer: Callable[..., None]) -> Iterator[None]:
    answer(TOKEN_ANSWER, times=None, path="/oauth/token")
    answer({"client_id": "c"}, times=None, path="/oauth/me")
    answer({}, times=None, path="/anything")
    yield
    sandbox.faults.clear()  # no test calls all of them


def _sent(sandbox: Sandbox) -> dict[str, str]:
    headers = sandbox.requests[-1].headers
    return {name: headers[name] for name in _CREDENTIALS if name in headers}


def _exchange(api: OauthApi) -> None:
    api.oauth_access_token("client", "refresh_token", refresh_token="r")


def test_none_configured_none_sent(sandbox: Sandbox, api: OauthApi) -> None:
    _exchange(api)
    assert _sent(sandbox) == {}


@pytest.mark.parametrize("empty", [None, ""])
def test_empty_credentials_are_never_sent(sandbox: Sandbox, api: OauthApi, empty: Any) -> None:
    configuration = api.api_client.configuration
    configuration.access_token = empty
    configuration.api_key.update({BROWSER: empty, SIMPLE: empty})
    configuration.api_key_prefix[SIMPLE] = "Key"
    _exchange(api)
    assert _sent(sandbox) == {}


def test_every_configured_scheme_of_the_operation(sandbox: Sandbox, api: OauthApi) -> None:
    configuration = api.api_client.configuration
    configuration.access_token = "token"
    configuration.api_key.update({BROWSER: "browser", SIMPLE: "simple"})
    _exchange(api)
    every = {BROWSER: "browser", SIMPLE: "simple", "Authorization": "Bearer token"}
    assert _sent(sandbox) == every
    api.oauth_me()
    assert _sent(sandbox) == {"Authorization": "Bearer token"}


def test_prefix(sandbox: Sandbox, api: OauthApi) -> None:
    api.api_client.configuration.api_key[SIMPLE] = "simple"
    api.api_client.configuration.api_key_prefix[SIMPLE] = "Key"
    _exchange(api)
    assert _sent(sandbox) == {SIMPLE: "Key simple"}


def test_a_prefix_must_be_text(sandbox: Sandbox, api: OauthApi) -> None:
    api.api_client.configuration.api_key[SIMPLE] = "simple"
    api.api_client.configuration.api_key_prefix[SIMPLE] = b"Key"
    with pytest.raises(ApiTypeError, match=r"api_key_prefix\['x-ultracart-simple-key'\]"):
        _exchange(api)
    assert not sandbox.requests


def test_refresh_hook_runs_before_a_key_is_read(sandbox: Sandbox, api: OauthApi) -> None:
    def renew(configuration: Any) -> None:
        configuration.api_key[SIMPLE] = "renewed"

    api.api_client.configuration.refresh_api_key_hook = renew
    _exchange(api)
    assert _sent(sandbox) == {SIMPLE: "renewed"}


def test_refresh_hook_runs_before_a_token_is_read(sandbox: Sandbox, client: ApiClient) -> None:
    def renew(configuration: Any) -> None:
        configuration.access_token = "renewed"

    client.configuration.refresh_api_key_hook = renew
    client.call_api("/anything", "GET", auth_settings=["ultraCartOauth"])
    assert _sent(sandbox) == {"Authorization": "Bearer renewed"}


def test_key_under_the_name_of_its_scheme(sandbox: Sandbox, api: OauthApi) -> None:
    keys = api.api_client.configuration.api_key
    keys["ultraCartSimpleApiKey"] = "from 4.x"
    _exchange(api)
    assert _sent(sandbox) == {SIMPLE: "from 4.x"}
    keys[SIMPLE] = "simple"
    _exchange(api)
    assert _sent(sandbox) == {SIMPLE: "simple"}


class _Signing(Configuration):
    """A scheme of the user's own beside UltraCart's, as users of the official SDK add one."""

    def auth_settings(self) -> dict[str, Any]:
        own = {"in": "header", "key": "Authorization", "value": self.get_basic_auth_token()}
        return {**super().auth_settings(), "basic": own}


def test_schemes_of_a_subclass(sandbox: Sandbox) -> None:
    configuration = _Signing()
    configuration.host = sandbox.host
    configuration.api_key[SIMPLE] = "simple"
    with ApiClient(configuration) as client:
        schemes = ["basic", "ultraCartSimpleApiKey"]
        client.call_api("/anything", "GET", auth_settings=schemes)
    assert _sent(sandbox) == {"Authorization": "Basic Og==", SIMPLE: "simple"}


def test_a_credential_of_blanks_is_none(sandbox: Sandbox, api: OauthApi) -> None:
    configuration = api.api_client.configuration
    configuration.access_token = " \t"
    configuration.api_key[SIMPLE] = " "
    _exchange(api)
    assert _sent(sandbox) == {}


@pytest.mark.parametrize("wrong", [7, b"bytes"])
def test_credential_of_a_wrong_type(api: OauthApi, sandbox: Sandbox, wrong: Any) -> None:
    api.api_client.configuration.access_token = wrong
    with pytest.raises(ApiTypeError, match="access_token"):
        _exchange(api)
    api.api_client.configuration.access_token = lambda: wrong
    with pytest.raises(ApiTypeError, match="access_token"):
        _exchange(api)
    assert not sandbox.requests


class Source:
    """A token source: counts what it is asked, and gives the next token when told of a 401."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)
        self.asked = 0
        self.invalidated: list[str] = []

    def __call__(self) -> str:
        self.asked += 1
        return self.tokens[0]

    def invalidate(self, token: str) -> None:
        self.invalidated.append(token)
        self.tokens.pop(0)


def test_token_source_is_asked_once_for_each_request(sandbox: Sandbox, api: OauthApi) -> None:
    source = Source("first")
    api.api_client.configuration.access_token = source
    api.oauth_me()
    _exchange(api)
    assert source.asked == 2
    assert _sent(sandbox) == {"Authorization": "Bearer first"}


def test_401_invalidates_once_and_repeats_once(sandbox: Sandbox, api: OauthApi) -> None:
    sandbox.faults.clear()
    source = Source("stale", "access_token_example")
    api.api_client.configuration.access_token = source
    assert api.oauth_me().merchant_id == "DEMO"
    assert source.invalidated == ["stale"]
    assert [request.status for request in sandbox.requests] == [401, 200]


def test_second_401_is_final(sandbox: Sandbox, api: OauthApi) -> None:
    sandbox.faults.clear()
    source = Source("stale", "stale too", "never used")
    api.api_client.configuration.access_token = source
    with pytest.raises(UnauthorizedException):
        api.oauth_me()
    assert source.invalidated == ["stale"]
    assert len(sandbox.requests) == 2


class Slow(Source):
    """A source that takes two seconds for a token, on a clock of its own."""

    seconds = 2.0

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *tokens: str) -> None:
        super().__init__(*tokens)
        self.now = 1000.0
        for module in ("ultracart.api_client", "ultracart.transport.call"):
            monkeypatch.setattr(module + ".monotonic", lambda: self.now)

    def __call__(self) -> str:
        self.now += self.seconds
        return super().__call__()


def test_one_number_bounds_the_source_and_the_repeat_too(
    sandbox: Sandbox, api: OauthApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.faults.clear()
    given: list[Any] = []
    request = api.api_client.request
    monkeypatch.setattr(
        api.api_client, "request", lambda *args: given.append(args[-1]) or request(*args)
    )
    source = Slow(monkeypatch, "stale", "access_token_example")
    api.api_client.configuration.access_token = source
    api.oauth_me(_request_timeout=30)
    api.api_client.configuration.timeout = 20
    api.oauth_me()
    api.oauth_me(_request_timeout=(3, 20))
    source.seconds = 0.25
    api.oauth_me(_request_timeout=7)
    source.seconds = 0.0005  # as of most sources, which is not worth counting
    api.oauth_me(_request_timeout=7)
    api.api_client.configuration.access_token = "access_token_example"
    api.oauth_me(_request_timeout=7)
    api.oauth_me()
    assert given == [28, 26, 18, (3, 20), 6.75, 7, 7, None]


@pytest.mark.parametrize("time", [1, 2, 3, 4])
def test_no_request_without_time_for_it(
    sandbox: Sandbox, api: OauthApi, monkeypatch: pytest.MonkeyPatch, time: float
) -> None:
    sandbox.faults.clear()
    api.api_client.configuration.access_token = Slow(monkeypatch, "stale", "access_token_example")
    with pytest.raises(ApiTimeoutError, match="GET /rest/v2/oauth/me: no access token") as caught:
        api.oauth_me(_request_timeout=time)
    assert caught.value.request_sent is False
    assert len(sandbox.requests) == (time > 2)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), True, "9"])
def test_impossible_times_are_named_whatever_the_source_takes(
    api: OauthApi, monkeypatch: pytest.MonkeyPatch, timeout: Any
) -> None:
    api.api_client.configuration.access_token = Slow(monkeypatch, "t")
    with pytest.raises((TypeError, ValueError), match="_request_timeout"):
        api.oauth_me(_request_timeout=timeout)


@pytest.mark.parametrize("token", ["stale", lambda: "stale"])
def test_401_without_a_source_to_invalidate(sandbox: Sandbox, api: OauthApi, token: Any) -> None:
    sandbox.faults.clear()
    api.api_client.configuration.access_token = token
    with pytest.raises(UnauthorizedException):
        api.oauth_me()
    assert len(sandbox.requests) == 1


def test_version_header_can_be_overridden(sandbox: Sandbox, api: OauthApi) -> None:
    name = "X-UltraCart-Api-Version"
    with ApiClient(api.api_client.configuration, name.lower(), "2030-01-01") as client:
        _exchange(OauthApi(client))
    assert sandbox.requests[-1].headers[name] == "2030-01-01"
    api.api_client.set_default_header(name, "2031-01-01")
    _exchange(api)
    assert sandbox.requests[-1].headers[name] == "2031-01-01"


@pytest.mark.parametrize("names", [("X-Own", "x-own"), ("x-own", "X-Own"), ("X-Own", "X-Own")])
def test_a_default_header_replaces_the_one_of_its_name_in_any_case(
    client: ApiClient, names: tuple[str, str]
) -> None:
    before = dict(client.default_headers)
    for value, name in enumerate(names):
        client.set_default_header(name, str(value))
    assert client.default_headers == {**before, names[1]: "1"}


def test_precedence_of_headers(sandbox: Sandbox, client: ApiClient) -> None:
    """Official SDK: default headers win over those of the call, credentials over both."""
    client.set_default_header("X-Both", "default")
    client.set_default_header("Authorization", "default")
    client.configuration.access_token = "token"
    call = {"x-both": "call", "X-Call": "call", "authorization": "call"}
    client.call_api("/anything", "GET", header_params=call, auth_settings=_SCHEMES)
    headers = sandbox.requests[-1].headers
    assert (headers.get_all("X-Both"), headers["X-Call"]) == (["default"], "call")
    assert headers.get_all("Authorization") == ["Bearer token"]


@pytest.mark.parametrize("name", ["x-both", "X-Both", "X-BOTH"])
def test_a_header_is_sent_once_where_no_credential_is_sent(
    sandbox: Sandbox, client: ApiClient, name: str
) -> None:
    client.set_default_header("X-Both", "default")
    client.call_api("/anything", "GET", header_params={name: "call"})
    assert sandbox.requests[-1].headers["X-Both"] == "default"


def test_headers_may_be_in_a_mapping_of_any_kind(sandbox: Sandbox, client: ApiClient) -> None:
    headers: Any = MappingProxyType({"X-Own": "1"})
    client.call_api("/anything", "GET", header_params=headers)
    assert sandbox.requests[-1].headers["X-Own"] == "1"
    for wrong in (7, [("X-Own", "1")]):
        with pytest.raises(ApiTypeError, match="header_params must be a dict"):
            client.call_api("/anything", "GET", header_params=wrong)  # type: ignore[arg-type]


def test_cookie_and_user_agent(sandbox: Sandbox, client: ApiClient) -> None:
    client.cookie = "a=b"
    client.user_agent = "shop/1"
    client.call_api("/anything", "GET")
    headers = sandbox.requests[-1].headers
    assert (headers["Cookie"], headers["User-Agent"]) == ("a=b", "shop/1")
    with ApiClient(client.configuration, cookie="c=d") as other:
        other.call_api("/anything", "GET")
    assert sandbox.requests[-1].headers["Cookie"] == "c=d"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_bodyless_json_request_sends_an_empty_object(
    sandbox: Sandbox, client: ApiClient, method: str
) -> None:
    client.call_api("/anything", method, header_params={"Content-Type": "application/json"})
    assert sandbox.requests[-1].body == b"{}"
