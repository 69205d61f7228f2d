"""Real processes on one sandbox with rotation and reuse detection: no grant is lost.

Short forms of what ``tox -e stress`` (test/oauth/stress.py) runs at full size.
"""

from __future__ import annotations

import os
import uuid

import pytest
from refresh_load import FlakyTokenEndpoint, Load, is_told_without_a_store, run_load

from ultracart.sandbox import Sandbox

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the load forks its processes")


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    if request.param == "sqlite":
        return "sqlite:%s" % (tmp_path / "tokens.db")
    url = request.getfixturevalue("postgresql_url")
    return "%s#token_%s" % (url, uuid.uuid4().hex)


@pytest.fixture
def sqlite(tmp_path):
    return "sqlite:%s" % (tmp_path / "tokens.db")


def run(store, accounts, load, sandbox, is_expected=lambda told: False, **waits):
    names = ["merchant-%d" % number for number in range(accounts)]
    load = Load(sandbox.host, sandbox.client_id, store, names, **{"think": 0.1, **load})
    outcome = run_load(sandbox, load, **waits)
    assert [told for told in outcome.failures if not is_expected(told)] == []
    assert outcome.calls > 0
    assert outcome.reuse_detections == 0
    assert outcome.grants_lost == 0
    return outcome


def test_processes_refresh_once_for_each_expiry(store):
    load = {"processes": 4, "threads": 4, "seconds": 4}
    with Sandbox(access_token_lifetime=2) as sandbox:
        outcome = run(store, 3, load, sandbox, until=lambda: sandbox.counters.refreshes >= 3)
    assert outcome.refreshes >= 3
    assert outcome.refreshes_per_expiry <= 1.2


def test_faults_of_up_to_three_on_end_reach_no_caller(store):
    load = {"processes": 3, "threads": 4, "seconds": 4}
    with Sandbox(access_token_lifetime=2, reuse_grace=30) as sandbox:
        flaky = FlakyTokenEndpoint(sandbox)

        def enough():
            return flaky.injected >= 4 and sandbox.counters.refreshes >= 4

        outcome = run(store, 4, load, sandbox, until=enough)
    assert flaky.injected >= 4
    assert outcome.refreshes >= 4


def test_killed_processes_lose_nothing(store):
    load = {"processes": 3, "threads": 4, "seconds": 3.5, "kill_every": 0.3, "least_kills": 4}
    with Sandbox(access_token_lifetime=2, reuse_grace=30) as sandbox:
        outcome = run(store, 3, load, sandbox, until=lambda: sandbox.counters.refreshes >= 3)
    assert outcome.kills >= 4
    assert outcome.refreshes >= 3


@pytest.mark.parametrize("wrong", [600.0, -600.0])
def test_a_wrong_clock_fails_no_call(sqlite, wrong):
    load = {"processes": 2, "threads": 4, "seconds": 3, "clock_offsets": [wrong]}
    with Sandbox(access_token_lifetime=2) as sandbox:
        outcome = run(sqlite, 2, load, sandbox)
    assert outcome.refreshes_per_expiry <= 1.2


def test_hosts_with_different_clocks(postgresql_url):
    store = "%s#token_%s" % (postgresql_url, uuid.uuid4().hex)
    load = {"processes": 3, "threads": 4, "seconds": 4, "clock_offsets": [0.0, 600.0, -600.0]}
    with Sandbox(access_token_lifetime=2) as sandbox:
        outcome = run(store, 2, load, sandbox)
    assert outcome.refreshes_per_expiry <= 1.2


def test_a_clock_that_steps_back_half_way(sqlite):
    load = {"processes": 2, "threads": 4, "seconds": 3, "clock_step": -600.0}
    with Sandbox(access_token_lifetime=2) as sandbox:
        run(sqlite, 2, load, sandbox)


def test_a_session_used_before_fork(store):
    load = {"processes": 3, "threads": 4, "seconds": 3, "session_before_fork": True}
    with Sandbox(access_token_lifetime=2) as sandbox:
        outcome = run(store, 2, load, sandbox)
    assert outcome.refreshes_per_expiry <= 1.2


def test_a_mass_401_refreshes_each_account_once(store):
    load = {"processes": 3, "threads": 4, "seconds": 1.5}
    with Sandbox(access_token_lifetime=3600) as sandbox:
        outcome = run(
            store,
            5,
            load,
            sandbox,
            meanwhile=sandbox.expire_access_tokens,
            until=lambda: sandbox.counters.refreshes >= 5,
        )
    assert outcome.refreshes == 5


@pytest.mark.parametrize("server_connections", [1, 4])
@pytest.mark.parametrize("restarted", [None, "pgbouncer", "postgresql"])
def test_a_fleet_behind_a_pooler(open_pgbouncer, postgresql, server_connections, restarted):
    """In transaction pooling, also where the pooler or the database is killed amid the storm."""
    pooler = open_pgbouncer(server_connections)
    store = "%s#token_%s" % (pooler.url, uuid.uuid4().hex)
    load = {"processes": 3, "threads": 4, "seconds": 4}
    server = {None: None, "pgbouncer": pooler, "postgresql": postgresql}[restarted]

    def restart():
        if server is not None:
            server.kill()
            server.start()

    with Sandbox(access_token_lifetime=3, reuse_grace=30 if restarted else 0) as sandbox:
        run(
            store,
            4,
            load,
            sandbox,
            is_told_without_a_store if restarted else lambda told: False,
            meanwhile=restart,
            until=lambda: sandbox.counters.refreshes >= 4,
        )
