"""What the server keeps in memory: applications, merchants, grants, codes and tokens.

It also knows the documentation's placeholders, so that every example runs unchanged, any number of
times and in any order: each use of a placeholder creates a new grant.
"""

from __future__ import annotations

import itertools
import math
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..locks import Lock
from .applications import DEFAULT_SCOPE, Application
from .recording import Counters
from .switches import Switches

_numbers = itertools.count(1)

#: A device response without ``interval`` means this many seconds (RFC 8628, section 3.2).
DEFAULT_DEVICE_INTERVAL = 5.0

#: The documentation's application, and the credentials in its examples.
PLACEHOLDER_APPLICATION = Application(
    client_id="client_id_example",
    redirect_uris=("redirect_uri_example",),
    name="Documentation example",
)
PLACEHOLDER_SIMPLE_KEY = "YOUR_API_KEY"
_PLACEHOLDER_CODE = "code_example"
_PLACEHOLDER_REFRESH_TOKEN = "refresh_token_example"
_PLACEHOLDER_DEVICE_CODE = "device_code_example"
_PLACEHOLDER_ACCESS_TOKEN = "access_token_example"
_REVOCABLE = frozenset({"token_example", _PLACEHOLDER_ACCESS_TOKEN, _PLACEHOLDER_REFRESH_TOKEN})


@dataclass(eq=False)
class Grant:
    """One merchant's consent to one application; all tokens issued from it are revoked with it."""

    client_id: str
    merchant: str
    scope: str
    revoked: bool = False
    #: Identifies it on the sandbox's page, where tokens are secrets.
    number: int = field(default_factory=_numbers.__next__)


@dataclass(eq=False)
class AuthorizationCode:
    client_id: str
    merchant: str
    scope: str
    redirect_uri: str
    expires_at: float
    code_challenge: str | None = field(default=None, repr=False)
    code_challenge_method: str | None = None
    #: The grant that its exchange created: a second use revokes it (RFC 6749, section 4.1.2).
    grant: Grant | None = None
    placeholder: bool = False

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass(eq=False)
class AccessToken:
    grant: Grant
    scope: str
    expires_at: float
    now: Callable[[], float] = field(repr=False)

    def get_scope(self) -> str:
        return self.scope

    def check_client(self, client: Application) -> bool:
        return self.grant.client_id == client.client_id

    def is_expired(self) -> bool:
        return self.now() >= self.expires_at

    def is_revoked(self) -> bool:
        return self.grant.revoked


@dataclass(eq=False)
class RefreshToken:
    grant: Grant
    value: str = field(repr=False)
    expires_at: float = math.inf
    #: Unix seconds of the use that replaced it; None while it is valid.
    spent_at: float | None = None
    #: The response to that use, repeated within ``reuse_grace``.
    answer: dict[str, Any] | None = field(default=None, repr=False)

    def get_scope(self) -> str:
        return self.grant.scope

    def check_client(self, client: Application) -> bool:
        return self.grant.client_id == client.client_id


@dataclass(eq=False)
class DeviceAuthorization:
    client_id: str
    scope: str
    user_code: str
    expires_at: float
    now: Callable[[], float] = field(repr=False)
    interval: float
    last_poll: float | None = None
    denied: bool = False
    grant: Grant | None = None

    def get_client_id(self) -> str:
        return self.client_id

    def get_scope(self) -> str:
        return self.scope

    def get_user_code(self) -> str:
        return self.user_code

    def is_expired(self) -> bool:
        return self.now() >= self.expires_at

    def is_pending(self) -> bool:
        """Whether a merchant can still allow or deny it."""
        return not self.denied and self.grant is None and not self.is_expired()


def normalize_user_code(user_code: str) -> str:
    """Letters and digits alone, in upper case, however a person typed it (RFC 8628, 6.1)."""
    return "".join(filter(str.isalnum, user_code)).upper()


