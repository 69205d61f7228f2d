"""Faults on demand: delays, error responses and dropped connections."""

from __future__ import annotations

import itertools
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Literal, get_args

from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wrappers import Response

from ..locks import Event, Lock
from .messages import (
    METHODS,
    OAUTH_PATHS,
    PathTemplate,
    check_headers,
    check_method,
    check_status,
    is_bodyless,
    json_text,
)
from .recording import RecordedRequest

#: Seconds after which a delay on an event gives up, so that a forgotten one cannot hang a test.
EVENT_DEADLINE = 60.0
_CLOSING_CHECK = 0.05

#: When a connection is reset: before the request is processed, or after it.
Drop = Literal["before", "after"]

_numbers = itertools.count(1)
_METHODS = (*METHODS, "HEAD", "OPTIONS")
_OAUTH_SEGMENTS = [path.split("/") for path in OAUTH_PATHS]
_HTML = "<!doctype html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


class ConditionError(Exception):
    """The ``when`` of a fault has raised."""


class Fault:
    """Applies to the next ``times`` requests that match; ``hits`` counts those so far."""

    def __init__(
        self,
        path: PathTemplate | None,
        method: str | None,
        when: Callable[[RecordedRequest], bool] | None,
        times: int | None,
        delay: float | threading.Event | None,
        drop: Drop | None,
        answer: Response | None,
    ) -> None:
        self.hits = 0
        #: Identifies it on the sandbox's page.
        self.number: int = next(_numbers)
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
            (self._path is None or self._path.match(request.segments) is not None)
            and (self._method is None or self._method == request.method)
            and self._condition_holds(request)
        )

    def _condition_holds(self, request: RecordedRequest) -> bool:
        try:
            return self._when is None or bool(self._when(request))
        except BaseException as error:  # pytest.fail() raises no Exception
            raise ConditionError(
                f"The fault for {self.target} raised {type(error).__name__}: {error}"
            ) from error

    def wait(self, closing: Event) -> None:
        """Hold the request for the delay, but only until the sandbox is closed."""
        if isinstance(self.delay, threading.Event):
            deadline = time.monotonic() + EVENT_DEADLINE
            while not self.delay.wait(_CLOSING_CHECK) and not closing.is_set():
                if time.monotonic() >= deadline:
                    break
        elif self.delay:
            closing.wait(self.delay)

    @property
    def target(self) -> str:
        """Which requests it is for, in words."""
        words = f"{self._method or 'any method'} {self._path or 'any path'}"
        return f"{words} when {_name_of(self._when)}" if self._when is not None else words

    @property
    def effect(self) -> str:
        """What it does to them, in words."""
        words: list[str] = []
        if isinstance(self.delay, threading.Event):
            words.append("held until an event")
        elif self.delay is not None:
            words.append(f"{self.delay:g} s later")
        if self.drop is not None:
            words.append(f"connection reset {self.drop} processing")
        elif self.answer is not None:
            words.append(f"status {self.answer.status_code}")
            if "Retry-After" in self.answer.headers:
                words.append(f"Retry-After {self.answer.headers['Retry-After']}")
        return ", ".join(words)

    @property
    def left(self) -> str:
        """How many requests it is still for, in words."""
        return "every time" if self.remaining is None else f"{self.remaining} left"

    def __repr__(self) -> str:
        hits = f"{self.hits} {'hit' if self.hits == 1 else 'hits'}"
        return f"<Fault for {self.target}: {self.effect}; {self.left}, {hits}>"


