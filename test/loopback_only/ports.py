"""Ports for what a test starts later, or twice."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

# Linux gives ports from 32768 on to connections and to whoever asks for any port, others later ones
# still: a port from there may be somebody else's before the test's program takes it.
_FIRST, _BEYOND = 20_000, 32_768
# Not the generator that pytest-randomly seeds, equally in two runs at the same time.
_random = random.SystemRandom()


def free_port() -> int:
    """A port that is free on 127.0.0.1, and that the system gives to nobody by itself."""
    while True:
        port = _random.randrange(_FIRST, _BEYOND)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
