"""What a token is: times, margins, its JSON form, and that it shows nothing."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
from typing import Any

import pytest

from ultracart import OauthApi
from ultracart.exceptions import ApiTypeError, ApiValueError
from ultracart.models.oauth_token_response import OauthTokenResponse
from ultracart.oauth import MemoryTokenStore, Token

FULL = Token("access", "refresh", 2000.0, "bearer", "a b", issued_at=1000.0, merchant_id="DEMO")


def test_it_survives_json_pickle_and_copy():
    for twin in (
        Token.from_json(FULL.to_json()),
        pickle.loads(pickle.dumps(FULL)),
        copy.deepcopy(FULL),
    ):
        assert twin == FULL
        assert hash(twin) == hash(FULL)


def test_a_pickle_names_its_fields():
    """A later version may have more of them, and reads the pickles of this one."""
    for name in ("access_token", "refresh_token", "granted_at", "extra"):
        assert name.encode() in pickle.dumps(FULL)


def test_it_is_immutable_and_shows_no_secret():
    with pytest.raises(AttributeError):
        FULL.access_token = "other"  # type: ignore[misc]
    for text in (repr(FULL), str(FULL), "%s" % [FULL]):
        assert "access'" not in text
        assert "'refresh" not in text
        assert "refresh_token=***" in text
    assert "refresh_token=None" in repr(Token("a"))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"access_token": 1}', '{"access_token": ""}', None, 7]
)
def test_damaged_json_is_refused_without_quoting_it(text):
    with pytest.raises((ApiValueError, ApiTypeError)):
        Token.from_json(text)


def test_unknown_fields_of_a_newer_version_are_ignored():
    assert Token.from_json('{"access_token": "a", "new": 1}') == Token("a")


@pytest.mark.parametrize(
    "arguments",
    [
        {"access_token": ""},
        {"access_token": None},
        {"access_token": "a", "expires_at": math.nan},
        {"access_token": "a", "expires_at": "soon"},
        {"access_token": "a", "expires_at": 10**400},
        {"access_token": "a", "refresh_token": 1},
        {"access_token": "a", "token_type": ""},
    ],
)
def test_impossible_values_are_refused(arguments):
    with pytest.raises((TypeError, ValueError)):
        Token(**arguments)


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (1000, 1000),
        (1500, 500),
        (1999.5, 0.5),
        (2000, 0),
        (2500, -500),
        (990, 1000),
        (970, 1000),
        (969.5, 0),
        (900, 0),
    ],
)
def test_remaining_life_is_clamped_and_a_token_from_the_future_has_none(now, left):
    assert FULL.remaining(now) == left
    assert FULL.is_expired(now) == (left <= 0)


def test_without_expiry_it_lives_until_it_is_refused():
    assert Token("a").remaining(1e12) == math.inf
    assert not Token("a").is_expired(1e12)


@pytest.mark.parametrize(
    ("lifetime", "margin"), [(3600, 60), (600, 60), (100, 10), (2, 0.2), (0, 0)]
)
def test_the_margin_is_a_share_of_the_lifetime(lifetime, margin):
    token = Token("a", None, 1000.0 + lifetime, issued_at=1000.0)
    assert token.margin(1000.0) == pytest.approx(margin)


def test_the_margin_of_a_token_of_unknown_age_is_a_share_of_what_is_left():
    token = Token("a", None, 1000.0)
    assert token.margin(950.0) == pytest.approx(5)
    assert token.margin(2000.0) == 0


def test_a_token_without_expiry_has_no_margin():
    assert Token("a").margin(1000.0) == Token("a", issued_at=1000.0).margin(1000.0) == 0


def test_what_an_answer_leaves_out_is_kept():
    answer = OauthTokenResponse(access_token="new", expires_in=60)
    token = Token.from_response(answer, issued_at=5000.0, previous=FULL)
    assert token == Token(
        "new", "refresh", 5060.0, "bearer", "a b", issued_at=5000.0, merchant_id="DEMO"
    )


@pytest.mark.parametrize(
    ("expires_in", "expires_at"), [(None, None), (-5, 1000.0), (10**400, 1000 + 3.2e9)]
)
def test_odd_lifetimes(expires_in, expires_at):
    answer = OauthTokenResponse(access_token="a", expires_in=expires_in)
    assert Token.from_response(answer, issued_at=1000.0).expires_at == expires_at


def test_the_same_text_with_a_later_expiry_is_another_token():
    again = Token("access", "refresh", 3000.0, issued_at=2000.0)
    assert not FULL.is_same(again)
    assert FULL.is_same(Token("access", "refresh", 2000.01, issued_at=1000.01))
    assert FULL.is_same(Token("access", "refresh", 1999.25, issued_at=999.25))
    assert not FULL.is_same(Token("access", "refresh", 2001.0, issued_at=1001.0))
    assert not FULL.is_same(Token("access", "refresh", 1999.0, issued_at=999.0))
    assert not FULL.is_same(None)
    assert not Token("a", None, None).is_same(Token("a", None, 5.0))
    assert not FULL.is_same(Token("another", "refresh", 2000.0, issued_at=1000.0))
    assert not FULL.is_same(Token("access", "another", 2000.0, issued_at=1000.0))


def test_an_empty_refresh_token_is_none():
    assert Token("a", "").refresh_token is None


def test_copies_keep_every_field():
    token = Token(
        "a",
        "r",
        2000.0,
        "bearer",
        "s",
        issued_at=1000.0,
        merchant_id="DEMO",
        host="https://h.example",
        client_id="c",
        granted_at=500.0,
        refresh_token_expires_at=9000.0,
        extra={"id_token": "i", "nested": [1, {"a": None}]},
    )
    assert Token.from_json(token.to_json()) == token
    assert pickle.loads(pickle.dumps(token)) == token == copy.deepcopy(token)
    assert token.replaced() == token
    assert token.replaced(scope=None).scope is None
    assert token.replaced(scope=None) != token
    later = token.shifted(10)
    assert (later.expires_at, later.issued_at) == (2010.0, 1010.0)
    assert (later.granted_at, later.refresh_token_expires_at) == (510.0, 9010.0)
    assert later.shifted(-10) == token
    for name in ("host", "client_id", "extra", "merchant_id", "refresh_token", "scope"):
        assert getattr(later, name) == getattr(token, name)
    with pytest.raises(TypeError):
        token.replaced(scop="x")


def test_extra_is_its_own_and_shown_nowhere():
    given = {"id_token": "secret-id"}
    token = Token("a", extra=given)
    given["id_token"] = "other"
    assert token.extra == {"id_token": "secret-id"}
    assert "secret-id" not in repr(token)
    assert Token("a").extra == {}
    for change in (
        lambda extra: extra.update(x=1),
        lambda extra: extra.clear(),
        lambda extra: extra.__setitem__("x", 1),
    ):
        with pytest.raises(TypeError, match="replaced"):
            change(Token("a", extra={"x": 0}).extra)
    twin = copy.deepcopy(token)
    assert twin.extra == token.extra
    assert dataclasses.asdict(token)["extra"] == token.extra
    assert dataclasses.replace(token, scope="s").extra == token.extra
    with pytest.raises(TypeError, match="extra"):
        Token("a", extra=["x"])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="extra"):
        Token("a", extra={"x": object()}).to_json()


def test_unknown_fields_of_a_response_are_kept_over_refreshes():
    first = Token.from_response(
        OauthTokenResponse.from_wire(
            {"access_token": "a", "refresh_token": "r", "id_token": "i", "x": 1}
        ),
        issued_at=1000.0,
    )
    assert first.extra == {"id_token": "i", "x": 1}
    assert first.granted_at == 1000.0
    second = Token.from_response(
        OauthTokenResponse.from_wire({"access_token": "b", "x": 2}),
        issued_at=2000.0,
        previous=first,
    )
    assert second.extra == {"id_token": "i", "x": 2}
    assert (second.granted_at, second.issued_at) == (1000.0, 2000.0)


@pytest.mark.parametrize(
    ("fields", "expires_at"),
    [
        ({"refresh_token_expires_in": 100}, 1100.0),
        ({"refresh_expires_in": "100"}, 1100.0),
        ({"x_refresh_token_expires_in": 100.5}, 1100.5),
        ({"refresh_expires_in": 0}, None),
        ({"refresh_expires_in": -5}, None),
        ({"refresh_token_expires_in": "soon"}, None),
        ({"refresh_token_expires_in": None}, None),
        ({"refresh_token_expires_in": [1]}, None),
        ({"refresh_token_expires_in": 10**400}, None),
        ({}, None),
    ],
)
def test_when_the_refresh_token_expires(fields, expires_at):
    response = OauthTokenResponse.from_wire({"access_token": "a", "refresh_token": "r", **fields})
    token = Token.from_response(response, issued_at=1000.0)
    assert token.refresh_token_expires_at == expires_at
    # A refresh that leaves both out keeps them; a new refresh token has a life of its own.
    same = Token.from_response(
        OauthTokenResponse(access_token="b"), issued_at=1001.0, previous=token
    )
    assert same.refresh_token_expires_at == expires_at
    other = OauthTokenResponse(access_token="b", refresh_token="s")
    rotated = Token.from_response(other, issued_at=1001.0, previous=token)
    assert rotated.refresh_token_expires_at is None


AUTHLIB = {
    "access_token": "a",
    "refresh_token": "r",
    "token_type": "Bearer",
    "expires_in": 3600,
    "expires_at": 2000,
    "scope": "x y",
    "id_token": "i",
}


def test_a_token_of_authlib():
    assert Token.from_dict(AUTHLIB) == Token(
        "a", "r", 2000.0, "bearer", "x y", extra={"id_token": "i"}
    )


def test_a_token_of_requests_oauthlib():
    values = {**AUTHLIB, "scope": ["x", "y"], "expires_at": 2000.5, "expires_in": "3600"}
    assert Token.from_dict(values) == Token(
        "a", "r", 2000.5, "bearer", "x y", extra={"id_token": "i"}
    )


def test_a_plain_response():
    values = {"access_token": "a", "refresh_token": "r", "expires_in": "60"}
    assert Token.from_dict(values, issued_at=1000.0) == Token("a", "r", 1060.0, issued_at=1000.0)
    # Nobody knows when it began: it is refreshed before it is used, if it can be.
    assert Token.from_dict(values).expires_at == 0
    del values["refresh_token"]
    assert Token.from_dict(values).expires_at is None


def test_what_else_a_dict_has():
    values: dict[str, Any] = {
        "access_token": "a",
        "refresh_token": "r",
        "audience": "x",
        "zone": "y",
    }
    assert Token.from_dict(values).extra == {"audience": "x", "zone": "y"}
    values["refresh_expires_in"] = 100
    assert Token.from_dict(values).refresh_token_expires_at is None
    assert Token.from_dict(values, issued_at=1000.0).refresh_token_expires_at == 1100.0
    values["refresh_token_expires_at"] = 1050
    assert Token.from_dict(values, issued_at=1000.0).refresh_token_expires_at == 1050.0


def test_a_model_s_dict():
    response = OauthTokenResponse(access_token="a", refresh_token="r", expires_in=60)
    token = Token.from_dict(response.to_dict(), issued_at=1000.0)
    assert token == Token("a", "r", 1060.0, issued_at=1000.0)


def test_a_bare_refresh_token():
    token = Token.from_dict({"refresh_token": "r", "scope": ["x"]})
    assert token.is_expired(1.0)
    assert (token.refresh_token, token.scope) == ("r", "x")
    assert Token.from_json(token.to_json()) == token
    assert token.shifted(100) == token
    assert Token.from_dict({"access_token": None, "refresh_token": "r", "expires_at": 9e9}) == (
        Token.from_dict({"refresh_token": "r"})
    )


def test_a_bare_refresh_token_brings_an_access_token(make_session, sandbox, log_in_to, time_):
    store: Any = MemoryTokenStore()
    session = make_session(token_store=store)
    log_in_to(session, sandbox)
    bare = Token.from_dict({"refresh_token": session.token().refresh_token})
    store.save("moved", bare)
    assert OauthApi(session.api_client("moved")).oauth_me().merchant_id == "default"
    assert store.load("moved").host == sandbox.host


def test_what_a_session_stored_can_be_read_from_a_dict():
    values = {name: getattr(FULL, name) for name in Token.__slots__}
    assert Token.from_dict(values) == FULL


@pytest.mark.parametrize(
    "values",
    [
        None,
        "token",
        {},
        {"access_token": ""},
        {"access_token": 7},
        {"access_token": "a", "refresh_token": 7},
        {"access_token": "a", "expires_at": "soon"},
        {"access_token": "a", "expires_at": math.inf},
        {"access_token": "a", "scope": 7},
        {"access_token": "a", "extra": 7},
        {"access_token": "secret-7", "expires_at": {}},
    ],
)
def test_a_dict_that_is_no_token(values):
    with pytest.raises((TypeError, ValueError)) as caught:
        Token.from_dict(values)
    assert "secret-7" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "options", "named"),
    [
        ({"expires_in": "soon"}, {}, "expires_in"),
        ({"expires_in": "soon", "refresh_token": "r"}, {}, "expires_in"),
        ({"expires_in": [1]}, {}, "expires_in"),
        ({"extra": "abc"}, {}, "extra"),
        ({"extra": [("a", 1)]}, {}, "extra"),
        ({"expires_in": 5}, {"issued_at": "yesterday"}, "issued_at"),
        ({"expires_in": 5}, {"issued_at": math.nan}, "issued_at"),
        ({"expires_in": 5}, {"issued_at": 10**400}, "issued_at"),
        ({"expires_in": 5}, {"issued_at": object()}, "issued_at"),
    ],
)
def test_what_cannot_be_read_is_named(values, options, named):
    with pytest.raises((TypeError, ValueError), match="^" + named):
        Token.from_dict({"access_token": "a", **values}, **options)


@pytest.mark.parametrize("fields", [{"refresh_token": "r"}, {"expires_at": 0}, {}])
def test_only_a_bare_refresh_token_has_no_access_token(fields):
    with pytest.raises(ApiValueError, match="access_token must not be empty"):
        Token("", **fields)
    assert Token("", "r", 0).refresh_token == "r"


def test_a_token_of_another_library_keeps_its_type():
    assert Token.from_dict({"access_token": "a", "token_type": " DPoP "}).token_type == "dpop"


def test_seconds_as_a_long_text_are_no_number():
    """float() takes time for it that grows with its square."""
    with pytest.raises(ApiTypeError, match="expires_at"):
        Token.from_dict({"access_token": "a", "expires_at": "1" * 33})
