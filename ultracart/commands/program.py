"""Decides what the command ``ultracart`` understands, and what is said when it fails."""

from __future__ import annotations

import argparse
import math
import os
import sys
import unicodedata
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple, NoReturn

from ..exceptions import UltraCartError
from ..version import __version__
from .console import CommandError, say

DEFAULT_SANDBOX_PORT = 8765
DEFAULT_ACCOUNT = "default"
_WRONG_USAGE = 2


class _Command(NamedTuple):
    module: str
    summary: str


_COMMANDS = {
    "demo": _Command("demo", "show the whole life of a grant, on a sandbox of its own"),
    "sandbox": _Command("sandbox", "run an UltraCart OAuth server on this machine"),
    "login": _Command("login", "let a merchant authorize, and keep the token"),
    "token": _Command("tokens", "print a valid access token, and nothing else"),
    "whoami": _Command("tokens", "show which merchant authorized what"),
    "accounts": _Command("tokens", "list the logins on this machine"),
    "revoke": _Command("tokens", "end a grant at UltraCart, and forget it"),
}
_EPILOG = """\
environment variables:
  ULTRACART_HOST       base URL, in place of https://secure.ultracart.com/rest/v2
  ULTRACART_CLIENT_ID  the application's client id
  ULTRACART_ACCOUNT    the account, in place of "default"

exit status: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C
"""


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns 0, 1, or 2 without one. Other wrong usage raises SystemExit."""
    try:
        parser = create_parser()
        arguments = parser.parse_args(argv)
        if arguments.command is None:
            # Somebody who tries out the name alone wants to know what there is.
            say(parser.format_help().rstrip())
            return _WRONG_USAGE
        return _run(arguments)
    except (CommandError, UltraCartError) as error:
        say("ultracart: %s" % error)
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # a reader that has enough is no failure to tell
            say("ultracart: %s" % (error.strerror or error))
        # Python's own flush at exit would fail in the same way.
        sys.stdout = None
    return 1


def _run(arguments: argparse.Namespace) -> int:
    # A command's module is loaded only when it runs, so that --help answers at once.
    module = import_module("." + _COMMANDS[arguments.command].module, __package__)
    status: int = module.run(arguments)
    return status


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # argparse would write the usage to stdout where stderr is closed.
        say("%s%s: error: %s" % (self.format_usage(), self.prog, message))
        raise SystemExit(_WRONG_USAGE)


def create_parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    parser = _Parser(
        prog="ultracart",
        description="UltraCart OAuth from the terminal.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version="ultracart " + __version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    parsers = {}
    for name, command in _COMMANDS.items():
        about = command.summary[0].upper() + command.summary[1:] + "."
        parsers[name] = commands.add_parser(name, help=command.summary, description=about)
    _add_sandbox_options(parsers["sandbox"])
    _add_login_options(parsers["login"])
    parsers["revoke"].add_argument(
        "--forget", action="store_true", help="forget it even if UltraCart cannot be told"
    )
    for name in ("login", "token", "whoami", "revoke"):
        _add_account_options(parsers[name])
    for name in ("login", "token", "whoami", "accounts", "revoke"):
        parsers[name].add_argument(
            "--host",
            type=_text,
            metavar="URL",
            help="base URL (default: ULTRACART_HOST, or UltraCart's)"
            if name != "accounts"
            else "only the logins at this base URL",
        )
    for name in ("sandbox", "login", "token", "whoami", "accounts", "revoke"):
        parsers[name].add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _add_sandbox_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port",
        type=_port,
        default=DEFAULT_SANDBOX_PORT,
        help="TCP port on 127.0.0.1 (default: %(default)s; 0 takes any free one)",
    )


def _add_login_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device", action="store_true", help="log in with a code, on any device with a browser"
    )
    parser.add_argument(
        "--scope", type=_text, metavar="SCOPES", help="permissions to ask for, separated by spaces"
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=0,
        help="TCP port of the redirect URI, http://127.0.0.1:PORT/callback (default: any free one)",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=300,
        metavar="SECONDS",
        help="how long to wait for the browser (default: %(default)s)",
    )
    parser.add_argument(
        "--no-browser",
        dest="browser",
        action="store_false",
        help="only show the address, and open no browser",
    )


def _add_account_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--account",
        type=_text,
        metavar="NAME",
        default=os.environ.get("ULTRACART_ACCOUNT") or DEFAULT_ACCOUNT,
        help="which login, if there are several (default: %(default)s)",
    )
    parser.add_argument(
        "--client-id",
        type=_text,
        metavar="ID",
        default=os.environ.get("ULTRACART_CLIENT_ID") or None,
        help="the application (default: ULTRACART_CLIENT_ID; a sandbox has its own)",
    )


def _text(value: str) -> str:
    if not value.strip():
        raise argparse.ArgumentTypeError("must not be empty")
    if any(unicodedata.category(char) == "Cc" for char in value):
        raise argparse.ArgumentTypeError("must not hold line breaks or other control characters")
    return value


def _port(value: str) -> int:
    if not value.isdecimal() or int(value) > 65535:
        raise argparse.ArgumentTypeError("%r is not a port number from 0 to 65535" % value)
    return int(value)


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError("%r is not a positive number of seconds" % value)
    return seconds
