"""The token is delivered intact if there is one, else there is a clear error."""

from __future__ import annotations

from typing import Any

import pytest

from ultracart import ApiException, ApiResponseError, InvalidGrantError, OAuthError

from .conftest import exchange
from .server import answer

TOKEN = "acc3ss"
DELIVERED = {
    "plain": '{"access_token":"acc3ss"}',
    "spaces": ' \r\n\t {"access_token" : "acc3ss"} \n',
    "byte order mark": '\ufeff{"access_token":"acc3ss"}',
    "many byte order marks": "\ufeff" * 5000 + '{"access_token":"acc3ss"}',
    "duplicate keys": '{"access_token":"old","access_token":"acc3ss"}',
    "unknown fields": '{"access_token":"acc3ss","x":{"y":[1,null]},"":0,"__class__":1,"self":2}',
    "Bearer": '{"access_token":"acc3ss","token_type":"Bearer"}',
    "BEARER": '{"access_token":"acc3ss","token_type":" BEARER "}',
    "null type": '{"access_token":"acc3ss","token_type":null}',
    "no error": '{"access_token":"acc3ss","error":null,"error_description":null}',
    "empty error": '{"access_token":"acc3ss","error":"","error_description":""}',
    "false error": '{"access_token":"acc3ss","error":false}',
    "empty object error": '{"access_token":"acc3ss","error":{}}',
    "lifetime text": '{"access_token":"acc3ss","expires_in":"3600"}',
    "lifetime NaN": '{"access_token":"acc3ss","expires_in":NaN}',
    "lifetime infinite": '{"access_token":"acc3ss","expires_in":-Infinity}',
    "lifetime overflow": '{"access_token":"acc3ss","expires_in":1e999}',
    "lifetime huge": '{"access_token":"acc3ss","expires_in":%s}' % ("9" * 10_000),
    "lifetime list": '{"access_token":"acc3ss","expires_in":[3600]}',
    "lifetime object": '{"access_token":"acc3ss","expires_in":{"a":1}}',
    "lifetime bool": '{"access_token":"acc3ss","expires_in":true}',
    "lifetime words": '{"access_token":"acc3ss","expires_in":"soon"}',
    "lifetime empty": '{"access_token":"acc3ss","expires_in":""}',
    "lifetime negative": '{"access_token":"acc3ss","expires_in":-5}',
    "scope list": '{"access_token":"acc3ss","scope":["a","b"]}',
    "scope object": '{"access_token":"acc3ss","scope":{"a":1}}',
    "refresh number": '{"access_token":"acc3ss","refresh_token":7}',
    "refresh list": '{"access_token":"acc3ss","refresh_token":["r"]}',
    "merchant number": '{"access_token":"acc3ss","merchant_id":7}',
    "lone surrogate": '{"access_token":"acc3ss","scope":"\\ud800"}',
    "escaped": '{"access_token":"acc\\u0033ss"}',
    "nested 200": '{"access_token":"acc3ss","x":%s}' % ("[" * 200 + "]" * 200),
}


@pytest.mark.parametrize("body", DELIVERED.values(), ids=DELIVERED.keys())
@pytest.mark.parametrize("kind", ["application/json", "text/html; charset=iso-8859-1", "nonsense"])
def test_token_is_delivered(serve: Any, api_of: Any, body: str, kind: str) -> None:
    token = exchange(api_of(serve(answer(body, "200 OK", "Content-Type: " + kind))))
    assert token.access_token == TOKEN
    assert token.expires_in in (None, 3600, -5)
    assert TOKEN not in repr(token) + str(token)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"access_token":"acc3ss","scope":"caf\xe9"}',
        b'{"access_token":"acc3ss","x":"\xff\xfe\xc3("}',
    ],
)
def test_token_beside_broken_utf_8_is_delivered(serve: Any, api_of: Any, raw: bytes) -> None:
    assert exchange(api_of(serve(answer(raw)))).access_token == TOKEN


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted", "206 Part", "299 Odd"])
def test_token_in_any_success(serve: Any, api_of: Any, status: str) -> None:
    server = serve(answer('{"access_token":"acc3ss"}', status))
    assert exchange(api_of(server)).access_token == TOKEN


