"""Locks whose holder, waiter, file, process or connection goes away at the wrong moment."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy
from servers import quiet_engine
from waiting import in_turns, wait_until, waiting_threads

from ultracart.exceptions import ConfigurationError, InvalidClientError, TokenStoreError
from ultracart.oauth import (
    MemoryTokenStore,
    RequestLimiter,
    SQLAlchemyTokenStore,
    SQLiteTokenStore,
    Token,
)
from ultracart.oauth.stores.file_lock import FileLocks

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def run(code, *arguments):
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@needs_fork
def test_a_child_that_leaves_its_parents_lock_frees_nothing(tmp_path):
    code = """
        import os, sys
        from ultracart.oauth import SQLiteTokenStore
        store = SQLiteTokenStore(sys.argv[1])
        with store.lock("merchant-7"):
            child = os.fork()
            if child:
                assert os.waitpid(child, 0)[1] == 0
                with SQLiteTokenStore(sys.argv[1]).lock("merchant-7", blocking=False) as held:
                    assert held is False
        if child:
            with store.lock("merchant-7", blocking=False) as held:
                assert held is True
        """
    done = run(code, tmp_path / "tokens.db")
    assert (done.returncode, done.stderr) == (0, "")


@needs_fork
def test_a_child_reads_memory_but_cannot_lock_it():
    code = """
        import os
        from ultracart.exceptions import TokenStoreError
        from ultracart.oauth import MemoryTokenStore, Token
        store = MemoryTokenStore()
        store.save("merchant-7", Token("a"))
        with store.lock("merchant-7"):
            child = os.fork()
            if child == 0:
                assert store.load("merchant-7") == Token("a")
                try:
                    store.lock("merchant-8").__enter__()
                except TokenStoreError as error:
                    os._exit(7 if "fork" in str(error) else 1)
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        """
    done = run(code)
    assert (done.returncode, done.stderr) == (0, "")


def test_waiting_for_a_lock_in_memory_ends_with_an_error(monkeypatch):
    monkeypatch.setattr("ultracart.oauth.stores.memory.LOCK_TIMEOUT", 0.05)
    store = MemoryTokenStore()
    with store.lock("merchant-7"), ThreadPoolExecutor(1) as thread:
        waiter = thread.submit(store.lock("merchant-7").__enter__)
        with pytest.raises(TokenStoreError, match="did not become free"):
            waiter.result(30)
    with store.lock("merchant-7", blocking=False) as held:
        assert held is True


def test_a_lock_in_memory_that_comes_free_reaches_the_one_who_waits_for_it():
    """Also where another, who waits for another account's, came first."""
    store = MemoryTokenStore()

    def take(account):
        with store.lock(account):
            pass

    with ThreadPoolExecutor(2) as threads, store.lock("merchant-7"):
        with store.lock("merchant-8"):
            first = threads.submit(take, "merchant-7")
            wait_until(lambda: waiting_threads("memory.py") == 1)
            second = threads.submit(take, "merchant-8")
            wait_until(lambda: waiting_threads("memory.py") == 2)
        second.result(30)
        assert not first.done()


def test_a_lock_file_that_its_holder_removed_is_not_a_lock(tmp_path, monkeypatch):
    """As with a third holder in test_file_lock.py, but nobody comes: there is no file."""
    locks = FileLocks(str(tmp_path / "locks"), timeout=30)
    first = locks.lock("merchant-7")
    first.__enter__()
    real = os.open

    def open_then_lose(*arguments, **options):
        descriptor = real(*arguments, **options)
        first.__exit__(None, None, None)
        return descriptor

    monkeypatch.setattr(os, "open", open_then_lose)
    with locks.lock("merchant-7", blocking=False) as held:
        assert held is False
    monkeypatch.undo()
    with locks.lock("merchant-7", blocking=False) as held:
        assert held is True


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs signals of the user's own")
@pytest.mark.parametrize("turn_came", [False, True])
def test_an_interrupted_caller_leaves_the_queue_and_takes_no_place(turn_came):
    main = threading.get_ident()
    limiter = RequestLimiter(1)
    holder = limiter()
    holder.__enter__()

    def interrupt(number, frame):
        if turn_came:
            holder.__exit__(None, None, None)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with ThreadPoolExecutor(1) as thread:

            def interrupt_when_it_waits():
                wait_until(lambda: in_turns(limiter._turns) > 1)
                signal.pthread_kill(main, signal.SIGUSR1)

            thread.submit(interrupt_when_it_waits)
            with pytest.raises(KeyboardInterrupt):
                limiter(30).__enter__()
    finally:
        signal.signal(signal.SIGUSR1, before)
    if not turn_came:
        holder.__exit__(None, None, None)
    for _ in range(2):
        with limiter(0.05):
            pass


def test_a_token_that_cannot_be_read_leaves_no_transaction_open(tmp_path):
    class Cipher:
        broken = False

        def encrypt(self, data):
            return data[::-1]

        def decrypt(self, data):
            if self.broken:
                raise ValueError("the key is gone")
            return data[::-1]

    cipher = Cipher()
    store = SQLiteTokenStore(tmp_path / "tokens.db", cipher=cipher)
    old = Token("old", "r")
    store.save("merchant-7", old)
    cipher.broken = True
    with pytest.raises(TokenStoreError, match="cipher"):
        store.replace("merchant-7", old, Token("new"))
    cipher.broken = False
    assert store.replace("merchant-7", old, Token("new")) is True
    assert store.load("merchant-7") == Token("new")
    store.close()


