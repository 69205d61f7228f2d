"""How one library is timed in a process of its own, at the word of the benchmark.

``python worker.py LIBRARY HOST CA_FILE`` reads one JSON command a line and answers each with one
JSON line, so that the benchmark can let several libraries take turns.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from functools import cached_property
from typing import Any

from libraries import LIBRARIES


def timed(work: Callable[[], Any], calls: int) -> dict[str, float]:
    """CPU and wall time for each of ``calls`` calls that ``work`` makes, in microseconds."""
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu": cpu / calls * 1e6, "wall": wall / calls * 1e6}


def repeat(call: Callable[[], Any], calls: int) -> None:
    for _ in range(calls):
        call()


def in_threads(call: Callable[[], Any], calls: int, number: int = 16) -> None:
    threads = [threading.Thread(target=repeat, args=(call, calls // number)) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def many_tokens() -> str:
    """Ten thousand token answers in one list."""
    row = {
        "access_token": "0123456789abcdef" * 4,
        "refresh_token": "fedcba9876543210" * 4,
        "expires_in": 3600,
        "scope": "crm ultraship",
        "token_type": "bearer",
    }
    return json.dumps([row] * 10_000)


def session_clients(host: str, number: int) -> None:
    """One call of each of ``number`` merchants' authorized clients."""
    from ultracart import Configuration
    from ultracart.oauth import MemoryTokenStore, OAuthSession, Token

    configuration = Configuration()
    configuration.host = host
    store = MemoryTokenStore()
    session = OAuthSession("bench", token_store=store, configuration=configuration)
    clients = []
    for number_ in range(number):
        account = "merchant-%d" % number_
        store.save(account, Token("token-%d" % number_))
        clients.append(session.api_client(account))
    for client in clients:
        client.call_api("/x", "GET", response_type="object", auth_settings=["ultraCartOauth"])


def used() -> dict[str, int]:
    """What this process holds: threads, file descriptors, log handlers, bytes."""
    gc.collect()
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.Logger.manager.loggerDict)]
    with open("/proc/self/statm", encoding="ascii") as statm:
        pages = int(statm.read().split()[1])
    return {
        "threads": threading.active_count(),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "handlers": sum(len(logger.handlers) for logger in loggers),
        "resident": pages * os.sysconf("SC_PAGE_SIZE"),
        "traced": tracemalloc.get_traced_memory()[0],
    }


def growth(work: Callable[[int], Any], warm_up: int, times: int, trace: bool) -> dict[str, int]:
    """What grew while ``work`` ran ``times`` times, after a warm-up."""
    if trace:
        tracemalloc.start()
    work(warm_up)
    before = used()
    work(times)
    after = used()
    tracemalloc.stop()
    return {name: after[name] - before[name] for name in after}


class Commands:
    """What the benchmark can ask for; each answer is figures by name."""

    def __init__(self, name: str, host: str, ca_file: str) -> None:
        self._host = host
        self._library: Any = LIBRARIES[name](host, ca_file)

    @cached_property
    def _warm(self) -> Callable[[], Any]:
        call: Callable[[], Any] = self._library.warm()
        return call

    @cached_property
    def _models(self) -> Callable[[], Any]:
        read: Callable[[], Any] = self._library.reader(many_tokens())
        return read

    def warm(self, calls: int) -> dict[str, float]:
        call = self._warm
        return timed(lambda: repeat(call, calls), calls)

    def threads(self, calls: int) -> dict[str, float]:
        call = self._warm
        return timed(lambda: in_threads(call, calls), calls)

    def fresh(self, calls: int) -> dict[str, float]:
        return timed(lambda: repeat(self._library.fresh, calls), calls)

    def models(self, calls: int) -> dict[str, float]:
        read = self._models
        return timed(lambda: repeat(read, calls), calls)

    def grow(self, calls: int) -> dict[str, int]:
        """Clients made and dropped; traced, as resident memory comes in pages."""
        return growth(lambda times: repeat(self._library.fresh, times), 200, calls, trace=True)

    def clients(self, calls: int) -> dict[str, float]:
        return timed(lambda: session_clients(self._host, calls), calls)

    def soak(self, calls: int) -> dict[str, int]:
        call = self._warm
        return growth(lambda times: repeat(call, times), 12_000, calls, trace=False)


def main() -> None:
    commands = Commands(*sys.argv[1:])
    # The official SDK's handlers would write a line for each connection over its pool's size.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(getattr(commands, command["do"])(command["calls"])), flush=True)


if __name__ == "__main__":
    main()
