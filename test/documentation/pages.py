"""The pages of the documentation, and what a Markdown page holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
#: Every page a reader may open; a new file below docs/ is one at once.
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: The specification's own examples, with the imports that they lack.
SPEC_EXAMPLES = Path(__file__).with_name("spec_examples.md")

_NAMED_ANCHOR = re.compile(r"""<a\s+(?:name|id)=["']([^"']+)["']""")
_PARSER = MarkdownIt("commonmark").enable("table")


class Fence(NamedTuple):
    """A fenced block: its language tag, its first line and its text."""

    language: str
    line: int
    source: str


def relative(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def tokens(page: Path) -> Iterator[Token]:
    """The page's tokens, those of its text included."""
    for token in _PARSER.parse(page.read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def fences(page: Path) -> list[Fence]:
    return [
        Fence(token.info.strip(), token.map[0] + 1 if token.map else 0, token.content)
        for token in tokens(page)
        if token.type == "fence"
    ]


def links(page: Path) -> list[str]:
    """The targets of links and images."""
    found = []
    for token in tokens(page):
        target = token.attrGet("href") or token.attrGet("src")
        if token.type in ("link_open", "image") and target is not None:
            found.append(str(target))
    return found


def anchors(page: Path) -> set[str]:
    """What ``#...`` may name: headings by the code host's rule, and explicit anchors."""
    found: set[str] = set()
    previous = None
    for token in tokens(page):
        if token.type in ("html_block", "html_inline"):
            found.update(_NAMED_ANCHOR.findall(token.content))
        if token.type == "inline" and previous == "heading_open":
            words = [child.content for child in token.children or () if child.tag != "img"]
            slug = re.sub(r"[^\w\- ]", "", "".join(words).strip().lower()).replace(" ", "-")
            number = 0
            while (unique := "%s-%d" % (slug, number) if number else slug) in found:
                number += 1
            found.add(unique)
        previous = token.type
    return found
