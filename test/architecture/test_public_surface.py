"""Decides whether anything public has changed: names, bases, signatures, fields.

A difference is either a mistake or a change that users will notice. For the latter, record it with
``python test/architecture/public_surface.py > test/architecture/public_surface.txt``, look at the
difference, say in the commit why it changed, and add a line to the changelog.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from .public_surface import MODULES, surface

_RECORD = Path(__file__).with_name("public_surface.txt")


def test_public_surface_is_as_recorded() -> None:
    recorded, now = _RECORD.read_text(encoding="utf-8"), surface()
    difference = difflib.unified_diff(
        recorded.splitlines(), now.splitlines(), "recorded", "now", lineterm="", n=1
    )
    assert not list(difference), "a public name changed; see the top of this file"


def test_record_covers_every_public_module() -> None:
    recorded = _RECORD.read_text(encoding="utf-8")
    assert [line for line in recorded.splitlines() if line.startswith("[")] == [
        "[%s]" % module for module in MODULES
    ]
