"""A load of real processes on one sandbox: what the refresh policy has to survive.

``refresh_load_worker.py`` forks the processes; the server counts. Used by ``test_races.py`` in
short, and by ``python test/oauth/stress.py`` at full size.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ultracart.configuration import Configuration
from ultracart.oauth import OAuthSession, SQLAlchemyTokenStore, SQLiteTokenStore, TokenStore
from ultracart.sandbox import Sandbox

WORKER = Path(__file__).with_name("refresh_load_worker.py")
# Seconds beyond the load's own that a busy machine may take to get somewhere.
_PATIENCE = 40.0


@dataclass
class Load:
    """What the processes do; times in seconds."""

    host: str
    client_id: str
    store: str
    accounts: list[str]
    processes: int = 2
    threads: int = 4
    seconds: float = 5.0
    think: float = 0.05
    kill_every: float | None = None
    # On a busy machine the load goes on until so many processes were killed.
    least_kills: int = 0
    # One process after another gets the next of these; its clock is wrong by so much.
    clock_offsets: list[float] = field(default_factory=lambda: [0.0])
    # Half way through, every process's clock steps by this.
    clock_step: float = 0.0
    # Make and use the session before the processes are forked from it.
    session_before_fork: bool = False


@dataclass
class Outcome:
    """What became of a load, counted at the server where that is possible."""

    calls: int
    failures: list[str]
    slowest: float
    refreshes: int
    reuse_detections: int
    grants_lost: int
    replays: int
    kills: int
    expiries: float

    @property
    def refreshes_per_expiry(self) -> float:
        return self.refreshes / self.expiries


def open_store(spec: str) -> TokenStore:
    """``sqlite:PATH``, or the URL of a database, with ``#TABLE`` if need be."""
    if spec.startswith("sqlite:"):
        return SQLiteTokenStore(spec.partition(":")[2])
    url, _, table = spec.partition("#")
    return SQLAlchemyTokenStore(url, table_name=table or "ultracart_token")


def authorize(
    sandbox: Sandbox, store: TokenStore, accounts: list[str], clock: Callable[[], float] = time.time
) -> list[float]:
    """A grant for each account, in the store; returns when each began, in monotonic seconds."""
    began = []
    configuration = Configuration()
    configuration.host = sandbox.host
    with OAuthSession(
        sandbox.client_id,
        sandbox.redirect_uri,
        token_store=store,
        configuration=configuration,
        clock=clock,
    ) as session:
        for account in accounts:
            request = session.create_authorization_url()
            callback = sandbox.authorize(request.url, merchant=account)
            session.fetch_token(callback, request=request, account=account)
            began.append(time.monotonic())
    return began


def run_load(
    sandbox: Sandbox,
    load: Load,
    meanwhile: Callable[[], object] = lambda: None,
    until: Callable[[], bool] = lambda: True,
) -> Outcome:
    """Run it to its end, and ``meanwhile`` once calls arrive. The sandbox must be its alone.

    It goes on beyond its seconds until ``until()``: on a busy machine it may have come to nothing.
    """
    store = open_store(load.store)
    offset = load.clock_offsets[0]
    began = authorize(sandbox, store, load.accounts, lambda: time.time() + offset)
    store.close()  # type: ignore[attr-defined]
    before = asdict(sandbox.counters)
    command = [sys.executable, "-W", "error", str(WORKER), json.dumps(asdict(load))]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as worker:
        ends_at = time.monotonic() + load.seconds
        enough = before["requests"] + 20 * len(load.accounts)
        _wait(lambda: sandbox.counters.requests >= enough, ends_at + _PATIENCE)
        meanwhile()
        _wait(lambda: time.monotonic() >= ends_at and until(), ends_at + _PATIENCE)
        # Which closes stdin, and that ends the load.
        out, errors = worker.communicate(timeout=120)
    if worker.returncode:
        raise RuntimeError(errors.decode())
    ended = time.monotonic()
    sandbox.faults.clear()  # of faults that are chosen by chance not each need be met
    told: dict[str, Any] = json.loads(out)
    counted = {name: value - before[name] for name, value in asdict(sandbox.counters).items()}
    return Outcome(
        calls=told["calls"],
        failures=told["failures"],
        slowest=told["slowest"],
        refreshes=counted["refreshes"],
        reuse_detections=counted["reuse_detections"],
        grants_lost=counted["grants_lost"],
        replays=counted["replays"],
        kills=told["kills"],
        expiries=sum(ended - moment for moment in began) / sandbox.access_token_lifetime,
    )


def is_told_without_a_store(failure: str) -> bool:
    """Whether a call may fail so while the store's server is down and nobody can refresh."""
    return "TokenStoreError: " in failure or failure.startswith("UnauthorizedException: ")


class FlakyTokenEndpoint:
    """Up to three faults on end for each refresh token, of every kind, then the answer."""

    def __init__(self, sandbox: Sandbox, *, longest: int = 3) -> None:
        self._longest = longest
        self._plans: dict[str, list[str]] = {}
        self._chosen: dict[int, str] = {}
        self.injected = 0
        faults: dict[str, dict[str, Any]] = {
            "503": {"status": 503},
            "reset": {"drop": "before"},
            "429": {"retry_after": 1},
            "lost": {"drop": "after"},
        }
        self._kinds = list(faults)
        for kind, fault in faults.items():
            sandbox.faults.add(
                "/oauth/token", times=None, when=partial(self._is_due, kind), **fault
            )

    def _is_due(self, kind: str, request: Any) -> bool:
        if id(request) not in self._chosen:
            token = request.form.get("refresh_token")
            if token not in self._plans:
                count = random.randint(0, self._longest) if token else 0
                self._plans[token] = random.choices(self._kinds, k=count)
            plan = self._plans[token]
            self._chosen[id(request)] = plan.pop() if plan else "none"
            self.injected += bool(self._chosen[id(request)] != "none")
        return self._chosen[id(request)] == kind


def _wait(condition: Callable[[], bool], deadline: float) -> None:
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
