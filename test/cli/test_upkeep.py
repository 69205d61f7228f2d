"""``ultracart keep-alive`` and ``ultracart store``, as a cron job runs them."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from ultracart import Configuration
from ultracart.oauth import OAuthSession, SQLAlchemyTokenStore, SQLiteTokenStore, Token
from ultracart.sandbox import Sandbox

from .conftest import CommandLine


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with the grants of two merchants."""
    path = tmp_path / "app.sqlite3"
    with closing(SQLiteTokenStore(path)) as store:
        store.save("merchant-7", Token("access 7", "refresh 7", 4e9, merchant_id="SEVEN"))
        store.save("merchant-8", Token("access 8"))
    return path


def tokens(path: Path, key: bytes | None = None) -> dict[str, str]:
    cipher = None if key is None else Fernet(key)
    with closing(SQLiteTokenStore(path, cipher=cipher)) as store:
        loaded = {account: store.load(account) for account in store.accounts()}
    return {account: token.access_token for account, token in loaded.items() if token is not None}


def test_list(ultracart: CommandLine, path: Path) -> None:
    out = ultracart.succeed("store", "list", "--store", str(path))
    assert [line.split()[:2] for line in out.splitlines()] == [
        ["merchant-7", "SEVEN"],
        ["merchant-8", "-"],
    ]
    told = json.loads(ultracart.succeed("store", "list", "--json", ULTRACART_STORE=str(path)))
    assert [each["account"] for each in told] == ["merchant-7", "merchant-8"]
    assert told[0]["expires_at"] == "2096-10-02T07:06:40Z"
    assert "access 7" not in out + json.dumps(told)


def test_copy_to_a_database_and_again(ultracart: CommandLine, path: Path, tmp_path: Path) -> None:
    url = "sqlite:///%s" % (tmp_path / "copy.db")
    arguments = ["store", "copy", "--store", str(path), "--to", url, "--table", "grants"]
    ran = ultracart(*arguments, "--json")
    assert (ran.returncode, ran.stderr) == (0, "2 accounts were copied.\n")
    assert json.loads(ran.stdout) == ["merchant-7", "merchant-8"]
    with closing(SQLAlchemyTokenStore(url, table_name="grants")) as store:
        stored = store.load("merchant-7")
    assert stored is not None
    assert stored.access_token == "access 7"
    again = ultracart(*arguments)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "0 accounts were copied.\n")


def test_keys(ultracart: CommandLine, path: Path, tmp_path: Path) -> None:
    old, new = Fernet.generate_key(), Fernet.generate_key()
    target = tmp_path / "sealed.sqlite3"
    keys = tmp_path / "keys"
    keys.write_bytes(old)
    copy = ["store", "copy", "--store", str(path), "--to", str(target), "--to-keys", str(keys)]
    assert ultracart(*copy).stderr == "2 accounts were copied.\n"
    assert tokens(target, old)["merchant-7"] == "access 7"
    keys.write_bytes(new + b"\n" + old + b"\n")
    sealed = ["--store", str(target), "--keys", str(keys)]
    assert ultracart("store", "reencrypt", *sealed).stderr == "2 accounts were encrypted.\n"
    assert tokens(target, new)["merchant-8"] == "access 8"
    environment = {"ULTRACART_STORE_KEYS": "%s,%s" % (new.decode(), old.decode())}
    assert "SEVEN" in ultracart.succeed("store", "list", "--store", str(target), **environment)
    message = ultracart.fail("store", "list", "--store", str(target))
    assert new.decode() not in message
    assert "are the keys of --keys or ULTRACART_STORE_KEYS those" in message


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["list"], 2, "no store: give --store URL, or set ULTRACART_STORE"),
        (["copy", "--store", "{path}"], 2, "no target store: give --to URL"),
        (["reencrypt", "--store", "{path}"], 2, "no key: give --keys FILE"),
        (["forget", "--store", "{path}"], 2, "invalid choice"),
        (["list", "--store", "{path}.none"], 1, "there is no token store at "),
        (["list", "--store", "sqlite:///{path}.none"], 1, "there is no token store at "),
        (["list", "--store", "sqlite+pysqlite:///{path}.none?timeout=1"], 1, "{path}.none\n"),
        (["list", "--store", "{path}", "--keys", "{path}.none"], 1, "cannot read "),
        (["list", "--store", "oracle://db.example/x"], 1, ""),
        (["copy", "--store", "{path}", "--to", "{path}"], 2, "both stores are the same"),
        (["copy", "--store", "{path}", "--to", "sqlite:///{path}"], 2, "both stores are the same"),
    ],
)
def test_what_cannot_be_done(
    ultracart: CommandLine, path: Path, arguments: list[str], status: int, words: str
) -> None:
    ran = ultracart("store", *[word.replace("{path}", str(path)) for word in arguments])
    assert (ran.returncode, ran.stdout) == (status, ""), ran.stderr
    assert words.replace("{path}", str(path)) in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not Path("%s.none" % path).exists()
    assert tokens(path)["merchant-7"] == "access 7"


