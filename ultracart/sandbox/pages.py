"""The pages that a merchant sees: consent, and the entry of a device code."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, render_template, request, session

from .applications import LOOPBACK_HOSTS, describe
from .authlib_bases import OAuth2Error
from .authorization_server import SandboxAuthorizationServer
from .messages import header_text, quoted
from .state import DeviceAuthorization, Grant, State

#: Paths that a browser visits, without UltraCart's version header.
PAGE_PATHS = frozenset({"/oauth/authorize", "/oauth/device"})

# Chromium applies form-action also to the redirects that follow a form. So allow every port on
# loopback: an application on the developer's machine may redirect further.
_LOOPBACK_SOURCES = "http://127.0.0.1:* http://localhost:*"


def create_pages(state: State, server: SandboxAuthorizationServer) -> Blueprint:
    blueprint = Blueprint("pages", __name__, template_folder="templates")

    @blueprint.get("/oauth/authorize")
    def consent_page() -> Response:
        try:
            grant = server.get_consent_grant()
        except OAuth2Error as error:
            return _refusal(server, error)
        asked = state.scope_to_grant(grant.request.client, grant.request.payload.scope)
        return _page(
            "consent.html",
            redirect_uri=grant.redirect_uri,
            application=grant.request.client,
            merchants=state.merchants,
            permissions=describe(asked or ""),
        )

    @blueprint.post("/oauth/authorize")
    def consent_decision() -> Response:
        if not _form_is_ours():
            return _message(
                400, "This form has expired", "Go back to the application and start again."
            )
        merchant = request.form.get("merchant") if request.form.get("decision") == "allow" else None
        if merchant is not None and merchant not in state.merchants:
            return _unknown_merchant(state, merchant)
        return decide(state, server, merchant)

    @blueprint.get("/oauth/device")
    def device_page() -> Response:
        return _device_form(request.args.get("user_code", ""))

    @blueprint.post("/oauth/device")
    def device_decision() -> Response:
        if not _form_is_ours():
            return _message(400, "This form has expired", "Open the page again and enter the code.")
        entered = request.form.get("user_code", "")
        with state.lock:
            device = state.find_device(entered)
            if device is None:
                return _device_form(entered, _unknown_code(state), 400)
            if device.is_expired():
                return _device_form(
                    entered, "That code has expired. Start again on your device.", 400
                )
            return _device_decision(state, device)

    @blueprint.after_request
    def harden(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", _policy(None))
        headers["X-Frame-Options"] = "DENY"
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        headers["Cache-Control"] = "no-store"
        return response

    return blueprint


def decide(state: State, server: SandboxAuthorizationServer, merchant: str | None) -> Response:
    """Finish the current authorization request: ``merchant`` allows it; None denies it."""
    with state.lock:
        try:
            grant = server.get_consent_grant()
        except OAuth2Error as error:
            return _refusal(server, error)
        response: Response = server.create_authorization_response(grant_user=merchant, grant=grant)
    if response.status_code == 302:  # pragma: no branch - so far nothing else follows a grant
        # After 303 the browser sends a GET, and never the form, to the callback (RFC 9700, 4.12).
        response.status_code = 303
    return response


def _device_decision(state: State, device: DeviceAuthorization) -> Response:
    if device.grant is not None or device.denied:
        return _message(
            400, "Already answered", "This code has been used. You can close this page."
        )
    decision = request.form.get("decision")
    if decision is None:
        return _page(
            "device_consent.html",
            device=device,
            application=state.applications[device.client_id],
            merchants=state.merchants,
            permissions=describe(device.scope),
        )
    if decision != "allow":
        device.denied = True
        return _message(200, "Access denied", "Your device has been told. You can close this page.")
    merchant = request.form.get("merchant", "")
    if merchant not in state.merchants:
        return _unknown_merchant(state, merchant)
    device.grant = Grant(device.client_id, merchant, device.scope)
    return _message(200, "Your device is connected", "Return to it; you can close this page.")


def _device_form(entered: str, problem: str = "", status: int = 200) -> Response:
    return _page("device.html", status=status, entered=entered, problem=problem)


def _unknown_merchant(state: State, sent: str) -> Response:
    known = ", ".join(map(quoted, state.merchants))
    text = f"{quoted(sent)} is not a merchant of this sandbox. Go back and choose one of {known}."
    return _message(400, "Unknown merchant", text)


def _unknown_code(state: State) -> str:
    waiting = [device.user_code for device in state.devices.values() if device.is_pending()]
    codes = f"Waiting now: {', '.join(waiting)}." if waiting else "No device is waiting now."
    return f"There is no such code. Compare it with the code that your device shows. {codes}"


def _refusal(server: SandboxAuthorizationServer, error: Any) -> Response:
    """Send an error to the application, if its redirect URI is valid (RFC 6749, 4.1.2.1)."""
    if error.redirect_uri:
        response: Response = server.handle_response(*error())
        server.issuer.add_issuer_parameter(server, response)
        return response
    response = _message(400, "This link does not work", error.description or error.error)
    response.headers["UC-REST-ERROR"] = header_text(error.description or error.error)
    return response


def _message(status: int, title: str, text: str) -> Response:
    return _page("message.html", status=status, title=title, text=text)


def _page(
    template: str, *, status: int = 200, redirect_uri: str | None = None, **values: Any
) -> Response:
    token = session.setdefault("form_token", secrets.token_urlsafe(24))
    target = urlsplit(redirect_uri or "")
    html = render_template(
        template, form_token=token, target=target.netloc or target.scheme, **values
    )
    response = Response(html, status=status, mimetype="text/html")
    response.headers["Content-Security-Policy"] = _policy(redirect_uri)
    return response


def _form_is_ours() -> bool:
    expected = session.get("form_token", "")
    return bool(expected) and secrets.compare_digest(expected, request.form.get("form_token", ""))


def _policy(redirect_uri: str | None) -> str:
    return (
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self' {_LOOPBACK_SOURCES} {_form_target(redirect_uri)}".rstrip()
    )


def _form_target(redirect_uri: str | None) -> str:
    """The CSP source that lets the browser follow the redirect to the application."""
    parts = urlsplit(redirect_uri or "")
    if not parts.scheme or parts.hostname in LOOPBACK_HOSTS - {"::1"}:
        return ""
    # A host source cannot name an IPv6 address, and an own scheme has no host (RFC 8252, 7.1).
    if parts.scheme not in ("http", "https") or ":" in (parts.hostname or ""):
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
