"""docs/Sandbox.md tells the truth: its programs and tests do what it shows."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "Sandbox.md"
DEADLINE = 60
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = FENCE.findall(PAGE.read_text(encoding="utf-8"))
PROGRAMS = [
    (source, text if kind == "text" else "")
    for (language, source), (kind, text) in zip(BLOCKS, [*BLOCKS[1:], ("", "")])
    if language == "python" and "import pytest" not in source
]
(USER_TEST,) = [source for _, source in BLOCKS if "def test_" in source]
(USER_CONFTEST,) = [source for _, source in BLOCKS if "import pytest\n\n\n@pytest" in source]


def run(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


@pytest.mark.parametrize(("source", "shown"), PROGRAMS, ids=range(len(PROGRAMS)))
def test_programs_print_what_is_shown(source, shown, tmp_path):
    done = run(tmp_path, "-c", source)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == shown


def test_the_test_of_a_web_application_passes(tmp_path):
    blocks = FENCE.findall(PAGE.with_name("Testing.md").read_text(encoding="utf-8"))
    sources = [source for language, source in blocks if language == "python"]
    for name, source in zip(("board", "conftest", "test_board"), sources, strict=True):
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    done = run(tmp_path, "-m", "pytest", "-q", "--strict-markers", "-p", "no:cacheprovider")
    assert "4 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("conftest", ["", USER_CONFTEST], ids=["plain", "conftest"])
def test_the_users_test_passes(conftest, tmp_path):
    (tmp_path / "test_order_board.py").write_text(USER_TEST, encoding="utf-8")
    (tmp_path / "conftest.py").write_text(conftest, encoding="utf-8")
    # No -p for the fixture: the installed package's entry point has to bring it.
    done = run(tmp_path, "-m", "pytest", "-q", "--strict-markers", "-p", "no:cacheprovider")
    assert "5 passed" in done.stdout, done.stdout + done.stderr
