"""Plain http only to this machine, by one rule wherever a host is named."""

from __future__ import annotations

import pytest

from ultracart import ApiClient, Configuration
from ultracart.commands.logins import is_sandbox
from ultracart.exceptions import ApiConnectionError, ApiValueError, ConfigurationError
from ultracart.oauth import OAuthSession

LOOPBACK = [
    "localhost",
    "LOCALHOST",
    "127.0.0.1",
    "127.255.255.255",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0::01]",
]
ELSEWHERE = [
    "localhost.",
    "localhost.example.com",
    "alocalhost",
    "127.example.com",
    "127.0.0.1.example.com",
    "127.1",
    "127.0.0.256",
    "127.0.0.1.1",
    "128.0.0.1",
    "0.0.0.0",
    "1.0.0.127",
    "[::]",
    "[::2]",
    "[::10]",
    "[1::]",
    "[1::1]",
    "[::1:1]",
    "[::11]",
    "[::7f00:1]",
    "[::8.8.8.8]",
]


@pytest.mark.parametrize("host", LOOPBACK)
@pytest.mark.usefixtures("no_pauses")
def test_loopback_hosts(host: str) -> None:
    url = "http://%s:9/rest/v2" % host
    with ApiClient(Configuration(host=url)) as client, pytest.raises(ApiConnectionError):
        client.get("/oauth/me")
    OAuthSession("client", authorization_endpoint=url)
    assert is_sandbox(url)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_hosts_elsewhere(host: str) -> None:
    url = "http://%s:9/rest/v2" % host
    refused = pytest.raises(ConfigurationError, match="plain http")
    with ApiClient(Configuration(host=url)) as client, refused:
        client.get("/oauth/me")
    with pytest.raises(ApiValueError, match="authorization_endpoint must be https"):
        OAuthSession("client", authorization_endpoint=url)
    assert not is_sandbox(url)
