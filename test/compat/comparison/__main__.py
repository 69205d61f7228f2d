"""Runs one part of the comparison in this interpreter; prints its outcomes as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from .cases import CASES
from .harness import Sdk, outcome
from .recording_server import RecordingServer


def run_grid() -> dict[str, Any]:
    """The outcome of every case, by name."""
    with RecordingServer() as server:
        sdk = Sdk(server)
        return {case.name: outcome(sdk, case) for case in CASES}


def main() -> None:
    part, *arguments = sys.argv[1:]
    if part == "grid":
        told: Any = run_grid()
    elif part == "surface":
        from .surface import surface

        told = surface()
    elif part == "mounted":
        from .resources import run_resources

        told = run_resources(None, mounted=arguments[0])
    elif part == "version4":
        from .version4 import run_version4

        told = run_version4(arguments[0] if arguments else None)
    else:
        from .resources import run_resources

        told = run_resources(arguments[0] if arguments else None)
    json.dump(told, sys.stdout)


main()
