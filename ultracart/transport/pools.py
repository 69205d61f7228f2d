"""Connection pools: which clients share one, and when one is closed.

Clients of equal transport settings share one pool and one TLS context; others never do. A client
that is closed gives its share back at once, and the last one closes the pool. If the last client is
garbage-collected without ``close()``, the pool stays open, because code that makes a client for
each call must not pay a TLS handshake each time. Only a few such unused pools are kept: those that
were used last.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from ..forks import renew_after_fork
from ..locks import Lock
from ..redaction import SentSecrets

if TYPE_CHECKING:
    from .settings import Origin, TransportSettings

_MAX_PARKED = 8


class Shared:
    """One pool and how many clients use it."""

    __slots__ = ("key", "pool", "sent_secrets", "users")

    def __init__(self, key: Hashable, pool: Any, sent_secrets: SentSecrets) -> None:
        self.key: Hashable = key
        self.pool: Any = pool
        self.users: int = 0
        self.sent_secrets: SentSecrets = sent_secrets


class Lease:
    """One client's share of a pool; dropping it gives the share back without closing the pool."""

    __slots__ = ("_held", "_registry", "_settings", "pool", "sent_secrets")

    def __init__(self, registry: _Registry, shared: Shared, settings: Hashable) -> None:
        self._registry = registry
        self._settings = settings
        # Holds the share until it is given back; pop() hands it to one of two threads that close.
        self._held: list[Shared] = [shared]
        self.pool: Any = shared.pool
        self.sent_secrets: SentSecrets = shared.sent_secrets

    def serves(self, settings: Hashable) -> bool:
        """Whether the pool is one for ``settings`` and was not inherited through ``fork``."""
        known = self._settings
        return (known is settings or known == settings) and self._registry is _registry

    def close(self) -> None:
        """Give the share back; the last one closes the pool."""
        try:
            shared = self._held.pop()
        except IndexError:
            return
        self._registry.give_back(shared)

    def __del__(self) -> None:
        # Runs inside any allocation, even under the registry's lock: so take no lock here.
        self._registry.dropped.extend(self._held)


class _Registry:
    def __init__(self) -> None:
        self._lock = Lock()
        # Insertion order is order of last use: the oldest come first.
        self._pools: dict[Hashable, Shared] = {}
        self.dropped: deque[Shared] = deque()
        # All pools of one server share what was sent to it, as long as one of them exists.
        self._sent: WeakValueDictionary[Origin, SentSecrets] = WeakValueDictionary()

    def sent_to(self, origin: Origin) -> SentSecrets:
        with self._lock:
            return self._sent.setdefault(origin, SentSecrets())

    def lease(self, settings: TransportSettings, files: Hashable, make: Callable[[], Any]) -> Lease:
        key = (settings, files)
        sent = self.sent_to(settings.origin)
        with self._lock:
            self._collect()
            shared = self._pools.pop(key, None) or Shared(key, make(), sent)
            self._pools[key] = shared
            shared.users += 1
            surplus = self._surplus()
        _close_all(surplus)
        return Lease(self, shared, settings)

    def give_back(self, shared: Shared) -> None:
        with self._lock:
            self._collect()
            shared.users -= 1
            last = shared.users == 0 and self._pools.get(shared.key) is shared
            if last:
                del self._pools[shared.key]
        if last:
            shared.pool.close()

    def all(self) -> list[Shared]:
        """Every pool; takes no lock, since after a fork nobody may ever release it."""
        return list(self._pools.values())

    def _collect(self) -> None:
        while self.dropped:
            self.dropped.popleft().users -= 1

    def _surplus(self) -> list[Shared]:
        parked = [shared for shared in self._pools.values() if not shared.users]
        surplus = parked[: max(0, len(parked) - _MAX_PARKED)]
        for shared in surplus:
            del self._pools[shared.key]
        return surplus


def _close_all(pools: list[Shared]) -> None:
    for shared in pools:
        shared.pool.close()


_registry = _Registry()
# A pool inherited through fork shares its sockets with the parent: it is never used, and never
# freed, because freeing would write TLS close_notify into the parent's connections.
_inherited: list[Any] = []


def _after_fork_in_child() -> None:
    global _registry
    for shared in _registry.all():
        # urllib3 would close these when the process ends. A closed pool has none.
        idle = shared.pool.pool
        for connection in idle.take_all() if idle is not None else ():
            sock = connection.sock
            if sock is not None:
                sock.close()  # closes this process's descriptor and sends nothing to the server
    _inherited.append(_registry)
    _registry = _Registry()


renew_after_fork(_after_fork_in_child)


def sent_to(origin: Origin) -> SentSecrets:
    """The secrets that clients of this process have sent to a server, to be kept by the caller."""
    return _registry.sent_to(origin)


def lease(settings: TransportSettings, files: Hashable, make: Callable[[], Any]) -> Lease:
    """A share of the pool for ``settings`` and for what their files hold now.

    ``make`` builds the pool if there is none.
    """
    return _registry.lease(settings, files, make)
