"""The processes of a load (see refresh_load.py): forks, kills and sums up what they saw."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from refresh_load import open_store

from ultracart import OauthApi
from ultracart.configuration import Configuration
from ultracart.oauth import OAuthSession

logging.getLogger("ultracart").addHandler(logging.NullHandler())


class Clock:
    """A clock of this process that is wrong, and may step."""

    def __init__(self, offset: float, step: float, step_at: float) -> None:
        self.offset, self.step, self.step_at = offset, step, step_at

    def __call__(self) -> float:
        stepped = self.step if time.monotonic() >= self.step_at else 0.0
        return time.time() + self.offset + stepped


def make_session(load: dict[str, Any], clock: Clock) -> OAuthSession:
    configuration = Configuration()
    configuration.host = load["host"]
    store: Any = open_store(load["store"])
    if hasattr(store, "_clock"):
        store._clock = clock  # a host's clock is wrong for everything on it
    return OAuthSession(
        load["client_id"], token_store=store, configuration=configuration, clock=clock
    )


def work(load: dict[str, Any], session: OAuthSession, ends_at: float, results: Path) -> None:
    """One process: ``threads`` threads that call for one account after another."""
    failures: list[str] = []
    counts = [0] * load["threads"]

    def calls(number: int) -> None:
        accounts = list(load["accounts"])
        random.shuffle(accounts)
        done = threading.Event()
        while time.monotonic() < ends_at:
            account = accounts[counts[number] % len(accounts)]
            try:
                OauthApi(session.api_client(account)).oauth_me()
            except Exception as error:
                kind = "%s: %s" % (type(error).__name__, error)
                failures.append(kind)
                if not hasattr(error, "status"):
                    failures.append(traceback.format_exc())
            counts[number] += 1
            done.wait(load["think"] * random.uniform(0.5, 1.5))

    threads = [threading.Thread(target=calls, args=(n,)) for n in range(load["threads"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    out = results / str(os.getpid())
    out.write_text(json.dumps({"calls": sum(counts), "failures": failures}))


def main() -> None:
    load = json.loads(sys.argv[1])
    began = time.monotonic()
    ends_at = began + load["seconds"]
    offsets = load["clock_offsets"]
    step_at = began + load["seconds"] / 2
    inherited = None
    if load["session_before_fork"]:
        inherited = make_session(load, Clock(0.0, load["clock_step"], step_at))
        for account in load["accounts"]:
            inherited.access_token(account)
            OauthApi(inherited.api_client(account)).oauth_me()
    children: dict[int, int] = {}
    kills = 0
    with tempfile.TemporaryDirectory() as directory:
        results = Path(directory)

        def start(number: int) -> None:
            child = os.fork()
            if child:
                children[child] = number
                return
            status = 1
            try:
                random.seed()
                clock = Clock(offsets[number % len(offsets)], load["clock_step"], step_at)
                work(load, inherited or make_session(load, clock), ends_at, results)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)

        for number in range(load["processes"]):
            start(number)
        while load["kill_every"] and time.monotonic() < ends_at - 1.0:
            time.sleep(load["kill_every"])
            victim = random.choice(list(children))
            os.kill(victim, signal.SIGKILL)
            os.waitpid(victim, 0)
            kills += 1
            start(children.pop(victim))
        for child in list(children):
            if os.waitpid(child, 0)[1]:
                sys.exit("a process of the load failed")
        told = [json.loads(path.read_text()) for path in results.iterdir()]
    failures = [text for one in told for text in one["failures"]]
    calls = sum(one["calls"] for one in told)
    json.dump({"calls": calls, "failures": failures, "kills": kills}, sys.stdout)


if __name__ == "__main__":
    main()
