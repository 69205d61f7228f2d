"""A simulated day of a fleet: how many requests UltraCart gets, and how many are due.

``python test/oauth/fleet_day.py`` runs it at full size, some ten minutes long: 10,000 merchants, 8
processes, tokens of an hour, and one merchant in a hundred whose grant has ended before it begins.
Exit status 1 when it takes more than 1.05 times what is due. test_requests_due.py runs it small.
"""

from __future__ import annotations

import argparse
import json
import random
import socketserver
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from ultracart import Configuration
from ultracart.exceptions import ReauthorizationRequired
from ultracart.oauth import MemoryTokenStore, OAuthSession, Token, TokenStore

LIFETIME = 3600
STEP = 60  # seconds; in each, a merchant is used once on average, by one of the processes
MOST = 1.05


class CountingEndpoint(socketserver.ThreadingTCPServer):
    """A token endpoint that counts, and rotates refresh tokens: each works once.

    The sandbox would take hours: it records, and shows, each of a quarter of a million requests.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.valid: set[str] = set()
        self.requests = self.refreshes = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def host(self) -> str:
        return "http://127.0.0.1:%d" % self.server_address[1]

    def answer(self, refresh_token: str) -> tuple[int, dict[str, Any]]:
        self.requests += 1
        if refresh_token not in self.valid:
            return 400, {"error": "invalid_grant"}
        self.refreshes += 1
        self.valid.remove(refresh_token)
        account, _, number = refresh_token.rpartition(".")
        successor = "%s.%d" % (account, int(number) + 1)
        self.valid.add(successor)
        return 200, {
            "access_token": "access-" + successor,
            "refresh_token": successor,
            "token_type": "bearer",
            "expires_in": LIFETIME,
        }


class _Connection(socketserver.StreamRequestHandler):
    server: CountingEndpoint

    def handle(self) -> None:
        while self.rfile.readline():
            length = 0
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            form = self.rfile.read(length).decode()
            fields = dict(pair.split("=", 1) for pair in form.split("&"))
            status, body = self.server.answer(fields["refresh_token"])
            data = json.dumps(body).encode()
            head = "HTTP/1.1 %d x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            self.wfile.write((head % (status, len(data))).encode() + data)


class OneProcess(TokenStore):
    """What one process sees of the fleet's store: the tokens, and nothing else, are shared."""

    def __init__(self, shared: TokenStore) -> None:
        self._shared = shared

    def load(self, account: str) -> Token | None:
        return self._shared.load(account)

    def save(self, account: str, token: Token) -> None:
        self._shared.save(account, token)

    def delete(self, account: str) -> None:
        self._shared.delete(account)

    def accounts(self) -> Any:
        return self._shared.accounts()

    def lock(self, account: str, *, blocking: bool = True) -> Any:
        return self._shared.lock(account, blocking=blocking)


class _Time:
    """Unix time and monotonic time that pass when told."""

    def __init__(self) -> None:
        self.start = self.now = 1_800_000_000.0

    def clock(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now - self.start

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Figures:
    """What came out of it."""

    due: int
    requests: int
    refreshes: int
    calls: int
    refused: int
    lost: set[str] = field(default_factory=set)

    @property
    def share(self) -> float:
        """Requests to UltraCart in relation to what is due."""
        return self.requests / self.due


def run_day(
    merchants: int = 10_000, processes: int = 8, hours: int = 24, dead_share: float = 0.01
) -> Figures:
    """So many hours of the fleet: one refresh an hour is due of each merchant that lives."""
    time_, choice = _Time(), random.Random(1)
    dead = max(1, round(merchants * dead_share))
    accounts = ["merchant-%d" % number for number in range(merchants)]
    shared: Any = MemoryTokenStore()
    endpoint = CountingEndpoint()
    for number, account in enumerate(accounts):
        # Issued at different moments, and the dead have expired.
        issued = time_.now - choice.uniform(0, LIFETIME) - LIFETIME * (number < dead)
        shared.save(
            account,
            Token(
                "access", account + ".0", issued + LIFETIME, issued_at=issued, merchant_id=account
            ),
        )
        if number >= dead:
            endpoint.valid.add(account + ".0")
    configuration = Configuration(host=endpoint.host)
    sessions = [
        OAuthSession(
            "fleet",
            token_store=OneProcess(shared),
            configuration=configuration,
            clock=time_.clock,
            monotonic=time_.monotonic,
            sleep=time_.sleep,
        )
        for _ in range(processes)
    ]
    figures = Figures((merchants - dead) * hours * 3600 // LIFETIME, 0, 0, 0, 0)
    gone = set(accounts[:dead])
    for _ in range(hours * 3600 // STEP):
        for account in choice.choices(accounts, k=merchants):
            figures.calls += 1
            try:
                choice.choice(sessions).access_token(account)
            except ReauthorizationRequired:
                figures.refused += 1
                if account not in gone:
                    figures.lost.add(account)
        time_.now += STEP
    for session in sessions:
        session.close()
    endpoint.shutdown()
    endpoint.server_close()
    figures.requests, figures.refreshes = endpoint.requests, endpoint.refreshes
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--merchants", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--hours", type=int, default=24)
    options = parser.parse_args()
    began = time.monotonic()
    figures = run_day(options.merchants, options.processes, options.hours)
    print(
        "%d merchants, %d processes, %d hours: %d calls, %d refused; due %d, requests %d"
        " (%.4f x), refreshes %d, lost %d; %.0f s"
        % (
            options.merchants,
            options.processes,
            options.hours,
            figures.calls,
            figures.refused,
            figures.due,
            figures.requests,
            figures.share,
            figures.refreshes,
            len(figures.lost),
            time.monotonic() - began,
        )
    )
    return int(figures.share > MOST or bool(figures.lost))


if __name__ == "__main__":
    sys.exit(main())
