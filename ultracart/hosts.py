"""Hosts of URLs: loopback ones, from which no packet leaves the machine, and IPv6 addresses."""

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


def in_brackets(netloc: str) -> bool:
    """Whether the host of ``netloc`` is an address in brackets, with at most a port after it.

    Raises:
        ValueError: there is more than the address and a port. Python's versions differ in what they
            accept before and after the brackets, and take the address for the host.
    """
    _, _, place = netloc.rpartition("@")
    before, opened, _ = place.partition("[")
    if not opened:
        return False
    _, closed, rest = place.partition("]")
    if before or not closed or rest[:1] not in ("", ":"):
        raise ValueError("an address in brackets, and more")
    return True
