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
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "loopback_only"))

from interrupts import in_another_thread, interrupts
from refresh_load import FlakyTokenEndpoint, Load, is_told_without_a_store, run_load
from servers import MariaDB, PgBouncer, PostgreSQL
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
    # A server that is killed and started again amid the storm; calls may then fail at the store.
    restarted: str = ""
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
    # MariaDB takes 150 connections: half the processes, each with ten at most.
    fleets = {
        "pgbouncer-1": crowd,
        "pgbouncer-4": crowd,
        "mariadb": {"processes": 4, "threads": 16},
    }
    for store, workers in fleets.items():
        spread = {**workers, "think": 0.2}
        due: dict[str, Any] = {"access_token_lifetime": 5}
        yield Scenario(f"fleet on {store}, fifty merchants", store, 50, spread, due)
        kill = {**workers, "kill_every": 0.3}
        graced = {**due, "reuse_grace": 30}
        yield Scenario(f"kill -9 every 300 ms on {store}", store, 10, kill, graced)
    for store, restarted in (
        ("pgbouncer-1", "pgbouncer"),
        ("pgbouncer-4", "pgbouncer"),
        ("pgbouncer-4", "postgresql"),
        ("postgresql", "postgresql"),
        ("mariadb", "mariadb"),
    ):
        # As after a kill, a token that was issued while nobody could save it is asked for again.
        yield Scenario(
            f"{restarted} killed and restarted every 3 s, seen through {store}",
            store,
            10,
            {"processes": 4, "threads": 8, "think": 0.2},
            graced,
            restarted=restarted,
            most_refreshes_per_expiry=1.5,
        )
    for minutes in (10, -10):
        wrong = {**crowd, "clock_offsets": [60.0 * minutes]}
        yield Scenario(f"clock {minutes:+d} minutes", "sqlite", 5, wrong)
    stepping = {**crowd, "clock_step": -600.0}
    # Each account may be refreshed once more, by those who read a token from the future.
    yield Scenario("clock steps back half way", "sqlite", 5, stepping)
    apart = {**crowd, "clock_offsets": [0.0, 600.0, -600.0]}
    yield Scenario("hosts 10 minutes apart on postgresql", "postgresql", 5, apart)


class Servers:
    """The databases of this run, each started when it is first needed."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._started: dict[str, Any] = {}

    def url(self, store: str) -> str:
        return str(self._get(store).url)

    def restart(self, name: str, store: str) -> None:
        server = self._get(store if name == "pgbouncer" else name)
        server.kill()
        time.sleep(0.3)
        server.start()

    def close(self) -> None:
        for server in reversed(self._started.values()):
            server.cleanup()

    def _get(self, name: str) -> Any:
        if name not in self._started:
            self._started[name] = self._start(name)
        return self._started[name]

    def _start(self, name: str) -> Any:
        own = Path(self._directory) / name
        own.mkdir()
        own.chmod(0o755)  # as root, they run as another user
        if name == "postgresql":
            return PostgreSQL(str(own))
        if name == "mariadb":
            return MariaDB(str(own))
        return PgBouncer(str(own), self._get("postgresql"), int(name.rpartition("-")[2]))


class Restarts:
    """Kills a server and starts it again, every three seconds until it is told to stop."""

    def __init__(self, restart: Callable[[], None]) -> None:
        self._restart = restart
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.count = 0

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        if self._thread.ident:
            self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(3):
            self._restart()
            self.count += 1


def run(scenario: Scenario, directory: str, servers: Servers, seconds: float) -> bool:
    name = uuid.uuid4().hex
    store = f"sqlite:{directory}/{name}.db"
    if scenario.store != "sqlite":
        store = f"{servers.url(scenario.store)}#token_{name}"
    restarts = Restarts(lambda: servers.restart(scenario.restarted, scenario.store))
    accounts = ["merchant-%d" % number for number in range(scenario.accounts)]
    with Sandbox(**{"access_token_lifetime": 2, **scenario.sandbox}) as sandbox:
        flaky = FlakyTokenEndpoint(sandbox) if scenario.flaky else None
        load = Load(
            sandbox.host, sandbox.client_id, store, accounts, seconds=seconds, **scenario.load
        )
        try:
            if scenario.expire_early:
                outcome = run_load(sandbox, load, sandbox.expire_access_tokens)
            elif scenario.restarted:
                outcome = run_load(sandbox, load, restarts.begin)
            else:
                outcome = run_load(sandbox, load)
        finally:
            restarts.end()
    failures = outcome.failures
    if scenario.restarted:  # the store was not to be had; access tokens expired meanwhile
        failures = [told for told in failures if not is_told_without_a_store(told)]
    due = float(scenario.accounts) if scenario.expire_early else outcome.expiries
    good = bool(
        outcome.calls
        and not failures
        and not outcome.grants_lost
        and not outcome.reuse_detections
        and outcome.refreshes <= scenario.most_refreshes_per_expiry * due
    )
    print(
        f"{'ok  ' if good else 'BAD '} {scenario.name}: {outcome.calls} calls,"
        f" {len(failures)} failed, {len(outcome.failures) - len(failures)} without a store,"
        f" slowest {outcome.slowest:.1f} s,"
        f" {outcome.grants_lost} grants lost, {outcome.reuse_detections} reuse detections,"
        f" {outcome.refreshes} refreshes for {due:.0f} due ({outcome.refreshes / due:.2f}),"
        f" {outcome.kills} kills, {flaky.injected if flaky else 0} faults,"
        f" {outcome.replays} replays, {restarts.count} restarts",
        flush=True,
    )
    for failure in failures[:3]:
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", default="", help="part of the scenarios' names")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each")
    arguments = parser.parse_args()
    wanted = [found for found in scenarios() if arguments.name in found.name]
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)  # as root, databases run as other users
        servers = Servers(directory)
        try:
            good = [run(found, directory, servers, arguments.seconds) for found in wanted]
            if arguments.name in STORM:
                good.append(storm(arguments.seconds))
            if arguments.name in INTERRUPTS:
                good.append(interrupted())
        finally:
            servers.close()
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
