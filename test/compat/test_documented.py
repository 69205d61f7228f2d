"""Whether docs/Compatibility.md lists the deliberate differences, each with its reason."""

from __future__ import annotations

import pathlib

from .comparison.differences import DIFFERENCES
from .comparison.surface_differences import CHANGED_DEFAULTS

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "Compatibility.md"


def rows(heading):
    """The cells of each row of the table below ``heading``."""
    section = DOCUMENT.read_text(encoding="utf-8").partition("\n## %s\n" % heading)[2]
    section = section.partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_differences():
    listed = [[row.what, row.official, row.here, row.reason] for row in DIFFERENCES]
    assert rows("Deliberate differences") == listed


def test_changed_defaults():
    listed = [["`%s`" % name, why] for name, why in CHANGED_DEFAULTS.items()]
    assert rows("Defaults that differ") == listed
