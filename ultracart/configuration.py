"""Settings of a client: host, credentials, TLS, proxy, time and size bounds. No I/O.

There is one global ``Configuration``, reachable as ``ultracart.configuration``; clients made
without arguments use it, live. ``Configuration()`` makes an independent one from fresh defaults
and the environment (``ULTRACART_HOST``, ``ULTRACART_SIMPLE_KEY``, ``ULTRACART_ACCESS_TOKEN``).
No two configurations share mutable state.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .exceptions import ApiTypeError, ConfigurationError
from .redaction import is_secret_name, mask, mask_fields, show_path
from .version import __version__

if TYPE_CHECKING:
    import logging
    from contextlib import AbstractContextManager
    from typing import TypeAlias

DEFAULT_HOST = "https://secure.ultracart.com/rest/v2"
DEFAULT_PORTS = {"http": 80, "https": 443}
BROWSER_KEY = "x-ultracart-browser-key"
SIMPLE_KEY = "x-ultracart-simple-key"

# Names of the three authorization schemes in UltraCart's API description.
BROWSER_KEY_SCHEME = "ultraCartBrowserApiKey"
OAUTH_SCHEME = "ultraCartOauth"
SIMPLE_KEY_SCHEME = "ultraCartSimpleApiKey"
SCHEMES: tuple[str, ...] = (BROWSER_KEY_SCHEME, OAUTH_SCHEME, SIMPLE_KEY_SCHEME)
# The official SDK's default, but at least 32. Computed once, because counting the cores takes
# longer than the rest of making a Configuration.
_POOL_MAXSIZE = max(32, (os.cpu_count() or 1) * 5)
_KEY_SCHEMES = {BROWSER_KEY_SCHEME: BROWSER_KEY, SIMPLE_KEY_SCHEME: SIMPLE_KEY}

TokenSource: TypeAlias = "Callable[[], str]"
# Configuration.request_limiter: called with the seconds that a request may wait; returns a context
# manager, held while the request is in progress.
RequestLimit: TypeAlias = "Callable[[float], AbstractContextManager[None]]"
# One number bounds the whole call; a pair bounds the connection and then the response; in seconds.
Timeout: TypeAlias = "int | float | tuple[float, float] | list[float] | None"


# Settings that are dicts.
_DICTS = ("api_key", "api_key_prefix")
# The default of a keyword: keep the value from the environment or set_default().
_NOT_GIVEN: Any = object()


class _Namespace:
    """Makes ``ultracart.configuration.Configuration()`` work, whether ``ultracart.configuration``
    is the module or, as usual, the global Configuration."""

    @property
    def Configuration(self) -> type[Configuration]:  # noqa: N802
        """The class itself."""
        return Configuration


class Configuration(_Namespace):
    """Settings of one client, or of all clients that have none of their own.

    ``Configuration(host=..., access_token=..., api_key=..., timeout=5)``: every attribute is a
    keyword too, and wins over the environment and over :meth:`set_default`.

    Raises:
        ApiTypeError: a keyword that is no setting, naming the nearest one. Assigning such an
            attribute is a ``UserWarning``.

    Attributes:
        host: base URL, default ``https://secure.ultracart.com/rest/v2`` or ``ULTRACART_HOST``.
        api_key: keys by header name: ``x-ultracart-simple-key``, ``x-ultracart-browser-key``.
        api_key_prefix: optional word before a key, by the same names.
        refresh_api_key_hook: called with the configuration before a key or token is read, or
            ``None``.
        access_token: OAuth access token: text, a *token source* (called without arguments once
            for each request), or ``None``. A source with a method ``invalidate(token)`` is told
            of a 401 and asked again once.
        username, password: for :meth:`get_basic_auth_token`; UltraCart's OAuth has no use for them.
        timeout: seconds: one number for a whole call, or (connect, response). Default (10, 60).
        retry_budget: seconds a call may wait in all where a 429 or 503 has ``Retry-After``.
            Default 20; 0 never waits.
        max_response_size: most bytes of one response, before and after decompression. Default
            32 MiB.
        verify_ssl: verify certificate and host name. Default ``True``.
        ssl_ca_cert: trusted CA certificates: a file, a folder or PEM text. Default: the
            environment's (see ``trust_env``), else certifi's.
        cert_file, key_file: client certificate and key (PEM), or ``None``.
        assert_hostname: name expected in the certificate instead of the host's, or ``False``.
        proxy: proxy URL, credentials included, or ``None``.
        trust_env: use the environment's proxy (``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY``,
            ``NO_PROXY``), never for loopback hosts, and its CA certificates (``SSL_CERT_FILE``,
            ``SSL_CERT_DIR``, ``REQUESTS_CA_BUNDLE``). Default ``True``.
        allow_insecure_transport: permit plain http to hosts other than loopback. Default ``False``.
        request_limiter: a cap on parallel requests, such as ``ultracart.oauth.RequestLimiter(1)``:
            called with the seconds that a request may wait, it returns a context manager that is
            held while the request is in progress. Copies share it. Default ``None``.
        connection_pool_maxsize: number of idle connections that are kept. Default 5 for each core,
            at least 32.
        temp_folder_path: folder for downloads (``response_type='file'``); default: the system's.
        safe_chars_for_path_param: characters that stay unescaped in path parameters.
        client_side_validation: kept for the official 4.x SDK; arguments are always checked.
    """

    _default: ClassVar[dict[str, Any] | None] = None
    _is_made = False

    def __init__(
        self,
        *,
        host: str | None = None,
        access_token: str | TokenSource | None = _NOT_GIVEN,
        api_key: Mapping[str, Any] | None = _NOT_GIVEN,
        **settings: Any,
    ) -> None:
        self.host: str = os.environ.get("ULTRACART_HOST") or DEFAULT_HOST
        self.api_key: dict[str, Any] = {}
        simple_key = os.environ.get("ULTRACART_SIMPLE_KEY")
        if simple_key:
            self.api_key[SIMPLE_KEY] = simple_key
        self.api_key_prefix: dict[str, Any] = {}
        self.refresh_api_key_hook: Callable[[Configuration], object] | None = None
        self.access_token: str | TokenSource | None = (
            os.environ.get("ULTRACART_ACCESS_TOKEN") or None
        )
        self.username: str = ""
        self.password: str = ""
        self.timeout: Timeout = (10.0, 60.0)
        self.retry_budget: float = 20.0
        self.max_response_size: int = 32 * 1024 * 1024
        self.verify_ssl: bool = True
        self.ssl_ca_cert: str | None = None
        self.cert_file: str | None = None
        self.key_file: str | None = None
        self.assert_hostname: str | bool | None = None
        self.proxy: str | None = None
        self.trust_env: bool = True
        self.allow_insecure_transport: bool = False
        self.request_limiter: RequestLimit | None = None
        self.connection_pool_maxsize: int = _POOL_MAXSIZE
        self.temp_folder_path: str | None = None
        self.safe_chars_for_path_param: str = ""
        self.client_side_validation: bool = True
        self._debug = False
        self._logger_file: str | None = None
        self._logger_format = "%(asctime)s %(levelname)s %(message)s"
        default = Configuration._default
        if default is not None:
            self.__setstate__(_copied(default))
        self.__dict__["_is_made"] = True
        if host is not None:
            self.host = host
        if access_token is not _NOT_GIVEN:
            self.access_token = access_token
        if api_key is not _NOT_GIVEN:
            self.api_key = _checked_keys(api_key)
        for name, value in settings.items():
            if not self._is_setting(name):
                raise ApiTypeError(self._unknown(name))
            setattr(self, name, dict(value) if isinstance(value, dict) else value)

    if not TYPE_CHECKING:  # hidden from type checkers, which would accept every misspelt setting

        def __setattr__(self, name: str, value: Any) -> None:
            # A subclass may have attributes of its own.
            own = not self._is_made or type(self) is not Configuration or self._is_known(name)
            warning = None if own else self._unknown(name)
            if name in _DICTS and type(value) is dict:
                value = dict(value)  # no two configurations share keys
            object.__setattr__(self, name, value)
            # Drop what was prepared from the settings (see :meth:`prepared`) only now: before the
            # assignment, another thread could prepare the old value again and keep it.
            self.__dict__["_prepared"] = {}
            if warning is not None:
                import warnings  # only a mistake needs it

                warnings.warn(warning, UserWarning, stacklevel=2)

    def _is_known(self, name: str) -> bool:
        return name.startswith("_") or name in self.__dict__ or hasattr(type(self), name)

    def _is_setting(self, name: str) -> bool:
        found = getattr(type(self), name, None)
        is_assigned = name in self.__dict__ and not name.startswith("_")
        return is_assigned or (isinstance(found, property) and found.fset is not None)

    def _unknown(self, name: str) -> str:
        from difflib import get_close_matches  # only a mistake needs it

        settings = [
            known for known in (*self.__dict__, *dir(type(self))) if self._is_setting(known)
        ]
        nearest = get_close_matches(name.lower(), settings, n=1, cutoff=0)
        return "Configuration has no setting %r: did you mean %r?" % (name, nearest[0])

    def prepared(self, name: str, prepare: Callable[[Configuration], Any]) -> Any:
        """``prepare(self)``, kept under ``name`` until an attribute of this object is set."""
        cache: dict[str, Any] = self.__dict__["_prepared"]
        if name not in cache:
            cache[name] = prepare(self)
        return cache[name]

    @classmethod
    def set_default(cls, default: Configuration | None) -> None:
        """Give these settings to the global configuration and to every later ``Configuration()``.

        The settings are copied: later changes to ``default`` have no effect. ``None`` goes back to
        fresh defaults and the environment.
        """
        if default is not None and not isinstance(default, Configuration):
            raise ApiTypeError("default must be a Configuration, not %s" % type(default).__name__)
        # Between any two lines, another thread may make a Configuration or set a default.
        settings = None if default is None else default.__getstate__()
        Configuration._default = settings
        if settings is None:
            settings = Configuration().__getstate__()
        global_configuration.__setstate__(_copied(settings))

    @classmethod
    def get_default_copy(cls) -> Configuration:
        """An independent copy of the global configuration (a name of the official 4.x SDK)."""
        return global_configuration.__copy__()

    def get_api_key_with_prefix(self, identifier: str) -> str | None:
        """The key of this header name, after its prefix if there is one; ``None`` if unset.

        ``refresh_api_key_hook`` is called first, so that it can replace the key.
        """
        self._call_refresh_hook()
        if type(self.api_key) is not dict or type(self.api_key_prefix) is not dict:
            for name in ("api_key", "api_key_prefix"):
                if not isinstance(getattr(self, name), Mapping):
                    raise ApiTypeError("%s must be a dict, by header name" % name)
        key = self.api_key.get(identifier)
        if not key:
            return None
        if not isinstance(key, str):
            raise ApiTypeError("api_key[%r] must be str, not %s" % (identifier, type(key).__name__))
        if key.isspace():  # HTTP strips blanks: the header would arrive empty
            return None
        prefix = self.api_key_prefix.get(identifier)
        if prefix and not isinstance(prefix, str):
            raise ApiTypeError(
                "api_key_prefix[%r] must be str, not %s" % (identifier, type(prefix).__name__)
            )
        return "%s %s" % (prefix, key) if prefix else key

    def _call_refresh_hook(self) -> None:
        hook = self.refresh_api_key_hook
        if hook is None:
            return
        if not callable(hook):
            raise ConfigurationError(
                "Configuration.refresh_api_key_hook must be a function or None, not %s"
                % type(hook).__name__
            )
        hook(self)

    def get_basic_auth_token(self) -> str:
        """The value of an HTTP Basic ``Authorization`` header for username and password."""
        from base64 import b64encode  # imported late: UltraCart uses no HTTP Basic

        pair = "%s:%s" % (self.username, self.password)
        return "Basic " + b64encode(pair.encode("utf-8")).decode("ascii")

    def get_access_token(self) -> str | None:
        """The access token, asking the token source if there is one; ``None`` if not set."""
        source = self.access_token
        check_host = getattr(source, "check_host", None)
        if check_host is not None:  # a session's: its token is not for every server
            check_host(self.host)
        token = source() if callable(source) else source
        if not token:
            return None
        if not isinstance(token, str):
            raise ApiTypeError(
                "access_token must be str or a callable returning str, not %s"
                % type(token).__name__
            )
        return None if token.isspace() else token

    def auth_setting(self, scheme: str) -> dict[str, Any] | None:
        """How to send the credential of one scheme; ``value`` is ``None`` where none is set."""
        if scheme == OAUTH_SCHEME:
            self._call_refresh_hook()  # the hook may replace the token, as in the official SDK
            token = self.get_access_token()
            bearer = "Bearer " + token if token else None
            return {"type": "oauth2", "in": "header", "key": "Authorization", "value": bearer}
        key = _KEY_SCHEMES.get(scheme)
        if key is None:
            return None
        value = self.get_api_key_with_prefix(key)
        if value is None and scheme in self.api_key:  # where the official 4.x SDK's examples put it
            value = self.get_api_key_with_prefix(scheme)
        return {"type": "api_key", "in": "header", "key": key, "value": value}

    def auth_settings(self) -> dict[str, Any]:
        """How to send the credential of each scheme, by the scheme's name."""
        return {scheme: self.auth_setting(scheme) for scheme in SCHEMES}

    def to_debug_report(self) -> str:
        """Versions and settings worth quoting in a bug report; no secrets."""
        import platform  # imported late: only this report needs it

        return (
            "Python SDK Debug Report:\nOS: %s\nPython Version: %s\n"
            "Version of the API: 2.0.0\nSDK Package Version: %s"
            % (platform.platform(), platform.python_version(), __version__)
        )

    # -- logging: done by debug_log.py, which is loaded only when it is used -------------------

    @property
    def debug(self) -> bool:
        """Log method, path, status, timing and parameter *names* of each call. Default False."""
        return self._debug

    @debug.setter
    def debug(self, value: bool) -> None:
        value = bool(value)
        if value != self._debug:
            self._debug = value
            _debug_log().debug_switched(self, value)

    @property
    def logger(self) -> dict[str, logging.Logger]:
        """The loggers by the official SDK's keys: this package's, and urllib3's, never changed."""
        return dict(_debug_log().LOGGERS)

    @property
    def logger_formatter(self) -> logging.Formatter:
        """The :class:`logging.Formatter` of ``logger_format``."""
        made: logging.Formatter = _debug_log().formatter(self._logger_format)
        return made

    @property
    def logger_stream_handler(self) -> logging.Handler | None:
        """The handler that ``debug`` added, where the application has none; else ``None``."""
        added: logging.Handler | None = _debug_log().added_handlers()[0]
        return added

    @property
    def logger_file_handler(self) -> logging.Handler | None:
        """The handler of ``logger_file``, or ``None``."""
        added: logging.Handler | None = _debug_log().added_handlers()[1]
        return added

    @property
    def logger_file(self) -> str | None:
        """File that this package's log lines are appended to; ``None`` (default) for none."""
        return self._logger_file

    @logger_file.setter
    def logger_file(self, value: str | None) -> None:
        if value != self._logger_file:
            try:
                _debug_log().log_to_file(value, self._logger_format)
            except (OSError, TypeError, ValueError) as error:
                why = getattr(error, "strerror", None) or error
                raise ConfigurationError(
                    "Configuration.logger_file must name a file that can be written, or be None: "
                    "%s: %s" % (show_path(value), why)
                ) from None
            self._logger_file = value

    @property
    def logger_format(self) -> str:
        """Format of the lines in ``logger_file`` and of ``debug`` (see :mod:`logging`)."""
        return self._logger_format

    @logger_format.setter
    def logger_format(self, value: str) -> None:
        if value != self._logger_format:
            try:
                _debug_log().format_changed(value)
            except (TypeError, ValueError) as error:
                text = (
                    "Configuration.logger_format is not a format of the logging module: %s" % error
                )
                raise ConfigurationError(text) from error
            self._logger_format = value

    # -- copies -------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        state.pop("_prepared", None)
        return _copied(state)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        debug_before = self.__dict__.get("_debug", False)
        self.__dict__.update(state)
        self.__dict__["_prepared"] = {}
        if self._debug != debug_before:  # debug_log counts the configurations with ``debug`` on
            _debug_log().debug_switched(self, self._debug)

    def __copy__(self) -> Configuration:
        twin = type(self).__new__(type(self))
        # Do not count the copy among those with ``debug`` on: a session's is never switched off.
        twin.__dict__.update(self.__getstate__(), _prepared={})
        return twin

    def __deepcopy__(self, memo: Any) -> Configuration:
        # A token source or hook is shared, not copied: it may hold a session or a connection.
        return self.__copy__()

    def __repr__(self) -> str:
        shown = []
        for name, value in dict(self.__dict__).items():
            if name.startswith("_"):
                continue
            if isinstance(value, dict):
                value = dict.copy(value)
                # Mask every API key, whatever its header is called.
                value = {k: mask(v) for k, v in value.items()} if name == "api_key" else value
                value = mask_fields(value)
            elif name == "proxy" and value:
                value = "***"  # a proxy's URL may hold a password
            elif name == "host" and not {"@", "?", "#"}.isdisjoint(str(value)):
                value = "***"  # a host that cannot be used, but it may hold a password
            # ``api_key`` and ``api_key_prefix`` come here only if they are not dicts.
            elif is_secret_name(name) or name == "api_key_prefix":
                value = mask(value)
            elif callable(value):
                # The repr of a method or partial includes its object's, which may show secrets.
                value = getattr(value, "__qualname__", type(value).__qualname__)
            shown.append("%s=%r" % (name, value))
        return "Configuration(%s)" % ", ".join(shown)


