"""Decides how values become JSON-able data and how data becomes values of a named type.

Types are named as in UltraCart's API description: ``str``, ``int``, ``float``, ``bool``, ``date``,
``datetime``, ``object``, ``list[X]``, ``dict(str, X)`` or a model's name; a class does as well.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from .exceptions import ApiException, ApiResponseError, ApiTypeError, ApiValueError
from .late_imports import load

if TYPE_CHECKING:
    from dateutil import parser as parser  # see _date_parser; for tools that bundle applications

Reader = Callable[[Any], Any]

PRIMITIVE_TYPES = (float, bool, bytes, str, int)
_SENT_AS_IT_IS = frozenset([type(None), *PRIMITIVE_TYPES])
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
_SEQUENCES = frozenset([list, tuple])
_TWO = frozenset([2])
_SEPARATORS = {"ssv": " ", "tsv": "\t", "pipes": "|"}
# What a cyclic or absurdly nested argument would otherwise end in: RecursionError.
_DEEPEST = 200
# What stays as it is in a path that holds other characters too: printable ASCII.
_URL_CHARACTERS = "".join(map(chr, range(0x21, 0x7F)))
# Characters; dateutil takes time that grows with the square of what it is given.
_LONGEST_DATE = 200


def sanitize(value: Any, depth: int = 0, again: Any = None) -> Any:
    """``value`` as data that ``json.dumps`` or a form can take.

    ``None``, text, numbers and bytes stay; dates become ISO 8601 text; lists, tuples and dicts are
    walked; a model becomes a dict of its fields that are not ``None``, by their JSON names.
    ``again(item, depth)`` takes what these hold, where a user's class replaces this function.

    Raises:
        ApiTypeError: for anything else.
    """
    if type(value) in _SENT_AS_IT_IS:
        return value
    # A member of an enumeration, say: sent is what it equals, not what str() makes of it.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, PRIMITIVE_TYPES):
        return value
    if depth > _DEEPEST:
        raise ApiValueError("the value to send is nested too deeply, or holds itself")
    stays, nested = (_SENT_AS_IT_IS, sanitize) if again is None else (frozenset(), again)
    depth += 1
    if isinstance(value, list):
        return [item if type(item) in stays else nested(item, depth) for item in value]
    if isinstance(value, tuple):
        return tuple([item if type(item) in stays else nested(item, depth) for item in value])
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if isinstance(value, dict):
        return {k: v if type(v) in stays else nested(v, depth) for k, v in value.items()}
    if not hasattr(value, "swagger_types"):
        raise ApiTypeError(
            "cannot send a value of type %s: use str, numbers, bool, dates, lists, dicts or models"
            % type(value).__name__
        )
    fields = ((json, getattr(value, name)) for name, json in _wire_names(value))
    return {json: nested(item, depth) for json, item in fields if item is not None}


def is_text(values: Iterable[Any]) -> bool:
    """Whether all of these are ``str``, which is sent as it is."""
    return set(map(type, values)) <= {str}


def is_text_in_pairs(pairs: Iterable[Any]) -> bool:
    """Whether all names and values of these pairs are ``str``."""
    return is_text(chain.from_iterable(pairs))


def require_pairs(path_params: Any, query_params: Any, post_params: Any) -> None:
    """Check what a call is given for its path, query and form.

    Raises:
        ApiTypeError: one of them is neither a mapping nor (name, value) pairs.
    """
    if path_params:
        _require_pairs("path_params", path_params)
    if query_params:
        _require_pairs("query_params", query_params)
    if post_params:
        _require_pairs("post_params", post_params)


def _require_pairs(name: str, params: Any) -> None:
    if isinstance(params, (list, tuple)):
        sequences = _SEQUENCES.issuperset(map(type, params)) or all(
            isinstance(pair, (list, tuple)) for pair in params
        )
        fits = sequences and _TWO.issuperset(map(len, params))
    else:
        fits = isinstance(params, Iterable) and not isinstance(params, (str, bytes))
    if not fits:
        raise ApiTypeError("%s must be a dict or (name, value) pairs" % name)


def _wire_names(model: Any) -> Iterable[tuple[str, str]]:
    return ((name, model.attribute_map[name]) for name in model.swagger_types)


def format_collections(
    params: Any, collection_formats: Mapping[str, str] | None
) -> list[tuple[str, Any]]:
    """(name, value) pairs, each listed collection joined (``csv``, ``ssv``, ``tsv``, ``pipes``) or,
    as ``multi``, repeated; ``None`` is never sent, in a collection neither."""
    given = params.items() if hasattr(params, "items") else params
    formats = collection_formats or {}
    pairs: list[tuple[str, Any]] = []
    for name, value in given:
        if name not in formats:
            pairs.append((name, _without_none(value)))
        elif formats[name] == "multi":
            pairs.extend((name, item) for item in value)
        else:
            separator = _SEPARATORS.get(formats[name], ",")
            items = (str(_without_none(item)) for item in value if item is not None)
            pairs.append((name, separator.join(items)))
    return pairs


def _without_none(value: Any) -> Any:
    """``value``, as :func:`sanitize` leaves it, without what is ``None`` in lists and dicts."""
    if type(value) is dict:
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if type(value) in _SEQUENCES:
        return type(value)([_without_none(item) for item in value if item is not None])
    return value


def expand_path(template: str, params: Iterable[tuple[str, Any]], safe: str) -> str:
    """``template`` with each ``{name}`` replaced by its value, percent-encoded but for ``safe``.

    Raises:
        ApiValueError: a value that would call another resource than the one meant.
    """
    if not isinstance(template, str) or template[:1] not in ("/", ""):
        raise ApiValueError("resource_path must be str and start with '/'")
    if not is_encodable(template):
        raise ApiValueError("resource_path holds a lone surrogate")
    params = list(params)
    if not params and template.isascii():
        return template
    from urllib.parse import quote  # only paths like these need it

    for name, value in params:
        if value is None or value in ("", ".", ".."):
            raise ApiValueError(
                "path parameter %s is None, empty or a dot segment: "
                "pass the value that names the resource" % ascii(name)
            )
        if not is_encodable(str(value)):
            raise ApiValueError("path parameter %s holds a lone surrogate" % ascii(name))
        template = template.replace("{%s}" % name, quote(str(value), safe=safe or ""))
    return template if template.isascii() else quote(template, safe=_URL_CHARACTERS)


def is_encodable(text: str) -> bool:
    """Whether ``text`` can be sent as UTF-8: it holds no lone surrogate."""
    if text.isascii():
        return True
    import six  # for other text alone, so that an ordinary process never loads it

    try:
        six.ensure_binary(text, "utf-8")
    except UnicodeEncodeError:
        return False
    return True


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
            ApiException: a date that is none.
            ApiResponseError: data of the wrong shape.
        """
        if data is None:
            from_empty_body = getattr(type_, "from_empty_body", None)
            return None if from_empty_body is None else from_empty_body()
        return self.prepare(type_)(data)

    def prepare(self, type_: Any) -> Reader:
        """What :meth:`read` reads ``type_`` with.

        Raises:
            ApiTypeError: no such type.
        """
        reader = self._readers.get(type_)
        if reader is None:
            reader = self._readers[type_] = self._build(type_)
        return reader

    def _build(self, type_: Any) -> Reader:
        if isinstance(type_, str):
            if type_.startswith("list["):
                return self._list_reader(type_[5:-1], type_)
            _, comma, value_type = type_.partition(", ")
            if type_.startswith("dict(") and type_.endswith(")") and comma:
                return self._dict_reader(value_type[:-1], type_)
            native = self.natives.get(type_)
            type_ = getattr(self.models, type_, None) if native is None else native
            if type_ is None:
                raise ApiTypeError(
                    "response_type names a model that ApiClient.models does not have"
                )
        if not isinstance(type_, type) and not hasattr(type_, "from_wire"):
            raise ApiTypeError(
                "response_type must be the name of a type or a class, not %s" % type(type_).__name__
            )
        if type_ is object:
            return _identity
        # Subclasses too: libraries that stop the clock in tests put theirs in place of these.
        if isinstance(type_, type) and issubclass(type_, datetime.datetime):
            return _read_datetime
        if isinstance(type_, type) and issubclass(type_, datetime.date):
            return _read_date
        if type_ in PRIMITIVE_TYPES:
            return _primitive_reader(type_)
        return self._model_reader(type_)

    def _list_reader(self, item_type: str, name: str) -> Reader:
        read = self.read

        def read_list(data: Any) -> Any:
            if not isinstance(data, (list, tuple)):
                raise wrong_shape(name, data)
            return [read(item, item_type) for item in data]

        return read_list

    def _dict_reader(self, item_type: str, name: str) -> Reader:
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
        fields: dict[str, Any] = getattr(model, "swagger_types", None) or {}
        has_children = "get_real_child_model" in vars(model)
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


