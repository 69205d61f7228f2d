"""Every failure is one ApiException that says what happened."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest

from ultracart import (
    ApiConnectionError,
    ApiException,
    ApiResponseError,
    ApiTimeoutError,
    BadRequestException,
    ForbiddenException,
    InvalidGrantError,
    NotFoundException,
    OAuthError,
    RateLimitException,
    ServiceException,
    UnauthorizedException,
)

from .conftest import SIMPLE_KEY, exchange
from .server import Peer, answer

STATUSES = [
    ("400 Bad Request", "{}", BadRequestException),
    ("400 Bad Request", '{"error":"invalid_grant"}', InvalidGrantError),
    ("400 Bad Request", '{"error":"made_up_by_the_server"}', OAuthError),
    ("401 Unauthorized", '{"error":"invalid_token"}', UnauthorizedException),
    ("403 Forbidden", "<html>no</html>", ForbiddenException),
    ("404 Not Found", "", NotFoundException),
    ("410 Gone", '{"error":{"developer_message":"disabled"}}', ApiException),
    ("418 I'm a teapot", "[1,2", ApiException),
    ("429 Too Many", "", RateLimitException),
    ("500 Internal Server Error", '{"error":"server_error"}', ServiceException),
    ("503 Service Unavailable", "", ServiceException),
    ("599 Odd", "", ServiceException),
    ("999 Odder", "", ApiException),
    ("304 Not Modified", "", ApiException),
    ("101 Switching Protocols", "", ApiException),
]


@pytest.mark.parametrize(("status", "body", "expected"), STATUSES)
def test_error_status_has_its_class(
    serve: Any, api_of: Any, judge: Any, status: str, body: str, expected: type[ApiException]
) -> None:
    server = serve(answer(body, status, "X-Request: 7"))
    error = judge.failure(lambda: exchange(api_of(server)), expected, sent=True)
    assert error.status == int(status[:3])
    assert error.headers["x-request"] == "7"
    if error.status not in (101, 304):
        assert error.body == body
    assert len(server.requests) == 1


def test_oauth_facts_are_attributes(serve: Any, api_of: Any, judge: Any) -> None:
    body = '{"error":"invalid_grant","error_description":"used","error_uri":"https://e/1"}'
    error = judge.failure(lambda: exchange(api_of(serve(answer(body, "400 No")))))
    assert (error.error, error.error_description) == ("invalid_grant", "used")
    assert error.error_uri == "https://e/1"
    assert str(error) == "POST /rest/v2/oauth/token: HTTP 400. invalid_grant: used"


def test_refused_connection(api_of: Any, judge: Any) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        host = "http://127.0.0.1:%d" % closed.getsockname()[1]
        error = judge.failure(lambda: exchange(api_of(host)), ApiConnectionError, sent=False)
    assert isinstance(error.__cause__, ConnectionRefusedError)
    assert error.status is None
    assert error.body is None


def test_cause_brings_nothing_along(
    api_of: Any, judge: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(self: Any, address: Any) -> None:
        raise ConnectionRefusedError(111, "Connection refused") from ValueError(SIMPLE_KEY)

    api = api_of("http://127.0.0.1:9")
    monkeypatch.setattr(socket.socket, "connect", connect)
    error = judge.failure(lambda: exchange(api), ApiConnectionError, sent=False)
    assert isinstance(error.__cause__, ConnectionRefusedError)
    assert error.__cause__.__traceback__ is None  # its frames hold the request


def test_name_without_address(api_of: Any, judge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_name(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    api = api_of("https://api.example.com")
    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    error = judge.failure(lambda: exchange(api), ApiConnectionError, sent=False)
    assert "(api.example.com, port 443)" in error.reason


def test_a_proxy_that_is_not_there_is_named(api_of: Any, judge: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        api = api_of(
            "https://api.example.com", proxy="http://user:%s@127.0.0.1:%d" % (SIMPLE_KEY, port)
        )
        error = judge.failure(lambda: exchange(api), ApiConnectionError, sent=False)
    assert "(the proxy http://127.0.0.1:%d)" % port in error.reason


def half(peer: Peer) -> Any:
    peer.send(answer("x" * 100)[:-50])
    return False


def torn(peer: Peer) -> Any:
    peer.send(answer("x" * 100)[:-50])
    peer.reset()
    return False


BREAKS = {
    "closed without an answer": lambda peer: False,
    "reset without an answer": lambda peer: peer.reset() or False,
    "closed in the status line": lambda peer: peer.send(b"HTTP/1.1 2") and False,
    "closed in the headers": lambda peer: peer.send(b"HTTP/1.1 200 OK\r\nA: b\r\n") and False,
    "closed in the body": half,
    "reset in the body": torn,
}


@pytest.mark.parametrize("step", BREAKS.values(), ids=BREAKS.keys())
def test_broken_connection(serve: Any, api_of: Any, judge: Any, step: Any) -> None:
    server = serve(step)
    judge.failure(lambda: exchange(api_of(server)), ApiException, sent=True)
    assert len(server.requests) == 1, "a request that may have been served was repeated"


def test_reset_on_accept_is_not_sent_again_once_sent(serve: Any, api_of: Any, judge: Any) -> None:
    server = serve(b"", connected=lambda peer: peer.reset() or False)
    judge.failure(lambda: exchange(api_of(server)), ApiConnectionError)
    assert not server.requests


class TestTLS:
    def test_verified_connection_works(self, serve: Any, api_of: Any, authority: Any) -> None:
        server = serve(answer('{"access_token":"a1"}'), tls=authority.context())
        token = exchange(api_of(server, ssl_ca_cert=authority.path))
        assert token.access_token == "a1"

    def test_unknown_authority(self, serve: Any, api_of: Any, judge: Any, authority: Any) -> None:
        server = serve(answer("{}"), tls=authority.context())
        error = judge.failure(lambda: exchange(api_of(server)), ApiConnectionError, sent=False)
        assert error.status == 0
        assert "SSLError" in error.reason
        assert (server.requests, server.connections) == ([], 1)

    def test_certificate_of_another_host(
        self, serve: Any, api_of: Any, judge: Any, authority: Any
    ) -> None:
        server = serve(answer("{}"), tls=authority.context("other.example.com"))
        api = api_of(server, ssl_ca_cert=authority.path)
        judge.failure(lambda: exchange(api), ApiConnectionError, sent=False)
        assert not server.requests

    def test_another_expected_name(
        self, serve: Any, api_of: Any, judge: Any, authority: Any
    ) -> None:
        server = serve(answer('{"access_token":"a1"}'), tls=authority.context("other.example.com"))
        settings = {"ssl_ca_cert": authority.path}
        api = api_of(server, assert_hostname="other.example.com", **settings)
        assert exchange(api).access_token == "a1"
        assert exchange(api_of(server, assert_hostname=False, **settings)).access_token == "a1"
        for name in ("third.example.com", "example.com"):
            api = api_of(server, assert_hostname=name, **settings)
            judge.failure(lambda api=api: exchange(api), ApiConnectionError, sent=False)
        # A name that is not compared does not make an unknown authority known.
        judge.failure(lambda: exchange(api_of(server, assert_hostname=False)), ApiConnectionError)

    def test_server_speaks_no_tls(self, serve: Any, api_of: Any, judge: Any) -> None:
        server = serve(b"", connected=lambda peer: peer.send(answer("{}")) and False)
        host = server.host.replace("http:", "https:")
        judge.failure(lambda: exchange(api_of(host)), ApiConnectionError, sent=False)

    def test_nothing_older_than_tls_1_2(self, client_of: Any) -> None:
        pool = client_of("https://127.0.0.1:9").rest_client.pool_manager
        assert pool.conn_kw["ssl_context"].minimum_version is ssl.TLSVersion.TLSv1_2

    def test_client_speaks_no_tls(
        self, serve: Any, api_of: Any, judge: Any, authority: Any
    ) -> None:
        server = serve(answer("{}"), tls=authority.context())
        host = server.host.replace("https:", "http:")
        judge.failure(lambda: exchange(api_of(host)), ApiException)

    def test_not_verifying_is_never_shared_with_verifying(
        self, serve: Any, api_of: Any, judge: Any, authority: Any
    ) -> None:
        server = serve(answer('{"access_token":"a1"}'), tls=authority.context())
        assert exchange(api_of(server, verify_ssl=False)).access_token == "a1"
        judge.failure(lambda: exchange(api_of(server)), ApiConnectionError, sent=False)

    def test_client_certificate(self, serve: Any, api_of: Any, judge: Any, authority: Any) -> None:
        server = serve(answer('{"access_token":"a1"}'), tls=authority.demanding_context())
        certificate, key = authority.client_identity()
        settings = {"ssl_ca_cert": authority.path}
        # TLS 1.3 tells a client without a certificate only after it has sent its request.
        judge.failure(lambda: exchange(api_of(server, **settings)), ApiConnectionError)
        assert not server.requests
        settings.update(cert_file=certificate, key_file=key)
        assert exchange(api_of(server, **settings)).access_token == "a1"


def test_interrupt_passes_and_the_client_stays_usable(serve: Any, api_of: Any) -> None:
    def interrupted() -> str:
        raise KeyboardInterrupt

    server = serve(answer('{"merchant_id":"M"}'))
    api = api_of(server, access_token=interrupted)
    with pytest.raises(KeyboardInterrupt):
        api.oauth_me()
    api.api_client.configuration.access_token = "t"
    assert api.oauth_me().merchant_id == "M"


def test_the_members_of_the_family() -> None:
    for cls in (ApiConnectionError, ApiTimeoutError, ApiResponseError, OAuthError):
        assert issubclass(cls, ApiException)
        assert not issubclass(cls, (OSError, ValueError))
