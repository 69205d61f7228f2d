"""Models in the generated style that have what UltraCart's 949 lack: dates, dicts, children."""

from __future__ import annotations

from typing import Any


class Leaf:
    swagger_types = {"on_date": "date", "at": "datetime", "amounts": "dict(str, list[int])"}
    attribute_map = {"on_date": "onDate", "at": "at", "amounts": "amounts"}

    def __init__(self, on_date: Any = None, at: Any = None, amounts: Any = None) -> None:
        self.on_date = on_date
        self.at = at
        self.amounts = amounts
        self.discriminator = None


class Tree:
    swagger_types = {
        "name": "str",
        "leaf": "Leaf",
        "leaves": "list[Leaf]",
        "by_name": "dict(str, Leaf)",
        "anything": "object",
        "count": "int",
        "ratio": "float",
        "alive": "bool",
    }
    attribute_map = dict({name: name for name in swagger_types}, by_name="by-name")

    def __init__(self, **fields: Any) -> None:
        for name in self.swagger_types:
            setattr(self, name, fields.get(name))


class Animal:
    swagger_types = {"kind": "str"}
    attribute_map = {"kind": "kind"}
    discriminator_value_class_map = {"dog": "Dog", "cat": "Cat"}

    def __init__(self, kind: Any = None) -> None:
        self.kind = kind

    def get_real_child_model(self, data: Any) -> Any:
        return self.discriminator_value_class_map.get(data["kind"])


class Dog:
    swagger_types = {"kind": "str", "barks": "bool"}
    attribute_map = {"kind": "kind", "barks": "barks"}

    def __init__(self, kind: Any = None, barks: Any = None) -> None:
        self.kind = kind
        self.barks = barks


class Cat(Dog):
    pass


class Open(dict):  # type: ignore[type-arg]
    swagger_types = {"known": "int"}
    attribute_map = {"known": "known"}

    def __init__(self, known: Any = None) -> None:
        super().__init__()
        self.known = known


class Empty:
    swagger_types: dict[str, str] = {}
    attribute_map: dict[str, str] = {}


class Picky:
    swagger_types = {"size": "str"}
    attribute_map = {"size": "size"}

    def __init__(self, size: Any = None) -> None:
        if size not in (None, "S", "L"):
            raise ValueError("Invalid value for `size`")
        self.size = size


ALL = (Leaf, Tree, Animal, Dog, Cat, Open, Empty, Picky)
