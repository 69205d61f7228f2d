"""The cases of ``deserialize``: what JSON or text becomes for each type, through a whole call."""

from __future__ import annotations

import datetime
import json
from typing import Any

from . import synthetic_models as models
from .harness import Case

_LEAF_JSON = '{"onDate": "2026-02-03", "at": "2026-02-03T04:05:06+02:00", "amounts": {"a": ["1"]}}'
_TREE_JSON = json.dumps(
    {
        "name": 5,
        "leaf": json.loads(_LEAF_JSON),
        "leaves": [json.loads(_LEAF_JSON), {}, None],
        "by-name": {"k": {"at": "Feb 3 2026"}, "n": None},
        "anything": {"deep": [1, {"x": None}]},
        "count": "7",
        "ratio": 1,
        "alive": 1,
        "unknown": "dropped",
    }
)
# (type, JSON text): each is read through a whole call.
_READ: list[tuple[Any, str]] = [
    ("Tree", _TREE_JSON),
    ("list[Tree]", "[%s, null]" % _TREE_JSON),
    ("dict(str, Tree)", '{"a": %s}' % _TREE_JSON),
    ("list[dict(str, list[Leaf])]", '[{"a": [%s]}]' % _LEAF_JSON),
    ("Animal", '{"kind": "dog", "barks": true}'),
    ("Animal", '{"kind": "cat"}'),
    ("Animal", '{"kind": "fish", "barks": true}'),
    ("Open", '{"known": "1", "other": [2]}'),
    ("Empty", '{"kept": "as sent"}'),
    ("Picky", '{"size": "S"}'),
    ("Picky", '{"size": "XXL"}'),
    ("Tree", "null"),
    ("Tree", "{}"),
    ("Tree", '"text"'),
    ("Tree", "[]"),
    ("Tree", "5"),
    ("str", '"x\u20ac"'),
    ("str", "5"),
    ("str", "true"),
    ("str", "not json"),
    ("str", ""),
    ("str", "[1]"),
    ("int", "5"),
    ("int", '"5"'),
    ("int", "1.9"),
    ("int", "[]"),
    ("int", '"x"'),
    ("long", "5"),
    ("float", "1"),
    ("float", '"2.5"'),
    ("bool", "0"),
    ("bool", '"false"'),
    ("object", '{"a": [1, null]}'),
    ("object", "plain text"),
    ("object", ""),
    ("date", '"2026-02-03"'),
    ("date", '"2026-02-03T04:05:06Z"'),
    ("date", "2026-02-03"),
    ("date", '"soon"'),
    ("date", '"2026-W05-1"'),
    ("date", "5"),
    ("datetime", '"2026-02-03T04:05:06Z"'),
    ("datetime", '"2026-02-03T04:05:06.789-05:30"'),
    ("datetime", '"2026-02-03 04:05"'),
    ("datetime", '"soon"'),
    ("list[str]", '[1, null, "a"]'),
    ("list[list[int]]", '[["1"], [2]]'),
    ("list[str]", '"abc"'),
    ("list[str]", '{"a": 1}'),
    ("list[str]", "5"),
    ("dict(str, int)", '{"a": "1", "b": null}'),
    ("dict(str, dict(str, int))", '{"a": {"b": "1"}}'),
    ("dict(str, int)", "[1]"),
    ("NoSuchModel", "{}"),
    (str, "5"),
    (int, '"5"'),
    (float, "1"),
    (bool, "1"),
    (object, "[1]"),
    (datetime.date, '"2026-02-03"'),
    (datetime.datetime, '"2026-02-03T04:05:06Z"'),
    (models.Leaf, _LEAF_JSON),
    (models.Animal, '{"kind": "dog"}'),
]


def _read(type_: Any, text: str) -> Case:
    shown = type_ if isinstance(type_, str) else "class " + type_.__name__
    return Case("read: %s from %s" % (shown, text), lambda sdk: sdk.deserialize(text, type_))


CASES = [_read(type_, text) for type_, text in _READ]
