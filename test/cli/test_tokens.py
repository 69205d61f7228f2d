"""A login is found again, used, refreshed and ended; and what is said if not."""

from __future__ import annotations

import json
import re
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ultracart.oauth import SQLiteTokenStore, Token
from ultracart.sandbox import Application, Sandbox

from .conftest import CommandLine


def test_token_and_nothing_else(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.log_in()
    ran = ultracart("token")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert re.fullmatch(r"\S{20,}\n", ran.stdout)
    assert ultracart.succeed("token") == ran.stdout
    as_json = json.loads(ultracart.succeed("token", "--json"))
    assert as_json["access_token"] == ran.stdout.strip()
    assert as_json["host"] == sandbox.host


def test_the_documented_curl_line(ultracart: CommandLine) -> None:
    ultracart.log_in()
    # On stdin, because every user of the machine can read the arguments of processes.
    header = "ultracart token | sed 's/^/Authorization: Bearer /'"
    line = header + ' | curl -sS -H @- "$ULTRACART_HOST/oauth/me"'
    page = (Path(__file__).parents[2] / "docs" / "CommandLine.md").read_text(encoding="utf-8")
    assert "$ %s\n" % line in page
    command = 'ultracart() { "%s" -m ultracart "$@"; }; %s' % (sys.executable, line)
    ran = ultracart.run("bash", "-c", command)
    assert ran.stderr == ""
    assert json.loads(ran.stdout)["merchant_id"] == "DEMO"


def test_an_expired_token_is_refreshed(ultracart: CommandLine, sandbox: Sandbox) -> None:
    sandbox.access_token_lifetime = 0
    ultracart.log_in()
    sandbox.access_token_lifetime = 3600
    assert "refreshed when next used" in ultracart.succeed("accounts")
    token = ultracart.succeed("token")
    assert ultracart.succeed("token") == token
    assert sandbox.counters.refreshes == 1


def test_whoami(ultracart: CommandLine) -> None:
    ultracart.log_in()
    told = ultracart.succeed("whoami")
    assert "merchant id:      DEMO\n" in told
    assert "scopes:           item_read order_read\n" in told
    assert json.loads(ultracart.succeed("whoami", "--json"))["scopes"] == [
        "item_read",
        "order_read",
    ]


def test_a_merchants_name_cannot_steer_the_terminal(
    ultracart: CommandLine, sandbox: Sandbox
) -> None:
    ultracart.log_in()
    name = "S\u00f8n \x1b[31m\x7f\x9b\u202e\u2066& Co"
    sandbox.answer("GET", "/oauth/me", {"merchant_id": "DEMO", "merchant_name": name})
    assert "S\u00f8n  [31m    & Co\n" in ultracart.succeed("whoami", PYTHONIOENCODING="utf-8")
    assert "S\\xf8n  [31m    & Co\n" in ultracart.succeed("whoami", PYTHONIOENCODING="ascii")


def test_accounts(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ran = ultracart("accounts")
    assert (ran.returncode, ran.stdout) == (0, "")
    assert ran.stderr == "Nobody is logged in. Run: ultracart login\n"
    ultracart.log_in()
    ultracart.log_in("second")
    expected = "  DEMO  %s  %s  valid for 59 min\n" % (sandbox.client_id, sandbox.host)
    assert ultracart.succeed("accounts") == "default" + expected + "second " + expected
    assert "account third is not logged in" in ultracart.fail("token", "--account", "third")
    told = json.loads(ultracart.succeed("accounts", "--json"))
    assert [entry["account"] for entry in told] == ["default", "second"]
    assert "access_token" not in told[0]
    assert ultracart.succeed("accounts", "--host", "https://ultracart.example") == ""
    assert ultracart.succeed("accounts", "--host", sandbox.host + "/").count("\n") == 2


def test_revoke(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.log_in()
    token = ultracart.succeed("token").strip()
    ran = ultracart("revoke")
    assert (ran.returncode, ran.stdout) == (0, "")
    assert ran.stderr == "Account default is logged out.\n"
    assert sandbox.revoke(token=token) == 0  # it was over already
    message = "account default is not logged in at %s. Run: ultracart login" % sandbox.host
    for command in ("token", "whoami", "revoke"):
        assert ultracart.fail(command) == "ultracart: " + message


def test_a_revoke_that_cannot_be_told(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.log_in()
    sandbox.close()
    assert "--forget" in ultracart.fail("revoke")
    ultracart.succeed("token")  # still there, and valid as far as anybody knows
    told = json.loads(ultracart.succeed("revoke", "--forget", "--json"))
    assert told["account"] == "default"
    assert ultracart.succeed("accounts", "--json") == "[]\n"


def test_a_grant_that_the_merchant_ended(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.log_in()
    sandbox.revoke()
    message = ultracart.fail("whoami")
    assert message.startswith("ultracart: the grant of account default has ended (")
    assert message.endswith("Run: ultracart login")


def test_advice_leads_back_to_the_same_login(ultracart: CommandLine, sandbox: Sandbox) -> None:
    """Followed to the letter, it must not log in another account, or at another server."""
    options = ["--account", "my shop", "--host", sandbox.host]
    advice = "Run: ultracart login --account 'my shop'%%s --host %s" % sandbox.host
    assert ultracart.fail("token", *options, ULTRACART_HOST="").endswith(advice % "")
    message = ultracart.fail("token", *options, "--client-id", "other")
    assert message.endswith(advice % " --client-id other")
    ultracart.succeed("login", *options, "--client-id", "client_id_example", "--port", "0")
    sandbox.revoke()
    assert ultracart.fail("whoami", *options).endswith(advice % " --client-id client_id_example")


def test_no_network(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.log_in()
    sandbox.close()
    for command in (["whoami"], ["login", "--device"]):
        message = ultracart.fail(*command)
        assert message.startswith("ultracart: no response from %s (" % sandbox.host)
        assert "onnection refused" in message
        assert message.endswith("Is the sandbox running? Start it with: ultracart sandbox")
    assert "/oauth/me" in ultracart.fail("whoami")


def test_a_lost_answer(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.log_in()
    sandbox.faults.add("/oauth/me", drop="after", times=None)
    message = ultracart.fail("whoami")
    assert message.startswith("ultracart: no response from %s (" % sandbox.host)
    assert "Is the sandbox running" not in message  # it is


def test_a_login_of_another_server_is_not_used(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.log_in()
    with Sandbox() as other:
        message = ultracart.fail("token", ULTRACART_HOST=other.host)
        assert "not logged in at %s, but at %s" % (other.host, sandbox.host) in message
        assert not other.requests


@pytest.mark.parametrize(
    ("line", "status", "out", "err"),
    [
        ("token --account nobody 2>&-", 1, "", ""),
        ("accounts 2>&-", 0, "", ""),
        ("token --no-such-option 2>&-", 2, "", ""),
        ("login --json --no-browser --timeout 0.1 2>&-", 1, "", ""),
        (
            "accounts --json >&-",
            1,
            "",
            "ultracart: stdout is closed\n",
        ),
    ],
)
def test_a_closed_stream(
    ultracart: CommandLine, line: str, status: int, out: str, err: str
) -> None:
    """A message must not take the place of the token, nor a lost result pass for a success."""
    ran = ultracart.run("bash", "-c", '"%s" -m ultracart %s' % (sys.executable, line))
    assert (ran.returncode, ran.stdout, ran.stderr) == (status, out, err)


def test_names_of_another_program_in_the_store(ultracart: CommandLine) -> None:
    ultracart.log_in()
    (path,) = ultracart.home.rglob("tokens.sqlite3")
    with closing(SQLiteTokenStore(path)) as store:
        for name in ("shop", "[1, 2, 3]", '{"a": 1, "b": 2, "c": 3}', '"abc"', '["a", "b"]'):
            store.save(name, Token("access"))
    assert ultracart.succeed("accounts").count("\n") == 1
    ultracart.succeed("token")


TWO = {
    "applications": (Application("first", name="First"), Application("second", name="Second")),
}


@pytest.mark.parametrize("sandbox", [TWO], indirect=True)
def test_two_applications(ultracart: CommandLine) -> None:
    ultracart.succeed("login", "--client-id", "first")
    ultracart.succeed("login", ULTRACART_CLIENT_ID="second")
    message = ultracart.fail("token")
    assert "several applications (first, second): choose one with --client-id" in message
    assert "First" in ultracart.succeed("whoami", "--client-id", "first")
    assert "Second" in ultracart.succeed("whoami", ULTRACART_CLIENT_ID="second")
    assert "with the application third" in ultracart.fail("token", "--client-id", "third")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["token", "--unknown"],
        ["token", "--account", ""],
        ["login", "--account", "one\ntwo"],
        ["login", "--client-id", "\x1b[31m"],
        ["login", "--port", "70000"],
        ["login", "--port", "x"],
        ["login", "--timeout", "0"],
        ["login", "--timeout", "nan"],
        ["sandbox", "--port", "-1"],
    ],
)
def test_wrong_usage(ultracart: CommandLine, arguments: list[str]) -> None:
    ran = ultracart(*arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("usage: ultracart")


def test_without_a_command_it_tells_which_there_are(ultracart: CommandLine) -> None:
    ran = ultracart()
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == ultracart.succeed("--help")


def test_a_damaged_store(ultracart: CommandLine) -> None:
    ultracart.log_in()
    (path,) = ultracart.home.rglob("tokens.sqlite3")
    path.write_bytes(b"not a database at all" * 100)
    for command in ("token", "accounts", "login"):
        message = ultracart.fail(command)
        assert str(path) in message
        assert message.endswith(
            "is not a database. It stays as it is: move it away, or use another path"
        )


def test_help_loads_nothing_heavy(ultracart: CommandLine) -> None:
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "from ultracart.commands.program import create_parser\n"
        "create_parser().format_help()\n"
        "heavy = {'urllib3', 'flask', 'sqlite3', 'http.server'}\n"
        "print(sorted(heavy & set(sys.modules) - before))"
    )
    ran = ultracart.run(sys.executable, "-c", code)
    assert (ran.stdout, ran.stderr) == ("[]\n", "")
