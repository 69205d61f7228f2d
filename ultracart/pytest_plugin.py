"""Decides what pytest offers to users' tests: the fixture ``ultracart_sandbox``.

It stands beside the sandbox and not inside it, because pytest imports every installed plugin:
without the extra ``sandbox`` a test run must fail only where the fixture is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .sandbox import Sandbox


@pytest.fixture
def ultracart_sandbox_options() -> dict[str, Any]:
    """Keyword arguments for the sandbox; override this fixture to change them for many tests."""
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
    from .sandbox import Sandbox

    options = dict(ultracart_sandbox_options)
    for mark in reversed(list(request.node.iter_markers("ultracart_sandbox"))):
        if mark.args:
            raise TypeError("the mark ultracart_sandbox takes keyword arguments, as Sandbox does")
        options.update(mark.kwargs)
    with Sandbox(**options) as sandbox:
        yield sandbox


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark ``ultracart_sandbox`` known."""
    config.addinivalue_line(
        "markers", "ultracart_sandbox(**switches): arguments of this test's UltraCart sandbox"
    )
