"""What a token is: times, margins, its JSON form, and that it shows nothing."""

from __future__ import annotations

import copy
import math
import pickle

import pytest

from ultracart.models.oauth_token_response import OauthTokenResponse
from ultracart.oauth import Token

FULL = Token("access", "refresh", 2000.0, "bearer", "a b", issued_at=1000.0, merchant_id="DEMO")


def test_it_survives_json_pickle_and_copy():
    for twin in (
        Token.from_json(FULL.to_json()),
        pickle.loads(pickle.dumps(FULL)),
        copy.deepcopy(FULL),
    ):
        assert twin == FULL
        assert hash(twin) == hash(FULL)


def test_it_is_immutable_and_shows_no_secret():
    with pytest.raises(AttributeError):
        FULL.access_token = "other"  # type: ignore[misc]
    for text in (repr(FULL), str(FULL), "%s" % [FULL]):
        assert "access'" not in text
        assert "'refresh" not in text


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"access_token": 1}', '{"access_token": ""}']
)
def test_damaged_json_is_refused_without_quoting_it(text):
    with pytest.raises((ValueError, TypeError)):
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
    ],
)
def test_impossible_values_are_refused(arguments):
    with pytest.raises((TypeError, ValueError)):
        Token(**arguments)


@pytest.mark.parametrize(
    ("now", "left"),
    [(1000, 1000), (1500, 500), (2000, 0), (2500, -500), (990, 1000), (900, 0)],
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
    assert not FULL.is_same(None)
    assert not Token("a", None, None).is_same(Token("a", None, 5.0))
    assert not FULL.is_same(Token("another", "refresh", 2000.0, issued_at=1000.0))
    assert not FULL.is_same(Token("access", "another", 2000.0, issued_at=1000.0))


def test_an_empty_refresh_token_is_none():
    assert Token("a", "").refresh_token is None
