"""Downloads: a response body into a file, piece by piece, complete or not at all."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from .exceptions import (
    ApiConnectionError,
    ApiException,
    ApiResponseError,
    ApiTimeoutError,
    ApiTypeError,
    ApiValueError,
)
from .transport.limits import BodyError, decompressed, is_identity

_PIECE = 64 * 1024
# Seconds; a longer timeout is as good as none.
_LONGEST = 1e9
_TOO_LATE = "no complete response in time"


def download(
    ask: Callable[[], Any],
    to: Any,
    progress: Callable[[int, int | None], object] | None,
    timeout: Any = None,
) -> None:
    """Write the body of the unread response that ``ask()`` returns into the file ``to``.

    ``timeout``, if it is a number, is the seconds for the whole download; ``ask`` checks it.

    Raises:
        ApiTypeError, ApiValueError: before ``ask`` is called: ``to`` cannot be written.
        ApiException: the call or the writing failed; ``to`` is unchanged.
    """
    if progress is not None and not callable(progress):
        raise ApiTypeError("progress must be a function, not %s" % type(progress).__name__)
    target = _checked(to)
    folder = os.path.dirname(target)
    try:
        handle, temporary = tempfile.mkstemp(prefix=".ultracart-", suffix=".part", dir=folder)
    except OSError as error:
        raise ApiValueError(
            "to: the folder cannot be written to: %r: %s" % (folder, error.strerror)
        ) from None
    try:
        # Unbuffered: after a failed write, closing a buffered file would write the rest again.
        with os.fdopen(handle, "wb", buffering=0) as file:
            ends = math.inf
            if isinstance(timeout, (int, float)):
                ends = monotonic() + min(timeout, _LONGEST)  # an int may be too large for a float
            response = ask()
            source = _Source(response, ends)
            try:
                _copy(source, file, progress)
            finally:
                response.close()
        _written(source, os.replace, temporary, target)
    except BaseException:
        with suppress(OSError):  # somebody may have removed it, or its folder
            os.unlink(temporary)
        raise


def _written(source: _Source, write: Callable[..., object], *arguments: Any) -> None:
    try:
        write(*arguments)
    except OSError as error:
        reason = "the download cannot be written: %s" % error.strerror
        raise source.failure(ApiException, reason) from error


def _checked(to: Any) -> str:
    if not isinstance(to, (str, os.PathLike)):
        raise ApiTypeError("to must be the path of a file, not %s" % type(to).__name__)
    try:
        target = os.path.abspath(os.fsdecode(to))
        if not os.fspath(to) or b"\0" in os.fsencode(target):
            raise ValueError
    except ValueError:
        raise ApiValueError("to must be a file name that the system accepts") from None
    except OSError:
        raise ApiValueError("to must be an absolute path: the current folder was removed") from None
    if os.path.isdir(target) or os.fsdecode(to).endswith(os.sep):
        raise ApiValueError("to names a folder: name a file in it")
    if os.path.exists(target) and not os.path.isfile(target):
        raise ApiValueError("to must be a regular file, which is replaced; not a device or pipe")
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise ApiValueError("to: its folder does not exist, make it first: %r" % folder)
    return target


def _copy(source: _Source, file: Any, progress: Callable[[int, int | None], object] | None) -> None:
    done = 0
    for piece in source.pieces():
        _written(source, _write, file, piece)
        done += len(piece)
        if progress is not None:
            progress(done, source.size)
    if progress is not None and not done:
        progress(done, source.size)


def _write(file: Any, piece: bytes) -> None:
    left = memoryview(piece)
    while left:
        left = left[file.write(left) :]


class _Source:
    """The body of an unread response, and the errors of reading it."""

    def __init__(self, response: Any, ends: float) -> None:
        self._response = response
        # By attribute: vcrpy's responses take no argument for it.
        response.decode_content = False
        self._ends = ends
        deadline = getattr(response, "deadline", None)  # a stand-in's response has none
        if deadline is not None:
            deadline.body_ends = ends
        self._encoding: str = response.headers.get("Content-Encoding") or ""
        length = response.headers.get("Content-Length", "")
        is_known = is_identity(self._encoding) and length.isascii() and length.isdigit()
        # Bytes in all, or ``None`` where the server does not say.
        self.size = int(length) if is_known else None

    def pieces(self) -> Iterator[bytes]:
        """The decompressed pieces of the body, none empty, as they come."""
        pieces: Iterable[bytes] = self._received()
        if not is_identity(self._encoding):
            pieces = decompressed(pieces, self._encoding)
        try:
            yield from filter(None, pieces)
        except BodyError as error:
            reason = str(error)
        else:
            return
        facts = {"status": self._response.status, "headers": self._response.headers}
        raise self.failure(ApiResponseError, reason, **facts)

    def _received(self) -> Iterator[bytes]:
        while True:
            piece = self._read()
            if not piece:
                return
            if monotonic() > self._ends:
                raise self.failure(ApiTimeoutError, _TOO_LATE)
            yield piece

    def _read(self) -> bytes:
        try:
            # Not read(), which would wait until all of these bytes have arrived.
            piece: bytes = self._response.read1(_PIECE)
            return piece
        except Exception as error:
            failure = self._translated(error)
        raise failure

    def _translated(self, error: Exception) -> ApiException:
        """The error for an interrupted body; quotes nothing that the server sent."""
        link: BaseException | None = error
        while link is not None:
            if isinstance(link, TimeoutError):
                return self.failure(ApiTimeoutError, _TOO_LATE)
            link = link.__cause__ or link.__context__
        return self.failure(
            ApiConnectionError, "the download was interrupted (%s)" % type(error).__name__
        )

    def failure(self, error_class: type[ApiException], reason: str, **facts: Any) -> ApiException:
        """An error with the facts of this call; quotes nothing that the server sent."""
        line = "GET " + urlsplit(self._response.geturl() or "").path
        return error_class(reason=reason, request_sent=True, request_line=line, **facts)
