"""What a person sees on a real terminal: what is waited for, and how long it has left."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest

from ultracart.sandbox import Sandbox

from .conftest import DEADLINE, CommandLine

# In a session of its own, the terminal that is opened first is the one that Ctrl-C comes from.
_ON_TERMINAL = """
import os, sys
os.close(os.open(os.ttyname(0), os.O_RDWR))
os.execv(sys.executable, [sys.executable, "-m", "ultracart", *sys.argv[1:]])
"""


class Terminal:
    """A command on a pseudo terminal; what is typed reaches it as from a keyboard."""

    def __init__(self, command_line: CommandLine, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        self.seen = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", _ON_TERMINAL, *arguments],
            env={**command_line.environment, "TERM": "xterm"},
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
    terminal = Terminal(ultracart, *arguments)
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
