"""Whether the client uses what users put in place of its parts, as the official SDK does."""

from __future__ import annotations

import decimal
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest

import ultracart
from ultracart import ApiClient, ApiException, Configuration, OauthApi
from ultracart.rest import RESTClientObject, RESTResponse
from ultracart.sandbox import Sandbox
from ultracart.transport.verbs import METHODS

from .conftest import TOKEN_ANSWER

_OFFICIAL_PATHS = """
    api_client.ApiClient configuration.Configuration rest.RESTClientObject api.OauthApi
    api.oauth_api.OauthApi models.OauthTokenResponse models.oauth_token_response.OauthTokenResponse
    models.error.Error
""".split()


@pytest.mark.parametrize("path", _OFFICIAL_PATHS)
def test_importing_the_package_is_enough(path: str) -> None:
    program = "import ultracart; print(ultracart.%s.__name__)" % path
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == path.rpartition(".")[2], done.stderr


class _ExactClient(ApiClient):
    """Sends what the package does not: exact numbers, as text."""

    def sanitize_for_serialization(self, obj: Any) -> Any:
        if isinstance(obj, decimal.Decimal):
            return str(obj)
        return super().sanitize_for_serialization(obj)


def test_conversion_of_what_is_sent(
    sandbox: Sandbox, configuration: Configuration, answer: Callable[..., None]
) -> None:
    answer({})
    price = decimal.Decimal("1.10")
    body = {"price": price, "prices": [price, (price,)], "none": None}
    with _ExactClient(configuration) as client:
        client.call_api("/anything", "POST", body=body, query_params=[("p", price)])
    sent = sandbox.requests[-1]
    assert json.loads(sent.body) == {"price": "1.10", "prices": ["1.10", ["1.10"]], "none": None}
    assert sent.query.to_dict() == {"p": "1.10"}


class _TextDates(ApiClient):
    NATIVE_TYPES_MAPPING = {**ApiClient.NATIVE_TYPES_MAPPING, "datetime": str}


def test_classes_of_native_types(configuration: Configuration, answer: Callable[..., None]) -> None:
    answer({"made": "2020-01-02T03:04:05Z"})
    with _TextDates(configuration) as client:
        read, _, _ = client.call_api("/anything", "GET", response_type="dict(str, datetime)")
    assert read == {"made": "2020-01-02T03:04:05Z"}


def test_one_verb_of_the_transport(
    sandbox: Sandbox, api: OauthApi, answer: Callable[..., None]
) -> None:
    answer(TOKEN_ANSWER)
    transport = api.api_client.rest_client
    post, seen = transport.POST, []

    def recorded(url: str, **options: Any) -> Any:
        seen.append(url)
        return post(url, **options)

    transport.POST = recorded
    api.oauth_access_token("client", "refresh_token", refresh_token="r")
    assert seen == [sandbox.host + "/oauth/token"]


class _Answer:
    status, reason, data = 200, "OK", json.dumps(TOKEN_ANSWER)

    def getheaders(self) -> dict[str, str]:
        return {"X-From": "nowhere"}


class _Transport:
    """No more than the verb that the call needs, as in a test of a user's own."""

    def POST(self, url: str, **options: Any) -> _Answer:
        self.sent = options["post_params"]
        return _Answer()


def test_the_whole_transport(sandbox: Sandbox, api: OauthApi) -> None:
    api.api_client.rest_client = transport = _Transport()
    token, status, headers = api.oauth_access_token_with_http_info("client", "refresh_token")
    assert (token.access_token, status) == (TOKEN_ANSWER["access_token"], 200)
    assert headers == {"X-From": "nowhere"}
    assert transport.sent == [("client_id", "client"), ("grant_type", "refresh_token")]
    assert not sandbox.requests


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_verb_but_those_without_a_body_sends_forms(
    sandbox: Sandbox, client: ApiClient, answer: Callable[..., None], method: str
) -> None:
    answer({})
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    client.call_api("/anything", method, post_params=[("a", "1")], header_params=form)
    assert sandbox.requests[-1].form.to_dict() == {"a": "1"}


@pytest.mark.parametrize("method", METHODS)
def test_every_verb_reads_the_body_unless_it_is_told_not_to(
    sandbox: Sandbox, client: ApiClient, answer: Callable[..., None], method: str
) -> None:
    answer({}, times=2)
    verb, url = getattr(client.rest_client, method), sandbox.host + "/anything"
    assert isinstance(verb(url), RESTResponse)
    unread = verb(url, _preload_content=False)
    assert not isinstance(unread, RESTResponse)
    assert json.loads(unread.read() or "{}") == {}
    unread.release_conn()


