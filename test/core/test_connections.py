"""Which clients share connections, and when these are closed."""

from __future__ import annotations

import copy
import functools
import http.client
import socket
from typing import Any

import pytest
import urllib3

from ultracart import ApiClient, ApiConnectionError, ApiException, Configuration, OauthApi
from ultracart.sandbox import Sandbox

PARKED = 8  # pools of clients that were dropped


@pytest.fixture
def configuration(sandbox: Sandbox) -> Configuration:
    made = Configuration()
    made.host = sandbox.host
    made.access_token = "access_token_example"
    return made


def used(configuration: Configuration, **settings: Any) -> ApiClient:
    """A client that has made a call."""
    own = copy.copy(configuration)
    for name, value in settings.items():
        setattr(own, name, value)
    client = ApiClient(own)
    OauthApi(client).oauth_me()
    return client


def test_clients_of_equal_settings_share_one(
    configuration: Configuration, sandbox: Sandbox
) -> None:
    first, second = used(configuration), used(configuration, access_token="access_token_example")
    first.close()
    OauthApi(second).oauth_me()
    assert sandbox.counters.connections == 1
    second.close()
    used(configuration).close()
    assert sandbox.counters.connections == 2


@pytest.mark.parametrize("path", ["", "?page=2", "/", "/oauth/me?page=2", "/items"])
def test_every_path_of_a_host_shares_one(
    configuration: Configuration, sandbox: Sandbox, path: str
) -> None:
    with used(configuration) as client:
        with pytest.raises(ApiException):  # the transport adds no credentials
            client.rest_client.GET(sandbox.host + path)
        assert len(sandbox.requests) == 2
        assert sandbox.counters.connections == 1


def test_a_client_follows_its_configuration_to_another_host_and_back(
    configuration: Configuration, sandbox: Sandbox
) -> None:
    with Sandbox() as other, ApiClient(configuration) as client:
        for host in (sandbox, other, sandbox, other):
            configuration.host = host.host
            OauthApi(client).oauth_me()
        assert len(sandbox.requests) == len(other.requests) == 2


def test_those_of_dropped_clients_wait_for_the_next_client(
    configuration: Configuration, sandbox: Sandbox
) -> None:
    pools = [
        used(configuration, connection_pool_maxsize=number).rest_client.pool_manager
        for number in range(1, PARKED + 5)
    ]
    assert sandbox.counters.connections == PARKED + 4
    assert [pool.pool is None for pool in pools] == [True] * 3 + [False] * (PARKED + 1)
    # The last one and eight more; while these clients live, nothing of theirs is closed.
    clients = [
        used(configuration, connection_pool_maxsize=number) for number in range(PARKED + 4, 3, -1)
    ]
    assert sandbox.counters.connections == PARKED + 4
    clients.append(used(configuration, connection_pool_maxsize=3))
    assert sandbox.counters.connections == PARKED + 5
    for client in clients:
        OauthApi(client).oauth_me()
        client.close()
    assert sandbox.counters.connections == PARKED + 5


def test_no_more_wait_than_the_pool_may_hold(
    configuration: Configuration, sandbox: Sandbox
) -> None:
    with used(configuration, connection_pool_maxsize=2) as client:
        for connections in (3, 4):  # the one that was closed is made anew
            unread = [OauthApi(client).oauth_me(_preload_content=False) for _ in range(3)]
            assert sandbox.counters.connections == connections
            for response in unread:
                response.read()
                response.release_conn()


def test_requests_leave_at_once(configuration: Configuration) -> None:
    with used(configuration) as client:
        unread: Any = OauthApi(client).oauth_me(_preload_content=False)
        assert unread.connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        unread.read()
        unread.release_conn()


@pytest.mark.parametrize("place", ["/first.py", "\U0010ffff", None])
def test_what_others_put_in_place_of_urllib3s_way_to_connect_is_used(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch, place: str | None
) -> None:
    """Wherever its code stands, and if it has none."""
    asked = []

    def connect(address: Any, *arguments: Any, **options: Any) -> Any:
        asked.append(address)
        return plain(address, *arguments, **options)

    plain = urllib3.util.connection.create_connection
    replacement: Any = connect
    if place is None:
        replacement = functools.partial(connect)
    else:
        connect.__code__ = connect.__code__.replace(co_filename=place)
    monkeypatch.setattr(urllib3.util.connection, "create_connection", replacement)
    used(configuration).close()
    assert ["%s:%d" % address for address in asked] == [configuration.host.split("/")[2]]


def test_a_request_that_a_stand_in_has_lost_is_not_repeated(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows whether it was sent, or on which connection."""
    lost = []

    class StandIn:
        def __init__(self, *arguments: Any, **options: Any) -> None:
            self.behind = urllib3.connection.HTTPConnection(*arguments, **options)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.behind, name)

        def request(self, method: str, url: str, *arguments: Any, **options: Any) -> None:
            lost.append(method + " " + url)
            raise http.client.RemoteDisconnected("no response")

    monkeypatch.setattr(urllib3.HTTPConnectionPool, "ConnectionCls", StandIn)
    with pytest.raises(ApiConnectionError) as caught:
        used(configuration)
    assert caught.value.request_sent is True
    assert lost == ["GET /rest/v2/oauth/me"]
