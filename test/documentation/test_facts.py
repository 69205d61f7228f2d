"""The values, trees and tables of the guides are those of the code."""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ultracart
from ultracart import ApiClient, ApiException, Configuration, OauthApi, exceptions, oauth
from ultracart.commands.program import create_parser
from ultracart.configuration import DEFAULT_HOST
from ultracart.oauth import device, token, token_endpoint
from ultracart.oauth.stores import base, engines, sql_locks
from ultracart.sandbox import applications
from ultracart.sandbox.switches import Switches
from ultracart.transport import connection, limits

from .pages import README, ROOT

_DOCS = ROOT / "docs"
_ERRORS = {
    name: getattr(exceptions, name)
    for name in exceptions.__all__
    if isinstance(getattr(exceptions, name), type)
}
#: Names of the official 4.x SDK, which nothing raises; MovingFromOfficialSdk.md lists them.
_NAMES_ONLY = {"ApiAttributeError", "ApiKeyError", "OpenApiException"}
_RAISED = set(_ERRORS) - _NAMES_ONLY


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _section(page: Path, heading: str) -> str:
    text = _text(page)
    assert "\n%s\n" % heading in text, "%s has no section %r" % (page.name, heading)
    return text.partition("\n%s\n" % heading)[2].partition("\n## ")[0]


def _rows(text: str) -> list[list[str]]:
    """The cells of a table's rows that open with code, in either style of tables."""
    lines = [line.strip("| ") for line in text.splitlines()]
    rows = [line for line in lines if line.startswith("`") and " | " in line]
    return [[cell.strip() for cell in line.split(" | ")] for line in rows]


def _code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


# -- Errors.md --------------------------------------------------------------------------------


def _drawn_tree() -> Iterator[tuple[str, str, list[str]]]:
    """Each exception of the drawing: its name, its base's, and the built-in bases beside it."""
    drawing = _section(_DOCS / "Errors.md", "## The tree").split("```")[1]
    above: list[tuple[int, str]] = []
    for line in drawing.splitlines()[1:]:
        depth = len(line) - len(line.lstrip())
        names = re.match(r"((?:[A-Z]\w+ *)+)(?:\((\w+)\))?", line.strip())
        assert names, line
        while above and above[-1][0] >= depth:
            above.pop()
        # Several names in a line are siblings; words of the description are not names.
        found = [name for name in names.group(1).split() if name in _ERRORS]
        assert found, "no exception: " + line
        for name in found:
            yield name, above[-1][1] if above else "Exception", [names.group(2) or ""]
        above.append((depth, found[0]))


def test_tree_of_exceptions() -> None:
    drawn = {name: (parent, *builtin) for name, parent, builtin in _drawn_tree()}
    bases = {name: [b.__name__ for b in _ERRORS[name].__bases__] + [""] for name in _RAISED}
    assert drawn == {name: (names[0], names[1]) for name, names in bases.items()}


def test_every_exception_has_advice() -> None:
    section = _section(_DOCS / "Errors.md", "## What each means, and what to do")
    named = {name for row in _rows(section) for name in _code(row[0])} & set(_ERRORS)
    assert named == _RAISED - {"UltraCartError"}


def test_classes_by_status() -> None:
    drawing = _section(_DOCS / "Errors.md", "## The tree")
    drawn = re.findall(r"^ +(\w+) +(?:(\d{3})|(\d)xx)\b", drawing, re.MULTILINE)
    assert len(drawn) == len(re.findall(r"^    \w+Exception ", drawing, re.MULTILINE))
    for name, status, kind in drawn:
        for code in [int(status)] if status else range(int(kind) * 100, int(kind) * 100 + 5):
            assert exceptions.error_class(code, None).__name__ == name


def test_attributes_of_a_failed_call() -> None:
    rows = _rows(_section(_DOCS / "Errors.md", "## What an ApiException knows"))
    listed = [name for row in rows for name in _code(row[0])]
    has = {name for name in dir(ApiException()) if not name.startswith("_")}
    methods = {name for name in has if callable(getattr(ApiException(), name))}
    assert set(listed) == has - methods - {"args"} | {"__cause__"}