UNUSABLE = {
    "empty": "",
    "blank": " \r\n\t ",
    "null": "null",
    "byte order mark alone": "\ufeff",
    "list": '["access_token","acc3ss"]',
    "list of one": '[{"access_token":"acc3ss"}]',
    "text": '"acc3ss"',
    "number": "7",
    "NaN": "NaN",
    "true": "true",
    "empty object": "{}",
    "empty token": '{"access_token":""}',
    "null token": '{"access_token":null}',
    "number token": '{"access_token":7}',
    "list token": '{"access_token":["acc3ss"]}',
    "object token": '{"access_token":{"a":1}}',
    "false token": '{"access_token":false}',
    "other case": '{"Access_Token":"acc3ss"}',
    "other type": '{"access_token":"acc3ss","token_type":"mac"}',
    "empty type": '{"access_token":"acc3ss","token_type":"dpop bearer"}',
    "HTML": "<!DOCTYPE html><html><title>Login</title></html>",
    "XML": "<access_token>acc3ss</access_token>",
    "form": "access_token=acc3ss&token_type=bearer",
    "cut": '{"access_token":"acc3',
    "cut in a number longer than int() takes": '{"access_token":"acc3ss","n":' + "9" * 5000,
    "two objects": '{"access_token":"acc3ss"}{"access_token":"b"}',
    "trailing comma": '{"access_token":"acc3ss",}',
    "single quotes": "{'access_token':'acc3ss'}",
    "comment": '{"access_token":"acc3ss"} // x',
    "JSONP": 'callback({"access_token":"acc3ss"})',
    "NUL": '\0{"access_token":"acc3ss"}',
    "deep": "[" * 50_000,
    "error object": '{"error":{"developer_message":"broken","user_message":"sorry"}}',
    "error list": '{"error":["x"],"access_token":"acc3ss"}',
    "error number": '{"error":7}',
}


@pytest.mark.parametrize("body", UNUSABLE.values(), ids=UNUSABLE.keys())
@pytest.mark.usefixtures("collection_paused")
def test_no_token_is_a_clear_error(serve: Any, api_of: Any, judge: Any, body: str) -> None:
    error = judge.failure(
        lambda: exchange(api_of(serve(answer(body)))), ApiResponseError, sent=True
    )
    assert error.status == 200
    assert error.body == body
    assert TOKEN not in str(error)
    assert str(error).startswith("POST /rest/v2/oauth/token: HTTP 200. ")


