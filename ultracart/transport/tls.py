"""TLS: host names in ASCII, certificate files, and contexts.

Certificates count by their content, not by the path of their file: a client that is made after a
file was rewritten uses what the file holds then, and shares no connection with an older client.
"""

from __future__ import annotations

import errno
import hashlib
import ipaddress
import os
import ssl
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from ..exceptions import ConfigurationError
from ..forks import load_lock
from ..redaction import show_path
from .connection import current
from .fast_paths import context_class

if TYPE_CHECKING:
    from .settings import TransportSettings

_BEGIN = b"-----BEGIN CERTIFICATE-----"
_END = b"-----END CERTIFICATE-----"
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")
# OpenSSL 3's option to treat a cut connection as a regular end. Some Pythons switch it on, but have
# no name for it. See connection.
_IGNORE_UNEXPECTED_EOF = 1 << 7
# Contents of certificate files by path, with the file's stamp: read again only if that has changed.
_contents: dict[str, tuple[Any, bytes]] = {}
_MAX_CONTENTS = 1024
# Seconds after which a change shows in a file's stamp, however coarse the clock of its disk is.
_COARSE = 2.0


def ascii_host(host: str, in_brackets: bool) -> str:
    """The host of a URL as DNS and TLS need it: an address, or a name in ASCII.

    An international name is accepted only if IDNA 2003, which Python has, and current Unicode,
    which browsers use, map it to the same name. Otherwise a user could see one host and the client
    use another.

    Raises:
        ValueError: it is not a host, or such a name.
    """
    if in_brackets:
        ipaddress.IPv6Address(host)
        return host
    if not host.isascii():
        for dot in "\u3002\uff0e\uff61":
            host = host.replace(dot, ".")
        host = ".".join([_ascii_label(label) for label in host.split(".")])
    labels = host.removesuffix(".").split(".")
    if not _LETTERS.issuperset(host) or not all(0 < len(label) < 64 for label in labels):
        raise ValueError("not a host name")
    return host


def _ascii_label(label: str) -> str:
    import unicodedata  # imported late: only international names need its tables

    if not label:
        return label
    encoded = label.encode("idna").decode("ascii")
    today = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).lower())
    assigned = all(unicodedata.ucd_3_2_0.category(char) != "Cn" for char in label)
    if not assigned or encoded.encode("ascii").decode("idna") != today:
        raise ValueError("browsers read this name as another host")
    return encoded


class Files(NamedTuple):
    """What the files of one client's TLS settings held when it was made."""

    authorities: tuple[bytes, ...]  # PEM; empty for certifi's bundle
    identity: bytes | None  # a digest of the client's certificate and key


NO_FILES = Files((), None)


def read_files(settings: TransportSettings) -> Files:
    """The files that ``settings`` names, as they are now.

    Raises:
        ConfigurationError: a file that is missing or not what it should be.
    """
    proxy = settings.proxy
    to_origin = settings.origin.scheme == "https"
    if not to_origin and (proxy is None or proxy.origin.scheme != "https"):
        return NO_FILES
    authorities: dict[bytes, None] = {}
    found: dict[str, list[bytes]] = {}  # by setting or variable, which may name several folders
    if settings.verify_ssl:
        for name, source in settings.trusted:
            found.setdefault(name, []).extend(_certificates(name, source))
    for name, contents in found.items():
        if not contents:
            sources = [show_path(source) for of, source in settings.trusted if of == name]
            raise ConfigurationError(
                "%s must name a file or folder of PEM certificates: %s holds none"
                % (name, " or ".join(sources))
            )
        authorities.update(dict.fromkeys(contents))
    return Files(tuple(authorities), _identity(settings) if to_origin else None)


def _certificates(name: str, source: str) -> list[bytes]:
    """PEM certificates from ``source``: a file, the files of a folder, or the text itself.

    Empty if it holds none.
    """
    if "-----BEGIN " in source:
        return [source.encode("utf-8", "replace")]  # comments may be in any encoding
    paths = [source]
    if os.path.isdir(source):
        try:
            paths = [os.path.join(source, entry) for entry in sorted(os.listdir(source))]
        except OSError as error:
            raise _unreadable(name, "folder", source, error) from None
        paths = [path for path in paths if os.path.isfile(path)]
    return [content for content in (_read(path, name) for path in paths) if _BEGIN in content]


def _identity(settings: TransportSettings) -> bytes | None:
    if settings.cert_file is None:
        if settings.key_file is not None:
            raise ConfigurationError("Configuration.key_file needs Configuration.cert_file as well")
        return None
    digest = hashlib.sha256(_read(settings.cert_file, "Configuration.cert_file"))
    if settings.key_file is not None:
        digest.update(_read(settings.key_file, "Configuration.key_file"))
    return digest.digest()


