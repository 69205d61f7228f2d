"""Arguments that make no sense, functions that fail, texts of any length: a clear error each."""

from __future__ import annotations

import enum
import http.client
import logging
from typing import Any

import pytest

from ultracart.sandbox import Application, Sandbox

HEADERS = {"x-ultracart-simple-key": "YOUR_API_KEY", "X-UltraCart-Api-Version": "2017-03-01"}


def get(sandbox: Sandbox, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=20)
    try:
        connection.request("GET", f"/rest/v2{path}", headers=HEADERS)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", True),
        ("port", 1.0),
        ("applications", None),
        ("applications", ["shop"]),
        ("applications", [Application("shop"), Application("shop")]),
        ("merchants", None),
        ("merchants", b"SHOP"),
        ("merchants", [""]),
        ("merchants", [7]),
        ("merchants", {"SHOP": None}),
        ("merchants", ["SHOP\r\n"]),
        ("simple_keys", None),
        ("simple_keys", [None]),
        ("simple_keys", [""]),
        ("access_token_lifetime", 10**400),
        ("device_interval", 1e300),
    ],
)
def test_an_argument_that_makes_no_sense_is_refused_by_its_name(name: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=name):
        Sandbox(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_id", ""),
        ("client_id", 7),
        ("redirect_uris", "https://shop.example/cb"),
        ("redirect_uris", [""]),
        ("redirect_uris", [7]),
        ("redirect_uris", None),
        ("name", ""),
        ("name", "a\nb"),
        ("client_secret", ""),  # an empty variable of the environment: no request could carry it
        ("client_secret", b"secret"),
        ("scope", ["order_read"]),
        ("scope", ""),
        ("loopback_redirects", "no"),
    ],
)
def test_an_application_that_makes_no_sense_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=name) as caught:
        Application(**{"client_id": "shop", name: value})
    assert "secret" not in str(caught.value).replace("client_secret", "")


@pytest.mark.parametrize("merchant", ["", " ", "SHOP\n", None, 7])
def test_a_merchant_that_cannot_be_shown_is_refused(sandbox: Sandbox, merchant: Any) -> None:
    with pytest.raises(ValueError, match="merchant must be a text of one line"):
        sandbox.authorize(merchant=merchant)


def test_merchants_and_keys_may_come_from_an_iterator() -> None:
    with Sandbox(merchants=iter(["OAK"]), simple_keys=iter(["key"])) as sandbox:
        assert sandbox.merchants == ["OAK"]
        sandbox.answer("GET", "/a", 1)
        assert get(sandbox, "/a") == (200, "1")


@pytest.mark.parametrize("delay", [10**400, 1e300])
def test_a_delay_that_never_ends_is_refused(sandbox: Sandbox, delay: float) -> None:
    with pytest.raises(ValueError, match="delay"):
        sandbox.faults.add("/oauth/me", delay=delay)


def test_a_condition_that_raises_is_an_error_response_that_names_its_fault(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.answer("GET", "/a", 1)
    fault = sandbox.faults.add("/a", when=lambda request: request.headers["form"] == 1, status=503)
    with caplog.at_level(logging.CRITICAL, "ultracart.sandbox"):
        status, body = get(sandbox, "/a")
    assert status == 500
    assert "GET" not in repr(fault)
    assert "The fault for any method /a when <lambda> raised KeyError" in body
    sandbox.faults.clear()
    assert get(sandbox, "/a") == (200, "1")


def test_a_condition_that_fails_the_test_is_an_error_response_too(sandbox: Sandbox) -> None:
    sandbox.faults.add("/a", when=lambda request: pytest.fail("not asked for"), status=503)
    status, body = get(sandbox, "/a")
    assert status == 500
    assert "raised Failed: not asked for" in body
    sandbox.faults.clear()


def test_a_condition_may_look_at_the_faults_and_change_them(sandbox: Sandbox) -> None:
    sandbox.answer("GET", "/a", 1)
    seen: list[str] = []

    def clear(request: object) -> bool:
        seen.append(repr(sandbox.faults))
        sandbox.faults.clear()
        return True

    sandbox.faults.add("/a", when=clear, status=503)
    assert get(sandbox, "/a") == (200, "1")
    assert "when clear" in seen[0]


def test_an_error_of_any_length_reaches_the_client(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(request: object) -> None:
        raise ValueError("☃" * 50_000)

    sandbox.answer("GET", "/a", fail)
    with caplog.at_level(logging.CRITICAL, "ultracart.sandbox"):
        assert get(sandbox, "/a")[0] == 500
    assert get(sandbox, "/" + "%E2%98%83" * 7000)[0] == 404


def test_an_iterator_that_gives_nothing_is_an_error(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.answer("GET", "/a", sequence=iter([]))
    with caplog.at_level(logging.CRITICAL, "ultracart.sandbox"):
        status, body = get(sandbox, "/a")
    assert (status, "the iterator has given nothing" in body) == (500, True)


@pytest.mark.parametrize("path", ["//orders", "/rest/v2//orders", "/sandbox/page.js"])
def test_a_path_that_no_resource_has_is_refused(sandbox: Sandbox, path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        sandbox.answer("GET", path, 1)
    with pytest.raises(ValueError, match="path"):
        sandbox.faults.add(path, status=503)


def test_a_path_of_names_alone_leaves_the_oauth_server_alone(sandbox: Sandbox) -> None:
    sandbox.answer("GET", "/{resource}/{number}", lambda request: request.path_params)
    assert get(sandbox, "/items/7") == (200, '{"resource": "items", "number": "7"}')
    assert get(sandbox, "/oauth/token")[0] == 405


def test_a_query_takes_the_value_of_an_enum_and_no_number_that_cannot_be_sent(
    sandbox: Sandbox,
) -> None:
    class Stage(str, enum.Enum):
        SHIPPING = "shipping"

    sandbox.answer("GET", "/a", 1, query={"stage": Stage.SHIPPING})
    assert get(sandbox, "/a?stage=shipping") == (200, "1")
    with pytest.raises(ValueError, match="query"):
        sandbox.answer("GET", "/a", 1, query={"limit": float("nan")})