class State:
    """The whole state of a sandbox. Hold ``lock`` to read and then write."""

    def __init__(
        self,
        switches: Switches,
        applications: Iterable[Application],
        merchants: Iterable[str] | Mapping[str, str],
    ) -> None:
        self.lock: Lock = Lock()
        self.switches = switches
        self.counters: Counters = Counters()
        self.applications: dict[str, Application] = {}
        self.applications.update((item.client_id, item) for item in applications)
        named = merchants if isinstance(merchants, Mapping) else {name: name for name in merchants}
        self._first_merchants = dict(named)
        self.merchants: dict[str, str] = dict(named)
        self.codes: dict[str, AuthorizationCode] = {}
        self.access_tokens: dict[str, AccessToken] = {}
        self.refresh_tokens: dict[str, RefreshToken] = {}
        self.devices: dict[str, DeviceAuthorization] = {}
        #: Where a device's user goes; fixed, because a Host header may be forged.
        self.verification_uri: str = ""

    def reset(self) -> None:
        """Remove everything that requests have created."""
        with self.lock:
            self.codes.clear()
            self.access_tokens.clear()
            self.refresh_tokens.clear()
            self.devices.clear()
            self.merchants.clear()
            self.merchants.update(self._first_merchants)
            vars(self.counters).update(vars(Counters()))

    def now(self) -> float:
        return self.switches.clock()

    def grants_of(self, *, token: str | None, merchant: str | None) -> list[Grant]:
        """The grants of ``merchant`` that have the token ``token``; None means any."""
        tokens: list[tuple[str, AccessToken | RefreshToken]] = [
            *self.access_tokens.items(),
            *self.refresh_tokens.items(),
        ]
        found = [item.grant for value, item in tokens if token in (None, value)]
        return [grant for grant in dict.fromkeys(found) if merchant in (None, grant.merchant)]

    def expire(self, grant: Grant | None = None) -> None:
        """Let the access tokens of one grant, or all, expire now."""
        with self.lock:
            now = self.now()
            for token in self._access_tokens_of(grant):
                token.expires_at = min(token.expires_at, now)

    def _access_tokens_of(self, grant: Grant | None) -> list[AccessToken]:
        return [t for t in self.access_tokens.values() if grant in (None, t.grant)]

    def pending_device(self, user_code: str) -> DeviceAuthorization:
        """The device that waits with this code; ValueError when none does."""
        device = self.find_device(user_code)
        if device is None or not device.is_pending():
            raise ValueError(
                "no device is waiting with this user_code: it is unknown, expired or already used"
            )
        return device

    def approve_device(self, user_code: str, merchant: str) -> None:
        """Let a merchant allow a device; ValueError when none waits with this code."""
        with self.lock:
            device = self.pending_device(user_code)
            device.grant = Grant(device.client_id, self.register_merchant(merchant), device.scope)

    def deny_device(self, user_code: str) -> None:
        """Let a merchant refuse a device; ValueError when none waits with this code."""
        with self.lock:
            self.pending_device(user_code).denied = True

    def register_merchant(self, merchant: str) -> str:
        if not isinstance(merchant, str) or not merchant.strip() or not merchant.isprintable():
            raise ValueError(f"merchant must be a text of one line, not {merchant!r}")
        self.merchants.setdefault(merchant, merchant)
        return merchant

    def scope_to_grant(self, application: Application, asked: str | None) -> str | None:
        """The scope granted for ``asked``; None if the application may ask for none of it."""
        allowed = application.get_allowed_scope(asked)
        if allowed is None or self.switches.granted_scope is None:
            return allowed
        return self.switches.granted_scope

    def issue_access_token(self, grant: Grant, scope: str) -> str:
        value = secrets.token_urlsafe(32)
        expires_at = self.now() + self.switches.access_token_lifetime
        self.access_tokens[value] = AccessToken(grant, scope, expires_at, self.now)
        return value

    def issue_refresh_token(self, grant: Grant) -> str:
        value = secrets.token_urlsafe(32)
        lifetime = self.switches.refresh_token_lifetime
        expires_at = math.inf if lifetime is None else self.now() + lifetime
        self.refresh_tokens[value] = RefreshToken(grant, value, expires_at)
        return value

    def find_code(self, value: str, client: Application) -> AuthorizationCode | None:
        if value == _PLACEHOLDER_CODE and client is PLACEHOLDER_APPLICATION:
            grant = _placeholder_grant()
            return AuthorizationCode(
                grant.client_id, grant.merchant, grant.scope, "", math.inf, placeholder=True
            )
        return self.codes.get(value)

    def find_access_token(self, value: str) -> AccessToken | None:
        if value == _PLACEHOLDER_ACCESS_TOKEN:
            grant = _placeholder_grant()
            return AccessToken(grant, grant.scope, math.inf, self.now)
        return self.access_tokens.get(value)

    def find_refresh_token(self, value: str, client: Application) -> RefreshToken | None:
        if value == _PLACEHOLDER_REFRESH_TOKEN and client is PLACEHOLDER_APPLICATION:
            return RefreshToken(_placeholder_grant(), value)
        return self.refresh_tokens.get(value)

    def find_revocable(self, value: str, client: Application) -> RefreshToken | AccessToken | None:
        """The token to revoke; its grant is revoked with it."""
        if value in _REVOCABLE and client is PLACEHOLDER_APPLICATION:
            return RefreshToken(_placeholder_grant(), value)
        return self.refresh_tokens.get(value) or self.access_tokens.get(value)

    def find_device_by_code(self, value: str, client: Application) -> DeviceAuthorization | None:
        """The device authorization of a device code.

        Those of the documentation's application count as approved: no merchant is there to do it.
        """
        if client is not PLACEHOLDER_APPLICATION:
            return self.devices.get(value)
        device = self.devices.get(value)
        if device is None and value == _PLACEHOLDER_DEVICE_CODE:
            scope = _placeholder_grant().scope
            device = DeviceAuthorization(client.client_id, scope, "", math.inf, self.now, 0.0)
        if device is not None and device.grant is None:
            device.grant = _placeholder_grant()
        return device

    def find_device(self, user_code: str) -> DeviceAuthorization | None:
        """The device authorization of a user code that a person has typed."""
        wanted = normalize_user_code(user_code)
        for device in self.devices.values():
            if normalize_user_code(device.user_code) == wanted:
                return device
        return None


def _placeholder_grant() -> Grant:
    return Grant(PLACEHOLDER_APPLICATION.client_id, "DEMO", DEFAULT_SCOPE)
