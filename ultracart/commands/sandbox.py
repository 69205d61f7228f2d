"""The command ``ultracart sandbox``: a sandbox in the shell, with a line for each request."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from ..oauth.browser import open_browser
from .console import (
    CommandError,
    UsageError,
    is_terminal,
    printable,
    put,
    put_json,
    say,
    show,
    width_of,
)
from .logins import login_command
from .program import DEFAULT_ACCOUNT

try:
    from ..sandbox import Application, RecordedRequest, Sandbox as Sandbox
    from ..sandbox.switches import SWITCHES, Switch
except ImportError as _error:  # the error says which extra to install
    raise CommandError(str(_error)) from _error

_WELCOME = """\
The sandbox serves UltraCart's OAuth endpoints at {host}
for {applications}. In another terminal:

    export ULTRACART_HOST={host}
    {login}
{merchants}
Open that address in a browser to watch it.
Press Ctrl-C to stop; its tokens stop working then."""

_APPLICATION_KEYS = ("redirect", "name", "scope")
_ANSWER_KEYS = frozenset({"method", "path", "body", "sequence", "query", "status", "headers"})
# Arguments of ``Sandbox`` whose option can be given several times.
_ARGUMENTS = re.compile("^(applications|merchants|simple_keys)")
_COLOURS = {2: 32, 3: 36, 4: 33, 5: 31}  # green, cyan, yellow, red (ECMA-48, 8.3.117)
#: The path gets at least so many columns, however narrow the terminal is.
_SHORTEST_PATH = 12


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the sandbox's own options; a switch has the same name as in Python."""
    given = parser.add_argument_group("what it knows")
    given.add_argument(
        "--application",
        action="append",
        default=[],
        type=_argument(_application),
        metavar="ID[,redirect=URI...]",
        help="register an application; also ,name=NAME and ,scope=SCOPES; the first is the default",
    )
    given.add_argument(
        "--merchant",
        action="append",
        default=[],
        type=_argument(_merchant),
        metavar="ID[=NAME]",
        help="register a merchant (default: DEMO)",
    )
    given.add_argument(
        "--simple-key",
        action="append",
        default=[],
        metavar="KEY",
        help="accept this API simple key, beside YOUR_API_KEY",
    )
    given.add_argument(
        "--answer",
        action="append",
        default=[],
        metavar="FILE.json",
        help="prepare the responses in this file: a list of objects with method, path and body",
    )
    shown = parser.add_argument_group("what it shows")
    shown.add_argument("--open", action="store_true", help="open its page in the browser")
    shown.add_argument("--quiet", action="store_true", help="print no line for each request")
    switches = parser.add_argument_group("how it behaves")
    for switch in SWITCHES:
        _add_switch(switches, switch)


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C; the exit status is then 0."""
    try:
        with open_sandbox(arguments.port, **_options(arguments)) as sandbox:
            try:
                for answer in _answers(arguments.answer):
                    _prepare(sandbox, *answer)
                _announce(sandbox, arguments)
                sandbox.serve_forever()
            finally:
                # No warning about unused faults: they were set on the sandbox's page.
                sandbox.faults.clear()
    except KeyboardInterrupt:
        return 0
    return 0  # pragma: no cover - Ctrl-C is the only end


def open_sandbox(port: int = 0, **options: Any) -> Sandbox:
    """A running sandbox.

    Raises:
        CommandError: the port is taken or may not be used.
        UsageError: an argument is impossible.
    """
    try:
        return Sandbox(port=port, **options)
    except ValueError as error:
        raise UsageError(_ARGUMENTS.sub(_option, str(error))) from error
    except OSError as error:
        raise CommandError(
            "port %d cannot be used (%s): choose another with --port, 0 takes any free one"
            # The part from " (" on is about sockets.
            % (port, str(error.strerror).partition(" (")[0])
        ) from error


def _option(argument: re.Match[str]) -> str:
    return "--" + argument[0].removesuffix("s").replace("_", "-")


class RequestLines:
    """Writes one line for each request to a stream, and is called by threads of the server."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._is_terminal = is_terminal(stream)
        self._is_coloured = (
            self._is_terminal
            and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM") != "dumb"
        )

    def __call__(self, request: RecordedRequest) -> None:
        line = self.line(request, time.strftime("%H:%M:%S"))
        with self._lock, suppress(OSError, ValueError):  # stderr is closed
            if self._stream is not None:
                encoding = self._stream.encoding or "utf-8"
                text = line.encode(encoding, "backslashreplace").decode(encoding)
                print(text, file=self._stream, flush=True)

    def line(self, request: RecordedRequest, clock: str) -> str:
        """Time, method, path, status, application, milliseconds; cut to the terminal's width."""
        status = "reset" if request.status is None else str(request.status)
        milliseconds = "%.0f ms" % ((request.seconds or 0.0) * 1000)
        before = [clock, request.method]
        after = [status, printable(request.application or "-"), milliseconds]
        path = printable(request.path)
        if self._is_terminal:
            # The last column stays free: some terminals wrap there.
            room = width_of(self._stream) - 1
            parts = [before, after]
            for optional in (before[:1], after[1:2], after[2:]):
                if _length(parts) + _SHORTEST_PATH <= room:
                    break
                for part in parts:
                    part[:] = [word for word in part if word not in optional]
            path = _shortened(path, max(room - _length(parts), 3))
        if self._is_coloured:
            colour = _COLOURS.get((request.status or 599) // 100, 0)
            after[0] = "\x1b[%dm%s\x1b[m" % (colour, after[0])
        return " ".join([*before, path, *after])


def _length(parts: list[list[str]]) -> int:
    return sum(len(word) + 1 for part in parts for word in part)


def _shortened(path: str, room: int) -> str:
    if len(path) <= room:
        return path
    kept = room - 3
    return path[: kept // 2] + "..." + path[len(path) - (kept - kept // 2) :]


def _announce(sandbox: Sandbox, arguments: argparse.Namespace) -> None:
    if arguments.json:
        put_json({"host": sandbox.host, "client_id": sandbox.client_id, "url": sandbox.url})
    else:
        for line in _welcome(sandbox, arguments).split("\n"):
            # A command that was folded could not be copied.
            (put if line.startswith(" ") else show)(line)
    if arguments.open:
        open_browser(sandbox.url, lambda: say("No browser opens: go to %s" % sandbox.url))


def _welcome(sandbox: Sandbox, arguments: argparse.Namespace) -> str:
    ids = [item.client_id for item in arguments.application] or [sandbox.client_id]
    plural = "s" if len(ids) > 1 else ""
    merchants = [
        name if name == merchant else "%s (%s)" % (merchant, name)
        for merchant, name in arguments.merchant
    ]
    return _WELCOME.format(
        host=sandbox.host,
        applications="the application%s with the client id%s %s"
        % (plural, plural, printable(" and ".join(ids))),
        login=login_command(DEFAULT_ACCOUNT, sandbox.client_id, None),
        merchants="\nMerchants on the consent page: %s.\n" % ", ".join(merchants)
        if merchants
        else "",
    )


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for switch in SWITCHES:
        value = getattr(arguments, switch.name)
        if value is not None:
            options[switch.name] = None if value == _NONE else value
    for name in ("application", "merchant", "simple_key"):
        if getattr(arguments, name):
            options[name + "s"] = getattr(arguments, name)
    if "merchants" in options:
        ids = [merchant for merchant, _ in options["merchants"]]
        if len(set(ids)) < len(ids):
            raise UsageError("--merchant must have different ids, not " + ", ".join(ids))
        options["merchants"] = dict(options["merchants"])
    if not arguments.quiet:
        options["on_request"] = RequestLines(sys.stderr)
    return options


#: The value None of an option; argparse itself uses None for an option that was not given.
_NONE = ("none",)


def _add_switch(group: Any, switch: Switch) -> None:
    option = "--" + switch.name.replace("_", "-")
    default = "none" if switch.default is None else switch.default
    help_text = "%s (default: %s)" % (switch.summary, default)
    if switch.kind == "flag":
        help_text = "%s (default: %s)" % (switch.summary, "yes" if switch.default else "no")
        group.add_argument(
            option, action=argparse.BooleanOptionalAction, default=None, help=help_text
        )
        return
    metavar = {"seconds": "SECONDS", "status": "STATUS", "text": "TEXT"}.get(switch.kind)

    def read(text: str) -> Any:
        try:
            value = switch.read(text)
        except ValueError as error:  # argparse names the option
            raise ValueError(str(error).removeprefix(switch.name + " ")) from None
        return _NONE if value is None else value

    group.add_argument(
        option,
        type=_argument(read),
        metavar=metavar or "{%s}" % ",".join(switch.choices),
        help=help_text,
    )


def _argument(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """``read`` for argparse, which shows only the text of its own exception."""

    def checked(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return checked


def _application(text: str) -> Application:
    client_id, *settings = text.split(",")
    found: dict[str, list[str]] = {key: [] for key in _APPLICATION_KEYS}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if key not in found or not equals or not value:
            keys = ", ".join("%s=..." % key for key in _APPLICATION_KEYS)
            raise ValueError("after the client id comes one of %s, not %r" % (keys, setting))
        if key == "redirect" and not _is_uri(value):
            raise ValueError(
                "redirect= must be a URI such as http://127.0.0.1:5000/callback, not %r" % value
            )
        if key != "redirect" and found[key]:
            raise ValueError("%s= is given twice" % key)
        found[key].append(value)
    return Application(
        client_id.strip(),
        tuple(found["redirect"]),
        name=(found["name"] or [client_id.strip()])[0],
        scope=found["scope"][0] if found["scope"] else None,
    )


def _is_uri(text: str) -> bool:
    """Whether it has a scheme and no space; native applications have schemes of their own."""
    scheme, colon, rest = text.partition(":")
    return bool(colon and rest) and scheme.isascii() and scheme[:1].isalpha() and " " not in text


def _merchant(text: str) -> tuple[str, str]:
    merchant, _, name = text.partition("=")
    if not merchant.strip():
        raise ValueError("write it as ID or ID=NAME")
    return merchant.strip(), name.strip() or merchant.strip()


def _answers(files: list[str]) -> list[tuple[str, Mapping[str, Any]]]:
    """The prepared responses in the files, each with its place for messages."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for file in files:
        try:
            content = json.loads(Path(file).read_bytes())  # which knows a byte order mark
        except OSError as error:
            raise CommandError("%s cannot be read: %s" % (file, error.strerror)) from error
        except (ValueError, RecursionError) as error:
            raise CommandError("%s is not JSON: %s" % (file, error)) from error
        items = content if isinstance(content, list) else [content]
        found += [("%s, answer %d" % (file, number), i) for number, i in enumerate(items, 1)]
    return found


def _prepare(sandbox: Sandbox, place: str, item: Any) -> None:
    if not isinstance(item, dict) or not {"method", "path"} <= item.keys() <= _ANSWER_KEYS:
        others = ", ".join(sorted(_ANSWER_KEYS - {"method", "path"}))
        raise CommandError(
            "%s: must be an object with method and path, and nothing else but %s" % (place, others)
        )
    try:
        sandbox.answer(**item)
    except (TypeError, ValueError) as error:
        raise CommandError("%s: %s" % (place, error)) from error
