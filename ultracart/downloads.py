"""Downloads: a response body into a file, piece by piece, complete or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import Any

from .exceptions import (
    ApiConnectionError,
    ApiException,
    ApiTimeoutError,
    ApiTypeError,
    ApiValueError,
)

_PIECE = 64 * 1024


def download(
    ask: Callable[[], Any], to: Any, progress: Callable[[int, int | None], object] | None
) -> None:
    """Write the body of the unread response that ``ask()`` returns into the file ``to``.

    Raises:
        ApiTypeError, ApiValueError: before ``ask`` is called: ``to`` cannot be written.
        ApiException: the call or the writing failed; ``to`` is as it was.
    """
    if progress is not None and not callable(progress):
        raise ApiTypeError("progress must be a function, not %s" % type(progress).__name__)
    target = _checked(to)
    try:
        handle, temporary = tempfile.mkstemp(
            prefix=".ultracart-", suffix=".part", dir=os.path.dirname(target)
        )
    except OSError as error:
        raise ApiValueError("to: the folder cannot be written to: %s" % error.strerror) from None
    try:
        # Without a buffer, which would be written once more where writing has failed.
        with os.fdopen(handle, "wb", buffering=0) as file:
            response = ask()
            try:
                _copy(response, file, progress)
            finally:
                response.close()
        _written(os.replace, temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _written(write: Callable[..., object], *arguments: Any) -> None:
    try:
        write(*arguments)
    except OSError as error:
        raise ApiException(reason="the download cannot be written: %s" % error.strerror) from error


def _checked(to: Any) -> str:
    if not isinstance(to, (str, os.PathLike)):
        raise ApiTypeError("to must be the path of a file, not %s" % type(to).__name__)
    try:
        target = os.path.abspath(os.fsdecode(to))
        if not os.fspath(to) or b"\0" in os.fsencode(target):
            raise ValueError
    except ValueError:
        raise ApiValueError("to must be a file name that the system accepts") from None
    if os.path.isdir(target) or os.fsdecode(to).endswith(os.sep):
        raise ApiValueError("to names a folder: name a file in it")
    if not os.path.isdir(os.path.dirname(target)):
        raise ApiValueError("to: its folder does not exist")
    return target


def _copy(response: Any, file: Any, progress: Callable[[int, int | None], object] | None) -> None:
    length = response.headers.get("Content-Length", "")
    is_plain = response.headers.get("Content-Encoding", "identity").lower() == "identity"
    total = int(length) if is_plain and length.isascii() and length.isdigit() else None
    done = 0
    while True:
        piece = _read(response)
        if piece:
            _written(_write, file, piece)
            done += len(piece)
        if progress is not None and (piece or not done):
            progress(done, total)
        if not piece:
            return


def _write(file: Any, piece: bytes) -> None:
    left = memoryview(piece)
    while left:
        left = left[file.write(left) :]


def _read(response: Any) -> bytes:
    try:
        piece: bytes = response.read(_PIECE, decode_content=True)
        return piece
    except Exception as error:
        failure = _translated(error)
    raise failure


def _translated(error: Exception) -> ApiException:
    """The error for a body that broke off; quotes nothing that the server sent."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, TimeoutError):
            return ApiTimeoutError(reason="no complete response in time", request_sent=True)
        link = link.__cause__ or link.__context__
    return ApiConnectionError(
        reason="the download broke off (%s)" % type(error).__name__, request_sent=True
    )
