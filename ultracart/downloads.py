"""Decides where a downloaded file lands, whatever name the server gives it."""

from __future__ import annotations

import os
import re
import tempfile
from typing import Optional

_FILENAME = re.compile(r"filename=(?:\"([^\"]*)\"|'([^']*)'|([^\s;]+))", re.IGNORECASE)
_UNSAFE = re.compile(r"[^\w.,+ @=()\[\]-]")
_LONGEST_NAME = 120


def save_download(content: bytes, disposition: Optional[str], folder: Optional[str]) -> str:
    """Write ``content`` to a new file (mode 0600) in ``folder`` and return its path.

    The name in the ``Content-Disposition`` header is used as far as it is a plain file name that
    is not taken; a path in it, a link or an existing file is never followed or replaced.

    Raises:
        OSError: the folder cannot be written to; nothing is left behind.
    """
    folder = os.path.abspath(folder or tempfile.gettempdir())
    name = _safe_name(disposition)
    if name:
        path = os.path.join(folder, name)
        # O_EXCL refuses whatever is there already, a dangling symbolic link included.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            return _write(os.open(path, flags, 0o600), path, content)
        except FileExistsError:
            pass
    stem, extension = os.path.splitext(name or "download")
    handle, path = tempfile.mkstemp(prefix=stem + "-", suffix=extension, dir=folder)
    return _write(handle, path, content)


def _safe_name(disposition: Optional[str]) -> str:
    found = _FILENAME.search(disposition or "")
    if not found:
        return ""
    name = next(group for group in (*found.groups(), "") if group is not None)
    name = _UNSAFE.sub("_", re.split(r"[/\\:]", name)[-1]).strip(" .")
    stem, extension = os.path.splitext(name)
    return stem[:_LONGEST_NAME] + extension[:20]


def _write(handle: int, path: str, content: bytes) -> str:
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except BaseException:
        os.unlink(path)
        raise
    return path
