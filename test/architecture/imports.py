"""Decides what a source file imports, read from its syntax tree and without running it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Iterator, NamedTuple, Union

PACKAGE = Path(__file__).parents[2] / "ultracart"


class Import(NamedTuple):
    """One imported module: ``name`` is relative to the package, "" itself, if it is ``own``."""

    importer: str
    name: str
    own: bool
    in_function: bool
    line: int


def modules() -> dict[str, Path]:
    """Each module of the package, named relative to it ("" for the package root)."""
    return {_module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports() -> list[Import]:
    """Every import statement of the package; ``TYPE_CHECKING`` ones are dependencies as well."""
    known = modules()
    found = []
    for importer, path in known.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node, in_function in _statements(tree, in_function=False):
            for target in _targets(node, path):
                name, own = _resolve(target, known)
                found.append(Import(importer, name, own, in_function, node.lineno))
    return found


def _module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


ImportNode = Union[ast.Import, ast.ImportFrom]


def _statements(node: ast.AST, in_function: bool) -> Iterator[tuple[ImportNode, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child, in_function
        inside = in_function or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
        yield from _statements(child, inside)


def _targets(node: ImportNode, path: Path) -> list[str]:
    """Full dotted names; ``from x import y`` gives ``x.y``, which may be a name in ``x``."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        package = ("ultracart", *path.parent.relative_to(PACKAGE).parts)
        base = ".".join([*package[: len(package) - node.level + 1], *base.split(".")]).rstrip(".")
    return ["%s.%s" % (base, alias.name) for alias in node.names]


def _resolve(target: str, known: dict[str, Path]) -> tuple[str, bool]:
    """The module that ``target`` is, or is a name of; a third party's top level only."""
    top, _, rest = target.partition(".")
    if top != "ultracart":
        return target, False
    while rest and rest not in known:
        rest = rest.rpartition(".")[0]
    return rest, True
