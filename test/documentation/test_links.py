"""Decides whether every internal link and anchor of the documentation leads somewhere."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from .pages import PAGES, README, ROOT, anchors, links, relative


def _target(page: Path, link: str) -> tuple[Path, str]:
    parts = urlsplit(link)
    path = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    return path, unquote(parts.fragment)


def _internal(page: Path) -> list[str]:
    return [link for link in links(page) if not urlsplit(link).scheme]


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links(page: Path) -> None:
    broken = []
    for link in _internal(page):
        path, fragment = _target(page, link)
        inside = path == ROOT or ROOT in path.parents
        if not inside or not path.exists():
            broken.append(link)
        elif fragment and path.suffix == ".md" and fragment not in anchors(path):
            broken.append(link)
    assert not broken


def test_every_page_is_reachable_from_the_readme() -> None:
    seen, waiting = set(), [README]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        waiting += [_target(page, link)[0] for link in _internal(page)]
    assert {relative(page) for page in PAGES} <= {relative(page) for page in seen if page.exists()}
