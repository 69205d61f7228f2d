"""A folder with the official SDK: its version, and which module has which class."""

from __future__ import annotations

import os
import re

from ..exceptions import ConfigurationError

VERSIONS = ("3.11.67", "4.1.208")
_INSTALL = "pip install --no-deps --target FOLDER ultracart-rest-sdk==%s" % VERSIONS[1]
_VERSION = re.compile(r"'(?:Swagger-Codegen|OpenAPI-Generator)/([\w.]+)/python'")
_IMPORT = re.compile(r"^from ultracart\.(apis?|models?)\.(\w+) import (\w+)", re.MULTILINE)
# Modules for which this package's own are used, because ultracart.OauthApi needs those.
_OWN = re.compile(r"oauth_\w+")
_OWN_ERRORS = ("error", "error_response")


class OfficialFolder:
    """What lies in a folder that ``pip install --target`` has filled.

    Attributes:
        path: the folder.
        version: of the official SDK.
        models_package: ``"models"`` (3.x) or ``"model"`` (4.x): where a file for each model is.
        apis, models, parts: the module of each class, named below the package:
            ``{"Item": "model.item"}``.

    Raises:
        ConfigurationError: it has no official SDK, one of another version, or not all of it.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.version: str = self._found_version()
        self.is_version4: bool = self.version.startswith("4")
        self.models_package = "model" if self.is_version4 else "models"
        self.apis: dict[str, str] = {}
        self.models: dict[str, str] = {}
        lists = ["apis", "models"] if self.is_version4 else [""]
        for name in lists:
            listed = self._read(name, "__init__.py")
            for package, module, cls in _IMPORT.findall(listed):
                kind = self.apis if package.startswith("api") else self.models
                kind[cls] = "%s.%s" % (package, module)
        self.parts: dict[str, str] = {"Endpoint": "official.version4"} if self.is_version4 else {}
        self._check_files()
        own = [name for name in {**self.apis, **self.models} if self._is_own(name)]
        for name in own:
            self.apis.pop(name, None)
            self.models.pop(name, None)
        self.modules: set[str] = {*self.apis.values(), *self.models.values()}

    def file(self, module: str) -> str:
        """The path of a module, named below the package: ``"model.item"``."""
        return os.path.join(self.path, "ultracart", *module.split(".")) + ".py"

    def _is_own(self, name: str) -> bool:
        module = self.apis.get(name) or self.models[name]
        stem = module.rpartition(".")[2]
        # Models of 4.x accept only objects of their own classes, so they need their own Error.
        return bool(_OWN.fullmatch(stem)) or (stem in _OWN_ERRORS and not self.is_version4)

    def _found_version(self) -> str:
        found = _VERSION.search(self._read("", "api_client.py"))
        if found is None:
            raise ConfigurationError(
                "%s does not have the official SDK, but another package of the name ultracart: %s"
                % (self.path, _INSTALL)
            )
        if found[1] not in VERSIONS:
            raise ConfigurationError(
                "%s has ultracart-rest-sdk %s; %s and %s can be mounted: %s"
                % (self.path, found[1], *VERSIONS, _INSTALL)
            )
        return found[1]

    def _read(self, package: str, name: str) -> str:
        path = os.path.join(self.path, "ultracart", package, name)
        try:
            with open(path, encoding="utf-8") as file:
                return file.read()
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise ConfigurationError(
                "the official SDK cannot be read from %s: %s. Fill the folder with: %s"
                % (path, why, _INSTALL)
            ) from None

    def _check_files(self) -> None:
        needed = [*self.apis.values(), *self.models.values()]
        if self.is_version4:
            needed.append("model_utils")
        there: dict[str, set[str]] = {}
        for module in needed:
            folder, name = os.path.split(self.file(module))
            if folder not in there:
                there[folder] = set(os.listdir(folder)) if os.path.isdir(folder) else set()
            if name not in there[folder]:
                raise ConfigurationError(
                    "the official SDK in %s is not complete: %s is missing. Fill the folder with: "
                    "%s" % (self.path, self.file(module), _INSTALL)
                )
        if not self.apis or not self.models:
            raise ConfigurationError("the official SDK in %s lists no classes" % self.path)
