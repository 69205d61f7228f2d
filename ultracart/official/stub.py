"""Type stub of a mounted official SDK, made from the tables and docstrings of its classes."""

from __future__ import annotations

import datetime
import inspect
import io
import keyword
import re
from collections.abc import Iterable, Iterator
from typing import Any

_HEAD = '''"""Classes of ultracart-rest-sdk %s, for type checkers; made by Mount.write_stub()."""

import builtins
import datetime
from typing import Any

from ultracart import ApiClient
'''
_NAMED = {"str": "str", "int": "int", "float": "float", "bool": "bool", "object": "Any"}
_NAMED.update({"date": "datetime.date", "datetime": "datetime.datetime", "file": "str"})
_PLAIN = {str: "str", int: "int", float: "float", bool: "bool", type(None): "None"}
_PLAIN.update({datetime.date: "datetime.date", datetime.datetime: "datetime.datetime"})
_PARAMETER = re.compile(r":param (\S+) (\w+):")
_RETURNS = re.compile(r":return: (\S+)")
_NAME = re.compile(r"[A-Za-z]\w*")


def stub(version: str, apis: Iterable[type], models: Iterable[type]) -> str:
    """The text of a ``.pyi`` file that declares these classes."""
    classes = [*models, *apis]
    writer = _Version4(classes) if version.startswith("4") else _Version3(classes)
    lines = [_HEAD % version]
    for model in sorted(models, key=lambda cls: cls.__name__):
        lines += ["", *_with_builtins(list(writer.model(model)))]
    for api in sorted(apis, key=lambda cls: cls.__name__):
        lines += ["", *writer.api(api)]
    return "\n".join(lines) + "\n"


class _Version3:
    """Classes of 3.x: tables of type names, and docstrings."""

    def __init__(self, classes: Iterable[type]) -> None:
        self._known = {cls.__name__ for cls in classes}

    def type_named(self, name: str) -> str:
        if name.startswith("list["):
            return "list[%s]" % self.type_named(name[5:-1])
        return _NAMED.get(name) or (name if name in self._known else "Any")

    def model(self, model: Any) -> Iterator[str]:
        fields = {n: self.type_named(t) + " | None" for n, t in model.swagger_types.items()}
        yield "class %s:" % model.__name__
        yield from _declared(fields)
        yield "    def to_dict(self) -> dict[str, Any]: ..."
        yield "    def to_str(self) -> str: ..."

    def api(self, api: type) -> Iterator[str]:
        yield from _api_head(api)
        for name, method in inspect.getmembers(api, inspect.isfunction):
            if name.startswith("_"):
                continue
            types = {n: self.type_named(t) for t, n in _PARAMETER.findall(method.__doc__ or "")}
            parameters = list(inspect.signature(method).parameters.values())[1:]
            required = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
            optional = [n for n in types if n not in required and n != "async_req"]
            found = _RETURNS.search(method.__doc__ or "")
            returned = self.type_named(found[1]) if found and found[1] != "None" else "None"
            if name.endswith("_with_http_info"):
                returned = "Any"
            yield _method(
                name,
                {n: types.get(n, "Any") for n in required},
                ({n: types[n] + " | None" for n in optional}),
                returned,
            )


class _Version4:
    """Classes of 4.x: tables of classes."""

    def __init__(self, classes: Iterable[type]) -> None:
        self._known = set(classes)

    def type_of(self, types: Any) -> str:
        if isinstance(types, list):
            return "list[%s]" % self.type_of(tuple(types))
        if isinstance(types, tuple):
            if len(types) > 3:  # 4.x writes "any type" as a list of all types of JSON
                return "Any"
            return " | ".join([self.type_of(item) for item in types])
        if isinstance(types, type) and issubclass(types, io.IOBase):
            return "Any"
        named = types.__name__ if types in self._known else "Any"
        return _PLAIN.get(types, named)

    def model(self, model: Any) -> Iterator[str]:
        yield "class %s:" % model.__name__
        yield from _declared({n: self.type_of(t) for n, t in model.openapi_types.items()})
        yield "    def __getitem__(self, name: str) -> Any: ..."
        yield "    def __setitem__(self, name: str, value: Any) -> None: ..."
        yield "    def __contains__(self, name: str) -> bool: ..."
        yield "    def get(self, name: str, default: Any = ...) -> Any: ..."
        yield "    def to_dict(self) -> dict[str, Any]: ..."
        yield "    def to_str(self) -> str: ..."

    def api(self, api: Any) -> Iterator[str]:
        yield from _api_head(api)
        for key, endpoint in vars(api()).items():
            if not key.endswith("_endpoint"):
                continue
            required = list(endpoint.params_map["required"])
            types = {n: self.type_of(endpoint.openapi_types[n]) for n in endpoint.location_map}
            response = endpoint.settings["response_type"]
            yield _method(
                key[: -len("_endpoint")],
                {n: types[n] for n in required},
                {n: t + " | None" for n, t in types.items() if n not in required},
                "None" if response is None else self.type_of(response),
            )


def _with_builtins(lines: list[str]) -> list[str]:
    """The lines of a class whose fields have the names of types, such as ``bool: bool``."""
    fields = {line.split(":")[0].strip() for line in lines}
    hidden = "|".join(sorted(fields.intersection(["bool", "dict", "float", "int", "list", "str"])))
    if not hidden:
        return lines
    types = re.compile(r"((?:: |> |\[|\| ))(%s)\b" % hidden)
    return [types.sub(r"\1builtins.\2", line) for line in lines]


def _declared(fields: dict[str, str]) -> Iterator[str]:
    usable = {n: t for n, t in fields.items() if _is_usable(n)}
    for name, type_ in usable.items():
        yield "    %s: %s" % (name, type_)
    given = "".join(", %s: %s = ..." % pair for pair in usable.items() if pair[0] != "self")
    star = ", *" if given else ""
    yield "    def __init__(self%s%s) -> None: ..." % (star, given)


def _api_head(api: type) -> Iterator[str]:
    yield "class %s:" % api.__name__
    yield "    api_client: ApiClient"
    yield "    def __init__(self, api_client: ApiClient | None = ...) -> None: ..."
    yield "    @classmethod"
    yield "    def fromApiKey("
    yield "        cls, apiKey: str, verify_ssl: bool = ..., debug: bool = ..."
    yield "    ) -> %s: ..." % api.__name__


def _method(name: str, required: dict[str, str], optional: dict[str, str], returned: str) -> str:
    parts = ["self", *["%s: %s" % pair for pair in required.items()]]
    named = ["%s: %s = ..." % pair for pair in optional.items() if _is_usable(pair[0])]
    if named:
        parts += ["*", *named]
    parts.append("**options: Any")
    return "    def %s(%s) -> %s: ..." % (name, ", ".join(parts), returned)


def _is_usable(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and not keyword.iskeyword(name)