def _copied(state: dict[str, Any]) -> dict[str, Any]:
    """``state`` with its containers copied and everything else shared.

    Other threads may change them meanwhile: each is copied in one step, then its parts.
    """
    copied = dict.copy(state)
    for name, value in copied.items():
        if isinstance(value, dict):
            copied[name] = _copied(value)
        elif isinstance(value, list):
            copied[name] = list(value)
    return copied


def _checked_keys(api_key: Any) -> dict[str, Any]:
    if api_key is not None and not isinstance(api_key, Mapping):
        raise ApiTypeError("api_key must be a dict by header name, such as {%r: ...}" % SIMPLE_KEY)
    return dict(api_key or {})


def _debug_log() -> Any:
    from . import debug_log  # imported late: logging costs more to import than this module

    return debug_log


def configuration_or_global(configuration: Any) -> Configuration:
    """``configuration``, or the global one for ``None``.

    Raises:
        ApiTypeError: it is neither.
    """
    if configuration is None:
        return global_configuration
    if not isinstance(configuration, Configuration):
        raise ApiTypeError(
            "configuration must be a Configuration, not %s" % type(configuration).__name__
        )
    return configuration


def _auth_lookup(configuration: Configuration) -> Callable[[str], dict[str, Any] | None]:
    """A function that finds the setting of a scheme, and reads no other credential.

    If a subclass replaces ``auth_settings``, as with the official SDK, its settings are used.
    """
    replaced = getattr(configuration.auth_settings, "__func__", None)
    if replaced is not Configuration.auth_settings:
        return configuration.auth_settings().get
    if type(configuration) is Configuration and not (
        configuration.api_key != {}
        or configuration.access_token
        or configuration.refresh_api_key_hook
    ):
        return _NOTHING.get  # no credential is configured, as for a session's token requests
    return configuration.auth_setting


_NOTHING: dict[str, Any] = {}
global_configuration: Configuration = Configuration()