# -- defaults ---------------------------------------------------------------------------------


def _setting_rows() -> list[tuple[str, str]]:
    """Each setting with its default as the page words it; one default serves several names."""
    found = []
    for names, defaults, *_ in _rows(_section(_DOCS / "Configuration.md", "## Settings")):
        words = re.split(r", (?=`|[a-z])", defaults) if "core" not in defaults else [defaults]
        listed = _code(names)
        assert len(words) in (1, len(listed)), names
        found += list(zip(listed, words if len(words) > 1 else words * len(listed)))
    return found


def _default(words: str) -> Any:
    spoken = {
        "empty": "",
        "the system's": None,
        "certifi's": None,
        "32 MiB": 32 * 1024 * 1024,
        "5 for each core, at least 32": max(32, (os.cpu_count() or 1) * 5),
    }
    if words in spoken:
        return spoken[words]
    (code,) = _code(words)
    return code if re.match("https:|%", code) else ast.literal_eval(code)


@pytest.mark.parametrize(("name", "words"), _setting_rows())
def test_default_of_a_setting(name: str, words: str) -> None:
    assert getattr(Configuration(), name) == _default(words)


def test_defaults_of_a_session() -> None:
    parameters = inspect.signature(oauth.OAuthSession).parameters
    rows = {row[0]: row[1] for row in _rows(_section(_DOCS / "OAuthSession.md", "## Arguments"))}
    listed = {name: words for cell, words in rows.items() for name in _code(cell)}
    assert set(listed) == set(parameters)
    for name, parameter in parameters.items():
        told = re.search(r"[Dd]efault:? `?(True|False|[\d.]+)`?$", listed[name])
        plain = isinstance(parameter.default, (bool, int, float))
        assert bool(told) == plain, name
        if told:
            assert ast.literal_eval(told.group(1)) == parameter.default, name


def test_calls_of_a_session() -> None:
    rows = _rows(_section(_DOCS / "OAuthSession.md", "## A script"))
    listed = {
        re.split(r"\W", call.removeprefix("OAuthSession."))[0]
        for row in rows
        for call in _code(row[0])
    } - {"with"}
    assert listed == {name for name in vars(oauth.OAuthSession) if not name.startswith("_")}


def test_switches_of_the_sandbox() -> None:
    rows = {
        _code(row[0])[0]: row[1] for row in _rows(_section(_DOCS / "Sandbox.md", "## Switches"))
    }
    defaults = {name: field.default for name, field in Switches.__dataclass_fields__.items()}
    assert rows.pop("clock") == "`time.time`"
    assert defaults.pop("clock") is not None
    assert {name: ast.literal_eval(_code(cell)[0]) for name, cell in rows.items()} == defaults


