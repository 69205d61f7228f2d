"""Loopback hosts: no packet to them leaves the machine."""

from __future__ import annotations

_BYTES = frozenset(map(str, range(256)))


def is_loopback(host: str) -> bool:
    """Whether ``host`` is ``localhost``, an address in 127.0.0.0/8, or ``::1``.

    Args:
        host: a host name or address in lower case, without brackets and port.
    """
    *groups, last = host.split(":")
    if len(groups) > 1:  # IPv6
        return last.lstrip("0") == "1" and not "".join(groups).strip("0")
    numbers = host.split(".")
    is_ipv4 = len(numbers) == 4 and _BYTES.issuperset(numbers)
    return numbers[0] == "127" if is_ipv4 else host == "localhost"
