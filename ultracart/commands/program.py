"""The parser of the command ``ultracart``: its commands and options, and messages for failures."""

from __future__ import annotations

import argparse
import math
import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NamedTuple, NoReturn

from ..exceptions import UltraCartError
from ..version import __version__
from .console import CommandError, UsageError, fold, is_terminal, printable, say, width_of

DEFAULT_SANDBOX_PORT = 8765
DEFAULT_ACCOUNT = "default"
_WRONG_USAGE = 2
# If the terminal has fewer columns, the description of an option is below it, not beside it.
_NARROW = 60


class _Command(NamedTuple):
    module: str
    summary: str


_COMMANDS = {
    "demo": _Command("demo", "show the whole life of a grant, on a sandbox of its own"),
    "sandbox": _Command("sandbox", "run an UltraCart OAuth server on this machine"),
    "login": _Command("login", "let a merchant authorize, and keep the token"),
    "status": _Command("status", "check every login at its server"),
    "api": _Command("api", "call any UltraCart resource, and print the response"),
    "token": _Command("tokens", "print a valid access token, and nothing else"),
    "whoami": _Command("tokens", "show which merchant authorized what"),
    "accounts": _Command("tokens", "list the logins on this machine"),
    "revoke": _Command("tokens", "revoke a grant at UltraCart, and delete its token"),
    "logout": _Command("tokens", "the same as revoke"),
    "keep-alive": _Command("upkeep", "refresh the grants that were not used for long"),
    "store": _Command("upkeep", "list, copy or reencrypt the tokens of a store"),
}
_VARIABLES = {
    "ULTRACART_HOST": "base URL, in place of https://secure.ultracart.com/rest/v2",
    "ULTRACART_CLIENT_ID": "the application's client id",
    "ULTRACART_ACCOUNT": 'the account, in place of "default"',
    "ULTRACART_ACCESS_TOKEN": "token that api, status, token and whoami use instead of a login",
}
_HOST_HELP = {
    "accounts": "only the logins at this base URL",
    "status": "only the logins at this base URL",
    "keep-alive": "only the logins at this base URL; with a store: base URL of the application "
    "(default: ULTRACART_HOST, or UltraCart's)",
}
_METHOD_FIRST = "write METHOD before PATH"
_BODY = "a body is the JSON in --json-body FILE, - for stdin; a query is -q NAME=VALUE"
_NO_HEADER = "the command sets every header itself"
_PIPE = "pipe the output to jq"
_INSTEAD_OF_GH_AND_CURL = {
    **dict.fromkeys(("-X", "--method", "--request"), _METHOD_FIRST),
    **dict.fromkeys(("-d", "-f", "-F", "--data", "--field", "--raw-field", "--input"), _BODY),
    **dict.fromkeys(("-H", "--header"), _NO_HEADER),
    **dict.fromkeys(("--jq", "-t", "--template"), _PIPE),
}
_STATUSES = "exit status: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C"


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns 0, 1, or 2 without one. Other wrong usage raises SystemExit."""
    try:
        parser = create_parser()
        if "_ARGCOMPLETE" in os.environ:  # the shell asks for completions
            import_module(".completion", __package__).complete(parser)
        arguments = parser.parse(sys.argv[1:] if argv is None else argv)
        if arguments.command is None:
            # Without a command, show the help.
            say(parser.format_help().rstrip())
            return _WRONG_USAGE
        try:
            return _run(arguments)
        except UsageError as error:
            parser.commands[arguments.command].error(str(error))
    except (CommandError, UltraCartError) as error:
        say("ultracart: %s" % error)
    except OSError as error:
        # A reader that closes the pipe, as `head` does, is not an error.
        if not isinstance(error, BrokenPipeError):
            say("ultracart: %s" % (error.strerror or error))
        # Python's own flush at exit would fail in the same way.
        sys.stdout = None
    return 1


def _run(arguments: argparse.Namespace) -> int:
    # A command's module is loaded only when it runs, so that --help is fast.
    module = import_module("." + _COMMANDS[arguments.command].module, __package__)
    status: int = module.run(arguments)
    return status


class Parser(argparse.ArgumentParser):
    """A parser that accepts no abbreviated option, and suggests one for an unknown option."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", _formatter)
        super().__init__(allow_abbrev=False, **options)
        self.color = False  # Python 3.14: usage texts go to stderr here, which it does not look at
        #: The parser of each command.
        self.commands: dict[str, Parser] = {}
        #: Advice for options that other programs have.
        self.instead: dict[str, str] = {}
        #: Whether options may be between positional arguments.
        self.intermixed: bool = False

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """The arguments; wrong ones raise SystemExit with status 2."""
        first = next((word for word in argv if not word.startswith("-")), None)
        if first is not None and first not in self.commands:
            self.error("unknown command %s" % self._suggest(first, self.commands))
        arguments: argparse.Namespace
        arguments, rest = self.parse_known_args(argv)
        if rest:
            parser = self.commands.get(arguments.command, self)
            parser.error(parser.unknown(rest))
        try:
            _complete(arguments)
        except argparse.ArgumentTypeError as error:
            self.commands[arguments.command].error(str(error))
        return arguments

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, args: Any = None, namespace: Any = None
    ) -> Any:
        """As argparse's. The main parser calls it for the parser of a command."""
        if not self.intermixed:
            return super().parse_known_args(args, namespace)
        self.intermixed = False  # argparse calls this method again
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self.intermixed = True

    def unknown(self, rest: Sequence[str]) -> str:
        """The message for unknown arguments; shows no values, because they may be secret."""
        option = next((word.partition("=")[0] for word in rest if word.startswith("-")), None)
        if option is None:
            return "one argument too many: %s" % printable(rest[0])
        instead = self.instead.get(option if option.startswith("--") else option[:2])
        if instead is not None:
            return "unknown option %s: %s" % (printable(option), instead)
        return "unknown option %s" % self._suggest(option, self._option_string_actions)

    @staticmethod
    def _suggest(word: str, known: Iterable[str]) -> str:
        near = get_close_matches(word, list(known), n=1, cutoff=0.6)
        return printable(word) + ("; did you mean %s?" % near[0] if near else "")

    def format_usage(self) -> str:
        """As argparse's, and on a narrow terminal without the indent that leaves no room."""
        return _narrowed(super().format_usage())

    def format_help(self) -> str:
        """As argparse's, with the usage of :meth:`format_usage`."""
        usage, blank, rest = super().format_help().partition("\n\n")
        return _narrowed(usage) + blank + (fold(rest, _width() - 1) if _is_narrow() else rest)

    def error(self, message: str) -> NoReturn:
        # argparse would write the usage to stdout where stderr is closed.
        say("%s%s: error: %s" % (self.format_usage(), self.prog, message))
        raise SystemExit(_WRONG_USAGE)


