"""Decides which requests go wrong, and how: delays, error answers, dropped connections."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Literal, get_args

from werkzeug.wrappers import Response

from .recording import RecordedRequest

#: Seconds after which a delay on an event gives up, so that a forgotten one cannot hang a test.
EVENT_DEADLINE = 60.0
_CLOSING_CHECK = 0.05

#: When a connection is reset: before the request is processed, or after it.
Drop = Literal["before", "after"]

_HTML = "<!doctype html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


class Fault:
    """What happens to the next ``times`` requests that match; ``hits`` of them have come."""

    def __init__(
        self,
        path: str | None,
        method: str | None,
        when: Callable[[RecordedRequest], bool] | None,
        times: int | None,
        delay: float | threading.Event | None,
        drop: Drop | None,
        answer: Response | None,
    ) -> None:
        self.hits = 0
        self.remaining = times
        self.delay = delay
        self.drop = drop
        self.answer = answer
        self._path = path
        self._method = method
        self._when = when

    def matches(self, request: RecordedRequest) -> bool:
        """Whether the fault is meant for this request."""
        return (
            (self._path is None or self._path == request.path)
            and (self._method is None or self._method == request.method)
            and (self._when is None or self._when(request))
        )

    def wait(self, closing: threading.Event) -> None:
        """Hold the request for the delay, but not beyond the sandbox's end."""
        if isinstance(self.delay, threading.Event):
            deadline = time.monotonic() + EVENT_DEADLINE
            while not self.delay.wait(_CLOSING_CHECK) and not closing.is_set():
                if time.monotonic() >= deadline:
                    break
        elif self.delay:
            closing.wait(self.delay)


class Faults:
    """``sandbox.faults``: add a fault, and clear them all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(
        self,
        path: str | None = None,
        *,
        times: int | None = 1,
        method: str | None = None,
        when: Callable[[RecordedRequest], bool] | None = None,
        delay: float | threading.Event | None = None,
        status: int | None = None,
        retry_after: int | str | None = None,
        location: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: str | bytes | dict[str, object] | None = None,
        drop: Drop | None = None,
    ) -> Fault:
        """Let the next matching requests go wrong; of several matching faults the oldest acts.

        path: below ``/rest/v2``, such as ``/oauth/token``; None is any.
        times: how many requests; None is all until :meth:`clear`.
        method: such as ``"POST"``; None is any.
        when: a predicate that also has to hold.
        delay: seconds to wait first, or an event to wait for (at most 60 seconds). Alone, the
            request is then answered as usual.
        status: answer this HTTP status without processing the request. By default 302 with
            ``location``, else 429 with ``retry_after``, else 200.
        retry_after: the ``Retry-After`` header: seconds, or the text of an HTTP date.
        location: the ``Location`` header.
        headers: further headers of the answer.
        body: a dict is sent as JSON, text and bytes as they are under the type ``text/html``; None
            is a small HTML error page, such as a proxy would give.
        drop: reset the connection ``"before"`` the request is processed, or ``"after"`` it, so that
            the answer alone is lost.
        Raises ValueError when nothing would go wrong, or when ``drop`` comes with an answer.
        """
        answers = (status, retry_after, location, headers, body)
        has_answer = any(value is not None for value in answers)
        if drop not in (None, *get_args(Drop)):
            raise ValueError(f"drop must be 'before' or 'after', not {drop!r}")
        if drop and has_answer:
            raise ValueError(
                "a dropped request has no answer: give either drop or status, body, ..."
            )
        if not drop and not has_answer and delay is None:
            raise ValueError(
                "nothing would go wrong: give delay, status, retry_after, location or drop"
            )
        if times is not None and times < 1:
            raise ValueError("times must be at least 1, or None for every request")
        answer = _answer(status, retry_after, location, headers, body) if has_answer else None
        fault = Fault(path, method, when, times, delay, drop, answer)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget every fault; requests that already wait go on waiting."""
        with self._lock:
            self._faults.clear()

    def take(self, request: RecordedRequest) -> Fault | None:
        """The fault that acts on this request, counted as used."""
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults:
                if fault.matches(request):
                    break
            else:
                return None
            fault.hits += 1
            if fault.remaining is not None:
                fault.remaining -= 1
                if fault.remaining == 0:
                    self._faults.remove(fault)
            return fault


def _answer(
    status: int | None,
    retry_after: int | str | None,
    location: str | None,
    headers: Mapping[str, str] | None,
    body: str | bytes | dict[str, object] | None,
) -> Response:
    if status is None:
        status = 302 if location is not None else 429 if retry_after is not None else 200
    mimetype = "application/json" if isinstance(body, dict) else "text/html"
    response = Response(status=status, mimetype=mimetype)
    if isinstance(body, dict):
        body = json.dumps(body)
    response.set_data(_HTML.format(response.status) if body is None else body)
    response.autocorrect_location_header = False
    response.headers.update(headers or {})
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    if location is not None:
        response.headers["Location"] = location
    return response
