"""The cases of what users call besides operations: conversion, header and settings helpers."""

from __future__ import annotations

import contextlib
import http.client
import logging
import multiprocessing
import os
import pathlib
import pickle
import tempfile
import threading
import warnings
from collections.abc import Iterator
from typing import Any

from . import synthetic_models as models
from .call_cases import LEAF, TREE, WHEN
from .harness import SIMPLE, Case, Sdk
from .recording_server import answer

_SANITIZED: list[tuple[str, Any]] = [
    ("None", None),
    ("text", "\u20ac"),
    ("bytes", b"\xff"),
    ("number", 1.5),
    ("date", WHEN.date()),
    ("datetime", WHEN),
    ("list", [LEAF, None, (1, WHEN)]),
    ("dict", {"a": LEAF, "b": None, 3: {"c": WHEN}}),
    ("model", TREE),
    ("dict model", models.Open(4)),
    ("set", {1}),
]


def _client(name: str, run: Any) -> Case:
    return Case("helper: " + name, lambda sdk: run(sdk.client()))


def _misspelt(configuration: Any) -> Any:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        configuration.hots = "https://h.example"
    return [warning.category.__name__ for warning in caught]


def _configured(name: str, run: Any, **settings: Any) -> Case:
    return Case("configuration: " + name, lambda sdk: run(sdk.configuration(**settings)))


def _files(client: Any) -> Any:
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory, "a.txt")
        path.write_bytes(b"\xff")
        given = [("a", "1")]
        files = {"one": str(path), "many": [str(path), str(path)], "none": None}
        return client.prepare_post_parameters(given, files)


def _authorized(client: Any) -> Any:
    client.configuration.api_key[SIMPLE] = "sk"
    client.configuration.access_token = "at"
    headers, query = {"Authorization": "mine"}, [("q", "1")]
    client.update_params_for_auth(headers, query, ["ultraCartSimpleApiKey", "ultraCartOauth", "?"])
    return sorted(headers.items()), query


def _rest_verbs(sdk: Sdk) -> Any:
    rest = sdk.rest.RESTClientObject(sdk.configuration(), 2, 3)
    url = sdk.server.host + "/x"
    return [
        rest.GET(url, {"X-A": "1"}, [("q", "\u20ac")]),
        rest.HEAD(url, {"X-A": "1"}, [("q", "1")]),
        rest.OPTIONS(url, {"X-A": "1"}, [("q", "1")], None, {"b": 1}),
        rest.DELETE(url, {"X-A": "1"}, [("q", "1")], {"b": 1}),
        rest.POST(url, {"X-A": "1"}, [("q", "1")], None, {"b": 1}),
        rest.PUT(url, {"X-A": "1"}, [("q", "1")], None, {"b": 1}),
        rest.PATCH(url, {"X-A": "1"}, [("q", "1")], None, {"b": 1}),
        rest.request("get", url, [("q", "1")], {"X-A": "1"}),
    ]


def _rest_response(sdk: Sdk) -> Any:
    response = sdk.rest.RESTClientObject(sdk.configuration()).GET(sdk.server.host + "/x")
    header = response.getheader("content-TYPE"), response.getheader("absent", "default")
    return response.status, response.reason, response.data, header, response.getheaders()


def _wrapped(sdk: Sdk) -> Any:
    """A RESTResponse that a caller makes of a urllib3 response of its own."""
    raw = sdk.call("/x", "GET", _preload_content=False, _return_http_data_only=True)
    response = sdk.rest.RESTResponse(raw)
    return response.status, response.data, response.getheader("Content-Type")


def _exception_facts(sdk: Sdk) -> Any:
    made = sdk.ApiException(404, "why")
    bare = sdk.ApiException()
    return [
        [error.status, error.reason, error.body, error.headers] for error in (made, bare)
    ], issubclass(sdk.ApiException, Exception)


def _default_changed_later(sdk: Sdk) -> Any:
    """Whether a change to the default's object shows in configurations made afterwards."""
    try:
        default = sdk.configuration()
        sdk.Configuration.set_default(default)
        default.host = "https://changed.example"
        return bool(sdk.Configuration().host == default.host)
    finally:
        sdk.Configuration.set_default(None)


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