class Faults:
    """``sandbox.faults``: add a fault, see those that are left, remove one or all."""

    def __init__(self) -> None:
        self._lock = Lock()
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
        body: str | bytes | dict[str, Any] | list[Any] | None = None,
        drop: Drop | None = None,
    ) -> Fault:
        """Make the next matching requests fail; of several matching faults the first one applies.

        When the sandbox is closed, a warning names the faults that applied to no request: usually
        their path or method is mistyped.

        Args:
            path: such as ``/oauth/token`` or ``/order/orders/{order_id}``, with or without
                ``/rest/v2``; None is any.
            times: how many requests; None is all until :meth:`clear`.
            method: such as ``"POST"``; None is any.
            when: a predicate of the :class:`RecordedRequest` that also has to hold.
            delay: seconds to wait first, or an event to wait for (at most 60 seconds). If nothing
                else is given, the request is then served as usual.
            status: respond with this HTTP status without processing the request. By default 302
                with ``location``, else 429 with ``retry_after``, else 200.
            retry_after: the ``Retry-After`` header: seconds, or the text of an HTTP date.
            location: the ``Location`` header.
            headers: further headers of the response.
            body: a dict or list is sent as JSON, text and bytes as they are under the type
                ``text/html``; None is a small HTML error page, such as a proxy would give.
            drop: reset the connection ``"before"`` the request is processed, or ``"after"`` it, so
                that the response alone is lost.

        Raises:
            ValueError: the fault has no effect, ``drop`` comes with a response, no request can ever
                match, or a value is impossible.
        """
        answers = (status, retry_after, location, headers, body)
        has_answer = any(value is not None for value in answers)
        if drop not in (None, *get_args(Drop)):
            raise ValueError(f"drop must be 'before' or 'after', not {drop!r}")
        if drop and has_answer:
            raise ValueError(
                "a dropped request has no response: give either drop or status, body, ..."
            )
        if not drop and not has_answer and delay is None:
            raise ValueError(
                "the fault has no effect: give delay, status, retry_after, location or drop"
            )
        if when is not None and not callable(when):
            raise ValueError(f"when must be a function of the request, not {when!r}")
        fault = Fault(
            None if path is None else _check_path(path),
            None if method is None else check_method(method, _METHODS),
            when,
            _check_times(times),
            _check_delay(delay),
            drop,
            _answer(status, retry_after, location, headers, body) if has_answer else None,
        )
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Remove every fault; requests that already wait go on waiting."""
        with self._lock:
            self._faults.clear()

    def remove(self, fault: Fault) -> None:
        """Remove one fault; nothing happens if it is used up or removed already."""
        with self._lock:
            self._faults = list(filter(lambda other: other is not fault, self._faults))

    def take(self, request: RecordedRequest) -> Fault | None:
        """The fault that applies to this request, which is counted.

        Raises:
            ConditionError: the ``when`` of a fault has raised.
        """
        if not self._faults:
            return None
        # Outside the lock: a condition may look at the faults, or change them.
        return next((each for each in self if each.matches(request) and self._use(each)), None)

    def _use(self, fault: Fault) -> bool:
        """Count a request; False for a fault that is used up or removed by now."""
        with self._lock:
            if fault not in self._faults:
                return False
            fault.hits += 1
            if fault.remaining is not None:
                fault.remaining -= 1
                if fault.remaining == 0:
                    self._faults.remove(fault)
            return True

    def unused(self) -> list[Fault]:
        """Those that have applied to no request so far."""
        return [fault for fault in self if not fault.hits]

    def __iter__(self) -> Iterator[Fault]:
        """The faults that are left, in the order in which they were added."""
        with self._lock:
            return iter(list(self._faults))

    def __len__(self) -> int:
        return len(self._faults)

    def __repr__(self) -> str:
        return f"<Faults {list(self)!r}>"


def warn_of(unused: list[Fault], stacklevel: int) -> None:
    """Give one warning that names the faults that applied to no request, if there are any."""
    if unused:
        warnings.warn(
            f"no request has met {', '.join(map(repr, unused))}: compare the path and the method "
            "with sandbox.requests, or call faults.clear()",
            UserWarning,
            stacklevel=stacklevel + 1,
        )


def _name_of(function: object) -> str:
    return getattr(function, "__name__", None) or type(function).__name__


def _check_path(path: str) -> PathTemplate:
    template = PathTemplate(path)
    if template.is_oauth and all(template.match(known) is None for known in _OAUTH_SEGMENTS):
        raise ValueError(f"path {path!r} is none of the OAuth server's: {', '.join(OAUTH_PATHS)}")
    return template


def _check_times(times: Any) -> int | None:
    if times is None:
        return None
    if isinstance(times, bool) or not isinstance(times, int) or times < 1:
        raise ValueError(f"times must be at least 1, or None for every request, not {times!r}")
    return times


def _check_delay(delay: Any) -> float | threading.Event | None:
    if delay is None or isinstance(delay, threading.Event):
        return delay
    is_number = isinstance(delay, (int, float)) and not isinstance(delay, bool)
    if not is_number or not 0 <= delay <= threading.TIMEOUT_MAX:
        raise ValueError(f"delay must be a number of seconds from 0 on or an event, not {delay!r}")
    return float(delay)


def _check_retry_after(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    if isinstance(value, str) and _is_retry_after(value):
        return value
    raise ValueError(
        f"retry_after must be a whole number of seconds or the text of an HTTP date, not {value!r}"
        " (headers={'Retry-After': ...} sends anything)"
    )


def _is_retry_after(text: str) -> bool:
    if text.isascii() and text.isdecimal():
        return True
    try:
        parsedate_to_datetime(text)
    except ValueError:
        return False
    return text.isprintable()


def _answer(
    status: int | None,
    retry_after: int | str | None,
    location: str | None,
    headers: Mapping[str, str] | None,
    body: Any,
) -> Response:
    if status is None:
        status = 302 if location is not None else 429 if retry_after is not None else 200
    check_status(status, has_body=body is not None)
    is_json = isinstance(body, (dict, list))
    if is_json:
        body = json_text(body)
    elif body is not None and not isinstance(body, (str, bytes)):
        raise ValueError(f"body must be a text, bytes, a dict or a list, not {body!r}")
    response = Response(status=status, mimetype="application/json" if is_json else "text/html")
    if body is None and not is_bodyless(status):
        body = _HTML.format(f"{status} {HTTP_STATUS_CODES.get(status, 'Unknown').upper()}")
    response.set_data(body or b"")
    response.autocorrect_location_header = False
    fields = check_headers(headers)
    if retry_after is not None:
        fields["Retry-After"] = _check_retry_after(retry_after)
    if location is not None:
        fields.update(check_headers({"Location": location}))
    response.headers.update(fields)
    return response
