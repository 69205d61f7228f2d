"""Mutation testing of what protects: ``python test/mutation/run.py [MODULE ...] [--sample N]``.

Cosmic Ray changes one expression of a module at a time, in a copy of the tree, and the tests that
hold the module run against it. A change that no test notices must be listed in ``survivors.txt``,
with the reason why it makes no difference; at least 95 % of the others must be noticed. A line
there that is no change of the code any more must go. Without a module, all of TARGETS, which takes
hours; ``--sample 20`` tries so many changes of each.
"""

from __future__ import annotations

import argparse
import compileall
import difflib
import os
import py_compile
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from forked import Run, import_libraries
from targets import LEFT_OUT, LEFT_OUT_LINES, ON_DATABASES, TARGETS

ROOT = Path(__file__).resolve().parents[2]
SURVIVORS = Path(__file__).with_name("survivors.txt")
ENOUGH = 0.95


class Change(NamedTuple):
    """One change of a module, and the first line that differs, before and after."""

    module: str
    before: str
    after: str
    code: str

    def __str__(self) -> str:
        return ("%s: %s -> %s" % (self.module, self.before, self.after)).rstrip()


def copy_of_the_tree(folder: Path) -> Path:
    for name in ("ultracart", "test", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("tox.ini", "README.md", "setup.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    # On PYTHONPATH, as test/conftest.py sets it: so the programs that tests start see the change.
    (folder / "test/loopback_only/ultracart").symlink_to(folder / "ultracart")
    # Times tell nothing about a file that changes twice a second; a hash does.
    mode = py_compile.PycInvalidationMode.CHECKED_HASH
    compileall.compile_dir(folder / "ultracart", quiet=1, invalidation_mode=mode)
    return folder


def changes(module: str) -> Iterator[Change]:
    """Each change of the module, once."""
    source = (ROOT / "ultracart" / (module + ".py")).read_text(encoding="utf-8")
    nodes = list(ast_nodes(get_ast(source)))
    seen = {source}
    for name in operator_names():
        if any(re.match(pattern, name) for pattern in LEFT_OUT):
            continue
        operator = get_operator(name)()
        for number in range(sum(len([*operator.mutation_positions(node)]) for node in nodes)):
            code = mutate_code(source, operator, number)
            if code not in seen:
                seen.add(code)
                change = Change(module, *_first_difference(source, code), code)
                if change.before not in LEFT_OUT_LINES:
                    yield change


def _first_difference(source: str, code: str) -> tuple[str, str]:
    found = {"-": "", "+": ""}
    for line in [*difflib.unified_diff(source.splitlines(), code.splitlines(), n=0)][2:]:
        if line[0] in found:
            found[line[0]] = found[line[0]] or line[1:].strip()
    return found["-"], found["+"]


def start(module: str, tree: Path, noticed: list[str], seconds: float) -> Run:
    return Run(tree, TARGETS[module], module in ON_DATABASES, noticed, seconds)


def baseline(module: str, trees: list[Path]) -> float:
    """Seconds that the tests take; they must pass."""
    started = time.monotonic()
    sys.dont_write_bytecode = False  # pytest keeps the test modules as it rewrites them
    for run in [start(module, tree, [], 600) for tree in trees]:
        while (passed := run.passed()) is None:
            time.sleep(0.01)
        if not passed:
            sys.exit(run.log())
    sys.dont_write_bytecode = True
    return time.monotonic() - started


def unnoticed(module: str, wanted: list[Change], trees: list[Path]) -> list[Change]:
    """Those of the changes with which all tests pass."""
    limit = 3 * baseline(module, trees) + 5
    noticed: list[str] = []
    waiting, survivors = wanted[::-1], []
    running: dict[Path, tuple[Change, Run]] = {}
    file = Path("ultracart", module + ".py")
    try:
        while waiting or running:
            for tree in trees:
                if tree in running:
                    change, run = running[tree]
                    if (passed := run.passed()) is None:
                        continue
                    del running[tree]
                    if passed:
                        survivors.append(change)
                        print("   ", change, flush=True)
                if waiting:
                    change = waiting.pop()
                    (tree / file).write_text(change.code, encoding="utf-8")
                    running[tree] = change, start(module, tree, noticed, limit)
            time.sleep(0.005)
    finally:
        for _, run in running.values():
            run.end()
        for tree in trees:
            shutil.copy(ROOT / file, tree / file)
    return survivors


def explained() -> set[str]:
    """The changes that make no difference, as survivors.txt lists them."""
    lines = SURVIVORS.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith(("#", " "))}


def outdated(module: str, every: list[Change]) -> list[str]:
    """Lines of survivors.txt for changes that the module's code no longer has."""
    return sorted(
        line for line in explained() - {*map(str, every)} if line.startswith(module + ": ")
    )


class Row(NamedTuple):
    """What became of a module's changes; the explained ones are neither tried nor counted."""

    module: str
    changes: int
    explained: int
    tried: int
    unnoticed: int
    seconds: float

    def share(self) -> float:
        """Of the changes that were tried, those that a test noticed."""
        return 1 - self.unnoticed / max(self.tried, 1)

    def __str__(self) -> str:
        return "%-28s %7d %9d %5d %9d %5.1f %% %5.0f s" % (
            *self[:5],
            100 * self.share(),
            self.seconds,
        )


def report(rows: list[Row]) -> int:
    """Print the table; returns the exit code."""
    print("\nmodule                       changes explained tried unnoticed   share    time")
    print(*rows, sep="\n")
    real = sum(row.changes - row.explained for row in rows)
    tried = sum(row.tried for row in rows)
    share = sum((row.changes - row.explained) * row.share() for row in rows) / max(real, 1)
    print("%.1f %% of %d changes noticed" % (100 * share, real), end="")
    print("." if tried == real else ": an estimate from the %d that were tried." % tried)
    return share < ENOUGH


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="default: all of TARGETS")
    parser.add_argument("--sample", type=int, metavar="N", help="N random changes of each module")
    parser.add_argument("--seed", default="", help="another seed takes another sample")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time")
    asked = parser.parse_args()
    if unknown := sorted({*asked.modules} - {*TARGETS}):
        parser.error("no such module: %s" % ", ".join(unknown))
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    import_libraries()
    rows, gone = [], 0
    with tempfile.TemporaryDirectory() as folder:
        trees = [copy_of_the_tree(Path(folder, str(number))) for number in range(asked.jobs)]
        for module in asked.modules or TARGETS:
            started = time.monotonic()
            every = list(changes(module))
            for line in outdated(module, every):
                gone += 1
                print("    in survivors.txt, but no change any more:", line, flush=True)
            wanted = [change for change in every if str(change) not in explained()]
            counts = len(every), len(every) - len(wanted)
            if asked.sample is not None and asked.sample < len(wanted):
                wanted = random.Random(asked.seed + module).sample(wanted, asked.sample)
            survivors = unnoticed(module, wanted, trees)
            seconds = time.monotonic() - started
            rows.append(Row(module, *counts, len(wanted), len(survivors), seconds))
            print(rows[-1], flush=True)
    return report(rows) or bool(gone)


if __name__ == "__main__":
    sys.exit(main())