def test_bad_keys_are_not_shown(ultracart: CommandLine, path: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    for text in ("", "not-a-key-but-secret"):
        keys.write_text(text, encoding="utf-8")
        message = ultracart.fail("store", "list", "--store", str(path), "--keys", str(keys))
        assert "key" in message
        assert "secret" not in message


def test_a_password_in_an_argument_is_warned_of(ultracart: CommandLine) -> None:
    url = "postgresql+psycopg://app:hunter2@127.0.0.1:1/tokens?connect_timeout=1"
    ran = ultracart("store", "list", "--store", url)
    assert ran.returncode == 1
    assert "put the URL in ULTRACART_STORE.\n" in ran.stderr
    assert "hunter2" not in ran.stderr
    assert "put the URL" not in ultracart("store", "list", ULTRACART_STORE=url).stderr


def test_keep_alive_of_the_logins(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.log_in()
    ultracart.log_in("office")
    ran = ultracart("keep-alive")
    assert (ran.returncode, ran.stdout) == (0, "")
    assert ran.stderr == "No grant was idle for that long.\n"
    before = ultracart.succeed("token")
    ran = ultracart("keep-alive", "--idle", "0")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "default  DEMO  refreshed\noffice   DEMO  refreshed\n"
    assert ultracart.succeed("token") != before
    told = json.loads(ultracart.succeed("keep-alive", "--idle", "0", "--limit", "1", "--json"))
    assert [(each["kind"], each["error"]) for each in told] == [("refreshed", None)]
    assert sandbox.counters.refreshes == 3


def test_keep_alive_asks_once_for_a_grant_that_has_ended(
    ultracart: CommandLine, sandbox: Sandbox
) -> None:
    ultracart.log_in()
    sandbox.revoke()
    ran = ultracart("keep-alive", "--idle", "0")
    assert ran.returncode == 0
    assert ran.stdout == "default  DEMO  ended: The authorization has been revoked\n"
    assert ultracart.succeed("accounts").endswith("ended: log in again\n")
    assert ultracart("keep-alive", "--idle", "0").stderr == "No grant was idle for that long.\n"


def test_a_keep_alive_that_fails(ultracart: CommandLine, sandbox: Sandbox) -> None:
    ultracart.log_in()
    sandbox.faults.add("/oauth/token", status=400, body={"error": "invalid_client"}, times=None)
    ran = ultracart("keep-alive", "--idle", "0")
    assert ran.returncode == 1
    assert "default  DEMO  failed: " in ran.stdout


def test_keep_alive_of_an_applications_store(
    ultracart: CommandLine, sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "app.sqlite3"
    configuration = Configuration()
    configuration.host = sandbox.host
    with (
        closing(SQLiteTokenStore(path)) as store,
        OAuthSession(
            sandbox.client_id,
            sandbox.redirect_uri,
            token_store=store,
            configuration=configuration,
        ) as session,
    ):
        request = session.create_authorization_url()
        callback = sandbox.authorize(request.url)
        session.fetch_token(callback, request=request, account="merchant-7")
        before = session.access_token("merchant-7")
    arguments = ["keep-alive", "--store", str(path), "--idle", "0"]
    assert ultracart.succeed(*arguments) == "merchant-7  DEMO  refreshed\n"
    assert tokens(path)["merchant-7"] != before
    elsewhere = ["--host", "https://ultracart.example/rest/v2"]
    assert "--client-id" in ultracart.fail(*arguments, *elsewhere)


def test_they_say_what_to_do_without_an_extra(
    ultracart: CommandLine, path: Path, tmp_path: Path
) -> None:
    for name in ("sqlalchemy", "cryptography"):
        (tmp_path / (name + ".py")).write_text(
            "raise ModuleNotFoundError(name=%r)\n" % name, encoding="utf-8"
        )
    bare = {"PYTHONPATH": "%s:%s" % (tmp_path, ultracart.environment["PYTHONPATH"])}
    message = ultracart.fail("store", "list", "--store", "sqlite:///%s" % path, **bare)
    assert message.endswith("python -m pip install 'SQLAlchemy<3'")
    bare["ULTRACART_STORE_KEYS"] = Fernet.generate_key().decode()
    message = ultracart.fail("store", "list", "--store", str(path), **bare)
    assert message.endswith("pip install cryptography")


def test_a_database_that_does_not_run(ultracart: CommandLine) -> None:
    pytest.importorskip("psycopg")
    with socket.socket() as taken:  # bound and not listening: nothing else answers there
        taken.bind(("127.0.0.1", 0))
        url = "postgresql+psycopg://user:a-password@127.0.0.1:%d/shop" % taken.getsockname()[1]
        message = ultracart.fail("store", "list", ULTRACART_STORE=url)
    assert message.endswith("Error. Check that the database runs, and that its URL is right")
    assert "a-password" not in message
