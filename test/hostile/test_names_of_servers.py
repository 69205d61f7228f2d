"""A certificate for another name or address is refused, whoever shows it: the server or a proxy."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from ultracart import ApiConnectionError

from .conftest import exchange
from .server import answer, connect_proxy

TOKEN = answer('{"access_token":"a"}')
HOSTS = ["localhost", "127.0.0.1"]
WRONG = ("wrong.example", "10.9.9.9")


@pytest.mark.parametrize("host", HOSTS)
def test_server(serve: Any, api_of: Any, judge: Any, authority: Any, host: str) -> None:
    right, wrong = (
        serve(TOKEN, tls=authority.context(host)),
        serve(TOKEN, tls=authority.context(*WRONG)),
    )
    asked = [
        api_of("https://%s:%d" % (host, s.port), ssl_ca_cert=authority.path) for s in (right, wrong)
    ]
    assert exchange(asked[0]).access_token == "a"
    judge.failure(lambda: exchange(asked[1]), ApiConnectionError, sent=False)
    assert not wrong.requests


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("proxy_host", HOSTS)
@pytest.mark.parametrize("asserted", [None, "api.example.com", False])
def test_proxy(
    serve: Any,
    api_of: Any,
    judge: Any,
    authority: Any,
    host: str,
    proxy_host: str,
    asserted: Any,
) -> None:
    """``assert_hostname`` is about the server: it neither excuses nor accuses the proxy."""
    origin = serve(TOKEN, tls=authority.context(asserted or host))
    right = serve(connect_proxy, tls=authority.context(proxy_host))
    wrong = serve(connect_proxy, tls=authority.context(*WRONG, "api.example.com"))
    settings = {"ssl_ca_cert": authority.path, "assert_hostname": asserted}
    url = "https://%s:%d" % (host, origin.port)

    def through(proxy: Any) -> Any:
        return api_of(url, proxy="https://user:pass@%s:%d" % (proxy_host, proxy.port), **settings)

    assert exchange(through(right)).access_token == "a"
    judge.failure(lambda: exchange(through(wrong)), ApiConnectionError, sent=False)
    assert not wrong.requests


def test_server_behind_a_proxy(serve: Any, api_of: Any, judge: Any, authority: Any) -> None:
    proxy = serve(connect_proxy, tls=authority.context())
    origin = serve(TOKEN, tls=authority.context(*WRONG))
    url = "https://localhost:%d" % proxy.port
    api = api_of(origin, ssl_ca_cert=authority.path, proxy=url)
    judge.failure(lambda: exchange(api), ApiConnectionError, sent=False)
    assert not origin.requests


@pytest.mark.parametrize("verify", [True, False])
def test_plain_http_through_a_tls_proxy(
    serve: Any, api_of: Any, judge: Any, authority: Any, verify: bool
) -> None:
    """The TLS settings are about the proxy, where it is the only one that speaks TLS."""
    proxy = serve(TOKEN, tls=authority.context("localhost"))
    settings = {"allow_insecure_transport": True, "proxy": "https://localhost:%d" % proxy.port}
    if verify:
        judge.failure(
            lambda: exchange(api_of("http://api.example.com", **settings)),
            ApiConnectionError,
            sent=False,
        )
        settings["ssl_ca_cert"] = authority.path
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        api = api_of("http://api.example.com", verify_ssl=verify, **settings)
        assert exchange(api).access_token == "a"
    assert proxy.requests[0].line.startswith("POST http://api.example.com/")
