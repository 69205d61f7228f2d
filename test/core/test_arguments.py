"""Wrong arguments are refused by name, before anything is sent."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from ultracart import (
    ApiClient,
    ApiException,
    ApiTypeError,
    ApiValueError,
    ConfigurationError,
    OauthApi,
)
from ultracart.sandbox import Sandbox

from .conftest import OPERATIONS, Operation

_REQUIRED = [(op, name) for op in OPERATIONS for name in op.required]
_OPTIONAL = ["code", "redirect_uri", "refresh_token", "device_code", "code_verifier"]
_OPTIONS = {"async_req", "_return_http_data_only", "_preload_content", "_request_timeout"}
_FORMS = ["%s", "%s_with_http_info"]
_NOT_TEXT: list[Any] = [7, b"bytes", ["list"], {"a": 1}, True, object()]


@pytest.fixture(autouse=True)
def nothing_arrives(sandbox: Sandbox) -> Any:
    yield
    assert sandbox.counters.connections == 0


def _ids(case: Any) -> Any:
    return case.name if isinstance(case, Operation) else None


@pytest.mark.parametrize("form", _FORMS)
@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize(("operation", "name"), _REQUIRED, ids=_ids)
def test_required_none_or_empty(
    api: OauthApi, operation: Operation, name: str, value: Any, form: str
) -> None:
    call = getattr(api, form % operation.name)
    with pytest.raises(ValueError, match=r"\b%s\b" % name) as caught:
        call(**{**operation.required, name: value})
    assert isinstance(caught.value, ApiValueError)


@pytest.mark.parametrize("value", _NOT_TEXT, ids=repr)
@pytest.mark.parametrize(("operation", "name"), _REQUIRED, ids=_ids)
def test_required_of_a_wrong_type(
    api: OauthApi, operation: Operation, name: str, value: Any
) -> None:
    with pytest.raises(TypeError, match=r"\b%s\b.*str" % name) as caught:
        getattr(api, operation.name)(**{**operation.required, name: value})
    assert isinstance(caught.value, ApiTypeError)


@pytest.mark.parametrize("name", [*_OPTIONAL, "client_secret"])
def test_optional_of_a_wrong_type(api: OauthApi, name: str) -> None:
    wrong: Any = {name: b"secret-value"}
    with pytest.raises(TypeError, match=r"\b%s\b" % name) as caught:
        api.oauth_access_token("client", "refresh_token", **wrong)
    assert "secret-value" not in str(caught.value)


@pytest.mark.parametrize("operation", OPERATIONS, ids=_ids)
def test_unknown_keyword(api: OauthApi, operation: Operation) -> None:
    with pytest.raises(TypeError, match="tokn"):
        getattr(api, operation.name)(**operation.required, tokn="x")


@pytest.mark.parametrize(("operation", "name"), _REQUIRED, ids=_ids)
def test_missing_positional(api: OauthApi, operation: Operation, name: str) -> None:
    given = {key: value for key, value in operation.required.items() if key != name}
    with pytest.raises(TypeError, match=name):
        getattr(api, operation.name)(**given)


@pytest.mark.parametrize("operation", OPERATIONS, ids=_ids)
def test_background_calls_check_their_arguments_at_once(
    api: OauthApi, operation: Operation
) -> None:
    for name in operation.required:
        with pytest.raises(ValueError, match=name):
            getattr(api, operation.name)(**{**operation.required, name: None}, async_req=True)


@pytest.mark.parametrize("operation", OPERATIONS, ids=_ids)
def test_twins_have_equal_parameters(operation: Operation) -> None:
    plain = inspect.signature(getattr(OauthApi, operation.name))
    twin = inspect.signature(getattr(OauthApi, operation.name + "_with_http_info"))
    assert list(plain.parameters.values()) == list(twin.parameters.values())
    names = list(plain.parameters)[1:]
    required = len(operation.required)
    assert names[:required] == list(operation.required)
    assert all(
        plain.parameters[name].kind is inspect.Parameter.KEYWORD_ONLY for name in names[required:]
    )
    assert set(names) >= _OPTIONS


@pytest.mark.parametrize("timeout", ["5", -1, 0, float("nan"), (1,), (1, 2, 3), (1, "2"), True])
def test_timeout_that_is_none(api: OauthApi, timeout: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="timeout") as caught:
        api.oauth_revoke("client", "token", _request_timeout=timeout)
    assert not isinstance(caught.value, ApiException)


def test_client_of_a_wrong_configuration() -> None:
    wrong: Any = "https://example.com"
    with pytest.raises(TypeError, match="configuration"):
        ApiClient(wrong)


@pytest.mark.parametrize("key", [None, ""])
def test_from_api_key_without_one(key: Any) -> None:
    with pytest.raises(ValueError, match="api_key"):
        OauthApi.from_api_key(key)
    with pytest.raises(ValueError, match="apiKey"):
        OauthApi.fromApiKey(apiKey=key)


@pytest.mark.parametrize("method", ["get", "FETCH", "", None, 5])
def test_unknown_method(client: ApiClient, method: Any) -> None:
    with pytest.raises(ValueError, match="method"):
        client.call_api("/x", method)


@pytest.mark.parametrize("value", [None, "", ".", ".."])
def test_path_parameter_that_would_name_another_resource(client: ApiClient, value: Any) -> None:
    with pytest.raises(ValueError, match="order_id"):
        client.call_api("/order/orders/{order_id}", "DELETE", {"order_id": value})


def test_plain_http_to_another_machine(client: ApiClient) -> None:
    client.configuration.host = "http://127.0.0.1.example.com/rest/v2"
    with pytest.raises(ConfigurationError, match="https"):
        OauthApi(client).oauth_me()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/a b", "/7\n", "/\t7", "/a\r\nb", "/a\x7f", "/a\x00"])
def test_paths_that_no_request_line_may_hold(client: ApiClient, path: str, method: str) -> None:
    with pytest.raises(ApiValueError, match="path"):
        client.call_api(path, method, query_params=[("q", "1")])
    with pytest.raises(ApiValueError, match="path"):
        client.request(method, client.configuration.host + path)


@pytest.mark.parametrize("wrong", [7, (dict,), b"str", object()], ids=repr)
def test_response_type_that_is_none(client: ApiClient, wrong: Any) -> None:
    with pytest.raises(ApiTypeError, match="response_type"):
        client.call_api("/x", "GET", response_type=wrong)
