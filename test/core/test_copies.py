"""Copies and pickles of a client work at any time: before its first call, and after."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from ultracart import ApiClient, Configuration, OauthApi
from ultracart.sandbox import Sandbox

COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
}


@pytest.fixture(params=COPIES.values(), ids=list(COPIES))
def copied(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize("used", [False, True], ids=["new", "used"])
def test_of_a_client(sandbox: Sandbox, copied: Any, used: bool) -> None:
    sandbox.answer("GET", "/x", {"a": 1})
    configuration = Configuration(host=sandbox.host, access_token="access_token_example")
    client = ApiClient(configuration, "X-Own", "1", cookie="c=d")
    if used:
        client.get("/x")
        client.call_api("/x", "GET", auth_settings=["ultraCartOauth"], async_req=True).get(10)
    twin = copied(client)
    assert twin.last_response is None
    twin.set_default_header("X-Own", "2")
    assert twin.get("/x") == {"a": 1}
    assert (
        twin.call_api("/x", "GET", auth_settings=["ultraCartOauth"], async_req=True).get(10)[1]
        == 200
    )
    sent = sandbox.requests[-1].headers
    assert (sent["X-Own"], sent["Cookie"]) == ("2", "c=d")
    twin.close()
    assert client.get("/x") == {"a": 1}
    assert sandbox.requests[-1].headers["X-Own"] == "1"


@pytest.mark.parametrize("used", [False, True], ids=["new", "used"])
def test_of_an_api(sandbox: Sandbox, copied: Any, used: bool) -> None:
    sandbox.answer("GET", "/oauth/me", {"merchant_id": "M"})
    api = OauthApi(ApiClient(Configuration(host=sandbox.host, access_token="access_token_example")))
    if used:
        api.oauth_me()
    assert copied(api).oauth_me().merchant_id == "M"
    assert api.oauth_me().merchant_id == "M"


def test_a_deep_copy_has_settings_of_its_own(sandbox: Sandbox) -> None:
    client = ApiClient(Configuration(host=sandbox.host))
    twin = copy.deepcopy(client)
    twin.configuration.host = "https://elsewhere.example"
    assert client.configuration.host == sandbox.host
    assert copy.copy(client).configuration is client.configuration


class Transport:
    """A user's own."""

    def GET(self, url: str, **options: Any) -> Any:
        raise NotImplementedError


def test_a_transport_of_the_users_own_stays(copied: Any) -> None:
    client = ApiClient(Configuration())
    client.rest_client = Transport()
    twin = copied(client)
    assert type(twin.rest_client) is Transport
    with pytest.raises(NotImplementedError):
        twin.call_api("/x", "GET")
