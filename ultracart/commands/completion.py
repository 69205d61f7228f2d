"""Completion in shells, by argcomplete: commands, options, and the names of stored logins."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import closing
from typing import Any

from ..exceptions import UltraCartError
from ..oauth.cli_logins import Login, open_login_store, stored_logins
from .program import Parser


def complete(parser: Parser) -> None:
    """Print the completions for the shell and exit; does nothing without argcomplete."""
    try:
        import argcomplete
    except ImportError:
        return
    values: dict[str, Callable[[Login], str]] = {
        "--account": lambda login: login.account,
        "--client-id": lambda login: login.client_id,
        "--host": lambda login: login.host,
    }
    for command in parser.commands.values():
        for action in command._actions:
            for option in action.option_strings:
                if option in values:
                    completed: Any = action
                    completed.completer = _stored(values[option])
    argcomplete.autocomplete(parser)


def _stored(value: Callable[[Login], str]) -> Callable[..., list[str]]:
    def completer(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
        try:
            with closing(open_login_store()) as store:
                return sorted({value(login) for login in stored_logins(store)})
        except UltraCartError:
            return []

    return completer
