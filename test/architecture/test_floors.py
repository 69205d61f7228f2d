"""The package keeps to its floors; the table is in floors.py."""

from __future__ import annotations

import sys

import pytest

from .floors import FLOORS, LATE_IMPORTS
from .source import MODULES, Import, imports

_BY_NAME = {floor.name: floor for floor in FLOORS}


def _floor_of(module: str) -> str:
    name = module.partition(".")[2]
    while name not in _BY_NAME:
        name, dot, _ = name.rpartition(".")
        assert dot, "%s is on no floor: give it a line in floors.py" % module
    return name


def _is_third_party(module: str) -> bool:
    root = module.partition(".")[0]
    return root not in sys.stdlib_module_names


def _refused(module: str, found: Import) -> bool:
    floor = _BY_NAME[_floor_of(module)]
    if found.module == "ultracart" or found.module.startswith("ultracart."):
        if found.module == "ultracart":
            return True
        imported = _floor_of(found.module)
        return imported != floor.name and imported not in floor.below.split()
    if found.typing and found.module == "typing_extensions":
        return False
    return _is_third_party(found.module) and (
        found.module.partition(".")[0] not in floor.packages.split()
    )


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"ultracart"}))
def test_module_imports_only_from_below(module: str) -> None:
    refused = [found for found in imports(module) if _refused(module, found)]
    assert not refused


def test_root_imports_nothing_but_the_version() -> None:
    seen = {found.module for found in imports("ultracart") if not (found.typing or found.late)}
    assert seen == {"__future__", "sys", "ultracart.version"}


def test_table_goes_upwards() -> None:
    known: set[str] = set()
    for floor in FLOORS:
        assert set(floor.below.split()) <= known, floor.name
        known.add(floor.name)


def test_table_names_only_what_exists() -> None:
    assert {"ultracart." + floor.name for floor in FLOORS} <= set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_imports_inside_functions_have_a_reason(module: str) -> None:
    late = {found.module for found in imports(module) if found.late and not found.typing}
    assert late <= {name for owner, name in LATE_IMPORTS if owner == module}


def test_no_reason_without_its_import() -> None:
    late = {(module, f.module) for module in MODULES for f in imports(module) if f.late}
    assert set(LATE_IMPORTS) <= late


def test_no_import_cycle() -> None:
    graph = {
        module: {f.module for f in imports(module) if f.module in MODULES and not f.typing}
        for module in MODULES
    }
    finished: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, "cycle: " + " -> ".join((*trail, module))
        if module not in finished:
            for imported in graph[module]:
                visit(imported, (*trail, module))
            finished.add(module)

    for module in MODULES:
        visit(module, ())
