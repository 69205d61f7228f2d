"""What is sent is what was meant, or it is refused by name before anything is sent."""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import email.policy
import enum
import json
import numbers
import types
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from ultracart import ApiClient, ApiTypeError, ApiValueError, Configuration, OauthApi
from ultracart.sandbox import Sandbox

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def anything_is_answered(sandbox: Sandbox, answer: Callable[..., None]) -> Iterator[None]:
    answer({}, times=None)
    yield
    sandbox.faults.clear()


class Color(enum.Enum):
    RED = "red"
    DUE = datetime.date(2026, 5, 9)


class Nothing(enum.Enum):
    NONE = None


class Number:
    """As a number or array of numpy looks."""

    dtype = "float32"

    def __init__(self, value: Any) -> None:
        self.value = value

    def tolist(self) -> Any:
        return self.value


class Times:
    """As times of numpy look, whose ``tolist()`` makes numbers of nanoseconds."""

    def __init__(self, kind: str, text: Any) -> None:
        self.dtype = types.SimpleNamespace(kind=kind)
        self.text = text

    def astype(self, type_: type) -> Any:
        return self.text

    def __int__(self) -> int:
        return 1704164645123456789

    def tolist(self) -> int:
        return int(self)


numbers.Integral.register(Times)  # as numpy's durations are


class Loud(decimal.Decimal):
    """A number that writes itself in a way of its own."""

    def __str__(self) -> str:
        return "loud"

    def __format__(self, *_: Any) -> str:
        return "loud"


class LongDouble:
    """As numpy's long double looks, of which ``tolist()`` makes no other number."""

    dtype = types.SimpleNamespace(kind="f")

    def __float__(self) -> float:
        return 0.5

    def tolist(self) -> LongDouble:
        return self


numbers.Real.register(LongDouble)


class Point(NamedTuple):
    x: int
    y: int


JSON_VALUES = {
    "decimal": (decimal.Decimal("9.90"), "9.90"),
    "large decimal": (decimal.Decimal("12345678901234567890.123456789"), None),
    "decimal beyond floats": (decimal.Decimal("1E+400"), "1E+400"),
    "decimal in a list": ([1, {"p": decimal.Decimal("0.10")}], '[1, {"p": 0.10}]'),
    "decimal zero": (decimal.Decimal(0), "0"),
    "uuid": (uuid.UUID(int=7), '"00000000-0000-0000-0000-000000000007"'),
    "enum": (Color.RED, '"red"'),
    "enum of a date": ([Color.DUE], '["2026-05-09"]'),
    "set": ({3}, "[3]"),
    "empty set": (set(), "[]"),
    "frozenset": (frozenset(["a"]), '["a"]'),
    "deque": (collections.deque([1, 2]), "[1, 2]"),
    "range": (range(2), "[0, 1]"),
    "array": (array.array("i", [1]), "[1]"),
    "keys": ({"a": 1}.keys(), '["a"]'),
    "values": ({"a": 1}.values(), "[1]"),
    "named tuple": (Point(1, 2), "[1, 2]"),
    "other mapping": (types.MappingProxyType({"a": {1}}), '{"a": [1]}'),
    "user dict": (collections.UserDict(a=1), '{"a": 1}'),
    "chain map": (collections.ChainMap({"a": 1}), '{"a": 1}'),
    "time": (datetime.time(4, 5), '"04:05:00"'),
    "numpy number": ([Number(1.5)], "[1.5]"),
    "numpy array": (Number([1, 2]), "[1, 2]"),
    "numpy times": (Times("M", "2024-01-02T03:04:05.123456789"), '"2024-01-02T03:04:05.123456789"'),
    "numpy long double": ([LongDouble()], "[0.5]"),
    "user string": (collections.UserString("a"), '"a"'),
    "decimal that writes itself": ([Loud("1.20")], "[1.20]"),
    "keys of other types": (
        {Color.RED: 1, uuid.UUID(int=7): 2, datetime.date(2026, 5, 9): 3},
        '{"red": 1, "00000000-0000-0000-0000-000000000007": 2, "2026-05-09": 3}',
    ),
    "numbers as keys": ({2: 2, 1.5: 3}, '{"2": 2, "1.5": 3}'),
}


