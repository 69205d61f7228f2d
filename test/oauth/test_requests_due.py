"""Simulated hours of many merchants and several processes: no more requests than are due."""

from __future__ import annotations

from typing import Any

from waiting import token_requests

from ultracart.exceptions import ReauthorizationRequired
from ultracart.oauth import SQLiteTokenStore

MERCHANTS = 100
PROCESSES = 8
HOURS = 6
STEP = 1200  # seconds between two calls of a process for a merchant


def test_hours_cost_what_is_due(make_session, sandbox, log_in_to, time_, tmp_path):
    stores: list[Any] = [SQLiteTokenStore(tmp_path / "tokens.db") for _ in range(PROCESSES)]
    sessions = [make_session(token_store=store) for store in stores]
    accounts = ["merchant-%d" % number for number in range(MERCHANTS)]
    dead, living = accounts[0], accounts[1:]
    for account in accounts:
        log_in_to(sessions[0], sandbox, account)
    # From the start, one in a hundred merchants has ended the grant.
    stores[0].save(dead, stores[0].load(dead).replaced(refresh_token="no more", expires_at=0.0))
    sandbox.requests.clear()
    refused = 0
    for _ in range(HOURS * 3600 // STEP):
        time_.pass_(STEP)
        for session in sessions:
            for account in accounts:
                try:
                    session.access_token(account)
                except ReauthorizationRequired:
                    refused += 1
    due = len(living) * HOURS
    assert len(token_requests(sandbox)) <= 1.05 * due
    assert sandbox.counters.refreshes <= due
    assert refused == PROCESSES * HOURS * 3600 // STEP
    assert sandbox.counters.reuse_detections == 0
    for store in stores:
        store.close()
