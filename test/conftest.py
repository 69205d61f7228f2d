"""What every test may rely on: loopback only, a clean environment, a sandbox."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from types import FrameType

import loopback_only
import pytest

from ultracart.rest import RESTClientObject
from ultracart.sandbox import Sandbox

# What a developer's machine may say to the tools under test, beside ULTRACART_* and proxies.
_FOREIGN_SETTINGS = frozenset(
    """
    BROWSER COLUMNS FORCE_COLOR LINES NO_COLOR NETRC PYTHONWARNINGS REQUESTS_CA_BUNDLE
    SSL_CERT_DIR SSL_CERT_FILE CURL_CA_BUNDLE XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME
    """.split()
)
_HOME = pytest.StashKey[str]()
_OUTSIDE = dict(os.environ)
_ctrl_c_came = False


def _on_ctrl_c(number: int, frame: FrameType | None) -> None:
    global _ctrl_c_came
    _ctrl_c_came = True
    signal.default_int_handler(number, frame)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def _keep_interrupts() -> Generator[None, object, object]:
    """Fails a test that let an interrupt of its own go: pytest would take it for a Ctrl-C."""
    try:
        return (yield)
    except KeyboardInterrupt as error:
        if _ctrl_c_came:
            raise
        raise AssertionError("an interrupt of the test's own got out of it") from error


pytest_runtest_setup = pytest_runtest_call = pytest_runtest_teardown = _keep_interrupts


def pytest_configure(config: pytest.Config) -> None:
    loopback_only.install()
    # A shell's background jobs ignore Ctrl-C, and so would every process that tests interrupt.
    signal.signal(signal.SIGINT, _on_ctrl_c)
    for name in list(os.environ):
        foreign = name.startswith("ULTRACART_") and not name.startswith("ULTRACART_TEST_")
        if foreign or name.lower().endswith("_proxy") or name in _FOREIGN_SETTINGS:
            del os.environ[name]
    # The command line keeps tokens below the home directory: never in the developer's own.
    home = config.stash[_HOME] = tempfile.mkdtemp(prefix="ultracart-home-")
    os.environ["HOME"] = os.environ["USERPROFILE"] = home
    os.environ["PYTHONPATH"] = str(Path(__file__).parent / "loopback_only")


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(config.stash[_HOME], ignore_errors=True)


@pytest.fixture(scope="session")
def outside_environment() -> dict[str, str]:
    """The environment before it was cleaned, for what must download packages."""
    return dict(_OUTSIDE)


@pytest.fixture(autouse=True)
def loopback_alone() -> Iterator[None]:
    """Fails a test that tried to leave the machine, also where an ``except`` hid it."""
    del loopback_only.refused[:]
    yield
    assert not loopback_only.refused, "tried to reach %s" % loopback_only.refused


@pytest.fixture(autouse=True)
def fresh_global_configuration() -> Iterator[None]:
    """No setting of the one global Configuration outlives a test."""
    yield
    module = sys.modules.get("ultracart.configuration")
    if module is not None:
        module.global_configuration.debug = False
        module.global_configuration.logger_file = None
        module.Configuration.set_default(None)


@pytest.fixture
def collection_paused() -> Iterator[None]:
    """For data nested so deep that reading it exhausts the stack.

    A collection in the midst of that finalizes the garbage of other tests where no frame is left
    for it, which pytest counts against the test that happens to run.
    """
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is repeated is repeated at once."""
    defaults = {"sleep": lambda seconds: None}
    monkeypatch.setattr(RESTClientObject.__init__, "__kwdefaults__", defaults)


class ClockOfLimits:
    """The clock of the time limits, which a test sets ahead instead of waiting."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def clock_of_limits(monkeypatch: pytest.MonkeyPatch) -> ClockOfLimits:
    clock = ClockOfLimits()
    for module in ("downloads", "transport.limits"):
        monkeypatch.setattr("ultracart.%s.monotonic" % module, clock)
    return clock


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A fresh UltraCart OAuth server."""
    with Sandbox() as running:
        yield running