@pytest.mark.parametrize(("value", "sent"), JSON_VALUES.values(), ids=JSON_VALUES.keys())
def test_json(sandbox: Sandbox, client: ApiClient, value: Any, sent: str | None) -> None:
    client.call_api("/x", "POST", body=value)
    text = sandbox.requests[-1].body.decode("ascii")
    assert text == (str(value) if sent is None else sent)
    json.loads(text)


TEXT_VALUES = {
    "decimal": (decimal.Decimal("9.90"), "9.90"),
    "large decimal": (decimal.Decimal("1E+3"), "1000"),
    "uuid": (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    "enum": (Color.RED, "red"),
    "date": (datetime.date(2026, 5, 9), "2026-05-09"),
    "true": (True, "True"),
    "float": (0.5, "0.5"),
    "numpy number": (Number(7), "7"),
    "numpy time": (Times("M", "2024-01-02"), "2024-01-02"),
    "decimal that writes itself": (Loud("1.20"), "1.20"),
}


@pytest.mark.parametrize(("value", "sent"), TEXT_VALUES.values(), ids=TEXT_VALUES.keys())
def test_path_query_form_and_header(
    sandbox: Sandbox, client: ApiClient, value: Any, sent: str
) -> None:
    client.call_api(
        "/x/{p}",
        "POST",
        path_params={"p": value},
        query_params={"q": value},
        header_params={"X-H": value, "Content-Type": FORM + "; charset=UTF-8"},
        post_params={"f": value, "l": [value, value]},
        collection_formats={"l": "pipes"},
    )
    request = sandbox.requests[-1]
    assert request.path.endswith("/x/" + sent)
    assert request.query.to_dict() == {"q": sent}
    assert request.headers["X-H"] == sent
    assert request.form.to_dict() == {"f": sent, "l": "%s|%s" % (sent, sent)}


def _parts(sandbox: Sandbox) -> dict[str, str]:
    """The parts of the last request's multipart body, by field name."""
    request = sandbox.requests[-1]
    head = b"Content-Type: %s\r\n\r\n" % request.headers["Content-Type"].encode()
    message = email.message_from_bytes(head + request.body, policy=email.policy.HTTP)
    return {
        str(part.get_param("name", header="Content-Disposition")): part.get_payload(
            decode=True
        ).decode()  # type: ignore[union-attr]
        for part in message.iter_parts()
    }


def test_multipart_values(sandbox: Sandbox, client: ApiClient) -> None:
    fields = {"price": decimal.Decimal("1.50"), "color": Color.RED, "none": None}
    client.call_api("/x", "POST", post_params=fields, files={"f": b"1"})
    assert _parts(sandbox) == {"price": "1.50", "color": "red", "f": "1"}


@pytest.mark.parametrize("format_", ["csv", "multi", None])
@pytest.mark.parametrize("none", [None, Nothing.NONE])
def test_none_is_never_sent(
    sandbox: Sandbox, client: ApiClient, none: Any, format_: str | None
) -> None:
    formats = {"q": format_} if format_ else None
    client.call_api("/x", "GET", query_params={"q": none}, collection_formats=formats)
    assert sandbox.requests[-1].query.to_dict() == {}
    assert sandbox.requests[-1].query_string == ""


NAN, INFINITY = float("nan"), float("-inf")
CYCLE: list[Any] = []
CYCLE.append(CYCLE)
REFUSED: dict[str, tuple[str, dict[str, Any], type[Exception], str]] = {
    "NaN": ("POST", {"body": {"items": [{"price": NAN}]}}, ValueError, r"body\['items'\]\[0\]"),
    "infinity": ("POST", {"body": INFINITY}, ValueError, "body"),
    "decimal NaN": ("POST", {"body": [decimal.Decimal("sNaN")]}, ValueError, "body"),
    "NaN as a key": ("POST", {"body": {NAN: 1}}, ValueError, "body"),
    "NaN in a form": ("POST", {"post_params": {"p": NAN}}, ValueError, "'p'"),
    "NaN in a query": ("GET", {"query_params": [("p", INFINITY)]}, ValueError, "p"),
    "NaN in a path": ("GET", {"path": "/{p}", "path_params": {"p": NAN}}, ValueError, "p"),
    "NaN in a header": ("GET", {"header_params": {"X-P": NAN}}, ValueError, "X-P"),
    "NaN in a collection": (
        "GET",
        {"query_params": {"p": [NAN]}, "collection_formats": {"p": "csv"}},
        ValueError,
        "p",
    ),
    "cycle": ("POST", {"body": CYCLE}, ValueError, "contains itself"),
    "bytes in JSON": ("POST", {"body": {"a": [b"x"]}}, TypeError, r"body\['a'\]\[0\]: .*bytes"),
    "digits beyond JSON": ("POST", {"body": {"a": 10**5000}}, ValueError, r"body\['a'\].*digits"),
    "no time of numpy": ("POST", {"body": [Times("M", "NaT")]}, ValueError, r"body\[0\].*NaT"),
    "numpy duration": ("POST", {"body": Times("m", "5 seconds")}, TypeError, "Times"),
    "infinite decimal": ("POST", {"body": decimal.Decimal("-inf")}, ValueError, "-Infinity"),
    "decimal of endless digits": (
        "GET",
        {"query_params": {"q": decimal.Decimal("1E+999999999999")}},
        ValueError,
        "'q' has too many digits",
    ),
    "decimal of endless zeros": (
        "GET",
        {"path": "/{p}", "path_params": {"p": decimal.Decimal("1E-9999")}},
        ValueError,
        "'p' has too many digits",
    ),
    "generator": ("POST", {"body": (i for i in "ab")}, TypeError, "generator"),
    "object": ("POST", {"body": {"a": [object()]}}, TypeError, r"body\['a'\]\[0\].*object"),
    "function": ("POST", {"body": print}, TypeError, "builtin_function"),
    "equal keys": ("POST", {"body": {1: 2, "1": 3}}, ValueError, "same text"),
    "tuple as a key": ("POST", {"body": {(1, 2): 3}}, TypeError, "key of type tuple"),
    "unfilled name": ("GET", {"path": "/items/{oid}"}, ValueError, "'oid'"),
    "misspelt name": (
        "GET",
        {"path": "/items/{oid}", "path_params": {"iod": 1}},
        ValueError,
        "'oid'",
    ),
    "unknown name": ("GET", {"path_params": {"oid": 1}}, ValueError, "'oid'"),
    "one of two names": (
        "GET",
        {"path": "/{a}/{b}", "path_params": {"a": 1}},
        ValueError,
        "'b'",
    ),
    "name given twice": (
        "GET",
        {"path": "/{a}", "path_params": [("a", 1), ("a", 2)]},
        ValueError,
        "twice",
    ),
    "dict in a path": ("GET", {"path": "/{a}", "path_params": {"a": {}}}, TypeError, "'a'"),
    "list in a path": ("GET", {"path": "/{a}", "path_params": {"a": [1]}}, TypeError, "'a'"),
    "bytes in a path": ("GET", {"path": "/{a}", "path_params": {"a": b"x"}}, TypeError, "'a'"),
    "list in a query": ("GET", {"query_params": {"q": [1]}}, TypeError, "'q'.*collection_formats"),
    "dict in a query": ("GET", {"query_params": {"q": {"a": 1}}}, TypeError, "'q'"),
    "set in a query": ("GET", {"query_params": {"q": {1}}}, TypeError, "'q'"),
    "model in a query": ("GET", {"query_params": {"q": OauthApi}}, TypeError, "q"),
    "list in a form": ("POST", {"post_params": {"f": (1, 2, 3, 4)}}, TypeError, "'f'"),
    "list in a multipart form": (
        "POST",
        {"post_params": {"f": [1]}, "files": {"u": b""}},
        TypeError,
        "'f'",
    ),
    "list in a header": ("GET", {"header_params": {"X-L": ["a"]}}, TypeError, "X-L"),
    "list in a collection": (
        "GET",
        {"query_params": {"q": [[1]]}, "collection_formats": {"q": "csv"}},
        TypeError,
        "'q'",
    ),
    "dict as a collection": (
        "GET",
        {"query_params": {"q": {"a": 1}}, "collection_formats": {"q": "multi"}},
        TypeError,
        "'q'",
    ),
    "unknown format": (
        "GET",
        {"query_params": {"q": [1]}, "collection_formats": {"q": "mutli"}},
        ValueError,
        "multi",
    ),
    "unknown format of a name that is not given": (
        "GET",
        {"collection_formats": {"q": "mutli"}},
        ValueError,
        r"collection_formats\['q'\].*multi",
    ),
    "formats by position": (
        "GET",
        {"query_params": {"q": [1]}, "collection_formats": "csv"},
        TypeError,
        "collection_formats must be a dict",
    ),
    "formats that are a number": (
        "GET",
        {"query_params": {"q": [1]}, "collection_formats": 5},
        TypeError,
        "collection_formats must be a dict",
    ),
    "body of a GET": ("GET", {"body": {"a": 1}}, ValueError, "GET request has no body"),
    "empty body of a HEAD": ("HEAD", {"body": {}}, ValueError, "HEAD request has no body"),
    "form of a GET": ("GET", {"post_params": {"a": "1"}}, ValueError, "no body"),
    "files of a GET": ("GET", {"files": {"a": b"1"}}, ValueError, "no body"),
    "form of a JSON type": (
        "POST",
        {"post_params": {"a": "1"}, "header_params": {"Content-Type": "application/json"}},
        ValueError,
        "post_params.*application/json",
    ),
    "files of a form type": (
        "POST",
        {"files": {"a": b"1"}, "header_params": {"Content-Type": FORM}},
        ValueError,
        "multipart/form-data",
    ),
    "files of a text type": (
        "PUT",
        {"files": {"a": b"1"}, "header_params": {"Content-Type": "text/plain"}},
        ValueError,
        "files",
    ),
    "body of a form type": (
        "POST",
        {"body": {"a": 1}, "header_params": {"Content-Type": FORM + "; charset=utf-8"}},
        ValueError,
        "body.*post_params",
    ),
    "body and form": ("POST", {"body": {}, "post_params": {"a": "1"}}, ValueError, "body"),
    "form in another charset": (
        "POST",
        {"post_params": {"a": "1"}, "header_params": {"Content-Type": FORM + ";charset=cp1252"}},
        ValueError,
        "UTF-8",
    ),
    "text beyond its charset": (
        "POST",
        {"body": "\u20ac", "header_params": {"Content-Type": "text/plain; charset=latin-1"}},
        ValueError,
        "latin-1",
    ),
    "unknown scheme": ("GET", {"auth_settings": ["ultraCartOAuth"]}, ValueError, "ultraCartOauth"),
    "scheme as text": ("GET", {"auth_settings": "ultraCartOauth"}, TypeError, "auth_settings"),
    "unknown type": ("GET", {"response_type": "json"}, TypeError, "'json'.*'object'"),
    "number of too many digits": ("GET", {"query_params": {"q": 10**5000}}, ValueError, "q"),
}


@pytest.mark.parametrize(
    ("method", "options", "error", "words"), REFUSED.values(), ids=REFUSED.keys()
)
def test_refused_before_anything_is_sent(
    sandbox: Sandbox,
    client: ApiClient,
    method: str,
    options: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    client.configuration.access_token = "token"
    options = dict(options)
    with pytest.raises(error, match="(?s)" + words):
        client.call_api(options.pop("path", "/x"), method, **options)
    assert not sandbox.requests


@pytest.mark.parametrize("call", ["GET", "HEAD"])
def test_a_body_that_no_request_has_is_refused_at_each_entrance(
    sandbox: Sandbox, client: ApiClient, call: str
) -> None:
    url = sandbox.host + "/x"
    with pytest.raises(ValueError, match="no body"):
        client.request(call, url, body={"a": 1})
    with pytest.raises(ValueError, match="no body"):
        client.rest_client.request(call, url, body={"a": 1})
    assert not sandbox.requests


def test_content_type_follows_from_what_is_given(sandbox: Sandbox, client: ApiClient) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        client.call_api("/x", method, post_params=[("a", "1"), ("b", None)])
        assert sandbox.requests[-1].form.to_dict() == {"a": "1"}
        client.call_api("/x", method, files={"f": ("a.txt", b"1")}, post_params={"a": "1"})
        assert sandbox.requests[-1].headers["Content-Type"].startswith("multipart/form-data; ")
        assert _parts(sandbox) == {"a": "1", "f": "1"}
        assert b'filename="a.txt"' in sandbox.requests[-1].body


@pytest.mark.parametrize(
    ("content_type", "sent"),
    [
        ("text/plain", b"caf\xc3\xa9"),
        ("text/plain; charset=iso-8859-1", b"caf\xe9"),
        ('text/csv; header=present; Charset="UTF-16-LE"', "caf\u00e9".encode("utf-16-le")),
    ],
)
def test_text_in_the_charset_of_its_type(
    sandbox: Sandbox, client: ApiClient, content_type: str, sent: bytes
) -> None:
    client.call_api("/x", "POST", header_params={"content-type": content_type}, body="caf\u00e9")
    assert sandbox.requests[-1].body == sent


def test_multipart_with_a_boundary_of_the_callers(sandbox: Sandbox, client: ApiClient) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=here"}
    client.call_api("/x", "POST", header_params=headers, post_params={"a": "1"})
    request = sandbox.requests[-1]
    assert request.headers["Content-Type"] == "multipart/form-data; boundary=here"
    assert request.body.startswith(b"--here\r\n")
    assert _parts(sandbox) == {"a": "1"}


def test_text_is_no_collection_of_letters(sandbox: Sandbox, client: ApiClient) -> None:
    formats = dict.fromkeys("abcd", "csv") | {"m": "multi"}
    query = {"a": "xy", "b": 7, "c": ("x", None, "y"), "d": {"only"}, "m": "xy"}
    client.call_api("/x", "GET", query_params=query, collection_formats=formats)
    sent = sandbox.requests[-1].query.to_dict()
    assert sent == {"a": "xy", "b": "7", "c": "x,y", "d": "only", "m": "xy"}


def test_a_repeated_header_is_one_list(sandbox: Sandbox, client: ApiClient) -> None:
    client.call_api(
        "/x", "GET", header_params={"X-L": ["a", 2]}, collection_formats={"X-L": "multi"}
    )
    assert sandbox.requests[-1].headers["X-L"] == "a, 2"


def test_names_in_a_path_are_filled_once(sandbox: Sandbox, client: ApiClient) -> None:
    client.configuration.safe_chars_for_path_param = "{}"
    client.call_api("/x/{a}/{b}/{a}", "GET", path_params={"a": "{b}", "b": "2"})
    assert sandbox.requests[-1].path.endswith("/x/{b}/2/{b}")


@pytest.mark.parametrize(
    ("safe", "template", "values"),
    [
        ("/", "/items/{a}", ["../../oauth/me", "x/../y", "x/..", "./x", "/", "x/", "x//y"]),
        ("/%", "/items/{a}", ["%2e%2e/me", "x/%2E./y"]),
        ("/\\", "/items/{a}", ["..\\me", "x\\..\\y"]),
        ("?#", "/items/{a}", ["x?y=1", "x#y"]),
        ("/", "/items/{a}{b}/x", ["x/."]),
    ],
)
def test_no_value_leaves_its_resource(
    sandbox: Sandbox, client: ApiClient, safe: str, template: str, values: list[str]
) -> None:
    client.configuration.safe_chars_for_path_param = safe
    for value in values:
        names = {"a": value, "b": value} if "{b}" in template else {"a": value}
        with pytest.raises(ValueError, match="another resource"):
            client.call_api(template, "GET", path_params=names)
    assert not sandbox.requests


def test_what_stays_unescaped_in_a_path(sandbox: Sandbox, client: ApiClient) -> None:
    client.configuration.safe_chars_for_path_param = "/:@"
    client.call_api("/items/{a}", "GET", path_params={"a": "a.b/c..d/e:f@g"})
    assert sandbox.requests[-1].path.endswith("/items/a.b/c..d/e:f@g")


class _Keys(Configuration):
    def auth_settings(self) -> dict[str, Any]:
        key = {"type": "api_key", "in": "query", "key": "k", "value": "v"}
        return {**super().auth_settings(), "own": key}


def test_a_scheme_of_the_users_own(sandbox: Sandbox) -> None:
    configuration = _Keys(host=sandbox.host)
    with ApiClient(configuration) as client:
        client.call_api("/x", "GET", auth_settings=("own", "ultraCartOauth"))
        with pytest.raises(ValueError, match="own"):
            client.call_api("/x", "GET", auth_settings=["typo"])
    (request,) = sandbox.requests
    assert request.query.to_dict() == {"k": "v"}


def test_an_argument_error_in_the_background_comes_from_get(
    sandbox: Sandbox, client: ApiClient
) -> None:
    started = client.call_api("/{a}", "GET", async_req=True)
    with pytest.raises(ValueError, match="'a'"):
        started.get(10)
    assert not sandbox.requests


def test_schemes_may_come_from_an_iterator(sandbox: Sandbox, client: ApiClient) -> None:
    client.configuration.access_token = "the-token"
    client.call_api("/x", "GET", auth_settings=(name for name in ["ultraCartOauth"]))
    assert sandbox.requests[-1].headers["Authorization"] == "Bearer the-token"


@pytest.mark.parametrize("value", ["text", 7])
def test_parameters_may_come_from_an_iterator(
    sandbox: Sandbox, client: ApiClient, value: Any
) -> None:
    client.call_api(
        "/x/{p}",
        "POST",
        path_params=(pair for pair in [("p", value)]),
        query_params=iter([["q", value]]),
        post_params={"f": value}.items(),
    )
    request = sandbox.requests[-1]
    assert request.path.endswith("/x/%s" % value)
    assert request.query.to_dict() == {"q": str(value)}
    assert request.form.to_dict() == {"f": str(value)}


@pytest.mark.parametrize("pairs", [[("a",)], [("a", 1, 2)], [1], "ab", 7, [("a", 1), None]])
def test_what_is_no_pair(sandbox: Sandbox, client: ApiClient, pairs: Any) -> None:
    for name in ("path_params", "query_params", "post_params"):
        given: dict[str, Any] = {name: pairs}
        with pytest.raises(TypeError, match=name):
            client.call_api("/x", "POST", **given)
        given = {name: iter(pairs) if pairs != 7 else 7}
        with pytest.raises(TypeError, match=name):
            client.call_api("/x", "POST", **given)
    assert not sandbox.requests


class Symbol:
    """As of a library for mathematics: it has only one of the methods of a ``Decimal``."""

    def is_finite(self) -> bool:
        return True


class Table:
    def as_tuple(self) -> tuple[int, ...]:
        return (1, 2)


@pytest.mark.parametrize("value", [Symbol(), Table()])
def test_what_merely_resembles_a_decimal_is_no_number(
    sandbox: Sandbox, client: ApiClient, value: Any
) -> None:
    for body in (value, [value]):
        with pytest.raises(TypeError, match="body"):
            client.rest_client.POST(sandbox.host + "/x", body=body)
    assert not sandbox.requests


_DEEP: Any = []
for _ in range(100_000):
    _DEEP = [_DEEP]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([NAN], "not finite"),
        ([decimal.Decimal(1), INFINITY], "not finite"),
        ([decimal.Decimal("inf")], "not finite"),
        (CYCLE, "deep|contains itself"),
        ([decimal.Decimal(1), CYCLE], "deep|contains itself"),
        ([b"x"], "bytes"),
        ({"a": _DEEP}, "deep"),
    ],
    ids=lambda value: ascii(value)[:30] if isinstance(value, str) else None,
)
def test_the_transport_itself_sends_no_broken_json(
    sandbox: Sandbox, client: ApiClient, body: Any, words: str
) -> None:
    with pytest.raises((ApiTypeError, ApiValueError), match=words):
        client.rest_client.POST(sandbox.host + "/x", body=body)
    assert not sandbox.requests


