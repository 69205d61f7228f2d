"""What is measured and in which order: ``python test/benchmarks [--quick] [--json FILE]``.

Libraries take turns in short rounds, each in a process of its own; the figures are medians, and
the ratios medians of the ratios within a round, so that a noisy machine disturbs both sides alike.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import distributions
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

import startup
from report import Row, as_json, plot, table

HERE = Path(__file__).parent
YARDSTICK = "urllib3"
# The others have no models: they give the decoded JSON.
READING_MODELS = ("urllib3", "generated", "generated4")
OWN = "ultracart"
# Measured where they are installed and asked for: their kinds, and their names in the table.
PEERS = {"authlib": "Authlib", "requests-oauthlib": "requests-oauthlib"}


# What packages are called, where that is not the name of their kind.
DISTRIBUTIONS = {"generated": OWN, "generated4": OWN}


class Library:
    """A measured library: its entry in ``libraries.LIBRARIES`` and where to import it from."""

    def __init__(self, name: str, kind: str, path: str | None = None) -> None:
        self.name = name
        self.kind = kind
        self.path = path

    def worker(self, host: str, ca_file: str) -> Worker:
        environment = startup.environment()
        if self.path is not None:
            environment["PYTHONPATH"] = self.path
        return Worker([self.kind, host, ca_file], environment)

    def version(self) -> str:
        """The version that is measured, as its package says it."""
        path = sys.path if self.path is None else [self.path]
        name = DISTRIBUTIONS.get(self.kind, self.kind)
        names = (name,) if self.path is None else ("ultracart-rest-sdk", name)
        found = (d for n in names for d in distributions(name=n, path=path))
        return next((distribution.version for distribution in found), "unknown")


class Worker:
    """A ``worker.py`` process."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        command = [sys.executable, str(HERE / "worker.py"), *arguments]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def do(self, what: str, calls: int = 1) -> dict[str, float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": what, "calls": calls}) + "\n")
        self._process.stdin.flush()
        result: dict[str, float] = json.loads(self._process.stdout.readline())
        return result

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


class Benchmark:
    def __init__(self, server: dict[str, Any], libraries: list[Library], quick: bool) -> None:
        self._server = server
        self._libraries = libraries
        self._quick = quick

    def host(self, scheme: str) -> str:
        return "%s://127.0.0.1:%d/rest/v2" % (scheme, self._server[scheme])

    def stats(self) -> dict[str, int]:
        with urlopen(self.host("http").replace("/rest/v2", "/stats")) as answer:
            found: dict[str, int] = json.load(answer)
        return found

    def rounds(self, full: int, quick: int) -> int:
        return quick if self._quick else full

    def calls(
        self, name: str, what: str, scheme: str, calls: int, rounds: int, must: float, aim: float
    ) -> Row:
        """CPU for each call, of libraries that take turns."""
        samples: dict[str, list[float]] = {}
        opened = handshakes = 0
        with ExitStack() as stack:
            workers = {
                library.name: stack.enter_context(
                    library.worker(self.host(scheme), self._server["ca"])
                )
                for library in self._libraries
            }
            for name_, worker in workers.items():
                before = self.stats()
                worker.do(what, calls)
                if name_ == OWN:
                    after = self.stats()
                    opened = after["connections"] - before["connections"]
                    handshakes = after["handshakes"] - before["handshakes"]
            for number in range(rounds):
                order = list(workers.items())
                for name_, worker in order if number % 2 else reversed(order):
                    samples.setdefault(name_, []).append(worker.do(what, calls)["cpu"])
        note = "%d connections for %d calls" % (opened, calls)
        if scheme == "https":
            note = "%d handshakes for %d calls" % (handshakes, calls)
        return row(name, "us", samples, must, aim, note=note)

    def models(self) -> Row:
        samples: dict[str, list[float]] = {}
        with ExitStack() as stack:
            workers = {
                library.name: stack.enter_context(library.worker("http://127.0.0.1:1", "none"))
                for library in self._libraries
                if library.kind in READING_MODELS
            }
            for _ in range(self.rounds(15, 5)):
                for name, worker in workers.items():
                    samples.setdefault(name, []).append(worker.do("models")["cpu"] / 1e3)
        found = row("list of 10,000 models", "ms", samples, 3.5, 2.5)
        return found._replace(note="urllib3: json.loads alone")

    def start(self) -> list[Row]:
        """Import, touch and cold start."""
        number = self.rounds(15, 3)
        imports: dict[str, list[float]] = {}
        touches: dict[str, list[float]] = {}
        cold: dict[str, list[float]] = {}
        modules: dict[str, float] = {}
        for _ in range(number):
            for library in self._libraries:
                own = library.name == OWN
                cost = startup.statement_cost(startup.import_statement(library.kind), library.path)
                imports.setdefault(library.name, []).append(cost["ms"])
                touch = startup.touch_statement(library.kind, own)
                cost = startup.statement_cost(touch, library.path)
                touches.setdefault(library.name, []).append(cost["ms"])
                if own:
                    modules = cost
        # Single samples scatter by a tenth, and this bound is a matter of hundredths.
        closely = [library for library in self._libraries if library.name in (YARDSTICK, OWN)]
        for libraries in [self._libraries] * (number * 2) + [closely] * self.rounds(90, 6):
            for library in libraries:
                host, ca = self.host("https"), self._server["ca"]
                cost = startup.first_token(library.kind, host, ca, library.path)
                cold.setdefault(library.name, []).append(cost["cpu"])
        note = "urllib3 %sloaded, %d modules" % (
            "" if modules["urllib3"] else "not ",
            modules["modules"],
        )
        return [
            row("import", "ms", imports, 3, 1, in_units=True),
            row("import and touch", "ms", touches, 14, 10, in_units=True, note=note),
            row("cold start to first token, https", "ms", cold, 1.12, 1.08),
        ]

    def commands(self) -> list[Row]:
        """What the command line takes before it does anything."""
        rows = []
        with TemporaryDirectory() as home:
            startup.store_login(home)
            for arguments, must in ((["--help"], 100), (["token"], 200)):
                samples = [startup.command(arguments, home) for _ in range(self.rounds(15, 5))]
                name = "ultracart " + " ".join(arguments)
                rows.append(_grown(name, "ms", median(samples), must, "CPU of the whole process"))
        return rows

    def growth(self) -> list[Row]:
        """What stays after many clients, and after many calls on one."""
        own = next(library for library in self._libraries if library.name == OWN)
        rows = []
        with own.worker(self.host("http"), self._server["ca"]) as worker:
            grown = worker.do("grow", 2000)
        note = "threads %(threads)+d, fds %(descriptors)+d, handlers %(handlers)+d" % grown
        rows.append(_grown("growth after 2,000 clients", "KiB", grown["traced"] / 1024, 100, note))
        calls = self.rounds(50_000, 20_000)  # memory comes in pages of 4 KiB
        with own.worker(self.host("http"), self._server["ca"]) as worker:
            grown = worker.do("soak", calls)
        kept = grown["resident"] / calls * 1000
        note = "resident memory, %d calls on one client" % calls
        rows.append(_grown("soak, growth for 1,000 calls", "B", kept, 600, note))
        before = self.stats()["connections"]
        with own.worker(self.host("http"), self._server["ca"]) as worker:
            spent = worker.do("clients", 10_000)
        opened = self.stats()["connections"] - before
        note = "%.0f us for making one and its call" % spent["cpu"]
        rows.append(_grown("10,000 session clients", "connections", opened, 1, note))
        return rows

    def run(self) -> Iterator[Row]:
        yield from self.start()
        yield from self.commands()
        rounds = self.rounds(60, 8)
        yield self.calls("warm call, http", "warm", "http", 200, rounds, 1.0, 0.9)
        yield self.calls("warm call, TLS", "warm", "https", 200, rounds, 1.0, 0.9)
        threads = self.rounds(30, 2)
        yield self.calls("16 threads, one client", "threads", "http", 800, threads, 1.0, 0.9)
        name, calls, fresh = "fresh client for each call", self.rounds(2000, 500), self.rounds(9, 2)
        yield self.calls(name + ", http", "fresh", "http", calls, fresh, 0.8, 0.6)
        calls, fresh = self.rounds(200, 50), self.rounds(3, 1)
        yield self.calls(name + ", TLS", "fresh", "https", calls, fresh, 0.03, 0.02)
        yield self.models()
        yield from self.growth()


