"""A session that serves ever new accounts does not grow for ever."""

from __future__ import annotations

import gc

import pytest

from ultracart.exceptions import ReauthorizationRequired
from ultracart.oauth import MemoryTokenStore, Token, token_cache

MOST = 400


@pytest.fixture(autouse=True)
def fewer(monkeypatch):
    assert token_cache._MOST == 20_000  # docs/OAuthSession.md
    monkeypatch.setattr(token_cache, "_MOST", MOST)


class Endless(MemoryTokenStore):
    """Has a token for each account that is asked for, and keeps none."""

    def __init__(self, time_, expires_in):
        super().__init__()
        self._time = time_
        self._expires_in = expires_in
        self.loads = 0

    def load(self, account):
        self.loads += 1
        now = self._time.now
        return Token("access " + account, None, now + self._expires_in, issued_at=now - 1000)


def living(kind):
    gc.collect()
    return sum(type(found) is kind for found in gc.get_objects())


def test_tokens_in_memory_are_bounded(make_session, time_):
    store = Endless(time_, 3600)
    session = make_session(token_store=store)
    before = living(Token)
    names = ["merchant-%d" % number for number in range(MOST)]
    for name in names:
        session.access_token(name)
    store.loads = 0
    for name in names:
        assert session.access_token(name) == "access " + name
    assert store.loads == 0
    for number in range(MOST, MOST + MOST // 4):
        session.access_token("merchant-%d" % number)
    assert living(Token) - before <= MOST
    store.loads = 0
    for name in names[MOST // 2 :]:  # only the oldest were dropped
        assert session.access_token(name) == "access " + name
    assert store.loads == 0
    assert session.access_token(names[0]) == "access " + names[0]  # dropped, and read again
    assert store.loads


def test_refusals_in_memory_are_bounded(make_session, time_):
    session = make_session(token_store=Endless(time_, -1))
    before = living(ReauthorizationRequired)
    for number in range(MOST + 1):
        with pytest.raises(ReauthorizationRequired):
            session.access_token("merchant-%d" % number)
    assert living(ReauthorizationRequired) - before <= MOST
