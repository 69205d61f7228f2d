"""Decides what the command ``ultracart`` understands, and which exit status it ends with."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import NamedTuple, Optional, Sequence

from .commands.console import CommandError, say
from .exceptions import UltraCartError
from .version import __version__

_FAILED = 1
_INTERRUPTED = 130  # 128 + SIGINT, as shells count
DEFAULT_SANDBOX_PORT = 8765


class _Command(NamedTuple):
    module: str
    summary: str


_COMMANDS = {
    "demo": _Command("demo", "show the whole life of a grant, on a sandbox of its own"),
    "sandbox": _Command("sandbox", "run an UltraCart OAuth server on this machine"),
}


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run one command; returns 0, 1 (failed), 2 (usage; argparse exits itself) or 130 (Ctrl-C)."""
    try:
        arguments = create_parser().parse_args(argv)
        status = _run(arguments)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        say("ultracart: interrupted")
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left; Python's own flush at exit must not complain again.
        sys.stdout = None  # type: ignore[assignment]
        return _FAILED
    except (CommandError, UltraCartError) as error:
        say("ultracart: %s" % error)
        return _FAILED


def _run(arguments: argparse.Namespace) -> int:
    # A command's module is loaded only when it runs, so that --help answers at once.
    module = import_module(".commands." + _COMMANDS[arguments.command].module, __package__)
    status: int = module.run(arguments)
    return status


def create_parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    parser = argparse.ArgumentParser(prog="ultracart", description="UltraCart OAuth.")
    parser.add_argument("--version", action="version", version="ultracart " + __version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    parsers = {
        name: commands.add_parser(name, help=command.summary, description=command.summary)
        for name, command in _COMMANDS.items()
    }
    sandbox = parsers["sandbox"]
    sandbox.add_argument(
        "--port",
        type=_port,
        default=DEFAULT_SANDBOX_PORT,
        help="TCP port on 127.0.0.1 (default: %(default)s; 0 takes any free one)",
    )
    sandbox.add_argument("--json", action="store_true", help="print host and client id as JSON")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("%r is not a port number from 0 to 65535" % text)
    return int(text)
