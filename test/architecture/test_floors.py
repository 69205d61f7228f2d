"""The floors of the package hold: who may import whom, from the syntax of every source file."""

from __future__ import annotations

import sys
from graphlib import TopologicalSorter

import pytest

from .floors import INSIDE_FUNCTIONS, MAY_IMPORT, THIRD_PARTY
from .imports import Import, imports, modules

IMPORTS = imports()
OWN = [item for item in IMPORTS if item.own]
OUTSIDE = [item for item in IMPORTS if not item.own]


def entry_of(module: str, table: dict[str, str]) -> str:
    """The table's entry for ``module``: its own name, else the pattern of the nearest package."""
    if module in table:
        return module
    package = module
    while package:
        if package + ".*" in table:
            return package + ".*"
        package = package.rpartition(".")[0]
    return ""


def lines(found: list[Import]) -> list[str]:
    return ["ultracart.%s line %d imports %s" % (i.importer, i.line, i.name) for i in found]


def test_the_reader_sees_the_imports_that_matter() -> None:
    seen = {(item.importer, item.name) for item in OWN}
    assert ("api_client", "rest") in seen
    assert ("rest", "transport.pools") in seen
    assert ("api.oauth_api", "api_client") in seen
    assert ("rest", "urllib3") in {(item.importer, item.name) for item in OUTSIDE}


def test_each_entry_names_only_entries_above_it() -> None:
    above: set[str] = set()
    for entry, allowed in MAY_IMPORT.items():
        assert set(allowed.split()) <= above, entry
        above.add(entry)


def test_each_module_has_a_floor() -> None:
    without = [m for m in modules() if m and not entry_of(m, MAY_IMPORT)]
    assert without == [], "give each a place in test/architecture/floors.py"


def test_each_entry_has_a_module() -> None:
    used = {entry_of(module, MAY_IMPORT) for module in modules()}
    assert sorted(set(MAY_IMPORT) - used) == []


def test_a_module_imports_only_from_floors_above_it() -> None:
    wrong = []
    for item in OWN:
        entry, target = (entry_of(m, MAY_IMPORT) for m in (item.importer, item.name))
        siblings = entry == target and entry.endswith(".*")
        if item.importer and not siblings and target not in MAY_IMPORT[entry].split():
            wrong.append(item)
    assert lines(wrong) == []


def test_no_module_imports_the_package_root() -> None:
    assert lines([item for item in OWN if item.name == ""]) == []


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {module: set() for module in modules()}
    for item in OWN:
        # A package's own file lists its modules for type checkers; they may import each other.
        if not item.in_function and item.importer not in ("", "models", "oauth"):
            graph[item.importer].add(item.name)
    TopologicalSorter(graph).prepare()


def test_third_parties_are_imported_where_the_table_says() -> None:
    standard = getattr(sys, "stdlib_module_names", None)
    if standard is None:
        pytest.skip("Python 3.9 does not know the names of its own modules")
    wrong = []
    for item in OUTSIDE:
        top = item.name.partition(".")[0]
        allowed = THIRD_PARTY.get(entry_of(item.importer, THIRD_PARTY), "").split()
        # For type checkers only; every type checker brings it.
        if top not in standard and top not in allowed and top != "typing_extensions":
            wrong.append(item)
    assert lines(wrong) == []


def test_only_rest_imports_urllib3() -> None:
    importers = {i.importer for i in OUTSIDE if i.name.partition(".")[0] == "urllib3"}
    assert importers == {"rest"}


def test_an_import_inside_a_function_has_its_reason_in_the_table() -> None:
    def reason(item: Import) -> bool:
        name = item.name
        while name:
            if (item.importer, name) in INSIDE_FUNCTIONS:
                return True
            name = name.rpartition(".")[0]
        return False

    assert lines([i for i in IMPORTS if i.in_function and not reason(i)]) == []


def test_each_reason_is_still_needed() -> None:
    inside = [(item.importer, item.name) for item in IMPORTS if item.in_function]
    unused = [
        key
        for key in INSIDE_FUNCTIONS
        if not any(m == key[0] and (n + ".").startswith(key[1] + ".") for m, n in inside)
    ]
    assert unused == []
