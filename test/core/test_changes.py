"""What one thread changes while others use it: nobody's call or change fails."""

from __future__ import annotations

import copy
import itertools
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import ultracart
from ultracart import ApiClient, Configuration
from ultracart.transport import pools
from ultracart.transport.settings import Origin

SECONDS = 0.5
KEY = "x-ultracart-simple-key"


@pytest.fixture(autouse=True)
def many_switches() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def together(*steps: Callable[[int], object]) -> None:
    """Each step again and again in two threads of its own, with the numbers from 0 on."""
    failures: list[BaseException] = []
    over = threading.Event()

    def repeat(step: Callable[[int], object]) -> None:
        try:
            for number in itertools.count():
                step(number)
                if over.is_set():
                    return
        except BaseException as error:
            failures.append(error)
            over.set()

    threads = [threading.Thread(target=repeat, args=(step,)) for step in steps * 2]
    for thread in threads:
        thread.start()
    over.wait(SECONDS)
    over.set()
    for thread in threads:
        thread.join(60)
    assert not failures, failures
    assert not any(thread.is_alive() for thread in threads)


def settings_of(configuration: Configuration) -> list[Callable[[int], object]]:
    def change(number: int) -> None:
        configuration.api_key["key-%d" % (number % 500)] = "secret"
        configuration.api_key.pop("key-%d" % ((number + 250) % 500), None)
        setattr(configuration, "own_%d" % (number % 50), number)
        vars(configuration).pop("own_%d" % ((number + 25) % 50), None)

    return [
        change,
        lambda number: copy.copy(configuration),
        lambda number: copy.deepcopy(configuration),
        lambda number: pickle.dumps(configuration),
        lambda number: repr(configuration),
        lambda number: configuration.auth_settings(),
    ]


@pytest.mark.filterwarnings("ignore:Configuration has no setting:UserWarning")
def test_settings() -> None:
    together(*settings_of(Configuration()))


@pytest.mark.filterwarnings("ignore:Configuration has no setting:UserWarning")
def test_the_global_configuration() -> None:
    default = Configuration()
    default.api_key[KEY] = "default"

    def made(number: int) -> None:
        assert Configuration().api_key.get(KEY) in (None, "default")

    together(
        *settings_of(ultracart.configuration),
        lambda number: Configuration.set_default(default if number % 2 else None),
        lambda number: Configuration.get_default_copy(),
        made,
    )


def test_default_headers() -> None:
    client = ApiClient(Configuration())

    def change(number: int) -> None:
        client.set_default_header("X-%d" % (number % 200), number)
        client.default_headers.pop("X-%d" % ((number + 100) % 200), None)

    def agent(number: int) -> None:
        client.user_agent = "shop/%d" % number

    def sent(number: int) -> None:
        headers = {name.lower() for name in list(client.default_headers)}
        assert {"user-agent", "x-ultracart-api-version"} <= headers
        assert client.user_agent

    together(change, agent, sent)
    client.set_default_header("x-ultracart-api-version", "2017-03-01")
    names = [name for name in client.default_headers if "version" in name.lower()]
    assert names == ["x-ultracart-api-version"]


def test_headers_set_by_many_are_all_there() -> None:
    client = ApiClient(Configuration())
    threads = [
        threading.Thread(
            target=lambda mine=mine: [
                client.set_default_header("X-%d-%d" % (mine, number), "1") for number in range(50)
            ]
        )
        for mine in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(name.startswith("X-") for name in client.default_headers) >= 16 * 50


def test_debug_switched_by_many() -> None:
    from ultracart.debug_log import LOGGER, added_handlers

    level, handlers = LOGGER.level, list(LOGGER.handlers)

    def switch(number: int) -> None:
        configuration = Configuration()
        configuration.debug = True
        configuration.debug = False

    together(switch)
    assert LOGGER.level == level
    assert LOGGER.handlers == handlers
    assert added_handlers() == (None, None)


def test_a_lease_closed_by_many_is_given_back_once() -> None:
    class Pool:
        closed = 0

        def close(self) -> None:
            self.closed += 1

    class Settings:
        origin = Origin("https", "example.com", 443)

    for _ in range(300):
        key: Any = Settings()
        mine, others = pools.lease(key, None, Pool), pools.lease(key, None, Pool)
        pool = mine.pool
        start = threading.Barrier(4)

        def close(lease: Any = mine, start: threading.Barrier = start) -> None:
            start.wait()
            lease.close()

        threads = [threading.Thread(target=close) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert pool.closed == 0  # others have it
        others.close()
        assert pool.closed == 1
