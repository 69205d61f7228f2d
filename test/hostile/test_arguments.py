"""Wrong arguments and settings are named before anything is sent, and secret ones are not shown."""

from __future__ import annotations

import functools
import math
import os
import traceback
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any

import pytest

from ultracart import ApiClient, ApiException, Configuration, OauthApi, UltraCartError
from ultracart.exceptions import ConfigurationError

from .conftest import SIMPLE_KEY, assert_clean, everything_shown, exchange
from .server import HostileServer, answer

NAMES = ("code", "redirect_uri", "refresh_token", "device_code", "code_verifier", "client_secret")


@pytest.fixture
def server(serve: Any) -> HostileServer:
    return serve(answer('{"access_token":"a"}'))


def refused(call: Any, server: HostileServer, *words: str) -> BaseException:
    """The error of a call that must fail before anything is sent."""
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert not isinstance(caught.value, ApiException)
    for word in words:
        assert word in str(caught.value)
    assert_clean(everything_shown(caught.value))
    assert server.connections == 0, "something was sent"
    return caught.value


@pytest.mark.parametrize("name", ["client_id", "grant_type"])
@pytest.mark.parametrize("value", [None, ""])
def test_required(server: Any, api_of: Any, name: str, value: Any) -> None:
    arguments = {"client_id": "c", "grant_type": "g", name: value}
    refused(lambda: api_of(server).oauth_access_token(**arguments), server, name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [7, b"bytes", ["x"], {"a": 1}, object(), 1.5, True])
def test_not_text(server: Any, api_of: Any, name: str, value: Any) -> None:
    call = api_of(server).oauth_access_token
    refused(lambda: call("c", "g", **{name: value}), server, name, "str")


@pytest.mark.parametrize("name", NAMES)
def test_lone_surrogate(server: Any, api_of: Any, name: str) -> None:
    call = api_of(server).oauth_access_token
    refused(lambda: call("c", "g", **{name: SIMPLE_KEY + "\ud800"}), server, name)


def test_none_is_never_sent(server: Any, api_of: Any) -> None:
    api_of(server).oauth_access_token("c", "g", **dict.fromkeys(NAMES))
    assert server.requests[0].body == b"client_id=c&grant_type=g"


def test_none_is_never_sent_to_a_resource(serve: Any, client_of: Any) -> None:
    server = serve(answer("{}"))
    form = {"Content-Type": "application/x-www-form-urlencoded", "X-None": None}
    query, formats = [("a", None), ("b", "1"), ("c", [None, 2, None])], {"c": "csv"}
    client_of(server).call_api(
        "/x", "POST", None, query, form, post_params=query, collection_formats=formats
    )
    (request,) = server.requests
    assert request.body == b"b=1&c=2"
    assert request.line == "POST /rest/v2/x?%s HTTP/1.1" % request.body.decode()
    assert "x-none" not in request.headers


@pytest.mark.parametrize("character", ["\0", "\x01", "\n", "\r", "\x1f", "\x7f"], ids=ascii)
@pytest.mark.parametrize("value", [str, str.encode])
def test_control_characters_in_a_header(
    server: Any, client_of: Any, character: str, value: Any
) -> None:
    headers = {"X-Own": value("a%sb" % character)}
    refused(lambda: client_of(server).get("/x", headers=headers), server, "X-Own", "control")


def test_a_tab_in_a_header(server: Any, client_of: Any) -> None:
    client_of(server).get("/x", headers={"X-Own": "a\tb"})
    assert server.requests[0].headers["x-own"] == "a\tb"


WRONG_CALLS = {
    "unknown keyword": (lambda api: api.oauth_me(colour="red"), "colour"),
    "missing argument": (lambda api: api.oauth_revoke("c"), "token"),
    "too many": (lambda api: api.oauth_revoke("c", "t", "x"), "3"),
    "revoke nothing": (lambda api: api.oauth_revoke("c", None), "token"),
    "revoke bytes": (lambda api: api.oauth_revoke("c", b"t"), "token"),
    "no scope": (lambda api: api.oauth_device_authorize("c", ""), "scope"),
}


@pytest.mark.parametrize(("call", "word"), WRONG_CALLS.values(), ids=WRONG_CALLS.keys())
def test_wrong_call(server: Any, api_of: Any, call: Any, word: str) -> None:
    refused(lambda: call(api_of(server)), server, word)


