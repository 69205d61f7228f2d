"""What an OAuth error says: the value that was sent, and what the sandbox has registered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .applications import Application
from .responses import quoted
from .state import State

GRANT_TYPES = (
    "authorization_code",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code",
)


def explain(state: State, error: Any, sent: Mapping[str, str], client_id: str | None) -> None:
    """Give Authlib's error a description that names what was sent; secrets never stand there."""
    description = _description(state, error, sent, client_id)
    if description is not None:
        error.description = description
        # Some of Authlib's errors word their description anew when they are sent.
        error.get_error_description = lambda: description


def _description(
    state: State, error: Any, sent: Mapping[str, str], client_id: str | None
) -> str | None:
    application = state.applications.get(client_id or "")
    words: str = error.description or ""
    if error.error == "invalid_client":
        return about_client(state, client_id, application)
    if error.error == "unsupported_grant_type":
        return _unsupported("grant_type", sent, GRANT_TYPES)
    if error.error == "unsupported_response_type":
        return _unsupported("response_type", sent, ("code",))
    if error.error == "invalid_scope" and application is not None:
        return _about_scope(state, sent, application)
    if words.startswith("Redirect URI") and application is not None:
        return about_redirect_uri(sent, application)
    if words.startswith("Invalid 'redirect_uri'"):
        code = state.codes.get(sent.get("code", ""))
        asked = quoted(code.redirect_uri) if code is not None and code.redirect_uri else "none"
        return (
            f"The redirect_uri {_sent('redirect_uri', sent)} differs from that of the "
            f"authorization request: {asked}."
        )
    if words == "Unsupported 'code_challenge_method'":
        return _unsupported("code_challenge_method", sent, ("S256",))
    if words == "Code challenge failed.":
        return (
            "The code_verifier does not belong to the code_challenge of the authorization request."
        )
    return None


def about_client(state: State, client_id: str | None, application: Application | None) -> str:
    if not client_id:
        return f"The client_id is missing. Registered: {_listed(state.applications)}."
    if application is None:
        return (
            f"The client_id {quoted(client_id)} is not registered. "
            f"Registered: {_listed(state.applications)}."
        )
    if application.client_secret is None:
        return f"The application {quoted(client_id)} is public: a client_secret must not be sent."
    return f"The client_secret of the application {quoted(client_id)} is missing or wrong."


def about_redirect_uri(sent: Mapping[str, str], application: Application) -> str:
    registered = _listed(application.redirect_uris) or "none"
    if application.loopback_redirects:
        registered += ", and any http redirect URI on 127.0.0.1, ::1 or localhost"
    return (
        f"The redirect_uri {_sent('redirect_uri', sent)} is not registered for "
        f"{quoted(application.client_id)}. Registered: {registered}."
    )


def _about_scope(state: State, sent: Mapping[str, str], application: Application) -> str:
    token = state.refresh_tokens.get(sent.get("refresh_token", ""))
    if token is not None:
        allowed = f"The grant holds: {quoted(token.grant.scope)}."
    elif application.scope is not None:
        allowed = f"{quoted(application.client_id)} may ask for: {quoted(application.scope)}."
    else:
        allowed = "The names of permissions are separated by single spaces."
    return f"The scope {_sent('scope', sent)} cannot be granted. {allowed}"


def _unsupported(name: str, sent: Mapping[str, str], supported: Iterable[str]) -> str:
    return f"The {name} {_sent(name, sent)} is not supported. Supported: {', '.join(supported)}."


def _sent(name: str, sent: Mapping[str, str]) -> str:
    return quoted(sent[name]) if sent.get(name) else "(none was sent)"


def _listed(values: Iterable[str]) -> str:
    return ", ".join(map(quoted, values))
