"""Whether a token grows old while the machine sleeps: `time.monotonic` would not."""

from __future__ import annotations

import inspect
import shutil
import subprocess
import sys

import pytest

from ultracart.oauth import OAuthSession

SLEPT = 3600
# In a time namespace the boot-time clock can be set ahead, as a suspend sets it ahead.
IN_A_MACHINE_THAT_SLEPT = ["unshare", "--time", "--boottime", str(SLEPT)]
PROGRAM = """
import inspect, time
from ultracart.oauth import OAuthSession
uptime = inspect.signature(OAuthSession).parameters["monotonic"].default
print(uptime() - time.monotonic())
"""


def test_never_runs_backwards():
    uptime = inspect.signature(OAuthSession).parameters["monotonic"].default
    first = uptime()
    assert uptime() >= first


def test_counts_the_time_that_the_machine_slept():
    if shutil.which("unshare") is None:
        pytest.skip("needs Linux's time namespaces")
    ran = subprocess.run(
        [*IN_A_MACHINE_THAT_SLEPT, sys.executable, "-c", PROGRAM], capture_output=True, text=True
    )
    if "unshare" in ran.stderr:
        pytest.skip("no time namespace may be made here: %s" % ran.stderr.strip())
    assert float(ran.stdout) > SLEPT - 1
