"""The generated-style reference and the code say the same, in both directions."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import ultracart
from ultracart import ApiException, Configuration, OauthApi, models
from ultracart.sandbox import Sandbox

from .pages import README, ROOT
from .reference import API_PAGE, OPERATIONS, TWIN, first_line, parameters, with_reference

_SCHEME_HEADERS = {
    "ultraCartBrowserApiKey": "x-ultracart-browser-key",
    "ultraCartOauth": "Authorization",
    "ultraCartSimpleApiKey": "x-ultracart-simple-key",
}


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _section(operation: str) -> str:
    """The part of the API page about one operation."""
    return _text(API_PAGE).partition("# **%s**\n" % operation)[2].partition("\n# **")[0]


def _part(section: str, heading: str) -> str:
    return section.partition("### %s\n" % heading)[2].partition("\n### ")[0]


def _rows(text: str) -> list[list[str]]:
    """Cells of the table rows that open with a bold name; emphasis and links are dropped."""
    rows = [line for line in text.splitlines() if re.match(r"\s*\*\*\w+\*\*\s*\|", line)]
    return [[_plain(cell) for cell in line.split("|")] for line in rows]


def _plain(cell: str) -> str:
    cell = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", cell)
    return cell.replace("**", "").strip()


class Sent(NamedTuple):
    """What an operation really sends, with every credential configured."""

    method: str
    path: str
    headers: dict[str, str]


@pytest.fixture(scope="module")
def sent() -> dict[str, Sent]:
    seen = {}
    with Sandbox() as sandbox:
        configuration = Configuration()
        configuration.host = sandbox.host
        configuration.access_token = "token"
        for header in ("x-ultracart-browser-key", "x-ultracart-simple-key"):
            configuration.api_key[header] = "key"
        with ultracart.ApiClient(configuration) as client:
            for operation in OPERATIONS:
                sandbox.faults.add(status=404)
                own, _ = parameters(operation)
                required = [n for n, p in own.items() if p.default is p.empty]
                with pytest.raises(ApiException):
                    getattr(OauthApi(client), operation)(*required)
                request = sandbox.requests[-1]
                headers = {name.lower(): value for name, value in request.headers}
                seen[operation] = Sent(request.method, request.path, headers)
    return seen


@pytest.mark.parametrize("page", [API_PAGE, README], ids=lambda page: page.name)
def test_table_of_operations(page: Path, sent: dict[str, Sent]) -> None:
    found = re.findall(
        r"\[\*\*(oauth_\w+)\*\*\]\([^)]*OauthApi\.md#(\w+)\) \| \*\*(\w+)\*\* (\S+) \| ",
        _text(page),
    )
    assert {row[0]: row[1:] for row in found} == {
        operation: (operation, sent[operation].method, sent[operation].path)
        for operation in OPERATIONS
    }
    assert len(found) == len(OPERATIONS)


def test_sections_are_the_operations() -> None:
    headings = re.findall(r"^# \*\*(\w+)\*\*$", _text(API_PAGE), re.MULTILINE)
    assert sorted(headings) == OPERATIONS


def test_first_lines_and_arguments_are_generated() -> None:
    """To mend it: python test/documentation/reference.py"""
    assert _text(API_PAGE) == with_reference(_text(API_PAGE))
    for operation in OPERATIONS:
        assert first_line(operation) in _section(operation).splitlines()
        described = _rows(_part(_section(operation), "Parameters"))
        assert [row[0] for row in described] == list(parameters(operation)[0])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_return_type_and_twin(operation: str) -> None:
    answer = inspect.signature(getattr(OauthApi, operation)).return_annotation
    section = _section(operation)
    assert "[**%s**](%s.md)" % (answer, answer) in _part(section, "Return type")
    assert hasattr(OauthApi, operation + TWIN)
    assert "`%s%s`" % (operation, TWIN) in section


@pytest.mark.parametrize("operation", OPERATIONS)
def test_authorization_and_headers(operation: str, sent: dict[str, Sent]) -> None:
    section, headers = _section(operation), sent[operation].headers
    named = set(re.findall(r"\[(\w+)\]\(\.\./README\.md#\1\)", _part(section, "Authorization")))
    assert named == {s for s, header in _SCHEME_HEADERS.items() if header.lower() in headers}
    listed = dict(
        re.findall(r"^ - \*\*([\w-]+)\*\*: (\S+)$", _part(section, "HTTP request headers"), re.M)
    )
    if sent[operation].method == "GET":
        assert listed.pop("Content-Type") == "application/json"  # what a body would be
    assert listed == {
        name: headers[name.lower()] for name in ("Content-Type", "Accept") if name in listed
    }
    assert "Accept" in listed


def test_options_table() -> None:
    rows = _rows(_text(API_PAGE).partition("## Options\n")[2])
    for operation in OPERATIONS:
        assert {row[0] for row in rows} == parameters(operation)[1]


def test_schemes_in_readme() -> None:
    text = _text(README).partition("## Documentation For Authorization")[2]
    assert set(re.findall(r"^### (\w+)$", text, re.MULTILINE)) == set(_SCHEME_HEADERS)
    assert set(Configuration().auth_settings()) == set(_SCHEME_HEADERS)


def test_models_in_readme() -> None:
    text = _text(README).partition("## Documentation For Models")[2].partition("\n## ")[0]
    listed = re.findall(r"^ - \[(\w+)\]\(docs/(\w+)\.md\)$", text, re.MULTILINE)
    assert listed == [(name, name) for name in models.__all__]


@pytest.mark.parametrize("name", models.__all__)
def test_model_page(name: str) -> None:
    page = _text(ROOT / "docs" / (name + ".md"))
    assert page.startswith("# %s\n" % name)
    fields: dict[str, Any] = getattr(models, name).swagger_types
    rows = _rows(page.partition("## Properties\n")[2].partition("\n## ")[0])
    assert [(row[0], row[1]) for row in rows] == [
        (field, "object" if type_.startswith("dict") else type_) for field, type_ in fields.items()
    ]
    assert all(row[3] == "[optional]" for row in rows)
