"""What others put in place of Python's sockets and TLS contexts works, before and after loading."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from .server import answer, connect_proxy

CALL = """
import sys, ultracart
def api(host, proxy=None):
    configuration = ultracart.Configuration()
    configuration.host, configuration.ssl_ca_cert = host, sys.argv[1]
    configuration.proxy = proxy
    return ultracart.OauthApi(ultracart.ApiClient(configuration))
def call():
    for proxy in [None, *sys.argv[3:]]:
        print(api(sys.argv[2], proxy).oauth_me().merchant_id)
"""
SUBCLASS = """
class Mine(socket.socket):
    def settimeout(self, value):
        super().settimeout(value)
socket.socket = Mine
"""
STAND_INS = {
    "gevent": "from gevent import monkey; monkey.patch_all()" + CALL + "call()",
    "gevent's greenlets": (
        "from gevent import monkey, joinall, spawn; monkey.patch_all()"
        + CALL
        + "[g.get() for g in joinall([spawn(call) for _ in range(20)])]"
    ),
    "a socket class": "import socket" + SUBCLASS + CALL + "call()",
    "a socket class, ssl loaded": "import socket, ssl" + SUBCLASS + CALL + "call()",
    "a socket class, transport loaded": (
        "import socket, ultracart.rest" + SUBCLASS + CALL + "call()"
    ),
}


@pytest.mark.parametrize("script", STAND_INS.values(), ids=STAND_INS.keys())
def test_calls_work(serve: Any, authority: Any, script: str) -> None:
    if "gevent" in script:
        pytest.importorskip("gevent", reason="gevent is not installed: it has no wheel here")
    server = serve(answer('{"merchant_id":"M"}'), tls=authority.context())
    proxies = [serve(connect_proxy), serve(connect_proxy, tls=authority.context())]
    urls = ["http://localhost:%d" % proxies[0].port, "https://localhost:%d" % proxies[1].port]
    host = "https://localhost:%d" % server.port
    done = subprocess.run(
        [sys.executable, "-c", script, authority.path, host, *urls],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert set(done.stdout.split()) == {"M"}, done.stderr
    assert len(done.stdout.split()) == (60 if "spawn" in script else 3)
