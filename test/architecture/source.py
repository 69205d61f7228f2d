"""How the architecture tests read the package: its files, and what each imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "ultracart"


class Import(NamedTuple):
    """One imported module; ``late`` inside a function, ``typing`` for type checkers alone."""

    module: str
    line: int
    late: bool
    typing: bool


def module_files() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = module_files()


def imports(module: str) -> list[Import]:
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return list(_walk(tree, package, late=False, typing=False))


def _walk(node: ast.AST, package: str, late: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, late, typing)
        elif isinstance(child, ast.ImportFrom):
            for module in sorted(set(_modules(child, package))):
                yield Import(module, child.lineno, late, typing)
        else:
            in_function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
            for_typing = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
            yield from _walk(child, package, late or in_function, typing or for_typing)


def _modules(node: ast.ImportFrom, package: str) -> Iterator[str]:
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1] if node.level else []
    source = ".".join([*base, *([node.module] if node.module else [])])
    for alias in node.names:
        # ``from . import serialization`` imports that module, not the package's root.
        inner = "%s.%s" % (source, alias.name)
        yield inner if inner in MODULES else source