def _proxied(sdk: Sdk) -> Any:
    """A call with a proxy in the environment; the recording server is that proxy."""
    authority = "0.0.0.0:%d" % sdk.server.port  # this machine, but no loopback address
    with _environment("HTTP_PROXY", "http://127.0.0.1:%d" % sdk.server.port):
        client = sdk.client(host="http://" + authority, allow_insecure_transport=True)
        client.call_api("/x", "GET")
    return sdk.server.requests[0]["target"].replace(authority, "HOST")


def _from_environment(sdk: Sdk) -> Any:
    with _environment("ULTRACART_SIMPLE_KEY", "sk"):
        return sdk.Configuration().api_key


def _handlers_added(sdk: Sdk) -> Any:
    loggers = [logging.getLogger(name) for name in ("ultracart", "urllib3")]
    before = [len(logger.handlers) for logger in loggers]
    sdk.configuration()
    return [len(logger.handlers) - known for logger, known in zip(loggers, before)]


def _debug_switch(sdk: Sdk) -> Any:
    """What ``debug = True`` does to the process: http.client's printing, urllib3's level."""
    configuration = sdk.configuration()
    configuration.debug = True
    try:
        level = logging.getLogger("urllib3").level
        return http.client.HTTPConnection.debuglevel, level == logging.DEBUG
    finally:
        configuration.debug = False


def _shown(sdk: Sdk) -> Any:
    """Whether a token shows in a model's repr and to_str, and in to_dict."""
    model = sdk.models.OauthTokenResponse(access_token="secret-at", refresh_token="secret-rt")
    return ["secret" in shown for shown in (repr(model), model.to_str(), str(model.to_dict()))]


def _shown_error(sdk: Sdk) -> Any:
    """Whether an error's text repeats the body and the headers."""
    body, headers = '{"secret": 1}', (("Set-Cookie", "secret=2"),)
    sdk.server.script(answer(body, "500 No", headers=headers))
    try:
        sdk.call("/x", "GET")
    except sdk.ApiException as error:
        return "secret" in str(error), str(error) != "", "500" in str(error)


def _pickled(sdk: Sdk) -> Any:
    copy = pickle.loads(pickle.dumps(sdk.ApiException(404, "why")))
    return copy.status, copy.reason


def _not_ready(sdk: Sdk) -> Any:
    """Which TimeoutError a result raises that is not there yet."""
    sdk.server.gate = threading.Event()
    try:
        result = sdk.call("/x", "GET", async_req=True)
        told = [result.ready(), isinstance(_raised(result.successful), ValueError)]
        error = _raised(lambda: result.get(0))
        told += [isinstance(error, multiprocessing.TimeoutError), isinstance(error, TimeoutError)]
    finally:
        sdk.server.gate.set()
        sdk.server.gate = None
    return [*told, result.get(30)[1], result.wait(1), result.ready(), result.successful()]


def _raised(call: Any) -> Any:
    try:
        call()
    except Exception as error:
        return error


def _default_settings(sdk: Sdk) -> Any:
    try:
        default = sdk.configuration(api_key={SIMPLE: "sk"}, proxy="http://127.0.0.1:9")
        sdk.Configuration.set_default(default)
        first, second = sdk.Configuration(), sdk.Configuration()
        first.api_key[SIMPLE] = "changed"
        return second.api_key, second.proxy, default.api_key, second.host == sdk.server.host
    finally:
        sdk.Configuration.set_default(None)


def _hooked(configuration: Any) -> Any:
    configuration.refresh_api_key_hook = lambda conf: conf.api_key.update({SIMPLE: "fresh"})
    return configuration.get_api_key_with_prefix(SIMPLE)


def _oauth_model(sdk: Sdk) -> Any:
    model = sdk.models.OauthTokenResponse("at", None, None, None, None, "rt", "s", "bearer")
    same = sdk.models.OauthTokenResponse(
        access_token="at", refresh_token="rt", scope="s", token_type="bearer"
    )
    model_dict = {name: model.to_dict()[name] for name in model.to_dict() if name != "merchant_id"}
    return model_dict, model == same, model != same, model == model_dict, model.discriminator


