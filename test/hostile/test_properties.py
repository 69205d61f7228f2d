"""Any answer is a token or an ApiException; any argument is sent or refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ultracart import ApiClient, Configuration, OauthApi
from ultracart.exceptions import error_fields
from ultracart.redaction import redactor
from ultracart.transport.limits import retry_after_seconds

from .oracle import CODE, judge, sender
from .server import HostileServer, answer

some = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
text = st.text(max_size=40)
scalar = st.none() | st.booleans() | st.integers() | st.floats() | text
tree = st.recursive(
    scalar, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4)
)
FIELDS = ["access_token", "token_type", "expires_in", "refresh_token", "scope", "merchant_id"]
FIELDS += ["error", "error_description", "error_uri"]
answers = st.dictionaries(st.sampled_from(FIELDS) | text, tree, max_size=7)
STATUSES = [200, 201, 204, 302, 400, 401, 429, 500, 503, 599]


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    running = HostileServer(b"")
    yield running
    running.close()


@pytest.fixture(scope="module")
def api(server: HostileServer) -> Iterator[OauthApi]:
    configuration = Configuration()
    configuration.host = server.host
    configuration.retry_budget = 0
    with ApiClient(configuration) as client:
        yield OauthApi(client)


@some
@given(body=answers, status=st.sampled_from(STATUSES))
def test_any_json(server: HostileServer, api: OauthApi, body: Any, status: int) -> None:
    server.steps = [answer(json.dumps(body), "%d Some" % status)]
    judge(api)


@some
@given(body=st.binary(max_size=200), status=st.sampled_from(STATUSES))
def test_any_body(server: HostileServer, api: OauthApi, body: bytes, status: int) -> None:
    server.steps = [sender(answer(body, "%d Some" % status))]
    judge(api)


@some
@given(
    headers=st.lists(
        st.tuples(
            st.sampled_from(
                "Content-Length Transfer-Encoding Content-Encoding Retry-After".split()
                + "Location Connection UC-REST-ERROR X :".split()
                + ["", " ", "\t"]
            ),
            st.sampled_from(["chunked", "gzip", "deflate", "23", "-1", "0", "close", "", CODE])
            | st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=20),
        ),
        max_size=6,
    ),
    body=st.binary(max_size=60),
)
def test_any_headers(server: HostileServer, api: OauthApi, headers: Any, body: bytes) -> None:
    lines = ["HTTP/1.1 200 OK", *("%s: %s" % pair for pair in headers), "", ""]
    server.steps = [sender("\r\n".join(lines).encode("latin-1") + body)]
    judge(api)


@some
@given(data=st.binary(max_size=300))
def test_any_bytes(server: HostileServer, api: OauthApi, data: bytes) -> None:
    server.steps = [sender(data)]
    judge(api)


PIECES = [
    b"HTTP/1.1 ",
    b"200",
    b" OK",
    b"\r\n",
    b"\n",
    b"\r",
    b"Content-Length: ",
    b"23",
    b"0",
    b"-",
]
PIECES += [
    b"Transfer-Encoding: chunked",
    b"17",
    b'{"access_token":"good"}',
    b";",
    b":",
    b" ",
    b"\0",
]
PIECES += [
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"\xff",
    b"1f",
    CODE.encode(),
    b"Content-Encoding: gzip",
]


@some
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=25))
def test_any_arrangement(server: HostileServer, api: OauthApi, pieces: list[bytes]) -> None:
    server.steps = [sender(b"".join(pieces))]
    judge(api)


@some
@given(values=st.fixed_dictionaries({}, optional=dict.fromkeys(("code", "scope"), text | scalar)))
def test_any_argument(server: HostileServer, api: OauthApi, values: Any) -> None:
    server.steps = [answer('{"access_token":"a"}')]
    value = values.get("code")
    before = len(server.requests)
    refusal = ""
    try:
        api.oauth_access_token("c", "g", code=value)
    except (TypeError, ValueError) as error:
        refusal = str(error)
    if refusal:
        assert refusal.startswith(("code ", "'code' "))
        assert len(server.requests) == before
    else:
        sent = dict(parse_qsl(server.requests[-1].body.decode(), keep_blank_values=True))
        assert sent.get("code") == (value or None)


@some
@given(name=st.text(max_size=12), value=text | st.integers() | st.none())
def test_any_header(server: HostileServer, api: OauthApi, name: str, value: Any) -> None:
    server.steps = [answer("{}")]
    before = len(server.requests)
    try:
        api.api_client.call_api("/x", "GET", header_params={"X" + name: value})
    except (TypeError, ValueError):
        assert len(server.requests) == before
    else:
        sent = server.requests[-1].headers
        expected = {"content-type", "host", "accept-encoding", "user-agent", "connection"}
        assert set(sent) - expected <= {"x-ultracart-api-version", ("x" + name).lower()}


@some
@given(value=st.text(max_size=30) | st.sampled_from(["Sun, 06 Nov 1994 08:49:37 GMT", "9" * 400]))
def test_any_retry_after(value: str) -> None:
    seconds = retry_after_seconds({"Retry-After": value, "Date": value[::-1]})
    assert seconds is None or 0 <= seconds < 1e11


@some
@given(secret=st.text(min_size=8, max_size=40), before=text, after=text)
def test_redaction_hides_any_secret(secret: str, before: str, after: str) -> None:
    shown = redactor([secret])(before + secret + after)
    if not any(
        secret.lower()[i : i + 8] in (before + after).lower() for i in range(len(secret) - 7)
    ):
        assert secret not in shown or "***" in secret


@some
@given(body=tree | st.binary(max_size=50) | text)
def test_error_fields_of_anything(body: Any) -> None:
    error_fields(body).get("error")
    error_fields(json.dumps(body) if not isinstance(body, (bytes, str)) else body).get("error")
