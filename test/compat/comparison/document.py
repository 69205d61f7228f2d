"""The tables of docs/Compatibility.md, from the comparison.

``cd test/compat && python -m comparison.document`` writes them.
"""

from __future__ import annotations

import pathlib

from .answer_differences import ERRORS, RESULTS
from .differences import EVERYWHERE, SETTINGS
from .expectations import Difference
from .request_differences import ARGUMENTS, WIRE
from .surface_differences import CHANGED_DEFAULTS

DOCUMENT = pathlib.Path(__file__).parents[3] / "docs" / "Compatibility.md"

# By subject, what most users meet first.
SUBJECTS = {
    "What every call shows": EVERYWHERE,
    "Settings": SETTINGS,
    "Results": RESULTS,
    "Errors": ERRORS,
    "Arguments": ARGUMENTS,
    "What is sent": WIRE,
}
_BEGIN, _END = "\n## Deliberate differences\n", "\n## What is dropped\n"


def tables() -> str:
    """What stands between the headings of these tables and of the section after them."""
    parts = ["", "A test compares both SDKs for each row; these tables are generated from it.", ""]
    for subject, differences in SUBJECTS.items():
        parts += ["### %s" % subject, "", *_table(differences), ""]
    parts += ["## Defaults that differ", "", "| What | Why |", "| --- | --- |"]
    parts += ["| `%s` | %s |" % (name, why) for name, why in CHANGED_DEFAULTS.items()]
    return "\n".join([*parts, ""])


def _table(differences: list[Difference]) -> list[str]:
    head = ["| What | Official 3.11.67 | Here | Why |", "| --- | --- | --- | --- |"]
    rows = [(row.what, row.official, row.here, row.reason) for row in differences]
    return head + ["| %s |" % " | ".join(row) for row in rows]


def with_tables(text: str) -> str:
    """The page with the tables of today."""
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    return before + begin + tables() + end + after


if __name__ == "__main__":
    page = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(with_tables(page), encoding="utf-8")
