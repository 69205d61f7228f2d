"""The transcripts of docs/CommandLine.md are what the commands really say.

``ULTRACART_TEST_REWRITE=1`` writes the page anew with what they say now.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ultracart.commands.program import DEFAULT_SANDBOX_PORT, create_parser

from . import person
from .conftest import DEADLINE, CommandLine

PAGE = Path(__file__).resolve().parents[2] / "docs" / "CommandLine.md"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What differs from run to run, and what the page shows in its place.
_VOLATILE = [
    (r"\b(state|code_challenge)=[\w-]{43}", r"\1=..."),
    (r"\b[A-Z0-9]{4}-[A-Z0-9]{4}\b", "WDJB-MJHT"),  # RFC 8628's example
    (r"(?<![\w-])[\w-]{43}(?![\w-])", "2YotnFZFEjr1zCsicMWpAA"),  # RFC 6749's
    (r"\bcode=[\w-]{30,}", "code=..."),
    (r"127\.0\.0\.1:\d+/[\w-]{12}(?=\n)", "127.0.0.1:49152/m0Rw2bSJ8Kc5"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-11-28T18:30:46Z"),
    (r"\b127\.0\.0\.1:\d+/rest", "127.0.0.1:%d/rest" % DEFAULT_SANDBOX_PORT),
]


class Shell:
    """One bash, as in the page's second terminal; a browser and another device are at hand."""

    def __init__(self, command_line: CommandLine, bin_directory: Path, port: str) -> None:
        self._port = port
        path = os.pathsep.join([str(bin_directory), command_line.environment["PATH"]])
        self._bash = subprocess.Popen(
            ["bash"],
            env={**command_line.environment, "PATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str) -> str:
        """What the command writes, as the page shows it."""
        assert self._bash.stdout is not None
        command = command.replace(":%d/" % DEFAULT_SANDBOX_PORT, ":%s/" % self._port)
        # The status is kept for the page's own "echo $?".
        mark = "end of the command"
        restore = "(exit $status)"
        written: list[str] = []
        self._write(command)
        if "--paste" in command:
            written += self._paste()
        self._write("status=$?; echo '%s'; %s" % (mark, restore))
        for line in self._bash.stdout:
            # Answers without a newline at their end stand in one line with the mark.
            before, found, _ = line.partition(mark)
            written.append(before + "\n" if found and before else before)
            if found:
                break
            self._play_the_other_device(line, written)
        return _masked("".join(written))

    def _write(self, line: str) -> None:
        assert self._bash.stdin is not None
        self._bash.stdin.write(line + "\n")
        self._bash.stdin.flush()

    def _paste(self) -> Iterator[str]:
        """Log in with a browser elsewhere, and paste where it went; gives what is written."""
        assert self._bash.stdout is not None
        url = ""
        for line in self._bash.stdout:
            url = line.strip() if "/oauth/authorize?" in line else url
            yield line
            if line.endswith("paste it here:\n"):
                address = person.callback(url, "allow")
                self._write(address)
                yield address + "\n"
            elif line.startswith("Logged in"):
                return

    def close(self) -> None:
        self._bash.communicate(timeout=DEADLINE)

    def _play_the_other_device(self, line: str, written: list[str]) -> None:
        code = re.fullmatch(r" +([A-Z0-9]{4}-[A-Z0-9]{4})\n", line)
        if code:
            person.answer(written[-2].strip(), "allow", code.group(1))


def _masked(text: str) -> str:
    for pattern, shown in _VOLATILE:
        text = re.sub(pattern, shown, text)
    return text


def _sandbox_transcript(command_line: CommandLine) -> tuple[str, str]:
    running = command_line.start("sandbox", "--port", "0")
    host = running.out.wait_for("export ULTRACART_HOST=").partition("=")[2]
    last = running.out.wait_for("Ctrl-C")
    lines = running.out.so_far()
    assert lines.rstrip().endswith(last)
    return host, _masked(lines)


def transcripts(command_line: CommandLine, bin_directory: Path) -> Iterator[str]:
    """The blocks of the page, as they are today."""
    host, served = _sandbox_transcript(command_line)
    port = re.findall(r":(\d+)/", host)[0]
    shell = Shell(command_line, bin_directory, port)
    try:
        for block in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
            commands = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
            if commands == ["ultracart sandbox"]:
                yield "$ ultracart sandbox\n" + served
            else:
                yield "".join("$ %s\n%s" % (each, shell.run(each)) for each in commands)
    finally:
        shell.close()


@pytest.fixture
def bin_directory(tmp_path: Path) -> Path:
    """A directory for PATH with the console script and this Python."""
    directory = tmp_path / "bin"
    directory.mkdir()
    python = shlex.quote(sys.executable)
    for name, words in (("ultracart", "-m ultracart"), ("python", "")):
        script = directory / name
        script.write_text('#!/bin/sh\nexec %s %s "$@"\n' % (python, words), encoding="utf-8")
        script.chmod(0o755)
    return directory


def test_transcripts(ultracart: CommandLine, bin_directory: Path) -> None:
    del ultracart.environment["ULTRACART_HOST"]
    text = PAGE.read_text(encoding="utf-8")
    current = list(transcripts(ultracart, bin_directory))
    if os.environ.get("ULTRACART_TEST_REWRITE"):
        blocks = iter(current)
        text = _BLOCK.sub(lambda _: "```console\n%s```" % next(blocks), text)
        PAGE.write_text(text, encoding="utf-8")
    assert _BLOCK.findall(text) == current


@pytest.mark.parametrize("token", ["-" + "a" * 42, "a" * 42 + "-", "a-" + "_" * 41])
def test_every_token_is_masked(token: str) -> None:
    assert _masked('%s\n{"access_token": "%s"}\n' % (token, token)).count("2YotnFZFEjr1") == 2


def test_page_names_every_command_and_option() -> None:
    text = PAGE.read_text(encoding="utf-8")
    documented = set(re.findall(r"^`(--[a-z-]+)|^`([a-z][a-z-]*)` \|", text, re.MULTILINE))
    options, commands = ({found[i] for found in documented if found[i]} for i in (0, 1))
    parser = create_parser()
    choices: Any
    (choices,) = [action.choices for action in parser._actions if action.choices]
    assert commands == set(choices)
    existing = {
        option
        for each in [parser, *choices.values()]
        for action in each._actions
        for option in action.option_strings
        if option.startswith("--")
    }
    assert options == existing - {"--help"}
