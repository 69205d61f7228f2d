"""The sandbox's own page at ``/``."""

from __future__ import annotations

import threading

from flask import Blueprint

from .faults import Faults
from .recording import Recording
from .resources import Answers
from .state import State


def is_dashboard(path: str) -> bool:
    return path == "/"


def create_dashboard(
    state: State, faults: Faults, answers: Answers, recording: Recording, closing: threading.Event
) -> Blueprint:
    return Blueprint("dashboard", __name__)
