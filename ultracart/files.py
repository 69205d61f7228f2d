"""Files to upload, and files that a response is saved in; the server cannot choose their folder."""

from __future__ import annotations

import mimetypes
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from .exceptions import ApiException, ApiTypeError, ApiValueError
from .sending import encoded

# Parameters of a header (RFC 9110, section 5.6.6), with blanks around "=" as some servers send.
_PARAMETER = re.compile(r"(?:^|;)\s*([^\s=;\"]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^;]*))")
_ESCAPED = re.compile(r"\\([\"\\])")
_UNSAFE = re.compile(r"[^\w.,+ @=()\[\]-]")
# In bytes: a file name may have 255, and mkstemp() makes the name longer if a file has it.
_LONGEST_STEM = 160
_LONGEST_EXTENSION = 40


def read_uploads(files: Any) -> Iterator[tuple[str, tuple[str | None, bytes, str]]]:
    """Multipart fields of ``files``: field name, (file name, bytes, MIME type).

    ``files`` is a mapping or pairs; a value, or each item of a list, is a path, bytes, an open
    binary file, or ``(file name, content[, content type])`` with bytes, text, an open binary file
    or a ``Path`` as its content.

    Raises:
        ApiTypeError: something else.
        ApiValueError: a file that cannot be read.
    """
    pairs = files.items() if isinstance(files, Mapping) else files
    if isinstance(pairs, (str, bytes)) or not isinstance(pairs, Iterable):
        raise ApiTypeError("files must map field names to files, not %s" % type(files).__name__)
    for pair in pairs:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not isinstance(pair[0], str):
            raise ApiTypeError("files must be a dict or (field name, file) pairs")
        field, given = pair
        for one in given if isinstance(given, list) else [given]:
            if one is not None:
                yield field, _upload(field, one)


def _upload(field: str, given: Any) -> tuple[str | None, bytes, str]:
    name, source, kind = given, given, None
    if isinstance(given, tuple):
        if not 2 <= len(given) <= 3:
            raise ApiTypeError("files[%r] must be (file name, content[, content type])" % field)
        name, source, kind = (*given, None)[:3]
        if kind is not None and not isinstance(kind, str):
            raise ApiTypeError("files[%r]: the content type must be str" % field)
        if isinstance(source, str):  # text is content here; a path must be a Path
            source = encoded(source, "files[%r]" % field, kind or "")
    elif isinstance(given, (bytes, bytearray, memoryview)):
        name = field
    elif hasattr(given, "read"):
        name = getattr(given, "name", None)
        name = name if isinstance(name, (str, os.PathLike)) else field
    content = _content(field, source)
    if isinstance(name, (str, os.PathLike)):
        # A file whose name the system could not decode can be sent all the same.
        name = _sendable_name(field, os.path.basename(name))
    elif name is not None or not isinstance(given, tuple):
        raise ApiTypeError("files[%r]: the file name must be str" % field)
    if kind is None:
        kind = mimetypes.guess_type(name or "")[0] or "application/octet-stream"
    return name, content, kind


def _sendable_name(field: str, name: Any) -> str:
    try:
        return os.fsencode(name).decode("utf-8", "replace")
    except UnicodeEncodeError:
        pass  # the UnicodeError must not become the context
    raise ApiValueError("files[%s]: the file name holds a lone surrogate" % ascii(field))


def _content(field: str, source: Any) -> bytes:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    try:
        if hasattr(source, "read"):
            content = source.read()
        # open() takes a number for a file descriptor, and would close it.
        elif isinstance(source, (str, os.PathLike)):
            with open(source, "rb") as file:
                content = file.read()
        else:
            raise ApiTypeError(
                "files[%r] must be a path, bytes, an open binary file, "
                "(file name, content[, content type]), or a list of them" % field
            )
    except ApiTypeError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path, or a closed file
        why = getattr(error, "strerror", None) or error
        raise ApiValueError("files[%r] cannot be read: %s" % (field, why)) from None
    if isinstance(content, (bytearray, memoryview)):
        content = bytes(content)
    if not isinstance(content, bytes):
        raise ApiTypeError("files[%r] must be opened in binary mode ('rb')" % field)
    return content


def check_folder(folder: Any) -> None:
    """Check that ``folder`` can be the name of a folder, before anything is downloaded.

    Raises:
        ApiTypeError, ApiValueError: it cannot.
    """
    name = "Configuration.temp_folder_path"
    if folder is not None and not isinstance(folder, (str, os.PathLike)):
        raise ApiTypeError("%s must be a path or None, not %s" % (name, type(folder).__name__))
    try:
        if b"\0" in os.fsencode(folder or ""):
            raise ValueError
    except ValueError:
        raise ApiValueError("%s must be a file name that the system accepts" % name) from None


def save_response(response: Any, folder: str | None) -> str:
    """Write the body of ``response`` to a new file (mode 0600) in ``folder``; return its path.

    The file gets the name in the ``Content-Disposition`` header, without folders, unless it exists:
    no existing file is replaced and no link followed.

    Raises:
        ApiException: the folder cannot be written to; no partial file stays, and ``body`` has the
            whole content.
    """
    content = getattr(response, "content", response.data)
    if isinstance(content, str):
        content = content.encode("utf-8")
    name = _safe_name(response.getheader("Content-Disposition"))
    target = folder or tempfile.gettempdir()
    try:
        return _save(content, name, os.path.abspath(target))
    except OSError as error:
        failure = ApiException(
            reason="the download cannot be written to %r: %s. Set Configuration.temp_folder_path"
            % (target, error.strerror)
        )
        failure.complete(response)
        raise failure from error


def _save(content: bytes, name: str, folder: str) -> str:
    if name:
        path = os.path.join(folder, name)
        # O_EXCL fails if the name exists, even as a dangling symbolic link.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            return _write(os.open(path, flags, 0o600), path, content)
        except FileExistsError:
            pass
    stem, extension = os.path.splitext(name or "download")
    handle, path = tempfile.mkstemp(prefix=stem + "-", suffix=extension, dir=folder)
    return _write(handle, path, content)


def _safe_name(disposition: str | None) -> str:
    name = _UNSAFE.sub("_", re.split(r"[/\\:]", _given_name(disposition or ""))[-1]).strip(" .")
    stem, extension = os.path.splitext(name)
    return _cut(stem, _LONGEST_STEM) + _cut(extension, _LONGEST_EXTENSION)


def _given_name(disposition: str) -> str:
    """The file name in a Content-Disposition header; ``filename*`` comes first (RFC 6266, 4.3)."""
    found: dict[str, str] = {}
    for parameter, quoted, bare in _PARAMETER.findall(disposition):
        found.setdefault(parameter.lower(), _ESCAPED.sub(r"\1", quoted) or bare.strip())
    charset, _, value = found.get("filename*", "").partition("'")
    if value:
        try:
            return unquote_to_bytes(value.partition("'")[2]).decode(charset)
        except (LookupError, UnicodeError):
            pass  # use filename instead, if there is one
    name = found.get("filename", "")
    if len(name) > 1 and name[0] == name[-1] == "'":
        name = name[1:-1]
    try:
        return name.encode("latin-1").decode("utf-8")  # as many servers send, and browsers read
    except UnicodeError:
        return name


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
