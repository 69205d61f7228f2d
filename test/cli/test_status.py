"""``ultracart status``: what is told of each login, and that none is called valid in vain."""

from __future__ import annotations

import json
import re
from contextlib import closing

import pytest

from ultracart.oauth import SQLiteTokenStore, Token
from ultracart.sandbox import Sandbox

from .conftest import CommandLine


def test_a_login_that_works(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.log_in()
    told = ultracart.succeed("status")
    assert re.fullmatch(
        re.escape(sandbox.host) + "\n"
        "  default\n"
        "    state:         valid\n"
        "    merchant:      DEMO\n"
        "    client id:     sandbox_client\n"
        "    scopes:        item_read order_read\n"
        r"    access token:  \S+Z \(in 59 min\)" + "\n"
        "    refresh token: the server names no expiry\n",
        told,
    )
    (entry,) = json.loads(ultracart.succeed("status", "--json"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry.pop("expires_at"))
    assert entry == {
        "account": "default",
        "client_id": "sandbox_client",
        "host": sandbox.host,
        "merchant_id": "DEMO",
        "merchant_name": "DEMO",
        "login_command": None,
        "problem": None,
        "refresh_token": True,
        "refresh_token_expires_at": None,
        "scopes": ["item_read", "order_read"],
        "source": "login",
        "state": "valid",
    }


def test_it_asks_the_server(ultracart: CommandLine, sandbox: Sandbox) -> None:
    """What `accounts` reads here alone may have ended there; once that is known, both say so."""
    ultracart.log_in()
    ultracart.log_in("office")
    sandbox.revoke()
    assert "valid for" in ultracart.succeed("accounts")  # nobody has heard of it yet
    ran = ultracart("status", "--account", "office")
    assert ran.returncode == 1
    assert "state:     ended\n" in ran.stdout
    assert "run: ultracart login --account office\n" in ran.stdout
    assert "valid" not in ran.stdout
    lines = ultracart.succeed("accounts").splitlines()
    assert [line.rpartition("rest/v2  ")[2] for line in lines] == [
        "valid for 59 min",
        "ended: log in again",
    ]
    states = [each["state"] for each in json.loads(ultracart.succeed("accounts", "--json"))]
    assert states == ["valid", "ended"]
    assert ultracart("status").returncode == 1
    assert "valid" not in ultracart.succeed("accounts")
    ultracart.log_in()
    assert "default  DEMO" in ultracart.succeed("accounts", "--host", sandbox.host)
    assert ultracart.succeed("accounts").splitlines()[0].endswith("valid for 59 min")


@pytest.mark.parametrize("command", ["whoami", "token", "api"])
def test_a_refusal_is_remembered_whoever_meets_it(
    ultracart: CommandLine, sandbox: Sandbox, command: str
) -> None:
    sandbox.access_token_lifetime = 0
    ultracart.log_in()
    sandbox.revoke()
    assert "has ended" in ultracart.fail(command, *["/oauth/me"] * (command == "api"))
    assert ultracart.succeed("accounts").endswith("ended: log in again\n")


def test_an_expired_login_is_refreshed(ultracart: CommandLine, sandbox: Sandbox) -> None:
    sandbox.access_token_lifetime = 0
    ultracart.log_in()
    sandbox.access_token_lifetime = 3600
    assert "state:         valid" in ultracart.succeed("status")


def test_a_login_without_refresh_token(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.log_in()
    (path,) = ultracart.home.rglob("tokens.sqlite3")
    with closing(SQLiteTokenStore(path)) as store:
        (key,) = store.accounts()
        token = store.load(key)
        assert token is not None
        store.save(key, Token(token.access_token, None, token.expires_at))
    told = ultracart.succeed("status")
    assert "refresh token: none: log in again when the access token expires\n" in told


def test_a_server_that_does_not_answer(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.log_in()
    sandbox.close()
    ran = ultracart("status")
    assert ran.returncode == 1
    assert "state:         could not be checked\n" in ran.stdout
    assert "no response from " + sandbox.host in ran.stdout
    assert json.loads(ultracart("status", "--json").stdout)[0]["state"] == "unknown"


def test_nobody(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ran = ultracart("status")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "Nobody is logged in. Run: ultracart login\n"
    ultracart.log_in()
    ran = ultracart("status", "--account", "third")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "No such login. Run: ultracart login --account third\n"
    assert ultracart("status", "--host", "https://ultracart.example").stdout == ""
    assert json.loads(ultracart("status", "--json", "--client-id", "x").stdout) == []
    ran = ultracart("status", ULTRACART_CLIENT_ID="x")  # there are logins, but none of this one
    assert ran.stderr == "No such login. Run: ultracart login --client-id x\n"


def test_the_logins_of_one_application(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.succeed("login", "--account", "office")
    ultracart.succeed("login", "--account", "shop", "--client-id", "client_id_example")
    told = ultracart.succeed("status", "--json", "--client-id", "sandbox_client")
    assert [each["account"] for each in json.loads(told)] == ["office"]
    told = ultracart.succeed("status", "--json", ULTRACART_CLIENT_ID="client_id_example")
    assert [each["account"] for each in json.loads(told)] == ["shop"]
    told = " ".join(ultracart.succeed("status", "--help").split())
    assert "only this login (default: all)" in told
    assert "only the logins of this application (default: ULTRACART_CLIENT_ID, or all)" in told


def test_several_hosts(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.log_in()
    with Sandbox() as other:
        ultracart.succeed("login", ULTRACART_HOST=other.host)
        told = ultracart.succeed("status")
        assert sandbox.host + "\n  default\n" in told
        assert other.host + "\n  default\n" in told
        other.revoke()
        assert ("--host " + other.host) in ultracart("status").stdout


def test_the_token_of_the_environment(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.log_in()
    token = ultracart.succeed("token").strip()
    told = ultracart.succeed("status", ULTRACART_ACCESS_TOKEN=token)
    assert "  Token in ULTRACART_ACCESS_TOKEN\n    state:        valid\n" in told
    assert token not in told
    ran = ultracart("status", ULTRACART_ACCESS_TOKEN="of-somebody-else")
    assert ran.returncode == 1
    assert "    state:  ended\n" in ran.stdout
    assert "of-somebody-else" not in ran.stdout + ran.stderr