TIMEOUTS = [0, -1, 0.0, math.nan, math.inf, -math.inf, "5", True, (1,), (1, 2, 3), (1, "2"), {}]
TIMEOUTS += [(0, 1), (1, -1), (1, math.nan), Decimal(1), object(), (None, None)]


@pytest.mark.parametrize("timeout", TIMEOUTS, ids=repr)
def test_nonsense_timeout(server: Any, api_of: Any, timeout: Any) -> None:
    api = api_of(server)
    refused(lambda: exchange(api, _request_timeout=timeout), server, "_request_timeout")


def test_timeout_that_no_float_holds_is_long(server: Any, api_of: Any) -> None:
    for timeout in (10**400, (10**400, 1e308)):
        assert exchange(api_of(server), _request_timeout=timeout).access_token == "a"


@pytest.mark.parametrize("timeout", TIMEOUTS, ids=repr)
def test_nonsense_timeout_setting(server: Any, api_of: Any, timeout: Any) -> None:
    api = api_of(server, timeout=timeout)
    error = refused(lambda: exchange(api), server, "Configuration.timeout")
    assert isinstance(error, ValueError)  # ConfigurationError, as for every setting


HOSTS = [
    None,
    7,
    b"https://a.example.com",
    "",
    "secure.ultracart.com",
    "ftp://a.example.com",
    "https://",
    "https:///rest",
    "https://:443",
    "https://a.example.com/\u00e9",
    "https://a.example.com:99999",
    "https://a.example.com:0",
    "https://a.example.com:x",
    "https://a b.example.com",
    "https://a.example.com\r\nX: y",
    "https://a.example.com\\@b.example.com",
    "https://user:" + SIMPLE_KEY + "@a.example.com",
    "https://a.example.com/?key=" + SIMPLE_KEY,
    "https://a.example.com/#x",
    "https://a.example.com/?",
    "https://a.example.com/#",
    "https://" + "a" * 70 + ".example.com",
    "https://a..example.com",
    "https://.example.com",
    "https://a.example.com..",
    "https://[::1",
    "https://[zz]/",
    "https://\ud800.example.com",
    "https://a.example.com/\ud800",
    "file:///etc/passwd",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("host", HOSTS, ids=ascii)
def test_nonsense_host(server: Any, api_of: Any, host: Any) -> None:
    refused(lambda: exchange(api_of(host)), server, "host")


LOOKALIKES = [
    "http://localhost.example.com",
    "http://127.0.0.1.example.com",
    "http://127.0.0.1@example.com",
    "HTTP://example.com",
    "Http://Secure.UltraCart.com/rest/v2",
    "http://localhost@example.com/",
    "http://example.com#localhost",
    "http://example.com/localhost",
    "http://0.0.0.0",
    "http://128.0.0.1",
    "http://[::2]",
    "http://[::ffff:8.8.8.8]",
    "http://127.1.example.com",
    "http://xn--localhost-x",
    "http://localhost\uff0eexample.com",
    "http://2130706434",
]


@pytest.mark.parametrize("host", LOOKALIKES)
def test_plain_http_only_to_loopback(server: Any, api_of: Any, host: str) -> None:
    refused(lambda: exchange(api_of(host)), server)


def test_plain_http_through_a_proxy_leaves_the_machine(server: Any, api_of: Any) -> None:
    api = api_of("http://localhost:9", proxy="http://127.0.0.1:%d" % server.port)
    refused(lambda: exchange(api), server, "allow_insecure_transport")


PROXIES = [7, b"http://p:1", "ftp://p:1", "http://", "http://p:x", "http://p\n:1", "http://[:1"]
PROXIES += ["http://a b:1", "http://\\p:1", "http://a..b:1", "http://%s:1" % ("a" * 70)]
PROXIES += ["http://p:0", "http://[zz]:1", "http://\ud800:1", "http://a]@[::1"]


@pytest.mark.parametrize("proxy", PROXIES, ids=ascii)
def test_nonsense_proxy(server: Any, api_of: Any, proxy: Any) -> None:
    refused(lambda: exchange(api_of("https://127.0.0.1:9", proxy=proxy)), server, "proxy")


def test_secret_of_a_nonsense_proxy_is_not_shown(server: Any, api_of: Any) -> None:
    proxy = "ftp://user:" + SIMPLE_KEY + "@p.example.com"
    refused(lambda: exchange(api_of("https://127.0.0.1:9", proxy=proxy)), server, "proxy")


@pytest.mark.parametrize("name", ["ssl_ca_cert", "cert_file", "key_file"])
@pytest.mark.parametrize("kind", ["missing", "folder", "text", "empty", "number", "nul"])
def test_nonsense_file(server: Any, api_of: Any, name: str, kind: str, tmp_path: Path) -> None:
    text, empty = tmp_path / "text.pem", tmp_path / "empty.pem"
    text.write_text("-----BEGIN CERTIFICATE-----\n%s\n" % SIMPLE_KEY)
    empty.write_text("")
    values: dict[str, Any] = {"missing": "/nowhere.pem", "folder": str(tmp_path), "number": 7}
    values.update(text=str(text), empty=str(empty), nul="a\0b")
    host = "https://127.0.0.1:%d" % server.port
    shown = {"missing": ["/nowhere.pem", "No such file"], "folder": [str(tmp_path)]}
    shown.update(text=[str(text)], empty=[str(empty)])
    call = lambda: exchange(api_of(host, **{name: values[kind]}))  # noqa: E731
    if name != "key_file":  # alone it is refused, whatever it names
        refused(call, server, name, *shown.get(kind, []))
    refused(call, server, name)


@pytest.mark.parametrize("name", ["cert_file", "key_file"])
@pytest.mark.parametrize("kind", ["PEM", "one line", "base64", "short"])
def test_a_key_in_place_of_its_path_is_not_shown(
    server: Any, api_of: Any, authority: Any, name: str, kind: str
) -> None:
    key = "-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n" % SIMPLE_KEY
    values = {"PEM": key, "one line": key.replace("\n", "\\n"), "base64": SIMPLE_KEY * 8}
    values["short"] = SIMPLE_KEY
    settings = {"cert_file": authority.path, name: values[kind]}
    api = api_of("https://127.0.0.1:%d" % server.port, **settings)
    with pytest.raises(ConfigurationError, match="Configuration." + name) as caught:
        exchange(api)
    assert SIMPLE_KEY not in str(caught.value)
    assert server.connections == 0


def test_which_files_are_no_certificate_and_key(
    server: Any, api_of: Any, authority: Any, tmp_path: Path
) -> None:
    key = tmp_path / "a.key"
    key.write_text("no key")
    settings = {"cert_file": authority.path, "key_file": str(key)}
    api = api_of("https://127.0.0.1:%d" % server.port, **settings)
    refused(lambda: exchange(api), server, authority.path, "unencrypted", str(key))


@pytest.mark.parametrize(
    "key", ["a\r\nb", "a\nX-Evil: 1", "a\0b", "caf\u20ac", "\ud800", "a\r\n b"]
)
def test_key_that_no_header_can_carry(server: Any, api_of: Any, key: str) -> None:
    secret = SIMPLE_KEY + key
    api = api_of(server, api_key={"x-ultracart-simple-key": secret})
    refused(lambda: exchange(api), server, "simple-key")
    api = api_of(server, access_token=secret)
    refused(lambda: exchange(api), server, "Authorization")
    api = api_of(server, api_key_prefix={"x-ultracart-simple-key": secret})
    refused(lambda: exchange(api), server, "simple-key")


SETTINGS = [
    ("api_key", None),
    ("api_key", SIMPLE_KEY),
    ("api_key", [SIMPLE_KEY]),
    ("api_key", {"x-ultracart-simple-key": 7}),
    ("api_key", {"x-ultracart-simple-key": b"k"}),
    ("api_key_prefix", None),
    ("api_key_prefix", 7),
    ("access_token", 7),
    ("access_token", b"t"),
    ("access_token", lambda: 7),
    ("access_token", [SIMPLE_KEY]),
    ("retry_budget", "x"),
    ("retry_budget", -1),
    ("retry_budget", math.nan),
    ("retry_budget", math.inf),
    ("retry_budget", 1e9),
    ("retry_budget", 1e12),
    ("retry_budget", True),
    ("max_response_size", 0),
    ("max_response_size", 2**31),
    ("max_response_size", 2**40),
    ("max_response_size", True),
    ("max_response_size", "1"),
    ("max_response_size", 1.5),
    ("assert_hostname", True),
    ("assert_hostname", 0),
    ("assert_hostname", -1),
    ("assert_hostname", b"a.example.com"),
    ("assert_hostname", ["a.example.com"]),
    ("connection_pool_maxsize", 0),
    ("connection_pool_maxsize", None),
    ("connection_pool_maxsize", -3),
    ("request_limiter", 7),
]


@pytest.mark.parametrize(("name", "value"), SETTINGS, ids=lambda v: ascii(v)[:30])
def test_nonsense_setting(server: Any, api_of: Any, name: str, value: Any) -> None:
    refused(lambda: exchange(api_of(server, **{name: value})), server, name)


BOUNDS = [
    ("retry_budget", 0),
    ("retry_budget", 999_999_999.5),
    ("max_response_size", 2**31 - 1),
    ("connection_pool_maxsize", 1),
    ("assert_hostname", False),
    ("assert_hostname", ""),
    ("ssl_ca_cert", ""),
    ("ssl_ca_cert", Path("/nowhere.pem")),  # which http does not read
    ("proxy", ""),
]


@pytest.mark.parametrize(("name", "value"), BOUNDS, ids=lambda v: ascii(v)[:30])
def test_a_setting_at_its_bound(server: Any, api_of: Any, name: str, value: Any) -> None:
    assert exchange(api_of(server, **{name: value})).access_token == "a"


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "caf\xe9", "\ud800", 7, None, b"x"])
def test_nonsense_header_name(server: Any, client_of: Any, name: Any) -> None:
    def call() -> None:
        client = client_of(server)
        client.call_api("/x", "GET", header_params={name: "v"})

    refused(call, server, "header")
    if name is not None:

        def set_by_default() -> None:
            client = client_of(server)
            client.set_default_header(name, "v")
            client.call_api("/x", "GET")

        refused(set_by_default, server, "header")


