"""Redaction to the character: what is hidden, what stays, and where the bounds are."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from ultracart.redaction import (
    SentSecrets,
    is_secret_name,
    mask,
    mask_fields,
    secrets_in,
    secrets_in_headers,
    show,
    show_path,
)


@pytest.mark.parametrize(
    ("text", "secret", "shown"),
    [
        ("abc", "abc", "abc"),  # shorter than four: hiding it would garble, and protect nothing
        ("abcd", "abcd", "***"),
        ("x abcd abcd", "abcd", "x *** ***"),
        ("aaaaa", "aaaa", "***"),
        ("<abcdefg>", "abcdefg", "<***>"),
        ("abcdefg", "abcdefgh", "abcdefg"),
        ("abcdefgh", "abcdefgh", "***"),
        ("x ABCDEFGH", "abcdefgh", "x ***"),
        ("bcdefghi x", "abcdefghij", "*** x"),
        ("the password", "password", "the password"),  # a placeholder, not a secret
        ("refresh_token was bad", "refresh_token_example", "refresh_token was bad"),
        ("\u0130\u0130 abcdefgh end", "abcdefgh", "\u0130\u0130 *** end"),
        ("pass+word", "pass word", "***"),
        ("pass word", "pass+word", "***"),
        ("refresh_token", "refresh_token", "refresh_token"),
        ("abcd efgh x", "abcd%20efgh", "*** x"),
        ("%20%61bcdefgh", "abcdefgh", " ***"),
        ("!abcdefg", "!abcdefg", "***"),
        ("is ABC", "%41%42%43", "is ABC"),
        ("is ABCD", "%41%42%43%44", "is ***"),
        ("\\x61bcd\\u0065 \\q", "abcde", "*** q"),
        ("a &lt; b &amp; %41", "abcd", "a &lt; b &amp; %41"),
        ("a &lt; abcd", "abcd", "a < ***"),
        (b"a abcd", "abcd", "a ***"),
        (bytearray(b"a \xe4bcd"), "\u00e4bcd", "a ***"),
        (7, "abcd", "7"),
        (None, "abcd", "None"),
    ],
)
def test_what_is_shown(text: Any, secret: str, shown: str) -> None:
    assert show(text, [secret]) == shown
    assert show(text, ["", secret, "another secret"]) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Bearer abcdefghijkl", "Bearer ***"),
        ("Bearer abcdefghijk", "Bearer abcdefghijk"),
        ("token=abcdefghijkl&x=1", "token=***&x=1"),
        ("page=abcdefghijkl", "page=abcdefghijkl"),
    ],
)
def test_what_a_label_tells(text: str, shown: str) -> None:
    assert show(text) == shown


def encoded(times: int) -> str:
    return "%" + "25" * (times - 1) + "41 abcdefgh"


@pytest.mark.parametrize(
    "encode",
    [
        quote,
        lambda text: quote(text, safe=""),
        quote_plus,
        lambda text: quote_plus(text).lower(),
        lambda text: quote(quote(text, safe="")),
        lambda text: json.dumps(text)[1:-1],
        lambda text: text.replace("/", "\\/"),
        html.escape,
        lambda text: "".join("%%%02X" % byte for byte in text.encode()),
    ],
)
def test_an_encoded_secret_is_hidden_as_a_whole(encode: Callable[[str], str]) -> None:
    """Its parts between two encoded characters are too short to be recognized alone."""
    secret = 'abcdefgh/ij+kl&mn op=\u00e9q"rstuvwxyz'
    assert show("(%s)" % encode(secret), [secret]) == "(***)"


def test_how_often_a_text_is_decoded() -> None:
    assert show(encoded(49), ["abcdefgh"]) == "A ***"
    assert show(encoded(50), ["abcdefgh"]) == "***"


class Rude:
    def __str__(self) -> str:
        raise KeyError("planted")


def test_what_cannot_be_shown_is_hidden() -> None:
    assert show(Rude()) == "***"
    assert show("abcd", [7]) == "***"  # type: ignore[list-item]
    assert mask_fields({"token": Rude()}) == {"***": "***"}
    assert mask_fields(7) == {"***": "***"}  # type: ignore[arg-type]


def test_names_of_secrets() -> None:
    for name in ("token", "Access-Token", "CLIENT_SECRET", "x-ultracart-simple-key"):
        assert is_secret_name(name)
    for name in ("page", "tokens", ""):
        assert not is_secret_name(name)
    assert [mask("x"), mask(7), mask(""), mask(None)] == ["***", "***", "", None]


def test_fields() -> None:
    fields = {
        "token": "planted-1",
        "code": None,
        "note": "it is planted-1",
        "html": "&amp;",
        "bytes": b"planted-1\xff",
        "array": bytearray(b"plain"),
        "message": "no fifteen-letters sixteen--letters",
        "other": "sixteen--letters",
        "error_description": ["sixteen--letters"],
        "number": 7,
        "deep": [{"state": "planted-2"}, ("planted-2", None)],
        7: True,
    }
    assert mask_fields(fields) == {  # type: ignore[arg-type]
        "token": "***",
        "code": None,
        "note": "it is ***",
        "html": "&amp;",
        "bytes": b"***\xff",
        "array": b"plain",
        "message": "no fifteen-letters ***",
        "other": "sixteen--letters",
        "error_description": ["***"],
        "number": 7,
        "deep": [{"state": "***"}, ["***", None]],
        7: True,
    }


def nested(kind: str, times: int) -> Any:
    value: Any = 7
    for _ in range(times):
        value = {"a": value} if kind == "mapping" else [value]
    return value


@pytest.mark.parametrize("kind", ["mapping", "list"])
def test_how_deep_fields_are_shown(kind: str) -> None:
    assert mask_fields({"a": nested(kind, 20)}) == {"a": nested(kind, 20)}
    shown = str(mask_fields({"a": nested(kind, 21)}))
    assert "***" in shown
    assert "7" not in shown


@pytest.mark.parametrize(
    ("value", "secrets"),
    [
        ({"token": "a", "page": "b"}, ["a"]),
        ({"token": 5, "code": None, "state": True}, ["5"]),
        ({"x": {"password": {"y": ["a", {"z": "b"}]}}, "n": "c"}, ["a", "b"]),
        ([("token", "a"), ("page", "b"), ["code", "c"]], ["a", "c"]),
        ([("token", "a", "b"), ("a", "token"), ("code",), ()], []),
        ({"token": ("page", "a")}, ["a", "page"]),
        ({"token": b"\xe4"}, ["\u00e4"]),
        ({7: "a", None: "b"}, []),
        ("token", []),
        (None, []),
    ],
)
def test_secrets_in_a_value(value: Any, secrets: list[str]) -> None:
    assert sorted(secrets_in(value)) == secrets


def test_how_many_values_are_searched() -> None:
    pair: Mapping[str, str] = {"token": "a"}  # the last that is looked at; it counts as two
    assert list(secrets_in([pair, *[0] * (100_000 - 3)])) == ["a"]
    assert list(secrets_in([pair, *[0] * (100_000 - 2)])) == []


def test_secrets_in_headers() -> None:
    headers = {
        "Authorization": "Bearer one two",
        "User-Agent": "agent",
        "content_type": "text/plain",
        "X-Own": b"\xe4",
    }
    found = list(secrets_in_headers(headers))  # type: ignore[arg-type]
    assert found == ["Bearer one two", "one", "two", "\u00e4"]


def test_what_was_sent_is_remembered() -> None:
    sent = SentSecrets()
    sent.add({"Authorization": "Basic one", "Host": "h"}, None, [("code", "two"), ("page", "3")])
    sent.add({"Authorization": "Basic one", "Host": "h"}, [("code", b"four"), ("state", "two")])
    assert list(sent) == ["Basic one", "one", "two"]
    sent.add({"Authorization": "five"}, [], [("token", "six")])
    assert list(sent) == ["Basic one", "one", "two", "five", "six"]
    sent.add({"Authorization": "Seven"})
    assert list(sent)[-1] == "Seven"


def test_how_much_of_what_was_sent_is_remembered() -> None:
    sent = SentSecrets()
    for number in range(64):
        sent.add({}, [("token", str(number))])
    assert list(sent) == [str(number) for number in range(64)]
    sent.add({}, [("token", "64"), ("code", "65")])
    assert list(sent) == [str(number) for number in range(2, 66)]


# 48 bytes, a whole Ed25519 key, in base64.
SHORT_KEY = "MC4CAQAwBQYDK2VwBCIEIHnotAKeyButAsLongAsOneHasToBe0123456789abcd"


@pytest.mark.parametrize(
    "path",
    [
        SHORT_KEY,
        SHORT_KEY.encode(),
        "BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----.\n" % SHORT_KEY,
        "https://user:%s@example.com/key.pem" % SHORT_KEY,
        "/etc/" + SHORT_KEY * 4,
        b"/\xff" + SHORT_KEY.encode(),
        "/\ud800" + SHORT_KEY,
        7,
        object(),
    ],
    ids=range(9),
)
def test_what_is_probably_no_path_is_not_shown(path: Any) -> None:
    assert show_path(path) == "what it names"


@pytest.mark.parametrize("path", ["/etc/key", "key.pem", "./key", b"key.pem", Path("a/key.pem")])
def test_paths_are_shown_from_the_root(path: Any) -> None:
    assert show_path(path) == repr(os.path.abspath(os.fsdecode(path)))


def test_a_secret_in_a_path_is_not_shown() -> None:
    assert show_path("/run/app?password=hunter2hunter2").endswith("password=***'")


@pytest.mark.usefixtures("in_a_removed_folder")
def test_a_path_in_a_folder_that_was_removed() -> None:
    assert show_path("key.pem") == "what it names"
