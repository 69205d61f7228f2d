"""Where the official SDK is installed: ``python official_environment.py DIRECTORY``.

Makes a virtual environment there with the wheel of ``ultracart-rest-sdk`` 3.11.67. Where that
cannot be done, the reason is written to ``unavailable.txt``, and the comparison is skipped with it.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import venv

# Names the directory for the tests; read at import, since no test sees ULTRACART_ variables.
VARIABLE = "ULTRACART_TEST_OFFICIAL_ENVIRONMENT"
DIRECTORY = os.environ.get(VARIABLE)
OFFICIAL = "ultracart-rest-sdk==3.11.67"
# 2.6.0 alone has no getheaders(), without which the official SDK fails at its first answer.
REQUIREMENTS = [OFFICIAL, "urllib3>=2.0,!=2.6.0,<3"]
# Those that ultracart.official mounts, each in a folder of its own.
MOUNTED = ["3.11.67", "4.1.208"]


def interpreter(directory: pathlib.Path) -> pathlib.Path:
    """The Python of the environment in ``directory``."""
    return directory.joinpath("Scripts" if os.name == "nt" else "bin", "python")


def reason_for_absence(directory: pathlib.Path) -> str | None:
    """Why the official SDK is not installed in ``directory``; ``None`` if it is."""
    if interpreter(directory).exists() and (directory / "installed.txt").exists():
        return None
    note = directory / "unavailable.txt"
    return note.read_text(encoding="utf-8") if note.exists() else "no environment was made"


def folder(directory: pathlib.Path, version: str) -> pathlib.Path:
    """The folder in ``directory`` that has one version of the official SDK, and nothing else."""
    return directory / ("ultracart-rest-sdk-" + version)


def require() -> pathlib.Path:
    """The environment's directory; skips the calling test module where there is none."""
    import pytest  # not needed to make the environment

    if DIRECTORY is None:
        pytest.skip(
            "compares with the official SDK, which `tox -e compat` installs",
            allow_module_level=True,
        )
    directory = pathlib.Path(DIRECTORY)
    reason = reason_for_absence(directory)
    if reason is not None:
        pytest.skip(reason, allow_module_level=True)
    return directory


def make(directory: pathlib.Path) -> None:
    """Install the official SDK into ``directory``, once."""
    if reason_for_absence(directory) is None:
        return
    venv.create(directory, with_pip=True, clear=True)
    pip = [str(interpreter(directory)), "-m", "pip", "install", "--quiet", "--only-binary=:all:"]
    arguments = [REQUIREMENTS] + [
        ["--no-deps", "--target", str(folder(directory, version)), "ultracart-rest-sdk==" + version]
        for version in MOUNTED
    ]
    for given in arguments:
        done = subprocess.run([*pip, *given], capture_output=True, text=True)
        if done.returncode:
            break
    lines = done.stderr.strip().splitlines() or ["pip failed"]
    name, text = (
        ("installed.txt", OFFICIAL)
        if done.returncode == 0
        else (
            "unavailable.txt",
            "%s cannot be installed: %s" % (OFFICIAL, lines[-1]),
        )
    )
    (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    make(pathlib.Path(sys.argv[1]))
