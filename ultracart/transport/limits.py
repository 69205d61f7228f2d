"""The limits of one call: its time, its attempts, the size of its response.

Time: urllib3's own timeouts bound each ``recv``, so a server that sends a byte a second blocks its
caller for ever. Here each phase of a call has a monotonic deadline, which every read and write
observes (see ``connection``).

Attempts: a request is retried if it never reached the server (no connection was made), or if the
server says by 429 or 503 with ``Retry-After`` that it did not process it. UltraCart has no
idempotency key, so any other retry could spend an authorization code or refresh token twice. GET
and HEAD change nothing, so they are retried once if a kept connection died without a response, as
happens when a load balancer closes idle connections (RFC 9110, section 9.2.2).
"""

from __future__ import annotations

import math
import ssl
import zlib
from collections.abc import Iterable, Iterator, Mapping
from email.utils import mktime_tz, parsedate_tz
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from ..exceptions import ApiConnectionError, ApiException, ApiTypeError, ApiValueError

if TYPE_CHECKING:
    # Seconds for making the connection, for the response, and (or ``None``) for the whole call.
    TimeBounds = tuple[float, float, float | None]

# The longest timeout a socket accepts is smaller than the largest float: about 11 days here.
_LONGEST = 1e6
# Pauses before the second and third attempt to connect, in seconds.
_RECONNECT_AFTER = (0.1, 0.3)
# Methods that change nothing at the server (RFC 9110, section 9.2.1).
_HARMLESS = ("GET", "HEAD")
# Each retry takes at least so many seconds from the budget: "Retry-After: 0" must end too.
_LEAST_CHARGE = 1.0
# Seconds; a longer Retry-After is cut to a century, because larger numbers break date arithmetic.
_LONGEST_WAIT = 100 * 365 * 86400.0
# Bytes asked for in one read.
_READ = 256 * 1024
# Bytes given to zlib at once, and taken from it: it copies the input that it has not used yet.
_FEED = 16 * 1024
_CHUNK = 64 * 1024
# A gzip file may have several members (RFC 1952, section 2.2); each costs 40 kB of set-up.
_MAX_MEMBERS = 64
# zlib's window argument for gzip framing, and for raw deflate (which some servers send).
_GZIP = 16 + zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS


def time_bounds(value: Any, name: str) -> TimeBounds:
    """Read a timeout setting: one number for a whole call, or a pair (connect, response).

    Raises:
        ApiTypeError, ApiValueError: naming ``name``, for anything else.
    """
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ApiValueError("%s must be a number or a (connect, read) pair" % name)
        return _seconds(value[0], name), _seconds(value[1], name), None
    total = _seconds(value, name)
    return total, total, total


