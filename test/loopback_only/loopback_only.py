"""Nothing a test runs reaches beyond this machine.

An audit hook, not a patch of ``socket``: it also sees what C code connects, and adds no import to
the processes whose imports a test counts.
"""

from __future__ import annotations

import sys
from typing import Any

_EVENTS = frozenset(["socket.connect", "socket.getaddrinfo", "socket.gethostbyname"])
#: What was refused, for the test run to report even if the code under test swallowed it.
refused: list[str] = []


class NetworkBlocked(AssertionError):
    """A test tried to leave the machine."""


def install() -> None:
    """Refuse, for the rest of this process, to look up or connect to other machines."""
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _EVENTS:
        return
    host = arguments[0]
    if event == "socket.connect":
        address = arguments[1]
        # A Unix socket has a path for an address, and no network.
        host = address[0] if isinstance(address, tuple) else None
    if not _is_loopback(host):
        refused.append(str(host))
        raise NetworkBlocked("tests may not reach %s" % host)


def _is_loopback(host: Any) -> bool:
    # Netlink addresses are numbers; None is the wildcard of a server.
    if not isinstance(host, (str, bytes)) or host in ("", "localhost", b"", b"localhost"):
        return True
    from ipaddress import ip_address

    text = host.decode("latin-1") if isinstance(host, bytes) else host
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
