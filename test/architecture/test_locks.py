"""What must not stand inside a ``with lock:``; ultracart/locks.py says why."""

from __future__ import annotations

import ast

import pytest

from .source import PACKAGE

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp)
LOCKS = ("_lock", "_mutex")


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_no_filtering_comprehension_under_a_lock(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.With)]
    for block in blocks:
        if any(ast.unparse(item.context_expr).endswith(LOCKS) for item in block.items):
            inner = [node for line in block.body for node in ast.walk(line)]
            found = [node for node in inner if isinstance(node, COMPREHENSIONS)]
            assert not [node for node in found if any(part.ifs for part in node.generators)]
