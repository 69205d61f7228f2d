"""Every operation of the official SDK 4.1.208: on its own client, and mounted on this package's.

``python -m comparison version4 [FOLDER]``: with a folder, this package mounts it; without, the
``ultracart`` that is found is the official one itself.
"""

from __future__ import annotations

import datetime
import io
import json
import tempfile
from collections.abc import Iterator
from typing import Any

from .plain import plain_request
from .recording_server import RecordingServer, answer

_DEEPEST = 2
_TEXT = "t x+t&\u20ac/%"
_MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)


def run_version4(folder: str | None) -> dict[str, Any]:
    """The outcome of every operation: with what is required, and with all arguments."""
    import ultracart

    if folder is not None:
        ultracart.official.mount(folder)
    import ultracart.apis

    names = [name for name in dir(ultracart.apis) if name.endswith("Api") and name != "OauthApi"]
    outcomes: dict[str, Any] = {}
    with RecordingServer() as server, tempfile.TemporaryDirectory() as temporary:
        configuration: Any = ultracart.Configuration()
        configuration.host = server.host
        configuration.access_token = "at"
        configuration.api_key["ultraCartSimpleApiKey"] = "sk"
        configuration.temp_folder_path = temporary
        client = ultracart.ApiClient(configuration)
        for name in names:
            api = getattr(ultracart.apis, name)(client)
            for key, endpoint in sorted(vars(api).items()):
                if key.endswith("_endpoint"):
                    operation = key[: -len("_endpoint")]
                    for form, arguments in _arguments(endpoint):
                        server.script(_answer(endpoint))
                        outcomes["%s.%s %s" % (name, operation, form)] = _outcome(
                            server, getattr(api, operation), arguments
                        )
    return outcomes


def _outcome(server: RecordingServer, operation: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    try:
        data, status, headers = operation(**arguments, _return_http_data_only=False)
        told["result"] = [_plain(data), status, sorted(map(str.lower, headers))]
    except Exception as error:
        told["error"] = [base.__name__ for base in type(error).__mro__]
        told["message"] = str(error)
    told["requests"] = [plain_request(request) for request in server.requests]
    return told


def _plain(value: Any) -> Any:
    if isinstance(value, io.IOBase):
        with value:
            return {"file": value.read().decode("latin-1")}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (datetime.date, datetime.datetime)):
        return {"moment": value.isoformat()}
    if hasattr(value, "openapi_types"):
        return {"model": type(value).__name__, "fields": _plain(value.to_dict())}
    return value


# -- arguments and answers from what an endpoint says of itself --------------------------------


def _arguments(endpoint: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    own = [name for name in endpoint.params_map["all"] if name in endpoint.location_map]
    required = list(endpoint.params_map["required"])
    yield "required", {name: _argument(endpoint, name) for name in required}
    if len(own) > len(required):
        yield "all", {name: _argument(endpoint, name) for name in own}


def _argument(endpoint: Any, name: str) -> Any:
    value = _value(endpoint.openapi_types[name], _bounds(endpoint, (name,)), 0)
    # Where the official SDK fails with a UnicodeEncodeError.
    in_header = endpoint.location_map[name] == "header"
    return value.replace("\u20ac", "E") if in_header else value


def _bounds(owner: Any, key: tuple[str, ...]) -> tuple[list[Any], Any]:
    """The values that are allowed, and the length that a text may have."""
    allowed = owner.allowed_values.get(key) or {}
    longest = (owner.validations.get(key) or {}).get("max_length")
    return [value for value in allowed.values() if value is not None], longest


def _value(types: Any, bounds: tuple[list[Any], Any], depth: int, as_json: bool = False) -> Any:
    """A value of the first of ``types``: for an argument, or as the server sends it."""
    kind = types[0] if isinstance(types, tuple) else types
    allowed, longest = bounds
    if isinstance(kind, list):
        return [_value(tuple(kind), bounds, depth + 1, as_json)]
    if isinstance(kind, dict):
        (item,) = kind.values()
        return {"k": _value(item, ([], None), depth + 1, as_json)}
    if allowed:
        return allowed[0]
    if kind is str:
        return _TEXT[:longest]
    simple = {int: 7, float: 1.5, bool: True}
    if kind in simple:
        return simple[kind]
    if kind in (datetime.datetime, datetime.date):
        moment = _MOMENT if kind is datetime.datetime else _MOMENT.date()
        return moment.isoformat() if as_json else moment
    if issubclass(kind, io.IOBase):
        file = io.BytesIO(b"\x89PNG\r\n\xff")
        file.name = "upload.png"
        return file
    if not hasattr(kind, "openapi_types"):
        return {}
    fields = {}
    for name, field in kind.openapi_types.items():
        first = field[0] if isinstance(field, tuple) else field
        if depth < _DEEPEST or first in (str, int, float, bool):
            key = kind.attribute_map[name] if as_json else name
            fields[key] = _value(field, _bounds(kind, (name,)), depth + 1, as_json)
    return fields if as_json else kind(**fields)


def _answer(endpoint: Any) -> bytes:
    types = endpoint.settings["response_type"]
    if types is None:
        return answer("{}")
    if isinstance(types[0], type) and issubclass(types[0], io.IOBase):
        return answer(b"%PDF-1.7 text", content_type="application/octet-stream")
    return answer(json.dumps(_value(types, ([], None), 0, as_json=True)))
