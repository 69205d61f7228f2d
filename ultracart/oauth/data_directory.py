"""The directory in which a user's logins are kept: the platform's for user data."""

from __future__ import annotations

import os
import sys

from ..exceptions import ConfigurationError

_NAME = "ultracart"


def data_directory() -> str:
    """The directory; it need not exist.

    ``$XDG_DATA_HOME/ultracart`` or ``~/.local/share/ultracart`` on Linux and other Unix systems
    (XDG Base Directory Specification), ``~/Library/Application Support/ultracart`` on macOS,
    ``%LOCALAPPDATA%\\ultracart`` on Windows.

    Raises:
        ConfigurationError: there is no home directory to derive it from.
    """
    if sys.platform == "win32":  # pragma: no cover - the tests run on Linux
        return _absolute(os.environ.get("LOCALAPPDATA"), "~\\AppData\\Local", "LOCALAPPDATA")
    if sys.platform == "darwin":  # pragma: no cover - the tests run on Linux
        return _absolute(None, "~/Library/Application Support", "HOME")
    return _absolute(os.environ.get("XDG_DATA_HOME"), "~/.local/share", "HOME")


def _absolute(given: str | None, otherwise: str, variable: str) -> str:
    # The XDG specification says to ignore relative paths.
    base = given if given and os.path.isabs(given) else os.path.expanduser(otherwise)
    if not os.path.isabs(base):
        raise ConfigurationError("no home directory is known: set %s to a directory" % variable)
    return os.path.join(base, _NAME)
