"""Credentials go to the configured origin, proxy credentials to the proxy, and nowhere else."""

from __future__ import annotations

import base64
import socket
import ssl
from typing import Any

import pytest

from ultracart import ApiConnectionError, ApiException, ApiTimeoutError, ConfigurationError

from .conftest import SECRETS, assert_clean, exchange
from .server import HostileServer, Peer, answer, connect_proxy

real_getaddrinfo = socket.getaddrinfo
TOKEN = answer('{"access_token":"a"}')
REDIRECTS = ["300 Many", "301 Moved", "302 Found", "303 Other", "307 Same", "308 Forever"]
USER, PASSWORD = "proxy user", "planted-Proxy:P@ss/w0rd%-pr0xyp4ss"
QUOTED = "proxy%20user:planted-Proxy%3AP%40ss%2Fw0rd%25-pr0xyp4ss"


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("call", ["token", "revoke", "me"])
def test_redirect_is_not_followed(
    serve: Any, api_of: Any, judge: Any, status: str, call: str
) -> None:
    other = serve(TOKEN)
    server = serve(answer("{}", status, "Location: %s/oauth/token" % other.host))
    api = api_of(server)
    calls = {
        "token": lambda: exchange(api),
        "revoke": lambda: api.oauth_revoke("c", SECRETS[4]),
        "me": api.oauth_me,
    }
    error = judge.failure(calls[call], ApiException, sent=True)
    assert error.status == int(status[:3])
    assert error.headers["location"].startswith(other.host)
    assert other.host in str(error)
    assert other.connections == 0
    assert len(server.requests) == 1


LOCATIONS = [
    "/rest/v2/elsewhere",
    "//other.example.com/x",
    "http://localhost:1/x",
    "file:///etc/passwd",
    "https://user:%s@example.com/%s" % (SECRETS[0], SECRETS[4]),
    "https://example.com/?token=%s#%s" % (SECRETS[2], SECRETS[3]),
    "https://example.com/" + SECRETS[4].replace("+", "%2B").replace("/", "%2f").replace("=", "%3D"),
    "https://example.com/" + SECRETS[5].upper(),
    "http://[",
    "x" * 60_000,
    "",
]


@pytest.mark.parametrize("location", LOCATIONS, ids=lambda text: ascii(text)[:40])
def test_odd_location(serve: Any, api_of: Any, judge: Any, location: str) -> None:
    server = serve(answer("", "302 Found", "Location: " + location))
    error = judge.failure(lambda: exchange(api_of(server)), ApiException, sent=True)
    assert error.status == 302
    assert len(str(error)) < 1500
    assert len(server.requests) == 1


@pytest.mark.parametrize("path", ["/path", "//path", "/path//more", "/p@th", ""])
@pytest.mark.parametrize("scheme", ["https://", "//", "https:/", "https:///", "https:\\\\", ""])
def test_location_is_shown_without_what_may_be_secret(
    serve: Any, api_of: Any, judge: Any, scheme: str, path: str
) -> None:
    location = "their-user:their-p@ssword@e.example.com%s?their-query#their-fragment" % path
    server = serve(answer("", "302 Found", "Location: " + scheme + location))
    error = judge.failure(lambda: exchange(api_of(server)))
    assert str(error).endswith(" " + scheme + "e.example.com" + path)


def test_redirect_is_not_followed_unread(serve: Any, api_of: Any, judge: Any) -> None:
    other = serve(TOKEN)
    server = serve(answer("", "307 Same", "Location: " + other.host))
    judge.failure(lambda: exchange(api_of(server), _preload_content=False))
    assert other.connections == 0


def test_tls_redirect_to_plain(serve: Any, api_of: Any, judge: Any, authority: Any) -> None:
    other = serve(TOKEN)
    moved = answer("", "308 Forever", "Location: " + other.host)
    server = serve(moved, tls=authority.context())
    judge.failure(lambda: exchange(api_of(server, ssl_ca_cert=authority.path)))
    assert other.connections == 0


def test_whole_url_of_another_origin_needs_the_same_care(
    serve: Any, client_of: Any, judge: Any
) -> None:
    client = client_of(serve(TOKEN))
    with pytest.raises(ConfigurationError):
        client.request("GET", "http://example.com/x")