_CALLS = [("GET", None), ("HEAD", None), ("OPTIONS", {}), ("DELETE", {}), ("PUT", {"a": 1})]


def _noted(function: Any, seen: list[str], name: str) -> Any:
    def noted(*args: Any, **options: Any) -> Any:
        seen.append(name)
        return function(*args, **options)

    return noted


def _in_the_class(owner: type, name: str, seen: list[str], monkeypatch: Any) -> None:
    monkeypatch.setattr(owner, name, _noted(getattr(owner, name), seen, name))


@pytest.mark.parametrize(("method", "body"), _CALLS)
@pytest.mark.parametrize("where", ["object", "class", "subclass"])
@pytest.mark.parametrize("part", ["client", "verb", "transport"])
def test_each_part_of_the_way_can_be_replaced(
    configuration: Configuration,
    answer: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    where: str,
    method: str,
    body: Any,
) -> None:
    answer({})
    seen: list[str] = []
    name = method if part == "verb" else "request"
    owner: Any = ApiClient if part == "client" else RESTClientObject
    with ApiClient(configuration) as client:
        replaced: Any = client if part == "client" else client.rest_client
        if where == "object":
            setattr(replaced, name, _noted(getattr(replaced, name), seen, name))
        elif where == "class":
            _in_the_class(owner, name, seen, monkeypatch)
        else:
            own = type("Own", (owner,), {name: _noted(getattr(owner, name), seen, name)})
            replaced.__class__ = own
        client.call_api("/anything", method, body=body)
    assert seen == [name]


def test_a_transport_in_front_of_the_transport(
    configuration: Configuration, answer: Callable[..., None]
) -> None:
    answer({"a": 1})
    asked: list[str] = []

    class Front:
        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            return getattr(behind, name)

    with ApiClient(configuration) as client:
        behind = client.rest_client
        client.rest_client = Front()
        assert client.get("/anything") == {"a": 1}
    assert asked[0] == "GET"


@pytest.mark.parametrize("value", ["a\r\nB: c", "a\nb", "a\rb"])
def test_a_header_that_others_add_cannot_bring_a_second(
    sandbox: Sandbox, client: ApiClient, value: str
) -> None:
    """As of a monitor, which adds its own below the transport."""
    pool = client.rest_client.pool_manager
    with pytest.raises(ValueError, match="header value"):
        pool.request("GET", "/x", headers={"X-Trace": value})
    pool.request("GET", "/x", headers={"X-Trace": "caf\xe9"})
    assert [value for name, value in sandbox.requests[-1].headers if name == "X-Trace"]


def test_a_call_takes_six_steps(api: OauthApi) -> None:
    """Operation, call_api, the authorized sending, the exchange, an attempt, urllib3."""
    steps: list[str] = []

    def noted_urlopen(*args: Any, **options: Any) -> Any:
        stack = traceback.extract_stack()
        folder = os.path.dirname(ultracart.__file__)
        ours = [frame.name for frame in stack if frame.filename.startswith(folder)]
        steps.extend(ours[ours.index("oauth_me") :])
        return urlopen(*args, **options)

    pool = api.api_client.rest_client.pool_manager
    urlopen, pool.urlopen = pool.urlopen, noted_urlopen
    try:
        with pytest.raises(ApiException):
            api.oauth_me()
    finally:
        del pool.urlopen
    assert steps == ["oauth_me", "call_api", "_send", "request", "_attempt"]


class _Recorder:
    """A client of the user's own: no more than ``call_api``."""

    def call_api(self, *args: Any, **options: Any) -> Any:
        return args, options["async_req"]


@pytest.mark.parametrize("async_req", [True, None])
def test_the_whole_client(async_req: Any) -> None:
    client: Any = _Recorder()
    arguments, passed_on = ultracart.OauthApi(client).oauth_me(async_req=async_req)
    assert arguments == ("/oauth/me", "GET")
    assert passed_on is async_req


class _Data:
    """An answer of a user's own making, to read stored JSON with."""

    def __init__(self, data: Any) -> None:
        self.data = json.dumps(data)


def test_stored_answers(client: ApiClient) -> None:
    read = client.deserialize(_Data({"a": [TOKEN_ANSWER]}), "dict(str, list[OauthTokenResponse])")
    assert read["a"][0].access_token == TOKEN_ANSWER["access_token"]
    for response_type in ("date", "int", "list[str]"):
        with pytest.raises(ApiException) as caught:
            client.deserialize(_Data("no date"), response_type)
        assert caught.value.body == '"no date"'
        assert caught.value.headers is None
