"""What the commands make of tokens, answers and options that are unusual but allowed."""

from __future__ import annotations

import pytest

from ultracart.oauth import SQLiteTokenStore, Token
from ultracart.sandbox import Sandbox

from .conftest import CommandLine


@pytest.mark.parametrize("name", ["merchant-7", "7", "[1, 2]", "null"])
def test_tokens_that_another_program_stored_are_no_logins(
    ultracart: CommandLine, name: str
) -> None:
    ultracart.log_in()
    (path,) = ultracart.home.rglob("tokens.sqlite3")
    store = SQLiteTokenStore(path)
    store.save(name, Token("of another program"))
    store.close()
    assert ultracart.succeed("accounts").count("\n") == 1
    ultracart.succeed("token")


def test_a_token_without_expiry_is_valid(ultracart: CommandLine, sandbox: Sandbox) -> None:
    sandbox.expires_in = "absent"
    ultracart.log_in()
    assert ultracart.succeed("accounts").rstrip("\n").endswith("  valid")


def test_whoami_leaves_out_what_ultracart_does_not_say(
    ultracart: CommandLine, sandbox: Sandbox
) -> None:
    ultracart.log_in()
    sandbox.faults.add("/oauth/me", status=200, body={"merchant_id": "DEMO"})
    assert ultracart.succeed("whoami") == "merchant id:      DEMO\n"


def test_a_device_login_survives_a_busy_server(ultracart: CommandLine, sandbox: Sandbox) -> None:
    sandbox.device_interval = 1
    sandbox.faults.add("/oauth/device/authorize", status=429)
    running = ultracart.start("login", "--device")
    sandbox.approve_device(running.err.wait_for("-"))
    assert running.end()[0] == 0


@pytest.mark.parametrize("timeout", ["soon", "0", "-1", "inf", "nan"])
def test_a_timeout_is_a_positive_number(ultracart: CommandLine, timeout: str) -> None:
    ran = ultracart("login", "--timeout", timeout)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "%r is not a positive number of seconds" % timeout in ran.stderr
