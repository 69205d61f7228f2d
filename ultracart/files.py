"""Decides how files are uploaded, and where a download lands whatever the server calls it."""

from __future__ import annotations

import mimetypes
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

from .exceptions import ApiException, ApiTypeError, ApiValueError

_FILENAME = re.compile(r"filename=(?:\"([^\"]*)\"|'([^']*)'|([^\s;]+))", re.IGNORECASE)
_UNSAFE = re.compile(r"[^\w.,+ @=()\[\]-]")
# In bytes: file systems hold names of 255, and a taken name is made longer.
_LONGEST_STEM = 160
_LONGEST_EXTENSION = 40


def read_uploads(files: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, bytes, str]]]:
    """Multipart fields for paths, or lists of paths, by field name: name, bytes, MIME type.

    Raises:
        ApiTypeError: not a mapping of paths.
        ApiValueError: a file that cannot be read.
    """
    if not isinstance(files, Mapping):
        raise ApiTypeError("files must map field names to paths, not %s" % type(files).__name__)
    for field, paths in files.items():
        for path in (paths if isinstance(paths, list) else [paths]) if paths else ():
            # A number would be taken for a descriptor, of whatever it is, and closed.
            if not isinstance(path, (str, bytes, os.PathLike)):
                raise ApiTypeError("files[%r] must be a path, or a list of them" % (field,))
            try:
                with open(path, "rb") as file:
                    content = file.read()
            except (OSError, ValueError) as error:  # ValueError: a NUL in the path
                why = getattr(error, "strerror", error)
                raise ApiValueError("files[%r] cannot be read: %s" % (field, why)) from None
            # What the system could not decode must not keep the file from being sent.
            name = os.fsencode(os.path.basename(path)).decode("utf-8", "replace")
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            yield field, (name, content, kind)


def check_folder(folder: Any) -> None:
    """See that ``folder`` can be the name of one, before anything is downloaded for it.

    Raises:
        ApiTypeError, ApiValueError: it is none.
    """
    name = "Configuration.temp_folder_path"
    if folder is not None and not isinstance(folder, (str, os.PathLike)):
        raise ApiTypeError("%s must be a path or None, not %s" % (name, type(folder).__name__))
    try:
        if b"\0" in os.fsencode(folder or ""):
            raise ValueError
    except ValueError:
        raise ApiValueError("%s must be a name that the system takes" % name) from None


def save_response(response: Any, folder: str | None) -> str:
    """Write the body of ``response`` to a new file (mode 0600) in ``folder``; return its path.

    The name in the ``Content-Disposition`` header is used as far as it is a plain file name that
    is not taken; a path in it, a link or an existing file is never followed or replaced.

    Raises:
        ApiException: the folder cannot be written to; nothing is left behind, ``body`` has it all.
    """
    content = getattr(response, "content", response.data)
    if isinstance(content, str):
        content = content.encode("utf-8")
    name = _safe_name(response.getheader("Content-Disposition"))
    try:
        return _save(content, name, os.path.abspath(folder or tempfile.gettempdir()))
    except OSError as error:
        failure = ApiException(reason="the download cannot be written: %s" % error.strerror)
        failure.complete(response)
        raise failure from error


def _save(content: bytes, name: str, folder: str) -> str:
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


def _safe_name(disposition: str | None) -> str:
    found = _FILENAME.search(disposition or "")
    if not found:
        return ""
    name = next(group for group in (*found.groups(), "") if group is not None)
    name = _UNSAFE.sub("_", re.split(r"[/\\:]", name)[-1]).strip(" .")
    stem, extension = os.path.splitext(name)
    return _cut(stem, _LONGEST_STEM) + _cut(extension, _LONGEST_EXTENSION)


def _cut(text: str, size: int) -> str:
    return text.encode("utf-8")[:size].decode("utf-8", "ignore")


def _write(handle: int, path: str, content: bytes) -> str:
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except BaseException:
        os.unlink(path)
        raise
    return path
