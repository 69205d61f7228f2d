"""Checks of a session's arguments, and the configuration that its clients use."""

from __future__ import annotations

import inspect
import ipaddress
import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ..configuration import Configuration, global_configuration
from ..exceptions import ApiTypeError, ApiValueError
from ..forks import notice_fork
from .stores.base import check_account


def check_options(
    client_id: Any,
    *,
    token_store: Any,
    seconds: Mapping[str, Any],
    texts: Mapping[str, Any],
    callables: Mapping[str, Any],
) -> None:
    """Raise ApiTypeError or ApiValueError naming the argument that cannot work."""
    if not isinstance(client_id, str):
        raise ApiTypeError("client_id must be str, not %s" % type(client_id).__name__)
    if not client_id:
        raise ApiValueError("client_id must not be empty")
    for name, value in texts.items():
        if value is not None and not isinstance(value, str):
            raise ApiTypeError("%s must be str or None, not %s" % (name, type(value).__name__))
    for name, value in callables.items():
        if not callable(value):
            raise ApiTypeError("%s must be callable, not %s" % (name, type(value).__name__))
        if inspect.iscoroutinefunction(value):
            raise ApiTypeError("%s must be a plain function: nobody would await it" % name)
    if isinstance(token_store, type):
        raise ApiTypeError("token_store must be an instance: write %s(...)" % token_store.__name__)
    for name, value in seconds.items():
        check_seconds(name, value)


def check_seconds(name: str, value: Any) -> None:
    """Raise ApiTypeError or ApiValueError unless ``value`` is a number of seconds, 0 or more."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ApiTypeError("%s must be seconds, not %s" % (name, type(value).__name__))
    try:
        seconds = float(value)
    except OverflowError:
        raise ApiValueError("%s must be seconds; math.inf is without end" % name) from None
    if math.isnan(seconds) or seconds < 0:
        raise ApiValueError("%s must not be negative" % name)


def check_count(name: str, value: Any) -> None:
    """Raise ApiTypeError or ApiValueError unless ``value`` is an integer, 0 or more."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ApiTypeError("%s must be int or None, not %s" % (name, type(value).__name__))
    if value < 0:
        raise ApiValueError("%s must not be negative" % name)


def check_authorization_endpoint(url: str, *, allow_insecure: bool) -> None:
    """Raise ApiValueError unless a browser may be sent to ``url``.

    https, or http on this machine; without a user name, which would go along to the page, and
    without a fragment (RFC 6749, section 3.1).
    """
    why = None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if not url.isprintable() or any(char.isspace() or char == "\\" for char in url):
        why = "must have no space, backslash or control character"
    elif parts.scheme not in ("https", "http") or not host:
        why = "must be a URL such as https://secure.ultracart.com/rest/v2/oauth/authorize"
    elif "@" in parts.netloc:
        why = "must not hold a user name or password"
    elif "#" in url:
        why = "must have no fragment (#)"
    elif parts.scheme == "http" and not allow_insecure and not _is_loopback(host):
        why = "must be https: anybody on the way could change a plain http page"
    if why is not None:
        raise ApiValueError("authorization_endpoint " + why)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_call(account: str) -> None:
    """What a call for an account begins with: notice a fork, and refuse an impossible name."""
    notice_fork()
    check_account(account)


def session_configuration(configuration: Configuration | None, limiter: Any) -> Configuration:
    """A copy without credentials: one merchant's keys must not go along with another's token."""
    if configuration is None:
        configuration = global_configuration
    elif not isinstance(configuration, Configuration):
        raise ApiTypeError(
            "configuration must be a Configuration, not %s" % type(configuration).__name__
        )
    copied = configuration.__copy__()
    copied.access_token = None
    copied.api_key = {}
    copied.api_key_prefix = {}
    copied.refresh_api_key_hook = None
    if limiter is not None:
        copied.request_limiter = limiter
    return copied
