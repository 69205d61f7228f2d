"""Uploads: a path, bytes, an open binary file, or (name, content[, content type])."""

from __future__ import annotations

import email.policy
import io
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ultracart import ApiClient, ApiValueError
from ultracart.sandbox import Sandbox

CONTENT = b"\x00\xff\r\n--x\r\nid;name\n"


class Part(NamedTuple):
    """What the server got as one part."""

    field: str
    name: str | None
    content: bytes
    kind: str | None


@pytest.fixture(autouse=True)
def anything_is_answered(sandbox: Sandbox, answer: Callable[..., None]) -> Iterator[None]:
    answer({}, times=None)
    yield
    sandbox.faults.clear()


def parts(sandbox: Sandbox) -> list[Part]:
    request = sandbox.requests[-1]
    boundary = request.headers["Content-Type"].partition("boundary=")[2].encode()
    found = []
    for text in request.body.split(b"--" + boundary)[1:-1]:
        head, _, content = text[2:-2].partition(b"\r\n\r\n")
        message = email.message_from_bytes(head, policy=email.policy.HTTP)
        kind = message["Content-Type"]
        field = str(message.get_param("name", header="Content-Disposition"))
        found.append(Part(field, message.get_filename(), content, kind and str(kind)))
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "items.csv"
    made.write_bytes(CONTENT)
    return made


@pytest.mark.parametrize(
    "form",
    [
        lambda path: path,
        str,
        lambda path: ("items.csv", path),
        lambda path: ("items.csv", CONTENT),
        lambda path: ("items.csv", bytearray(CONTENT)),
        lambda path: ("items.csv", io.BytesIO(CONTENT), "text/csv"),
        lambda path: ("items.csv", types.SimpleNamespace(read=lambda: bytearray(CONTENT))),
        lambda path: ("folder/items.csv", memoryview(CONTENT), None),
        lambda path: [path],
    ],
)
def test_one_file_in_each_form(sandbox: Sandbox, client: ApiClient, path: Path, form: Any) -> None:
    client.call_api("/x", "POST", files={"feed": form(path)})
    assert parts(sandbox) == [Part("feed", "items.csv", CONTENT, "text/csv")]


def test_open_files(sandbox: Sandbox, client: ApiClient, path: Path) -> None:
    with path.open("rb") as file:
        client.post("/x", files={"feed": file})
        assert not file.closed
    assert parts(sandbox) == [Part("feed", "items.csv", CONTENT, "text/csv")]


def test_what_has_no_name_has_that_of_its_field(sandbox: Sandbox, client: ApiClient) -> None:
    kind = "application/octet-stream"
    for content in (CONTENT, io.BytesIO(CONTENT), bytearray(CONTENT)):
        client.call_api("/x", "PUT", files={"feed": content})
        assert parts(sandbox) == [Part("feed", "feed", CONTENT, kind)]


def test_a_part_without_a_file_name(sandbox: Sandbox, client: ApiClient) -> None:
    client.post("/x", files={"feed": (None, b"{}", "application/json")}, form={"none": None})
    assert parts(sandbox) == [Part("feed", None, b"{}", "application/json")]


def test_several_files_beside_a_form(sandbox: Sandbox, client: ApiClient, path: Path) -> None:
    files = [("a", [path, b""]), ("b", ("n\u00e4me", "text", "text/plain")), ("c", None), ("d", [])]
    client.call_api("/x", "POST", post_params={"f": "1"}, files=files)  # type: ignore[arg-type]
    assert parts(sandbox) == [
        Part("f", None, b"1", None),
        Part("a", "items.csv", CONTENT, "text/csv"),
        Part("a", "a", b"", "application/octet-stream"),
        Part("b", "n\u00e4me", b"text", "text/plain"),
    ]


def test_a_file_among_the_fields(sandbox: Sandbox, client: ApiClient) -> None:
    client.call_api("/x", "POST", post_params=[("f", ("n", b"1", "text/x")), ("g", "2")])
    assert parts(sandbox) == [Part("f", "n", b"1", "text/x"), Part("g", None, b"2", None)]


