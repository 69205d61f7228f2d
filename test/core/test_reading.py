"""What comes back is what was sent: text, bytes, charsets and the names of downloads."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ultracart import ApiClient, ApiResponseError, Configuration
from ultracart.sandbox import Sandbox

Serve = Callable[..., ApiClient]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """``serve(body, header lines...)``: a client whose server sends these bytes, each time."""
    listeners = []

    def start(body: bytes, *headers: bytes) -> ApiClient:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), b"Connection: close"]
        sent = b"\r\n".join([*lines, *headers, b"", body])

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(sent)

        threading.Thread(target=run, daemon=True).start()
        host = "http://127.0.0.1:%d" % listener.getsockname()[1]
        return ApiClient(Configuration(host=host, temp_folder_path=str(tmp_path)))

    yield start
    for listener in listeners:
        # Closing alone does not wake the thread that waits in accept().
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def read(client: ApiClient, response_type: Any) -> Any:
    return client.call_api("/x", "GET", response_type=response_type, _return_http_data_only=True)


JSON = b"Content-Type: application/json"


@pytest.mark.parametrize("response_type", [bytes, "bytes"])
@pytest.mark.parametrize("body", [b"\x00\xff\xfe", b"text", b'{"a": 1}', b"", b"\xef\xbb\xbf1"])
def test_bytes(serve: Serve, response_type: Any, body: bytes) -> None:
    assert read(serve(body, JSON), response_type) == body


@pytest.mark.parametrize("response_type", [str, "str"])
@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (b"true", JSON, "true"),
        (b"1.50", JSON, "1.50"),
        (b'{"a": [true, null]}', JSON, '{"a": [true, null]}'),
        (b'"quoted \\u20ac"', JSON, "quoted \u20ac"),
        (b"null", JSON, None),
        (b"", JSON, None),
        (b"not json", JSON, "not json"),
        (b'"a","b"\r\n', b"Content-Type: text/csv", '"a","b"\r\n'),
        (b'"a"', b"Content-Type: text/plain; charset=utf-8", '"a"'),
        (b"null", b"Content-Type: text/plain", "null"),
        (b"caf\xe9", b"Content-Type: text/plain; charset=ISO-8859-1", "caf\u00e9"),
        (b"caf\xc3\xa9", b"X-No: type", "caf\u00e9"),
        (b"\xef\xbb\xbfx", JSON, "x"),
    ],
)
def test_text(
    serve: Serve, response_type: Any, body: bytes, content_type: bytes, text: str | None
) -> None:
    assert read(serve(body, content_type), response_type) == text


@pytest.mark.parametrize(
    ("body", "content_type", "value"),
    [
        (b'"caf\xe9"', b"Content-Type: application/json; charset=iso-8859-1", "caf\u00e9"),
        (b'"caf\xe9"', b'Content-Type: application/json; Charset="CP1252"', "caf\u00e9"),
        ('"caf\u00e9"'.encode("utf-16"), JSON, "caf\u00e9"),
        (b'"caf\xc3\xa9"', b"Content-Type: application/json; charset=unheard-of", "caf\u00e9"),
        (b'\xef\xbb\xbf"\xc3\xa9"', b"Content-Type: application/json; charset=latin-1", "\u00e9"),
    ],
)
def test_json_in_the_charset_of_its_type(
    serve: Serve, body: bytes, content_type: bytes, value: str
) -> None:
    assert read(serve(body, content_type), "object") == value


def test_a_number_of_very_many_digits_changes_no_other(serve: Serve) -> None:
    body = b'{"huge": %s, "oid": 12345}' % (b"1" * 5000)
    oid = read(serve(body, JSON), "object")["oid"]
    assert (oid, type(oid)) == (12345, int)


@pytest.mark.parametrize("content_type", [JSON, JSON + b"; charset=utf-8", b"X-No: type"])
@pytest.mark.parametrize("response_type", ["object", "str", "dict(str, str)"])
def test_a_body_in_no_known_charset(serve: Serve, content_type: bytes, response_type: str) -> None:
    body = b'{"a": "caf\xe9"}'
    with pytest.raises(ApiResponseError, match=r"(?i)not utf-8 text") as caught:
        read(serve(body, content_type), response_type)
    assert caught.value.body == body
    assert caught.value.status == 200
    assert caught.value.request_sent


def test_values_within_json_as_str(client: ApiClient, answer: Callable[..., None]) -> None:
    answer({"a": [True, 1.5, {"b": None}, "x", None]})
    value = read(client, "dict(str, list[str])")
    assert value == {"a": ["true", "1.5", '{"b": null}', "x", None]}


NAMES = {
    b'attachment; filename="a b.pdf"': "a b.pdf",
    b"attachment; filename=a.pdf; size=3": "a.pdf",
    b"attachment; filename = a.pdf": "a.pdf",
    b'attachment; filename="a\\"b.pdf"': "a_b.pdf",
    b'attachment; filename="a;b.pdf"; x=y': "a_b.pdf",
    b"attachment; filename*=UTF-8''na%C3%AFve%20file.pdf": "na\u00efve file.pdf",
    b"attachment; filename=plain.pdf; filename*=utf-8'en'%d0%b6.pdf": "\u0436.pdf",
    b"attachment; filename*=iso-8859-1''%e9.pdf; filename=\"plain.pdf\"": "\u00e9.pdf",
    b"attachment; filename*=unheard-of''%e9.pdf; filename=plain.pdf": "plain.pdf",
    b"attachment; filename*=UTF-8''%ff.pdf; filename=plain.pdf": "plain.pdf",
    b"attachment; filename*=UTF-8''..%2F..%2Fetc%2Fx.pdf": "x.pdf",
    b'attachment; xfilename="wrong.pdf"; filename=right.pdf': "right.pdf",
    b'attachment; note="filename=wrong.pdf"; FileName=right.pdf': "right.pdf",
    b"attachment; filename=my report.pdf": "my report.pdf",
    b"attachment; filename='a.pdf'": "a.pdf",
    b'attachment; filename="C:\\dir\\a.pdf"': "a.pdf",
    b'attachment; filename="na\xc3\xafve.pdf"': "na\u00efve.pdf",
    b'attachment; filename="na\xefve.pdf"': "na\u00efve.pdf",
}


@pytest.mark.parametrize(("disposition", "name"), NAMES.items(), ids=NAMES.values())
def test_name_of_a_download(serve: Serve, tmp_path: Path, disposition: bytes, name: str) -> None:
    path = Path(read(serve(b"x", b"Content-Disposition: " + disposition), "file"))
    assert path == tmp_path / name
    assert path.read_bytes() == b"x"


@pytest.mark.parametrize("disposition", [b"attachment", b"attachment; xfilename=a.pdf", b"=;;\"'"])
def test_download_without_a_name(serve: Serve, tmp_path: Path, disposition: bytes) -> None:
    path = Path(read(serve(b"x", b"Content-Disposition: " + disposition), "file"))
    assert path.parent == tmp_path
    assert path.name.startswith("download-")


def test_unread_stays_unread(sandbox: Sandbox, client: ApiClient) -> None:
    sandbox.answer("GET", "/x", {"a": 1})
    client.configuration.access_token = "access_token_example"
    raw = client.call_api(
        "/x",
        "GET",
        response_type="bytes",
        auth_settings=["ultraCartOauth"],
        _preload_content=False,
        _return_http_data_only=True,
    )
    assert raw.json() == {"a": 1}
