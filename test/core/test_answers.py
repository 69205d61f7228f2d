"""Which answers become a model, and which become which exception."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ultracart import (
    ApiException,
    ApiResponseError,
    BadRequestException,
    ForbiddenException,
    InvalidGrantError,
    NotFoundException,
    OauthApi,
    OAuthError,
    RateLimitException,
    ServiceException,
    UnauthorizedException,
)
from ultracart.sandbox import Sandbox

from .conftest import TOKEN_ANSWER

Answer = Callable[..., None]
_SECRET = "issued-token"


def _exchange(api: OauthApi) -> Any:
    return api.oauth_access_token("client", "refresh_token", refresh_token="r")


@pytest.mark.parametrize("spelling", ["bearer", "Bearer", "BEARER", " bearer ", None])
def test_token_type_spellings(api: OauthApi, answer: Answer, spelling: Any) -> None:
    answer({**TOKEN_ANSWER, "token_type": spelling})
    token = _exchange(api)
    assert token.access_token == _SECRET
    assert token.token_type == spelling


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (3600, 3600),
        ("3600", 3600),
        (3600.0, 3600),
        ("3600.0", 3600),
        (0, 0),
        (None, None),
        ("soon", None),
        ("", None),
        ([], None),
        (True, None),
        ("1e400", None),
        (10**30, None),
    ],
)
def test_expires_in(api: OauthApi, answer: Answer, sent: Any, read: Any) -> None:
    answer({**TOKEN_ANSWER, "expires_in": sent})
    token = _exchange(api)
    assert token.access_token == _SECRET
    assert token.expires_in == read
    if read is None and sent is not None:
        assert token.additional_properties["expires_in"] == sent


@pytest.mark.parametrize(
    ("sent", "read"), [("a b", "a b"), (["a", "b"], "a b"), ([], ""), (None, None), (7, "7")]
)
def test_scope(api: OauthApi, answer: Answer, sent: Any, read: Any) -> None:
    answer({**TOKEN_ANSWER, "scope": sent})
    assert _exchange(api).scope == read


def test_absent_and_unknown_fields(api: OauthApi, answer: Answer) -> None:
    answer({"access_token": _SECRET, "new_field": {"a": 1}})
    token = _exchange(api)
    assert (token.access_token, token.expires_in, token.refresh_token) == (_SECRET, None, None)
    assert token.additional_properties == {"new_field": {"a": 1}}
    assert token.get("new_field") == {"a": 1}


@pytest.mark.parametrize("field", ["scope", "expires_in", "merchant_id", "error_uri"])
@pytest.mark.parametrize("value", [7, 1.5, [], ["a"], {"a": 1}])
def test_no_other_field_loses_the_token(
    api: OauthApi, answer: Answer, field: str, value: Any
) -> None:
    answer({**TOKEN_ANSWER, field: value})
    assert _exchange(api).access_token == _SECRET


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"access_token": None},
        {"access_token": ""},
        {"access_token": 7, "token_type": "bearer"},
        {"token_type": "bearer", "expires_in": 3600},
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b"",
        b"<html>busy</html>",
        b'{"access_token": "cut',
    ],
)
def test_200_without_a_token(api: OauthApi, answer: Answer, body: Any) -> None:
    answer(body)
    with pytest.raises(ApiResponseError) as caught:
        _exchange(api)
    assert caught.value.status == 200
    assert caught.value.request_sent is True
    assert not isinstance(caught.value, OAuthError)
    received = body.decode() if isinstance(body, bytes) else json.dumps(body)
    assert caught.value.body == received


def test_token_of_another_type_is_not_used_and_not_lost(api: OauthApi, answer: Answer) -> None:
    answer({**TOKEN_ANSWER, "token_type": "mac"})
    with pytest.raises(ApiResponseError, match="bearer") as caught:
        _exchange(api)
    assert json.loads(caught.value.body)["access_token"] == _SECRET
    assert _SECRET not in str(caught.value)


@pytest.mark.parametrize("spelling", ["", " ", "Bearer", " BEARER "])
def test_token_type_that_says_nothing_or_bearer(
    api: OauthApi, answer: Answer, spelling: str
) -> None:
    answer({**TOKEN_ANSWER, "token_type": spelling})
    assert _exchange(api).access_token == _SECRET


@pytest.mark.parametrize("status", [200, 400, 401])
def test_oauth_error_whatever_the_status(api: OauthApi, answer: Answer, status: int) -> None:
    described = {"error": "invalid_grant", "error_description": "used", "error_uri": "https://e"}
    answer(described, status=status)
    with pytest.raises(InvalidGrantError) as caught:
        _exchange(api)
    error = caught.value
    assert (error.status, error.error, error.error_description, error.error_uri) == (
        status,
        *described.values(),
    )
    assert "invalid_grant" in str(error)
    assert "used" in str(error)


def test_unknown_oauth_error(api: OauthApi, answer: Answer) -> None:
    answer({"error": "brand_new"}, status=400)
    with pytest.raises(OAuthError) as caught:
        _exchange(api)
    assert type(caught.value) is OAuthError
    assert caught.value.error == "brand_new"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, BadRequestException),
        (401, UnauthorizedException),
        (403, ForbiddenException),
        (404, NotFoundException),
        (410, ApiException),
        (429, RateLimitException),
        (500, ServiceException),
        (503, ServiceException),
        (302, ApiException),
    ],
)
def test_status_classes(api: OauthApi, answer: Answer, status: int, expected: type) -> None:
    api.api_client.configuration.retry_budget = 0
    message = {"error": {"developer_message": "what UltraCart says"}}
    answer(message, status=status, headers={"UC-REST-ERROR": "in a header"})
    with pytest.raises(ApiException) as caught:
        api.oauth_me()
    assert type(caught.value) is expected
    assert caught.value.status == status
    assert "in a header" in str(caught.value)
    assert caught.value.headers is not None
    assert caught.value.headers["uc-rest-error"] == "in a header"


def test_developer_message_is_told(api: OauthApi, answer: Answer) -> None:
    answer({"error": {"developer_message": "what UltraCart says"}}, status=404)
    with pytest.raises(NotFoundException, match="what UltraCart says"):
        api.oauth_me()


def test_retry_after_beyond_the_budget(api: OauthApi, sandbox: Sandbox, answer: Answer) -> None:
    answer({}, status=429, retry_after=3600)
    with pytest.raises(RateLimitException) as caught:
        api.oauth_me()
    assert caught.value.retry_after == 3600
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize("body", [b"", {}, {"message": "bye"}, {"successful": "true"}])
def test_revoked(api: OauthApi, answer: Answer, body: Any) -> None:
    """RFC 7009, 2.2: the status alone says it."""
    answer(body)
    assert api.oauth_revoke("client", "token").successful is True


@pytest.mark.parametrize("value", [False, "false", "False"])
def test_not_revoked(api: OauthApi, answer: Answer, value: Any) -> None:
    answer({"successful": value})
    assert api.oauth_revoke("client", "token").successful is False


@pytest.mark.parametrize("body", [{}, b"", b"null", b"[]", {"user_code": "u"}])
def test_device_answer_without_a_code(api: OauthApi, answer: Answer, body: Any) -> None:
    answer(body)
    with pytest.raises(ApiResponseError):
        api.oauth_device_authorize("client", "crm")


@pytest.mark.parametrize("body", [{}, b"", b"null", b"[]"])
def test_me_that_says_nothing(api: OauthApi, answer: Answer, body: Any) -> None:
    answer(body)
    with pytest.raises(ApiResponseError):
        api.oauth_me()


def test_byte_order_mark(api: OauthApi, answer: Answer) -> None:
    answer(b"\xef\xbb\xbf" + json.dumps(TOKEN_ANSWER).encode())
    assert _exchange(api).access_token == _SECRET
