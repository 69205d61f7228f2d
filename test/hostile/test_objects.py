"""Copies, pickles and what an import or a call leaves untouched in the process."""

from __future__ import annotations

import copy
import http.client
import logging
import os
import pickle
import socket
import threading
import warnings
import weakref
from typing import Any

import pytest

import ultracart
import ultracart.rest  # urllib3 gives its own logger a NullHandler when it is loaded
from ultracart import ApiException, Configuration, debug_log, exceptions

from .conftest import BEARER, exchange
from .server import answer


def test_nothing_of_others_is_touched(serve: Any, api_of: Any, judge: Any) -> None:
    def state() -> Any:
        names = [None, "urllib3", "urllib3.connectionpool", "http.client", "requests", "ultracart"]
        loggers = [logging.getLogger(name) for name in names]
        return (
            [(log.level, log.disabled, log.propagate, list(log.handlers)) for log in loggers[:-1]],
            [
                handler
                for handler in loggers[-1].handlers
                if type(handler) is not logging.NullHandler
            ],
            loggers[-1].level,
            http.client.HTTPConnection.debuglevel,
            socket.getdefaulttimeout(),
            list(warnings.filters),
            dict(os.environ),
            logging.root.manager.disable,
        )

    before = state()
    for _ in range(5):
        api = api_of(serve(answer('{"access_token":"a"}'), answer("", "500 No")), debug=True)
        exchange(api)
        judge.failure(lambda api=api: exchange(api))
        api.api_client.configuration.debug = False
        api.api_client.close()
    assert state() == before


def source() -> str:
    return BEARER


def test_configuration_copies() -> None:
    configuration = Configuration()
    configuration.api_key["x-ultracart-simple-key"] = "one"
    configuration.access_token = source
    configuration.prepared("x", lambda conf: threading.Lock())
    copies = [copy.deepcopy(configuration), copy.copy(configuration)]
    copies.append(pickle.loads(pickle.dumps(configuration)))
    for twin in copies:
        assert twin.access_token is source
        twin.api_key["x-ultracart-simple-key"] = "two"
        twin.host = "https://other.example.com"
    assert configuration.api_key == {"x-ultracart-simple-key": "one"}
    assert configuration.host != "https://other.example.com"


EXCEPTIONS = [
    value
    for value in (getattr(exceptions, name) for name in exceptions.__all__)
    if isinstance(value, type)
]


@pytest.mark.parametrize("cls", EXCEPTIONS, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_exception_survives_pickle_and_copy(cls: Any, protocol: int) -> None:
    error = cls("what happened") if not issubclass(cls, ApiException) else cls(418)
    if issubclass(cls, ApiException):
        error = cls(418, "teapot", body='{"error":"x"}', headers={"A": "b"}, retry_after=2.5)
        error.request_sent = True
    error.__cause__ = ConnectionResetError(104, "Connection reset by peer")
    error.note = ["kept"]
    for twin in (
        pickle.loads(pickle.dumps(error, protocol)),
        copy.copy(error),
        copy.deepcopy(error),
    ):
        assert type(twin) is cls
        assert (str(twin), twin.args, vars(twin)) == (str(error), error.args, vars(error))
        assert repr(twin.__cause__) == repr(error.__cause__)
        assert isinstance(twin, Exception)


def test_base_class_defaults_survive() -> None:
    error = pickle.loads(pickle.dumps(exceptions.ReauthorizationRequired(account="merchant-7")))
    assert error.account == "merchant-7"
    error = pickle.loads(pickle.dumps(exceptions.InvalidGrantError()))
    assert error.error == "invalid_grant"


@pytest.fixture
def logger(monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    """The package's logger, as if no other test had left a configuration that debugs."""
    monkeypatch.setattr(debug_log, "_debugging", weakref.WeakSet())
    monkeypatch.setattr(debug_log, "_level_before", None)
    monkeypatch.setattr(debug_log.LOGGER, "level", logging.NOTSET)
    return debug_log.LOGGER


@pytest.mark.parametrize("how", ["copy", "pickle", "default", "global"])
def test_debug_of_a_copy_counts_by_itself(logger: logging.Logger, how: str) -> None:
    original = Configuration()
    original.debug = True
    try:
        if how in ("default", "global"):
            Configuration.set_default(original)
        make = {"copy": lambda: copy.copy(original), "default": Configuration}
        make["pickle"] = lambda: pickle.loads(pickle.dumps(original))
        make["global"] = lambda: ultracart.configuration
        twin = make[how]()
        assert twin.debug is True
        twin.debug = False
        assert logger.level == logging.DEBUG  # of the original
        twin.debug = True
        original.debug = False
        assert logger.level == logging.DEBUG  # of the twin
        twin.debug = False
    finally:
        Configuration.set_default(None)
    assert logger.level == logging.NOTSET


def test_debug_survives_the_way_into_another_process(logger: logging.Logger) -> None:
    made = Configuration()
    made.debug = True
    sent = pickle.dumps(made)
    made.debug = False
    twin = pickle.loads(sent)
    assert logger.level == logging.DEBUG
    twin.debug = False
    assert logger.level == logging.NOTSET


def test_copies_are_silent_when_their_original_is(logger: logging.Logger) -> None:
    original = Configuration()
    original.debug = True
    twin = copy.deepcopy(original)
    original.debug = False
    assert twin.debug is True
    assert logger.level == logging.NOTSET
