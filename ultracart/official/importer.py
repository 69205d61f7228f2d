"""The importer of the official SDK's modules, as parts of this package."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType
from typing import Any

from .folder import OfficialFolder

# Own modules that are replaced while a 4.x is mounted: its models accept only its own Error.
_REPLACED = ("model.error", "model.error_response")


class OfficialImporter:
    """Finds ``api``, ``model`` and ``models`` modules of a mounted folder.

    A model's module has two names, ``model.item`` and ``models.item``; both give the same module.
    """

    def __init__(self, root: str, official: OfficialFolder) -> None:
        self.official = official
        self._root = root
        self._loaded: set[str] = set()
        self._aside: dict[str, ModuleType] = {}

    def install(self) -> None:
        """Find modules of the folder from now on."""
        if self.official.is_version4:
            for module in _REPLACED:
                name = "%s.%s" % (self._root, module)
                self._aside[name] = importlib.import_module(name)
                del sys.modules[name]
        sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Forget every module that was found, and put back what was there before."""
        sys.meta_path.remove(self)
        for name in self._loaded:
            sys.modules.pop(name, None)
            package, _, stem = name.rpartition(".")
            vars(sys.modules[package]).pop(stem, None)
        for name, module in self._aside.items():
            sys.modules[name] = module
            package, _, stem = name.rpartition(".")
            setattr(sys.modules[package], stem, module)

    def attribute(self, module: str, name: str) -> Any:
        """The attribute ``name`` of a module, which is named without ``ultracart.``"""
        if module == "official.version4":
            return self._endpoint()
        return getattr(importlib.import_module("%s.%s" % (self._root, module)), name)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module of the folder that has this name, or ``None``."""
        if not fullname.startswith(self._root + "."):
            return None
        module = fullname[len(self._root) + 1 :]
        if module in self.official.modules or module in self._helpers():
            file = self.official.file(module.replace("official_", ""))
            loader = _WithConfiguration(fullname, file, self._root)
            spec = importlib.util.spec_from_file_location(fullname, file, loader=loader)
        else:
            package, _, stem = module.rpartition(".")
            real = "%s.%s" % (self.official.models_package, stem)
            if package not in ("model", "models") or real not in self.official.modules:
                return None
            same: Any = _SameModule("%s.%s" % (self._root, real))
            spec = ModuleSpec(fullname, same)
        self._loaded.add(fullname)
        return spec

    def _helpers(self) -> tuple[str, ...]:
        return ("model_utils", "official_api_client") if self.official.is_version4 else ()

    def _endpoint(self) -> Any:
        from .version4 import endpoint_class

        theirs: Any = importlib.import_module(self._root + ".official_api_client")
        if "MountedEndpoint" not in vars(theirs):
            theirs.MountedEndpoint = endpoint_class(theirs)
        return theirs.MountedEndpoint


class _SameModule:
    """Gives a module under a second name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # the import system has put the second name's there


class _WithConfiguration(SourceFileLoader):
    """Runs a module with ``Configuration`` defined: ``fromApiKey`` of 4.x does not import it."""

    def __init__(self, name: str, path: str, root: str) -> None:
        super().__init__(name, path)
        self._configuration = importlib.import_module(root + ".configuration").Configuration

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["Configuration"] = self._configuration
        super().exec_module(module)
        if module.__name__.endswith(".model_utils"):
            from .version4 import extend_models

            extend_models(module)
