"""A test that lets an interrupt of its own go fails; a real Ctrl-C ends the run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .source import ROOT

INTERRUPTS_ITSELF = """
import pytest


@pytest.fixture
def interrupted_before():
    raise KeyboardInterrupt


@pytest.fixture
def interrupted_after():
    yield
    raise KeyboardInterrupt


def test_before(interrupted_before):
    pass


def test_amid():
    raise KeyboardInterrupt


def test_after(interrupted_after):
    pass


def test_another():
    pass
"""
CTRL_C = """
import signal


def test_amid():
    signal.raise_signal(signal.SIGINT)


def test_another():
    pass
"""


def run(tests: str, folder: Path) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "test" / "conftest.py", folder)
    (folder / "test_it.py").write_text(tests, encoding="utf-8")
    options = ["-p", "no:randomly", "-p", "no:cacheprovider", "-rA"]
    command = [sys.executable, "-m", "pytest", *options, "test_it.py"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_an_interrupt_of_the_test_s_own_is_a_failure(tmp_path: Path) -> None:
    done = run(INTERRUPTS_ITSELF, tmp_path)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    told = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR", "PA"))]
    assert [line.split(" - ")[0] for line in told] == [
        "PASSED test_it.py::test_after",
        "PASSED test_it.py::test_another",
        "ERROR test_it.py::test_before",
        "ERROR test_it.py::test_after",
        "FAILED test_it.py::test_amid",
    ]
    assert done.stdout.count("test_it.py:7: KeyboardInterrupt") == 1


def test_a_ctrl_c_ends_the_run(tmp_path: Path) -> None:
    done = run(CTRL_C, tmp_path)
    assert done.returncode == pytest.ExitCode.INTERRUPTED, done.stdout + done.stderr
    assert "PASSED" not in done.stdout
