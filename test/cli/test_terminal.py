"""A person at a real terminal: what is waited for, how long it has left, and what fits a line."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

import pytest

from ultracart.commands.program import create_parser
from ultracart.sandbox import Sandbox

from .conftest import DEADLINE, CommandLine

COMMANDS = list(create_parser().commands)

# In a session of its own, the terminal that is opened first is the one that Ctrl-C comes from.
_ON_TERMINAL = """
import os, sys
os.close(os.open(os.ttyname(0), os.O_RDWR))
os.execv(sys.executable, [sys.executable, "-m", "ultracart", *sys.argv[1:]])
"""


class Terminal:
    """A command on a pseudo terminal; what is typed reaches it as from a keyboard."""

    def __init__(
        self,
        command_line: CommandLine,
        *arguments: str,
        columns: int = 0,
        term: str = "xterm",
        **environment: str,
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.seen = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", _ON_TERMINAL, *arguments],
            env={**command_line.environment, "TERM": term, **environment},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def wait_for(self, pattern: str) -> re.Match[str]:
        until = time.monotonic() + DEADLINE
        while True:
            found = re.search(pattern, self.seen)
            if found:
                return found
            ready, _, _ = select.select([self._master], [], [], until - time.monotonic())
            assert ready, self.seen
            self.seen += self._read()

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def end(self) -> int:
        while True:
            text = self._read()
            if not text:
                break
            self.seen += text
        os.close(self._master)
        return self.process.wait(DEADLINE)

    def _read(self) -> str:
        try:
            return os.read(self._master, 4096).decode("utf-8")
        except OSError:  # Linux: the other side has closed
            return ""


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["login", "--no-browser", "--timeout", "65"], "your answer in the browser"),
        (["login", "--device"], "your answer on the other device"),
    ],
)
def test_waiting_says_what_for_and_how_long(
    ultracart: CommandLine, sandbox: Sandbox, arguments: list[str], what: str
) -> None:
    sandbox.device_lifetime = 65
    terminal = Terminal(ultracart, *arguments, columns=80)
    terminal.wait_for(r"\rWaiting for %s \(1:05 left\) \.\.\.\x1b\[K" % what)
    terminal.wait_for(r"\(1:0[0-4] left\)")
    terminal.type(b"\x03")
    assert terminal.end() == 130
    # The line is wiped before the last one is written.
    assert re.search(r"\r\x1b\[K(\^C)?ultracart: interrupted\r\n$", terminal.seen), terminal.seen
    assert "Traceback" not in terminal.seen


def test_a_login_on_a_terminal(ultracart: CommandLine) -> None:
    terminal = Terminal(ultracart, "login")
    assert terminal.end() == 0
    assert terminal.seen.endswith("Logged in for merchant DEMO. The account is called default.\r\n")


def test_quiet_without_a_terminal(ultracart: CommandLine) -> None:
    ran = ultracart("login")
    assert "left)" not in ran.stderr
    assert "\x1b" not in ran.stderr


def test_a_countdown_fits_the_line(ultracart: CommandLine) -> None:
    for columns, shown in (
        (55, "Waiting for your .* left\\) \\.\\.\\."),
        (40, "Waiting"),
        (12, "1"),
    ):
        arguments = ["login", "--no-browser", "--timeout", "65"]
        terminal = Terminal(ultracart, *arguments, columns=columns)
        line = terminal.wait_for(r"\r(%s[^\r\x1b]*)\x1b\[K" % shown).group(1)
        assert len(line) < columns
        terminal.type(b"\x03")
        assert terminal.end() == 130


def test_no_countdown_where_a_line_cannot_be_erased(ultracart: CommandLine) -> None:
    terminal = Terminal(ultracart, "login", "--no-browser", "--timeout", "0.5", term="dumb")
    assert terminal.end() == 1
    assert "left" not in terminal.seen
    assert "\x1b" not in terminal.seen


def lines_of(terminal: Terminal) -> list[str]:
    """What stands on the terminal, with the countdown wiped."""
    text = re.sub(r"\r[^\r\n]*\x1b\[K", "", terminal.seen)
    return text.replace("\r\n", "\n").split("\n")


@pytest.mark.parametrize("columns", [40, 80])
def test_nothing_wraps(ultracart: CommandLine, sandbox: Sandbox, columns: int) -> None:
    """But JSON, and words that are longer than a line: they stay whole, to be copied."""
    long = "the-office-of-the-merchant-in-another-town"
    seen: list[str] = []
    for arguments in (
        [],
        ["--help"],
        *([name, "--help"] for name in COMMANDS),
        ["tokn"],
        ["login", "--device", "--port", "8910"],
        ["login"],
        ["login", "--account", long],
        ["login"],
        ["accounts"],
        ["status"],
        ["whoami"],
        ["keep-alive", "--idle", "0"],
        ["token", "--account", "nobody"],
        ["login", "--host", "http://ultracart.example/rest/v2"],
        ["api", "/order/orders/none"],
        ["revoke", "--account", long],
    ):
        terminal = Terminal(ultracart, *arguments, columns=columns)
        terminal.end()
        assert "Traceback" not in terminal.seen
        seen += [line for line in lines_of(terminal) if not line.lstrip().startswith('"')]
    too_long = [line for line in seen if len(line) > columns and len(line.split()) > 1]
    assert not too_long


def test_a_table_has_headings_and_becomes_blocks(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.log_in()
    terminal = Terminal(ultracart, "accounts", columns=120)
    terminal.end()
    header, row = lines_of(terminal)[:2]
    assert header.split() == ["ACCOUNT", "MERCHANT", "CLIENT", "ID", "HOST", "TOKEN"]
    assert header.index("TOKEN") == row.index("valid for 59 min")
    terminal = Terminal(ultracart, "accounts", columns=60)
    terminal.end()
    assert lines_of(terminal) == [
        "default",
        "  merchant:  DEMO",
        "  client id: sandbox_client",
        "  host:      " + sandbox.host,
        "  token:     valid for 59 min",
        "",
    ]


def test_a_short_address_for_a_person(ultracart: CommandLine) -> None:
    terminal = Terminal(ultracart, "login", "--no-browser", columns=40)
    terminal.wait_for(r"\n    http://127\.0\.0\.1:\d+/[\w-]{12}\r\n")
    terminal.type(b"\x03")
    terminal.end()
    assert "/oauth/authorize" not in terminal.seen


def test_another_address_can_be_pasted(ultracart: CommandLine, sandbox: Sandbox) -> None:
    terminal = Terminal(ultracart, "login", "--paste", columns=200)
    url = terminal.wait_for(r"\n    (\S+/oauth/authorize\?\S+)\r\n").group(1)
    terminal.wait_for("paste it here:")
    terminal.type(b"http://127.0.0.1:1/callback?code=c&state=s\n")
    terminal.wait_for(r"That is not the address of this login: .* Paste it here:")
    terminal.type(sandbox.authorize(url).encode("ascii") + b"\n")
    assert terminal.end() == 0
    assert "Logged in for merchant DEMO" in terminal.seen


def test_no_text_browser_takes_the_terminal(ultracart: CommandLine, sandbox: Sandbox) -> None:
    programs = ultracart.home / "programs"
    programs.mkdir()
    for name in ("lynx", "w3m", "www-browser"):
        (programs / name).write_text("#!/bin/sh\ntouch %s/ran\n" % programs, encoding="utf-8")
        (programs / name).chmod(0o755)
    for chosen in ({"BROWSER": "lynx"}, {"BROWSER": "", "DISPLAY": ":0"}):
        terminal = Terminal(
            ultracart,
            "login",
            "--timeout",
            "20",
            columns=80,
            PATH=str(programs),
            WAYLAND_DISPLAY="",
            **chosen,
        )
        terminal.wait_for("No browser could be started here: open the address yourself")
        terminal.type(b"\x03")
        assert terminal.end() == 130
    assert not (programs / "ran").exists()


def test_a_response_cannot_steer_the_terminal(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.log_in()
    text = {"Content-Type": "text/plain; charset=utf-8"}
    sandbox.answer("GET", "/text", "a \x1b[31m red \u009b2J word\n".encode(), headers=text)
    sandbox.answer("GET", "/picture", b"\x89PNG\xff", headers={"Content-Type": "image/png"})
    terminal = Terminal(ultracart, "api", "/text", columns=80)
    assert terminal.end() == 0
    assert terminal.seen == "a  [31m red  2J word\r\n"
    terminal = Terminal(ultracart, "api", "/picture", columns=80)
    assert terminal.end() == 0
    assert "The response is not text: write it to a file" in terminal.seen
