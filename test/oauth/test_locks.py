"""Locks and events that a Ctrl-C leaves usable."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import ExitStack
from functools import partial

import pytest
from interrupts import interrupts, is_free, needs_timer
from waiting import in_turns, wait_until

from ultracart.locks import Event, Lock
from ultracart.turns import Turns


@needs_timer
def test_a_signal_leaves_no_lock() -> None:
    lock = Lock()

    def operate() -> None:
        with lock:
            pass

    for count in interrupts(operate, 200):
        assert is_free(lock), "after interrupt %d" % count


@needs_timer
def test_a_signal_leaves_no_lock_that_is_taken_twice() -> None:
    lock = Lock()

    def operate() -> None:
        with lock, lock:
            pass

    for count in interrupts(operate, 200):
        assert is_free(lock), "after interrupt %d" % count


@needs_timer
def test_a_signal_to_one_who_waits_leaves_the_lock_to_its_holder() -> None:
    lock = Lock()
    taken, over = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            over.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    taken.wait(30)

    def operate() -> None:
        with lock:
            raise AssertionError("two are inside")

    for _ in interrupts(operate, 20):
        assert not lock.acquire(blocking=False)
    over.set()
    holder.join()
    assert is_free(lock)


@pytest.mark.parametrize("moments", [("call",), ("call", "c_return")])
def test_each_moment_of_a_block(moments: tuple[str, ...]) -> None:
    """The moments one by one, where the profiler sees what a signal handler may meet."""
    lock = Lock()
    passed, moment = 0, 0

    def interrupt(frame: object, event: str, argument: object) -> None:
        nonlocal passed
        passed += event in moments
        if passed == moment:
            sys.setprofile(None)
            raise KeyboardInterrupt

    def operate() -> None:
        with lock:
            pass

    for moment in range(1, 5):
        passed = 0
        sys.setprofile(interrupt)
        try:
            operate()
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(None)
        assert is_free(lock), "moment %d" % moment


def test_an_exception_in_the_block_passes_and_releases() -> None:
    lock = Lock()
    with pytest.raises(ZeroDivisionError), lock:
        raise ZeroDivisionError
    assert is_free(lock)


def test_event_wakes_all_who_wait() -> None:
    event = Event()
    seen: list[bool] = []
    threads = [threading.Thread(target=lambda: seen.append(event.wait(30))) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert not event.is_set()
    event.set()
    for thread in threads:
        thread.join(30)
    assert seen == [True] * 8
    assert event.is_set()
    assert event.wait()
    event.set()


@pytest.mark.parametrize("timeout", [0, -1.0, 0.01])
def test_event_waits_no_longer_than_told(timeout: float) -> None:
    event = Event()
    began = time.monotonic()
    assert not event.wait(timeout)
    assert time.monotonic() - began < 10
    assert not event._waiting


@needs_timer
def test_a_signal_leaves_an_event_that_others_can_wait_for_and_set() -> None:
    for _ in range(10):
        event = Event()
        for _ in interrupts(partial(event.wait, 1e-4), 5):
            pass
        for _ in interrupts(event.set, 5):
            pass
        other = threading.Thread(target=event.set)
        other.start()
        other.join(10)
        assert not other.is_alive()
        assert event.wait(10)


@needs_timer
def test_a_waiting_thread_goes_on_though_the_set_was_interrupted() -> None:
    event = Event()
    waiter = threading.Thread(target=event.wait)
    waiter.start()
    while not event._waiting:
        pass
    event._is_set = True  # what a `set()` has done that was interrupted at once
    waiter.join(30)
    assert not waiter.is_alive()


# -- turns --


def is_free_for(turns: Turns, key: object) -> bool:
    with turns.take(key, 0) as is_inside:
        return is_inside


def test_places_are_as_many_as_were_made() -> None:
    turns = Turns(2)
    with turns.take("a", 0) as first:
        with turns.take("a", 0) as second:
            assert first
            assert second
            assert not is_free_for(turns, "a")
            assert is_free_for(turns, "b")
        assert is_free_for(turns, "a")
    assert not turns._turns  # nothing is kept of a key that nobody uses


def test_who_did_not_get_in_is_not_let_in_later() -> None:
    turns = Turns(1)
    with ExitStack() as holder:
        holder.enter_context(turns.take("a", 0))
        with turns.take("a", 0) as is_inside:
            assert not is_inside
            holder.close()
            assert is_free_for(turns, "a")


def test_a_place_that_a_signal_gives_back_without_a_word_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ultracart.turns._LOOK_AGAIN", 0.001)
    turns = Turns(1)
    with turns.take("a", 0):
        waiter = threading.Thread(target=is_inside_once, args=(turns,))
        waiter.start()
        wait_until(lambda: in_turns(turns, "a") == 2)
        turns._turns["a"][0].is_over = True  # what a holder has done that was interrupted at once
        waiter.join(30)
    assert not waiter.is_alive()


def is_inside_once(turns: Turns) -> None:
    with turns.take("a", None) as is_inside:
        assert is_inside
