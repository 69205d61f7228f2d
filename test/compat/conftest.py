"""Decides how the two SDKs are run: each in its own interpreter, over the same cases, once."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from .comparison.recording_server import RecordingServer
from .official_environment import interpreter, require

HERE = pathlib.Path(__file__).parent


class Comparison:
    """What both SDKs did: ``official(part)`` and ``here(part)``, run once for each part."""

    def __init__(self, directory: pathlib.Path, scratch: pathlib.Path) -> None:
        self._python = interpreter(directory)
        self._package = next(directory.glob("**/site-packages/ultracart"))
        self._scratch = scratch
        self._known: dict[str, Any] = {}

    def official(self, part: str) -> Any:
        return self._once("official " + part, [str(self._python), "-W", "ignore"], part)

    def here(self, part: str) -> Any:
        # The resources of the official SDK are read where they are installed, unchanged.
        arguments = [str(self._package)] if part == "resources" else []
        return self._once("here " + part, [sys.executable, "-W", "error"], part, *arguments)

    def _once(self, name: str, command: list[str], *arguments: str) -> Any:
        if name not in self._known:
            self._known[name] = self._run([*command, "-m", "comparison", *arguments])
        return self._known[name]

    def _run(self, command: list[str]) -> Any:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("ULTRACART_") and not name.lower().endswith("_proxy")
        }
        # Not the ultracart of this repository for the official interpreter: its own.
        environment["PYTHONPATH"] = str(HERE)
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=environment,
            cwd=self._scratch,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)


@pytest.fixture(scope="session")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return Comparison(require(), tmp_path_factory.mktemp("comparison"))


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as running:
        yield running
