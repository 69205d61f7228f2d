"""What importing the package costs: nothing but itself, until a name is used."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import ultracart

HOME = str(Path(ultracart.__file__).parents[1])
# Dear to import, and needed by a call at the earliest.
DEAR = {
    "asyncio",
    "certifi",
    "concurrent",
    "dataclasses",
    "dateutil",
    "email",
    "http",
    "logging",
    "multiprocessing",
    "socket",
    "sqlite3",
    "ssl",
    "threading",
    "urllib3",
}
CLIENT = (
    "ultracart.Configuration(), ultracart.ApiClient(), ultracart.OauthApi(),"
    " ultracart.ApiException, ultracart.OauthTokenResponse, ultracart.configuration.host"
)


def loaded_by(code: str, *options: str) -> set[str]:
    """The modules that ``code`` adds to a fresh interpreter."""
    script = (
        "import sys; sys.path.insert(0, %r); before = set(sys.modules);"
        "import ultracart; %s; print('\\n'.join(set(sys.modules) - before))" % (HOME, code)
    )
    ran = subprocess.run(
        [sys.executable, "-I", *options, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return set(ran.stdout.split())


def test_importing_the_package_loads_only_itself_and_its_version() -> None:
    # -S leaves site-packages out, so that nothing is loaded beforehand.
    assert loaded_by("pass", "-S") <= {"__future__", "ultracart", "ultracart.version"}


def test_the_client_is_ready_before_anything_dear_is_loaded() -> None:
    loaded = loaded_by(CLIENT)
    assert "ultracart.api.oauth_api" in loaded
    assert {name.partition(".")[0] for name in loaded} & DEAR == set()


def test_a_module_of_the_transport_is_seen_when_it_is_loaded() -> None:
    assert {"urllib3", "ssl"} <= loaded_by("import ultracart.rest")


def test_sessions_load_no_database_before_a_store_is_named() -> None:
    loaded = loaded_by("from ultracart.oauth import OAuthSession, MemoryTokenStore")
    assert loaded & {"sqlite3", "sqlalchemy", "urllib3"} == set()


@pytest.mark.parametrize("name", ["ultracart", "ultracart.models", "ultracart.oauth"])
def test_each_lazy_package_lists_its_names_sorted_and_gives_each(name: str) -> None:
    package = importlib.import_module(name)
    assert list(package.__all__) == sorted(set(package.__all__))
    assert set(package.__all__) <= set(dir(package))
    for public in package.__all__:
        assert getattr(package, public) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        package.nonsense  # noqa: B018 (the access is the test)
