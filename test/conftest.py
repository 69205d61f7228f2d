"""What every test may rely on: loopback only, a clean environment, one sandbox."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import Any

import pytest

_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex
_getaddrinfo = socket.getaddrinfo


class NetworkBlocked(AssertionError):
    """A test tried to leave the machine."""


def _require_loopback(host: Any) -> None:
    if host in (None, "", "localhost", b"localhost"):
        return
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        allowed = ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        allowed = False
    if not allowed:
        raise NetworkBlocked("tests may not reach %s" % text)


def _guarded_connect(self: socket.socket, address: Any) -> None:
    if isinstance(address, tuple):
        _require_loopback(address[0])
    return _connect(self, address)


def _guarded_connect_ex(self: socket.socket, address: Any) -> int:
    if isinstance(address, tuple):
        _require_loopback(address[0])
    return _connect_ex(self, address)


def _guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    _require_loopback(host)
    return _getaddrinfo(host, *args, **kwargs)


socket.socket.connect = _guarded_connect  # type: ignore[method-assign]
socket.socket.connect_ex = _guarded_connect_ex  # type: ignore[method-assign]
socket.getaddrinfo = _guarded_getaddrinfo


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's machine reaches a test."""
    for name in list(os.environ):
        if name.startswith("ULTRACART_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