def _width() -> int:
    for stream in (sys.stdout, sys.stderr):
        if is_terminal(stream):
            return width_of(stream)
    return 80


def _narrowed(usage: str) -> str:
    if not _is_narrow():
        return usage
    end = "\n" if usage.endswith("\n") else ""
    return fold(" ".join(usage.split()), _width() - 1, hanging=2) + end


def _is_narrow() -> bool:
    return _width() < _NARROW


def _formatter(prog: str) -> argparse.HelpFormatter:
    width = _width()
    position = 24 if width >= _NARROW else 6
    return argparse.RawDescriptionHelpFormatter(prog, width=width - 1, max_help_position=position)


def _epilog() -> str:
    width = _width() - 1
    column = max(map(len, _VARIABLES)) + 4
    lines = ["environment variables:"]
    for name, meaning in _VARIABLES.items():
        if width < _NARROW:
            lines += ["  " + name, fold("      " + meaning, width)]
        else:
            lines.append(fold("  %s%s" % (name.ljust(column - 2), meaning), width, column - 2))
    return "\n".join([*lines, "", fold(_STATUSES, width)])


def _complete(arguments: argparse.Namespace) -> None:
    """Complete the options with those of the environment."""
    if hasattr(arguments, "account"):
        arguments.names_account = arguments.account is not None
        arguments.names_login = arguments.names_account or bool(arguments.client_id)
        name = arguments.account or os.environ.get("ULTRACART_ACCOUNT") or DEFAULT_ACCOUNT
        arguments.account = _from_environment("ULTRACART_ACCOUNT", name)
        if arguments.client_id is None and os.environ.get("ULTRACART_CLIENT_ID"):
            name = os.environ["ULTRACART_CLIENT_ID"]
            arguments.client_id = _from_environment("ULTRACART_CLIENT_ID", name)


