"""Every internal link and anchor of the documentation leads somewhere."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from .pages import PAGES, README, ROOT, anchors, links, relative


def _target(page: Path, link: str) -> tuple[Path, str]:
    parts = urlsplit(link)
    path = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    return path, unquote(parts.fragment)


def _leads_somewhere(page: Path, link: str) -> bool:
    path, fragment = _target(page, link)
    if ROOT not in [path, *path.parents] or not path.exists():
        return False
    return not fragment or path.suffix != ".md" or fragment in anchors(path)


def _internal(page: Path) -> list[str]:
    return [link for link in links(page) if not urlsplit(link).scheme]


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links(page: Path) -> None:
    assert not [link for link in _internal(page) if not _leads_somewhere(page, link)]


def test_every_page_is_reachable_from_the_readme() -> None:
    seen, waiting = set(), [README]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        waiting += [_target(page, link)[0] for link in _internal(page)]
    assert {relative(page) for page in PAGES} <= {relative(page) for page in seen if page.exists()}