@pytest.mark.parametrize("place", ["files", "post_params"])
def test_text_of_a_file_in_the_charset_of_its_type(
    sandbox: Sandbox, client: ApiClient, place: str
) -> None:
    file = ("n.csv", "caf\u00e9", "text/csv; charset=iso-8859-1")
    arguments: dict[str, Any] = {place: [("f", file)]}
    client.call_api("/x", "POST", **arguments)
    assert b"caf\xe9\r\n" in sandbox.requests[-1].body
    arguments = {place: [("f", ("n.csv", "\u20ac", file[2]))]}
    with pytest.raises(ApiValueError, match="cannot be encoded as iso-8859-1"):
        client.call_api("/x", "POST", **arguments)


CLOSED = io.BytesIO()
CLOSED.close()


@pytest.mark.parametrize(
    ("files", "error", "words"),
    [
        ({"f": ("\ud800", b"1")}, ValueError, r"files\['f'\]: the file name.*surrogate"),
        ({"\ud800": b"1"}, ValueError, r"files\['\\ud800'\]"),
        ({"f": "/nowhere/at/all"}, ValueError, "f.*No such file"),
        ({"f": ""}, ValueError, "f.*No such file"),
        ({"f": [b"1", ""]}, ValueError, "f.*No such file"),
        ({"f": ("n", Path("/nowhere"))}, ValueError, "f.*No such file"),
        ({"f": "a\0b"}, ValueError, "f.*cannot be read"),
        ({"f": CLOSED}, ValueError, "f.*closed"),
        ({"f": io.StringIO("x")}, TypeError, "f.*binary mode"),
        ({"f": 3}, TypeError, "f.*a path, bytes"),
        ({"f": ("n", 3)}, TypeError, "f.*a path, bytes"),
        ({"f": ("n",)}, TypeError, "f.*file name, content"),
        ({"f": ("n", b"", "t", {})}, TypeError, "f.*file name, content"),
        ({"f": (3, b"")}, TypeError, "f.*file name must be str"),
        ({"f": ("n", b"", 5)}, TypeError, "f.*content type must be str"),
        ({"f": ("n", b"", "a\r\nb")}, ValueError, "f.*control character"),
        ({"f": ("n", "\ud800")}, ValueError, "f.*surrogate"),
        ({"f": {"a": 1}}, TypeError, "f.*a path, bytes"),
        (b"abc", TypeError, "files"),
        ("abc", TypeError, "files"),
        (7, TypeError, "files"),
        ([("f", b"", b"")], TypeError, "pairs"),
        ({1: b""}, TypeError, "pairs"),
    ],
)
def test_refused(
    sandbox: Sandbox, client: ApiClient, files: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        client.call_api("/x", "POST", files=files)
    assert not sandbox.requests


def test_a_name_that_would_break_the_message(sandbox: Sandbox, client: ApiClient) -> None:
    client.call_api("/x", "POST", files={"f": ('a"b\r\nX-Y: z', b"1")})
    (part,) = parts(sandbox)
    assert part.content == b"1"
    assert b"\r\nX-Y" not in sandbox.requests[-1].body


@pytest.mark.parametrize(
    ("form", "kind"),
    [(("items.csv", CONTENT), "text/csv"), (("items.csv", CONTENT, "text/plain"), "text/plain")],
)
def test_a_file_among_the_fields_of_a_form(
    sandbox: Sandbox, client: ApiClient, form: Any, kind: str
) -> None:
    headers = {"Content-Type": "multipart/form-data"}
    client.call_api("/x", "POST", header_params=headers, post_params=[("feed", form)])
    assert parts(sandbox) == [Part("feed", "items.csv", CONTENT, kind)]


@pytest.mark.parametrize(
    "form", [("items.csv",), ("items.csv", CONTENT, "text/csv", {}), (7, CONTENT), ("items.csv", 7)]
)
def test_what_is_no_file_among_the_fields(sandbox: Sandbox, client: ApiClient, form: Any) -> None:
    headers = {"Content-Type": "multipart/form-data"}
    with pytest.raises(TypeError, match=r"must be \(file name, content"):
        client.call_api("/x", "POST", header_params=headers, post_params=[("feed", form)])
    assert not sandbox.requests
