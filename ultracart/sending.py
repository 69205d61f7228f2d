"""The values of a request: checked, and converted to what can be sent.

A value that cannot be sent as it is meant raises an error that names it, before any I/O. Nothing is
dropped, guessed or sent as a Python ``repr``.
"""

from __future__ import annotations

import datetime
from collections import UserString
from collections.abc import Iterable, Mapping, Sequence, Set, ValuesView
from itertools import chain
from math import isfinite
from typing import Any

from .exceptions import ApiTypeError, ApiValueError
from .json_body import content_type_parts

_SENT_AS_IT_IS = frozenset([type(None), bool, bytes, str, int])
_JSON_KEYS = frozenset([str, int, bool, type(None)])
_SEQUENCES = frozenset([list, tuple])
_TWO = frozenset([2])
_SEPARATORS = {"csv": ",", "ssv": " ", "tsv": "\t", "pipes": "|"}
_FORMATS = ("csv", "multi", "pipes", "ssv", "tsv")
# The most digits of a number in a path, query, form or header; also Python's own limit of str(int).
_MOST_DIGITS = 4300
# Deepest nesting that is sent; a cyclic argument would otherwise end in RecursionError.
_DEEPEST = 200
# Printable ASCII, which stays unchanged in a path that has other characters too.
_URL_CHARACTERS = "".join(map(chr, range(0x21, 0x7F)))
# Methods whose requests have no body (RFC 9110, sections 9.3.1 and 9.3.2).
BODILESS = frozenset(["GET", "HEAD"])


def sanitize(value: Any, depth: int = 0, again: Any = None) -> Any:
    """``value`` as data that JSON or a form can carry.

    ``None``, text, numbers, ``Decimal`` (exact in JSON) and bytes stay. Dates, and other objects
    with ``isoformat()``, become ISO 8601 text, UUIDs text, members of an ``Enum`` their value. A
    model becomes a dict of its fields that are not ``None``, by their JSON names. The items of
    mappings, sequences, sets and models are converted too: by ``again(item, depth)``, if a user's
    class replaces this function.

    Raises:
        ApiTypeError: for anything else.
        ApiValueError: a number that is not finite, or a value that holds itself.
    """
    if type(value) in _SENT_AS_IT_IS:
        return value
    # For a member of a str enumeration: its value, not the text that str() returns.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return _finite(float.__float__(value))
    if isinstance(value, bytes):
        return value
    if depth > _DEEPEST:
        raise ApiValueError("the value to send is nested too deeply, or contains itself")
    stays, nested = (_SENT_AS_IT_IS, sanitize) if again is None else (frozenset(), again)
    depth += 1
    if isinstance(value, list):
        return [item if type(item) in stays else nested(item, depth) for item in value]
    if isinstance(value, tuple):
        return tuple([item if type(item) in stays else nested(item, depth) for item in value])
    if isinstance(value, dict):
        sent = {k: v if type(v) in stays else nested(v, depth) for k, v in value.items()}
        return sent if is_text(sent) else _with_json_keys(sent)
    if hasattr(value, "swagger_types"):
        fields = ((json, getattr(value, name)) for name, json in _wire_names(value))
        return {json: nested(item, depth) for json, item in fields if item is not None}
    if isinstance(value, (datetime.datetime, datetime.date)):
        return _iso(value)
    if hasattr(type(value), "to_wire"):  # a mounted model: see official/version4.py
        return nested(value.to_wire(), depth)
    return _sanitize_uncommon(value, depth, nested)


def _sanitize_uncommon(value: Any, depth: int, nested: Any) -> Any:
    from decimal import Decimal  # imported late: only such values need these
    from enum import Enum
    from numbers import Integral, Real
    from uuid import UUID

    if isinstance(value, Decimal):
        # A subclass may have a ``str()`` of its own.
        return _finite(value if type(value) is Decimal else Decimal(value))
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Enum):
        return nested(value.value, depth)
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, Mapping):
        return nested(dict(value), depth)
    if isinstance(value, UserString):
        return str(value)
    if isinstance(value, (Sequence, Set, ValuesView)):
        return nested(list(value), depth)
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind in ("M", "m") and not hasattr(value, "to_numpy"):  # numpy's own, not pandas'
        return nested(_numpy_times(value, kind), depth)
    if isinstance(value, Integral):
        return int(value)
    if kind == "f" and isinstance(value, Real):  # one number, which tolist() may leave as it is
        return _finite(float(value))
    if hasattr(value, "dtype") and hasattr(value, "tolist"):  # an array, or one value of one
        return nested(value.tolist(), depth)
    if callable(getattr(value, "isoformat", None)):
        return _iso(value)
    raise _unsendable(value)


