"""What the parts give that are used without an operation: names, files, lower layers."""

from __future__ import annotations

import copy
import datetime
import json
import pkgutil
import pydoc
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

import ultracart
from ultracart import (
    ApiClient,
    ApiException,
    ApiResponseError,
    ApiTypeError,
    ApiValueError,
    Configuration,
    Error,
    ErrorResponse,
    OauthApi,
    OauthTokenResponse,
)
from ultracart.sandbox import Sandbox

Answer = Callable[..., None]


@pytest.mark.parametrize("name", ["ultracart", "ultracart.models", "ultracart.oauth"])
def test_lazy_names_are_listed_and_others_refused(name: str) -> None:
    module = import_module(name)
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match="nonsense"):
        module.nonsense  # noqa: B018


@pytest.mark.parametrize(
    ("name", "needed"),
    [("sandbox", "flask"), ("sandbox", "authlib"), ("oauth.SQLAlchemyTokenStore", "sqlalchemy")],
)
def test_a_name_whose_extra_is_missing_is_not_listed(
    monkeypatch: pytest.MonkeyPatch, name: str, needed: str
) -> None:
    """Else help() and all else that looks at every name would end in an error."""
    module, _, name = ("ultracart." + name).rpartition(".")
    assert name in dir(import_module(module))
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda asked: None if asked == needed else asked
    )
    assert name not in dir(import_module(module))


@pytest.mark.parametrize("name", ["ultracart", "ultracart.models", "ultracart.oauth"])
def test_documentation_tools_can_read(name: str) -> None:
    assert pydoc.render_doc(import_module(name)).startswith("Python Library Documentation: ")


def test_importing_any_module_does_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    for found in pkgutil.walk_packages(ultracart.__path__, "ultracart."):
        try:
            import_module(found.name)
        except ModuleNotFoundError as error:  # a driver that has no wheel for this Python
            assert error.name in ("psycopg", "psycopg2")  # noqa: PT017
    assert capfd.readouterr() == ("", "")


def test_a_broken_installation_is_not_taken_for_a_missing_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ultracart.oauth

    monkeypatch.setitem(ultracart.oauth._HOMES, "SQLiteTokenStore", "stores.lost")
    monkeypatch.delitem(vars(ultracart.oauth), "SQLiteTokenStore", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"stores\.lost"):
        _ = ultracart.oauth.SQLiteTokenStore


# -- models and values --


class Node:
    """A model as the official SDK generates them, that holds others of its kind."""

    swagger_types: dict[str, Any] = {}
    attribute_map = {"inner": "inner"}

    def __init__(self, inner: Any = None) -> None:
        self.inner = inner


Node.swagger_types["inner"] = Node


@pytest.mark.usefixtures("collection_paused")
def test_a_model_nested_too_deep_is_an_answer_that_cannot_be_read(
    client: ApiClient, answer: Answer
) -> None:
    answer('{"inner":' * 600 + "{}" + "}" * 600)
    with pytest.raises(ApiResponseError, match="too large"):
        client.call_api("/node", "GET", response_type=Node)


def test_facts_beside_an_error_are_read_as_they_are(client: ApiClient, answer: Answer) -> None:
    metadata = {"request_id": "r", "pages": [1, {"next": None}]}
    answer({"metadata": metadata, "warning": "old", "success": False})
    read = client.call_api("/x", "GET", response_type="ErrorResponse", _return_http_data_only=True)
    assert (read.metadata, read.warning, read.success) == (metadata, "old", False)


def test_nested_models_show_no_secrets() -> None:
    shown = repr(ErrorResponse(error=Error(developer_message="what went wrong")))
    assert "what went wrong" in shown
    configuration = Configuration()
    configuration.api_key = {"x-ultracart-simple-key": "planted-key"}
    assert "planted-key" not in repr(configuration)


@pytest.mark.parametrize("token", ["a\ud800bcdefghijk", "\u0130stanbul-token"])
def test_a_secret_of_odd_characters_is_hidden_too(token: str) -> None:
    shown = repr(OauthTokenResponse(access_token=token, error_description="was %s" % token))
    assert token not in shown
    assert token[2:] not in shown


