"""The commands are run as real processes, with a home of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO

import pytest

from ultracart.configuration import Configuration
from ultracart.oauth import OAuthSession, SQLiteTokenStore
from ultracart.oauth.cli_logins import Login
from ultracart.sandbox import Sandbox

from . import person

PERSON = Path(__file__).with_name("person.py")
DEADLINE = 60


def browser(decision: str) -> str:
    """BROWSER for a person who decides so."""
    return "%s %s %s %%s" % (sys.executable, PERSON, decision)


class Running:
    """A command that is still at it; its stderr can be read line by line, with a deadline."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.out = _Lines(process.stdout)
        self.err = _Lines(process.stderr)

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, str, str]:
        """Wait for the end: exit status, stdout and stderr."""
        status = self.process.wait(DEADLINE)
        return status, self.out.rest(), self.err.rest()


class _Lines:
    def __init__(self, stream: IO[str] | None) -> None:
        assert stream is not None
        self._stream = stream
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._stream:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()

    def wait_for(self, words: str) -> str:
        """The first line that holds the words."""
        found: list[str] = []

        def look() -> bool:
            found.extend(line for line in self._lines if words in line)
            return bool(found)

        with self._changed:
            assert self._changed.wait_for(look, DEADLINE), "".join(self._lines)
        return found[0].strip()

    def so_far(self) -> str:
        with self._changed:
            return "".join(self._lines)

    def rest(self) -> str:
        self._thread.join(DEADLINE)
        self._stream.close()
        return "".join(self._lines)


class CommandLine:
    """Runs ``python -m ultracart`` against a sandbox."""

    python = sys.executable

    def __init__(self, home: Path, host: str) -> None:
        self.home = home
        self.environment = {
            **os.environ,
            "HOME": str(home),
            "XDG_DATA_HOME": str(home / "data"),
            "ULTRACART_HOST": host,
            "BROWSER": browser("allow"),
        }
        self.started: list[Running] = []

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "ultracart", *arguments, environment=environment)

    def run(
        self,
        *command: str,
        stdin: int | IO[str] = subprocess.DEVNULL,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run any program in the user's environment."""
        return subprocess.run(
            command,
            env={**self.environment, **(environment or {})},
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )

    def start(self, *arguments: str, **environment: str) -> Running:
        return self.start_python("-m", "ultracart", *arguments, **environment)

    def start_and_write(self, *arguments: str) -> Running:
        """Start a command whose stdin the test writes."""
        return self._start(["-m", "ultracart", *arguments], subprocess.PIPE, {})

    def start_python(self, *arguments: str, **environment: str) -> Running:
        return self._start(arguments, subprocess.DEVNULL, environment)

    def _start(
        self, arguments: Sequence[str], stdin: int, environment: Mapping[str, str]
    ) -> Running:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**self.environment, **environment},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(Running(process))
        return self.started[-1]

    def log_in(self, account: str = "default") -> None:
        """Store what ``ultracart login`` would, without its process and a browser's."""
        login = Login(self.environment["ULTRACART_HOST"], "sandbox_client", account)
        with (
            closing(SQLiteTokenStore(self.home / "data" / "ultracart" / "tokens.sqlite3")) as store,
            OAuthSession(
                login.client_id,
                "http://127.0.0.1:1/",
                scope="item_read order_read",
                token_store=store,
                configuration=Configuration(host=login.host),
            ) as session,
        ):
            request = session.create_authorization_url()
            callback = person.callback(request.url, "allow")
            session.fetch_token(callback, request=request, account=login.key)

    def succeed(self, *arguments: str, **environment: str) -> str:
        """Run a command that must succeed; returns its stdout."""
        ran = self(*arguments, **environment)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def fail(self, *arguments: str, **environment: str) -> str:
        """Run a command that must fail with one line of advice; returns that line."""
        ran = self(*arguments, **environment)
        assert (ran.returncode, ran.stdout) == (1, ""), ran.stderr
        lines = ran.stderr.strip().splitlines()
        assert "Traceback" not in ran.stderr
        assert lines[-1].startswith("ultracart: "), ran.stderr
        return lines[-1]


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A fresh server, with the arguments that a test gives by indirect parameters."""
    with Sandbox(**getattr(request, "param", {})) as running:
        yield running


@pytest.fixture
def ultracart(tmp_path: Path, sandbox: Sandbox) -> Iterator[CommandLine]:
    """The command line of a user whose ULTRACART_HOST is the sandbox."""
    command_line = CommandLine(tmp_path, sandbox.host)
    yield command_line
    for running in command_line.started:
        if running.process.poll() is None:
            running.process.kill()
        running.end()
