"""What configurations share: nothing, but for the one global that is meant to be shared."""

from __future__ import annotations

import collections
import copy
import importlib
import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ultracart
from ultracart import (
    ApiClient,
    ApiException,
    ApiResponseError,
    Configuration,
    ConfigurationError,
    OauthApi,
)
from ultracart.sandbox import Sandbox

SIMPLE = "x-ultracart-simple-key"
SECRETS = {
    "api_key": {SIMPLE: "secret-simple", "x-other": "secret-other"},
    "api_key_prefix": "secret-where-a-dict-belongs",
    "access_token": "secret-token",
    "password": "secret-password",
    "proxy": "http://me:secret-proxy@127.0.0.1:3128",
}
_COPIES: list[Callable[[Configuration], Configuration]] = [
    copy.copy,
    copy.deepcopy,
    lambda configuration: pickle.loads(pickle.dumps(configuration)),
]


def test_defaults() -> None:
    made = Configuration()
    assert made.host == "https://secure.ultracart.com/rest/v2"
    assert made.timeout == (10.0, 60.0)
    assert made.retry_budget == 20.0
    assert made.verify_ssl is True
    assert (made.api_key, made.access_token) == ({}, None)


def test_environment_is_read_when_created(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Configuration()
    monkeypatch.setenv("ULTRACART_HOST", "http://127.0.0.1:1/rest/v2")
    monkeypatch.setenv("ULTRACART_SIMPLE_KEY", "key")
    monkeypatch.setenv("ULTRACART_ACCESS_TOKEN", "token")
    made = Configuration()
    assert made.host == "http://127.0.0.1:1/rest/v2"
    assert made.api_key == {SIMPLE: "key"}
    assert made.access_token == "token"
    assert before.api_key == {}
    made.host = "https://example.com"
    assert made.host == "https://example.com"


@pytest.mark.parametrize("name", ["HOST", "SIMPLE_KEY", "ACCESS_TOKEN"])
def test_empty_environment_variable_is_none(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("ULTRACART_" + name, "")
    made = Configuration()
    assert made.host == "https://secure.ultracart.com/rest/v2"
    assert (made.api_key, made.access_token) == ({}, None)


def test_import_forms() -> None:
    from ultracart.configuration import Configuration as imported

    module = importlib.import_module("ultracart.configuration")
    assert imported is Configuration is module.Configuration
    assert isinstance(ultracart.configuration, Configuration)
    assert isinstance(ultracart.configuration.Configuration(), Configuration)
    assert ultracart.configuration.Configuration() is not ultracart.configuration


@pytest.mark.parametrize(
    "code",
    [
        "import ultracart.configuration; made = ultracart.configuration.Configuration()",
        "from ultracart.configuration import Configuration; made = Configuration()",
        "import ultracart.configuration as c; made = c.Configuration()",
        "from ultracart import configuration; made = configuration.Configuration()",
    ],
)
def test_import_forms_in_a_fresh_interpreter(code: str) -> None:
    check = """
import ultracart
assert type(made).__name__ == "Configuration"
assert made is not ultracart.configuration
ultracart.configuration.api_key["x"] = "y"
assert ultracart.configuration.api_key == {"x": "y"} and made.api_key == {}
assert ultracart.ApiClient().configuration is ultracart.configuration
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code + check], check=True, timeout=60)


def test_global_one_is_live(sandbox: Sandbox) -> None:
    client = ApiClient()
    ultracart.configuration.host = sandbox.host
    ultracart.configuration.access_token = "access_token_example"
    assert client.configuration is ultracart.configuration
    with client:
        assert OauthApi(client).oauth_me().merchant_id == "DEMO"
        ultracart.configuration.api_key[SIMPLE] = "later"
        OauthApi(client).oauth_revoke("client_id_example", "token_example")
    assert sandbox.requests[-1].headers[SIMPLE] == "later"


def test_two_share_nothing() -> None:
    first, second = Configuration(), Configuration()
    first.api_key[SIMPLE] = "first"
    first.api_key_prefix[SIMPLE] = "Key"
    first.host = "https://example.com"
    assert second.api_key == second.api_key_prefix == {}
    assert second.host != first.host
    assert ultracart.configuration.api_key == {}


def test_new_ones_do_not_start_from_the_global_one() -> None:
    ultracart.configuration.api_key[SIMPLE] = "global"
    assert Configuration().api_key == {}


def test_set_default() -> None:
    default = Configuration()
    default.host = "https://example.com/rest/v2"
    default.api_key[SIMPLE] = "default"
    Configuration.set_default(default)
    assert ultracart.configuration is not default
    for made in (ultracart.configuration, Configuration()):
        assert made.host == "https://example.com/rest/v2"
        assert made.api_key == {SIMPLE: "default"}
        made.api_key["x"] = "only here"
    default.api_key["y"] = "only there"
    assert Configuration().api_key == {SIMPLE: "default"}
    Configuration.set_default(None)
    assert Configuration().api_key == ultracart.configuration.api_key == {}


def test_set_default_of_another_type() -> None:
    wrong: Any = {"host": "x"}
    with pytest.raises(TypeError, match="default"):
        Configuration.set_default(wrong)


def test_default_copy_is_independent() -> None:
    ultracart.configuration.api_key[SIMPLE] = "global"
    twin = Configuration.get_default_copy()
    assert twin.api_key == {SIMPLE: "global"}
    twin.api_key.clear()
    assert ultracart.configuration.api_key == {SIMPLE: "global"}


@pytest.mark.parametrize("duplicate", _COPIES)
def test_copies_are_equal_and_independent(
    duplicate: Callable[[Configuration], Configuration],
) -> None:
    origin = Configuration()
    origin.api_key[SIMPLE] = "origin"
    origin.timeout = 7
    twin = duplicate(origin)
    assert vars(twin) == vars(origin)
    twin.api_key[SIMPLE] = "twin"
    twin.timeout = 8
    assert (origin.api_key, origin.timeout) == ({SIMPLE: "origin"}, 7)


@pytest.mark.parametrize("duplicate", _COPIES)
def test_copy_of_a_used_configuration_works(
    duplicate: Callable[[Configuration], Configuration], client: ApiClient
) -> None:
    client.configuration.access_token = "access_token_example"
    OauthApi(client).oauth_me()
    with ApiClient(duplicate(client.configuration)) as twin:
        assert OauthApi(twin).oauth_me().merchant_id == "DEMO"


def test_token_source_survives_a_copy() -> None:
    origin = Configuration()
    origin.access_token = lambda: "from a source"
    assert copy.deepcopy(origin).access_token is origin.access_token


def test_a_changed_setting_counts_from_the_next_call(client: ApiClient, sandbox: Sandbox) -> None:
    client.configuration.access_token = "access_token_example"
    OauthApi(client).oauth_me()
    with Sandbox() as other:
        client.configuration.host = other.host
        OauthApi(client).oauth_me()
        assert len(sandbox.requests) == len(other.requests) == 1


def test_a_changed_bound_counts_from_the_next_call(client: ApiClient) -> None:
    client.configuration.access_token = "access_token_example"
    OauthApi(client).oauth_me()
    client.configuration.max_response_size = 10
    with pytest.raises(ApiResponseError):
        OauthApi(client).oauth_me()


def test_assigning_a_configuration_makes_it_the_global_one() -> None:
    kept, mine = ultracart.configuration, Configuration()
    mine.api_key[SIMPLE] = "mine"
    ultracart.configuration = mine
    assert ultracart.configuration is kept
    assert kept.api_key == {SIMPLE: "mine"}
    assert ApiClient().configuration is kept


@pytest.mark.parametrize("name", SECRETS)
def test_repr_masks_secrets(name: str) -> None:
    made = Configuration()
    setattr(made, name, SECRETS[name])
    shown = [repr(made), str(made), "%s" % made, repr(ApiClient(made)), made.to_debug_report()]
    assert not [text for text in shown if "secret" in text]
    assert made.host in repr(made)


def test_auth_settings_by_scheme() -> None:
    made = Configuration()
    made.access_token = "t"
    made.api_key[SIMPLE] = "k"
    assert made.auth_settings()["ultraCartOauth"]["value"] == "Bearer t"
    simple = made.auth_settings()["ultraCartSimpleApiKey"]
    assert simple == {"type": "api_key", "in": "header", "key": SIMPLE, "value": "k"}
    assert made.auth_settings()["ultraCartBrowserApiKey"]["value"] is None


def test_basic_auth_token() -> None:
    made = Configuration()
    made.username, made.password = "user", "p\u00e4ss"
    assert made.get_basic_auth_token() == "Basic dXNlcjpww6Rzcw=="


class _Logging:
    """What the logging of this process looks like to everybody else."""

    def __init__(self) -> None:
        root = logging.getLogger()
        names = ("urllib3", "urllib3.connectionpool", "http.client", "requests")
        others = [logging.getLogger(name) for name in names]
        self.facts = [
            (logger.name, logger.level, list(logger.handlers), logger.propagate, logger.disabled)
            for logger in [root, *others]
        ]
        self.facts.append(("manager", logging.root.manager.disable, [], True, False))


def test_debug_touches_no_other_logger(client: ApiClient, caplog: pytest.LogCaptureFixture) -> None:
    import http.client

    client.configuration.access_token = "access_token_example"
    OauthApi(client).oauth_me()  # urllib3 is loaded from here on, with its own null handler
    before, debuglevel = _Logging().facts, http.client.HTTPConnection.debuglevel
    assert not caplog.records
    client.configuration.debug = True
    try:
        OauthApi(client).oauth_me()
        OauthApi(client).oauth_revoke("client_id_example", "token_example")
        assert before == _Logging().facts
        assert http.client.HTTPConnection.debuglevel == debuglevel
    finally:
        client.configuration.debug = False
    assert {record.name for record in caplog.records} == {"ultracart"}
    assert "GET /rest/v2/oauth/me -> 200" in caplog.text
    assert "client_id, token" in caplog.text
    assert "_example" not in caplog.text
    caplog.clear()
    OauthApi(client).oauth_me()
    assert not caplog.records


def test_debug_without_any_logging_set_up_goes_to_stderr(sandbox: Sandbox) -> None:
    script = """
import ultracart
ultracart.configuration.debug = True
ultracart.configuration.access_token = "access_token_example"
ultracart.OauthApi().oauth_me()
ultracart.configuration.debug = False
ultracart.OauthApi().oauth_me()
"""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={**os.environ, "ULTRACART_HOST": sandbox.host},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stdout == ""
    assert ran.stderr.count("GET /rest/v2/oauth/me -> 200") == 1
    assert len(sandbox.requests) == 2
    assert "_example" not in ran.stderr


def test_configurations_add_no_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("ultracart")
    _ = Configuration().logger  # loads the module that adds the null handler
    before = list(logger.handlers)
    # As in an application that has set up no logging: pytest's own handlers would do for debug.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    for _ in range(5):
        made = Configuration()
        made.debug = True
        assert len(logger.handlers) == len(before) + 1
        made.debug = False
    assert logger.handlers == before


def test_log_file(client: ApiClient, tmp_path: Path) -> None:
    client.configuration.access_token = "access_token_example"
    client.configuration.logger_file = str(tmp_path / "calls.log")
    client.configuration.debug = True
    try:
        OauthApi(client).oauth_me()
    finally:
        client.configuration.debug = False
        client.configuration.logger_file = None
    told = (tmp_path / "calls.log").read_text()
    assert "/oauth/me" in told
    assert "access_token_example" not in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("logger_file", "/nowhere/calls.log"),
        ("logger_file", 5.0),
        ("logger_format", 5),
        ("logger_format", "%(no such style"),
    ],
)
def test_impossible_log_settings_are_refused_at_once(name: str, value: Any) -> None:
    made = Configuration()
    before = getattr(made, name)
    with pytest.raises(ConfigurationError, match="Configuration." + name) as caught:
        setattr(made, name, value)
    assert not isinstance(value, str) or name == "logger_format" or value in str(caught.value)
    assert getattr(made, name) == before


def test_a_hook_that_cannot_be_called(client: ApiClient, sandbox: Sandbox) -> None:
    client.configuration.refresh_api_key_hook = 5  # type: ignore[assignment]
    with pytest.raises(ConfigurationError, match=r"Configuration\.refresh_api_key_hook"):
        OauthApi(client).oauth_me()
    assert not sandbox.requests


def test_one_exchange_is_one_line(client: ApiClient, caplog: pytest.LogCaptureFixture) -> None:
    client.configuration.debug = True
    try:
        client.call_api("/x", "GET", query_params=[("a\nGET /forged", "1")])
    except ApiException:
        pass
    finally:
        client.configuration.debug = False
    (record,) = caplog.records
    assert "\n" not in record.getMessage()


def test_setting_that_is_read_while_it_is_set_is_not_kept_in_its_old_state() -> None:
    class ReadMeanwhile(Configuration):
        """As by another thread, between the assignment and its effect."""

        @property
        def host(self) -> str:
            return str(self.__dict__["_host"])

        @host.setter
        def host(self, value: str) -> None:
            if "_host" in self.__dict__:
                self.prepared("host", lambda made: made.host)
            self.__dict__["_host"] = value

    made = ReadMeanwhile()
    made.host = "https://new.example.com"
    assert made.prepared("host", lambda made: made.host) == "https://new.example.com"


def test_every_setting_is_a_keyword(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ULTRACART_ACCESS_TOKEN", "from-the-environment")
    monkeypatch.setenv("ULTRACART_SIMPLE_KEY", "from-the-environment")
    fresh = Configuration()
    assert fresh.access_token == "from-the-environment"
    keys = {"x-ultracart-browser-key": "b"}
    made = Configuration(host="https://h.example", access_token="t", api_key=keys, timeout=5)
    assert (made.host, made.access_token, made.api_key) == ("https://h.example", "t", keys)
    assert made.timeout == 5
    keys["x-ultracart-browser-key"] = "changed"
    assert made.api_key == {"x-ultracart-browser-key": "b"}
    none = Configuration(host=None, access_token=None, api_key=None)
    assert (none.host, none.access_token, none.api_key) == (fresh.host, None, {})
    for name, value in vars(fresh).items():
        if not name.startswith("_"):
            assert getattr(Configuration(**{name: value}), name) == value
    prefixes = {"x": "y"}
    assert Configuration(api_key_prefix=prefixes).api_key_prefix is not prefixes
    ordered = collections.OrderedDict(prefixes)
    assert Configuration(api_key_prefix=ordered).api_key_prefix is not ordered


def test_keys_that_are_assigned_are_copied() -> None:
    first, second = Configuration(api_key={"k": "1"}), Configuration()
    second.api_key = first.api_key
    second.api_key_prefix = first.api_key_prefix
    second.api_key["k"] = second.api_key_prefix["k"] = "2"
    assert (first.api_key, first.api_key_prefix) == ({"k": "1"}, {})


def test_a_dict_of_a_subclass_is_its_own() -> None:
    class Shop(Configuration):
        def __init__(self, seen: dict[str, str]) -> None:
            super().__init__()
            self.seen = seen

    seen: dict[str, str] = {}
    assert Shop(seen).seen is seen


def test_a_keyword_wins_over_the_defaults_set() -> None:
    Configuration.set_default(Configuration(host="https://default.example", timeout=3))
    try:
        made = Configuration(timeout=4)
    finally:
        Configuration.set_default(None)
    assert (made.host, made.timeout) == ("https://default.example", 4)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("hots", "host"),
        ("retries", "retry_budget"),
        ("verify", "verify_ssl"),
        ("time_out", "timeout"),
        ("apikey", "api_key"),
        ("logfile", "logger_file"),
        ("HOST", "host"),
        ("ACCESS_TOKEN", "access_token"),
        ("verifySSL", "verify_ssl"),
    ],
)
def test_a_misspelt_setting_names_the_nearest(name: str, nearest: str) -> None:
    misspelt: dict[str, Any] = {name: 1}
    with pytest.raises(TypeError, match="%r: did you mean %r" % (name, nearest)):
        Configuration(**misspelt)
    made = Configuration()
    with pytest.warns(UserWarning, match="%r: did you mean %r" % (name, nearest)) as caught:
        setattr(made, name, 1)
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize("name", ["auth_setting", "set_default", "_debug", "logger", "x y", ""])
def test_what_can_not_be_set_is_no_keyword(name: str) -> None:
    no_setting: dict[str, Any] = {name: 1}
    with pytest.raises(TypeError, match="no setting"):
        Configuration(**no_setting)


@pytest.mark.parametrize("key", ["the-key", 7, ["the-key"]])
def test_keys_are_a_dict_by_header_name(key: Any) -> None:
    with pytest.raises(TypeError, match="x-ultracart-simple-key") as caught:
        Configuration(api_key=key)
    assert "the-key" not in str(caught.value)


def test_a_subclass_may_have_attributes_of_its_own() -> None:
    class Own(Configuration):
        region = "eu"

        def __init__(self, shop: str, **settings: Any) -> None:
            super().__init__(**settings)
            self.shop = shop

    made = Own("7", timeout=2)
    made.region = "us"
    assert (made.shop, made.region, made.timeout) == ("7", "us", 2)
    assert copy.deepcopy(made).shop == "7"


def test_copies_know_the_settings(tmp_path: Path) -> None:
    made: Any
    for made in (copy.copy(Configuration()), pickle.loads(pickle.dumps(Configuration()))):
        made.host = "https://h.example"
        with pytest.warns(UserWarning, match="'host'"):
            made.hots = 1