def test_text_whose_lower_case_is_longer_is_searched_all_the_same() -> None:
    told = "\u0130\u0130 planted-secret-value \u0130"
    shown = repr(OauthTokenResponse(access_token="planted-secret-value", error_description=told))
    assert "planted" not in shown
    assert shown.count("\u0130") == 3


# -- configuration --


class QueryKey(Configuration):
    """Sends the simple key where a test says."""

    place = "query"

    def auth_setting(self, scheme: str) -> Any:
        return {"type": "api_key", "in": self.place, "key": "key", "value": "k"}


def test_a_configuration_may_send_a_key_as_a_query_parameter(sandbox: Sandbox) -> None:
    configuration = QueryKey()
    configuration.host = sandbox.host
    with ApiClient(configuration) as client:
        with pytest.raises(ApiException):
            client.call_api("/nowhere", "GET", auth_settings=["ultraCartSimpleApiKey"])
        assert sandbox.requests[-1].query["key"] == "k"
        configuration.place = "cookie"
        with pytest.raises(ApiValueError, match="`query` or `header`"):
            client.call_api("/nowhere", "GET", auth_settings=["ultraCartSimpleApiKey"])
    assert len(sandbox.requests) == 1


def test_a_list_that_the_application_keeps_on_a_configuration_is_copied() -> None:
    made: Any = Configuration()
    with pytest.warns(UserWarning, match="no setting 'merchants'"):
        made.merchants = ["merchant-7"]
    twin = copy.copy(made)
    twin.merchants.append("merchant-8")
    assert made.merchants == ["merchant-7"]


def test_keys_may_be_in_a_mapping_of_any_kind() -> None:
    made: Any = Configuration()
    made.api_key = MappingProxyType({"x-ultracart-simple-key": "k"})
    assert made.auth_settings()["ultraCartSimpleApiKey"]["value"] == "k"


def test_the_format_of_the_log_can_change_while_it_is_open(
    client: ApiClient, tmp_path: Path
) -> None:
    other = Configuration()
    configuration = client.configuration
    configuration.access_token = "access_token_example"
    configuration.logger_file = str(tmp_path / "calls.log")
    configuration.logger_format = "first %(message)s"
    configuration.debug = other.debug = True
    try:
        configuration.logger_format = "second %(message)s"
        OauthApi(client).oauth_me()
        other.debug = False  # which ends no other's debugging
        configuration.logger_format = "third %(message)s"
        configuration.logger_format = "third %(message)s"
        OauthApi(client).oauth_me()
    finally:
        configuration.debug = other.debug = False
        configuration.logger_file = None
    lines = (tmp_path / "calls.log").read_text().splitlines()
    assert [line.split()[:2] for line in lines] == [["second", "GET"], ["third", "GET"]]


# -- the lower layers --


