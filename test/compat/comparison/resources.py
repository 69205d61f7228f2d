"""How the official SDK's generated API classes and models are run on an ``ApiClient``.

Their files are executed unchanged where they are installed; on this package's ``ApiClient`` under
another package name, so that no module of theirs stands in for one of ours.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import pathlib
import re
import sys
import tempfile
import types
from collections.abc import Iterator
from typing import Any

from .harness import Sdk
from .plain import plain_error, plain_request, plain_value
from .recording_server import RecordingServer, answer

_DEEPEST = 3
_TEXT = "t x+t&\u20ac/%"
_PARAMETER = re.compile(r":param (\S+) (\w+):(.*)")
_ALL_PARAMETERS = re.compile(r"all_params = \[([^\]]*)\]")
_ALLOWED = re.compile(r"must be one of \[(?:'([^']*)'|\"([^\"]*)\")")
_LONGEST = re.compile(r"less than or equal to `(\d+)`")


def run_resources(directory: str | None, *, mounted: str | None = None) -> dict[str, Any]:
    """The outcome of every operation.

    ``directory`` holds the official files; None: they are installed, or this package has them from
    the folder ``mounted``.
    """
    outcomes: dict[str, Any] = {}
    with RecordingServer() as server, tempfile.TemporaryDirectory() as folder:
        sdk = Sdk(server)
        if mounted is not None:
            models, apis = _mounted(sdk, mounted)
        elif directory is None:
            models, apis = _installed(sdk)
        else:
            models, apis = _loaded(pathlib.Path(directory))
        upload = pathlib.Path(folder, "upload.png")
        upload.write_bytes(b"\x89PNG\r\n\xff")
        synthesis = _Synthesis(models, str(upload))
        client_class = _scripted(sdk, synthesis)
        if directory is not None:
            client_class.models = models
        client = client_class(
            sdk.configuration(
                access_token="at", api_key={"x-ultracart-simple-key": "sk"}, temp_folder_path=folder
            )
        )
        for api in sorted(apis, key=lambda cls: str(cls.__name__)):
            for index, (name, operation) in enumerate(_operations(api(client))):
                key = "%s.%s" % (api.__name__, name)
                forms = dict(_arguments(operation, synthesis))
                if index == 0:  # the options are the same for all, so once for each API
                    forms["async"] = dict(forms["required"], async_req=True)
                    forms["raw"] = dict(forms["required"], _preload_content=False)
                for form, arguments in forms.items():
                    outcomes["%s %s" % (key, form)] = _outcome(sdk, operation, arguments)
    return outcomes


def _installed(sdk: Sdk) -> tuple[Any, list[Any]]:
    api = importlib.import_module("ultracart.api")
    return sdk.models, [cls for name, cls in vars(api).items() if name.endswith("Api")]


def _mounted(sdk: Sdk, folder: str) -> tuple[Any, list[Any]]:
    sdk.package.official.mount(folder)
    names = [name for name in dir(sdk.package.apis) if name.endswith("Api")]
    return sdk.models, [getattr(sdk.package.apis, name) for name in names if name != "OauthApi"]


def _loaded(directory: pathlib.Path) -> tuple[Any, list[Any]]:
    models = types.ModuleType("official_ultracart.models")
    for path in sorted(directory.glob("models/[a-z]*.py")):
        for name, value in vars(_module(path)).items():
            if isinstance(value, type):
                setattr(models, name, value)
    apis = [
        value
        for path in sorted(directory.glob("api/*_api.py"))
        for name, value in vars(_module(path)).items()
        if name.endswith("Api")
    ]
    return models, apis


def _module(path: pathlib.Path) -> Any:
    name = "official_ultracart.%s.%s" % (path.parent.name, path.stem)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("cannot load " + name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _scripted(sdk: Sdk, synthesis: _Synthesis) -> Any:
    """An ApiClient class that has the server answer each call with what the call expects."""

    class ScriptedClient(sdk.ApiClient):  # type: ignore[misc, name-defined]
        def call_api(self, *args: Any, **options: Any) -> Any:
            sdk.server.script(synthesis.answer(options["response_type"]))
            return super().call_api(*args, **options)

    return ScriptedClient


def _operations(api: Any) -> Iterator[tuple[str, Any]]:
    for name, method in inspect.getmembers(api, inspect.ismethod):
        if name.endswith("_with_http_info"):
            yield name, method


def _arguments(operation: Any, synthesis: _Synthesis) -> Iterator[tuple[str, dict[str, Any]]]:
    """Keyword arguments: only those that are required, and all of them."""
    found = _ALL_PARAMETERS.search(inspect.getsource(operation))
    names = re.findall(r"'(\w+)'", found.group(1) if found else "")
    # The type of a list parameter may hold spaces, so the name is the last word.
    documented = {name: type_ for type_, name, _ in _PARAMETER.findall(operation.__doc__ or "")}
    values = {name: synthesis.value(documented[name], 0) for name in names}
    required = {
        name: values[name]
        for name, parameter in inspect.signature(operation).parameters.items()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    }
    yield "required", required
    if len(values) > len(required):
        yield "all", values


def _outcome(sdk: Sdk, operation: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    sdk.server.script()
    told: dict[str, Any] = {}
    try:
        result = operation(**arguments)
        data, status, headers = result.get(30) if "async_req" in arguments else result
        if isinstance(data, str):  # the path of a download
            data = pathlib.Path(data).read_bytes()
        told["result"] = [plain_value(data), status, sorted(map(str.lower, headers))]
    except Exception as error:
        told.update(plain_error(error, sdk.ApiException))
    told["requests"] = [plain_request(request) for request in sdk.server.requests]
    return told


class _Synthesis:
    """Arguments and answers made from type names, the same on each run."""

    def __init__(self, models: Any, upload: str) -> None:
        self._models = models
        self._upload = upload

    def value(self, type_: str, depth: int) -> Any:
        """An argument of the type."""
        simple = {"str": _TEXT, "int": 7, "float": 1.5, "bool": True, "object": {"k": [1, None]}}
        if type_ in simple:
            return simple[type_]
        if type_ == "file":
            return self._upload
        if type_.startswith("list["):
            return [self.value(type_[5:-1], depth + 1), self.value(type_[5:-1], depth + 2)]
        model = getattr(self._models, type_)()
        for name, field in model.swagger_types.items():
            if depth < _DEEPEST:
                _assign(model, name, self.value(field, depth + 1))
        return model

    def answer(self, type_: str | None) -> bytes:
        """What a server would send for the type."""
        if type_ == "file":
            return answer(b"%PDF-1.7 text", content_type="application/octet-stream")
        return answer(json.dumps(None if type_ is None else self._json(type_, 0)))

    def _json(self, type_: str, depth: int) -> Any:
        if type_ in ("str", "int", "float", "bool", "object"):
            return self.value(type_, depth)
        if type_.startswith("list["):
            return [self._json(type_[5:-1], depth + 1), self._json(type_[5:-1], depth + 2)]
        model = getattr(self._models, type_)
        if depth >= _DEEPEST or not model.swagger_types:
            return {"unknown_field": 1}
        return {
            model.attribute_map[name]: self._accepted(model, name, field, depth)
            for name, field in model.swagger_types.items()
        }

    def _accepted(self, model: Any, name: str, field: str, depth: int) -> Any:
        value = self._json(field, depth + 1)
        if isinstance(value, str):
            probe = model()
            _assign(probe, name, value)
            return getattr(probe, name)
        return value


def _assign(model: Any, name: str, value: Any) -> None:
    """Set the field, to an allowed value or a shorter text where its setter asks for one."""
    try:
        setattr(model, name, value)
    except ValueError as error:
        allowed, longest = _ALLOWED.search(str(error)), _LONGEST.search(str(error))
        if allowed:
            setattr(model, name, next(text for text in allowed.groups() if text is not None))
        elif longest:
            setattr(model, name, value[: int(longest.group(1))])
        else:
            raise
