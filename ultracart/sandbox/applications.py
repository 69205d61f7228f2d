"""Registered applications, and UltraCart's permissions in words."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

#: Granted when neither the application nor its request names a permission.
DEFAULT_SCOPE = "item_read order_read"

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


def _is_text(value: object) -> bool:
    """Whether it is a text of one line that can be shown, and not empty."""
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


@dataclass(frozen=True)
class Application:
    """A developer application as a merchant's administrator would see it.

    client_id: the public identifier.
    redirect_uris: where a merchant may be sent back to; compared character by character
        (RFC 9700, section 2.1). The first one is used when a request names none.
    name: what the consent page calls it.
    client_secret: when given, every request of the application must carry it.
    scope: permissions set at registration, separated by spaces: granted when a request names
        none, and the most it may ask for. None grants ``item_read order_read`` and allows any.
    loopback_redirects: also accept any plain-http loopback redirect URI, on any port (RFC 8252,
        section 7.3), so that an application under development works unregistered.
    """

    client_id: str
    redirect_uris: tuple[str, ...] = ()
    name: str = "Example application"
    client_secret: str | None = field(default=None, repr=False)
    scope: str | None = None
    loopback_redirects: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.redirect_uris, str):
            raise TypeError("redirect_uris must be a tuple of URIs, not one string")
        if not isinstance(self.redirect_uris, Collection):
            given = type(self.redirect_uris).__name__
            raise TypeError(f"redirect_uris must be a tuple of URIs, not {given}")
        for uri in self.redirect_uris:
            if not _is_text(uri):
                raise ValueError(f"redirect_uris must be texts of one line, not {uri!r}")
        if not isinstance(self.loopback_redirects, bool):
            given = repr(self.loopback_redirects)
            raise ValueError(f"loopback_redirects must be True or False, not {given}")
        for name in ("client_id", "name", "scope", "client_secret"):
            value = getattr(self, name)
            may_lack = name in ("scope", "client_secret")
            if not _is_text(value) and not (may_lack and value is None):
                # A secret is not shown.
                shown = type(value).__name__ if name == "client_secret" else repr(value)
                or_none = " or None" if may_lack else ""
                raise ValueError(f"{name} must be a text of one line{or_none}, not {shown}")

    # The methods that Authlib calls.

    def get_client_id(self) -> str:
        """The OAuth client id."""
        return self.client_id

    def get_default_redirect_uri(self) -> str | None:
        """Where the browser goes when a request names no redirect URI; ``None`` is an error."""
        return self.redirect_uris[0] if self.redirect_uris else None

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """The part of ``scope`` that can be granted; None when nothing of it can."""
        if not scope:
            return self.scope or DEFAULT_SCOPE
        if self.scope is None:
            return scope
        registered = self.scope.split()
        return " ".join(name for name in scope.split() if name in registered) or None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Whether it is registered, or a loopback URI and those are accepted."""
        if redirect_uri in self.redirect_uris:
            return True
        return self.loopback_redirects and _is_loopback_redirect(redirect_uri)

    def check_client_secret(self, client_secret: str) -> bool:
        """Whether it is the application's; always false for a public one."""
        expected = self.client_secret
        return expected is not None and secrets.compare_digest(
            expected.encode(), client_secret.encode()
        )

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Whether it may authenticate so: a public one by its id alone, others with the secret."""
        return (method == "none") == (self.client_secret is None)

    def check_response_type(self, response_type: str) -> bool:
        """Whether it may ask the consent page for this: only for a code."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Always true: the server decides which grant types exist."""
        return True


#: Registered if the user names no application; ``ultracart login`` uses it at a sandbox.
DEFAULT_APPLICATION = Application(
    client_id="sandbox_client", redirect_uris=("http://127.0.0.1:8000/callback",)
)


def _is_loopback_redirect(redirect_uri: str) -> bool:
    # Browsers read a backslash as a slash, and leave out tabs and line breaks.
    if "\\" in redirect_uri or not redirect_uri.isprintable() or " " in redirect_uri:
        return False
    try:
        parts = urlsplit(redirect_uri)
        is_loopback = parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS
        # RFC 6749, section 3.1.2 allows no fragment. Reading the port checks it. A user name before
        # an "@" may look like a host.
        return is_loopback and not parts.fragment and parts.port != 0 and "@" not in parts.netloc
    except ValueError:  # not a valid URI, such as http://[
        return False


# Families of permissions whose name does not say what they are about.
_FAMILIES = {
    "affiliate": "affiliates",
    "auto_order": "auto orders",
    "channel_partner": "channel partners",
    "chargeback": "chargebacks",
    "checkout": "checkouts",
    "configuration": "account configuration",
    "conversation": "conversations",
    "coupon": "coupons",
    "customer": "customers",
    "fulfillment": "fulfillment",
    "gift_certificate": "gift certificates",
    "integration_log": "integration logs",
    "item": "items",
    "order": "orders",
    "storefront": "storefronts",
    "tax": "tax configuration",
    "user": "users",
    "webhook": "webhooks",
    "workflow": "workflow tasks",
}
_WHOLE = {
    "crm": "Use the customer relationship tools",
    "ultraship": "Use UltraShip",
    "ultrabooks_read": "Use UltraBooks (1 of 2)",
    "ultrabooks_write": "Use UltraBooks (2 of 2)",
}
_VERBS = {"read": "View", "write": "Create and change"}


def describe(scope: str) -> list[tuple[str, str]]:
    """Each permission of a scope as (name, description); for an unknown name, both are the name."""
    return [(name, _words(name)) for name in dict.fromkeys(scope.split())]


def _words(name: str) -> str:
    family, _, kind = name.rpartition("_")
    if name in _WHOLE:
        return _WHOLE[name]
    if family in _FAMILIES and kind in _VERBS:
        return f"{_VERBS[kind]} {_FAMILIES[family]}"
    return name
