"""The processes of a load (see refresh_load.py): forks, kills and sums up what they saw."""

from __future__ import annotations

import json
import logging
import os
import random
import select
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


def has_ended() -> bool:
    """Whether the program that started the load has closed the pipe to it."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


def work(load: dict[str, Any], session: OAuthSession, results: Path) -> None:
    """One process: ``threads`` threads that call for one account after another."""
    counts = [0] * load["threads"]
    # Each call is written down at once, because this process may be killed at any moment.
    out = os.open(results / str(os.getpid()), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def call(account: str) -> list[str]:
        try:
            OauthApi(session.api_client(account)).oauth_me()
        except Exception as error:
            told = ["%s: %s" % (type(error).__name__, error)]
            return told if hasattr(error, "status") else [*told, traceback.format_exc()]
        return []

    def calls(number: int) -> None:
        accounts = list(load["accounts"])
        random.shuffle(accounts)
        done = threading.Event()
        while not has_ended():
            began = time.monotonic()
            failures = call(accounts[counts[number] % len(accounts)])
            seconds = time.monotonic() - began
            os.write(out, json.dumps([seconds, failures]).encode() + b"\n")
            counts[number] += 1
            done.wait(load["think"] * random.uniform(0.5, 1.5))

    threads = [threading.Thread(target=calls, args=(n,)) for n in range(load["threads"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def sum_up(results: Path, kills: int) -> dict[str, Any]:
    """What all processes wrote down, also those that were killed."""
    texts = [path.read_text() for path in results.iterdir()]
    # The last line may be half of one.
    lines = [line for text in texts for line in text.rpartition("\n")[0].splitlines()]
    told = [json.loads(line) for line in lines]
    return {
        "calls": len(told),
        "failures": [failure for _, failures in told for failure in failures],
        "slowest": max((seconds for seconds, _ in told), default=0.0),
        "kills": kills,
    }


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
                work(load, inherited or make_session(load, clock), results)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)

        for number in range(load["processes"]):
            start(number)
        while load["kill_every"] and (
            time.monotonic() < ends_at - 1.0 or kills < load["least_kills"]
        ):
            time.sleep(load["kill_every"])
            victim = random.choice(list(children))
            os.kill(victim, signal.SIGKILL)
            os.waitpid(victim, 0)
            kills += 1
            start(children.pop(victim))
        for child in list(children):
            if os.waitpid(child, 0)[1]:
                sys.exit("a process of the load failed")
        told = sum_up(results, kills)
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