def test_an_idle_thread_leaves_and_the_next_call_has_another(
    client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ultracart.async_calls._LINGER", 0.05)
    first, second = (leaving_thread(client) for _ in range(2))
    assert first is not second


def leaving_thread(client: ApiClient) -> threading.Thread:
    thread: threading.Thread = client.pool.apply_async(threading.current_thread).get(30)
    thread.join(30)
    assert not thread.is_alive()
    return thread


def test_more_calls_in_the_background_than_threads(client: ApiClient, sandbox: Sandbox) -> None:
    go_on = threading.Event()
    fault = sandbox.faults.add("/nowhere", times=None, status=404, delay=go_on)
    results = [client.call_api("/nowhere", "GET", async_req=True) for _ in range(40)]
    pause = threading.Event()
    for _ in range(1000):
        if fault.hits >= 32:
            break
        pause.wait(0.01)
    go_on.set()
    for result in results:
        with pytest.raises(ApiException):
            result.get(30)
    assert fault.hits == 40
    assert sandbox.counters.max_concurrent == 32


def test_a_download_may_come_from_a_response_of_the_callers_own(tmp_path: Path) -> None:
    with ApiClient(Configuration()) as client:
        client.configuration.temp_folder_path = str(tmp_path)
        response = SimpleNamespace(data="t\u00e9xt", getheader=lambda name: None)
        path = client.deserialize(response, "file")
    assert Path(path).read_text(encoding="utf-8") == "t\u00e9xt"


@pytest.mark.parametrize("folder", [7, b"folder", "fol\0der", "fol\ud800der", ["folder"]])
def test_a_folder_that_cannot_be_one_is_refused_before_anything_is_sent(
    client: ApiClient, sandbox: Sandbox, folder: Any
) -> None:
    client.configuration.temp_folder_path = folder
    with pytest.raises((ApiTypeError, ApiValueError), match="temp_folder_path"):
        client.call_api("/file", "GET", response_type="file")
    assert not sandbox.requests


class StoppedClock(datetime.datetime):
    """What libraries that stop the clock in tests put in place of Python's class."""


def test_dates_are_read_where_the_clock_was_stopped_meanwhile(
    client: ApiClient, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(client.NATIVE_TYPES_MAPPING, "datetime", StoppedClock)
    answer("2026-05-09T10:11:12Z")
    read = client.call_api("/x", "GET", response_type="datetime", _return_http_data_only=True)
    assert read.isoformat() == "2026-05-09T10:11:12+00:00"


def test_a_date_too_long_to_be_one_is_refused_unread(client: ApiClient, answer: Answer) -> None:
    """The parser takes time that grows with the square of the length."""
    for length in (200, 201):
        answer(json.dumps("2026-05-09".ljust(length)))
    read = client.call_api("/x", "GET", response_type="datetime", _return_http_data_only=True)
    assert read == datetime.datetime(2026, 5, 9)
    with pytest.raises(ApiException, match="Failed to parse"):
        client.call_api("/x", "GET", response_type="datetime")


def test_a_download_onto_a_full_disk_leaves_nothing_and_loses_nothing(
    client: ApiClient, answer: Answer, tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource", reason="this system limits no file's size")
    client.configuration.temp_folder_path = str(tmp_path)
    answer("x" * 50_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(ApiException, match="cannot be written") as caught:
            client.call_api("/file", "GET", response_type="file")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.body == "x" * 50_000
    assert list(tmp_path.iterdir()) == []


def test_a_query_in_the_url_stays_before_the_parameters(
    client: ApiClient, sandbox: Sandbox
) -> None:
    with pytest.raises(ApiException):
        client.rest_client.GET(sandbox.host + "/x?a=1&b=", query_params=[("c", "2")])
    with pytest.raises(ApiException):
        client.rest_client.GET(sandbox.host + "/x?a=1", headers={"X-Bytes": b"caf\xe9"})
    first, second = sandbox.requests
    assert dict(first.query) == {"a": "1", "b": "", "c": "2"}
    assert dict(second.query) == {"a": "1"}
    assert second.headers["X-Bytes"] == "caf\xe9"


def test_another_origin_is_reached_as_well(client: ApiClient, sandbox: Sandbox) -> None:
    with Sandbox() as other, pytest.raises(ApiException):
        client.rest_client.GET(other.host + "/oauth/me")
    assert [request.path for request in other.requests] == ["/oauth/me"]
    assert sandbox.requests == []


def test_a_method_that_does_not_exist_is_refused(client: ApiClient, sandbox: Sandbox) -> None:
    with pytest.raises(ApiValueError, match="method must be one of DELETE, GET"):
        client.rest_client.request("BREW", sandbox.host + "/oauth/me")


def test_a_body_that_no_encoding_can_carry_is_refused(client: ApiClient, sandbox: Sandbox) -> None:
    text = {"Content-Type": "text/plain"}
    with pytest.raises(ApiValueError, match="lone surrogate"):
        client.rest_client.POST(sandbox.host + "/x", headers=text, body="planted \ud800")
    with pytest.raises(ApiTypeError, match="str or bytes"):
        client.rest_client.POST(sandbox.host + "/x", headers=text, body={"a": 1})
    assert sandbox.requests == []


def test_secrets_are_sought_only_so_deep(client: ApiClient, answer: Answer) -> None:
    body: Any = {"refresh_token": "planted-refresh-token"}
    for _ in range(40):
        body = [body]
    answer({"error": "no"}, status=400)
    with pytest.raises(ApiException) as caught:
        client.call_api("/deep", "POST", body=body)
    assert caught.value.status == 400


def test_urllib3s_own_interface_works_without_a_call(client: ApiClient, sandbox: Sandbox) -> None:
    pool = client.rest_client.pool_manager
    answer = pool.request("GET", "/rest/v2/oauth/me", headers={"Authorization": "Bearer unknown"})
    assert answer.status == 401
    assert len(sandbox.requests) == 1