def _from_environment(variable: str, value: str) -> str:
    try:
        return _text(value)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError("%s %s" % (variable, error)) from None


def create_parser() -> Parser:
    """The parser of the whole command line."""
    parser = Parser(
        prog="ultracart", description="UltraCart OAuth from the terminal.", epilog=_epilog()
    )
    parser.add_argument("--version", action="version", version="ultracart " + __version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    parsers = parser.commands
    for name, command in _COMMANDS.items():
        about = fold(command.summary[0].upper() + command.summary[1:] + ".", _width() - 1)
        parsers[name] = commands.add_parser(name, help=command.summary, description=about)
    _add_sandbox_options(parsers["sandbox"])
    _add_login_options(parsers["login"])
    _add_api_options(parsers["api"])
    _add_store_options(parsers["keep-alive"])
    _add_keep_alive_options(parsers["keep-alive"])
    _add_store_options(parsers["store"])
    _add_copy_options(parsers["store"])
    for name in ("revoke", "logout"):
        parsers[name].add_argument(
            "--forget",
            action="store_true",
            help="delete the login even if UltraCart cannot be told",
        )
    for name in ("login", "status", "api", "token", "whoami", "revoke", "logout"):
        _add_account_options(parsers[name], every=name == "status")
    for name in parsers.keys() - {"demo", "sandbox", "store"}:
        parsers[name].add_argument(
            "--host",
            type=_text,
            metavar="URL",
            help=_HOST_HELP.get(name, "base URL (default: ULTRACART_HOST, or UltraCart's)"),
        )
    for name in parsers.keys() - {"demo", "api"}:
        parsers[name].add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _add_sandbox_options(parser: argparse.ArgumentParser) -> None:
    parser.usage = "%(prog)s [-h] [--port PORT] [OPTION]..."  # the whole list would fill the screen
    parser.add_argument(
        "--port",
        type=_port,
        default=DEFAULT_SANDBOX_PORT,
        help="TCP port on 127.0.0.1 (default: %(default)s; 0 takes any free one)",
    )
    known = parser.parse_known_args

    def parse_known_args(args: Any = None, namespace: Any = None) -> Any:
        # The other options come from the sandbox module, which is loaded only for this command.
        vars(parser).pop("parse_known_args", None)
        import_module(".sandbox", __package__).add_options(parser)
        return known(args, namespace)

    vars(parser)["parse_known_args"] = parse_known_args


def _add_login_options(parser: argparse.ArgumentParser) -> None:
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--device", action="store_true", help="log in with a code, on any device with a browser"
    )
    way.add_argument(
        "--paste",
        action="store_true",
        help="log in with any browser, and paste the address that it shows at the end",
    )
    parser.add_argument(
        "--scope", type=_text, metavar="SCOPES", help="permissions to ask for, separated by spaces"
    )
    parser.add_argument(
        "--port",
        type=_port,
        help="TCP port of the redirect URI, http://127.0.0.1:PORT/callback (default: any free one)",
    )
    parser.add_argument(
        "--redirect-uri",
        type=_text,
        metavar="URI",
        help="redirect URI as it was registered, such as http://localhost:8910/callback",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        metavar="SECONDS",
        help="how long to wait for the browser (default: 300)",
    )
    parser.add_argument(
        "--no-browser",
        dest="browser",
        action="store_false",
        help="only show the address, and open no browser",
    )
    parser.add_argument(
        "--revoke-old",
        action="store_true",
        help="revoke the grant that the new login replaces",
    )


