"""Showing a call never raises, never shows a value, and never costs the caller a response."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from ultracart import ApiClient, UnauthorizedException

BODIES: dict[str, tuple[Any, str]] = {
    "list of dicts": ([{"a": 1}], "none"),
    "list of lists": ([["SECRET", 1]], "none"),
    "list of pairs": ([("SECRET", "SECRET")], "none"),
    "list of empty lists": ([[], {}, None, ""], "none"),
    "number": (5, "none"),
    "text": ("SECRET", "none"),
    "false": (False, "none"),
    "dict": ({"name": "SECRET", "other": ["SECRET"]}, "name, other"),
    "dict of odd names": ({"a\r\nb": "SECRET", 7: 1, None: 2}, "'a\\r\\nb', 7, None"),
}


@pytest.mark.parametrize(("body", "names"), BODIES.values(), ids=BODIES.keys())
def test_any_body_with_debug(
    client: ApiClient,
    answer: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
    body: Any,
    names: str,
) -> None:
    answer({"done": True})
    client.configuration.debug = True
    try:
        with caplog.at_level(logging.DEBUG, "ultracart"):
            assert client.post("/x", json=body, query={"q": "SECRET"}) == {"done": True}
    finally:
        client.configuration.debug = False
    (line,) = [record.getMessage() for record in caplog.records if record.name == "ultracart"]
    assert "(parameters: q%s;" % ("" if names == "none" else ", " + names) in line
    assert "SECRET" not in line
    assert "\n" not in line


def test_uploads_with_debug(
    client: ApiClient, answer: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    answer({})
    client.configuration.debug = True
    try:
        client.post("/x", form={"f": "SECRET"}, files={"u": ("SECRET", b"SECRET")})
    finally:
        client.configuration.debug = False
    assert "(parameters: f, u;" in caplog.text
    assert "SECRET" not in caplog.text


class Failing(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise OSError("the disk is full")


def test_a_handler_that_fails(client: ApiClient, answer: Callable[..., None]) -> None:
    answer({"done": True})
    handler = Failing()
    logging.getLogger("ultracart").addHandler(handler)
    client.configuration.debug = True
    try:
        assert client.get("/x") == {"done": True}
        with pytest.raises(UnauthorizedException):
            client.get("/oauth/me")
    finally:
        client.configuration.debug = False
        logging.getLogger("ultracart").removeHandler(handler)
