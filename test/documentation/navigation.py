"""The last line of each page: the page before, the index, the page after.

``docs/README.md`` gives the order. ``python test/documentation/navigation.py`` writes the lines.
"""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
INDEX = DOCS / "README.md"
_ENTRY = re.compile(r"^\d+\. \[([^\]]+)\]\((\w+\.md)\)", re.MULTILINE)
_LAST_LINE = re.compile(r"\n+(\[\[Back to README\]\]\(\.\./README\.md\)|<sub>.*</sub>)\s*\Z")


def order() -> list[tuple[str, str]]:
    """Title and file name of each page, as the index lists them."""
    return _ENTRY.findall(INDEX.read_text(encoding="utf-8"))


def last_line(number: int) -> str:
    """What stands below the page of that number in :func:`order`."""
    pages = order()
    steps = ["[Documentation](README.md)"]
    if number > 0:
        steps.insert(0, "[← %s](%s)" % pages[number - 1])
    if number + 1 < len(pages):
        steps.append("[%s →](%s)" % pages[number + 1])
    return "<sub>%s</sub>" % " · ".join(steps)


def with_last_line(text: str, number: int) -> str:
    return _LAST_LINE.sub("", text.rstrip("\n")) + "\n\n%s\n" % last_line(number)


if __name__ == "__main__":
    for position, (_, name) in enumerate(order()):
        page = DOCS / name
        text = page.read_text(encoding="utf-8")
        page.write_text(with_last_line(text, position), encoding="utf-8")
