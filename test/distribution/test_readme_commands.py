"""The install commands of README and docs work on a machine with only Python."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .conftest import Run

# Most of the time is pip's.
pytestmark = pytest.mark.timeout(400)

CORE = "pip install -e '.[dev]' && pytest test/core"
DEMO = "python -m pip install '.[sandbox]' && python -m ultracart demo"


def _in_fresh_environment(command: str, python: Path, checkout: Path, run: Run) -> str:
    path = os.pathsep.join([str(python.parent), os.environ["PATH"]])
    return run("bash", "-euo", "pipefail", "-c", command, cwd=checkout, PATH=path).stdout


def test_demo(checkout: Path, fresh_python: Path, run: Run) -> None:
    told = _in_fresh_environment(DEMO, fresh_python, checkout, run)
    assert "revoke" in told.lower()


def test_core(checkout: Path, fresh_python: Path, run: Run) -> None:
    told = _in_fresh_environment(CORE, fresh_python, checkout, run)
    assert " passed" in told.splitlines()[-1]
    run(fresh_python, "-m", "pip", "check")


def test_sql_extra_installs(checkout: Path, fresh_python: Path, run: Run) -> None:
    command = "python -m pip install -q '.[sql]' && python -m pip check"
    _in_fresh_environment(command, fresh_python, checkout, run)
