"""A storm of changes, in short; ``tox -e stress -- storm`` is the long form."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from storm import FIRST_USE, FIRST_USE_RESULT, run_storm


def test_a_storm_of_changes() -> None:
    outcome = run_storm(4)
    assert not outcome.failures
    assert not outcome.hanging
    assert not outcome.grants_lost
    assert outcome.calls > 50
    assert outcome.changes > 50


@pytest.mark.parametrize("attempt", range(3))
def test_first_use_by_many_threads(sandbox, attempt):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FIRST_USE],
        env={
            **os.environ,
            "ULTRACART_HOST": sandbox.host,
            "ULTRACART_ACCESS_TOKEN": "access_token_example",
        },
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.stdout.strip(), done.stderr) == (FIRST_USE_RESULT, "")
