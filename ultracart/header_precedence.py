"""Decides which header is sent where a call, its client and its credentials each set one.

The later wins over an earlier one of the same name in any case (RFC 9110, section 5.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from .exceptions import ApiTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing costs more to load than this package
    from typing import Any, Optional


def merge(own: Any, defaults: Mapping[str, Any], cookie: Optional[str]) -> dict[str, Any]:
    """The headers of one call: the client's defaults win over its own, the cookie over both.

    Raises:
        ApiTypeError: ``own`` is no mapping.
    """
    if not isinstance(own, Mapping):
        raise ApiTypeError("header_params must be a dict, not %s" % type(own).__name__)
    pairs = [*own.items(), *defaults.items()]
    if cookie:
        pairs.append(("Cookie", cookie))
    stays = _last_of_each_name(tuple([name for name, _ in pairs]))
    return {name: value for (name, value), last in zip(pairs, stays) if last}


def replace(headers: Any, name: str, value: Any) -> None:
    """Set a header in place of the one of the same name in any case."""
    lowered = str(name).lower()
    for same in [known for known in headers if str(known).lower() == lowered]:
        del headers[same]
    headers[name] = value


@lru_cache(maxsize=128)  # of names only: an application has few sets of them, and none is a secret
def _last_of_each_name(names: tuple[Any, ...]) -> tuple[bool, ...]:
    lowered = [str(name).lower() for name in names]
    return tuple(name not in lowered[place:] for place, name in enumerate(lowered, 1))