def _unsendable(value: Any) -> ApiTypeError:
    return ApiTypeError(
        "cannot send a value of type %s: use str, numbers, bool, dates, lists, dicts or models"
        % type(value).__name__
    )


def _numpy_times(value: Any, kind: str) -> Any:
    """numpy's times as ISO 8601 text; ``tolist()`` would make integers of those in nanoseconds."""
    if kind == "m":  # a duration, refused like ``datetime.timedelta``
        raise _unsendable(value)
    texts = value.astype(str)
    if "NaT" in texts:
        raise ApiValueError("cannot send NaT: it is not a date")
    return texts.tolist() if hasattr(texts, "tolist") else str(texts)


def _finite(number: Any) -> Any:
    if not number.is_finite() if hasattr(number, "is_finite") else not isfinite(number):
        raise ApiValueError("cannot send %s: neither JSON nor a form can hold it" % number)
    return number


def _iso(value: Any) -> str:
    if value != value:  # pandas.NaT
        raise ApiValueError("cannot send %s: it is not a date" % value)
    return str(value.isoformat())


def _key(key: Any) -> Any:
    if type(key) in _JSON_KEYS:
        return key
    made = sanitize(key)
    if type(made) in (list, tuple, dict, bytes):
        raise ApiTypeError("cannot send a dict with a key of type %s" % type(key).__name__)
    return as_text("a key", made)


def _with_json_keys(given: dict[Any, Any]) -> dict[Any, Any]:
    sent = {_key(key): value for key, value in given.items()}
    names = {True: "true", False: "false", None: "null"}
    texts = {names[k] if k is None or isinstance(k, bool) else str(k) for k in sent}
    if len(texts) != len(given):
        raise ApiValueError("cannot send a dict in which two keys are the same text")
    return sent


def _wire_names(model: Any) -> Iterable[tuple[str, str]]:
    return ((name, model.attribute_map[name]) for name in model.swagger_types)


def sanitize_argument(name: str, value: Any, own: Any = sanitize) -> Any:
    """``own(value)``, with errors that say where in the argument ``name`` the value is.

    Raises:
        ApiTypeError, ApiValueError: see :func:`sanitize`.
    """
    try:
        return own(value)
    except (ApiTypeError, ApiValueError) as error:
        pairs = value if name != "body" and not isinstance(value, Mapping) else _items(value)
        raise type(error)("%s%s: %s" % (name, _place(pairs, own), error)) from None


