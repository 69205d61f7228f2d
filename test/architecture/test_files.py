"""Source files stay short, say what they decide, and list the names they give."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from .imports import PACKAGE

TESTS = PACKAGE.parent / "test"
LONGEST = 400
LAZY_PACKAGES = [PACKAGE / folder / "__init__.py" for folder in ("", "models", "oauth")]


def sources(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(PACKAGE.parent)) for path in paths]


def test_no_file_passes_400_lines() -> None:
    long = [p for p in sources(PACKAGE, TESTS) if len(p.read_bytes().splitlines()) > LONGEST]
    assert names(long) == []


def test_each_module_opens_with_what_it_decides() -> None:
    silent = [p for p in sources(PACKAGE) if not ast.get_docstring(ast.parse(p.read_bytes()))]
    assert names(silent) == []


@pytest.mark.parametrize("path", LAZY_PACKAGES, ids=lambda path: path.parent.name)
def test_type_checkers_see_the_names_that_a_package_lists(path: Path) -> None:
    listed: list[str] = []
    seen: set[str] = set()
    for statement in ast.parse(path.read_bytes()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            listed = ast.literal_eval(statement.value)
        # Plain statements, and the block that only type checkers run.
        for node in getattr(statement, "body", [statement]):
            if isinstance(node, ast.ImportFrom) and node.level:
                # "import X as X" tells a type checker that the name is given on.
                seen |= {alias.name for alias in node.names if alias.asname == alias.name}
            elif isinstance(node, ast.AnnAssign):
                seen.add(ast.unparse(node.target))
    assert listed == sorted(listed)
    assert set(listed) == seen