def _add_api_options(parser: Parser) -> None:
    parser.intermixed = True
    parser.instead = _INSTEAD_OF_GH_AND_CURL
    parser.add_argument(
        "method", nargs="?", metavar="METHOD", help="default: GET, or POST with --json-body"
    )
    parser.add_argument(
        "path", type=_text, metavar="PATH", help="path below the base URL: /order/orders"
    )
    parser.add_argument(
        "-q",
        "--query",
        type=_pair,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="query parameter; can be given again",
    )
    parser.add_argument(
        "--json-body", metavar="FILE", help="send the JSON in this file; - reads stdin"
    )
    parser.add_argument(
        "--paginate",
        type=_text,
        metavar="ITEMS",
        help="get all pages, and print this list of each as one",
    )
    parser.add_argument(
        "-i", "--include", action="store_true", help="print the status and the headers as well"
    )


def _add_account_options(parser: argparse.ArgumentParser, *, every: bool) -> None:
    """Add the options that say which login; ``every``: all of them are the default."""
    parser.add_argument(
        "--account",
        type=_text,
        metavar="NAME",
        help="only this login (default: all)"
        if every
        else "which login, if there are several (default: ULTRACART_ACCOUNT, or %r)"
        % DEFAULT_ACCOUNT,
    )
    parser.add_argument(
        "--client-id",
        type=_text,
        metavar="ID",
        help="only the logins of this application (default: ULTRACART_CLIENT_ID, or all)"
        if every
        else "the application (default: ULTRACART_CLIENT_ID; a sandbox has its own)",
    )


def _add_store_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--store",
        type=_text,
        metavar="URL",
        help="path of a SQLite token store, or URL of a database (default: ULTRACART_STORE)",
    )
    parser.add_argument(
        "--keys",
        metavar="FILE",
        help="file of Fernet keys, the newest first (default: those in ULTRACART_STORE_KEYS)",
    )
    parser.add_argument(
        "--table",
        type=_text,
        default="ultracart_token",
        metavar="NAME",
        help="table in the database (default: %(default)s)",
    )
    parser.add_argument("--schema", type=_text, metavar="NAME", help="schema of that table")


def _add_copy_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=("list", "copy", "reencrypt"),
        metavar="{list,copy,reencrypt}",
        help="list: show what is there; copy: to another store; reencrypt: with the newest key",
    )
    parser.add_argument(
        "--to",
        type=_text,
        metavar="URL",
        help="for copy: the other store (default: ULTRACART_STORE_TO)",
    )
    parser.add_argument(
        "--to-keys",
        metavar="FILE",
        help="its Fernet keys (default: those in ULTRACART_STORE_TO_KEYS, else the same)",
    )


def _add_keep_alive_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--client-id",
        type=_text,
        metavar="ID",
        help="the application (default: ULTRACART_CLIENT_ID); for logins: only its logins",
    )
    parser.add_argument(
        "--idle",
        type=_idle_seconds,
        default=86400,
        metavar="SECONDS",
        help="refresh grants that were not refreshed for this long (default: %(default)s)",
    )
    parser.add_argument(
        "--limit", type=_count, metavar="N", help="refresh at most this many (default: all)"
    )


def _pair(value: str) -> tuple[str, str]:
    name, equals, text = value.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError("write it as NAME=VALUE")
    return name, text


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


def _count(value: str) -> int:
    if not value.isdecimal() or int(value) == 0:
        raise argparse.ArgumentTypeError("%r is not a positive whole number" % value)
    return int(value)


def _seconds(value: str) -> float:
    if not 0 < _number(value) < math.inf:
        raise argparse.ArgumentTypeError("%r is not a positive number of seconds" % value)
    return float(value)


def _idle_seconds(value: str) -> float:
    if not 0 <= _number(value) < math.inf:
        raise argparse.ArgumentTypeError("%r is not a number of seconds" % value)
    return float(value)


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan
