"""A background call is always made, whatever its threads do at that moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from ultracart import async_calls

from .conftest import exchange
from .server import answer


class Pausing:
    """A lock after which its maker does not go on before ``pause`` returns."""

    def __init__(self, lock: Any, pause: Callable[[], Any]) -> None:
        self._lock = lock
        self._pause = pause
        self._maker = threading.get_ident()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self._lock.release()
        if threading.get_ident() == self._maker:
            self._pause()


def background_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "ultracart-call"]


def _join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(30)


def test_background_call_while_the_last_thread_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_calls, "_LINGER", 0.01)
    pool = async_calls.CallPool()
    workers: Any = pool._workers
    lock = workers.lock
    for _ in range(3):
        pool.apply_async(int, ("7",)).get(30)
        threads = background_threads()
        workers.lock = Pausing(lock, partial(_join, threads))
        assert pool.apply_async(int, ("8",)).get(30) == 8
        workers.lock = lock


def test_background_call_while_the_pool_is_closed() -> None:
    pool = async_calls.CallPool()
    pool.apply_async(int, ("7",)).get(30)
    workers: Any = pool._workers
    workers.lock = Pausing(workers.lock, pool.close)
    assert pool.apply_async(int, ("8",)).get(30) == 8
    assert pool.apply_async(int, ("9",)).get(30) == 9


def test_background_call_after_more_of_them_than_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_calls, "_LINGER", 0.01)
    pool, go = async_calls.CallPool(), threading.Event()
    results = [pool.apply_async(go.wait, (5,)) for _ in range(pool._workers.limit + 9)]
    assert pool._workers.threads == pool._workers.limit
    go.set()
    assert [result.get(30) for result in results] == [True] * len(results)
    for thread in background_threads():
        thread.join(30)
    assert pool._workers.threads == 0
    assert pool.apply_async(int, ("7",)).get(30) == 7


def test_background_call_without_a_thread_to_spare(
    serve: Any, api_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    api = api_of(serve(answer('{"access_token":"a"}')))
    real = threading.Thread.start
    exchange(api)  # from here on the server needs no further thread
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    assert exchange(api, async_req=True).get(30).access_token == "a"
    monkeypatch.setattr(threading.Thread, "start", real)
    assert exchange(api, async_req=True).get(30).access_token == "a"


def test_threads_of_another_process_are_not_waited_for() -> None:
    pool = async_calls.CallPool()
    pool.apply_async(int, ("7",)).get(30)
    theirs: Any = pool._workers
    theirs.pid -= 1  # what a forked child finds
    assert pool.apply_async(int, ("8",)).get(30) == 8
    assert pool._workers is not theirs
    pool._workers, mine = theirs, pool._workers
    pool.close()
    assert theirs.jobs.empty()  # it is theirs to close
    mine.end()


def test_background_call_just_after_the_pool_was_closed() -> None:
    pool = async_calls.CallPool()
    pool._workers.end()  # by another thread, which has yet to replace them
    assert pool.apply_async(int, ("8",)).get(30) == 8
