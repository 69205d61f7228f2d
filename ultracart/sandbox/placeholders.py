"""The documentation's placeholder application, codes and tokens.

Every example of the documentation runs unchanged against a sandbox, any number of times and in any
order, so nothing here is ever spent: each use of a placeholder starts a grant of its own. Device
codes of the placeholder application count as approved, since no merchant is there to do it.
"""

from __future__ import annotations

from collections.abc import Mapping

from .applications import Application
from .state import AccessToken, AuthorizationCode, DeviceAuthorization, Grant, RefreshToken

APPLICATION = Application(
    client_id="client_id_example",
    redirect_uris=("redirect_uri_example",),
    name="Documentation example",
)
MERCHANT = "DEMO"
SCOPE = "item_read order_read"
#: An API simple key that the sandbox accepts.
SIMPLE_KEY = "YOUR_API_KEY"

_GRANT_TYPE = "grant_type_example"
_CODE = "code_example"
_REFRESH_TOKEN = "refresh_token_example"
_DEVICE_CODE = "device_code_example"
_ACCESS_TOKEN = "access_token_example"
_REVOCABLE = frozenset({"token_example", _ACCESS_TOKEN, _REFRESH_TOKEN})


def grant_type(form: Mapping[str, str]) -> str | None:
    """The grant type asked for: ``grant_type_example`` is whichever credential came with it."""
    asked = form.get("grant_type")
    if asked != _GRANT_TYPE or form.get("client_id") != APPLICATION.client_id:
        return asked
    if form.get("code"):
        return "authorization_code"
    if form.get("refresh_token"):
        return "refresh_token"
    return "urn:ietf:params:oauth:grant-type:device_code" if form.get("device_code") else asked


def new_grant() -> Grant:
    return Grant(APPLICATION.client_id, MERCHANT, SCOPE)


def code(value: str, client: Application) -> AuthorizationCode | None:
    if value != _CODE or client is not APPLICATION:
        return None
    return AuthorizationCode(
        client_id=APPLICATION.client_id,
        merchant=MERCHANT,
        scope=SCOPE,
        redirect_uri="",
        expires_at=float("inf"),
        placeholder=True,
    )


def refresh_token(value: str, client: Application) -> RefreshToken | None:
    if value != _REFRESH_TOKEN or client is not APPLICATION:
        return None
    return RefreshToken(new_grant(), value)


def device(value: str, client: Application) -> DeviceAuthorization | None:
    if value != _DEVICE_CODE or client is not APPLICATION:
        return None
    return DeviceAuthorization(
        client_id=APPLICATION.client_id,
        scope=SCOPE,
        user_code="",
        expires_at=float("inf"),
        now=lambda: 0.0,
        interval=0.0,
        grant=new_grant(),
    )


def access_token(value: str) -> AccessToken | None:
    if value != _ACCESS_TOKEN:
        return None
    return AccessToken(new_grant(), SCOPE, float("inf"), lambda: 0.0)


def revocable(value: str, client: Application) -> RefreshToken | None:
    """A token to revoke, in a grant that ends with it."""
    if value not in _REVOCABLE or client is not APPLICATION:
        return None
    return RefreshToken(new_grant(), value)
