"""The contract of token stores as a pytest suite, for every store, yours too.

Subclass :class:`TokenStoreContract` in a test module of your own and give it the fixture
``open_store``; see docs/TokenStores.md. pytest is needed by this module alone.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

from ...exceptions import TokenStoreError
from ..token import Token
from .base import TokenStore

OpenStore = Callable[[], TokenStore]
RolledBack = Callable[[], AbstractContextManager[Any]]

# Seconds that anything here may take before the test fails; nothing waits for them to pass.
_DEADLINE = 30.0
# Seconds within which the lock of a holder that died must be free.
_FREE_AGAIN = 5.0


class TokenStoreContract:
    """The tests. Set what your store does not offer to ``False``.

    Fixture ``open_store``: a function without arguments that returns a new store object on the
    same data at each call, and an empty one at a test's first. For the tests with processes it
    has to be picklable, such as ``functools.partial(YourStore, url)``.
    """

    #: Whether store objects of several processes share their data and their locks.
    shared_between_processes = True
    #: Whether store objects opened separately share their data and their locks.
    shared_between_objects = True

    @pytest.fixture
    def open_store(self) -> OpenStore:  # pragma: no cover - each test class gives its own
        raise NotImplementedError("give your test class the fixture open_store")

    @pytest.fixture
    def rolled_back(self) -> RolledBack:
        """A function that returns a context in which your application does its work, and which is
        rolled back when it is left, such as a web request whose view fails."""
        return nullcontext

    @pytest.fixture
    def store(self, open_store: OpenStore) -> Any:
        store = open_store()
        yield store
        _close(store)

    @pytest.fixture
    def other(self, open_store: OpenStore, store: TokenStore) -> Any:
        """What a second process would open."""
        if not self.shared_between_objects:
            yield store
            return
        other = open_store()
        yield other
        _close(other)

    # -- data ---------------------------------------------------------------------------------

    def test_an_unknown_account_has_no_token(self, store: TokenStore) -> None:
        assert store.load("merchant-7") is None
        assert list(store.accounts()) == []

    @pytest.mark.parametrize(
        "token",
        [
            Token("access"),
            Token("access", "refresh", 1_800_003_600.5, "bearer", "a_read b_write"),
            Token("a", "r", 2e9, issued_at=1_999_996_400.25, merchant_id="DEMO"),
            Token("x" * 65536, "\u00e9\u4e2d'\"\\\n", scope=""),
            # Without host and client_id, any session would send it to its own server.
            Token(
                "a",
                "r",
                2e9,
                host="https://secure.ultracart.com/rest/v2",
                client_id="app",
                granted_at=1_999_000_000.5,
                refresh_token_expires_at=3e9,
                extra={"id_token": "x", "more": [1, {"a": None}]},
            ),
        ],
    )
    def test_what_was_saved_is_loaded(
        self, store: TokenStore, other: TokenStore, token: Token
    ) -> None:
        store.save("merchant-7", token)
        assert other.load("merchant-7") == token

    def test_a_save_replaces_what_was_there(self, store: TokenStore, other: TokenStore) -> None:
        store.save("merchant-7", Token("first", "one"))
        store.save("merchant-7", Token("second", "two"))
        assert other.load("merchant-7") == Token("second", "two")
        assert list(other.accounts()) == ["merchant-7"]

    def test_accounts_are_kept_apart(self, store: TokenStore, other: TokenStore) -> None:
        names = ["Merchant", "merchant", "m%", "m_", "\u00e9", "e\u0301", "'; --", "x" * 255]
        names += ["m", "m ", " m"]
        for name in names:
            store.save(name, Token("token of " + name))
        assert sorted(other.accounts()) == sorted(names)
        assert [other.load(name) for name in names] == [Token("token of " + n) for n in names]

    def test_a_deleted_token_is_gone(self, store: TokenStore, other: TokenStore) -> None:
        store.save("merchant-7", Token("access"))
        store.save("merchant-8", Token("another"))
        other.delete("merchant-7")
        assert store.load("merchant-7") is None
        assert list(store.accounts()) == ["merchant-8"]

    def test_deleting_an_unknown_account_does_nothing(self, store: TokenStore) -> None:
        store.delete("merchant-7")

    @pytest.mark.parametrize("account", ["", 7, None, "\ud800"])
    def test_an_impossible_account_is_refused(self, store: TokenStore, account: Any) -> None:
        with pytest.raises((TypeError, ValueError)):
            store.save(account, Token("access"))

    # -- replace ------------------------------------------------------------------------------

    def test_replace_saves_over_the_token_it_knows(self, store: TokenStore) -> None:
        old, new = Token("old", "one"), Token("new", "two")
        store.save("merchant-7", old)
        with store.lock("merchant-7"):
            assert store.replace("merchant-7", old, new) is True
        assert store.load("merchant-7") == new

    def test_replace_does_not_bring_back_a_deleted_account(self, store: TokenStore) -> None:
        with store.lock("merchant-7"):
            assert store.replace("merchant-7", Token("old"), Token("new")) is False
        assert store.load("merchant-7") is None

    def test_replace_leaves_a_newer_login_alone(self, store: TokenStore) -> None:
        login = Token("login", "of the merchant")
        store.save("merchant-7", login)
        with store.lock("merchant-7"):
            assert store.replace("merchant-7", Token("old", "one"), Token("new")) is False
        assert store.load("merchant-7") == login

    # -- durability ---------------------------------------------------------------------------

    def test_a_rollback_of_the_application_takes_no_token_back(
        self, store: TokenStore, other: TokenStore, rolled_back: RolledBack
    ) -> None:
        """What a refresh has saved stays saved; else the store must refuse it beforehand."""
        expected = Token("old", "one")
        store.save("merchant-7", expected)
        with rolled_back():
            try:
                with store.lock("merchant-7"):
                    assert store.replace("merchant-7", expected, Token("new", "two")) is True
            except TokenStoreError:
                pass
            else:
                expected = Token("new", "two")
        assert other.load("merchant-7") == expected

    def test_a_rollback_of_the_application_takes_no_login_back(
        self, store: TokenStore, other: TokenStore, rolled_back: RolledBack
    ) -> None:
        expected = None
        with rolled_back():
            try:
                store.save("merchant-7", Token("new", "two"))
            except TokenStoreError:
                pass
            else:
                expected = Token("new", "two")
        assert other.load("merchant-7") == expected

    @pytest.mark.parametrize("locked", [False, True])
    def test_what_was_saved_outlives_its_process(
        self, open_store: OpenStore, store: TokenStore, locked: bool
    ) -> None:
        self._need_processes()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        writer = context.Process(target=_save, args=(open_store, theirs, locked))
        writer.start()
        try:
            assert ours.poll(_DEADLINE), "the other process did not save the token"
        finally:
            writer.kill()
            writer.join(_DEADLINE)
            ours.close()
            theirs.close()
        assert store.load("merchant-7") == Token("kept", "refresh")

    # -- lock ---------------------------------------------------------------------------------

    def test_load_and_save_work_under_the_lock(self, store: TokenStore, other: TokenStore) -> None:
        store.save("merchant-7", Token("old"))
        with store.lock("merchant-7"):
            assert store.load("merchant-7") == Token("old")
            store.save("merchant-7", Token("new"))
            assert store.load("merchant-7") == Token("new")
        assert other.load("merchant-7") == Token("new")

    def test_a_lock_can_be_taken_again_and_after_an_error(self, store: TokenStore) -> None:
        with pytest.raises(ZeroDivisionError), store.lock("merchant-7"):
            _ = 1 / 0
        for _ in range(2):
            with store.lock("merchant-7") as held:
                assert held is not False

    def test_one_thread_holds_the_locks_of_many_accounts(self, store: TokenStore) -> None:
        def nest(number: int) -> None:
            if number:
                with store.lock("merchant-%d" % number, blocking=False) as held:
                    assert held is not False
                    nest(number - 1)

        nest(8)

    def test_a_try_does_not_wait(self, store: TokenStore, other: TokenStore) -> None:
        def try_lock() -> bool:
            with other.lock("merchant-7", blocking=False) as held:
                return held

        with ThreadPoolExecutor(1) as thread:
            with store.lock("merchant-7"):
                assert thread.submit(try_lock).result(_DEADLINE) is False
            assert thread.submit(try_lock).result(_DEADLINE) is True

    def test_a_load_does_not_wait_for_the_lock(self, store: TokenStore, other: TokenStore) -> None:
        store.save("merchant-7", Token("valid"))
        with ThreadPoolExecutor(1) as thread, store.lock("merchant-7"):
            found = thread.submit(other.load, "merchant-7").result(_DEADLINE)
        assert found == Token("valid")

    def test_a_delete_under_way_wins(self, store: TokenStore, other: TokenStore) -> None:
        old = Token("old", "one")
        store.save("merchant-7", old)
        with ThreadPoolExecutor(1) as thread:
            with store.lock("merchant-7"):
                assert store.load("merchant-7") == old
                deletion = thread.submit(other.delete, "merchant-7")
                # A store's delete may also wait for the lock.
                if wait([deletion], 0.2).done:
                    assert store.replace("merchant-7", old, Token("new", "two")) is False
            deletion.result(_DEADLINE)
        assert store.load("merchant-7") is None

    def test_threads_exclude_each_other(self, open_store: OpenStore, store: TokenStore) -> None:
        store.save("merchant-7", Token("0"))
        with ThreadPoolExecutor(8) as threads:
            for done in [threads.submit(_count_up, store, 5) for _ in range(8)]:
                done.result(_DEADLINE)
        assert store.load("merchant-7") == Token("40")

    def test_processes_exclude_each_other(self, open_store: OpenStore, store: TokenStore) -> None:
        self._need_processes()
        store.save("merchant-7", Token("0"))
        context = multiprocessing.get_context("spawn")
        workers = [context.Process(target=_count_up_in, args=(open_store, 10)) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(_DEADLINE)
        assert [worker.exitcode for worker in workers] == [0, 0, 0]
        assert store.load("merchant-7") == Token("30")

    def test_a_killed_holder_does_not_keep_the_lock(
        self, open_store: OpenStore, store: TokenStore
    ) -> None:
        self._need_processes()
        store.save("merchant-7", Token("kept"))
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        holder = context.Process(target=_hold, args=(open_store, theirs))
        holder.start()
        try:
            assert ours.poll(_DEADLINE), "the other process did not get the lock"
            with store.lock("merchant-7", blocking=False) as held:
                assert held is False
            assert holder.pid is not None
            os.kill(holder.pid, signal.SIGKILL)
            with ThreadPoolExecutor(1) as thread:
                thread.submit(_enter_and_leave, store).result(_FREE_AGAIN)
        finally:
            holder.kill()
            holder.join(_DEADLINE)
            ours.close()
            theirs.close()
        assert store.load("merchant-7") == Token("kept")

    def _need_processes(self) -> None:
        if not self.shared_between_processes:
            pytest.skip("this store is for one process")


def _count_up(store: TokenStore, times: int) -> None:
    for _ in range(times):
        with store.lock("merchant-7"):
            token = store.load("merchant-7")
            assert token is not None
            # Time for another thread to enter, if the lock does not exclude it.
            threading.Event().wait(0.001)
            store.save("merchant-7", Token(str(int(token.access_token) + 1)))


def _count_up_in(open_store: OpenStore, times: int) -> None:
    store = open_store()
    _count_up(store, times)
    _close(store)


def _enter_and_leave(store: TokenStore) -> None:
    with store.lock("merchant-7"):
        pass


def _hold(open_store: OpenStore, pipe: Any) -> None:  # pragma: no cover - in a killed process
    store = open_store()
    with store.lock("merchant-7"):
        pipe.send("locked")
        threading.Event().wait()


def _save(
    open_store: OpenStore, pipe: Any, locked: bool
) -> None:  # pragma: no cover - in a killed process
    store = open_store()
    with store.lock("merchant-7") if locked else nullcontext():
        store.save("merchant-7", Token("kept", "refresh"))
    pipe.send("saved")
    threading.Event().wait()


def _close(store: TokenStore) -> None:
    close = getattr(store, "close", None)
    if callable(close):
        close()
