"""docs/Compatibility.md lists the deliberate differences, each with its reason."""

from __future__ import annotations

from .comparison.differences import DIFFERENCES
from .comparison.document import DOCUMENT, SUBJECTS, with_tables


def test_the_page_is_written_from_the_comparison():
    """To write it: cd test/compat && python -m comparison.document"""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == with_tables(text)
    assert "\n| %s | " % DIFFERENCES[-1].what in text


def test_every_difference_has_a_subject():
    listed = [row for rows in SUBJECTS.values() for row in rows]
    assert sorted(row.what for row in listed) == sorted(row.what for row in DIFFERENCES)
