"""The grammar: whole names alone, suggestions, completion, and what the environment says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ultracart.sandbox import Sandbox

from .conftest import DEADLINE, CommandLine

USAGE = 2


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["tokn"], "ultracart: error: unknown command tokn; did you mean token?"),
        (
            ["acounts", "--json"],
            "ultracart: error: unknown command acounts; did you mean accounts?",
        ),
        (["xyzzy"], "ultracart: error: unknown command xyzzy"),
        (["--verison"], "ultracart: error: unknown option --verison; did you mean --version?"),
        (
            ["token", "--acount", "office"],
            "ultracart token: error: unknown option --acount; did you mean --account?",
        ),
        (["login", "--xyzzy=secret"], "ultracart login: error: unknown option --xyzzy"),
        (
            ["api", "/x", "--pagenate"],
            "ultracart api: error: unknown option --pagenate; did you mean --paginate?",
        ),
        (["accounts", "office"], "ultracart accounts: error: one argument too many: office"),
        # Abbreviations change their meaning with the next option that is added.
        (
            ["login", "--dev"],
            "ultracart login: error: unknown option --dev; did you mean --device?",
        ),
        (["token", "--acc", "x"], "ultracart token: error: unknown option --acc"),
        (["--ver"], "ultracart: error: unknown option --ver"),
        # What gh api and curl have.
        (
            ["api", "-X", "POST", "/x"],
            "ultracart api: error: unknown option -X: write METHOD before PATH",
        ),
        (["api", "/x", "-XPOST"], "ultracart api: error: unknown option -XPOST: write METHOD"),
        (["api", "/x", "--jq", ".a"], "ultracart api: error: unknown option --jq: pipe the output"),
        (["api", "/x", "-d", "secret"], "ultracart api: error: unknown option -d: a body is the"),
        (["api", "/x", "-H", "secret"], "ultracart api: error: unknown option -H: the command"),
        (["store"], "ultracart store: error: the following arguments are required: {list,copy,"),
    ],
)
def test_unknown_names(ultracart: CommandLine, arguments: list[str], error: str) -> None:
    ran = ultracart(*arguments)
    assert (ran.returncode, ran.stdout) == (USAGE, "")
    assert ran.stderr.startswith("usage: ultracart")
    assert ran.stderr.splitlines()[-1].startswith(error)
    assert "secret" not in ran.stderr


def complete(command_line: CommandLine, line: str, **environment: str) -> list[str]:
    """What a shell suggests at the end of the line, as argcomplete's bash function asks."""
    answer = command_line.home / "answer"
    answer.write_text("", encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "ultracart"],
        env={
            **command_line.environment,
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_IFS": "\n",
            "_ARGCOMPLETE_SHELL": "bash",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
    return [word.strip() for word in answer.read_text(encoding="utf-8").splitlines()]


def test_completion(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.log_in("office")
    assert complete(ultracart, "ultracart acc") == ["accounts"]
    assert complete(ultracart, "ultracart login --pa") == ["--paste"]
    assert complete(ultracart, "ultracart token --account o") == ["office"]
    assert complete(ultracart, "ultracart token --client-id s") == ["sandbox_client"]
    assert complete(ultracart, "ultracart store re") == ["reencrypt"]
    (path,) = ultracart.home.rglob("tokens.sqlite3")
    path.write_bytes(b"not a database at all" * 100)
    assert complete(ultracart, "ultracart token --account o") == []


def test_completion_without_its_extra(ultracart: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "argcomplete.py").write_text("raise ImportError\n", encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), ultracart.environment["PYTHONPATH"]])
    assert complete(ultracart, "ultracart acc", PYTHONPATH=path) == []


def test_the_entry_point_is_marked_for_global_completion() -> None:
    import ultracart.cli

    assert "PYTHON_ARGCOMPLETE_OK" in Path(ultracart.cli.__file__).read_text("utf-8")[:1024]


def test_names_in_the_environment_are_checked_like_options(ultracart: CommandLine) -> None:
    for variable in ("ULTRACART_ACCOUNT", "ULTRACART_CLIENT_ID"):
        ran = ultracart("token", **{variable: "one\ntwo"})
        assert (ran.returncode, ran.stdout) == (USAGE, "")
        assert "error: %s must not hold line breaks" % variable in ran.stderr


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("ultracart.example", "{} must look like https://secure.ultracart.com/rest/v2"),
        ("http://ultracart.example/rest/v2", "{} begins with http:"),
        ("https://a:b@ultracart.example/", "{} must not hold a user name or password"),
        ("https://ultracart.example/?a=b", "{} must have no query"),
    ],
)
def test_messages_name_what_the_user_can_set(ultracart: CommandLine, host: str, words: str) -> None:
    for command in ("token", "status", "login", "keep-alive"):
        message = ultracart.fail(command, "--host", host)
        assert words.format("--host") in message
        assert "Configuration" not in message
        message = ultracart.fail(command, ULTRACART_HOST=host)
        assert words.format("ULTRACART_HOST") in message


def test_a_bad_proxy_is_named_as_the_user_has_set_it(ultracart: CommandLine) -> None:
    host = "https://ultracart.example/rest/v2"
    message = ultracart.fail("login", "--client-id", "x", "--host", host, HTTPS_PROXY="ftp://x")
    assert "Configuration" not in message
    assert "PROXY" in message.upper()


def test_logout_is_revoke(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.log_in()
    ran = ultracart("logout")
    assert (ran.returncode, ran.stdout) == (0, "")
    assert ran.stderr == "Account default is logged out.\n"
    assert sandbox.requests[-1].path == "/oauth/revoke"
    ultracart.log_in()
    ran = ultracart("logout", ULTRACART_ACCESS_TOKEN="another-token")
    assert "The token in ULTRACART_ACCESS_TOKEN is not revoked" in ran.stderr