def _seconds(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ApiTypeError(
            "%s must be seconds (int or float) or a (connect, read) pair, not %s"
            % (name, type(value).__name__)
        )
    if not 0 < value < math.inf:
        raise ApiValueError("%s must be a positive, finite number of seconds" % name)
    return float(min(value, _LONGEST))


class Deadline:
    """The time left of one call, and what its connection reports about the request."""

    __slots__ = (
        "_call_ends",
        "_phase_ends",
        "_streaming",
        "body_ends",
        "connect_time",
        "connection_kept",
        "needs_new_connection",
        "request_sent",
        "response_begun",
        "response_time",
    )

    def __init__(self, bounds: TimeBounds) -> None:
        self.connect_time: float = bounds[0]
        self.response_time: float = bounds[1]
        total = bounds[2]
        self._call_ends = math.inf if total is None else monotonic() + total
        self._phase_ends = self._call_ends
        self._streaming = False
        # When the body must be complete that the caller reads itself.
        self.body_ends: float = math.inf
        # Whether a byte of the current attempt's request may have reached the server.
        self.request_sent: bool = False
        # Whether it was sent on a connection that had served another request.
        self.connection_kept: bool = False
        # Whether a byte of the current attempt's response has come.
        self.response_begun: bool = False
        self.needs_new_connection: bool = False

    def queueing_time(self) -> float:
        """Seconds that the call may wait for its turn before anything is sent."""
        if self._call_ends == math.inf:
            return self.connect_time + self.response_time
        return max(0.0, self._call_ends - monotonic())

    def start_attempt(self) -> None:
        """An attempt begins: from now on the time for connecting runs."""
        self.request_sent = self.response_begun = False
        self._phase_ends = min(self._call_ends, monotonic() + self.connect_time)

    def start_sending(self, kept: bool) -> None:
        """The request goes out: from now on the server may act, and the response's time runs."""
        self.request_sent, self.connection_kept = True, kept
        self._phase_ends = min(self._call_ends, monotonic() + self.response_time)

    def hand_over(self) -> None:
        """The caller reads the body itself: now each wait is bounded, all by ``body_ends``."""
        self._streaming = True

    def left(self) -> float:
        """Seconds left in this phase.

        Raises:
            TimeoutError: none are left.
        """
        left = (self.body_ends if self._streaming else self._phase_ends) - monotonic()
        if left <= 0:
            raise TimeoutError("the time for this call has run out")
        return min(left, self.response_time) if self._streaming else left

    def allows_wait(self, seconds: float) -> bool:
        """Whether the call would still have time after waiting this long."""
        return monotonic() + seconds < self._call_ends


class RetryDecision:
    """The retry state of one call."""

    def __init__(self, budget: float, deadline: Deadline, method: str) -> None:
        self._budget = budget
        self._deadline = deadline
        self._may_repeat_unanswered = method in _HARMLESS
        self._reconnects = 0

    def pause_before_repeat(self, error: ApiException) -> float | None:
        """Seconds to wait before the call is repeated, or ``None`` to raise ``error``."""
        if error.status in (429, 503):
            pause = error.retry_after
            if pause is None or max(pause, _LEAST_CHARGE) > self._budget:
                return None
            self._budget -= max(pause, _LEAST_CHARGE)
        elif isinstance(error, ApiConnectionError) and error.request_sent is False:
            # Do not retry if the certificate was refused (status 0) or the proxy refused (its
            # status): it would fail again. Do retry after a cut handshake.
            refused = error.status is not None and not is_cut(error.__cause__)
            if refused or self._reconnects >= len(_RECONNECT_AFTER):
                return None
            pause = _RECONNECT_AFTER[self._reconnects]
            self._reconnects += 1
        elif self._may_repeat_unanswered and self._was_unanswered(error):
            pause = 0.0
            self._deadline.needs_new_connection = True  # so there is at most one such retry
        else:
            return None
        return pause if self._deadline.allows_wait(pause) else None

    def _was_unanswered(self, error: ApiException) -> bool:
        """Whether a kept connection died without a byte of the response."""
        deadline = self._deadline
        died = isinstance(error, ApiConnectionError) and deadline.connection_kept
        no_refusal = error.status is None or is_cut(error.__cause__)
        return died and no_refusal and not deadline.response_begun


def is_cut(error: BaseException | None) -> bool:
    """Whether the connection was closed without TLS's close_notify."""
    # Python 3.11.2, Debian's, has no class of its own for it.
    reason = getattr(error, "reason", None)
    return isinstance(error, ssl.SSLEOFError) or reason == "UNEXPECTED_EOF_WHILE_READING"


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """``Retry-After`` in seconds (RFC 9110, section 10.2.3); ``None`` if absent or malformed.

    A date is counted from the response's own ``Date``, so that a wrong local clock does not matter;
    a date in the past is 0.
    """
    value = (headers.get("Retry-After") or "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:15]), _LONGEST_WAIT)
    until = _http_date(value)
    if until is None:
        return None
    now = _http_date((headers.get("Date") or "").strip())
    return min(max(0.0, until - (time() if now is None else now)), _LONGEST_WAIT)


def _http_date(value: str) -> float | None:
    """Unix seconds of an HTTP date in any of its three forms (RFC 9110, section 5.6.7)."""
    parsed = parsedate_tz(value)
    if parsed is None:
        return None
    try:
        return float(mktime_tz(parsed))
    except (ValueError, OverflowError):
        return None


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
        if length and length <= min(_READ, limit):  # the usual case: one read
            pieces.append(response.read(decode_content=False))
            break
        piece = response.read(min(_READ, limit + 1 - size), decode_content=False)
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise BodyError("the response is larger than max_response_size (%d bytes)" % limit)
        if response.length_remaining == 0:
            break
    body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    if not body or is_identity(encoding):
        return body
    pieces, size = [], 0
    for piece in decompressed([body], encoding):
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise BodyError(
                "the response is larger than max_response_size (%d bytes) decompressed" % limit
            )
    return b"".join(pieces)


def is_identity(encoding: str) -> bool:
    """Whether a ``Content-Encoding`` says that the body is not compressed."""
    return encoding.strip().lower() in ("", "identity")


def decompressed(body: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The decompressed body in pieces of at most 64 KiB, from whatever pieces it comes in.

    Raises:
        BodyError: another encoding than gzip and deflate, or a body that is broken or cut.
    """
    encoding = encoding.strip().lower()
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise BodyError("the response has a content encoding other than gzip and deflate")
    decoder: Any = None
    first = b""
    window = _GZIP
    members = 1
    for piece in body:
        if decoder is None:
            first += piece
            if len(first) < 2:
                continue
            piece = first
            if encoding == "deflate":
                window = zlib.MAX_WBITS if _is_zlib(first) else _RAW_DEFLATE
            decoder = zlib.decompressobj(window)
        for start in range(0, len(piece), _FEED):
            pending = piece[start : start + _FEED]
            more = True
            while more:
                if decoder.eof:
                    # After the end of a gzip member comes another member, or zero padding.
                    pending = pending.lstrip(b"\0") if window == _GZIP else b""
                    if not pending:
                        break
                    members += 1
                    if members > _MAX_MEMBERS:
                        raise BodyError("the response's compressed body has too many parts")
                    decoder = zlib.decompressobj(window)
                try:
                    output = decoder.decompress(pending, _CHUNK)
                except zlib.error:
                    raise BodyError("the response's compression is broken") from None
                yield output
                pending = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
                more = bool(pending) or len(output) == _CHUNK  # zlib may hold output without input
    if first and (decoder is None or not decoder.eof):
        raise BodyError("the response's compressed body is cut")


def _is_zlib(body: bytes) -> bool:
    """Whether it has zlib's framing (RFC 9110, section 8.4.1.2), which some servers leave out."""
    return (body[0] & 0x0F) == 8 and (body[0] * 256 + body[1]) % 31 == 0
