"""How the two SDKs are run: each in its own interpreter, over the same cases, once."""

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
from .official_environment import folder, interpreter, require

HERE = pathlib.Path(__file__).parent


class Comparison:
    """What both SDKs did: ``official(part)`` and ``here(part)``, run once for each part."""

    def __init__(self, directory: pathlib.Path, scratch: pathlib.Path) -> None:
        self._python = interpreter(directory)
        self._directory = directory
        self._package = next(directory.glob("lib*/**/site-packages/ultracart"))
        self._scratch = scratch
        self._known: dict[str, Any] = {}

    def official(self, part: str) -> Any:
        command = [str(self._python), "-W", "ignore"]
        # The interpreter has 3.11.67 installed; what is on its path goes before.
        path = [str(folder(self._directory, "4.1.208"))] if part == "version4" else []
        return self._once("official " + part, command, part, path=path)

    def here(self, part: str) -> Any:
        # The resources of the official SDK are read where they are installed, unchanged.
        arguments = [str(self._package)] if part == "resources" else []
        if part == "mounted":
            arguments = [str(folder(self._directory, "3.11.67"))]
        if part == "version4":
            arguments = [str(folder(self._directory, "4.1.208"))]
        return self._once("here " + part, [sys.executable, "-W", "error"], part, *arguments)

    def _once(self, name: str, command: list[str], *arguments: str, path: Any = ()) -> Any:
        if name not in self._known:
            self._known[name] = self._run([*command, "-m", "comparison", *arguments], path)
        return self._known[name]

    def _run(self, command: list[str], path: Any) -> Any:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("ULTRACART_") and not name.lower().endswith("_proxy")
        }
        # Not the ultracart of this repository for the official interpreter: its own.
        environment["PYTHONPATH"] = os.pathsep.join([*path, str(HERE)])
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