def _nested_model(sdk: Sdk) -> Any:
    error = sdk.models.ErrorResponse(error=sdk.models.Error(user_message="m"), success=False)
    return [error.to_dict()["error"]["user_message"], error.to_dict()["success"]]


def _error_metadata(sdk: Sdk) -> Any:
    read = sdk.deserialize('{"metadata": {"payload_name": "order"}}', "ErrorResponse")
    return isinstance(read.metadata, dict)


CASES = [
    *[
        _client("sanitize " + name, lambda client, v=value: client.sanitize_for_serialization(v))
        for name, value in _SANITIZED
    ],
    *[
        _client("accept %s" % (given,), lambda client, v=given: client.select_header_accept(v))
        for given in (None, [], ["A/B"], ["A/B", "c/D"], ["x/y", "Application/JSON"])
    ],
    *[
        _client(
            "content type %s" % (given,),
            lambda client, v=given: client.select_header_content_type(v),
        )
        for given in (None, [], ["A/B", "c/d"], ["*/*"], ["x/y", "Application/JSON"])
    ],
    *[
        _client(
            "tuples %s" % name,
            lambda client, f=form: client.parameters_to_tuples(
                {"a": ["1", 2], "b": "x"}, f and {"a": f}
            ),
        )
        for name, form in [("None", None), *((f, f) for f in ("csv", "multi", "pipes", "other"))]
    ],
    _client("tuples of pairs", lambda client: client.parameters_to_tuples([("a", 1)], None)),
    _client("post parameters", _files),
    _client("post parameters of nothing", lambda client: client.prepare_post_parameters()),
    _client("auth parameters", _authorized),
    _client(
        "auth parameters of nothing",
        lambda client: client.update_params_for_auth({}, [], None),
    ),
    _client("native types", lambda client: sorted(client.NATIVE_TYPES_MAPPING)),
    Case("rest: verbs", _rest_verbs),
    Case("rest: response", _rest_response),
    Case("rest: wrapped response", _wrapped),
    Case("rest: exception", _exception_facts),
    Case(
        "rest: form and body",
        lambda sdk: sdk.rest.RESTClientObject(sdk.configuration()).POST(
            sdk.server.host, post_params=[("a", "1")], body={"a": 1}
        ),
    ),
    _configured("misspelt setting", _misspelt),
    _configured("no key", lambda conf: conf.get_api_key_with_prefix(SIMPLE)),
    _configured(
        "key", lambda conf: conf.get_api_key_with_prefix(SIMPLE), api_key={SIMPLE: "k\u20ac"}
    ),
    _configured(
        "key with prefix",
        lambda conf: conf.get_api_key_with_prefix(SIMPLE),
        api_key={SIMPLE: "k"},
        api_key_prefix={SIMPLE: "Token"},
    ),
    _configured("key from the hook", _hooked),
    _configured(
        "basic auth",
        lambda conf: conf.get_basic_auth_token(),
        username="user",
        password="pa:ss w\u00f6rd",
    ),
    _configured("basic auth of nothing", lambda conf: conf.get_basic_auth_token()),
    _configured(
        "auth_settings",
        lambda conf: conf.auth_settings(),
        access_token="at",
        api_key={SIMPLE: "k"},
        api_key_prefix={SIMPLE: "Token"},
    ),
    _configured("auth_settings of nothing", lambda conf: conf.auth_settings()),
    _configured("report", lambda conf: conf.to_debug_report().split(":")[0]),
    _configured("logger_file", lambda conf: (conf.logger_file, conf.debug, conf.logger_format)),
    Case("configuration: set_default", _default_settings),
    Case("configuration: default changed later", _default_changed_later),
    Case("configuration: proxy from the environment", _proxied),
    Case("configuration: environment", _from_environment),
    Case("configuration: handlers added", _handlers_added),
    Case("configuration: debug", _debug_switch),
    Case("model: secrets shown", _shown),
    Case("error: secrets shown", _shown_error),
    Case("error: pickled", _pickled),
    Case("async: not ready", _not_ready),
    Case("model: token response", _oauth_model),
    Case("model: nested to_dict", _nested_model),
    Case("model: metadata of an error", _error_metadata),
]