@pytest.mark.parametrize("path", ["/caf\xe9", "/a b", "/a#b", "/a\tb", "/?q=caf\xe9", "/?q=a b"])
def test_the_transport_itself_sends_no_broken_path(
    sandbox: Sandbox, client: ApiClient, path: str
) -> None:
    with pytest.raises(ApiValueError, match="percent-encoded"):
        client.rest_client.GET(sandbox.host + path)
    assert not sandbox.requests


@pytest.mark.parametrize("part", ["query_params", "post_params"])
def test_the_field_that_no_encoding_can_carry_is_named(
    sandbox: Sandbox, client: ApiClient, part: str
) -> None:
    fields = [("right", "1"), ("number", 7), ("none", None), ("wrong", "planted \ud800")]
    with pytest.raises(ApiValueError, match=r"^'wrong' holds a lone surrogate"):
        client.rest_client.POST(sandbox.host + "/x", **{part: fields})
    with pytest.raises(ApiValueError, match=r"^'\\ud800' holds a lone surrogate"):
        client.rest_client.POST(sandbox.host + "/x", **{part: {"right": "1", "\ud800": "2"}})
    assert not sandbox.requests


def test_what_follows_a_none_in_a_multipart_form_is_sent(
    sandbox: Sandbox, client: ApiClient
) -> None:
    fields = [("a", "1"), ("none", None), ("f", ("a.txt", b"2")), ("b", "3")]
    client.rest_client.POST(sandbox.host + "/x", post_params=fields)
    assert _parts(sandbox) == {"a": "1", "f": "2", "b": "3"}


@pytest.mark.parametrize("file", [("\ud800", b"1"), ("n", "\ud800"), ("n", "1", "\ud800")])
def test_a_file_that_no_encoding_can_carry_is_refused(
    sandbox: Sandbox, client: ApiClient, file: Any
) -> None:
    with pytest.raises(ApiValueError, match="'f'"):
        client.rest_client.POST(sandbox.host + "/x", post_params=[("f", file)])
    assert not sandbox.requests


@pytest.mark.parametrize("value", ["a\t b", "caf\xe9\xa0au lait", "\x80\xff"])
def test_header_values_that_are_unusual_but_allowed(
    sandbox: Sandbox, client: ApiClient, value: str
) -> None:
    client.call_api("/x", "GET", header_params={"X-Own": value})
    assert sandbox.requests[-1].headers["X-Own"] == value
