"""Names of hosts: asked for, verified and looked up as they are meant, at no cost to ASCII ones."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from typing import Any

import pytest

from ultracart import ApiConnectionError

from .conftest import exchange
from .server import answer
from .test_processes import EXHAUST_DESCRIPTORS

TOKEN = answer('{"access_token":"a"}')
PROGRAM = """
import sys
import ultracart
configuration = ultracart.Configuration()
configuration.host, configuration.ssl_ca_cert = sys.argv[1:]
ultracart.OauthApi(ultracart.ApiClient(configuration)).oauth_revoke("client", "token")
print("encodings.idna" in sys.modules)
"""


WITHOUT_DESCRIPTORS = (
    """
import sys, ultracart, ultracart.rest
ultracart.OauthMeResponse  # loaded before the descriptors run out
configuration = ultracart.Configuration()
configuration.host = "https://b\\u00fccher.example"
api = ultracart.OauthApi(ultracart.ApiClient(configuration))
"""
    + EXHAUST_DESCRIPTORS
    + """
loaded = "encodings.idna" in sys.modules
try: api.oauth_me()
except ultracart.ApiException as error: failure = error
release()
print(type(failure).__name__, failure.request_sent, loaded or "Unicode tables" in str(failure))
"""
)


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The names that a stand-in for the system's resolver was asked for; each is this machine."""
    names: list[Any] = []
    resolve = socket.getaddrinfo

    def stand_in(host: Any, *args: Any, **kwargs: Any) -> Any:
        names.append(host)
        return resolve("127.0.0.1", *args, **kwargs)

    monkeypatch.setattr("socket.getaddrinfo", stand_in)
    return names


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_an_ascii_name_needs_no_codec(serve: Any, authority: Any, name: str) -> None:
    server = serve(TOKEN, tls=authority.context())
    host = "https://%s:%d" % (name, server.port)
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, host, authority.path],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("B\u00fccher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("Shop.example", "shop.example"),
    ],
)
def test_names_are_looked_up_and_verified_in_ascii(
    serve: Any, api_of: Any, authority: Any, looked_up: list[Any], written: str, asked: str
) -> None:
    server = serve(TOKEN, tls=authority.context(asked))
    host = "https://%s:%d" % (written, server.port)
    api = api_of(host, ssl_ca_cert=authority.path, trust_env=False)
    assert exchange(api).access_token == "a"
    assert looked_up == [asked]  # text: whoever stands in for the resolver compares it with text


def test_a_certificate_of_another_name_is_refused(
    serve: Any, api_of: Any, authority: Any, looked_up: list[Any], judge: Any
) -> None:
    server = serve(TOKEN, tls=authority.context("other.example"))
    host = "https://b\u00fccher.example:%d" % server.port
    api = api_of(host, ssl_ca_cert=authority.path, trust_env=False)
    judge.failure(lambda: exchange(api), ApiConnectionError, sent=False)


def test_the_codec_that_cannot_be_loaded_is_an_api_exception() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DESCRIPTORS], capture_output=True, text=True
    )
    assert done.stdout == "ApiConnectionError False True\n", done.stderr


@pytest.mark.parametrize("tls", [False, True])
def test_a_reset_while_connecting_is_named(
    api_of: Any, judge: Any, monkeypatch: pytest.MonkeyPatch, tls: bool
) -> None:
    def reset(*_: Any) -> None:
        raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")

    monkeypatch.setattr("socket.socket.connect", reset)
    api = api_of("%s://127.0.0.1:9" % ("https" if tls else "http"))
    failure = judge.failure(lambda: exchange(api), ApiConnectionError, sent=False)
    assert "Connection reset by peer" in str(failure)


@pytest.mark.parametrize("tls", [False, True])
def test_a_replaced_socket_class_is_used(
    serve: Any, api_of: Any, authority: Any, monkeypatch: pytest.MonkeyPatch, tls: bool
) -> None:
    made = []

    class Tunnel(socket.socket):
        def connect(self, address: Any) -> None:
            made.append(address)
            super().connect(address)

    server = serve(TOKEN, tls=authority.context() if tls else None)
    monkeypatch.setattr("socket.socket", Tunnel)
    api = api_of(server, ssl_ca_cert=authority.path)
    for _ in range(2):
        assert exchange(api).access_token == "a"
    assert len(made) == 1
