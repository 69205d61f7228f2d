"""A store file that is damaged, read-only, full or from the future; who may read it; fork."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, MultiFernet

from ultracart.exceptions import TokenStoreError
from ultracart.oauth import SQLAlchemyTokenStore, SQLiteTokenStore, Token

TOKEN = Token("secret-access", "secret-refresh", 2e9)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "tokens.db"


@pytest.fixture
def store(path):
    store = SQLiteTokenStore(path)
    yield store
    store.close()


@pytest.fixture
def public_directory():
    """A directory that another user can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


def run(code, *arguments):
    """A process of its own, with every warning an error."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_log_that_cannot_be_emptied_now_undoes_no_deletion(store):
    def deny(action, name, *_):
        is_meant = action == sqlite3.SQLITE_PRAGMA and name == "wal_checkpoint"
        denied.extend([name] * is_meant)
        return sqlite3.SQLITE_DENY if is_meant else sqlite3.SQLITE_OK

    denied: list[str] = []
    store.save("default", TOKEN)
    store._connection.set_authorizer(deny)
    store.delete("default")
    assert denied
    assert store.accounts() == []


def test_only_the_owner_may_read_any_of_its_files(store, path):
    old = os.umask(0)
    try:
        store.save("merchant-7", TOKEN)
        with store.lock("merchant-7"):
            files = [found for found in path.parent.rglob("*") if found.is_file()]
            assert {f.name for f in files} >= {"tokens.db", "tokens.db-wal", "tokens.db-shm"}
            assert len(files) == 4
            assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((path.parent / "tokens.db-locks").stat().st_mode) == 0o700


def test_others_rights_are_taken_from_an_existing_file(path):
    path.parent.mkdir()
    path.touch(0o666)
    path.chmod(0o666)
    store = SQLiteTokenStore(path)
    store.save("merchant-7", TOKEN)
    store.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "make", [SQLiteTokenStore, lambda p: SQLAlchemyTokenStore(f"sqlite:///{p}")]
)
def test_what_is_no_file_keeps_its_rights(tmp_path, make):
    tmp_path.chmod(0o755)
    with pytest.raises(TokenStoreError, match="not a regular file"):
        make(tmp_path).load("merchant-7")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


@pytest.mark.parametrize(
    "make", [SQLiteTokenStore, lambda p: SQLAlchemyTokenStore(f"sqlite:///{p}")]
)
def test_a_symbolic_link_leads_to_the_same_locks(tmp_path, make):
    link = tmp_path / "release" / "tokens.db"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "tokens.db")
    direct, linked = make(tmp_path / "tokens.db"), make(link)
    direct.save("merchant-7", TOKEN)
    assert linked.load("merchant-7") == TOKEN
    with direct.lock("merchant-7"), linked.lock("merchant-7", blocking=False) as held:
        assert held is False
    direct.close()
    linked.close()


def test_no_lock_file_stays_behind(store, path):
    for number in range(50):
        with store.lock("merchant-%d" % number):
            pass
    assert list((path.parent / "tokens.db-locks").iterdir()) == []


def test_a_closed_store_can_be_used_again(store):
    store.save("merchant-7", TOKEN)
    store.close()
    assert store.load("merchant-7") == TOKEN


def test_what_is_saved_is_on_the_disk(path, monkeypatch):
    """Else a power cut could bring a spent refresh token back."""
    opened = []
    connect = sqlite3.connect

    def connect_and_remember(*arguments, **options):
        opened.append(connect(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", connect_and_remember)
    store = SQLiteTokenStore(path)
    store.save("merchant-7", TOKEN)
    full = 2
    assert {c.execute("PRAGMA synchronous").fetchone()[0] for c in opened} == {full}
    store.close()


def content(path):
    return path.read_bytes()


def damage(path, how):
    SQLiteTokenStore(path).save("merchant-7", TOKEN)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if how == "newer":
            connection.execute("PRAGMA user_version = 2")
        if how == "row":
            connection.execute("UPDATE ultracart_token SET token = ?", (b'{"access_tok',))
    connection.close()
    if how == "truncated":
        os.truncate(path, 1000)
    if how == "text":
        path.write_text("this is no database, but somebody's only copy of a novel" * 100)


@pytest.mark.parametrize("how", ["truncated", "text", "newer", "row"])
def test_a_damaged_file_is_refused_and_kept(path, how):
    damage(path, how)
    before = content(path)
    store = SQLiteTokenStore(path)
    with pytest.raises(TokenStoreError) as caught:
        store.load("merchant-7")
    if how != "row":
        with pytest.raises(TokenStoreError):
            store.save("merchant-7", Token("new"))
    store.close()
    assert content(path) == before
    assert "secret" not in str(caught.value)
    assert how != "newer" or "newer version" in str(caught.value)


def test_a_write_that_fails_keeps_no_other_from_writing(path):
    damage(path, "row")
    store = SQLiteTokenStore(path)
    with pytest.raises(TokenStoreError):
        store.replace("merchant-7", TOKEN, Token("new"))
    connection = sqlite3.connect(path, timeout=0)
    connection.execute("DELETE FROM ultracart_token")
    connection.close()
    store.close()


def test_another_application_s_database_is_left_alone(path):
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE customer (name TEXT)")
    connection.commit()
    connection.close()
    with pytest.raises(TokenStoreError, match="another application"):
        SQLiteTokenStore(path).save("merchant-7", TOKEN)


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="needs users")
def test_a_read_only_store_is_a_clear_error(public_directory):
    path = public_directory / "tokens.db"
    store = SQLiteTokenStore(path)
    store.save("merchant-7", TOKEN)
    store.close()
    code = """
        import os, sys
        import urllib.request  # pathlib needs it late, where root's folders are closed
        os.chdir(os.path.dirname(sys.argv[1]))
        from ultracart.exceptions import TokenStoreError
        from ultracart.oauth import SQLiteTokenStore, Token
        os.chmod(".", 0o555); os.chmod(sys.argv[1], 0o400)
        if os.getuid() == 0:  # root may write anywhere
            os.chown(sys.argv[1], 65534, 65534)
            os.setuid(65534)
        store = SQLiteTokenStore(sys.argv[1])
        try:
            store.save("merchant-7", Token("new"))
        except TokenStoreError as error:
            print("refused:", error)
        store.close()
        """
    done = run(code, path)
    public_directory.chmod(0o700)
    path.chmod(0o600)
    if os.getuid() == 0:
        os.chown(path, 0, 0)
    assert done.stdout.startswith("refused: cannot"), done.stderr
    store = SQLiteTokenStore(path)
    assert store.load("merchant-7") == TOKEN
    store.close()


def test_a_full_disk_is_a_clear_error_and_the_old_content_kept(path, store):
    store.save("merchant-7", TOKEN)
    store.close()
    code = """
        import resource, signal, sys
        from ultracart.exceptions import TokenStoreError
        from ultracart.oauth import SQLiteTokenStore, Token
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        store = SQLiteTokenStore(sys.argv[1])
        old = store.load("merchant-7")
        resource.setrlimit(resource.RLIMIT_FSIZE, (40000, 40000))
        try:
            store.replace("merchant-7", old, Token("x" * 100000))
        except TokenStoreError as error:
            print("refused:", error)
        assert store.load("merchant-7") == old
        store.save("merchant-8", Token("small"))
        store.close()
        """
    done = run(code, path)
    assert done.stdout.startswith("refused: cannot save"), done.stderr
    assert done.returncode == 0, done.stderr
    assert store.load("merchant-7") == TOKEN
    assert store.load("merchant-8") == Token("small")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_opens_the_file_anew(path):
    code = """
        import os, sys
        from ultracart.oauth import SQLiteTokenStore, Token
        store = SQLiteTokenStore(sys.argv[1])
        store.save("parent", Token("p"))
        with store.lock("parent"):
            child = os.fork()
            if child == 0:
                with store.lock("parent", blocking=False) as held:
                    assert held is False
                store.save("child", Token("c"))
                assert store.load("parent") == Token("p")
                store.close()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        with store.lock("parent", blocking=False) as held:
            assert held is True
        assert store.accounts() == ["child", "parent"]
        store.close()
        """
    done = run(code, path)
    assert done.returncode == 0, done.stderr


def test_a_child_of_a_dead_holder_does_not_keep_its_lock(path):
    code = """
        import os, signal, sys
        from ultracart.oauth import SQLiteTokenStore
        store = SQLiteTokenStore(sys.argv[1])
        with store.lock("merchant-7"):
            if os.fork() == 0:
                sys.stdout.close(); os.close(1)
                signal.pause()
            print(os.getpid(), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        """
    script = textwrap.dedent(code)
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, start_new_session=True
    ) as holder:
        holder.wait(30)
        assert holder.stdout is not None
        assert holder.stdout.read()  # to its end: the child has closed its copy, so it runs
        store = SQLiteTokenStore(path)
        try:
            with store.lock("merchant-7", blocking=False) as held:
                assert held is True
        finally:
            store.close()
            os.killpg(holder.pid, 9)


def test_tokens_at_rest_are_encrypted_and_keys_rotate(path):
    old, new = Fernet(Fernet.generate_key()), Fernet(Fernet.generate_key())
    store = SQLiteTokenStore(path, cipher=old)
    store.save("merchant-7", TOKEN)
    store.close()
    kept = b"".join(p.read_bytes() for p in path.parent.iterdir() if p.is_file())
    assert b"secret" not in kept
    store = SQLiteTokenStore(path, cipher=MultiFernet([new, old]))
    assert store.load("merchant-7") == TOKEN
    store.save("merchant-7", TOKEN)
    store.close()
    assert SQLiteTokenStore(path, cipher=new).load("merchant-7") == TOKEN
    with pytest.raises(TokenStoreError, match="cipher"):
        SQLiteTokenStore(path, cipher=old).load("merchant-7")


@pytest.mark.parametrize(
    "path", [None, 7, b"tokens.db", "", ":memory:", "file:tokens.db?mode=rw", "a\0b"]
)
def test_an_impossible_path_is_refused(path):
    with pytest.raises((TypeError, ValueError), match="path"):
        SQLiteTokenStore(path)
