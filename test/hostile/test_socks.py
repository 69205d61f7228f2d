"""SOCKS proxies work where PySocks is installed; elsewhere the error says what to do."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ultracart import ApiConnectionError, ApiTimeoutError, ConfigurationError

from .server import PATIENCE, _join, answer

# Selenium brings it to the tests; the package does without.
needs_pysocks = pytest.mark.skipif(
    importlib.util.find_spec("socks") is None, reason="PySocks is not installed"
)
OK = answer('{"a": 1}')


def socks5(asked: list[Any], password: str | None = None, silent: bool = False) -> Any:
    """What a SOCKS5 proxy does with a connection (RFC 1928, RFC 1929); goes to 127.0.0.1."""

    def serve(peer: Any) -> bool:
        sock = peer.sock
        if silent:
            peer.silence()
        _, count = sock.recv(2)
        methods = sock.recv(count)
        method = 2 if password is not None else 0
        if method not in methods:
            sock.sendall(b"\x05\xff")
            return False
        sock.sendall(bytes([5, method]))
        if password is not None:
            given = sock.recv(512)
            right = given.endswith(bytes([len(password)]) + password.encode())
            sock.sendall(b"\x01\x00" if right else b"\x01\x01")
            if not right:
                return False
        _, _, _, kind = sock.recv(4)
        host: Any = sock.recv(sock.recv(1)[0]) if kind == 3 else sock.recv(4)
        port = int.from_bytes(sock.recv(2), "big")
        asked.append((kind, host))
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as upstream:
            sock.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
            _join(sock, upstream)
        return False

    return serve


@needs_pysocks
@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("user", ["", "user:p%40ss@"])
@pytest.mark.parametrize(("scheme", "kind"), [("socks5", 1), ("socks5h", 3)])
def test_a_call_through_it(
    serve: Any, client_of: Any, authority: Any, tls: bool, user: str, scheme: str, kind: int
) -> None:
    asked: list[Any] = []
    server = serve(OK, tls=authority.context() if tls else None)
    proxy = serve(OK, connected=socks5(asked, "p@ss" if user else None))
    client = client_of(
        server.host.replace("127.0.0.1", "localhost"),
        ssl_ca_cert=authority.path,
        allow_insecure_transport=True,
        proxy="%s://%s127.0.0.1:%d" % (scheme, user, proxy.port),
    )
    for _ in range(2):
        assert client.call_api("/x?y=1", "GET", response_type="object")[0] == {"a": 1}
    assert server.requests[0].line == "GET /rest/v2/x?y=1 HTTP/1.1"
    assert (server.connections, proxy.connections) == (1, 1)
    assert asked == [(kind, b"localhost" if kind == 3 else b"\x7f\x00\x00\x01")]


@needs_pysocks
def test_a_wrong_password_is_not_shown(
    serve: Any, client_of: Any, authority: Any, judge: Any
) -> None:
    server = serve(OK, tls=authority.context())
    proxy = serve(OK, connected=socks5([], "right"))
    url = "socks5://user:planted-BrowserKey-9f8e7d6c5b4a39@127.0.0.1:%d" % proxy.port
    client = client_of(server, ssl_ca_cert=authority.path, proxy=url)
    judge.failure(lambda: client.call_api("/x", "GET"), ApiConnectionError, sent=False)


@needs_pysocks
def test_one_that_says_nothing_is_waited_for_within_the_time(
    serve: Any, client_of: Any, authority: Any, judge: Any
) -> None:
    server = serve(OK, tls=authority.context())
    proxy = serve(OK, connected=socks5([], silent=True))
    url = "socks5://127.0.0.1:%d" % proxy.port
    client = client_of(server, ssl_ca_cert=authority.path, proxy=url, timeout=0.5)
    judge.failure(lambda: client.call_api("/x", "GET"), ApiTimeoutError, sent=False)


@needs_pysocks
def test_one_that_says_nothing_has_only_the_time_that_a_queue_has_left(
    serve: Any, client_of: Any, authority: Any, judge: Any, clock_of_limits: Any
) -> None:
    @contextmanager
    def queue(timeout: float) -> Iterator[None]:
        clock_of_limits.ahead = 29.7
        yield

    server = serve(OK, tls=authority.context())
    url = "socks5://127.0.0.1:%d" % serve(OK, connected=socks5([], silent=True)).port
    client = client_of(
        server, ssl_ca_cert=authority.path, proxy=url, timeout=30, request_limiter=queue
    )
    judge.failure(lambda: client.call_api("/x", "GET"), ApiTimeoutError, sent=False)


@needs_pysocks
@pytest.mark.parametrize("scheme", ["socks4", "socks4a", "socks5", "socks5h"])
def test_its_port_is_1080_if_none_is_given(
    client_of: Any, judge: Any, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    asked = []

    def refuse(sock: Any, address: Any) -> None:
        asked.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr("socket.socket.connect", refuse)
    client = client_of("https://api.example.com", proxy=scheme + "://127.0.0.1")
    judge.failure(lambda: client.call_api("/x", "GET"), ApiConnectionError, sent=False)
    assert set(asked) == {("127.0.0.1", 1080)}


@pytest.mark.parametrize("variable", ["ALL_PROXY", "HTTPS_PROXY", None])
def test_without_pysocks_the_error_says_what_to_do(
    client_of: Any, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    for name in ("ALL_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setitem(sys.modules, "socks", None)
    url, settings = "socks5://planted-user:planted-password@127.0.0.1:9", {}
    if variable is None:
        settings["proxy"] = url
    else:
        monkeypatch.setenv(variable, url)
    client = client_of("https://api.example.com/rest", **settings)
    with pytest.raises(ConfigurationError) as caught:
        client.call_api("/x", "GET")
    text = str(caught.value)
    assert "install PySocks" in text
    assert "planted" not in text
    assert (variable or "Configuration.proxy") in text
    assert ("unset" in text) is (variable is not None)


def test_the_package_does_without_pysocks() -> None:
    program = "import sys; sys.modules['socks'] = None; import ultracart.rest"
    subprocess.run([sys.executable, "-c", program], check=True)
