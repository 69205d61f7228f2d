"""What tools that bundle applications, such as PyInstaller, find by the import statements alone."""

from __future__ import annotations

from .source import MODULES, imports

# What an application does not reach by ``import ultracart``: programs, and what extras bring.
APART = ("cli", "__main__", "commands", "pytest_plugin", "model", "apis", "oauth.stores.contract")


def test_every_module_is_imported_somewhere_however_late() -> None:
    found, ahead = set(), {"ultracart"}
    while ahead:
        module = ahead.pop()
        found.add(module)
        reached = {one.module for one in imports(module)} & set(MODULES)
        ahead |= (reached | {name.rpartition(".")[0] for name in reached} - {""}) - found
    missing = {name.partition(".")[2] for name in set(MODULES) - found}
    apart = {name for name in missing if any((name + ".").startswith(one + ".") for one in APART)}
    assert missing == apart


def test_dateutil_is_found() -> None:
    assert "dateutil" in {found.module for found in imports("ultracart.serialization")}