@pytest.mark.parametrize("value", ["a\nb", "\u20ac", "\ud800", object(), ["\n"], {"a": "\n"}])
def test_nonsense_header_value(server: Any, client_of: Any, value: Any) -> None:
    def call() -> None:
        client_of(server).call_api("/x", "GET", header_params={"X-Thing": value})

    refused(call, server)


CALLS: dict[str, Any] = {
    "method": lambda client: client.call_api("/x", "BREW"),
    "no method": lambda client: client.call_api("/x", None),
    "lower-case method": lambda client: client.call_api("/x", "get"),
    "path of another host": lambda client: client.call_api("@evil.example.com/", "GET"),
    "path with a line break": lambda client: client.call_api("/x\r\nA: b", "GET"),
    "path with a blank": lambda client: client.call_api("/x HTTP/1.1", "GET"),
    "path with a line break alone": lambda client: client.call_api("/a\n/b", "GET"),
    "path with a tab": lambda client: client.call_api("/a\t/b", "GET"),
    "path with a fragment": lambda client: client.call_api("/x#y", "GET"),
    "path with a surrogate": lambda client: client.call_api("/\ud800", "GET"),
    "no path": lambda client: client.call_api(None, "GET"),
    "path parameter None": lambda client: client.call_api("/{a}", "GET", {"a": None}),
    "path parameter dots": lambda client: client.call_api("/{a}/b", "GET", {"a": ".."}),
    "path parameter surrogate": lambda client: client.call_api("/{a}", "GET", {"a": "\ud800"}),
    "query surrogate": lambda client: client.call_api("/x", "GET", None, {"q": "\ud800"}),
    "query number": lambda client: client.call_api("/x", "GET", None, 7),
    "header number": lambda client: client.call_api("/x", "GET", header_params=7),
    "body object": lambda client: client.call_api("/x", "POST", body=object()),
    "body that holds itself": lambda client: client.call_api("/x", "POST", body=cyclic()),
    "body and form": lambda client: client.call_api("/x", "POST", body="b", post_params=[("a", 1)]),
    "missing upload": lambda client: client.call_api("/x", "POST", files={"f": "/nowhere"}),
    "uploads without names": lambda client: client.call_api("/x", "POST", files=["/nowhere"]),
    "upload with a NUL": lambda client: client.call_api("/x", "POST", files={"f": "a\0b"}),
    "unknown model": lambda client: client.call_api("/x", "GET", response_type="Nothing"),
}