def _items(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value.items()
    return enumerate(value) if isinstance(value, (list, tuple)) else ()


def _place(items: Any, own: Any, deepest: int = 8) -> str:
    """The place of the item that ``own`` refuses, such as ``['items'][3]``."""
    for key, item in items if deepest else ():
        try:
            own(item)
        except (ApiTypeError, ApiValueError):
            return "[%s]" % ascii(key)[:80] + _place(_items(item), own, deepest - 1)
    return ""


def as_text(name: str, value: Any) -> str:
    """``value`` as text for a path, query, form or header.

    Raises:
        ApiTypeError: a list, a dict, or something else that cannot become text, naming ``name``.
        ApiValueError: a number that is not finite.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        if isinstance(value, float) and not isfinite(value):
            raise ApiValueError("%s is %s, which cannot be sent" % (name, value))
        try:
            return str(value)
        except ValueError:  # more digits than Python writes
            raise ApiValueError("%s has too many digits" % name) from None
    if isinstance(value, bytes):
        raise ApiTypeError("%s must be text, not bytes" % name)
    made: Any = None if isinstance(value, (list, tuple, Mapping)) else sanitize(value)
    if hasattr(made, "as_tuple"):  # a Decimal: in plain digits, as money is written
        if max(abs(made.adjusted()), abs(made.as_tuple().exponent)) > _MOST_DIGITS:
            raise ApiValueError("%s has too many digits" % name)
        return format(made, "f")
    if made is None or isinstance(made, (list, tuple, dict)):
        raise ApiTypeError(
            "%s is a %s, but only text can be sent there: set collection_formats for a list, or "
            "make text of it with json.dumps()" % (name, type(value).__name__)
        )
    return as_text(name, made)


def is_text(values: Iterable[Any]) -> bool:
    """Whether all of these are ``str``, which is sent as it is."""
    return set(map(type, values)) <= {str}


def is_text_in_pairs(pairs: Iterable[Any]) -> bool:
    """Whether all names and values of these pairs are ``str``."""
    return is_text(chain.from_iterable(pairs))


def checked_pairs(name: str, params: Any) -> Any:
    """``params``, a mapping or (name, value) pairs; an iterator becomes a list.

    Raises:
        ApiTypeError: it is neither, naming the argument.
    """
    if hasattr(params, "items"):
        return params
    if isinstance(params, (str, bytes)) or not hasattr(params, "__iter__"):
        raise ApiTypeError("%s must be a dict or (name, value) pairs" % name)
    pairs = params if isinstance(params, (list, tuple)) else list(params)
    fits = _SEQUENCES.issuperset(map(type, pairs)) or all(
        isinstance(pair, (list, tuple)) for pair in pairs
    )
    if not fits or not _TWO.issuperset(map(len, pairs)):
        raise ApiTypeError("%s must be a dict or (name, value) pairs" % name)
    return pairs


def require_no_body(method: str, body: Any, fields: Any) -> None:
    """Check that a request without a body is given none.

    Raises:
        ApiValueError: there is a body, which would not be sent.
    """
    if method in BODILESS and (body is not None or fields):
        raise ApiValueError(
            "a %s request has no body: use query_params in place of body, post_params and files"
            % method
        )


def format_collections(
    params: Any, collection_formats: Mapping[str, str] | None
) -> list[tuple[str, Any]]:
    """(name, value) pairs; collections that ``collection_formats`` names are joined (``csv``,
    ``ssv``, ``tsv``, ``pipes``) or repeated (``multi``). ``None`` is left out, in collections too.

    Raises:
        ApiTypeError, ApiValueError: an unknown format, or an item that cannot become text.
    """
    given = params.items() if hasattr(params, "items") else params
    formats = _checked_formats(collection_formats or {})
    pairs: list[tuple[str, Any]] = []
    for name, value in given:
        if name not in formats:
            pairs.append((name, _without_none(value)))
            continue
        format_ = formats[name]
        if value is None:
            continue
        if isinstance(value, Mapping):
            raise ApiTypeError("%s is a dict, which cannot be sent as a list" % ascii(name))
        # Text is one value, not a collection of letters.
        items = [value] if not isinstance(value, Iterable) or _is_text_or_bytes(value) else value
        items = [item for item in items if item is not None]
        if format_ == "multi":
            pairs.extend((name, item) for item in items)
        else:
            text = _SEPARATORS[format_].join([as_text(ascii(name), item) for item in items])
            pairs.append((name, text))
    return pairs


def _checked_formats(formats: Any) -> Mapping[str, str]:
    if not isinstance(formats, Mapping):
        raise ApiTypeError(
            "collection_formats must be a dict by parameter name, such as {'_expand': 'csv'}"
        )
    for name, format_ in formats.items():
        if format_ not in _FORMATS:
            raise ApiValueError(
                "collection_formats[%s] must be one of %s" % (ascii(name), ", ".join(_FORMATS))
            )
    return formats


def _is_text_or_bytes(value: Any) -> bool:
    return isinstance(value, (str, bytes))


def _without_none(value: Any) -> Any:
    """``value``, a result of :func:`sanitize`, without the ``None`` items of lists and dicts."""
    if type(value) is dict:
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if type(value) is list:
        return [_without_none(item) for item in value if item is not None]
    return value  # a tuple is a file, which may have no name


def joined_headers(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """A dict of these headers; values of a repeated name are joined by commas (RFC 9110, 5.3)."""
    headers: dict[str, Any] = {}
    for name, value in pairs:
        before = headers.get(name)
        headers[name] = value if before is None else "%s, %s" % (before, as_text(name, value))
    return headers


def expand_path(template: str, params: Iterable[tuple[str, Any]], safe: str) -> str:
    """``template`` with each ``{name}`` replaced by its value, percent-encoded but for ``safe``.

    Raises:
        ApiTypeError, ApiValueError: a name without a value, a value without a name, or a value that
            would call another resource than the one meant.
    """
    if not isinstance(template, str) or template[:1] not in ("/", ""):
        raise ApiValueError("resource_path must be str and start with '/'")
    if not is_encodable(template):
        raise ApiValueError("resource_path holds a lone surrogate")
    params = list(params)
    if not params and "{" not in template and template.isascii():
        return template
    from urllib.parse import quote  # only paths like these need it

    values: dict[str, str] = {}
    for name, value in params:
        if name in values:
            raise ApiValueError("path parameter %s is given twice" % ascii(name))
        values[name] = quote(_path_value(name, value), safe=safe or "")
    path, *rest = template.split("{")
    used = set()
    for piece in rest:
        name, brace, literal = piece.partition("}")
        if not brace or "/" in name:  # a brace without a name
            path += "{" + piece
            continue
        if name not in values:
            raise ApiValueError("resource_path needs a path parameter %s" % ascii(name))
        used.add(name)
        path += values[name] + literal
    if len(used) < len(values):
        unknown = [ascii(name) for name in values if name not in used]
        raise ApiValueError(
            "resource_path has no {name} for the path parameter %s" % ", ".join(unknown)
        )
    if safe and values:
        _require_same_resource(template, path)
    return path if path.isascii() else quote(path, safe=_URL_CHARACTERS)


def _path_value(name: Any, value: Any) -> str:
    if value is None or value in ("", ".", ".."):
        raise ApiValueError(
            "path parameter %s is None, empty or a dot segment: "
            "pass the value that names the resource" % ascii(name)
        )
    text = value if type(value) is str else as_text("path parameter %s" % ascii(name), value)
    if not is_encodable(text):
        raise ApiValueError("path parameter %s holds a lone surrogate" % ascii(name))
    return text


def _require_same_resource(template: str, path: str) -> None:
    """Check that no value, with the characters that stay unescaped, changed the path's shape."""
    segments, before = _segments(path), _segments(template)
    if (
        {".", ".."}.intersection(segments)
        or (segments[-1] == "") != (before[-1] == "")
        or segments.count("") != before.count("")
        or any(path.count(mark) != template.count(mark) for mark in "?#")
    ):
        raise ApiValueError(
            "a path parameter would call another resource: "
            "see Configuration.safe_chars_for_path_param"
        )


def _segments(path: str) -> list[str]:
    """The segments of a path as servers may read them (RFC 3986, section 6.2.2)."""
    path = path.partition("?")[0].lower().replace("%2e", ".")
    return path.replace("\\", "/").split("/")


def encoded(text: str, name: str, content_type: str = "") -> bytes:
    """``text`` in the charset that ``content_type`` names, else in UTF-8.

    Raises:
        ApiValueError: it cannot be encoded, naming ``name``.
    """
    if not is_encodable(text):
        raise ApiValueError("%s holds a lone surrogate, which no encoding can carry" % name)
    _, charset, _ = content_type_parts(content_type)
    try:
        return text.encode(charset or "utf-8")
    except (LookupError, UnicodeError):
        pass  # the UnicodeError holds the whole text, so it must not become the context
    raise ApiValueError("%s cannot be encoded as %s, its content type's charset" % (name, charset))


def is_encodable(text: str) -> bool:
    """Whether ``text`` can be sent as UTF-8: it holds no lone surrogate."""
    if text.isascii():
        return True
    import six  # imported late: only text of other characters needs it

    try:
        six.ensure_binary(text, "utf-8")
    except UnicodeEncodeError:
        return False
    return True
