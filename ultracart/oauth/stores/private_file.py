"""Decides that a file of tokens is its owner's alone."""

from __future__ import annotations

import errno
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
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            # A directory or device keeps its rights: it is not ours.
            raise OSError(errno.EINVAL, "it is not a regular file") from None
        mode = stat.S_IMODE(mode)
        if mode & 0o077 and os.name != "nt":
            os.chmod(path, mode & 0o700)