def row(
    name: str,
    unit: str,
    samples: dict[str, list[float]],
    must: float,
    aim: float,
    in_units: bool = False,
    note: str = "",
) -> Row:
    raw = samples[YARDSTICK]
    ratios = {k: median(x / y for x, y in zip(v, raw)) for k, v in samples.items()}
    values = {k: median(v) for k, v in samples.items()}
    return Row(name, unit, values, ratios, must, aim, in_units, note)


def _grown(name: str, unit: str, value: float, must: float, note: str) -> Row:
    return Row(name, unit, {OWN: value}, {}, must, must, True, note)


@contextmanager
def running_server() -> Iterator[dict[str, Any]]:
    process = subprocess.Popen(
        [sys.executable, str(HERE / "server.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.communicate()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python test/benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of all: about a minute")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--plot", type=Path, help="draw the figures into this SVG file")
    for peer in PEERS:
        parser.add_argument("--" + peer, action="store_true", help="measure %s too" % PEERS[peer])
    parser.add_argument(
        "--official",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="measure the official SDK that `pip install --target FOLDER` installed, as NAME",
    )
    options = parser.parse_args()
    libraries = [Library(YARDSTICK, YARDSTICK), Library(OWN, "generated")]
    for named in options.official:
        name, _, folder = named.partition("=")
        # 4.x has modules of its own for the API classes.
        kind = "generated4" if (Path(folder) / "ultracart" / "apis").exists() else "generated"
        libraries.append(Library(name, kind, folder))
    for peer, name in PEERS.items():
        if getattr(options, peer.replace("-", "_")):
            libraries.append(Library(name, peer))
    rows = []
    with running_server() as server:
        for found in Benchmark(server, libraries, options.quick).run():
            rows.append(found)
            print(found.name, file=sys.stderr, flush=True)
    versions = {library.name: library.version() for library in libraries}
    print(table(rows, list(versions)))
    print(
        "\nPython %s; %s." % (platform.python_version(), ", ".join(map(" ".join, versions.items())))
    )
    figures: dict[str, Any] = {
        "python": platform.python_version(),
        "versions": versions,
        "rows": as_json(rows),
    }
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if options.plot is not None:
        plot(figures["rows"], options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
