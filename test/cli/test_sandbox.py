"""Decides whether ``ultracart sandbox`` serves, tells how to use it, and stops."""

from __future__ import annotations

import json
import re
import socket

from urllib3 import PoolManager

from ultracart.commands.logins import SANDBOX_CLIENT_ID
from ultracart.sandbox import Sandbox

from .conftest import CommandLine


def test_serves_until_it_is_interrupted(ultracart: CommandLine) -> None:
    running = ultracart.start("sandbox", "--port", "0")
    host = running.out.wait_for("export ULTRACART_HOST=").partition("=")[2]
    running.out.wait_for("Ctrl-C")
    with PoolManager() as pool:
        assert pool.request("GET", host + "/oauth/authorize").status == 400
    running.interrupt()
    status, out, err = running.end()
    assert (status, err) == (130, "ultracart: interrupted\n")
    assert "client id %s" % SANDBOX_CLIENT_ID in out
    port = re.search(r":(\d+)/", host)
    assert port
    # The port is free again: somebody else can have it.
    socket.create_server(("127.0.0.1", int(port.group(1)))).close()


def test_login_knows_the_sandbox_application(sandbox: Sandbox) -> None:
    assert sandbox.client_id == SANDBOX_CLIENT_ID


def test_json(ultracart: CommandLine) -> None:
    running = ultracart.start("sandbox", "--port", "0", "--json")
    running.out.wait_for("}")
    running.interrupt()
    status, out, _ = running.end()
    assert status == 130
    assert json.loads(out)["client_id"] == SANDBOX_CLIENT_ID
    assert json.loads(out)["host"].startswith("http://127.0.0.1:")


def test_busy_port(ultracart: CommandLine, sandbox: Sandbox) -> None:
    message = ultracart.fail("sandbox", "--port", str(sandbox.port))
    assert "port %d cannot be used (Address already in use): " % sandbox.port in message
    assert "--port" in message
