"""What lies beside a store's file is as private as the file, and nothing foreign is touched."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from functools import partial
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from ultracart.exceptions import TokenStoreError
from ultracart.oauth import SQLAlchemyTokenStore, SQLiteTokenStore, Token
from ultracart.oauth.stores.file_lock import FileLocks

TOKEN = Token("secret-access", "secret-refresh", 2e9)
STORES = [SQLiteTokenStore, lambda path: SQLAlchemyTokenStore("sqlite:///%s" % path)]
BESIDE = ["-wal", "-shm", "-journal"]


@pytest.fixture(autouse=True)
def careless():
    """A user whose new files everybody may write."""
    old = os.umask(0)
    yield
    os.umask(old)


@pytest.fixture(params=STORES, ids=["sqlite", "sqlalchemy"])
def open_store(request):
    stores = []

    def open_(path):
        stores.append(request.param(path))
        return stores[-1]

    yield open_
    for store in stores:
        store.close()


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


# -- rights -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["", *BESIDE])
def test_a_restored_copy_is_private_before_anything_is_written(tmp_path, open_store, ending):
    path = tmp_path / "tokens.db"
    store = open_store(path)
    store.save("merchant-7", TOKEN)
    store.close()
    beside = Path(str(path) + ending)
    beside.touch()
    beside.chmod(0o677)
    seen = []
    connect = sqlite3.connect

    class Watched(sqlite3.Connection):
        def execute(self, sql, *parameters):
            seen.append(mode(beside))
            return super().execute(sql, *parameters)

    def watch(database, *arguments, **options):
        if "immutable" not in str(database):
            seen.append(mode(beside))
        return connect(database, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", watch)
        patch.setattr(sqlite3.dbapi2, "connect", watch)
        store = open_store(path)
        assert store.load("merchant-7") == TOKEN
    assert seen
    assert set(seen) == {0o600}


def test_a_new_file_is_private(tmp_path, open_store):
    open_store(tmp_path / "new" / "tokens.db").save("merchant-7", TOKEN)
    assert mode(tmp_path / "new") == 0o700
    files = [path for path in (tmp_path / "new").iterdir() if path.is_file()]
    assert files
    assert {mode(path) for path in files} == {0o600}


def test_the_locks_may_come_first(tmp_path, open_store):
    path = tmp_path / "deep" / "deeper" / "tokens.db"
    with open_store(path).lock("merchant-7"):
        found = [path.parent.parent, *path.parent.parent.rglob("*")]
        assert len(found) == 4
        assert {mode(p) for p in found if p.is_dir()} == {0o700}
        assert {mode(p) for p in found if p.is_file()} == {0o600}


@pytest.mark.parametrize("others", [0o070, 0o007, 0o001, 0o010])
def test_locks_that_others_may_touch_are_closed_to_them(tmp_path, open_store, others):
    path = tmp_path / "tokens.db"
    locks = tmp_path / "tokens.db-locks"
    with open_store(path).lock("merchant-7"):
        (name,) = os.listdir(locks)
    locks.chmod(0o700 | others)
    (locks / name).touch()
    (locks / name).chmod(0o600 | others)
    with open_store(path).lock("merchant-7"):
        assert mode(locks) == 0o700
        assert mode(locks / name) == 0o600


def test_a_directory_of_other_files_is_no_directory_for_locks(tmp_path):
    (tmp_path / "index.html").touch()
    tmp_path.chmod(0o755)
    with pytest.raises(TokenStoreError, match="other files"):
        FileLocks(tmp_path).lock("merchant-7").__enter__()
    assert mode(tmp_path) == 0o755
    assert os.listdir(tmp_path) == ["index.html"]
    tmp_path.chmod(0o700)
    with FileLocks(tmp_path).lock("merchant-7") as held:
        assert held is True


def test_locks_are_found_after_a_change_of_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    locks = FileLocks("locks")
    monkeypatch.chdir("/")
    with locks.lock("merchant-7"):
        assert os.listdir(tmp_path) == ["locks"]


def test_a_link_is_no_lock(tmp_path, open_store):
    store = open_store(tmp_path / "tokens.db")
    with store.lock("merchant-7"):
        (name,) = os.listdir(tmp_path / "tokens.db-locks")
    (tmp_path / "precious").write_text("x")
    (tmp_path / "tokens.db-locks" / name).symlink_to(tmp_path / "precious")
    with pytest.raises(TokenStoreError, match="cannot lock"):
        store.lock("merchant-7").__enter__()
    assert (tmp_path / "precious").read_text() == "x"


# -- what is not ours -----------------------------------------------------------------------------


def make_page(path):
    path.write_text("<!DOCTYPE html>" * 1000)


def make_database(path, statement="CREATE TABLE customer (name TEXT)"):
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


def make_database_in_its_log(path, content="CREATE TABLE customer (name TEXT)"):
    """As a crash leaves it: the file has no content yet, its write-ahead log has all."""
    copy = path.with_name("copy.db")
    connection = sqlite3.connect(copy)
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(content)
    for ending in ("", "-wal"):
        Path(str(path) + ending).write_bytes(Path(str(copy) + ending).read_bytes())
    connection.close()
    copy.unlink()


def frames_after(edit):
    """A log that goes on with frames of an empty first page which SQLite does not count."""

    def make(path):
        make_database_in_its_log(path)
        log = Path(str(path) + "-wal")
        salts = log.read_bytes()[16:24]
        empty = b"\0\0\0\1" + bytes(4) + salts + bytes(8) + bytes(4096)
        log.write_bytes(log.read_bytes() + edit(empty, salts))

    return make


def of_another_log(change):
    """A frame from before the last checkpoint, and one behind it that looks like a new one."""

    def edit(empty, salts):
        other = (int.from_bytes(salts, "big") + change).to_bytes(8, "big")
        return empty.replace(salts, other) + empty

    return frames_after(edit)


FOREIGN = {
    "page": make_page,
    "database": make_database,
    "application": partial(make_database, statement="PRAGMA application_id = 7"),
    "later application": partial(make_database, statement="PRAGMA application_id = 0x7fffffff"),
    "layout": partial(make_database, statement="PRAGMA user_version = 1"),
    "log": make_database_in_its_log,
    "torn frame": frames_after(lambda empty, salts: empty[:60]),
    "older frame": of_another_log(-1),
    "newer frame": of_another_log(1),
}


def contents(directory):
    return {
        path.name: (mode(path), path.read_bytes() if path.is_file() else b"")
        for path in directory.iterdir()
    }


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("linked", [False, True])
def test_another_application_s_file_keeps_its_content_and_rights(tmp_path, make, linked):
    path = tmp_path / "precious"
    make(path)
    link = path
    if linked:
        (tmp_path / "link").mkdir()
        link = tmp_path / "link" / "tokens.db"
        link.symlink_to(path)
    for found in tmp_path.iterdir():
        if found.is_file():
            found.chmod(0o644)
    before = contents(tmp_path)
    store = SQLiteTokenStore(link)
    for work in (
        lambda: store.load("merchant-7"),
        lambda: store.save("merchant-7", TOKEN),
        lambda: store.delete("merchant-7"),
        lambda: store.accounts(),
    ):
        with pytest.raises(TokenStoreError, match="cannot open"):
            work()
    store.close()
    assert contents(tmp_path) == before


@pytest.mark.parametrize("kind", ["database", "application", "later application", "layout"])
def test_another_application_that_comes_between_look_and_opening(tmp_path, monkeypatch, kind):
    path = tmp_path / "tokens.db"
    connect = sqlite3.connect

    def come_first(database, *arguments, **options):
        if "immutable" not in str(database):
            monkeypatch.setattr(sqlite3, "connect", connect)
            FOREIGN[kind](path)
        return connect(database, *arguments, **options)

    monkeypatch.setattr(sqlite3, "connect", come_first)
    store = SQLiteTokenStore(path)
    with pytest.raises(TokenStoreError, match="another application"):
        store.save("merchant-7", TOKEN)
    store.close()
    assert b"secret" not in path.read_bytes()


def test_a_file_that_is_no_database_keeps_its_rights_with_sqlalchemy_too(tmp_path):
    path = tmp_path / "index.html"
    make_page(path)
    path.chmod(0o644)
    store = SQLAlchemyTokenStore("sqlite:///%s" % path)
    with pytest.raises(TokenStoreError, match="cannot open"):
        store.load("merchant-7")
    store.close()
    assert mode(path) == 0o644


@pytest.mark.parametrize("ending", BESIDE)
def test_a_link_beside_the_file_is_not_followed(tmp_path, open_store, ending):
    (tmp_path / "precious").write_text("x")
    (tmp_path / "precious").chmod(0o644)
    os.symlink(tmp_path / "precious", str(tmp_path / "tokens.db") + ending)
    with pytest.raises(TokenStoreError, match=r"tokens.db: it is not a regular file"):
        open_store(tmp_path / "tokens.db").save("merchant-7", TOKEN)
    assert mode(tmp_path / "precious") == 0o644
    assert (tmp_path / "precious").read_text() == "x"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("ending", ["", *BESIDE, "-locks", "lock"])
def test_another_user_s_file_is_left_alone(tmp_path, open_store, ending):
    path = tmp_path / "tokens.db"
    store = open_store(path)
    store.save("merchant-7", TOKEN)
    with store.lock("merchant-7"):
        (name,) = os.listdir(tmp_path / "tokens.db-locks")
    store.close()
    foreign = Path(str(path) + ending)
    if ending == "lock":
        foreign = tmp_path / "tokens.db-locks" / name
    if ending != "-locks":
        foreign.touch()
    os.chown(foreign, 12345, 12345)
    foreign.chmod(0o666)
    before = os.stat(foreign)
    store = open_store(path)

    def use():
        with store.lock("merchant-7"):
            store.save("merchant-7", Token("another"))

    with pytest.raises(TokenStoreError, match="another user"):
        use()
    assert os.stat(foreign)[:3] == before[:3]
    assert os.stat(foreign).st_size == before.st_size


@pytest.mark.skipif(os.name == "nt", reason="files have no user id there")
@pytest.mark.parametrize("difference", [-1, 1])
def test_another_user_is_any_other(tmp_path, open_store, monkeypatch, difference):
    path = tmp_path / "tokens.db"
    store = open_store(path)
    store.save("merchant-7", TOKEN)
    store.close()
    user = os.geteuid() + difference
    monkeypatch.setattr(os, "geteuid", lambda: user)
    with pytest.raises(TokenStoreError, match="another user"):
        open_store(path).load("merchant-7")


def test_a_store_that_a_crash_left_in_its_log_is_ours(tmp_path):
    """The oldest files were made in the log: the file itself did not say whose it is."""
    make_database_in_its_log(
        tmp_path / "tokens.db",
        "CREATE TABLE ultracart_token (account TEXT PRIMARY KEY NOT NULL, token BLOB NOT NULL)"
        " WITHOUT ROWID; PRAGMA application_id = %d; PRAGMA user_version = 1;"
        " INSERT INTO ultracart_token VALUES ('merchant-7', CAST('%s' AS BLOB))"
        % (0x55435453, TOKEN.to_json()),
    )
    store = SQLiteTokenStore(tmp_path / "tokens.db")
    assert store.load("merchant-7") == TOKEN
    store.close()


def make_nothing(path):
    path.touch()


def make_empty_database(path):
    with sqlite3.connect(path) as connection:
        connection.execute("VACUUM")
    connection.close()


def make_empty_log(path):
    make_database_in_its_log(path, "PRAGMA user_version = 1; PRAGMA user_version = 0")


@pytest.mark.parametrize("make", [make_nothing, make_empty_database, make_empty_log])
def test_what_has_no_content_becomes_a_store(tmp_path, open_store, make):
    make(tmp_path / "tokens.db")
    store = open_store(tmp_path / "tokens.db")
    store.save("merchant-7", TOKEN)
    assert store.load("merchant-7") == TOKEN
    assert mode(tmp_path / "tokens.db") == 0o600


def test_a_new_file_says_at_once_whose_it_is(tmp_path):
    store = SQLiteTokenStore(tmp_path / "tokens.db")
    store.accounts()
    assert (tmp_path / "tokens.db").read_bytes()[68:72] == b"UCTS"
    second = SQLiteTokenStore(tmp_path / "tokens.db")
    second.save("merchant-7", TOKEN)
    assert store.load("merchant-7") == TOKEN
    second.close()
    store.close()


# -- what is deleted ------------------------------------------------------------------------------


def test_a_deleted_token_is_overwritten(tmp_path, open_store):
    store = open_store(tmp_path / "tokens.db")
    for number in range(50):
        store.save("merchant-%d" % number, Token("deleted-%d" % number + "x" * 500))
    for number in range(50):
        store.delete("merchant-%d" % number)
    store.save("merchant-7", Token("kept-one"))
    written = b"".join(p.read_bytes() for p in tmp_path.iterdir() if p.is_file())
    assert b"kept-one" in written
    assert b"deleted-" not in written


def test_secure_delete_is_set(tmp_path, monkeypatch):
    opened = []
    connect = sqlite3.connect

    def remember(*arguments, **options):
        opened.append(connect(*arguments, **options))
        opened[-1].execute("PRAGMA secure_delete = OFF")
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", remember)
    store = SQLiteTokenStore(tmp_path / "tokens.db")
    store.save("merchant-7", TOKEN)
    assert opened[-1].execute("PRAGMA secure_delete").fetchone() == (1,)
    store.close()


# -- what is encrypted ----------------------------------------------------------------------------


@pytest.fixture
def cipher():
    return Fernet(Fernet.generate_key())


def rows(path):
    with sqlite3.connect(path) as connection:
        found = dict(connection.execute("SELECT account, token FROM ultracart_token"))
    connection.close()
    return found


def write(path, account, data):
    with sqlite3.connect(path) as connection:
        connection.execute(
            "UPDATE ultracart_token SET token = ? WHERE account = ?", (data, account)
        )
    connection.close()


@pytest.fixture(params=["sqlite", "sqlalchemy"])
def sealed(request, tmp_path, cipher):
    """A store with a cipher, and its file."""
    path = tmp_path / "tokens.db"
    store: SQLiteTokenStore | SQLAlchemyTokenStore
    if request.param == "sqlite":
        store = SQLiteTokenStore(path, cipher=cipher)
    else:
        store = SQLAlchemyTokenStore("sqlite:///%s" % path, cipher=cipher)
    store.save("merchant-7", Token("seven", "r"))
    store.save("merchant-8", Token("eight", "s"))
    yield store, path
    store.close()


def test_a_row_moved_to_another_account_is_refused(sealed):
    store, path = sealed
    kept = rows(path)
    write(path, "merchant-7", kept["merchant-8"])
    write(path, "merchant-8", kept["merchant-7"])
    for account in ("merchant-7", "merchant-8"):
        with pytest.raises(TokenStoreError, match="another account"):
            store.load(account)
        with pytest.raises(TokenStoreError, match="another account"):
            store.replace(account, Token("eight", "s"), Token("new"))
    assert rows(path) == {"merchant-7": kept["merchant-8"], "merchant-8": kept["merchant-7"]}


def test_a_row_sealed_without_its_account_is_adopted_and_then_names_it(sealed, cipher):
    store, path = sealed
    old = cipher.encrypt(Token("seven", "r").to_json().encode())
    write(path, "merchant-7", old)
    assert store.load("merchant-7") == Token("seven", "r")
    assert rows(path)["merchant-7"] == old
    assert store.replace("merchant-7", Token("seven", "r"), Token("new", "t")) is True
    assert json.loads(cipher.decrypt(rows(path)["merchant-7"]))["sealed_for"] == "merchant-7"
    write(path, "merchant-8", rows(path)["merchant-7"])
    with pytest.raises(TokenStoreError, match="another account"):
        store.load("merchant-8")


def test_what_is_not_encrypted_names_no_account(tmp_path):
    store = SQLiteTokenStore(tmp_path / "tokens.db")
    store.save("merchant-7", TOKEN)
    store.close()
    assert json.loads(rows(tmp_path / "tokens.db")["merchant-7"]) == json.loads(TOKEN.to_json())


class TellTale:
    """A cipher whose errors quote what it was given."""

    def __init__(self):
        self.fails = False

    def encrypt(self, data):
        if self.fails:
            raise ValueError("cannot encrypt %r" % data)
        return data

    def decrypt(self, data):
        if self.fails:
            raise ValueError("cannot decrypt %r" % data)
        return data


def test_a_cipher_s_own_words_are_never_shown(tmp_path):
    cipher = TellTale()
    store = SQLiteTokenStore(tmp_path / "tokens.db", cipher=cipher)
    store.save("merchant-7", TOKEN)
    cipher.fails = True
    for work in (
        lambda: store.save("merchant-7", TOKEN),
        lambda: store.load("merchant-7"),
        lambda: store.replace("merchant-7", TOKEN, TOKEN),
    ):
        with pytest.raises(TokenStoreError, match="ValueError") as caught:
            work()
        assert "secret" not in str(caught.value)
        assert caught.value.__suppress_context__
    store.close()


@pytest.mark.parametrize(
    "make", [SQLiteTokenStore, lambda p: SQLAlchemyTokenStore(f"sqlite:///{p}")]
)
def test_a_file_of_one_byte_is_no_empty_database(tmp_path, make):
    path = tmp_path / "VERSION"
    path.write_text("7")
    path.chmod(0o644)
    store = make(path)
    with pytest.raises(TokenStoreError, match="not a database"):
        store.save("merchant-7", Token("a", "r"))
    store.close()
    assert path.read_text() == "7"
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("content", ["text", 5, 10**12, 1.5, b""])
def test_what_is_no_token_in_the_table_is_a_clear_error(tmp_path, open_store, content):
    store = open_store(tmp_path / "tokens.db")
    store.save("merchant-7", TOKEN)
    with sqlite3.connect(tmp_path / "tokens.db") as connection:
        connection.execute("UPDATE ultracart_token SET token = ?", (content,))
    connection.close()
    with pytest.raises(TokenStoreError, match="'merchant-7' cannot be read"):
        store.load("merchant-7")