_MARGIN = "a tenth of its lifetime, at most %d" % token._MAX_MARGIN
_NUMBERS = "no one two three four five six seven eight nine ten eleven twelve".split()
_POOL_SIZE = sum(engines._POOL.values())
#: What a page says, word for word, with the code's value in it.
CLAIMS = [
    ("Compatibility.md", "`X-UltraCart-Api-Version: %s`", ultracart.api_client.API_VERSION),
    ("CommandLine.md", "X-UltraCart-Api-Version: %s", ultracart.api_client.API_VERSION),
    ("DeviceLogin.md", "(%s seconds by default", _NUMBERS[int(device._DEFAULT_INTERVAL)]),
    ("ManyMerchants.md", "server closes its connection after %d seconds", sql_locks._IDLE_TIMEOUT),
    ("ManyMerchants.md", "opens at most %s", _NUMBERS[_POOL_SIZE]),
    (
        "ManyMerchants.md",
        "connecting takes at most %d seconds, a response %d seconds, a lock %d seconds",
        (
            engines._LIBPQ_OPTIONS["connect_timeout"],
            engines.STATEMENT_TIMEOUT,
            engines.LOCK_STATEMENT_TIMEOUT,
        ),
    ),
    ("Network.md", "The default is `%s`", Configuration().timeout),
    ("Network.md", "have their own timeout, `%s`", token_endpoint._TIMEOUT),
    ("Network.md", "two retries, after %s and %s seconds", limits._RECONNECT_AFTER),
    ("Network.md", "`retry_budget`, %d seconds", Configuration().retry_budget),
    ("OAuthSession.md", "at most %s times", _NUMBERS[token_endpoint.MAX_ATTEMPTS]),
    ("OAuthSession.md", "within %s seconds", _NUMBERS[int(token_endpoint.ATTEMPTS_WITHIN)]),
    ("OAuthSession.md", "%s", _MARGIN),
    ("Security.md", "headers and trailers to %d KiB", connection._MAX_HEADER_BYTES // 1024),
    ("Security.md", "(%d MiB)", Configuration().max_response_size // 2**20),
    ("Servers.md", "may take %d\n  seconds", token_endpoint.ATTEMPTS_WITHIN + 25),
]


@pytest.mark.parametrize(("page", "words", "value"), CLAIMS)
def test_claim(page: str, words: str, value: Any) -> None:
    # A tuple may be one value or several, as the words have places for it.
    several = isinstance(value, tuple) and words.count("%") > 1
    assert words % (value if several else (value,)) in _text(_DOCS / page)


def test_values_that_are_told_in_words() -> None:
    assert (device._SLOW_DOWN, token._MARGIN_SHARE) == (5.0, 0.1)
    assert sum(token_endpoint._TIMEOUT) == 25.0
    base.check_account("a" * 255)
    with pytest.raises(ValueError, match="255"):
        base.check_account("a" * 256)


def test_commands_and_options() -> None:
    (choices,) = [a.choices for a in create_parser()._actions if isinstance(a.choices, dict)]
    has = {
        (command, option): action.default
        for command, parser in choices.items()
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--") and option != "--help"
    }
    told: dict[tuple[str, str], str] = {}
    for option, of, meaning in _rows(_section(_DOCS / "CommandLine.md", "## Options")):
        commands = set(_code(of)) - {"ultracart"}
        if of.startswith("all but"):
            commands = set(choices) - commands
        told.update({(c, _code(option)[0].split()[0]): meaning for c in commands})
    assert set(told) == set(has)
    for (command, option), default in has.items():
        if not isinstance(default, bool) and isinstance(default, (int, float)) and default:
            assert re.search(r"[Dd]efault %d\b" % default, told[command, option])
    listed = [_code(row[0])[0] for row in _rows(_section(_DOCS / "CommandLine.md", "## Commands"))]
    assert listed == list(choices)


# -- README.md --------------------------------------------------------------------------------


def test_extras() -> None:
    """README's table and setup.py's extras, with what each brings."""
    rows = {_code(row[0])[0]: row[2] for row in _rows(_section(README, "## Installation"))}
    setup = _text(ROOT / "setup.py")
    values: dict[str, Any] = {}
    for node in ast.parse(setup).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names = [e for e in ast.walk(node.value) if isinstance(e, ast.Constant)]
            values[node.targets[0].id] = [str(e.value) for e in names]
    extras = dict(
        re.findall(r'"(\w+)": ([A-Z]+)', setup.partition("extras_require=")[2].partition("}")[0])
    )
    assert set(rows) == set(extras)
    for extra, brings in rows.items():
        told = set(re.findall(r"[\w-]+", brings.lower())) - {"all", "of", "these", "and"}
        named = {re.split(r"[<>=\[]", line)[0].lower() for line in values[extras[extra]]}
        assert told == named, extra


def test_map_of_the_package() -> None:
    rows = _rows(_section(README, "## Map of the package"))
    listed = {name.rstrip("/") for row in rows for name in _code(row[0])}
    package = ROOT / "ultracart"
    folders = {path.parent.name for path in package.glob("*/__init__.py")}
    modules = {path.stem for path in package.glob("*.py")} - {"__init__"}
    assert listed == modules | folders


def test_descriptions_of_operations_agree() -> None:
    """README, the API page's table and the first words of the section below it."""
    pattern = r"\[\*\*(oauth_\w+)\*\*\]\([^)]*\) \| \*\*\w+\*\* \S+ \| (.+)$"
    api = _text(_DOCS / "OauthApi.md")
    listed = re.findall(pattern, api, re.MULTILINE)
    assert listed == re.findall(pattern, _text(README), re.MULTILINE)
    for operation, words in listed:
        below = api.partition("# **%s**\n" % operation)[2].splitlines()
        assert below[2] == words


@pytest.mark.parametrize("page", [README, _DOCS / "OauthApi.md"], ids=lambda page: page.name)
def test_base_url(page: Path) -> None:
    assert "\nAll URIs are relative to *%s*" % DEFAULT_HOST in _text(page)


def test_schemes() -> None:
    section = _text(README).partition("## Documentation For Authorization")[2]
    for scheme, setting in Configuration().auth_settings().items():
        told = section.partition("### %s\n" % scheme)[2].partition("\n### ")[0]
        if setting["type"] == "oauth2":
            url = oauth.OAuthSession("a", "http://127.0.0.1/").create_authorization_url().url
            assert "**Authorization URL**: %s\n" % url.partition("?")[0] in told
        else:
            assert "**API key parameter name**: %s\n" % setting["key"] in told
            assert "`configuration.api_key['%s']`" % setting["key"] in told


def test_scopes() -> None:
    told = " ".join(_text(README).partition("`_write` scope:")[2].partition(";")[0].split())
    assert sorted(told.split(", ")) == sorted(applications._FAMILIES)


def test_options_of_operations() -> None:
    parameters = inspect.signature(OauthApi.oauth_me).parameters
    rows = re.findall(
        r"^ \*\*(\w+)\*\* \| (.+?)\| .* \| (.+)$",
        _text(_DOCS / "OauthApi.md").partition("## Options\n")[2],
        re.MULTILINE,
    )
    told = {name: (type_.replace("**", ""), default) for name, type_, default in rows}
    for name, (type_, default) in told.items():
        annotation = str(parameters[name].annotation)
        expected = "float or pair" if annotation == "Timeout" else _plain_type(annotation)
        assert type_ == expected, name
        value = parameters[name].default
        assert ("default to %s]" % value in default) == (value is not None), name


def _plain_type(annotation: str) -> str:
    return annotation.removesuffix(" | None")


def test_every_promise_of_security_names_its_tests() -> None:
    page = _text(_DOCS / "Security.md")
    promises = re.findall(r"^\*\*(.+?)\.\*\*", page.partition("## Not promised")[0], re.MULTILINE)
    table = page.partition("\nPromise | Tests\n")[2].partition("\n\n")[0]
    rows = [line.split(" | ") for line in table.splitlines()[1:]]
    assert [promise for promise, _ in rows] == promises
    assert all(_code(tests) for _, tests in rows)
    missing = {name for name in _code(table) if "/" in name and not (ROOT / "test" / name).exists()}
    assert not missing


def test_every_store_is_in_the_table() -> None:
    rows = _rows(_text(_DOCS / "TokenStores.md").partition("\n```python")[0])
    listed = {re.split(r"\W", _code(row[0])[0])[0] for row in rows}
    assert listed == {n for n in oauth.__all__ if n.endswith("TokenStore")} - {"TokenStore"}


def test_api_version_is_sent() -> None:
    assert ultracart.api_client.API_VERSION in ApiClient().default_headers.values()


def test_performance_page_shows_the_figures_beside_it() -> None:
    sys.path.insert(0, str(ROOT / "test" / "benchmarks"))
    try:
        import report
    finally:
        del sys.path[0]
    figures = json.loads(_text(_DOCS / "images" / "performance.json"))
    known = report.Row._fields
    rows = [report.Row(**{name: row[name] for name in known}) for row in figures["rows"]]
    page = _text(_DOCS / "Performance.md")
    assert report.table(rows, list(figures["versions"])) in page
    for name, version in figures["versions"].items():
        assert "%s %s" % (name, version) in page
