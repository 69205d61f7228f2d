"""Decides how ``ultracart sandbox`` serves: on which port, and what it tells the developer."""

from __future__ import annotations

import argparse

from .console import CommandError, put, put_json

try:
    from ..sandbox import Sandbox as Sandbox
except ImportError as _error:  # it says which extra to install
    raise CommandError(str(_error)) from _error

_WELCOME = """\
The sandbox serves UltraCart's OAuth endpoints at {host}
for the application with the client id {client_id}. In another terminal:

    export ULTRACART_HOST={host}
    ultracart login

Press Ctrl-C to stop; whatever it issued ends with it."""


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    with open_sandbox(arguments.port) as sandbox:
        if arguments.json:
            put_json({"host": sandbox.host, "client_id": sandbox.client_id})
        else:
            put(_WELCOME.format(host=sandbox.host, client_id=sandbox.client_id))
        sandbox.serve_forever()
    return 0  # pragma: no cover - Ctrl-C is the only end


def open_sandbox(port: int = 0) -> Sandbox:
    """A running sandbox.

    Raises:
        CommandError: the port is taken or may not be used.
    """
    try:
        return Sandbox(port=port)
    except OSError as error:
        raise CommandError(
            "port %d cannot be used (%s): choose another with --port, 0 takes any free one"
            % (port, str(error.strerror).partition(" (")[0])  # it goes on about sockets
        ) from error
