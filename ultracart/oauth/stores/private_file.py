"""Decides that a file of tokens is its owner's alone."""

from __future__ import annotations

import os
import stat


def make_private_file(path: str) -> None:
    """Make the file with mode 0600 if it is not there, and take others' rights from it if it is.

    Made before a database does it, the file is private from its first moment. Its directory is
    made too, with mode 0700. Raises OSError.
    """
    os.makedirs(os.path.dirname(path) or ".", 0o700, exist_ok=True)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        mode = stat.S_IMODE(os.stat(path).st_mode)
        if mode & 0o077 and os.name != "nt":
            os.chmod(path, mode & 0o700)
