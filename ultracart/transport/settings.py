"""Decides where a client may connect, whom it trusts there, and what its pool depends on."""

from __future__ import annotations

import errno
import ipaddress
import os
import ssl
from base64 import b64encode
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from ..configuration import DEFAULT_PORTS
from ..exceptions import ApiConnectionError, ApiTypeError, ApiValueError, ConfigurationError
from ..forks import load_lock
from .framing import TLSContext
from .limits import time_bounds

if TYPE_CHECKING:
    from typing import TypeVar

    from typing_extensions import dataclass_transform

    from ..configuration import Configuration
    from .limits import TimeBounds

    _V = TypeVar("_V", bound="_Value")
    _frozen = dataclass_transform(kw_only_default=True, frozen_default=True)
else:

    def _frozen(cls: Any) -> Any:
        """Tells type checkers that the constructor follows from the fields."""
        return cls


# OpenSSL 3's option to take a cut connection for one that has ended; Python 3.9 switches it on and
# has no name for it. See framing.
_IGNORE_UNEXPECTED_EOF = 1 << 7


@_frozen
class _Value:
    """Fields that stay as they are; equal, and one key of a dictionary, where all of them are.

    Not ``typing.NamedTuple``: making three such classes costs more than the rest of this module.
    """

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)
        self.__dict__["_values"] = tuple(fields.values())

    def replaced(self: _V, **changes: Any) -> _V:
        """The same with other values for some fields."""
        fields = {name: changes.get(name, value) for name, value in self.__dict__.items()}
        del fields["_values"]
        return type(self)(**fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(self.__dict__["_values"])


class Origin(_Value):
    """Where requests go: RFC 6454's triple."""

    scheme: str
    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether no packet to this origin leaves the machine."""
        address = _address(self.host)
        return self.host == "localhost" if address is None else address.is_loopback


@lru_cache(maxsize=32)  # asked for each new client, and an application has few hosts
def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


class Proxy(_Value):
    """A proxy, and the ``user:password`` for its ``Proxy-Authorization``, if any."""

    origin: Origin
    url: str
    credentials: str | None

    @property
    def authorization(self) -> str | None:
        """The value of ``Proxy-Authorization``, in UTF-8 (RFC 7617, section 2.1)."""
        if self.credentials is None:
            return None
        return "Basic " + b64encode(self.credentials.encode("utf-8")).decode("ascii")


class TransportSettings(_Value):
    """All that a connection pool and its bounds depend on; clients share a pool if these agree."""

    origin: Origin
    base_url: str
    proxy: Proxy | None
    verify_ssl: bool
    ssl_ca_cert: str | None
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
        """Whether ``url`` is below the base URL, and does not merely begin with its letters."""
        end = len(self.base_url)
        return url.startswith(self.base_url) and url[end : end + 1] in ("", "/", "?")

    def for_url(self, url: str) -> TransportSettings:
        """The same settings for another origin: the one of ``url``."""
        parts, origin = _origin(url, "url")
        proxy = _checked_proxy(
            origin, self.explicit_proxy, self.trust_env, self.allow_insecure_transport
        )
        return self.replaced(origin=origin, base_url=_base_url(parts), proxy=proxy)


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
        ssl_ca_cert=_file(configuration.ssl_ca_cert, "ssl_ca_cert"),
        cert_file=_file(configuration.cert_file, "cert_file"),
        key_file=_file(configuration.key_file, "key_file"),
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
    """Parse and check a base URL; the message never quotes it, it may hold a password."""
    parts, origin = _parsed(url, name, "https://secure.ultracart.com/rest/v2")
    if "@" in parts.netloc:
        raise ConfigurationError("%s must not hold a user name or password" % name)
    return parts, origin


def _parsed(url: Any, name: str, like: str) -> tuple[SplitResult, Origin]:
    example = "%s must look like %s" % (name, like)
    if not isinstance(url, str):
        raise ConfigurationError("%s, not %s" % (example, type(url).__name__))
    if not url.isprintable() or " " in url or "\\" in url:
        raise ConfigurationError("%s: remove spaces, backslashes and control characters" % example)
    try:
        parts = urlsplit(url)
        port = parts.port
        host = _ascii_name(parts.hostname or "")
        if "[" in parts.netloc:  # before Python 3.11.4 anything may stand between the brackets
            ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        raise ConfigurationError(example) from None
    except (ImportError, LookupError, OSError):  # pragma: no cover - coverage has loaded them
        failure = "no descriptor is left to load the Unicode tables that %s needs" % name
        raise ApiConnectionError(reason=failure, request_sent=False) from None
    scheme = parts.scheme
    if scheme not in DEFAULT_PORTS or not host:
        raise ConfigurationError(example)
    if port == 0:
        raise ConfigurationError("%s: port 0 cannot be connected to" % name)
    return parts, Origin(scheme=scheme, host=host, port=port or DEFAULT_PORTS[scheme])


def _ascii_name(host: str) -> str:
    """``host`` as it is asked for (RFC 3490); ValueError for what is no name."""
    if host.isascii():  # without the codec, which costs a process some 4 ms to load
        labels = (host[:-1] if host.endswith(".") else host).split(".")
        if host and not all(0 < len(label) < 64 for label in labels):
            raise ValueError
        return host
    return host.encode("idna").decode("ascii")


def _base_url(parts: SplitResult) -> str:
    return "%s://%s%s" % (parts.scheme, parts.netloc, parts.path)


def _checked_proxy(
    origin: Origin, explicit: str | None, trust_env: bool, allow_insecure: bool
) -> Proxy | None:
    """The proxy for ``origin``; refuses plain http to anything that leaves the machine."""
    found = _proxy(explicit, "Configuration.proxy") if explicit else None
    if found is None and trust_env and not origin.is_loopback:
        found = _environment_proxy(origin)
    if origin.scheme == "http" and not allow_insecure and (found or not origin.is_loopback):
        raise ConfigurationError(
            "plain http would send credentials readable to everyone on the way: use https, or set "
            "Configuration.allow_insecure_transport = True if you accept that"
        )
    return found


def _environment_proxy(origin: Origin) -> Proxy | None:
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    from urllib import request  # costs as much as urllib3; only where a proxy variable is set

    bypassed: Any = vars(request)["proxy_bypass_environment"]  # missing from the type stubs

    proxies = request.getproxies_environment()
    url = proxies.get(origin.scheme) or proxies.get("all")
    if not url or bypassed("%s:%d" % (origin.host, origin.port), proxies):
        return None
    variable = origin.scheme if proxies.get(origin.scheme) else "all"
    name = (
        "%s_PROXY in the environment, unless Configuration.trust_env is False," % variable.upper()
    )
    return _proxy(url, name)


def _proxy(url: Any, name: str) -> Proxy:
    if isinstance(url, str) and "://" not in url:
        url = "http://" + url
    parts, origin = _parsed(url, name, "http://proxy.example:3128 (SOCKS is not supported)")
    credentials = None
    if parts.username is not None:
        credentials = "%s:%s" % (unquote(parts.username), unquote(parts.password or ""))
    host = "[%s]" % origin.host if ":" in origin.host else origin.host
    url = "%s://%s:%d" % (origin.scheme, host, origin.port)
    return Proxy(origin=origin, url=url, credentials=credentials)


def _file(path: Any, name: str) -> str | None:
    if path is None or path == "":
        return None
    try:
        return os.fsdecode(path)
    except TypeError:
        raise ConfigurationError(
            "Configuration.%s must be the path of a PEM file, not %s" % (name, type(path).__name__)
        ) from None


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


def tls_options(settings: TransportSettings) -> dict[str, Any]:
    """What urllib3 is told of TLS to the origin of ``settings``.

    Raises:
        ConfigurationError: a file that is missing or not what it should be.
    """
    # OpenSSL gets ready with the first context: no child must inherit it half done.
    with load_lock():
        context = _tls_context(settings)
    # urllib3 sets the context's verify_mode to cert_reqs.
    required = ssl.CERT_REQUIRED if settings.verify_ssl else ssl.CERT_NONE
    return {"ssl_context": context, "cert_reqs": required}


def _tls_context(settings: TransportSettings) -> ssl.SSLContext:
    """A client context for ``settings``. Costs some 15 ms, so it is shared with the pool.

    Raises:
        ConfigurationError: a file that is missing or not what it should be.
    """
    context = TLSContext(ssl.PROTOCOL_TLS_CLIENT)
    context.host = settings.origin.host
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options &= ~_IGNORE_UNEXPECTED_EOF
    if settings.verify_ssl:
        _load_trusted(context, settings.ssl_ca_cert)
        # Where this is off urllib3 compares the names itself, with another than the host's or none.
        context.check_hostname = settings.assert_hostname is None
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.cert_file is not None:
        _load_identity(context, settings.cert_file, settings.key_file)
    elif settings.key_file is not None:
        raise ConfigurationError("Configuration.key_file needs Configuration.cert_file as well")
    return context


def _load_trusted(context: ssl.SSLContext, ca_cert: str | None) -> None:
    if ca_cert is None:
        import certifi  # not for those who have CA certificates of their own

        ca_cert = certifi.where()
    path = ca_cert
    _require_file(path, "ssl_ca_cert")
    try:
        context.load_verify_locations(cafile=path)
    except OSError as error:
        _require_resources(error)
        raise ConfigurationError(
            "Configuration.ssl_ca_cert must be a file of PEM certificates"
        ) from None


def _load_identity(context: ssl.SSLContext, cert_file: str, key_file: str | None) -> None:
    _require_file(cert_file, "cert_file")
    if key_file is not None:
        _require_file(key_file, "key_file")
    try:
        # An encrypted key would make OpenSSL ask at the terminal; a wrong password fails at once.
        context.load_cert_chain(cert_file, key_file, password=lambda: "")
    except (OSError, ValueError) as error:
        _require_resources(error)
        raise ConfigurationError(
            "Configuration.cert_file and key_file must be a PEM certificate and its unencrypted "
            "PEM key"
        ) from None


def _require_resources(error: Exception) -> None:
    """Let pass what is no fault of the file: there was no descriptor to open it with."""
    if getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE):
        raise error


def _require_file(path: str, name: str) -> None:
    if not os.path.isfile(path) or not os.access(path, os.R_OK):
        raise ConfigurationError("Configuration.%s must name a readable file" % name)
