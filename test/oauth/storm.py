"""A storm of changes: many threads on one session and one client while everything is changed."""

from __future__ import annotations

import copy
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import ultracart
from ultracart import ApiClient, Configuration, OauthApi, UnauthorizedException
from ultracart.oauth import MemoryTokenStore, OAuthSession
from ultracart.sandbox import Sandbox

THREADS = 32
_MERCHANTS = ("merchant-0", "merchant-1", "merchant-2", "merchant-3")
# What a process of its own runs to use everything for the first time, in 32 threads at once.
FIRST_USE = """
import sys, threading
sys.setswitchinterval(1e-5)
import ultracart
start = threading.Barrier(32)
results = []
def first_use(number):
    start.wait()
    try:
        if number % 3 == 0:
            configuration = ultracart.Configuration()
            ultracart.Configuration.set_default(configuration)
        if number % 3 == 1:
            from ultracart.oauth import MemoryTokenStore, OAuthSession
            OAuthSession("client_id_example", token_store=MemoryTokenStore())
        results.append(ultracart.OauthApi().oauth_me().merchant_id)
    except BaseException as error:
        results.append(repr(error))
ultracart_threads = [threading.Thread(target=first_use, args=(n,)) for n in range(32)]
for thread in ultracart_threads:
    thread.start()
for thread in ultracart_threads:
    thread.join(60)
print(*sorted(set(results)), len(results), sep="|")
"""
FIRST_USE_RESULT = "DEMO|32"


@dataclass
class Outcome:
    """What came of a storm."""

    calls: int = 0
    changes: int = 0
    failures: list[str] = field(default_factory=list)
    hanging: int = 0
    grants_lost: int = 0
    refreshes: int = 0


def run_storm(seconds: float, *, threads: int = THREADS) -> Outcome:
    """Threads that call, and threads that change what the calls use, for so many seconds."""
    outcome = Outcome()
    with Sandbox(access_token_lifetime=1) as sandbox:
        configuration = Configuration()
        configuration.host = sandbox.host
        session = OAuthSession(
            sandbox.client_id,
            redirect_uri=sandbox.redirect_uri,
            token_store=MemoryTokenStore(),
            configuration=configuration,
        )
        for merchant in _MERCHANTS:
            request = session.create_authorization_url()
            callback = sandbox.authorize(request.url, merchant=merchant)
            session.fetch_token(callback, request=request, account=merchant)
        before = copy.copy(ultracart.configuration)
        try:
            _blow(outcome, seconds, threads, session, session.api_client(_MERCHANTS[0]))
        finally:
            Configuration.set_default(before)
            Configuration.set_default(None)
        # Whatever was interrupted, every grant is alive.
        for merchant in _MERCHANTS:
            try:
                session.refresh(merchant)
            except Exception as error:
                outcome.failures.append("afterwards %s: %r" % (merchant, error))
        session.close()
        outcome.grants_lost = sandbox.counters.grants_lost
        outcome.refreshes = sandbox.counters.refreshes
    return outcome


def _blow(
    outcome: Outcome, seconds: float, threads: int, session: OAuthSession, shared: ApiClient
) -> None:
    default = Configuration()
    deadline = time.monotonic() + seconds
    settings = shared.configuration

    def call_own() -> None:
        merchant = random.choice(_MERCHANTS)
        found = OauthApi(session.api_client(merchant)).oauth_me().merchant_id
        if found != merchant:
            outcome.failures.append("%s got the answer of %s" % (merchant, found))

    def call_shared() -> None:
        found = OauthApi(shared).oauth_me().merchant_id
        if found != _MERCHANTS[0]:
            outcome.failures.append("the shared client got the answer of %s" % found)

    def change_headers() -> None:
        number = random.randrange(100)
        shared.set_default_header("X-Storm-%d" % number, str(number))
        shared.user_agent = "storm/%d" % number
        shared.default_headers.pop("X-Storm-%d" % random.randrange(100), None)

    def change_settings() -> None:
        settings.timeout = random.uniform(20, 60)
        settings.retry_budget = random.uniform(10, 20)
        settings.max_response_size = random.randrange(2**20, 2**25)
        settings.connection_pool_maxsize = random.choice((8, 32))
        settings.api_key_prefix["key-%d" % random.randrange(100)] = "Key"
        settings.api_key_prefix.pop("key-%d" % random.randrange(100), None)
        repr(settings)

    def change_default() -> None:
        Configuration.set_default(random.choice((default, None)))
        ultracart.configuration.api_key_prefix["key-%d" % random.randrange(100)] = "Key"
        copy.deepcopy(ultracart.configuration)
        repr(Configuration())

    steps: list[Callable[[], None]] = [call_own, call_own, call_shared]
    changes: list[Callable[[], None]] = [change_headers, change_settings, change_default]

    def work(number: int) -> None:
        is_change = number % 4 == 3
        step = changes[number // 4 % 3] if is_change else steps[number % 3]
        count = 0
        try:
            while time.monotonic() < deadline:
                try:
                    step()
                    count += 1
                except UnauthorizedException as error:
                    # A token lives one second: a busy machine may bring two in a row too late.
                    if "The access token has expired" not in str(error.body):
                        raise
                if is_change:
                    time.sleep(0.001)  # the calls are what matters
        except Exception as error:
            outcome.failures.append("%s: %r" % (step.__name__, error))
        if is_change:
            outcome.changes += count
        else:
            outcome.calls += count

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    workers = [
        threading.Thread(target=work, args=(number,), daemon=True) for number in range(threads)
    ]
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(max(0.0, deadline - time.monotonic()) + 60)
    finally:
        sys.setswitchinterval(before)
    outcome.hanging = sum(worker.is_alive() for worker in workers)
