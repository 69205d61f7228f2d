"""Decides what using the package loads: next to nothing, and never an extra unasked."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys

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


def _run(script: str, **environment: str) -> str:
    # -I: neither this directory nor PYTHONPATH, so it is the installed package that is loaded.
    return subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", script],
        env=environment or None,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def test_import_loads_two_modules() -> None:
    assert _loaded_by("import ultracart") - {"__future__"} == {"ultracart", "ultracart.version"}


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
    # Not what only a refused call, a session or code for another SDK needs.
    assert {name for name in loaded if name.startswith("ultracart.exceptions.")} == set()


def test_everything_but_the_extras_works_without_them() -> None:
    _run(_ONLY_RUNTIME + "import ultracart, ultracart.cli, ultracart.oauth\n" + _TOUCH)
    _run(_ONLY_RUNTIME + "from ultracart.oauth import OAuthSession, SQLiteTokenStore")


def test_missing_extra_is_named() -> None:
    cases = {
        "import ultracart.sandbox": "ultracart[sandbox]",
        "from ultracart.sandbox import Sandbox": "ultracart[sandbox]",
        "from ultracart.oauth import SQLAlchemyTokenStore": "ultracart[sql]",
    }
    for statement, remedy in cases.items():
        script = "try:\n    %s\nexcept ImportError as error:\n    print(error)" % statement
        assert remedy in _run(_ONLY_RUNTIME + script), statement


def test_what_python_keeps_to_its_end_keeps_no_module() -> None:
    """Else all of them end late, and its collector walks them once more: 1 ms for each process."""
    kept = _run(
        """
import gc, os, sys
hooks = []
register = getattr(os, "register_at_fork", None)
if register is not None:
    os.register_at_fork = lambda **given: hooks.extend(given.values())
import ultracart.rest, ultracart.oauth
os.register_at_fork = register
hooks = [hook for hook in hooks if hook.__module__.startswith("ultracart.")]
# What Python empties before.
seen = set(map(id, [sys.modules, sys.meta_path, sys.path_hooks, sys.path_importer_cache]))
found = list(hooks)
while found:
    one = found.pop()
    if id(one) not in seen:
        seen.add(id(one))
        found.extend(gc.get_referents(one))
print(len(hooks), sorted(name for name, module in sys.modules.items()
    if name.startswith(("ultracart", "urllib3.connection")) and id(vars(module)) in seen))
""",
        # A measurement of coverage that follows into this process refers to all that it measures.
        **{name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")},
    ).split(None, 1)
    hooks = int(kept[0])
    assert (hooks > 0) == hasattr(os, "fork")
    assert ast.literal_eval(kept[1]) == (["ultracart.forks"] if hooks else [])
