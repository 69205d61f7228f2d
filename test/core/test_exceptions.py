"""What a caller can rely on in exceptions: their tree, their facts, their silence."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

import ultracart
from ultracart import (
    ApiConnectionError,
    ApiException,
    ApiResponseError,
    ApiTimeoutError,
    ConfigurationError,
    InvalidGrantError,
    OauthApi,
    OAuthError,
    OAuthSessionError,
    ReauthorizationRequired,
    UltraCartError,
    UnauthorizedException,
    exceptions,
    rest,
)
from ultracart.sandbox import Sandbox

_TREE = {
    UltraCartError: ["ConfigurationError", "ApiException", "OAuthSessionError"],
    ApiException: """
        ApiConnectionError ApiTimeoutError ApiResponseError BadRequestException
        UnauthorizedException ForbiddenException NotFoundException RateLimitException
        ServiceException OAuthError
    """.split(),
    OAuthError: """
        InvalidGrantError InvalidClientError InvalidRequestError InvalidScopeError
        UnauthorizedClientError UnsupportedGrantTypeError AccessDeniedError
        AuthorizationPendingError SlowDownError ExpiredTokenError
    """.split(),
    OAuthSessionError: ["StateMismatchError", "ReauthorizationRequired", "TokenStoreError"],
}
_CHILDREN = [(parent, name) for parent, names in _TREE.items() for name in names]
_FACTS: dict[str, Any] = {
    "body": '{"error": "invalid_grant", "error_description": "used"}',
    "headers": {"UC-REST-ERROR": "why"},
    "retry_after": 1.5,
    "request_sent": True,
    "request_line": "POST /oauth/token",
}


@pytest.mark.parametrize("name", exceptions.__all__)
def test_one_public_name(name: str) -> None:
    """Tracebacks, pickles and error trackers show where a program finds it."""
    assert getattr(exceptions, name).__module__ == "ultracart.exceptions"
    assert name in dir(exceptions)


def test_classes_stay_the_same_where_a_test_restores_the_modules() -> None:
    with mock.patch.dict(sys.modules):
        first = exceptions.error_class(404, None)
        for name in [name for name in sys.modules if name.startswith("ultracart.exceptions.")]:
            del sys.modules[name]
    assert exceptions.error_class(404, None) is first is exceptions.NotFoundException


@pytest.mark.parametrize(("parent", "name"), _CHILDREN)
def test_tree(parent: type, name: str) -> None:
    child = getattr(exceptions, name)
    assert child.__bases__[0] is parent
    assert getattr(ultracart, name) is child


def test_arguments_and_settings_are_standard_errors_too() -> None:
    assert issubclass(ConfigurationError, ValueError)
    assert issubclass(ultracart.ApiValueError, ValueError)
    assert issubclass(ultracart.ApiTypeError, TypeError)
    assert rest.ApiException is ApiException


@pytest.mark.parametrize("name", sorted(n for _, n in _CHILDREN))
@pytest.mark.parametrize("duplicate", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_copies_are_whole(name: str, duplicate: Any) -> None:
    cls = getattr(exceptions, name)
    if issubclass(cls, ApiException):
        error = cls(400, "Bad Request", **_FACTS)
    elif cls is ReauthorizationRequired:
        error = cls("again", account="merchant-7")
    else:
        error = cls("what went wrong")
    twin = duplicate(error)
    assert type(twin) is cls
    assert vars(twin) == vars(error)
    assert (twin.args, str(twin)) == (error.args, str(error))


def test_cause_survives_pickle() -> None:
    error = ReauthorizationRequired("again", account="merchant-7")
    error.__cause__ = InvalidGrantError(400, "Bad Request", **_FACTS)
    twin = pickle.loads(pickle.dumps(error))
    assert isinstance(twin.__cause__, InvalidGrantError)
    assert twin.__cause__.error_description == "used"


def test_text_tells_status_code_request_and_ultracarts_own_words() -> None:
    text = str(InvalidGrantError(400, "Bad Request", **_FACTS))
    for part in ("400", "invalid_grant", "used", "why", "POST /oauth/token"):
        assert part in text


def test_text_leaves_an_empty_code_out() -> None:
    assert str(ApiException(400, body='{"error": "", "error_description": "d"}')) == "HTTP 400"


def test_text_never_holds_body_or_headers() -> None:
    error = ApiException(500, "Oops", body="secret-body", headers={"Set-Cookie": "secret-cookie"})
    for shown in (str(error), repr(error), "%s" % error.args):
        assert "secret" not in shown
    assert (error.body, error.headers) == ("secret-body", {"Set-Cookie": "secret-cookie"})


def test_a_reason_may_be_another_exception() -> None:
    """As with the official SDK, for an ApiException that a program raises itself."""
    assert str(ApiException(reason=OSError("the disk is full"))) == "the disk is full"  # type: ignore[arg-type]


def test_reason_phrase_of_the_server_is_not_told() -> None:
    """A server may echo anything there."""

    class Answer:
        status, reason, data = 500, "secret-reason", ""

        def getheaders(self) -> dict[str, str]:
            return {}

    error = ApiException(http_resp=Answer())
    assert (error.status, error.reason) == (500, "secret-reason")
    assert "secret" not in str(error)


def test_nobody_listens(api: OauthApi, sandbox: Sandbox) -> None:
    sandbox.close()
    with pytest.raises(ApiConnectionError) as caught:
        api.oauth_revoke("client", "secret-token")
    assert caught.value.request_sent is False
    assert caught.value.status is None
    assert caught.value.__cause__ is None or "secret" not in str(caught.value.__cause__)


def test_connection_lost_after_sending(api: OauthApi, sandbox: Sandbox) -> None:
    sandbox.faults.add("/oauth/revoke", drop="after")
    with pytest.raises(ApiConnectionError) as caught:
        api.oauth_revoke("client_id_example", "token_example")
    assert caught.value.request_sent is True
    assert len(sandbox.requests) == 1


def test_answer_that_does_not_come(api: OauthApi, sandbox: Sandbox) -> None:
    sandbox.faults.add("/oauth/revoke", delay=60)
    with pytest.raises(ApiTimeoutError) as caught:
        api.oauth_revoke("client_id_example", "token_example", _request_timeout=(30, 0.2))
    assert caught.value.request_sent is True


def test_page_instead_of_an_answer(api: OauthApi, sandbox: Sandbox) -> None:
    sandbox.faults.add("/oauth/me", status=200)
    with pytest.raises(ApiResponseError, match="JSON") as caught:
        api.oauth_me()
    assert "<html" in caught.value.body.lower()
    assert "<html" not in str(caught.value).lower()


def test_rejected_token_stays_secret(api: OauthApi, caplog: pytest.LogCaptureFixture) -> None:
    api.api_client.configuration.access_token = "secret-token"
    caplog.set_level(0)
    with pytest.raises(UnauthorizedException) as caught:
        api.oauth_me()
    assert "secret-token" not in str(caught.value) + repr(caught.value) + caplog.text


def test_no_part_of_a_secret_stands_where_the_text_is_cut(
    api: OauthApi, answer: Callable[..., None]
) -> None:
    """What is left there of one would be too short to be known again."""
    secret = "QZ0J91KV82XW73HM64"
    parts = {secret[start : start + 3] for start in range(len(secret) - 2)}
    for padding in range(480, 502):
        body = {"error": "no", "error_description": "a" * padding + secret + "a" * 100}
        answer(body, status=400)
        with pytest.raises(OAuthError) as caught:
            api.oauth_revoke("client", secret)
        assert not [part for part in parts if part in str(caught.value)]