def test_url_that_begins_with_the_host_is_not_taken_for_it(serve: Any, client_of: Any) -> None:
    server = serve(TOKEN)
    client = client_of(server.host[: -len("/rest/v2")])
    host = client.configuration.host
    for url in (host + ".example.com/x", host + "0/x", host + "@example.com/x"):
        with pytest.raises(ConfigurationError):
            client.request("GET", url)
    assert server.connections == 0
    client.configuration.host = host[:-1]  # a port that is the beginning of the server's
    client.request("GET", host + "/x")
    assert server.requests[0].line == "GET /x HTTP/1.1"


class TestProxy:
    @pytest.fixture
    def origin(self, serve: Any, authority: Any) -> HostileServer:
        return serve(TOKEN, tls=authority.context("127.0.0.1", "api.example.com"))

    def through(self, proxy: Any, credentials: str = "") -> str:
        return "http://%s127.0.0.1:%d" % (credentials and credentials + "@", proxy.port)

    def test_tunnel_and_credentials(
        self, serve: Any, api_of: Any, authority: Any, origin: Any
    ) -> None:
        proxy = serve(connect_proxy)
        host = "https://api.example.com:%d" % origin.port
        url = self.through(proxy, QUOTED)
        api = api_of(host, ssl_ca_cert=authority.path, proxy=url)
        assert exchange(api).access_token == "a"
        (connect,) = proxy.requests
        assert connect.line.startswith("CONNECT api.example.com:%d " % origin.port)
        expected = base64.b64encode(("%s:%s" % (USER, PASSWORD)).encode()).decode()
        assert connect.headers["proxy-authorization"] == "Basic " + expected
        for secret in SECRETS:
            assert secret.encode() not in proxy.received
        assert "proxy-authorization" not in origin.requests[0].headers
        assert expected.encode() not in origin.received

    @pytest.mark.parametrize("word", ["\u20ac-euro-pa55word", "caf\xe9-pa55word"])
    def test_password_of_any_alphabet(self, serve: Any, api_of: Any, judge: Any, word: str) -> None:
        def echo(peer: Peer) -> None:
            sent = peer.server.requests[-1].headers["proxy-authorization"].partition(" ")[2]
            peer.send(answer("", "400 No", "UC-REST-ERROR: %s or %s" % (sent, sent[3:-3])))

        proxy = serve(echo)
        settings = {"proxy": self.through(proxy, "user:" + word), "allow_insecure_transport": True}
        error = judge.failure(lambda: exchange(api_of("http://api.example.com", **settings)))
        assert "UC-REST-ERROR: *** or ***" in str(error)
        credentials = base64.b64encode(("user:" + word).encode()).decode()
        assert proxy.requests[0].headers["proxy-authorization"] == "Basic " + credentials

    def test_tunnel_through_tls(self, serve: Any, api_of: Any, authority: Any, origin: Any) -> None:
        proxy = serve(connect_proxy, tls=authority.context())
        url = self.through(proxy, QUOTED).replace("http:", "https:")
        api = api_of(origin, ssl_ca_cert=authority.path, proxy=url)
        for _ in range(2):
            assert exchange(api).access_token == "a"
        assert "proxy-authorization" in proxy.requests[0].headers
        assert (len(proxy.requests), len(origin.requests)) == (1, 2)

    def test_client_certificate_is_not_for_the_proxy(
        self, serve: Any, api_of: Any, authority: Any
    ) -> None:
        shown = []

        def proxied(peer: Peer) -> Any:
            shown.append(peer.sock.getpeercert())  # type: ignore[attr-defined]
            return connect_proxy(peer)

        asking = authority.demanding_context()
        asking.verify_mode = ssl.CERT_OPTIONAL
        proxy, origin = serve(proxied, tls=asking), serve(TOKEN, tls=authority.demanding_context())
        certificate, key = authority.client_identity()
        settings = {"ssl_ca_cert": authority.path, "cert_file": certificate, "key_file": key}
        url = self.through(proxy).replace("http:", "https:")
        assert exchange(api_of(origin, proxy=url, **settings)).access_token == "a"
        assert shown == [None]

    def test_tls_proxy_that_nobody_vouches_for(
        self, serve: Any, api_of: Any, judge: Any, authority: Any, origin: Any
    ) -> None:
        proxy = serve(connect_proxy, tls=authority.context())
        url = self.through(proxy, QUOTED).replace("http:", "https:")
        judge.failure(lambda: exchange(api_of(origin, proxy=url)), ApiConnectionError, sent=False)
        assert not proxy.requests

    def test_tunnel_is_kept(self, serve: Any, api_of: Any, authority: Any, origin: Any) -> None:
        proxy = serve(connect_proxy)
        api = api_of(origin, ssl_ca_cert=authority.path, proxy=self.through(proxy))
        for _ in range(3):
            exchange(api)
        assert (len(proxy.requests), len(origin.requests)) == (1, 3)

    REFUSALS = ["407 Proxy Authentication Required", "403 No", "502 Bad", "200", "503 Busy"]

    @pytest.mark.parametrize("status", ["407 Who", "403 No", "502 Bad", "503 Busy", "302 There"])
    def test_refusal(
        self, serve: Any, api_of: Any, judge: Any, authority: Any, status: str
    ) -> None:
        echo = "%s Basic %s" % (
            PASSWORD,
            base64.b64encode((USER + ":" + PASSWORD).encode()).decode(),
        )
        proxy = serve(answer(echo, "%s %s" % (status, echo), "X-Echo: " + echo, "Retry-After: 1"))
        api = api_of("https://127.0.0.1:9", proxy=self.through(proxy, QUOTED))
        error = judge.failure(lambda: exchange(api), ApiConnectionError, sent=False)
        assert error.status == int(status[:3])
        assert_clean(str(error) + repr(error.__cause__), PASSWORD, echo)
        assert len(proxy.requests) == 1

    BROKEN = {
        "closes": lambda peer: False,
        "resets": lambda peer: peer.reset() or False,
        "garbage": lambda peer: peer.send(b"\x00\x01garbage\r\n\r\n") and False,
        "no TLS behind it": lambda peer: peer.send(b"HTTP/1.1 200 OK\r\n\r\nplain text") and False,
        "early bytes": lambda peer: peer.send(b"HTTP/1.1 200 OK\r\n\r\nearly") and peer.silence(),
        "extra bytes": lambda peer: (
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd") and False
        ),
    }

    @pytest.mark.parametrize("step", BROKEN.values(), ids=BROKEN.keys())
    def test_broken_proxy(
        self, serve: Any, api_of: Any, judge: Any, authority: Any, step: Any
    ) -> None:
        api = api_of("https://127.0.0.1:9", proxy=self.through(serve(step), QUOTED))
        judge.failure(lambda: exchange(api), ApiConnectionError, sent=False)

    SLOW = {
        "silent": lambda peer: peer.silence(),
        "drips": lambda peer: peer.drip(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 999),
        "pours": lambda peer: (
            peer.send(b"HTTP/1.1 200 OK\r\n") and peer.pour(b"X: y\r\n" * 999, 2**26)
        ),
        "silent behind": lambda peer: peer.send(b"HTTP/1.1 200 OK\r\n\r\n") and peer.silence(),
        "interim": lambda peer: peer.drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 200, 0.005),
    }

    @pytest.mark.parametrize("step", SLOW.values(), ids=SLOW.keys())
    def test_slow_proxy(self, serve: Any, api_of: Any, judge: Any, step: Any) -> None:
        api = api_of("https://127.0.0.1:9", proxy=self.through(serve(step)))
        call = lambda: exchange(api, _request_timeout=(0.3, 9))  # noqa: E731
        error = judge.failure(call, ApiException, sent=False)
        assert isinstance(error, (ApiTimeoutError, ApiConnectionError))

    def test_proxy_and_handshake_share_the_time(
        self, serve: Any, api_of: Any, judge: Any, clock_of_limits: Any
    ) -> None:
        def late(peer: Peer) -> None:
            clock_of_limits.ahead = 29.5
            peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
            peer.silence()

        api = api_of("https://127.0.0.1:9", proxy=self.through(serve(late)))
        call = lambda: exchange(api, _request_timeout=(30, 90))  # noqa: E731
        judge.failure(call, ApiTimeoutError, sent=False)

    def test_plain_target_when_allowed(self, serve: Any, api_of: Any) -> None:
        proxy = serve(TOKEN)
        settings = {"proxy": self.through(proxy, QUOTED), "allow_insecure_transport": True}
        exchange(api_of("http://api.example.com/rest/v2", **settings))
        assert proxy.requests[0].line == "POST http://api.example.com/rest/v2/oauth/token HTTP/1.1"
        assert proxy.requests[0].headers["host"] == "api.example.com"
        assert proxy.requests[0].headers["proxy-authorization"].startswith("Basic ")

    @pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
    def test_environment(
        self,
        serve: Any,
        api_of: Any,
        authority: Any,
        origin: Any,
        name: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        proxy = serve(connect_proxy)
        monkeypatch.setenv(name, self.through(proxy, QUOTED))
        host = "https://api.example.com:%d" % origin.port
        assert exchange(api_of(host, ssl_ca_cert=authority.path)).access_token == "a"
        assert "proxy-authorization" in proxy.requests[0].headers

    @pytest.mark.parametrize(
        "hosts",
        ["api.example.com", ".example.com", "example.com", "*", "other.com, api.example.com"],
    )
    def test_no_proxy(
        self, serve: Any, api_of: Any, judge: Any, hosts: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        proxy = serve(TOKEN)
        monkeypatch.setenv("HTTPS_PROXY", self.through(proxy))
        monkeypatch.setenv("NO_PROXY", hosts)
        monkeypatch.setattr("socket.getaddrinfo", no_address)
        judge.failure(lambda: exchange(api_of("https://api.example.com")), sent=False)
        assert proxy.connections == 0

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST"])
    def test_environment_is_not_for_loopback(
        self, serve: Any, api_of: Any, authority: Any, host: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        proxy = serve(b"HTTP/1.1 500 No\r\n\r\n")
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
            monkeypatch.setenv(name, self.through(proxy))
        plain, secure = serve(TOKEN), serve(TOKEN, tls=authority.context())
        for server in (plain, secure):
            api = api_of(server.host.replace("127.0.0.1", host), ssl_ca_cert=authority.path)
            assert exchange(api).access_token == "a"
        assert proxy.connections == 0

    def test_trust_env_off(
        self, serve: Any, api_of: Any, judge: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        proxy = serve(TOKEN)
        monkeypatch.setenv("HTTPS_PROXY", self.through(proxy))
        monkeypatch.setattr("socket.getaddrinfo", no_address)
        api = api_of("https://api.example.com", trust_env=False)
        judge.failure(lambda: exchange(api), sent=False)
        assert proxy.connections == 0

    def test_nonsense_environment(self, api_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "socks9://user:%s@[" % PASSWORD)
        with pytest.raises(ConfigurationError, match="environment") as caught:
            exchange(api_of("https://api.example.com"))
        assert_clean(str(caught.value), PASSWORD)


def no_address(host: Any, *args: Any, **kwargs: Any) -> Any:
    if host != "127.0.0.1":
        raise OSError("no address in this test")
    return real_getaddrinfo(host, *args, **kwargs)


def test_insecure_transport_when_allowed(
    serve: Any, api_of: Any, judge: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("socket.getaddrinfo", no_address)
    api = api_of("http://api.example.com", allow_insecure_transport=True)
    judge.failure(lambda: exchange(api), ApiConnectionError, sent=False)


def test_ipv6_loopback(serve: Any, api_of: Any) -> None:
    server = serve(TOKEN, family=socket.AF_INET6)
    assert exchange(api_of("http://[::1]:%d/rest/v2" % server.port)).access_token == "a"
    assert server.requests[0].headers["host"] == "[::1]:%d" % server.port


def test_pair_of_hosts_never_share_a_connection(serve: Any, api_of: Any) -> None:
    one, two = serve(answer('{"access_token":"1"}')), serve(answer('{"access_token":"2"}'))
    for _ in range(3):
        assert exchange(api_of(one)).access_token == "1"
        assert exchange(api_of(two)).access_token == "2"


def peer_line(peer: Peer) -> str:
    return peer.server.requests[-1].line


def test_query_of_one_call_is_in_no_other_request(serve: Any, client_of: Any) -> None:
    server = serve(TOKEN)
    client = client_of(server)
    client.call_api("/x", "GET", None, {"token": SECRETS[4]})
    client.rest_client.pool_manager.urlopen("GET", "/y")
    assert server.requests[1].line == "GET /y HTTP/1.1"
