"""The names that the guides use exist, and the guides leave none out."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ultracart
from ultracart import Configuration, exceptions, oauth, sandbox
from ultracart.oauth.stores import base

from .pages import PAGES, ROOT, relative, tokens

_DOCS = ROOT / "docs"
_CHANGELOG = ROOT / "CHANGELOG.md"
_ERRORS = {
    name: getattr(exceptions, name)
    for name in exceptions.__all__
    if isinstance(getattr(exceptions, name), type)
}
_CLASSES: dict[str, Any] = {
    **{name: getattr(ultracart, name) for name in ultracart.__all__},
    **{name: getattr(oauth, name) for name in oauth.__all__},
    **{name: getattr(sandbox, name) for name in sandbox.__all__},
}
_CODE_HOME = [*(ROOT / "ultracart").rglob("*.py")]


def _code(page: Path) -> Iterator[str]:
    """What a page sets in code type: words in its text, and whole blocks."""
    for token in tokens(page):
        if token.type in ("code_inline", "fence"):
            yield token.content


def _words(page: Path) -> str:
    return "\n".join(_code(page))


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_exceptions_named_exist(page: Path) -> None:
    named = set(re.findall(r"\b[A-Z]\w+(?:Error|Exception)\b", _words(page)))
    builtin = set(dir(__import__("builtins")))
    foreign = {
        "SSLError",
        "SSLCertVerificationError",
        "JSONDecodeError",
        "HTTPError",
        "HTTPException",
    }
    assert named <= set(_ERRORS) | set(_CLASSES) | builtin | foreign


def test_every_exception_is_explained() -> None:
    text = _words(_DOCS / "Errors.md")
    # Names of the official 4.x SDK that nothing raises are listed with what moves over.
    kept = _words(_DOCS / "MovingFromOfficialSdk.md") + _words(_DOCS / "Compatibility.md")
    missing = {name for name in _ERRORS if not re.search(r"\b%s\b" % name, text)}
    assert not {name for name in missing if not re.search(r"\b%s\b" % name, kept)}


def _has(cls: Any, name: str) -> bool:
    if hasattr(cls, name) or name in getattr(cls, "__annotations__", {}):
        return True
    for owner in getattr(cls, "__mro__", ()):
        init = vars(owner).get("__init__")
        if init is not None and inspect.isfunction(init):
            if name in inspect.signature(init).parameters:
                return True
            if re.search(r"self\.%s\b" % name, inspect.getsource(owner)):
                return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_members_named_exist(page: Path) -> None:
    named = set(re.findall(r"(?<![\w.])([A-Z]\w+)\.([a-z]\w*)", _words(page)))
    known = {(owner, name) for owner, name in named if isinstance(_CLASSES.get(owner), type)}
    assert not {pair for pair in known if pair[1] != "md" and not _has(_CLASSES[pair[0]], pair[1])}


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_imports_named_exist(page: Path) -> None:
    named = set(re.findall(r"(?<![\w./-])ultracart\.([A-Za-z_]\w*)", _words(page)))
    modules = {path.stem for path in (ROOT / "ultracart").glob("*") if path.suffix in ("", ".py")}
    mounted = {"ItemApi"}  # of the official SDK: test/compat/test_mount.py knows it
    assert named <= {*ultracart.__all__, *modules, *mounted}


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_environment_variables_named_exist(page: Path) -> None:
    assert _variables([page]) <= _variables(_CODE_HOME) | {"ULTRACART_TEST_OFFICIAL_ENVIRONMENT"}


def test_every_environment_variable_is_explained() -> None:
    assert _variables(_CODE_HOME) <= _variables(_DOCS.glob("*.md"))


def _variables(files: Any) -> set[str]:
    found: set[str] = set()
    for path in files:
        found.update(re.findall(r"\bULTRACART_[A-Z_]+\b", path.read_text(encoding="utf-8")))
    return found


def test_every_setting_is_explained() -> None:
    text = (_DOCS / "Configuration.md").read_text(encoding="utf-8")
    table = text.partition("## Settings\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[0] for line in table.splitlines() if line.startswith("`")]
    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    settings = {name for name in vars(Configuration()) if not name.startswith("_")}
    settings |= {
        name
        for name, member in vars(Configuration).items()
        if isinstance(member, property) and member.fset is not None
    }
    assert listed == settings


def _public_members(cls: Any) -> set[str]:
    members = {name for name in dir(cls) if not name.startswith("_")}
    return members | set(getattr(cls, "__dataclass_fields__", ()))


@pytest.mark.parametrize(
    ("page", "cls"),
    [
        ("OAuthSession.md", oauth.OAuthSession),
        ("OAuthSession.md", oauth.AuthorizationRequest),
        ("TokenStores.md", base.TokenStore),
        ("Sandbox.md", sandbox.Sandbox),
        ("Sandbox.md", sandbox.Counters),
    ],
)
def test_every_member_is_explained(page: str, cls: Any) -> None:
    text = _words(_DOCS / page)
    assert not {name for name in _public_members(cls) if not re.search(r"\b%s\b" % name, text)}


@pytest.mark.parametrize("page", ["OAuthSession.md"])
def test_every_argument_of_a_session_is_explained(page: str) -> None:
    text = _words(_DOCS / page)
    names = set(inspect.signature(oauth.OAuthSession).parameters)
    assert not {name for name in names if not re.search(r"\b%s\b" % name, text)}


def test_every_command_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    from ultracart import cli

    made: list[argparse.ArgumentParser] = []
    construct = argparse.ArgumentParser.__init__

    def note(self: argparse.ArgumentParser, *arguments: Any, **options: Any) -> None:
        construct(self, *arguments, **options)
        made.append(self)

    monkeypatch.setattr(argparse.ArgumentParser, "__init__", note)
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    text = (_DOCS / "CommandLine.md").read_text(encoding="utf-8")
    actions = [action for parser in made for action in parser._actions]
    options = {o for action in actions for o in action.option_strings if o.startswith("--")}
    commands = {name for a in actions if isinstance(a.choices, dict) for name in a.choices}
    assert commands
    missing = {word for word in options | commands if not re.search(r"(?<![\w-])%s\b" % word, text)}
    assert not missing - {"--help"}