def _construct(model: Any, given: Mapping[str, Any]) -> Any:
    try:
        return model(**given)
    except ValueError:
        pass  # a generated model quotes the refused value, so it must not become the context
    raise _unreadable(model.__name__, "a value that the model refuses")


def wrong_shape(expected: str, data: Any) -> ApiResponseError:
    """The error for data of another kind than ``expected``; quotes nothing of it."""
    return _unreadable(expected, "JSON of type %s" % type(data).__name__)


def _unreadable(expected: str, got: str) -> ApiResponseError:
    return ApiResponseError(
        reason="the answer is not a %s: got %s" % (expected, got), request_sent=True
    )


def _identity(data: Any) -> Any:
    return data


def _primitive_reader(type_: type) -> Reader:
    def read_primitive(data: Any) -> Any:
        if type(data) is type_ or type_ is bytes:  # bytes(7) would be seven zeros
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
        # Since Python 3.11 it also takes week dates, which dateutil (and Python 3.9) refuses.
        if len(data) == 10 and data[4:8:3] == "--":
            return datetime.date.fromisoformat(data)
    except (TypeError, ValueError):
        pass
    return _parse_date(data, "date").date()


def _read_datetime(data: Any) -> Any:
    return _parse_date(data, "datetime")


@cache
def _date_parser() -> Any:
    """dateutil's; loaded by the first date of a process, as an OAuth client never needs it."""
    return load("dateutil.parser", "parse")


def _parse_date(data: Any, kind: str) -> Any:
    parse = _date_parser()
    if isinstance(data, str) and len(data) <= _LONGEST_DATE:
        try:
            return parse(data)
        except (ValueError, TypeError, OverflowError, ArithmeticError, AttributeError, Warning):
            pass  # a Warning where the process makes errors of them: of an unknown time zone
    # The official SDK's words and status, which callers may test for.
    shown = data if isinstance(data, (str, int, float)) else type(data).__name__
    raise ApiException(status=0, reason="Failed to parse `%s` as %s object" % (shown, kind))