def _read(path: str, name: str) -> bytes:
    try:
        found = os.stat(path)
        stamp = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        known = _contents.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        with open(path, "rb") as file:
            content = file.read()
    except (OSError, ValueError) as error:
        raise _unreadable(name, "file", path, error) from None
    if known is not None and known[1] == content:
        content = known[1]  # an equal object whose hash is already computed
    if _BEGIN in content and b"PRIVATE KEY" not in content:
        if len(_contents) >= _MAX_CONTENTS:
            _contents.clear()
        settled = found.st_ctime < time.time() - _COARSE
        _contents[path] = (stamp if settled else None, content)
    return content


def _unreadable(name: str, kind: str, path: str, error: Exception) -> ConfigurationError:
    _require_resources(error)
    return ConfigurationError(
        "%s must name a readable %s: %s cannot be read: %s"
        % (name, kind, show_path(path), getattr(error, "strerror", None) or error)
    )


def _require_resources(error: Exception) -> None:
    """Raise ``error`` again if it is not the file's fault: no descriptor was left to open it."""
    if getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE):
        raise error


class _ProxySocket(ssl.SSLSocket):
    """The connection to an https proxy, which TLS to the origin reads piece by piece."""

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        deadline = current.deadline
        if deadline is not None:
            self.settimeout(deadline.left())
        return super().recv(buflen, flags)


def tls_options(
    settings: TransportSettings,
    files: Files,
    used: Any,
    to_proxy: bool = False,
) -> dict[str, Any]:
    """urllib3's options for TLS to the origin of ``settings``, or to its proxy.

    ``used`` is the class of contexts that urllib3 would make itself.

    Raises:
        ConfigurationError: a file that is not what it should be.
    """
    # The first context initialises OpenSSL: a fork waits, so that no child inherits it half done.
    with load_lock():
        context = _context(settings, files, context_class(used), to_proxy)
    # urllib3 sets the context's verify_mode to cert_reqs.
    required = ssl.CERT_REQUIRED if settings.verify_ssl else ssl.CERT_NONE
    return {"ssl_context": context, "cert_reqs": required}


def _context(
    settings: TransportSettings, files: Files, cls: type[ssl.SSLContext], to_proxy: bool
) -> ssl.SSLContext:
    """A client's context. Costs some 15 ms, so it is shared with the pool."""
    context = cls(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options &= ~_IGNORE_UNEXPECTED_EOF
    if settings.verify_ssl:
        # Checks the host's name; urllib3 compares with `assert_hostname` instead, where it is set.
        _load_trusted(context, settings, files.authorities)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if to_proxy:
        # Verify the proxy's certificate as usual, but do not send it the client certificate.
        context.sslsocket_class = _ProxySocket
    elif settings.cert_file is not None:
        _load_identity(context, settings, settings.cert_file, files)
    return context


def _load_trusted(
    context: ssl.SSLContext, settings: TransportSettings, authorities: tuple[bytes, ...]
) -> None:
    if not authorities:
        import certifi  # certifi's bundle only if no CA certificates are given

        context.load_verify_locations(cafile=certifi.where())
        return
    # A folder made for OpenSSL has each certificate under two names.
    blocks = dict.fromkeys(
        block.partition(_END)[0] for text in authorities for block in text.split(_BEGIN)[1:]
    )
    try:
        pem = b"".join([_BEGIN + block + _END + b"\n" for block in blocks]).decode("ascii")
        context.load_verify_locations(cadata=pem)
    except (OSError, ValueError) as error:
        _require_resources(error)
        # PEM text is not quoted: it may be a key by mistake.
        names = [
            name if "-----BEGIN " in source else "%s (%s)" % (name, show_path(source))
            for name, source in settings.trusted
        ]
        raise ConfigurationError("%s must be PEM certificates" % " and ".join(names)) from None


def _load_identity(
    context: ssl.SSLContext, settings: TransportSettings, cert_file: str, files: Files
) -> None:
    try:
        # An encrypted key would make OpenSSL ask at the terminal; a wrong password fails at once.
        context.load_cert_chain(cert_file, settings.key_file, password=lambda: "")
    except (OSError, ValueError) as error:
        _require_resources(error)
        key = "in the same file"
        if settings.key_file is not None:
            key = "in key_file (%s)" % show_path(settings.key_file)
        raise ConfigurationError(
            "Configuration.cert_file (%s) must hold a PEM certificate, and its unencrypted PEM key "
            "must be %s" % (show_path(cert_file), key)
        ) from None
    if _identity(settings) != files.identity:  # OpenSSL takes no content, only the path
        raise ConfigurationError(
            "Configuration.cert_file or key_file was rewritten while it was read: call again"
        )