MULTIPART = {"Content-Type": "multipart/form-data"}


def test_upload_of_a_number_closes_no_descriptor(server: Any, client_of: Any) -> None:
    reading, writing = os.pipe()
    call = lambda: client_of(server).call_api("/x", "POST", files={"f": reading})  # noqa: E731
    os.close(writing)
    refused(call, server, "files['f']")
    os.close(reading)


def test_multipart_form(server: Any, client_of: Any, tmp_path: Path) -> None:
    client = client_of(server)
    send = functools.partial(client.call_api, "/x", "POST", header_params=MULTIPART)
    another_header = ("a.txt", b"data", "text/plain\r\nX-Evil: 1")
    for value in ([SIMPLE_KEY], {"a": 1}, SIMPLE_KEY + "\ud800", another_header):
        refused(functools.partial(send, post_params=[("odd", value)]), server, "odd")
    upload = tmp_path / "caf\udce9.txt"  # what the system calls a name that it cannot decode
    upload.write_bytes(b"content")
    fields = [("none", None), ("half", 0.5), ("yes", True), ("b", b"bytes")]
    send(post_params=fields, files={"f": str(upload)})
    body = server.requests[0].body
    for part in (b'"half"\r\n\r\n0.5\r\n', b'"yes"\r\n\r\nTrue\r\n', b"bytes", b"content"):
        assert part in body
    assert b"none" not in body.lower()


