"""Decides whom a TLS connection trusts and how it identifies itself."""

from __future__ import annotations

import errno
import os
import ssl
from typing import Any, Optional

from ..exceptions import ConfigurationError
from .framing import TLSSocket
from .settings import TransportSettings

# OpenSSL 3's option to take a cut connection for one that has ended; Python 3.9 switches it on and
# has no name for it. See framing.
_IGNORE_UNEXPECTED_EOF = 1 << 7


class _Context(ssl.SSLContext):
    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        return super().wrap_socket(*args, **self._named(options))

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        return super().wrap_bio(*args, **self._named(options))

    def _named(self, options: dict[str, Any]) -> dict[str, Any]:
        name = options.get("server_hostname")
        if name is None:
            # urllib3 1.26 names no address; it compares that itself where OpenSSL does not.
            self.check_hostname = False
        else:
            # For a name in bytes ``ssl`` need not load the idna codec, some 4 ms; settings.py has
            # seen to it that it is ASCII.
            options["server_hostname"] = name.encode("ascii")
        return options


def tls_context(settings: TransportSettings) -> ssl.SSLContext:
    """A client context for ``settings``. Costs some 15 ms, so it is shared with the pool.

    Raises:
        ConfigurationError: a file that is missing or not what it should be.
    """
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = TLSSocket
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


def _load_trusted(context: ssl.SSLContext, ca_cert: Optional[str]) -> None:
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


def _load_identity(context: ssl.SSLContext, cert_file: str, key_file: Optional[str]) -> None:
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
