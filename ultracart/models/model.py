"""The base class of the models: a model's file declares its fields and nothing else.

A field is one line, ``name: type | None = None``; the constructor, the official SDK's tables
(``swagger_types``, ``attribute_map``) and the reader of JSON are derived from it, once for each
class. ``dataclasses`` is not used, because its import takes longer than that of this whole package.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ..exceptions import ApiResponseError
from ..redaction import is_secret_name, mask_fields

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:  # in typing since Python 3.11

    def dataclass_transform(**_: Any) -> Callable[[Any], Any]:
        """Tells type checkers that the constructor follows from the fields."""
        return lambda cls: cls


Reader = Callable[[Any], Any]
_M = TypeVar("_M", bound="Model")
# Names of types in UltraCart's API description, where Python's differ.
_SWAGGER_NAMES = {"dict[str, Any]": "object"}
_NOT_THERE = object()


@dataclass_transform()
class Model:
    """Base of the models: typed attributes, each ``None`` where the response has no such field.

    Reading a response is lenient, since a token that the server has issued must not be lost to a
    type check: numbers are accepted as text and the other way round. Unknown fields, and values
    that cannot be read as their field's type, are kept in ``additional_properties``.
    """

    swagger_types: ClassVar[dict[str, str]] = {}
    attribute_map: ClassVar[dict[str, str]] = {}
    discriminator: ClassVar[None] = None
    # Fields that the official SDK's model does not have.
    _keyword_only: ClassVar[frozenset[str]] = frozenset()
    # JSON name -> attribute and reader: one walk over the response is enough.
    _readers: ClassVar[dict[str, tuple[str, Reader]]] = {}

    def __init_subclass__(cls) -> None:
        if cls.swagger_types:
            return  # a user's subclass of a model has that model's fields, as in the official SDK
        annotations: dict[str, str] = cls.__dict__["__annotations__"]  # noqa: RUF063  # text
        types = {
            name: type_.removesuffix(" | None")
            for name, type_ in annotations.items()
            if not type_.startswith("ClassVar")
        }
        cls.swagger_types = {
            name: _SWAGGER_NAMES.get(type_, type_) for name, type_ in types.items()
        }
        cls.attribute_map = {name: name for name in types}
        scope = vars(sys.modules[cls.__module__])
        cls._readers = {name: (name, _reader(name, type_, scope)) for name, type_ in types.items()}
        # Not cls.__init__ = ...: type checkers would take that for every model's signature.
        type.__setattr__(cls, "__init__", _constructor(cls.__name__, types, cls._keyword_only))

    @property
    def additional_properties(self) -> dict[str, Any]:
        """Fields of the response that the model does not declare or could not read, as received."""
        kept: dict[str, Any] = self.__dict__.setdefault("_additional_properties", {})
        return kept

    @classmethod
    def from_wire(cls: type[_M], data: Any) -> _M:
        """The model of a decoded JSON object.

        Raises:
            ApiResponseError: ``data`` is not an object.
        """
        if not isinstance(data, dict):
            raise ApiResponseError(
                reason="the response is not a %s: got JSON of type %s"
                % (cls.__name__, type(data).__name__),
                request_sent=True,
            )
        model = cls()
        attributes = model.__dict__
        readers = cls._readers
        for key, value in data.items():
            found = readers.get(key)
            if found is None:
                model.additional_properties[key] = value
            elif value is not None:
                read = found[1](value)
                if read is _NOT_THERE:
                    model.additional_properties[key] = value
                else:
                    attributes[found[0]] = read
        return model

    def to_dict(self) -> dict[str, Any]:
        """All declared fields, secrets in clear, nested models as dicts too."""
        return {name: _plain(getattr(self, name)) for name in self.attribute_map}

    def to_str(self) -> str:
        """The fields as readable text; secrets are masked."""
        from pprint import pformat  # only shown to people

        return pformat(mask_fields(self.to_dict()))

    def __repr__(self) -> str:
        return self.to_str()

    def __getitem__(self, name: str) -> Any:
        if name in self.attribute_map:
            return getattr(self, name)
        return self.additional_properties[name]

    def __contains__(self, name: object) -> bool:
        if name in self.attribute_map:
            return getattr(self, str(name)) is not None
        return name in self.additional_properties

    def get(self, name: str, default: Any = None) -> Any:
        """The field or additional property of this name; ``default`` where it is absent."""
        return self[name] if name in self else default  # noqa: SIM401

    def __iter__(self) -> Iterator[str]:
        yield from self.attribute_map
        yield from self.additional_properties

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return NotImplemented
        return self.to_dict() == other.to_dict() and (
            self.additional_properties == other.additional_properties
        )

    __hash__: ClassVar[None] = None  # type: ignore[assignment]


def _constructor(
    model: str, fields: Iterable[str], keyword_only: frozenset[str]
) -> Callable[..., None]:
    positional = [name + "=None" for name in fields if name not in keyword_only]
    keyword = [name + "=None" for name in fields if name in keyword_only]
    parameters = ["self", *positional, *(["*", *keyword] if keyword else [])]
    lines = ["def __init__(%s):" % ", ".join(parameters)]
    lines += ["    self.%s = %s" % (name, name) for name in fields]
    namespace: dict[str, Any] = {"__name__": __name__}  # which documentation tools read
    # Field names come from class bodies in this package alone.
    exec("\n".join(lines), namespace)  # noqa: S102  # nosec B102
    init: Callable[..., None] = namespace["__init__"]
    init.__qualname__ = model + ".__init__"
    return init


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _reader(name: str, type_: str, scope: Mapping[str, Any]) -> Reader:
    if type_ == "str":
        return _read_secret if is_secret_name(name) else _read_str
    model = scope.get(type_)
    if isinstance(model, type) and issubclass(model, Model):
        nested = model.from_wire
        return lambda value: nested(value) if isinstance(value, dict) else _NOT_THERE
    return {"int": _read_int, "bool": _read_bool, "list[str]": _read_list}.get(type_, _read_any)


def _read_secret(value: Any) -> Any:
    return value if isinstance(value, str) else _NOT_THERE


def _read_str(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value)  # a scope as a list, as some servers send it
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return _NOT_THERE


def _read_int(value: Any) -> Any:
    if isinstance(value, bool):
        return _NOT_THERE
    if isinstance(value, (int, float, str)):
        try:
            number = float(value) if isinstance(value, str) and len(value) < 32 else value
            return int(number) if abs(int(number)) < 10**15 else _NOT_THERE
        except (ValueError, OverflowError):
            return _NOT_THERE
    return _NOT_THERE


def _read_bool(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    known: bool | None = {"true": True, "1": True, "false": False, "0": False}.get(
        str(value).strip().lower()
    )
    return _NOT_THERE if known is None else known


def _read_list(value: Any) -> Any:
    if isinstance(value, str):
        return value.split()
    return value if isinstance(value, list) else _NOT_THERE


def _read_any(value: Any) -> Any:
    return value