class Grant(str, Enum):
    DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


class Count(IntEnum):
    ONE = 1


def test_member_of_an_enumeration_is_sent_as_its_value(server: Any, client_of: Any) -> None:
    client, form = client_of(server), {"Content-Type": "application/x-www-form-urlencoded"}
    OauthApi(client).oauth_access_token(Grant.DEVICE, Grant.DEVICE)
    ratio = type("Ratio", (float,), {})(0.5)
    fields = {"g": Grant.DEVICE, "n": Count.ONE, "l": [Grant.DEVICE, Count.ONE], "r": ratio}
    formats, headers = {"l": "csv"}, {**form, "X-G": Grant.DEVICE}
    client.call_api("/{g}/{n}/{l}/{r}", "GET", fields, fields, collection_formats=formats)
    client.call_api(
        "/x", "POST", header_params=headers, post_params=fields, collection_formats=formats
    )
    client.call_api("/x", "POST", body=fields)
    assert len(server.requests) == 4
    for request in server.requests:
        assert b"DEVICE" not in request.raw
        assert b"ONE" not in request.raw
    assert b"device_code" in server.requests[1].raw


def cyclic() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_nonsense_call_of_a_resource(server: Any, client_of: Any, call: Any) -> None:
    refused(lambda: call(client_of(server)), server)


@pytest.mark.parametrize("value", [7, "x", object(), {}])
def test_nonsense_configuration(value: Any) -> None:
    with pytest.raises(TypeError, match="configuration"):
        ApiClient(value)
    with pytest.raises(TypeError, match="default"):
        Configuration.set_default(value)
    with pytest.raises(TypeError, match="api_client"):
        OauthApi(value)


def test_argument_errors_are_ours_and_chain_nothing(server: Any, api_of: Any) -> None:
    error = refused(lambda: exchange(api_of("https://[zz]")), server)
    assert isinstance(error, UltraCartError)
    assert "During handling" not in "".join(traceback.format_exception(None, error, None))


NO_PAIRS = [("query_params", 7), ("query_params", "ab"), ("path_params", ["ab", 1])]
NO_PAIRS += [("post_params", [1]), ("post_params", [("a", "b", "c")])]
NO_PAIRS += [("header_params", "ab"), ("header_params", [("X-A", "b")])]


@pytest.mark.parametrize(("name", "value"), NO_PAIRS)
def test_parameters_that_are_no_pairs(server: Any, client_of: Any, name: str, value: Any) -> None:
    client = client_of(server)
    refused(lambda: client.call_api("/items", "POST", **{name: value}), server, name)


def test_a_limiter_that_is_none(server: Any, api_of: Any) -> None:
    refused(lambda: exchange(api_of(server, request_limiter=7)), server, "request_limiter")
