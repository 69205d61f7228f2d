"""Transport settings: origin, proxy, and all else that a connection pool depends on."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from ..configuration import DEFAULT_PORTS
from ..exceptions import ApiConnectionError, ApiTypeError, ApiValueError, ConfigurationError
from ..hosts import in_brackets, is_loopback
from .limits import time_bounds
from .tls import ascii_host

if TYPE_CHECKING:
    from ..configuration import Configuration
    from .limits import TimeBounds


_SOCKS_PORTS = dict.fromkeys(["socks4", "socks4a", "socks5", "socks5h"], 1080)
_PROXY_PORTS = {**DEFAULT_PORTS, **_SOCKS_PORTS}
# Environment variables that name trusted certificates in place of certifi's bundle; all of them
# that are set count.
_TRUST_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")


class Origin(NamedTuple):
    """Scheme, host and port of requests (RFC 6454)."""

    scheme: str
    host: str
    port: int


class Proxy(NamedTuple):
    """A proxy, and the ``user:password`` for its ``Proxy-Authorization``, if any."""

    origin: Origin
    url: str
    credentials: str | None

    @property
    def is_socks(self) -> bool:
        """Whether it is a SOCKS proxy, which carries any bytes and speaks no HTTP."""
        return self.origin.scheme in _SOCKS_PORTS

    @property
    def authorization(self) -> str | None:
        """The value of ``Proxy-Authorization``, in UTF-8 (RFC 7617, section 2.1)."""
        if self.credentials is None:
            return None
        return "Basic " + b64encode(self.credentials.encode("utf-8")).decode("ascii")


class TransportSettings(NamedTuple):
    """All that a connection pool depends on; clients share a pool if these are equal."""

    origin: Origin
    base_url: str
    proxy: Proxy | None
    verify_ssl: bool
    # Trusted certificates: who names them, and the file, the folder or the PEM text.
    trusted: tuple[tuple[str, str], ...]
    cert_file: str | None
    key_file: str | None
    assert_hostname: Any
    bounds: TimeBounds
    retry_budget: float
    max_response_size: int
    pool_maxsize: int
    allow_insecure_transport: bool
    trust_env: bool
    explicit_proxy: str | None

    def covers(self, url: str) -> bool:
        """Whether ``url`` is below the base URL, in whole path segments."""
        end = len(self.base_url)
        return url.startswith(self.base_url) and url[end : end + 1] in ("", "/", "?")

    def for_url(self, url: str) -> TransportSettings:
        """The same settings for another origin: the one of ``url``."""
        parts, origin = _origin(url, "url")
        proxy = _checked_proxy(
            origin, self.explicit_proxy, self.trust_env, self.allow_insecure_transport
        )
        return self._replace(origin=origin, base_url=_base_url(parts), proxy=proxy)


def transport_settings(configuration: Configuration) -> TransportSettings:
    """The checked settings of ``configuration``.

    Raises:
        ConfigurationError: naming the setting that cannot work.
    """
    parts, origin = _origin(configuration.host, "Configuration.host")
    if "?" in configuration.host or "#" in configuration.host:
        raise ConfigurationError("Configuration.host must have no query and no fragment")
    limiter = configuration.request_limiter
    if limiter is not None and not callable(limiter):
        raise ConfigurationError("Configuration.request_limiter must be a RequestLimiter or None")
    explicit = configuration.proxy or None
    insecure = bool(configuration.allow_insecure_transport)
    trust_env = bool(configuration.trust_env)
    return TransportSettings(
        origin=origin,
        base_url=_base_url(parts).rstrip("/"),
        proxy=_checked_proxy(origin, explicit, trust_env, insecure),
        verify_ssl=bool(configuration.verify_ssl),
        trusted=_trusted(configuration.ssl_ca_cert, trust_env),
        cert_file=_identity_file(configuration.cert_file, "cert_file"),
        key_file=_identity_file(configuration.key_file, "key_file"),
        assert_hostname=_hostname(configuration.assert_hostname),
        bounds=_bounds(configuration.timeout),
        retry_budget=_number(configuration.retry_budget, "retry_budget"),
        max_response_size=_count(configuration.max_response_size, "max_response_size"),
        pool_maxsize=_count(configuration.connection_pool_maxsize, "connection_pool_maxsize"),
        allow_insecure_transport=insecure,
        trust_env=trust_env,
        explicit_proxy=explicit,
    )


def _bounds(timeout: Any) -> TimeBounds:
    try:
        return time_bounds(timeout, "Configuration.timeout")
    except (ApiTypeError, ApiValueError) as error:
        raise ConfigurationError(str(error)) from None


def _origin(url: Any, name: str) -> tuple[SplitResult, Origin]:
    """Parse and check a base URL; no message quotes it, because it may hold a password."""
    parts, origin = _parsed(url, name, "https://secure.ultracart.com/rest/v2")
    if "@" in parts.netloc:
        raise ConfigurationError("%s must not hold a user name or password" % name)
    if not parts.path.isascii():
        raise ConfigurationError(
            "%s must have a path of ASCII characters: percent-encode it" % name
        )
    return parts, origin


def _parsed(
    url: Any, name: str, like: str, ports: Mapping[str, int] = DEFAULT_PORTS
) -> tuple[SplitResult, Origin]:
    example = "%s must look like %s" % (name, like)
    if not isinstance(url, str):
        raise ConfigurationError("%s, not %s" % (example, type(url).__name__))
    if not url.isprintable() or " " in url or "\\" in url:
        raise ConfigurationError("%s: remove spaces, backslashes and control characters" % example)
    try:
        parts = urlsplit(url)
        port = parts.port
        host = ascii_host(parts.hostname or "", in_brackets(parts.netloc))
    except ValueError:
        hint = "" if url.isascii() else ": write an international name in its ASCII form (xn--...)"
        raise ConfigurationError(example + hint) from None
    except (ImportError, LookupError, OSError):  # pragma: no cover - coverage has loaded them
        failure = "no descriptor is left to load the Unicode tables that %s needs" % name
        raise ApiConnectionError(reason=failure, request_sent=False) from None
    scheme = parts.scheme
    if scheme not in ports or not host:
        raise ConfigurationError(example)
    if port == 0:
        raise ConfigurationError("%s: port 0 cannot be connected to" % name)
    return parts, Origin(scheme=scheme, host=host, port=port or ports[scheme])


def _base_url(parts: SplitResult) -> str:
    return "%s://%s%s" % (parts.scheme, parts.netloc, parts.path)


def _checked_proxy(
    origin: Origin, explicit: str | None, trust_env: bool, allow_insecure: bool
) -> Proxy | None:
    """The proxy for ``origin``; refuses plain http to anything that leaves the machine."""
    found = _proxy(explicit, "Configuration.proxy") if explicit else None
    if found is None and trust_env and not is_loopback(origin.host):
        found = _environment_proxy(origin)
    if origin.scheme == "http" and not allow_insecure and (found or not is_loopback(origin.host)):
        raise ConfigurationError(
            "plain http would send credentials readable to everyone on the way: use https, or set "
            "Configuration.allow_insecure_transport = True if you accept that"
        )
    return found


def _environment_proxy(origin: Origin) -> Proxy | None:
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    # Imported late, only if a proxy variable is set: it costs as much as urllib3.
    from urllib import request

    bypassed: Any = vars(request)["proxy_bypass_environment"]  # missing from the type stubs

    proxies = request.getproxies_environment()
    url = proxies.get(origin.scheme) or proxies.get("all")
    if not url or bypassed("%s:%d" % (origin.host, origin.port), proxies):
        return None
    variable = origin.scheme if proxies.get(origin.scheme) else "all"
    name = (
        "%s_PROXY in the environment, unless it is unset or Configuration.trust_env is False,"
        % variable.upper()
    )
    return _proxy(url, name)


def _proxy(url: Any, name: str) -> Proxy:
    if isinstance(url, str) and "://" not in url:
        url = "http://" + url
    parts, origin = _parsed(url, name, "http://proxy.example:3128", _PROXY_PORTS)
    if origin.scheme in _SOCKS_PORTS and not _socks_is_installed():
        raise ConfigurationError(
            "%s names a SOCKS proxy, which needs PySocks: python -m pip install PySocks"
            % name.rstrip(",")
        )
    credentials = None
    if parts.username is not None:
        credentials = "%s:%s" % (unquote(parts.username), unquote(parts.password or ""))
    host = "[%s]" % origin.host if ":" in origin.host else origin.host
    url = "%s://%s:%d" % (origin.scheme, host, origin.port)
    return Proxy(origin=origin, url=url, credentials=credentials)


def _socks_is_installed() -> bool:
    from importlib.util import find_spec  # imported late: only SOCKS needs it

    return find_spec("socks") is not None


def _file(path: Any, name: str) -> str | None:
    if path is None or path == "":
        return None
    try:
        return os.fsdecode(path)
    except TypeError:
        raise ConfigurationError(
            "Configuration.%s must be the path of a PEM file, not %s" % (name, type(path).__name__)
        ) from None


def _identity_file(path: Any, name: str) -> str | None:
    found = _file(path, name)
    if found is not None and "-----BEGIN " in found:  # a key's text must not be shown as a path
        raise ConfigurationError(
            "Configuration.%s must be the path of a PEM file, not its text: write it to a file"
            % name
        )
    return found


def _trusted(value: Any, trust_env: bool) -> tuple[tuple[str, str], ...]:
    source = _file(value, "ssl_ca_cert")
    if source is not None:
        return (("Configuration.ssl_ca_cert", source),)
    if not trust_env:
        return ()
    found = []
    for variable in _TRUST_VARIABLES:
        value = os.environ.get(variable)
        sources = [value]
        if value and variable.endswith("DIR"):
            # As for OpenSSL, the variable may name several folders, and not all need to exist.
            folders = value.split(os.pathsep)
            sources = [folder for folder in folders if os.path.exists(folder)] or folders
        name = "%s in the environment, unless Configuration.trust_env is False," % variable
        found += [(name, source) for source in sources if source]
    return tuple(found)


def _hostname(value: Any) -> Any:
    if value is None or value is False or isinstance(value, str):
        return None if value == "" else value
    raise ConfigurationError("Configuration.assert_hostname must be a host name, False or None")


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise ConfigurationError("Configuration.%s must be seconds, 0 or more" % name)
    return float(value)


def _count(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**31:
        raise ConfigurationError("Configuration.%s must be a positive whole number" % name)
    return value
