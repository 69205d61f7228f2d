"""Deserialization: decoded JSON becomes values of a named type.

Types are named as in UltraCart's API description: ``str``, ``int``, ``float``, ``bool``, ``date``,
``datetime``, ``object``, ``list[X]``, ``dict(str, X)`` or a model's name. A class or a
:class:`ResponseType` can be used instead of a name.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from . import json_body
from .exceptions import ApiException, ApiResponseError, ApiTypeError
from .late_imports import load

if TYPE_CHECKING:
    from dateutil import parser as parser  # see _date_parser; for tools that bundle applications

Reader = Callable[[Any], Any]

PRIMITIVE_TYPES = (float, bool, bytes, str, int)
NATIVE_TYPES_MAPPING: dict[str, type] = {
    "int": int,
    "long": int,
    "float": float,
    "str": str,
    "bool": bool,
    "date": datetime.date,
    "datetime": datetime.datetime,
    "object": object,
}
# Longest date text, in characters: dateutil's time grows with the square of the length.
_LONGEST_DATE = 200


class ResponseType(Protocol):
    """A ``response_type`` that reads responses in its own way, such as an operation.

    It may also have ``from_empty_body()``, which returns the result for an empty body (``None``
    without it), and ``in_any_encoding = True``, which reads a body that cannot be decoded as
    Latin-1 (an error without it).
    """

    def from_wire(self, data: Any) -> Any:
        """The result for decoded JSON. An :class:`ApiException` that it raises is completed with
        the response's status, headers and body."""


class Deserializer:
    """Turns decoded JSON into values; readers are built once for each type name."""

    def __init__(self, models: Any, natives: Mapping[str, type] = NATIVE_TYPES_MAPPING) -> None:
        """``models``: where model names are looked up: a module, or any object with attributes;
        ``natives``: the classes of the other names."""
        self.models = models
        self.natives = natives
        self._readers: dict[Any, Reader] = {}

    def read(self, data: Any, type_: Any) -> Any:
        """``data`` as a value of ``type_``, a type name or a class; ``None`` stays ``None``.

        Raises:
            ApiException: text that is not a date.
            ApiResponseError: data of the wrong shape.
        """
        if data is None:
            from_empty_body = getattr(type_, "from_empty_body", None)
            return None if from_empty_body is None else from_empty_body()
        return self.prepare(type_)(data)

    def prepare(self, type_: Any) -> Reader:
        """The function that reads a ``type_``.

        Raises:
            ApiTypeError: there is no such type.
        """
        try:
            reader = self._readers.get(type_)
        except TypeError:  # not hashable, so neither a type nor a name
            raise _not_a_type(type_) from None
        if reader is None:
            reader = self._readers[type_] = self._build(type_)
        return reader

    def _build(self, type_: Any) -> Reader:
        if isinstance(type_, str):
            if type_.startswith("list[") and type_.endswith("]"):
                return self._list_reader(type_[5:-1], type_)
            _, comma, value_type = type_.partition(",")
            if type_.startswith("dict(") and type_.endswith(")") and comma:
                return self._dict_reader(value_type[:-1].strip(), type_)
            type_name, native = type_, self.natives.get(type_)
            type_ = getattr(self.models, type_, None) if native is None else native
            if type_ is None:
                raise ApiTypeError(
                    "response_type %s is neither a model in ApiClient.models nor one of 'object' "
                    "(the JSON as it is), 'str', 'int', 'float', 'bool', 'bytes', 'date', "
                    "'datetime', 'file', 'list[X]', 'dict(str, X)'" % ascii(type_name)
                )
        origin = getattr(type_, "__origin__", type_)
        if origin is list or origin is dict:
            *_, item_type = getattr(type_, "__args__", None) or (object,)
            make = self._list_reader if origin is list else self._dict_reader
            return make(item_type, getattr(type_, "__name__", origin.__name__))
        if type_ is object or type_ is Any:
            return _identity
        # On Python 3.10 a generic alias such as tuple[str] counts as a class.
        is_class = isinstance(type_, type) and origin is type_
        if not is_class and not hasattr(type_, "from_wire"):
            raise _not_a_type(type_)
        # Subclasses too: test libraries that stop the clock replace datetime by a subclass.
        if isinstance(type_, type) and issubclass(type_, datetime.datetime):
            return _read_datetime
        if isinstance(type_, type) and issubclass(type_, datetime.date):
            return _read_date
        if type_ in PRIMITIVE_TYPES:
            return _primitive_reader(type_)
        return self._model_reader(type_)

    def _list_reader(self, item_type: Any, name: str) -> Reader:
        self.prepare(item_type)  # an unknown type is refused before anything is sent
        read = self.read

        def read_list(data: Any) -> Any:
            if not isinstance(data, (list, tuple)):
                raise wrong_shape(name, data)
            return [read(item, item_type) for item in data]

        return read_list

    def _dict_reader(self, item_type: Any, name: str) -> Reader:
        self.prepare(item_type)  # as above
        read = self.read

        def read_dict(data: Any) -> Any:
            if not isinstance(data, dict):
                raise wrong_shape(name, data)
            return {key: read(item, item_type) for key, item in data.items()}

        return read_dict

    def _model_reader(self, model: Any) -> Reader:
        from_wire = getattr(model, "from_wire", None)
        if from_wire is not None:  # one of this package's own models: lenient, see models/model.py
            own: Reader = from_wire
            return own
        has_children = "get_real_child_model" in vars(model)
        if not has_children and not hasattr(model, "swagger_types"):
            raise ApiTypeError(
                "response_type must be a model with swagger_types and attribute_map, or one of "
                "str, int, float, bool, bytes, date, datetime, list, dict and object, not %s"
                % model.__name__
            )
        fields: dict[str, Any] = getattr(model, "swagger_types", None) or {}
        if not fields and not has_children:
            return _identity
        table = [(name, model.attribute_map[name], type_) for name, type_ in fields.items()]
        read = self.read

        def read_model(data: Any) -> Any:
            if not isinstance(data, dict):
                raise wrong_shape(model.__name__, data)
            given = {name: read(data[key], type_) for name, key, type_ in table if key in data}
            instance = _construct(model, given)
            if issubclass(model, dict):
                instance.update((k, v) for k, v in data.items() if k not in fields)
            child = instance.get_real_child_model(data) if has_children else None
            return read(data, child) if child else instance

        return read_model