def test_a_full_disk_loses_the_new_token_and_not_the_store(tmp_path):
    resource = pytest.importorskip("resource", reason="this system limits no file's size")
    store = SQLiteTokenStore(tmp_path / "tokens.db")
    store.save("merchant-7", Token("old"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(TokenStoreError, match="cannot save"):
            store.save("merchant-7", Token("x" * 1_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert store.load("merchant-7") == Token("old")
    store.save("merchant-7", Token("new"))
    assert store.load("merchant-7") == Token("new")
    store.close()


@needs_fork
def test_a_child_opens_what_its_parent_had_not_opened(tmp_path):
    code = """
        import os, sys
        from ultracart.oauth import SQLiteTokenStore, Token
        store = SQLiteTokenStore(sys.argv[1])
        child = os.fork()
        if child == 0:
            store.save("merchant-7", Token("c"))
            store.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert store.load("merchant-7") == Token("c")
        store.close()
        """
    done = run(code, tmp_path / "tokens.db")
    assert (done.returncode, done.stderr) == (0, "")


# -- databases --


def test_a_database_error_of_the_application_under_the_lock_stays_its_own(postgresql_url):
    store = SQLAlchemyTokenStore(postgresql_url)
    own = sqlalchemy.exc.InvalidRequestError("of the application")
    with pytest.raises(sqlalchemy.exc.InvalidRequestError) as caught, store.lock("merchant-7"):
        raise own
    assert caught.value is own
    with store.lock("merchant-7", blocking=False) as held:
        assert held is True
    store.close()


@pytest.mark.parametrize("seconds", [3, -5], ids=["early", "expired"])
def test_a_connection_that_breaks_under_the_lock_hides_no_answer(
    postgresql_url, make_session, sandbox, time_, seconds
):
    """The server's answer is what the caller is told, not what became of the rollback."""
    store = SQLAlchemyTokenStore(postgresql_url)
    administrator = sqlalchemy.create_engine(postgresql_url, isolation_level="AUTOCOMMIT")

    def end_the_holder(**asked):
        with administrator.connect() as connection:
            connection.execute(
                sqlalchemy.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks"
                    " WHERE locktype = 'advisory' AND granted"
                )
            )
        raise InvalidClientError(status=401)

    session = make_session(token_store=store)
    token = Token("a", "r", time_.now + seconds, issued_at=time_.now - 100)
    store.save("merchant-8", token)
    session._endpoint.refresh = lambda refresh_token: end_the_holder()
    if seconds > 0:
        assert session.access_token("merchant-8") == "a"
    else:
        with pytest.raises(InvalidClientError) as caught:
            session.access_token("merchant-8")
        assert caught.value.__context__ is None
    administrator.dispose()
    store.delete("merchant-8")
    store.close()


def test_a_database_that_answers_no_lock_is_a_store_error(postgresql_url):
    engine = quiet_engine(postgresql_url)
    store = SQLAlchemyTokenStore(engine)
    store.save("merchant-7", Token("a"))
    refuse: list[bool] = []

    @sqlalchemy.event.listens_for(engine, "before_cursor_execute", retval=True)
    def misspell(connection, cursor, statement, parameters, context, many):
        return ("SELEKT 1" if refuse else statement), parameters

    refuse.append(True)
    with pytest.raises(TokenStoreError, match="cannot lock"):
        store.lock("merchant-7").__enter__()
    refuse.clear()
    with store.lock("merchant-7", blocking=False) as held:
        assert held is True
    engine.dispose()


def test_a_table_that_somebody_else_makes_first_is_used(tmp_path):
    engine = quiet_engine("sqlite:///%s" % (tmp_path / "tokens.db"))

    @sqlalchemy.event.listens_for(engine, "before_cursor_execute")
    def be_first(connection, cursor, statement, parameters, context, many):
        if "CREATE TABLE" in statement:
            with sqlite3.connect(tmp_path / "tokens.db") as other:
                other.execute(statement)
            other.close()

    store = SQLAlchemyTokenStore(engine)
    store.save("merchant-7", Token("a"))
    assert store.load("merchant-7") == Token("a")
    engine.dispose()


def test_a_database_in_which_the_table_cannot_be_made_is_a_store_error(tmp_path):
    engine = quiet_engine("sqlite:///%s" % (tmp_path / "tokens.db"))
    with engine.begin() as connection:
        for statement in ("CREATE TABLE other (a TEXT)", "CREATE INDEX taken ON other (a)"):
            connection.execute(sqlalchemy.text(statement))
    store = SQLAlchemyTokenStore(engine, table_name="taken")
    with pytest.raises(TokenStoreError, match="cannot open"):
        store.load("merchant-7")
    engine.dispose()


def test_a_database_below_a_file_is_a_store_error(tmp_path):
    (tmp_path / "file").touch()
    store = SQLAlchemyTokenStore("sqlite:///%s" % (tmp_path / "file" / "tokens.db"))
    with pytest.raises(TokenStoreError, match="cannot open the token store"):
        store.load("merchant-7")
    store.close()


def test_a_database_of_another_kind_is_refused():
    # Never connected to: the dialect is enough, and any driver's module will do.
    engine = sqlalchemy.create_engine("mssql+pymssql://user:password@host/db", module=sqlite3)
    with pytest.raises(ConfigurationError, match="not mssql"):
        SQLAlchemyTokenStore(engine)
