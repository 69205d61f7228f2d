"""The sandbox's own page at ``/``: its state and the requests, with forms to change it.

Everybody who can open the page can use its forms. Another site's page cannot: the gateway refuses
foreign Host headers, and every form carries a token that only this page shows.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import shlex
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import Blueprint, Response, json, redirect, render_template, request
from werkzeug.exceptions import HTTPException

from ..locks import Event
from .applications import DEFAULT_APPLICATION, Application
from .faults import Faults
from .messages import BASE_PATH, METHODS, OAUTH_PATHS, json_text_response
from .recording import Recording
from .resources import Answers
from .state import AccessToken, DeviceAuthorization, Grant, RefreshToken, State
from .switches import SWITCHES

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # With "no-referrer" a browser would send the forms with "Origin: null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_CONSOLE = "/console/"
_STATIC = f"{BASE_PATH}/sandbox/"

#: The most requests and grants that are shown; ``sandbox.requests`` has them all.
_SHOWN_REQUESTS = 50
_SHOWN_GRANTS = 25
#: Seconds that a request for changes waits at most, and between two checks for changes.
_NEWS_SECONDS = 15.0
_LOOK_SECONDS = 0.25

#: The message after a form, by its action.
_DONE = {
    "expire": "The access token has expired.",
    "revoke": "The grant is revoked.",
    "approve": "The device is approved.",
    "refuse": "The device is refused.",
    "merchant": "The merchant is registered.",
    "switches": "The switches are set.",
    "fault": "The fault is set.",
    "remove": "The fault is removed.",
    "forget": "The list of requests is empty.",
}
_PARTS = ("requests", "grants", "devices", "applications", "merchants", "faults", "answers")


def is_dashboard(path: str) -> bool:
    """Whether a path belongs to the page, and so to no application under test."""
    return path in ("/", "/favicon.ico") or path.startswith((_CONSOLE, _STATIC))


class _Token(NamedTuple):
    masked: str
    state: str
    good: bool


class _Row(NamedTuple):
    """A grant as the page shows it."""

    grant: Grant
    application: Application
    merchant_name: str
    access: _Token | None
    refresh: _Token | None


class Dashboard:
    """What the page shows and does; the blueprint below ties it to paths."""

    def __init__(
        self, state: State, faults: Faults, answers: Answers, recording: Recording
    ) -> None:
        self._state = state
        self._faults = faults
        self._answers = answers
        self._recording = recording
        #: The forms carry this token; only this page knows it.
        self.form_token: str = secrets.token_urlsafe(24)
        self._actions: dict[str, Callable[[], None]] = {
            "expire": lambda: self._state.expire(self._grant()),
            "revoke": self._revoke,
            "approve": lambda: self._state.approve_device(_field("user_code"), _field("merchant")),
            "refuse": lambda: self._state.deny_device(_field("user_code")),
            "merchant": self._add_merchant,
            "switches": self._set_switches,
            "fault": self._add_fault,
            "remove": self._remove_fault,
            "forget": self._recording.requests.clear,
        }

    def page(self, *, status: int = 200, problem: str = "", done: str = "") -> Response:
        host = f"{request.host_url.rstrip('/')}{BASE_PATH}"
        parts = self.parts()
        return Response(
            render_template(
                "dashboard.html",
                host=host,
                state=self._state,
                first=next(iter(self._state.applications.values())),
                switches=SWITCHES,
                oauth_paths=OAUTH_PATHS,
                methods=METHODS,
                form_token=self.form_token,
                parts=parts,
                seen=_digest(parts),
                problem=problem,
                done=_DONE.get(done, ""),
            ),
            status=status,
            mimetype="text/html",
        )

    def parts(self) -> dict[str, str]:
        """The HTML of each part of the page that changes by itself."""
        with self._state.lock:
            values = {
                "form_token": self.form_token,
                "requests": list(reversed(self._recording.requests[-_SHOWN_REQUESTS:])),
                "counters": self._state.counters,
                "grants": self._grants(),
                "devices": list(
                    filter(DeviceAuthorization.is_pending, self._state.devices.values())
                ),
                "applications": [self._application(a) for a in self._state.applications.values()],
                "names": {key: a.name for key, a in self._state.applications.items()},
                "merchants": dict(self._state.merchants),
                "faults": list(self._faults),
                "answers": list(self._answers),
                "clock": _clock_time,
                "milliseconds": _milliseconds,
                "client_option": self._client_option(),
            }
            return {name: render_template(f"_{name}.html", **values) for name in _PARTS}

    def news(self, seen: str, closing: Event) -> Response:
        """What has changed since ``seen``, as soon as something has."""
        deadline = time.monotonic() + _NEWS_SECONDS
        while True:
            parts = self.parts()
            digest = _digest(parts)
            if digest != seen or time.monotonic() >= deadline or closing.wait(_LOOK_SECONDS):
                return json_text_response(200, json.dumps({"seen": digest, "parts": parts}))

    def act(self, action: str) -> Response:
        """Do what a form asks for, and go back to the page (RFC 9110, section 15.4.4)."""
        if action == "token":
            return self._show_token()
        if action not in self._actions:
            return self.page(status=404, problem=f"There is no action {action!r}.")
        try:
            self._actions[action]()
        except ValueError as error:
            return self.page(status=400, problem=f"Nothing was changed: {error}")
        query = urlencode({"done": action})
        return redirect(f"/?{query}", 303, Response)  # type: ignore[return-value]

    def _show_token(self) -> Response:
        """The header line of an access token, for ``curl -H @-``."""
        try:
            wanted = self._grant()
        except ValueError as error:
            return self.page(status=400, problem=str(error))
        value = self._latest(self._state.access_tokens, wanted)
        if value is None:
            return self.page(status=400, problem="This grant has no access token.")
        line = f"Authorization: Bearer {value}"
        if "text/plain" in request.headers.get("Accept", ""):
            return Response(line, mimetype="text/plain")
        html = render_template("token.html", line=line, host=f"{request.host_url}rest/v2")
        return Response(html, mimetype="text/html")

    def _grants(self) -> list[_Row]:
        access = _by_grant(self._state.access_tokens)
        refresh = _by_grant(self._state.refresh_tokens)
        found = sorted({**access, **refresh}, key=lambda grant: grant.number, reverse=True)
        now = self._state.now()
        return [
            _Row(
                grant,
                self._state.applications[grant.client_id],
                self._state.merchants.get(grant.merchant, grant.merchant),
                _token(access.get(grant), now),
                _token(refresh.get(grant), now),
            )
            for grant in found[:_SHOWN_GRANTS]
        ]

    def _latest(self, tokens: dict[str, Any], grant: Grant) -> str | None:
        found = [value for value, token in list(tokens.items()) if token.grant is grant]
        return found[-1] if found else None

    def _grant(self) -> Grant:
        with self._state.lock:
            grants = self._state.grants_of(token=None, merchant=None)
        for grant in grants:
            if str(grant.number) == _field("grant"):
                return grant
        raise ValueError("There is no such grant.")

    def _revoke(self) -> None:
        grant = self._grant()
        with self._state.lock:
            grant.revoked = True

    def _application(self, application: Application) -> dict[str, Any]:
        query = {"response_type": "code", "client_id": application.client_id, "state": "try-out"}
        return {
            "application": application,
            "consent": f"{BASE_PATH}/oauth/authorize?{urlencode(query)}",
        }

    def _client_option(self) -> str:
        """The option that makes ``ultracart login`` use the first application."""
        client_id = next(iter(self._state.applications))
        if client_id == DEFAULT_APPLICATION.client_id:
            return ""
        return f" --client-id {shlex.quote(client_id)}"

    def _add_merchant(self) -> None:
        merchant, name = _field("merchant_id"), _field("merchant_name")
        if merchant in self._state.merchants:
            raise ValueError(f"the merchant {merchant!r} is registered already")
        with self._state.lock:
            self._state.register_merchant(merchant)
            self._state.merchants[merchant] = name or merchant

    def _set_switches(self) -> None:
        values: dict[str, Any] = {}
        for switch in SWITCHES:
            if switch.kind == "flag":  # a browser leaves out a box that is not ticked
                values[switch.name] = switch.name in request.form
            else:
                values[switch.name] = switch.read(request.form.get(switch.name, ""))
        for name, value in values.items():
            setattr(self._state.switches, name, value)

    def _add_fault(self) -> None:
        effect = _field("effect")
        number = _field("number")
        effects: dict[str, Callable[[], dict[str, Any]]] = {
            "status": lambda: {"status": _whole("status", number)},
            "retry_after": lambda: {"retry_after": _whole("retry_after", number)},
            "delay": lambda: {"delay": _decimal("delay", number)},
            "drop before": lambda: {"drop": "before"},
            "drop after": lambda: {"drop": "after"},
        }
        if effect not in effects:
            raise ValueError("choose a fault")
        times = _field("times")
        self._faults.add(
            _field("path") or None,
            method=_field("method") or None,
            times=_whole("times", times) if times else None,
            **effects[effect](),
        )

    def _remove_fault(self) -> None:
        wanted = _field("fault")
        found = [fault for fault in self._faults if str(fault.number) == wanted]
        for fault in found or list(self._faults if wanted == "all" else ()):
            self._faults.remove(fault)


def create_dashboard(
    state: State, faults: Faults, answers: Answers, recording: Recording, closing: Event
) -> Blueprint:
    """The blueprint of the page; ``closing`` ends the requests that wait for news."""
    dashboard = Dashboard(state, faults, answers, recording)
    blueprint = Blueprint("dashboard", __name__, template_folder="templates")

    @blueprint.get("/")
    def page() -> Response:
        return dashboard.page(done=request.args.get("done", ""))

    @blueprint.get(f"{_CONSOLE}live")
    def live() -> Response:
        if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            return _foreign()
        return dashboard.news(request.args.get("seen", ""), closing)

    @blueprint.post(f"{_CONSOLE}<action>")
    def act(action: str) -> Response:
        # Browsers send Origin. Other clients, such as curl, need the page's token all the same.
        origin = request.headers.get("Origin", request.host_url.rstrip("/"))
        sent = request.form.get("form_token", "")
        if origin != request.host_url.rstrip("/") or not secrets.compare_digest(
            sent.encode(), dashboard.form_token.encode()
        ):
            return _foreign()
        return dashboard.act(action)

    @blueprint.get("/favicon.ico")
    def icon() -> Response:
        return Response(status=204)

    @blueprint.errorhandler(HTTPException)
    def failed(error: HTTPException) -> Response:
        return dashboard.page(status=error.code or 500, problem=error.description or error.name)

    @blueprint.after_request
    def harden(response: Response) -> Response:
        response.headers.update(_HEADERS)
        return response

    return blueprint


def _foreign() -> Response:
    html = render_template(
        "message.html",
        title="This form is not from the sandbox's page",
        text="Open the page of the sandbox again and repeat the step there.",
    )
    return Response(html, status=403, mimetype="text/html")


def _field(name: str) -> str:
    return request.form.get(name, "").strip()


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{name} must be a whole number, not {text!r}")
    return int(text)


def _decimal(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name} must be a number of seconds, not {text!r}") from None


def _by_grant(tokens: dict[str, Any]) -> dict[Grant, tuple[str, Any]]:
    """The newest token of each grant, with its value."""
    return {token.grant: (value, token) for value, token in tokens.items()}


def _token(found: tuple[str, AccessToken | RefreshToken] | None, now: float) -> _Token | None:
    if found is None:
        return None
    value, token = found
    masked = f"{value[:6]}\u2026{value[-2:]}"
    if token.grant.revoked:
        return _Token(masked, "revoked", False)
    if now >= token.expires_at:
        return _Token(masked, "expired", False)
    if isinstance(token, RefreshToken) and token.spent_at is not None:
        return _Token(masked, "spent", False)
    return _Token(masked, _left(token.expires_at - now), True)


def _left(seconds: float) -> str:
    if seconds == math.inf:
        return "never expires"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"valid for {seconds // size:.0f} {unit}"
    return "valid for less than 2 min"


def _clock_time(seconds: float) -> str:
    try:
        return time.strftime("%H:%M:%S", time.localtime(seconds))
    # The user's own clock may be far from the real time.
    except (OverflowError, ValueError, OSError):
        return f"{seconds:g}"


def _milliseconds(seconds: float) -> str:
    milliseconds = seconds * 1000
    return f"{milliseconds:.0f}" if milliseconds >= 9.95 else f"{max(milliseconds, 0.1):.1f}"


def _digest(parts: dict[str, str]) -> str:
    return hashlib.sha256("\0".join(parts.values()).encode()).hexdigest()[:16]
