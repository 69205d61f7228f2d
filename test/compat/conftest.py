"""Decides how the two SDKs are run: each in its own interpreter, over the same cases, once."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

from .official_environment import interpreter, reason_for_absence

HERE = pathlib.Path(__file__).parent
ENVIRONMENT = "ULTRACART_TEST_OFFICIAL_ENVIRONMENT"
# Read at import: every test runs without the developer's ULTRACART_ variables.
_DIRECTORY = os.environ.get(ENVIRONMENT)


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
    if _DIRECTORY is None:
        pytest.skip("compares with the official SDK, which `tox -e compat` installs")
    directory = pathlib.Path(_DIRECTORY)
    reason = reason_for_absence(directory)
    if reason is not None:
        pytest.skip(reason)
    return Comparison(directory, tmp_path_factory.mktemp("comparison"))