GRANT_ENDED = {
    "byte order mark": b'\xef\xbb\xbf{"error":"invalid_grant"}',
    "Latin-1": b'{"error":"invalid_grant","error_description":"caf\xe9"}',
    "a number longer than int() takes": b'{"error":"invalid_grant","n":' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("raw", GRANT_ENDED.values(), ids=GRANT_ENDED.keys())
def test_error_is_read_as_leniently_as_a_token(
    serve: Any, api_of: Any, judge: Any, raw: bytes
) -> None:
    server = serve(answer(raw, "400 No"))
    judge.failure(lambda: exchange(api_of(server)), InvalidGrantError, sent=True)


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00", b"\x80\x81", bytes(range(256))])
def test_binary_is_a_clear_error(serve: Any, api_of: Any, judge: Any, raw: bytes) -> None:
    error = judge.failure(lambda: exchange(api_of(serve(answer(raw)))), ApiResponseError, sent=True)
    assert error.body == raw


@pytest.mark.parametrize("status", ["204 No Content", "205 Reset"])
def test_no_content(serve: Any, api_of: Any, judge: Any, status: str) -> None:
    error = judge.failure(lambda: exchange(api_of(serve(answer("", status)))), ApiResponseError)
    assert error.status == int(status[:3])


def test_oauth_error_inside_200(serve: Any, api_of: Any, judge: Any) -> None:
    body = '{"error":"invalid_grant","error_description":"used","access_token":null}'
    error = judge.failure(
        lambda: exchange(api_of(serve(answer(body)))), InvalidGrantError, sent=True
    )
    assert (error.status, error.error, error.error_description) == (200, "invalid_grant", "used")
    odd = '{"error":"made_up"}'
    judge.failure(lambda: exchange(api_of(serve(answer(odd)))), OAuthError, sent=True)


ODD_ERRORS = [
    "null",
    "[]",
    '"x"',
    "7",
    '{"error":null}',
    '{"error":[]}',
    '{"error":7}',
    '{"error":""}',
]
ODD_ERRORS += ['{"error":{"developer_message":["x"]}}', '{"error":{"error":{"error":1}}}']
ODD_ERRORS += [
    '{"error":"x","error_description":{"a":1},"error_uri":7}',
    "\ufeff{}",
    "<html>",
    "[" * 9999,
]
ODD_ERRORS += [
    '{"error_description":"\\ud800"}',
    '{"error":"\\ud800"}',
    '{"error":"a\\r\\nb\\u001b[2J"}',
]


@pytest.mark.parametrize("status", ["400 No", "401 Who", "500 Oops", "200 OK"])
@pytest.mark.parametrize("body", ODD_ERRORS, ids=lambda text: ascii(text)[:40])
@pytest.mark.usefixtures("collection_paused")
def test_odd_error_body(serve: Any, api_of: Any, judge: Any, body: str, status: str) -> None:
    error = judge.failure(lambda: exchange(api_of(serve(answer(body, status)))), sent=True)
    assert error.status == int(status[:3])
    assert error.error is None or isinstance(error.error, str)
    assert str(error).isprintable()
    str(error).encode("utf-8")


def test_message_names_ultracarts_words(serve: Any, api_of: Any, judge: Any) -> None:
    server = serve(answer("", "410 Gone", "UC-REST-ERROR: Your application has been disabled"))
    error = judge.failure(lambda: exchange(api_of(server)))
    assert "UC-REST-ERROR: Your application has been disabled" in str(error)
    body = '{"error":{"developer_message":"no such thing","user_message":"u"}}'
    error = judge.failure(lambda: exchange(api_of(serve(answer(body, "400 No")))))
    assert "no such thing" in str(error)


REVOKED = {
    '{"successful":true}': True,
    '{"successful":false}': False,
    '{"successful":"false"}': False,
    '{"successful":"true","message":7}': True,
    '{"successful":0}': False,
    '{"successful":null}': True,
    "{}": True,
    "": True,
    "null": True,
}


@pytest.mark.parametrize(("body", "successful"), REVOKED.items())
def test_revocation(serve: Any, api_of: Any, body: str, successful: bool) -> None:
    answered = api_of(serve(answer(body))).oauth_revoke("c", "t")
    assert answered.successful is successful


@pytest.mark.parametrize("body", ["<html>", "[]", '"x"', "7", '{"error":"invalid_client"}'])
def test_odd_revocation(serve: Any, api_of: Any, judge: Any, body: str) -> None:
    judge.failure(lambda: api_of(serve(answer(body))).oauth_revoke("c", "t"), sent=True)


@pytest.mark.parametrize(
    "body", ["", "null", "{}", "[]", "<html>", '{"user_code":"x"}', '{"device_code":7}']
)
def test_odd_device_answer(serve: Any, api_of: Any, judge: Any, body: str) -> None:
    api = api_of(serve(answer(body)))
    judge.failure(lambda: api.oauth_device_authorize("c", "crm"), ApiResponseError, sent=True)


@pytest.mark.parametrize("body", ["", "null", "{}", "[]", "<html>", '{"scopes":null}'])
def test_odd_identity(serve: Any, api_of: Any, judge: Any, body: str) -> None:
    judge.failure(lambda: api_of(serve(answer(body))).oauth_me(), ApiResponseError, sent=True)


TYPES = ["str", "int", "float", "bool", "date", "datetime", "object", "list[int]", "dict(str, int)"]
TYPES += ["OauthTokenResponse", "list[OauthMeResponse]", "dict(str, list[Error])", "ErrorResponse"]
VALUES = [
    "",
    "null",
    "1",
    "1e400",
    "NaN",
    '"x"',
    '"2024-13-45"',
    '"2024-01-01"',
    "[]",
    "[[1]]",
    "{}",
]
VALUES += ['{"a":{"b":1}}', '"%s"' % ("9" * 5000), "9" * 9000, "<html>", "true", "[null]"]
VALUES += [
    '"2024-01-01 10:00 QQQ"',
    '"%s"' % ("1 " * 5000),
    '"0000-00-00"',
    '"10000-01-01"',
    "[1,2",
]


@pytest.mark.parametrize("type_", TYPES)
def test_any_value_as_any_type(serve: Any, client_of: Any, type_: str) -> None:
    client = client_of(serve(*[answer(value) for value in VALUES]))
    messages = []
    for _ in VALUES:
        try:
            client.call_api("/x", "GET", response_type=type_)
        except ApiException as error:
            messages.append(str(error))
    assert all(len(message) < 1000 for message in messages)
