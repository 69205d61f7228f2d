"""Which clients share connections, and when these are closed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ultracart import ApiClient, Configuration, OauthApi
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
    for number in range(1, PARKED + 5):
        used(configuration, connection_pool_maxsize=number)
    assert sandbox.counters.connections == PARKED + 4
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
