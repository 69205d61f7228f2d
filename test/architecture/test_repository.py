"""The repository keeps its habits: documented modules, sorted names, facts told once."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
from pathlib import Path

import pytest

from .source import MODULES, PACKAGE, ROOT

_TOP_LEVEL = set(
    """
    ultracart docs test setup.py pyproject.toml requirements.txt tox.ini README.md LICENSE
    CHANGELOG.md .gitignore
    .ci
    """.split()
)
_PYTHON_FILES = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "test").rglob("*.py")])


def test_every_module_has_a_docstring() -> None:
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in _PYTHON_FILES
        if path.read_bytes().strip()
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent


def test_top_level_holds_only_the_agreed() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    assert {line.partition("/")[0] for line in tracked.stdout.splitlines()} <= _TOP_LEVEL


def _with_all() -> list[str]:
    return [name for name, path in MODULES.items() if "__all__ = [" in path.read_text("utf-8")]


@pytest.mark.parametrize("module", _with_all())
def test_all_is_sorted_and_exists(module: str) -> None:
    loaded = importlib.import_module(module)
    names = loaded.__all__
    assert names == sorted(set(names))
    assert not [name for name in names if not hasattr(loaded, name)]


def test_all_is_complete() -> None:
    """What type checkers are shown and what is exported are the same names."""
    for module in ("ultracart", "ultracart.oauth"):
        text = MODULES[module].read_text(encoding="utf-8")
        shown = {a for a, b in re.findall(r"\b(\w+) as (\w+)\b", text) if a == b}
        for package in re.findall(r"from \.(\w+) import \*", text):
            shown.update(importlib.import_module("%s.%s" % (module, package)).__all__)
        if module == "ultracart":
            shown.add("configuration")
        loaded = importlib.import_module(module)
        assert shown == {*loaded.__all__, *getattr(loaded, "_SUBMODULES", ())}, module


def test_requirements_are_those_of_setup() -> None:
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    runtime = next(
        ast.literal_eval(node.value)
        for node in ast.parse(setup).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "RUNTIME"
    )
    assert runtime == (ROOT / "requirements.txt").read_text(encoding="utf-8").split()
    assert {re.split(r"[<>=]", line)[0] for line in runtime} == {
        "urllib3",
        "python-dateutil",
        "six",
        "certifi",
    }


def test_ci_runs_the_readme_test_command() -> None:
    command = "python -m pip install tox && tox"
    assert "```bash\n%s\n```" % command in (ROOT / "README.md").read_text(encoding="utf-8")
    script = Path(ROOT / ".ci/run").read_text(encoding="utf-8")
    assert script.rstrip().splitlines()[-1] == command


def test_lowest_environment_has_the_lowest_versions() -> None:
    """Every lower bound of setup.py, tools aside, is what `tox -e lowest` installs."""
    setup = (ROOT / "setup.py").read_text(encoding="utf-8").partition("\nDEV = ")[0]
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    lowest = tox.partition("[testenv:lowest]")[2].partition("\n[")[0]
    bounds = dict(re.findall(r'"([\w-]+)>=([\d.]+)', setup))
    pinned = dict(re.findall(r"^    ([\w-]+)==([\d.]+)$", lowest, re.MULTILINE))
    for name, bound in bounds.items():
        padded = [*map(int, bound.split(".")), 0, 0][:3]
        assert [*map(int, pinned[name].split(".")), 0, 0][:3] == padded, name
