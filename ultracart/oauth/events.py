"""Session events: what happens to grants, for those who operate an application."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from ..exceptions import ApiException
from .token import Token
from .token_endpoint import attempts_of

EventKind = Literal["issued", "refreshed", "refresh_failed", "grant_ended", "revoked"]

_logger = logging.getLogger("ultracart.oauth")
_LEVELS = {"refresh_failed": logging.WARNING, "grant_ended": logging.WARNING}
_TEXTS = {
    "issued": "account %r was authorized",
    "refreshed": "account %r was refreshed",
    "refresh_failed": "refresh of account %r failed",
    "grant_ended": "the grant of account %r has ended",
    "revoked": "the grant of account %r was revoked",
}


@dataclass(frozen=True)
class SessionEvent:
    """Something that happened to one account's grant.

    Attributes:
        kind: ``issued`` (a login), ``refreshed``, ``refresh_failed`` (to be tried again),
            ``grant_ended`` (the merchant must authorize again) or ``revoked``.
        account: the account's name.
        merchant_id: its UltraCart merchant, where known.
        at: Unix seconds.
        duration: seconds that UltraCart took to respond, all attempts and pauses included.
        error: why it failed, or ``None``. Of ``revoked``: why UltraCart could not be told.
        attempts: requests that were sent to UltraCart.
    """

    kind: EventKind
    account: str
    merchant_id: str | None = None
    at: float = 0.0
    duration: float = 0.0
    error: Exception | None = None
    attempts: int = 0


@dataclass
class Trace:
    """What one operation on an account has done. It is reported at its end if it has a kind."""

    account: str
    monotonic: Callable[[], float]
    kind: EventKind | None = None
    token: Token | None = None
    duration: float = 0.0
    attempts: int = 0
    error: Exception | None = None
    event: SessionEvent | None = None

    @contextmanager
    def request(self) -> Iterator[None]:
        """Measure a request to UltraCart, which the block sends with all its attempts."""
        began = self.monotonic()
        try:
            yield
        except ApiException as error:
            self.attempts = attempts_of(error)
            raise
        finally:
            self.duration = self.monotonic() - began

    def done(self, kind: EventKind, token: Token | None) -> None:
        """It succeeded, with ``token``, or with one that could not be read."""
        self.kind, self.token = kind, token

    def failed(self, error: Exception, *, has_ended: bool = False) -> None:
        """It failed; with ``has_ended``, because the grant was revoked or has expired."""
        self.kind = "grant_ended" if has_ended else "refresh_failed"
        self.error = error


class EventReporter:
    """Logs events and hands them to the application, outside every lock.

    Args:
        on_event: the application's function, or ``None``.
        clock: Unix seconds.
        monotonic: monotonic seconds.
    """

    def __init__(
        self,
        on_event: Callable[[SessionEvent], object] | None,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._on_event = on_event
        self._clock = clock
        self._monotonic = monotonic

    @contextmanager
    def reporting(self, account: str) -> Iterator[Trace]:
        """A trace for the block; reported when it is left, also by an error."""
        trace = Trace(account, self._monotonic)
        try:
            yield trace
        finally:
            if trace.kind is not None:
                self._report(trace, trace.kind)

    def _report(self, trace: Trace, kind: EventKind) -> None:
        """Never raises: what the application's function raises is logged."""
        event = trace.event = SessionEvent(
            kind,
            trace.account,
            None if trace.token is None else trace.token.merchant_id,
            self._clock(),
            trace.duration,
            trace.error,
            trace.attempts,
        )
        _log(event)
        if self._on_event is None:
            return
        try:
            self._on_event(event)
        except Exception as error:
            # Its text is the application's, and may hold anything.
            _logger.error("on_event failed: %s", type(error).__name__)


def _log(event: SessionEvent) -> None:
    level = _LEVELS.get(event.kind, logging.INFO)
    if not _logger.isEnabledFor(level):
        return
    error = None if event.error is None else "%s: %s" % (type(event.error).__name__, event.error)
    fields = {**vars(event), "error": error}
    text = _TEXTS[event.kind] + ("" if error is None else ": %s")
    try:
        _logger.log(level, text, event.account, *([error] if error else []), extra=fields)
    except Exception:
        pass
