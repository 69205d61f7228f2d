"""The official SDK's classes on this package's client.

UltraCart's own ``ultracart-rest-sdk`` has the same import name, so it is installed into a folder:
``pip install --no-deps --target official ultracart-rest-sdk==4.1.208`` (or ``3.11.67``). After
``ultracart.official.mount("official")`` its API classes and models are found under the names that
its users import, and run on :class:`ultracart.ApiClient`: its transport, credentials, sessions and
errors.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ..exceptions import ApiTypeError, ConfigurationError
from .folder import OfficialFolder
from .importer import OfficialImporter

__all__ = ["Mount", "mount", "unmount"]

_ROOT = __name__.rpartition(".")[0]
_mounted: Mount | None = None


class Mount:
    """A mounted folder; ``with mount(folder):`` unmounts it at the end.

    Attributes:
        folder: the folder, absolute.
        version: of the official SDK in it, such as ``"4.1.208"``.
    """

    def __init__(self, official: OfficialFolder) -> None:
        self.folder: str = official.path
        self.version: str = official.version
        self._importer = OfficialImporter(_ROOT, official)
        self._hooks: list[tuple[ModuleType, dict[str, Any]]] = []

    def __enter__(self) -> Mount:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if _mounted is self:
            unmount()

    def __repr__(self) -> str:
        return "<ultracart-rest-sdk %s mounted from %s>" % (self.version, self.folder)

    def write_stub(self, path: str | os.PathLike[str]) -> None:
        """Write a type stub (``.pyi``) of all its API classes and models, for type checkers.

        This loads every class, which takes a second or two: run it once for each version, not at
        the start of each program.
        """
        from .stub import stub

        official, found = self._importer.official, self._importer.attribute
        text = stub(
            self.version,
            [found(module, name) for name, module in official.apis.items()],
            [found(module, name) for name, module in official.models.items()],
        )
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def _install(self) -> None:
        official, found = self._importer.official, self._importer.attribute
        self._importer.install()
        for name, classes in {
            "": {**official.apis, **official.models},
            ".api": official.apis,
            ".apis": official.apis,
            ".models": official.models,
            ".api_client": official.parts,
        }.items():
            self._hook(importlib.import_module(_ROOT + name), classes, found)

    def _hook(
        self, module: ModuleType, classes: dict[str, str], find: Callable[[str, str], Any]
    ) -> None:
        """Have the module find ``classes`` too, by ``__getattr__`` and ``__dir__`` (PEP 562)."""
        names = vars(module)
        before: dict[str, Any] = {
            name: names[name] for name in ("__getattr__", "__dir__") if name in names
        }
        look_further, list_own = before.get("__getattr__"), before.get("__dir__")

        def find_name(name: str) -> Any:
            if name in classes:
                return find(classes[name], name)
            if look_further is not None:
                return look_further(name)
            raise AttributeError("module %r has no attribute %r" % (module.__name__, name))

        def list_names() -> list[str]:
            own = set(vars(module)) if list_own is None else set(list_own())
            return sorted(own.union(classes))

        names.update(__getattr__=find_name, __dir__=list_names)
        self._hooks.append((module, before))

    def _remove(self) -> None:
        while self._hooks:
            module, before = self._hooks.pop()
            for name in ("__getattr__", "__dir__"):
                if name in before:
                    setattr(module, name, before[name])
                else:
                    delattr(module, name)
        self._importer.remove()


def mount(folder: str | os.PathLike[str]) -> Mount:
    """Make the official SDK's classes in ``folder`` importable as parts of this package.

    ``ultracart.ItemApi``, ``ultracart.apis.ItemApi``, ``ultracart.api.item_api``,
    ``ultracart.models.Item`` and ``ultracart.model.item``: each is loaded when it is named. What
    this package has itself, such as ``OauthApi``, stays.

    Args:
        folder: the folder that was given to ``pip install --target``.

    Raises:
        ConfigurationError: the folder does not have ultracart-rest-sdk 3.11.67 or 4.1.208, or not
            all of it; or a folder is mounted.
    """
    global _mounted
    if not isinstance(folder, (str, os.PathLike)):
        raise ApiTypeError("folder must be a path, not %s" % type(folder).__name__)
    if _mounted is not None:
        raise ConfigurationError(
            "%s is mounted already: unmount() before another mount()" % _mounted.folder
        )
    made = Mount(OfficialFolder(os.path.abspath(os.fsdecode(folder))))
    made._install()
    _mounted = made
    return made


def unmount() -> None:
    """Undo :func:`mount`; does nothing if nothing is mounted.

    Classes and objects that a program still holds go on working, unless they need a class of the
    official SDK that is not loaded yet.
    """
    global _mounted
    if _mounted is not None:
        _mounted._remove()
        _mounted = None
