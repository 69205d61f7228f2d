"""Names of hosts: asked for, verified and looked up as they are meant, or refused."""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
from typing import Any

import pytest

from ultracart import ApiConnectionError, ConfigurationError

from .conftest import exchange
from .server import answer
from .test_processes import EXHAUST_DESCRIPTORS

TOKEN = answer('{"access_token":"a"}')
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


NO_HOSTS = [
    "[::1]evil.example",
    "[::1].evil.example",
    "evil.example[::1]",
    "[::1]:1evil.example",
    "[127.0.0.1]",
    "[evil.example]",
    "[::1",
    "::1",
    "ev%69l.example",
    "a^b.example",
    "a|b.example",
    "a..example",
    "a" * 64 + ".example",
    "a" * 65 + ".example",
    # What IDNA 2003 and browsers make different names of, or only one of them a name.
    "stra\u00dfe.example",
    "\u03b2\u03cc\u03bb\u03bf\u03c2.example",
    "a\u200db.example",
    "a\u200cb.example",
    "\U0001f600.example",
    "\ua7b8x.example",
    "\u2100.example",
]


@pytest.mark.parametrize("host", NO_HOSTS, ids=ascii)
@pytest.mark.parametrize("place", ["host", "proxy"])
def test_what_is_no_host_is_refused(
    client_of: Any, looked_up: list[Any], host: str, place: str
) -> None:
    url = "https://%s/" % host
    settings = {"proxy": url} if place == "proxy" else {}
    client = client_of("https://api.example" if settings else url, **settings)
    with pytest.raises(ConfigurationError, match="host" if place == "host" else "proxy") as caught:
        client.call_api("/x", "GET")
    assert not looked_up
    if host.isprintable() and not host.isascii():
        assert "in its ASCII form" in str(caught.value)


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("B\u00dcCHER.example", "xn--bcher-kva.example"),
        ("\uff21\uff22\uff23\u3002example", "abc.example"),
        ("\u65e5\u672c\u8a9e.example", "xn--wgv71a119e.example"),
        ("under_score.example", "under_score.example"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
    ],
)
def test_what_browsers_read_alike_is_looked_up(
    client_of: Any, looked_up: list[Any], host: str, asked: str
) -> None:
    client = client_of("https://%s:1" % host, timeout=20)
    with pytest.raises(ApiConnectionError):
        client.call_api("/x", "GET")
    assert set(looked_up) <= {asked, asked.encode()}
    assert looked_up
