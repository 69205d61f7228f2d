"""The pytest plugin: the fixtures ``ultracart_sandbox``, ``..._module`` and ``..._session``.

pytest imports every installed plugin, so this module is not part of the sandbox package: without
the extra ``sandbox``, only tests that use a fixture may fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .sandbox import Sandbox

_MARK = "ultracart_sandbox"


@pytest.fixture
def ultracart_sandbox_options() -> dict[str, Any]:
    """Keyword arguments of ``ultracart_sandbox``; override this fixture to change them."""
    return {}


@pytest.fixture(scope="module")
def ultracart_sandbox_module_options() -> dict[str, Any]:
    """Keyword arguments of ``ultracart_sandbox_module``; override this fixture to change them."""
    return {}


@pytest.fixture(scope="session")
def ultracart_sandbox_session_options() -> dict[str, Any]:
    """Keyword arguments of ``ultracart_sandbox_session``; override this fixture to change them."""
    return {}


@pytest.fixture
def ultracart_sandbox(
    request: pytest.FixtureRequest, ultracart_sandbox_options: dict[str, Any]
) -> Iterator[Sandbox]:
    """A fresh UltraCart OAuth server for one test, closed when the test ends.

    Its arguments come from the fixture ``ultracart_sandbox_options`` and, for one test, from the
    mark ``@pytest.mark.ultracart_sandbox(access_token_lifetime=60)``, which wins; of several marks
    the one nearest to the test.
    """
    with _serve(request, ultracart_sandbox_options) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def ultracart_sandbox_module(
    request: pytest.FixtureRequest, ultracart_sandbox_module_options: dict[str, Any]
) -> Iterator[Sandbox]:
    """One UltraCart OAuth server for all tests of a module.

    Its arguments come from the fixture ``ultracart_sandbox_module_options`` and from the mark in
    the module's ``pytestmark``, which wins. ``Sandbox.reset()`` forgets what a test has left.
    """
    with _serve(request, ultracart_sandbox_module_options) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def ultracart_sandbox_session(
    request: pytest.FixtureRequest, ultracart_sandbox_session_options: dict[str, Any]
) -> Iterator[Sandbox]:
    """One UltraCart OAuth server for the whole test run, for applications that read its address
    when they are imported.

    Its arguments come from the fixture ``ultracart_sandbox_session_options``.
    ``Sandbox.reset()`` forgets what a test has left.
    """
    with _serve(request, ultracart_sandbox_session_options) as sandbox:
        yield sandbox


@contextmanager
def _serve(request: pytest.FixtureRequest, fixture_options: dict[str, Any]) -> Iterator[Sandbox]:
    from .sandbox import Sandbox

    options = dict(fixture_options)
    for mark in reversed(list(request.node.iter_markers(_MARK))):
        if mark.args:
            raise TypeError("the mark ultracart_sandbox takes keyword arguments, as Sandbox does")
        options.update(mark.kwargs)
    with Sandbox(**options) as sandbox:
        yield sandbox


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark ``ultracart_sandbox`` known."""
    config.addinivalue_line(
        "markers", f"{_MARK}(**switches): arguments of this test's UltraCart sandbox"
    )
