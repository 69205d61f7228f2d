"""What using the package loads: next to nothing, and never an extra unasked."""

from __future__ import annotations

import json
import subprocess
import sys

from .source import MODULES

_TOUCH = """
configuration = ultracart.configuration
for name in ultracart.__all__:
    getattr(ultracart, name)
ultracart.OauthApi(ultracart.ApiClient(ultracart.Configuration()))
"""
# A finder that hides every package that ``pip install ultracart`` does not bring.
_ONLY_RUNTIME = """
import sys
class Hide:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {"flask", "authlib", "werkzeug", "sqlalchemy", "pytest"}:
            raise ModuleNotFoundError("No module named %r" % name, name=name)
sys.meta_path.insert(0, Hide)
"""


def _loaded_by(code: str) -> set[str]:
    script = "import sys, json; before = set(sys.modules)\n%s\n" % code
    script += "print(json.dumps(sorted(set(sys.modules) - before)))"
    return set(json.loads(_run(script)))


def _run(script: str) -> str:
    # -I: neither this directory nor PYTHONPATH, so it is the installed package that is loaded.
    return subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def test_import_loads_two_modules() -> None:
    assert _loaded_by("import ultracart") - {"__future__"} == {"ultracart", "ultracart.version"}


def test_typing_is_imported_plainly_below_the_lazy_roots() -> None:
    by_hand = {
        module
        for module, path in MODULES.items()
        if "TYPE_CHECKING = False" in path.read_text(encoding="utf-8")
    }
    assert by_hand <= {"ultracart", "ultracart.oauth", "ultracart.cli"}


def test_public_names_load_neither_transport_nor_logging() -> None:
    loaded = _loaded_by("import ultracart\n" + _TOUCH)
    costly = """
        asyncio certifi concurrent dataclasses dateutil email http inspect logging socket sqlite3
        ssl subprocess tempfile threading urllib3
    """
    assert not {name.partition(".")[0] for name in loaded} & set(costly.split())
    own = {name for name in loaded if name.startswith("ultracart.")}
    assert not {"ultracart.rest", "ultracart.sandbox", "ultracart.oauth"} & own


def test_sessions_load_no_database_before_a_store_is_named() -> None:
    loaded = _loaded_by("from ultracart.oauth import MemoryTokenStore, OAuthSession")
    assert not {name.partition(".")[0] for name in loaded} & {"sqlite3", "sqlalchemy", "urllib3"}


def test_a_call_loads_the_transport() -> None:
    """The tests above would prove nothing if no module were ever listed."""
    loaded = _loaded_by("import ultracart.rest, ultracart.api, ultracart.models.model")
    assert {"urllib3", "ultracart.rest"} <= loaded


def test_everything_but_the_extras_works_without_them() -> None:
    _run(_ONLY_RUNTIME + "import ultracart, ultracart.cli, ultracart.oauth\n" + _TOUCH)
    _run(_ONLY_RUNTIME + "from ultracart.oauth import OAuthSession, SQLiteTokenStore")


def test_missing_libraries_are_named() -> None:
    cases = {
        "import ultracart.sandbox": "python -m pip install 'Flask<4' 'Authlib<2'",
        "from ultracart.sandbox import Sandbox": "python -m pip install 'Flask<4' 'Authlib<2'",
        "from ultracart.oauth import SQLAlchemyTokenStore": "python -m pip install 'SQLAlchemy<3'",
    }
    for statement, remedy in cases.items():
        script = "try:\n    %s\nexcept ImportError as error:\n    print(error)" % statement
        assert remedy in _run(_ONLY_RUNTIME + script), statement
