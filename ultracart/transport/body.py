"""Decides how much of an answer's body is read, and decompresses it within that bound."""

from __future__ import annotations

import zlib
from typing import Any

# One read; http.client of Python 3.9 allocates and clears as much as it is asked for.
_READ = 256 * 1024
# What is given to, and taken from, zlib at once: it copies what it has not used yet.
_FEED = 16 * 1024
_CHUNK = 64 * 1024
# A gzip file may have several members (RFC 1952, section 2.2); each costs 40 kB of set-up.
_MAX_MEMBERS = 64
# zlib's window argument for gzip framing, and for raw deflate (which some servers send).
_GZIP = 16 + zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS


class BodyError(Exception):
    """The body cannot be used; the text says why in our words and quotes nothing."""


def read_body(response: Any, limit: int, encoding: str) -> bytes:
    """The decompressed body of an unread urllib3 response, at most ``limit`` bytes.

    Raises:
        BodyError: too large, or an encoding that was never asked for or is broken.
    """
    length = response.length_remaining
    pieces = []
    size = 0
    while True:
        if length and length <= min(_READ, limit):  # as nearly all are
            pieces.append(response.read(decode_content=False))
            break
        piece = response.read(min(_READ, limit + 1 - size), decode_content=False)
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise BodyError("the answer is larger than max_response_size (%d bytes)" % limit)
        if response.length_remaining == 0:
            break
    body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    encoding = encoding.strip().lower()
    if not body or encoding in ("", "identity"):
        return body
    if encoding in ("gzip", "x-gzip"):
        return _decompress(body, _GZIP, limit)
    if encoding == "deflate":
        # RFC 9110, section 8.4.1.2: zlib framing, which some servers leave out.
        zlib_framed = (
            len(body) > 1 and (body[0] & 0x0F) == 8 and (body[0] * 256 + body[1]) % 31 == 0
        )
        return _decompress(body, zlib.MAX_WBITS if zlib_framed else _RAW_DEFLATE, limit)
    raise BodyError("the answer has a content encoding that was not asked for")


def _decompress(body: bytes, window: int, limit: int) -> bytes:
    pieces = []
    size = 0
    members = 1
    decoder = zlib.decompressobj(window)
    for start in range(0, len(body), _FEED):
        pending = body[start : start + _FEED]
        more = True
        while more:
            if decoder.eof:
                # Whatever follows the end is another member of a gzip file, or padding.
                pending = pending.lstrip(b"\0") if window == _GZIP else b""
                if not pending:
                    break
                members += 1
                if members > _MAX_MEMBERS:
                    raise BodyError("the answer's compressed body has too many parts")
                decoder = zlib.decompressobj(window)
            room = min(_CHUNK, limit + 1 - size)
            try:
                piece = decoder.decompress(pending, room)
            except zlib.error:
                raise BodyError("the answer's compression is broken") from None
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise BodyError(
                    "the answer is larger than max_response_size (%d bytes) decompressed" % limit
                )
            pending = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
            more = bool(pending) or len(piece) == room  # zlib may hold output without input
    if not decoder.eof:
        raise BodyError("the answer's compressed body is cut")
    return b"".join(pieces)
