"""Every page has its place in the index, and leads to the ones before and after."""

from __future__ import annotations

from .navigation import DOCS, INDEX, order, with_last_line


def test_every_page_is_in_the_index_once():
    listed = [name for _, name in order()]
    assert sorted(listed) == sorted(page.name for page in DOCS.glob("*.md") if page != INDEX)


def test_every_page_leads_on():
    """To mend it: python test/documentation/navigation.py"""
    for position, (_, name) in enumerate(order()):
        text = (DOCS / name).read_text(encoding="utf-8")
        assert text == with_last_line(text, position), name