def _not_a_type(type_: Any) -> ApiTypeError:
    return ApiTypeError(
        "response_type must be the name of a type, a class, list[...] or dict[str, ...], not %s"
        % type(type_).__name__
    )


def _construct(model: Any, given: Mapping[str, Any]) -> Any:
    try:
        return model(**given)
    except ValueError:
        pass  # a generated model's error quotes the value, so it must not become the context
    raise _unreadable(model.__name__, "a value that the model refuses")


def wrong_shape(expected: str, data: Any) -> ApiResponseError:
    """The error for data of another kind than ``expected``; quotes nothing of it."""
    return _unreadable(expected, "JSON of type %s" % type(data).__name__)


def _unreadable(expected: str, got: str) -> ApiResponseError:
    return ApiResponseError(
        reason="the response is not a %s: got %s" % (expected, got), request_sent=True
    )


def _identity(data: Any) -> Any:
    return data


def read_text(text: str, is_json: bool) -> str | None:
    """A whole response body as ``str``: a JSON string's value, else the text as it came."""
    text = text.lstrip("\ufeff")
    data, is_read = json_body.decode(text) if is_json else (text or None, True)
    return data if data is None or (is_read and isinstance(data, str)) else text


def _read_str(data: Any) -> str:
    """A JSON value as ``str``: text unchanged, other values in JSON's notation, not Python's."""
    if isinstance(data, (bool, list, dict)):
        import json  # imported late: only a response needs it

        return json.dumps(data)
    return str(data)


def _primitive_reader(type_: type) -> Reader:
    if type_ is str:
        return _read_str

    def read_primitive(data: Any) -> Any:
        if type(data) is type_ or type_ is bytes:  # bytes(7) would be seven zero bytes
            return data
        try:
            return type_(data)
        except TypeError:
            return data
        except (ValueError, OverflowError):
            pass
        raise _unreadable(type_.__name__, "another value")

    return read_primitive


def _read_date(data: Any) -> Any:
    try:
        # Since Python 3.11 it also takes week dates, which dateutil refuses.
        if len(data) == 10 and data[4:8:3] == "--":
            return datetime.date.fromisoformat(data)
    except (TypeError, ValueError):
        pass
    return _parse_date(data, "date").date()


def _read_datetime(data: Any) -> Any:
    return _parse_date(data, "datetime")


@cache
def _date_parser() -> Any:
    """dateutil's parser, loaded for the first date of a process: an OAuth client needs none."""
    return load("dateutil.parser", "parse")


def _parse_date(data: Any, kind: str) -> Any:
    parse = _date_parser()
    if isinstance(data, str) and len(data) <= _LONGEST_DATE:
        try:
            return parse(data)
        except (ValueError, TypeError, OverflowError, ArithmeticError, AttributeError, Warning):
            pass  # Warning: an unknown time zone, where the process turns warnings into errors
    # The official SDK's text and status, which callers may test for.
    shown = data if isinstance(data, (str, int, float)) else type(data).__name__
    raise ApiException(status=0, reason="Failed to parse `%s` as %s object" % (shown, kind))
