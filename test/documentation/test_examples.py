"""Every example of README and docs runs as it stands.

What happens to a fenced block follows from its language tag alone:

- ``python``: run unmodified in a fresh interpreter, in an empty directory, with ``ULTRACART_HOST``
  naming a running sandbox and no other setting. It must exit with status 0, without a traceback,
  a warning or the words of an example's error branch.
- ``bash``, ``sh``: run by bash in the same way, with this environment's commands on ``PATH``;
  what installs or starts a checkout is run elsewhere (see RUN_ELSEWHERE).
- ``console``: a transcript; a test of its own, which must name the page, compares it.
- everything in NOT_RUN: shown only.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser

from ultracart.sandbox import Sandbox

from .pages import PAGES, README, ROOT, SPEC_EXAMPLES, fences, relative

#: Seconds for one example.
DEADLINE = 60
NOT_RUN = {"text", "mermaid", "json", "html", "ini", "toml", "yaml", "nginx", "dockerfile", "http"}
_CONTRIBUTING = ROOT / "docs" / "Contributing.md"
#: What needs a checkout or cannot run inside itself: its page, and the file that runs these words.
RUN_ELSEWHERE = {
    "python -m pip install '.[sandbox]' && python -m ultracart demo": (
        README,
        "test/distribution/test_readme_commands.py",
    ),
    "pip install -e '.[dev]' && pytest test/core": (
        _CONTRIBUTING,
        "test/distribution/test_readme_commands.py",
    ),
    "python -m pip install tox && tox": (README, ".ci/run"),
    'for bin in "$(pyenv root)"/versions/3.*/bin; do PATH="$PATH:$bin"; done': (
        _CONTRIBUTING,
        ".ci/run",
    ),
    'newest=$(.ci/pythons)\nPATH="$PATH${newest:+:$newest}"': (_CONTRIBUTING, ".ci/run"),
}
#: Installing alone is tried by test/distribution for each extra.
_INSTALL = re.compile(r"(python -m pip install '?\.(\[[a-z,]+\])?'?\n)+")
#: Libraries that have no wheel for some Python: tox.ini installs them where they have.
_OPTIONAL = re.compile(r"^import (aiohttp|pandas)\b", re.MULTILINE)
_BAD_SIGNS = re.compile(r"Exception when calling|Traceback \(most recent|\w+Warning: ")


def _evaluate(command: list[str], example: Example) -> None:
    scratch, host = example.namespace["scratch"], example.namespace["host"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ran = subprocess.run(
        [*command, str(example.parsed)],
        cwd=scratch,
        env={"ULTRACART_HOST": host, "HOME": scratch, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    told = "status %d\n%s\n%s" % (ran.returncode, ran.stdout, ran.stderr)
    assert ran.returncode == 0, told
    assert not _BAD_SIGNS.search(ran.stdout + ran.stderr), told


def _run_python(example: Example) -> None:
    _evaluate([sys.executable, "-c"], example)


def _run_bash(example: Example) -> None:
    _evaluate(["bash", "-euo", "pipefail", "-c"], example)


def _runs_elsewhere(block: str) -> bool:
    if "official.mount(" in block:  # what needs the official SDK: test/compat/test_mount.py
        return True
    return block.strip() in RUN_ELSEWHERE or _INSTALL.fullmatch(block) is not None


_RUN = {"python": _run_python, "bash": _run_bash, "sh": _run_bash}
_SYBIL = Sybil(
    parsers=[CodeBlockParser(language, evaluator) for language, evaluator in _RUN.items()]
)
EXAMPLES = [
    pytest.param(example, id="%s:%d" % (relative(page), example.line))
    for page in [*PAGES, SPEC_EXAMPLES]
    for example in _SYBIL.parse(page).examples()
    if not _runs_elsewhere(str(example.parsed))
]


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with Sandbox() as running:
        # A merchant's orders, for pages that show what to do with them.
        for offset, more in ((0, True), (1, False)):
            result_set = {"count": 1, "limit": 200, "more": more, "next_offset": offset + 1}
            order = {"order_id": "DEMO-%d" % (offset + 1), "summary": {"total": {"value": 9.5}}}
            running.answer(
                "GET",
                "/order/orders",
                {"orders": [order], "metadata": {"result_set": result_set}, "success": True},
                query={"_offset": str(offset)},
            )
        yield running.host


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(example: Example, host: str, tmp_path: Path) -> None:
    for library in _OPTIONAL.findall(str(example.parsed)):
        pytest.importorskip(library, reason="%s has no wheel for this Python" % library)
    example.namespace.update(host=host, scratch=str(tmp_path))
    example.evaluate()


@pytest.mark.parametrize("page", [*PAGES, SPEC_EXAMPLES], ids=relative)
def test_no_block_escapes(page: Path) -> None:
    """Sybil finds blocks by a pattern, so a Markdown parser counts them too."""
    found = fences(page)
    strange = [
        (f.line, f.language) for f in found if f.language not in {*_RUN, *NOT_RUN, "console"}
    ]
    assert not strange, "no rule says whether to run these blocks: tag them"
    runnable = [fence for fence in found if fence.language in _RUN]
    assert len(list(_SYBIL.parse(page).examples())) == len(runnable)


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_transcripts_are_compared(page: Path) -> None:
    if not any(fence.language == "console" for fence in fences(page)):
        return
    tests = (path for path in (ROOT / "test").rglob("*.py") if path.parent != Path(__file__).parent)
    assert any(page.name in path.read_text(encoding="utf-8") for path in tests), (
        "no test compares the transcripts of " + page.name
    )


@pytest.mark.parametrize(("block", "place"), RUN_ELSEWHERE.items())
def test_blocks_run_elsewhere_are_run_there(block: str, place: tuple[Path, str]) -> None:
    page, runner = place
    assert block in [fence.source.strip() for fence in fences(page)]
    assert block in (ROOT / runner).read_text(encoding="utf-8")
