"""The public surface, written down: names, bases, signatures, fields.

``python test/architecture/public_surface.py`` prints what public_surface.txt records.
"""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

MODULES = """
    ultracart ultracart.configuration ultracart.api_client ultracart.api.oauth_api ultracart.apis
    ultracart.rest ultracart.exceptions ultracart.models ultracart.model ultracart.official
    ultracart.oauth ultracart.oauth.stores.base ultracart.sandbox ultracart.pytest_plugin
    ultracart.cli
""".split()
# Their classes can be made without arguments, and show some attributes only then.
_ASSIGNING = {"ultracart.configuration", "ultracart.api_client", "ultracart.exceptions"}
_ALLOWED_DUNDERS = {"__init__", "__call__", "__enter__", "__exit__", "__getitem__"}


def public_names(module: Any) -> list[str]:
    """``__all__``, or what the module defines itself without a leading underscore."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    return sorted(
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    )


def surface() -> str:
    """One line for each public name, and below a class its members."""
    homes: dict[int, str] = {}
    lines: list[str] = []
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        lines.append("\n[%s]" % module_name)
        for name in public_names(module):
            value = getattr(module, name)
            if isinstance(value, type) and (id(value) in homes or value.__name__ != name):
                home = "%s.%s" % (value.__module__, value.__name__)
                lines.append("%s = %s" % (name, homes.get(id(value), home)))
                continue
            if isinstance(value, type):
                homes[id(value)] = "%s.%s" % (module_name, name)
            lines += _lines(name, value)
    return "\n".join(lines).lstrip() + "\n"


def _lines(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, type):
        bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
        yield "class %s(%s)" % (name, bases)
        members: dict[str, Any] = {}
        for owner in _own_classes(value):
            members.update(vars(owner))
        for member in sorted(members):
            if not member.startswith("_") or member in _ALLOWED_DUNDERS:
                yield "    " + _member(member, members[member])
        for field, default in sorted(_instance_fields(value).items()):
            yield "    %s: field%s" % (field, default)
    elif callable(value) and not isinstance(value, type):
        yield "def " + name + _signature(value)
    else:
        yield "%s: %s" % (name, type(value).__name__)


def _own_classes(cls: type) -> list[type]:
    """The class and its bases that are not public themselves, bases first."""
    bases = [base for base in cls.__mro__[1:] if base.__module__.startswith("ultracart.")]
    return [*reversed([base for base in bases if base not in _public_classes()]), cls]


@lru_cache(maxsize=1)
def _public_classes() -> list[Any]:
    modules = [importlib.import_module(name) for name in MODULES]
    return [getattr(module, name) for module in modules for name in public_names(module)]


def _member(name: str, value: Any) -> str:
    if isinstance(value, property):
        return "%s: property" % name + ("" if value.fset is None else ", can be set")
    if isinstance(value, (classmethod, staticmethod)):
        return "%s %s%s" % (type(value).__name__, name, _signature(value.__func__))
    if inspect.isfunction(value):
        return "def " + name + _signature(value)
    return "%s: attribute" % name


def _instance_fields(cls: type) -> dict[str, str]:
    """Declared fields with their types, and what ``__init__`` assigns where no line declares it."""
    fields = {
        name: " of type " + _annotation(annotation)
        for owner in _own_classes(cls)
        for name, annotation in vars(owner).get("__annotations__", {}).items()
        if not name.startswith("_") and "ClassVar" not in str(annotation)
    }
    if cls.__module__ in _ASSIGNING and "__init__" in vars(cls):
        for name, value in vars(cls()).items():
            if not name.startswith("_"):
                # The machine decides how large the pool is.
                shown = "..." if name == "connection_pool_maxsize" else _default(value)
                fields[name] = " = " + shown
    return fields


def _signature(function: Any) -> str:
    """The signature, written alike by every Python."""
    signature = inspect.signature(function)
    shown = []
    kind_before = None
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and kind_before not in (
            parameter.KEYWORD_ONLY,
            parameter.VAR_POSITIONAL,
        ):
            shown.append("*")
        kind_before = parameter.kind
        stars: dict[Any, str] = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}
        text = stars.get(parameter.kind, "") + parameter.name
        if parameter.annotation is not parameter.empty:
            text += ": %s" % _annotation(parameter.annotation)
        if parameter.default is not parameter.empty:
            text += "=" + _default(parameter.default)
        shown.append(text)
    answer = signature.return_annotation
    arrow = "" if answer is signature.empty else " -> %s" % _annotation(answer)
    return "(%s)%s" % (", ".join(shown), arrow)


def _annotation(annotation: Any) -> str:
    if isinstance(annotation, type):
        return annotation.__name__
    return str(annotation).strip("'\"")


def _default(value: Any) -> str:
    plain = value is None or isinstance(value, (str, int, float, bool, tuple))
    return repr(value) if plain else "..."


if __name__ == "__main__":
    # A developer's own settings, a token among them, are no defaults.
    for setting in [name for name in os.environ if name.startswith("ULTRACART_")]:
        del os.environ[setting]
    print(surface(), end="")
