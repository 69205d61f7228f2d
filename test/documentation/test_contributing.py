"""The route and the table of docs/Contributing.md lead to files that are there."""

from __future__ import annotations

import re
from pathlib import Path

from .pages import ROOT

PAGE = (ROOT / "docs" / "Contributing.md").read_text(encoding="utf-8")
#: Lines of the route that a newcomer reads at the most.
ROUTE = 1500


def test_the_route_is_short():
    steps = re.findall(r"^\d\. \[`([\w/.]+)`\]\(\.\./ultracart/\1\)", PAGE, re.MULTILINE)
    assert len(steps) == 4
    texts = [(ROOT / "ultracart" / step).read_text(encoding="utf-8") for step in steps]
    assert sum(text.count("\n") for text in texts) <= ROUTE


def test_each_subject_has_modules_and_tests():
    rows = re.findall(r"^\| .+ \| (.*) \| (.+) \|$", PAGE, re.MULTILINE)
    assert len(rows) > 10
    for modules, tests in rows[2:]:
        for root, names in ((ROOT / "ultracart", modules), (ROOT / "test", tests)):
            _require_paths(root, re.findall(r"`([\w/]+)`", names))


def test_each_environment_is_explained():
    names = re.findall(r"^\[testenv:([\w.-]+)", (ROOT / "tox.ini").read_text(), re.MULTILINE)
    explained = re.findall(r"`([\w.-]+)`", PAGE.partition("\n## The one command\n")[2])
    assert len(names) > 10
    assert set(names) <= set(explained)


def _require_paths(root: Path, names: list[str]) -> None:
    folder = ""
    for name in names:
        if "/" in name:
            folder = name.partition("/")[0]
        near, plain = root / folder / name, root / name
        found = (plain, plain.with_suffix(".py"), near, near.with_suffix(".py"))
        assert any(path.exists() for path in found), name
