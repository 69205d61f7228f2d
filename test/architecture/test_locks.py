"""No signal passes by a ``with lock:`` or a ``finally``; ultracart/locks.py says how one would."""

from __future__ import annotations

import ast
import dis
import sys
from collections.abc import Iterator
from types import CodeType
from typing import Any

import pytest

from .source import MODULES

LOCKS = ("lock", "mutex", "changed")
WITHOUT_HANDLER = """
def found(lock, items):
    with lock:
        for item in items:
            if item:
                print(item)
"""


def unprotected_jumps(text: str) -> list[int]:
    """The lines of such blocks with a jump back that has no exception handler."""
    blocks = list(_blocks(ast.parse(text)))
    found: set[int] = set()
    for code in _functions(compile(text, "text", "exec")):
        bytecode: Any = dis.Bytecode(code)
        instructions = list(bytecode)
        line_at = {each.offset: each.positions.lineno for each in instructions}
        handled = [range(entry.start, entry.end) for entry in bytecode.exception_entries]
        for jump in instructions:
            if jump.opname == "JUMP_BACKWARD" and not any(jump.offset in each for each in handled):
                line = line_at[jump.offset] or line_at[jump.argval]
                inside = [b for b in blocks if line in b and b.start > code.co_firstlineno]
                found.update([line] if inside else [])
    return sorted(found)


def _blocks(tree: ast.AST) -> Iterator[range]:
    for node in ast.walk(tree):
        if isinstance(node, ast.With):
            contexts = [ast.unparse(item.context_expr) for item in node.items]
            guards = any(context.endswith(LOCKS) for context in contexts)
        else:
            guards = isinstance(node, ast.Try) and bool(node.finalbody)
        if guards:
            assert isinstance(node, (ast.With, ast.Try))
            yield range(node.body[0].lineno, (node.body[-1].end_lineno or 0) + 1)


def _functions(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _functions(constant)


pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 13), reason="earlier ones look for signals where a jump leads to"
)


def test_such_a_jump_is_found():
    assert unprotected_jumps(WITHOUT_HANDLER) in ([5], [])
    assert unprotected_jumps(WITHOUT_HANDLER.replace("lock:", "other:")) == []


def test_no_jump_back_passes_by_a_lock_or_a_finally():
    texts = {module: path.read_text(encoding="utf-8") for module, path in MODULES.items()}
    found = {module: unprotected_jumps(text) for module, text in texts.items()}
    assert not {module: lines for module, lines in found.items() if lines}
