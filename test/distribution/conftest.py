"""What the packaging tests look at: two builds of a copy of the sources, fresh Pythons."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any, Protocol

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Every name that the repository may have at its top, but for what only git reads.
TOP_LEVEL = """
    ultracart docs test setup.py pyproject.toml requirements.txt tox.ini README.md LICENSE
    CHANGELOG.md .ci
""".split()
#: Seconds for one command; some download packages.
_DEADLINE = 300
_CACHES = shutil.ignore_patterns("__pycache__", ".*_cache", "*.pyc")


class Run(Protocol):
    """Runs a command that must succeed; keywords are environment variables."""

    def __call__(
        self, *command: Any, cwd: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture(scope="session")
def run(outside_environment: dict[str, str]) -> Run:
    # pip must reach its index: these are the only processes of the tests that leave the machine.
    def run_command(
        *command: Any, cwd: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env={**outside_environment, **environment},
            capture_output=True,
            text=True,
            timeout=_DEADLINE,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran

    return run_command


def _copy(origin: Path, target: Path) -> Path:
    """A copy of the sources: builds leave things behind, and an old egg-info misleads them."""
    target.mkdir(parents=True)
    for name in TOP_LEVEL:
        if (origin / name).is_dir():
            shutil.copytree(origin / name, target / name, ignore=_CACHES)
        else:
            shutil.copyfile(origin / name, target / name)
    return target


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources, alone in a folder where nothing is built."""
    return _copy(ROOT, tmp_path_factory.mktemp("sources") / "ultracart")


@pytest.fixture
def checkout(sources: Path, tmp_path: Path) -> Path:
    """The sources, for a test to build in."""
    return _copy(sources, tmp_path / "checkout")


@pytest.fixture
def fresh_python(tmp_path: Path) -> Path:
    """The Python of an empty virtual environment."""
    venv.create(tmp_path / "venv", with_pip=True)
    return tmp_path / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


@pytest.fixture(scope="session")
def distributions(sources: Path, tmp_path_factory: pytest.TempPathFactory, run: Run) -> list[Path]:
    """Two folders with an sdist and a wheel each, built from two copies of the sources."""
    folders = []
    for name in ("one", "another"):
        folder = tmp_path_factory.mktemp(name)
        command = ("-m", "build", "--outdir", folder / "dist", _copy(sources, folder / "checkout"))
        run(sys.executable, *command, SOURCE_DATE_EPOCH="1700000000")
        folders.append(folder / "dist")
    return folders
