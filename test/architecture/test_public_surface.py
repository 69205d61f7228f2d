"""Nothing public changes unnoticed: names, bases, signatures, fields.

A difference is either a mistake or a change that users will notice. For the latter, record it with
``python test/architecture/public_surface.py > test/architecture/public_surface.txt``, look at the
difference, say in the commit why it changed, and add a line to the changelog.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from pathlib import Path

from .public_surface import MODULES, public_names, surface

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


def test_every_public_name_is_described() -> None:
    silent = set()
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        for name in public_names(module):
            value = getattr(module, name)
            members = vars(value) if isinstance(value, type) else {}
            found = {member: members[member] for member in members if not member.startswith("_")}
            for member, thing in {"": value, **found}.items():
                plain = getattr(thing, "__func__", thing)
                if isinstance(plain, (type, property)) or inspect.isfunction(plain):
                    whole = (
                        getattr(value, member)
                        if member and not isinstance(thing, property)
                        else thing
                    )
                    if not inspect.getdoc(whole):
                        silent.add("%s.%s.%s" % (module_name, name, member))
    assert not silent
