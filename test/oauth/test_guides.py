"""The stores of the documentation keep the contract, run as their pages say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def run(page, directory, **environment):
    """pytest on the one example of the page that has tests, in a project of its own."""
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (block,) = [block for block in blocks if "TokenStoreContract" in block]
    (directory / "test_own_store.py").write_text(block, encoding="utf-8")
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_own_store.py"],
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "failed" not in done.stdout


def test_the_example_of_a_store_of_your_own_passes(tmp_path):
    run("TokenStores.md", tmp_path)


def test_the_django_store_passes_on_sqlite(tmp_path):
    pytest.importorskip("django")
    run("DjangoTokenStore.md", tmp_path)


def test_the_django_store_passes_on_postgresql(tmp_path, postgresql):
    pytest.importorskip("django")
    named = {"PGHOST": postgresql.socket, "PGDATABASE": "postgres", "PGUSER": "postgres"}
    run("DjangoTokenStore.md", tmp_path, **named)
