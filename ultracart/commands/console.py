"""Decides where a command writes: data to stdout, messages for people to stderr."""

from __future__ import annotations

import json
import sys
from typing import Any


class CommandError(Exception):
    """A failure that the user can do something about: one line on stderr, exit status 1."""


def say(text: str = "") -> None:
    """Write a message for the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


def put(text: str = "") -> None:
    """Write data, for the next program or for the eye."""
    print(text, flush=True)


def put_json(value: Any) -> None:
    """Write data as one JSON value."""
    put(json.dumps(value, indent=2, sort_keys=True))
