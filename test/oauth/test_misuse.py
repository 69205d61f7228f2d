"""What a session and its stores refuse before anything is sent or kept, and what a repr shows."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet

from ultracart.exceptions import StateMismatchError
from ultracart.oauth import (
    MemoryTokenStore,
    SQLAlchemyTokenStore,
    SQLiteTokenStore,
    Token,
    TokenStore,
)

CALLBACK = "https://app.example.com/callback?code=c&state=s"


@pytest.mark.parametrize("response", [b"?code=c", 7, {"code": "c"}])
def test_a_response_that_is_no_text_is_refused(session, sandbox, response):
    request = session.create_authorization_url()
    with pytest.raises(TypeError, match="authorization_response"):
        session.fetch_token(response, request=request)
    assert sandbox.requests == []


def test_a_request_that_is_only_its_state_is_refused(session, sandbox):
    with pytest.raises(TypeError, match="AuthorizationRequest"):
        session.fetch_token(CALLBACK, request="s")
    assert sandbox.requests == []


@pytest.mark.parametrize("missing", ["load", "save", "delete", "accounts", "lock"])
def test_a_store_that_lacks_a_method_is_refused_by_its_name(make_session, missing):
    class Incomplete(MemoryTokenStore):
        pass

    setattr(Incomplete, missing, None)
    with pytest.raises(
        TypeError, match=r"token_store must be a TokenStore: it has no %s\(\)" % missing
    ):
        make_session(token_store=Incomplete())


def test_a_class_of_stores_is_no_store(make_session):
    with pytest.raises(TypeError, match=r"token_store must be an instance: write MemoryTokenStore"):
        make_session(token_store=MemoryTokenStore)


def test_a_redirect_uri_that_is_no_text_is_refused(session):
    with pytest.raises(TypeError, match="redirect_uri"):
        session.create_authorization_url(redirect_uri=b"https://app.example.com/callback")


@pytest.mark.parametrize("code", ["", b"c", 7])
def test_a_code_that_is_no_text_is_refused(session, sandbox, code):
    with pytest.raises(ValueError, match="code"):
        session.fetch_token(code=code)
    assert sandbox.requests == []


@pytest.mark.parametrize(
    "account",
    ["", 7, ["merchant-7"], "x" * 256, "x" * 257, "merchant\0", "merchant-\ud800"],
    ids=repr,
)
def test_no_account_has_such_a_name(session, sandbox, account):
    with pytest.raises((TypeError, ValueError), match="account"):
        session.invalidate(account, "access-token")
    assert sandbox.requests == []
    session.invalidate("x" * 255, "access-token")


@pytest.mark.parametrize("margin", ["60", True, (60,)])
def test_a_margin_that_is_no_number_is_refused(make_session, margin):
    with pytest.raises(TypeError, match="refresh_margin"):
        make_session(refresh_margin=margin)


@pytest.mark.parametrize("token", [None, "access-token", {"access_token": "a"}])
@pytest.mark.parametrize("kind", ["memory", "sqlite", "sqlalchemy"])
def test_no_store_keeps_what_is_no_token(kind, token, tmp_path):
    path = tmp_path / "tokens.db"
    store: Any = {
        "memory": MemoryTokenStore,
        "sqlite": lambda: SQLiteTokenStore(path),
        "sqlalchemy": lambda: SQLAlchemyTokenStore("sqlite:///%s" % path),
    }[kind]()
    with pytest.raises(TypeError, match="token must be a Token"):
        store.save("merchant-7", token)
    assert store.accounts() == []
    if kind != "memory":
        store.close()


@pytest.mark.parametrize("cipher", [b"a key", "a key", 7, object(), Fernet], ids=repr)
@pytest.mark.parametrize("kind", ["sqlite", "sqlalchemy"])
def test_what_is_no_cipher_is_refused_before_there_is_a_token(tmp_path, kind, cipher):
    path = tmp_path / "tokens.db"
    make, place = {
        "sqlite": (SQLiteTokenStore, path),
        "sqlalchemy": (SQLAlchemyTokenStore, "sqlite:///%s" % path),
    }[kind]
    with pytest.raises(TypeError, match="cipher") as caught:
        make(place, cipher=cipher)
    assert "a key" not in str(caught.value)
    assert not path.exists()


@pytest.mark.parametrize("method", ["load", "save", "delete", "accounts", "lock"])
def test_a_store_of_one_s_own_that_lacks_a_method_cannot_be_made(method):
    own = {name: member for name, member in vars(MemoryTokenStore).items() if callable(member)}
    assert type("Whole", (TokenStore,), own)().accounts() == []
    del own[method]
    with pytest.raises(TypeError, match=method):
        type("Lacking", (TokenStore,), own)()


def test_a_code_is_remembered_as_long_as_it_can_live(session, sandbox, time_):
    """Longer would let the memory grow; the server refuses a used code anyway."""
    callback = sandbox.authorize()
    code = callback.partition("code=")[2].partition("&")[0]
    session.fetch_token(code=code)
    with pytest.raises(StateMismatchError):
        session.fetch_token(code=code)
    sandbox.requests.clear()
    time_.pass_(24 * 3600)
    with pytest.raises(Exception, match="invalid_grant"):
        session.fetch_token(code=code)
    assert len(sandbox.requests) == 1


def test_reprs_name_things_and_keep_secrets(authorized, tmp_path):
    request = authorized.create_authorization_url()
    assert request.state not in repr(request)
    assert request.code_verifier not in repr(request)
    assert repr(request.redirect_uri) in repr(request)
    assert repr(SQLiteTokenStore(tmp_path / "tokens.db")) == "SQLiteTokenStore(%r)" % str(
        tmp_path / "tokens.db"
    )
    source = authorized.api_client().configuration.access_token
    assert source() not in repr(source)
    assert "'default'" in repr(source)


def test_a_tokens_secrets_are_in_no_repr():
    assert "secret" not in repr(Token("access-secret", "refresh-secret"))
