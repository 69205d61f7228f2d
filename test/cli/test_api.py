"""``ultracart api``: what is sent, what is written where, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ultracart.sandbox import Sandbox

from .conftest import DEADLINE, CommandLine

USAGE = 2
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def logged_in(ultracart: CommandLine) -> CommandLine:
    ultracart.log_in()
    return ultracart


@pytest.mark.parametrize(
    "path", ["/oauth/me", "oauth/me", "/rest/v2/oauth/me", "{host}/oauth/me", "/oauth/me?a=b%20c"]
)
def test_a_path_in_any_form(logged_in: CommandLine, sandbox: Sandbox, path: str) -> None:
    ran = logged_in("api", path.replace("{host}", sandbox.host))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout)["merchant_id"] == "DEMO"
    request = sandbox.requests[-1]
    assert (request.method, request.path) == ("GET", "/oauth/me")
    assert request.query.to_dict() == ({"a": "b c"} if "?" in path else {})


def test_query_parameters_and_words_anywhere(logged_in: CommandLine, sandbox: Sandbox) -> None:
    sandbox.answer("GET", "/order/orders", {"orders": []})
    logged_in.succeed("api", "-q", "_limit=5", "GET", "--query", "a=1=2", "/order/orders")
    assert sandbox.requests[-1].query.to_dict() == {"_limit": "5", "a": "1=2"}


def test_numbers_are_shown_as_they_were_sent(logged_in: CommandLine, sandbox: Sandbox) -> None:
    """A price of 10.10 must not become 10.1 on its way through a float."""
    sent = (
        b'{"price":10.10,"id":123456789012345678901,"text":"\xc2\x9b[31m \\" [,:","none":[],"x":{}}'
    )
    sandbox.answer("GET", "/item/items", sent, headers=JSON)
    out = logged_in.succeed("api", "/item/items")
    assert out == (
        "{\n"
        '  "price": 10.10,\n'
        '  "id": 123456789012345678901,\n'
        '  "text": "\\u009b[31m \\" [,:",\n'
        '  "none": [],\n'
        '  "x": {}\n'
        "}\n"
    )


@pytest.mark.parametrize("source", ["file", "-"])
def test_a_body(logged_in: CommandLine, sandbox: Sandbox, tmp_path: Path, source: str) -> None:
    body = '{"price": 10.10, "ids": [1, 2]}'
    file = tmp_path / "body.json"
    file.write_text(body, encoding="utf-8")
    sandbox.answer("POST", "/coupon/coupons", {"success": True})
    command = [sys.executable, "-m", "ultracart", "api", "/coupon/coupons", "--json-body"]
    with open(file, encoding="utf-8") as stdin:
        ran = logged_in.run(*command, "-" if source == "-" else str(file), stdin=stdin)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout) == {"success": True}
    request = sandbox.requests[-1]
    assert request.method == "POST"
    assert request.headers["Content-Type"] == "application/json"
    assert request.body.decode("utf-8") == body


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_body_that_was_written_on_windows(
    logged_in: CommandLine, sandbox: Sandbox, tmp_path: Path, encoding: str
) -> None:
    body = '{"name": "Größe", "price": 10.10, "long": %s}' % ("9" * 5000)
    file = tmp_path / "body.json"
    file.write_text(body, encoding=encoding)
    sandbox.answer("POST", "/coupon/coupons", {"success": True})
    logged_in.succeed("api", "/coupon/coupons", "--json-body", str(file))
    assert sandbox.requests[-1].body == body.encode("utf-8")


def test_a_response_with_a_byte_order_mark(logged_in: CommandLine, sandbox: Sandbox) -> None:
    sandbox.answer("GET", "/item/items", b'\xef\xbb\xbf{"items":[]}')
    assert logged_in.succeed("api", "/item/items") == '{\n  "items": []\n}\n'


def test_a_method(logged_in: CommandLine, sandbox: Sandbox) -> None:
    sandbox.answer("DELETE", "/coupon/coupons/{id}", None, status=204)
    ran = logged_in("api", "delete", "/coupon/coupons/7")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_all_pages_as_one_list(logged_in: CommandLine, sandbox: Sandbox) -> None:
    for offset in (0, 2):
        orders = [{"order_id": "DEMO-%d" % (offset + number)} for number in (1, 2)]
        more = offset == 0
        result_set = {"more": more, "next_offset": 2, "offset": offset, "limit": 2, "count": 2}
        query = {"_offset": str(offset)}
        answer = {"orders": orders, "metadata": {"result_set": result_set}}
        sandbox.answer("GET", "/order/orders", answer, query=query)
    out = logged_in.succeed("api", "/order/orders", "--paginate", "orders", "-q", "_limit=2")
    assert [order["order_id"] for order in json.loads(out)] == [
        "DEMO-1",
        "DEMO-2",
        "DEMO-3",
        "DEMO-4",
    ]
    sandbox.answer("GET", "/item/items", {"items": []})
    assert logged_in.succeed("api", "/item/items", "--paginate", "items") == "[]\n"


def test_status_and_headers(logged_in: CommandLine) -> None:
    head, _, body = logged_in.succeed("api", "--include", "/oauth/me").partition("\n\n")
    assert head.startswith("HTTP/1.1 200 OK\n")
    assert "\nContent-Type: application/json" in head
    assert json.loads(body)["merchant_id"] == "DEMO"


@pytest.mark.parametrize("include", [[], ["--include"]])
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 400, "body": {"error": "invalid_client"}},
        {"status": 200, "body": {"access_token": "secret", "token_type": "mac"}},
        {"status": 307, "location": "https://elsewhere.example/"},
    ],
)
def test_the_response_to_a_refresh_is_not_that_of_the_resource(
    logged_in: CommandLine, sandbox: Sandbox, include: list[str], fault: dict[str, Any]
) -> None:
    sandbox.expire_access_tokens()
    sandbox.faults.add("/oauth/token", **fault)
    ran = logged_in("api", "/oauth/me", *include)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("ultracart: POST /rest/v2/oauth/token: HTTP ")
    assert "secret" not in ran.stderr


def test_an_error_response_is_data_too(logged_in: CommandLine) -> None:
    ran = logged_in("api", "/order/orders/none", "--include")
    assert ran.returncode == 1
    head, _, body = ran.stdout.partition("\n\n")
    assert head.startswith("HTTP/1.1 404 Not Found\n")
    assert "error" in json.loads(body)
    assert ran.stderr.startswith("ultracart: GET /rest/v2/order/orders/none: HTTP 404.")


def test_what_is_no_json_is_written_as_it_comes(logged_in: CommandLine, sandbox: Sandbox) -> None:
    pdf = b"%PDF-1.7\n\x00\xff\n"
    sandbox.answer("GET", "/invoice", pdf, headers={"Content-Type": "application/pdf"})
    ran = subprocess.run(
        [sys.executable, "-m", "ultracart", "api", "/invoice"],
        env=logged_in.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, pdf, b"")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["FETCH", "/oauth/me"], "METHOD must be one of GET"),
        (["https://elsewhere.example/rest/v2/oauth/me"], "the server of the token"),
        (["//elsewhere.example/oauth/me"], "the server of the token"),
        (["/oauth/me me"], "must encode"),
        (["/oauth/me#part"], "must encode"),
        (["/order/orders/{order_id}"], "must encode"),
        ([""], "PATH: must not be empty"),
        (["/order/orders", "--paginate", ""], "--paginate: must not be empty"),
        (["GET", "/oauth/me", "--json-body", "x"], "--json-body does not go with GET"),
        (["/oauth/me", "--json-body", '{"a": 1}'], "--json-body takes the name of a file, or -"),
        (["POST", "/oauth/me", "--paginate", "orders"], "--paginate goes with GET"),
        (["/oauth/me", "--paginate", "orders", "--include"], "--paginate goes with GET"),
        (["/oauth/me", "-q", "name"], "write it as NAME=VALUE"),
        (["GET", "/oauth/me", "another"], "one argument too many: another"),
        ([], "required: PATH"),
    ],
)
def test_wrong_usage(
    logged_in: CommandLine, sandbox: Sandbox, arguments: list[str], words: str
) -> None:
    before = len(sandbox.requests)
    ran = logged_in("api", *arguments)
    assert (ran.returncode, ran.stdout) == (USAGE, ""), ran.stderr
    assert ran.stderr.startswith("usage: ultracart api")
    assert words in ran.stderr
    assert len(sandbox.requests) == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a": NaN}',
        "\x00",
        "\ufeff",
        "\ufeff\ufeff{}",
        pytest.param("[" * 200_000, id="too deep"),
    ],
)
def test_a_body_that_is_no_json(logged_in: CommandLine, tmp_path: Path, text: str) -> None:
    file = tmp_path / "body.json"
    file.write_text(text, encoding="utf-8")
    assert "body.json is not JSON (" in logged_in.fail("api", "/a", "--json-body", str(file))
    missing = str(tmp_path / "missing")
    assert "cannot read " + missing in logged_in.fail("api", "/a", "--json-body", missing)


def test_a_body_in_another_encoding(logged_in: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "body.json"
    file.write_text('{"name": "Größe"}', encoding="latin-1")
    message = logged_in.fail("api", "/a", "--json-body", str(file))
    assert "body.json is not JSON (byte 13 is not UTF-8: save it in that encoding)" in message


def test_the_token_of_the_environment(logged_in: CommandLine, sandbox: Sandbox) -> None:
    token = logged_in.succeed("token").strip()
    logged_in.log_in("other")
    others = {"ULTRACART_ACCESS_TOKEN": token, "ULTRACART_SIMPLE_KEY": "a-key"}
    told = "Using the token in ULTRACART_ACCESS_TOKEN, not a stored login.\n"
    for command in (["api", "/oauth/me"], ["token"], ["whoami"]):
        ran = logged_in(*command, **others)
        assert (ran.returncode, ran.stderr) == (0, told)
        assert token in ran.stdout or "DEMO" in ran.stdout
    request = sandbox.requests[-1]
    assert request.headers["Authorization"] == "Bearer " + token
    assert "x-ultracart-simple-key" not in {name.lower() for name, _ in request.headers}
    ran = logged_in("token", "--account", "other", **others)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.strip() != token
    message = logged_in.fail("token", ULTRACART_ACCESS_TOKEN="two words")
    assert "ULTRACART_ACCESS_TOKEN is not an access token" in message
