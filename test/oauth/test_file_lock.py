"""Locks on files that come and go: two holders at once would be two refreshes."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ultracart.exceptions import TokenStoreError
from ultracart.oauth.stores.file_lock import FileLocks


def test_a_file_that_is_removed_by_its_last_holder_locks_nobody_else(tmp_path, monkeypatch):
    """Between another's open and lock the holder leaves, and a third comes."""
    directory = str(tmp_path / "locks")
    slow = FileLocks(directory, timeout=30)
    third = FileLocks(directory, timeout=30)
    opened, go_on = threading.Event(), threading.Event()
    first = third.lock("merchant-7")
    first.__enter__()
    real = os.open

    def slow_open(path, flags, mode=0o777, **options):
        descriptor = real(path, flags, mode, **options)
        if threading.current_thread().name.startswith("slow"):
            opened.set()
            assert go_on.wait(30)
        return descriptor

    monkeypatch.setattr(os, "open", slow_open)

    def try_lock():
        with slow.lock("merchant-7", blocking=False) as held:
            return held

    with ThreadPoolExecutor(1, thread_name_prefix="slow") as thread:
        attempt = thread.submit(try_lock)
        assert opened.wait(30)
        first.__exit__(None, None, None)
        with third.lock("merchant-7", blocking=False) as held:
            assert held is True
            go_on.set()
            assert attempt.result(30) is False


def test_whoever_waits_gets_it_when_it_comes_free(tmp_path):
    first = FileLocks(tmp_path / "locks").lock("merchant-7")
    first.__enter__()
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 7:
            first.__exit__(None, None, None)

    with FileLocks(tmp_path / "locks", sleep=sleep).lock("merchant-7") as held:
        assert held is True
    assert pauses == [0.001, 0.002, 0.004, 0.008, 0.016, 0.02, 0.02]


def test_waiting_ends_with_an_error(tmp_path):
    locks = FileLocks(str(tmp_path / "locks"), timeout=0.05)
    with locks.lock("merchant-7"), pytest.raises(TokenStoreError, match="did not become free"):
        locks.lock("merchant-7").__enter__()


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    locks = FileLocks(str(tmp_path / "file" / "locks"), timeout=1)
    with pytest.raises(TokenStoreError, match="cannot lock"):
        locks.lock("merchant-7").__enter__()


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
def test_the_file_is_removed_while_it_is_locked(tmp_path, monkeypatch):
    """Else whoever locks it in between holds a lock on a file that others do not see."""
    import fcntl

    real = os.unlink
    seen = []

    def unlink(path):
        with open(path, "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                seen.append("locked")
        real(path)

    locks = FileLocks(tmp_path / "locks")
    monkeypatch.setattr(os, "unlink", unlink)
    with locks.lock("merchant-7"):
        pass
    assert seen == ["locked"]
    assert os.listdir(tmp_path / "locks") == []
