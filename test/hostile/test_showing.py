"""Showing: whatever a server or a user wrote is shown without secrets, and showing never raises."""

from __future__ import annotations

import html
import json
import logging
from typing import Any
from urllib.parse import quote

import pytest

from ultracart import ApiConnectionError, ApiException, ApiResponseError
from ultracart.redaction import MASK, mask_fields, redactor, secrets_in, show

from .conftest import BEARER, REFRESH, assert_clean, exchange
from .server import answer

SECRET = 'p\u0130n%41&"qu\u00f6ted"/Xyz+12 34\''


def each_char(text: str) -> str:
    return "".join("%%%02x" % byte for byte in text.encode("utf-8"))


SPELLINGS = {
    "as it is": str,
    "upper case": str.upper,
    "URL": quote,
    "every character": each_char,
    "URL twice": lambda text: quote(quote(text, safe=""), safe=""),
    "URL six times": lambda text: quote(quote(quote(quote(quote(quote(text)))))),
    "HTML": html.escape,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON in HTML in a URL": lambda text: quote(html.escape(json.dumps(text)[1:-1])),
    "cut": lambda text: text[5:],
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_a_secret_however_it_is_spelled(spell: Any) -> None:
    shown = show("before <%s> after" % spell(SECRET), [SECRET])
    assert MASK in shown
    assert shown.startswith("before <")
    assert shown.endswith("> after")
    for start in range(len(SECRET) - 7):
        part = SECRET[start : start + 8]
        assert part.lower() not in shown.lower()
        assert part.replace("%41", "A").lower() not in shown.lower()


def test_what_holds_no_secret_is_shown_as_it_is() -> None:
    text = "100%25 of C:\\new &amp; refresh_token_example"
    assert show(text, [BEARER]) == text


def test_a_secret_that_looks_encoded_is_known_decoded() -> None:
    assert "abcdAfghij" not in show("it was abcdAfghij", ["abcd%41fghij"])
    assert "abcdAfghij" not in show("it was abcdAfghij", ["abcd%2541fghij"])


class Rude:
    """Something that cannot be shown."""

    def __str__(self) -> str:
        raise KeyError("planted-secret")

    __repr__ = __str__


def endless() -> Any:
    value: dict[str, Any] = {"a": [1]}
    value["a"].append(value)
    return value


ODD = [Rude(), None, b"\xff\x00", "\ud800", "%", "\\u", "&#xffffffff;", "\\uD800", 7, endless()]
ODD.append("%25" * 5000 + "41")


@pytest.mark.parametrize("text", ODD, ids=lambda value: type(value).__name__)
def test_showing_anything_never_raises(text: Any) -> None:
    assert isinstance(show(text, ["planted-secret", "\ud800abc", "%" * 9]), str)
    assert isinstance(redactor([1, None])(text), str)  # type: ignore[list-item]
    assert isinstance(mask_fields({"a": text, "b": [text, {"code": text}]}), dict)
    list(secrets_in(text))


def test_fields_inside_of_fields_are_masked() -> None:
    fields = {
        "outer": [{"token": "planted-one"}, {"deep": ({"client_secret": {"value": "planted-2"}},)}],
        "note": "it was planted-one",
        "bytes": b"planted-one",
        "number": 7,
    }
    shown = str(mask_fields(fields))
    assert "planted" not in shown
    assert "7" in shown


def failing(description: Any) -> bytes:
    body = {"error": "invalid_request", "error_description": description}
    return answer(json.dumps(body), "400 Bad Request")


def test_the_token_of_the_call_before_a_repeat_is_hidden(
    serve: Any, client_of: Any, judge: Any
) -> None:
    server = serve(answer("", "401 Unauthorized"), failing("not planted-First-0123456789"))
    client = client_of(server)

    class Source:
        token = "planted-First-0123456789"

        def __call__(self) -> str:
            return self.token

        def invalidate(self, token: str) -> None:
            self.token = "planted-Second-0123456789"

    client.configuration.access_token = Source()
    error = judge.failure(
        lambda: client.call_api("/x", "GET", auth_settings=["ultraCartOauth"]), ApiException
    )
    assert len(server.requests) == 2
    assert_clean(str(error), "planted-First-0123456789")


def test_what_another_client_of_the_server_sent_is_hidden(
    serve: Any, api_of: Any, client_of: Any, judge: Any
) -> None:
    """As the tokens of a session: one client sends the refresh token, others access tokens."""
    server = serve(answer('{"access_token":"a"}'), failing("not " + REFRESH))
    exchange(api_of(server))
    error = judge.failure(lambda: client_of(server).call_api("/x", "GET"), ApiException)
    assert_clean(str(error))


def test_a_proxy_password_alone_is_hidden(serve: Any, client_of: Any, judge: Any) -> None:
    password = "planted-p@ssword"
    proxy = serve(failing("for " + password))
    client = client_of(
        "http://api.example.com",
        allow_insecure_transport=True,
        proxy="http://user:%s@localhost:%d" % (quote(password), proxy.port),
    )
    error = judge.failure(lambda: client.call_api("/x", "GET"), ApiException)
    assert_clean(str(error), password)


class Full(logging.Handler):
    """A handler whose disk is full."""

    def emit(self, record: logging.LogRecord) -> None:
        raise OSError("no space")


@pytest.mark.parametrize("body", [[{"a": 1}], [["SECRET-VALUE", 1]], "text", {"a": {"b": 1}}, 7])
@pytest.mark.parametrize("full", [False, True])
def test_no_response_is_lost_to_a_debug_line(
    serve: Any, client_of: Any, caplog: pytest.LogCaptureFixture, body: Any, full: bool
) -> None:
    client = client_of(serve(answer('{"n": 1}')), debug=True)
    logger, handler = logging.getLogger("ultracart"), Full()
    if full:
        logger.addHandler(handler)
    try:
        shown = client.call_api("/x", "POST", body=body, response_type="object")[0]
    finally:
        logger.removeHandler(handler)
    assert shown == {"n": 1}
    # Python hands a line to no further handler after one that raises.
    assert full or "POST /rest/v2/x -> 200" in caplog.text
    assert "SECRET-VALUE" not in caplog.text


@pytest.mark.parametrize("error", [TypeError, RecursionError, MemoryError])
def test_what_fails_while_connecting_is_named(
    serve: Any,
    client_of: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: type[Exception],
) -> None:
    def getaddrinfo(*args: Any, **kwargs: Any) -> Any:
        raise error("planted fault, " + BEARER)

    client = client_of(serve(answer("{}")), debug=True)
    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
    with pytest.raises(ApiConnectionError, match="no connection could be made") as caught:
        client.call_api("/x", "GET", auth_settings=["ultraCartOauth"])
    assert not isinstance(caught.value, ApiResponseError)
    assert caught.value.request_sent is False
    assert error.__name__ in str(caught.value)
    assert "in getaddrinfo" in caplog.text
    assert "planted fault" in caplog.text
    assert BEARER not in caplog.text
