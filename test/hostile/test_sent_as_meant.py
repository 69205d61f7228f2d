"""Any argument is refused before anything is sent, or on the wire as it was meant."""

from __future__ import annotations

import datetime
import decimal
import json
import math
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ultracart import ApiClient, ApiTypeError, ApiValueError, Configuration

from .server import HostileServer, Request, answer

some = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FORM = "application/x-www-form-urlencoded"
text = st.text(max_size=20) | st.text(
    st.sampled_from("./\\%{}?#&=+;,| a\u00e9\ud800\0\r\n"), max_size=8
)
number = st.integers() | st.floats() | st.decimals() | st.booleans()
moment = st.datetimes() | st.dates() | st.times()
scalar = number | moment | text | st.uuids()
tree = st.recursive(
    st.none() | scalar,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(text | st.integers(), inner, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)
# Values of one field, also of those kinds that need a collection format.
field = (
    st.none() | scalar | st.lists(scalar, max_size=3) | st.dictionaries(text, scalar, max_size=2)
)
# With some characters left unescaped, these would name another resource.
elsewhere = st.sampled_from(
    ["../x", "x/..", "x/../y", "%2e%2e/x", "a//b", "a/", "/", "\\..\\x", "a?b", "x#y", "a/b"]
)
safe_characters = st.sampled_from(["", "/", "/%", "\\/", "?#", "{}:@", "./"])
fields = st.dictionaries(text, field, max_size=4)


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    running = HostileServer(answer("{}"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def client(server: HostileServer) -> Iterator[ApiClient]:
    with ApiClient(Configuration(host=server.host)) as made:
        yield made


def sent(
    server: HostileServer, client: ApiClient, method: str, path: str, **options: Any
) -> Request | None:
    """The request of the call, or ``None`` where it was refused."""
    before = len(server.requests)
    try:
        client.call_api(path, method, **options)
    except (ApiTypeError, ApiValueError):
        assert len(server.requests) == before, "refused after it was sent"
        return None
    assert len(server.requests) == before + 1
    return server.requests[-1]


def is_finite(value: Any) -> bool:
    if isinstance(value, decimal.Decimal):
        return value.is_finite()
    return not isinstance(value, float) or math.isfinite(value)


def is_encodable(value: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in value)


def as_text(value: Any) -> str | None:
    """What a URL or form should carry; ``None`` where that is not possible."""
    if isinstance(value, (list, dict)) or not is_finite(value):
        return None
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    made = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return made if is_encodable(made) else None


def pairs_meant(values: dict[str, Any]) -> list[tuple[str, str]] | None:
    """The pairs that should arrive; ``None`` where one of them cannot be sent."""
    meant = []
    for name, value in values.items():
        if value is not None:
            shown = as_text(value)
            if shown is None or not is_encodable(name):
                return None
            meant.append((name, shown))
    return meant


@some
@given(values=fields)
def test_queries(server: HostileServer, client: ApiClient, values: dict[str, Any]) -> None:
    request = sent(server, client, "GET", "/x", query_params=values)
    meant = pairs_meant(values)
    assert (request is None) == (meant is None)
    if request is not None:
        query = request.line.split(" ")[1].partition("?")[2]
        assert parse_qsl(query, keep_blank_values=True) == meant


@some
@given(values=fields)
def test_forms(server: HostileServer, client: ApiClient, values: dict[str, Any]) -> None:
    headers = {"Content-Type": FORM}
    request = sent(server, client, "POST", "/x", post_params=values, header_params=headers)
    meant = pairs_meant(values)
    assert (request is None) == (meant is None)
    if request is not None:
        assert parse_qsl(request.body.decode(), keep_blank_values=True) == meant


@some
@given(
    items=st.lists(st.none() | scalar, max_size=4), how=st.sampled_from(["csv", "pipes", "multi"])
)
def test_collections(server: HostileServer, client: ApiClient, items: list[Any], how: str) -> None:
    request = sent(
        server, client, "GET", "/x", query_params={"q": items}, collection_formats={"q": how}
    )
    shown = [as_text(item) for item in items if item is not None]
    assert (request is None) == (None in shown)
    if request is not None:
        query = request.line.split(" ")[1].partition("?")[2]
        values = [value for _, value in parse_qsl(query, keep_blank_values=True)]
        separator = {"csv": ",", "pipes": "|"}.get(how)
        assert values == (shown if separator is None else [separator.join(map(str, shown))])


@some
@given(
    a=field,
    b=scalar,
    more=st.dictionaries(st.sampled_from(["a", "b", "c", "{a}"]), scalar, max_size=1),
    safe=safe_characters,
)
def test_paths(
    server: HostileServer, client: ApiClient, a: Any, b: Any, more: dict[str, Any], safe: str
) -> None:
    path_is_as_meant(server, client, a, b, more, safe)


@some
@given(a=elsewhere, b=elsewhere | st.integers(), safe=safe_characters)
def test_no_value_leaves_its_resource(
    server: HostileServer, client: ApiClient, a: Any, b: Any, safe: str
) -> None:
    path_is_as_meant(server, client, a, b, {}, safe)


def path_is_as_meant(
    server: HostileServer, client: ApiClient, a: Any, b: Any, more: dict[str, Any], safe: str
) -> None:
    values = {"a": a, "b": b, **more}
    client.configuration.safe_chars_for_path_param = safe
    request = sent(server, client, "GET", "/items/{a}/parts/{b}", path_params=values)
    if not set(values) <= {"a", "b"}:
        assert request is None
    shown = [as_text(values["a"]), as_text(values["b"])]
    if request is None:
        fits = [s is not None and s not in ("", ".", "..") for s in shown]
        plain = safe == "" or not any(set("/\\?#%.") & set(s or "") for s in shown)
        assert not (all(fits) and set(values) <= {"a", "b"} and plain and a is not None)
        return
    path, _, query = request.line.split(" ")[1].partition("?")
    assert not query
    assert path.startswith("/rest/v2/items/")
    assert not {".", ".."} & set(path.replace("\\", "/").lower().replace("%2e", ".").split("/"))
    assert "//" not in path
    if "%" not in safe:
        assert unquote(path, errors="strict") == "/rest/v2/items/%s/parts/%s" % tuple(shown)


def json_meant(value: Any) -> Any:
    """What JSON should carry, with numbers as ``Decimal``.

    Raises:
        ValueError: it cannot be carried.
    """
    if not is_finite(value):
        raise ValueError
    if isinstance(value, (list, tuple)):
        return [json_meant(item) for item in value]
    if isinstance(value, dict):
        made = {str(key): json_meant(item) for key, item in value.items()}
        if len(made) != len(value):
            raise ValueError
        return made
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return decimal.Decimal(repr(value))
    if isinstance(value, (decimal.Decimal, datetime.date, datetime.time)):
        return value if isinstance(value, decimal.Decimal) else value.isoformat()
    return str(value)


@some
@given(body=tree.filter(lambda value: value is not None))
def test_json(server: HostileServer, client: ApiClient, body: Any) -> None:
    request = sent(server, client, "POST", "/x", body=body)
    try:
        meant = json_meant(body)
    except ValueError:
        assert request is None
        return
    assert request is not None
    read = json.loads(request.body, parse_float=decimal.Decimal, parse_int=decimal.Decimal)
    assert read == meant
    assert type(read) is type(meant)


@some
@given(value=field, name=st.sampled_from(["X-A", "x-b", "X_c"]) | text)
def test_headers(server: HostileServer, client: ApiClient, value: Any, name: str) -> None:
    request = sent(server, client, "GET", "/x", header_params={name: value})
    shown = "" if value is None else as_text(value)
    if request is None:
        clean = shown is not None and shown.isascii() and shown.isprintable()
        assert not (clean and name in ("X-A", "x-b", "X_c"))
        return
    names = {name.lower()} if value is not None else set()
    usual = {"host", "accept-encoding", "user-agent", "x-ultracart-api-version", "content-type"}
    assert set(request.headers) - usual <= names | {"connection"}
    if value is not None:
        assert request.headers[name.lower()].encode("latin-1").decode("latin-1") == (
            str(shown).strip(" \t")
        )


@some
@given(content=st.binary(max_size=60), name=st.text(max_size=12), field_name=st.text(max_size=8))
def test_uploads(
    server: HostileServer, client: ApiClient, content: bytes, name: str, field_name: str
) -> None:
    request = sent(server, client, "POST", "/x", files={field_name: (name, content)})
    if request is None:
        assert not is_encodable(name) or not is_encodable(field_name)
        return
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    head, _, body = request.body.partition(b"\r\n\r\n")
    assert body == content + b"\r\n--" + boundary + b"--\r\n"
    assert head.startswith(b"--" + boundary + b"\r\nContent-Disposition: form-data; name=")
    assert head.count(b"\r\n") == 2
