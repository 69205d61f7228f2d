"""Where a download lands: its bytes are intact, and its name never leaves ``temp_folder_path``."""

from __future__ import annotations

import os
import resource
import stat
import tempfile

import pytest

from ultracart import ApiClient, ApiException, Configuration

from .comparison.recording_server import answer

EVERY_BYTE = bytes(range(256)) * 500 + b"\r\n\xff\xfe\xef\xbb\xbf"
HOSTILE = [
    '"../../outside"',
    '"..\\..\\outside"',
    '"/etc/outside"',
    '"C:\\outside.txt"',
    '"C:outside.txt"',
    '"\\\\server\\share\\outside"',
    '".."',
    '"."',
    '"../"',
    '""',
    '" "',
    '"..."',
    '".hidden"',
    '"a/../../../outside"',
    '"%2e%2e%2foutside"',
    "'../outside'",
    "../outside",
    '"~/outside"',
    '"-rf"',
    '"$HOME"',
    '"`id`;|&.sh"',
    '"con\tname.txt"',
    '"' + "\xe9" * 400 + '.txt"',
    '"x.' + "e" * 400 + '"',
    '"%s.%s"' % ("\xe9" * 400, "\xe9" * 400),
    '"nothing closes this',
    "",
]


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "deep" / "downloads"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def client(server, folder):
    configuration = Configuration()
    configuration.host = server.host
    configuration.temp_folder_path = str(folder)
    with ApiClient(configuration) as made:
        yield made


def download(client):
    return client.call_api("/file", "GET", response_type="file", _return_http_data_only=True)


def named(file_name, body=b"content"):
    disposition = ("Content-Disposition", "attachment; filename=" + file_name)
    return answer(body, content_type="application/octet-stream", headers=(disposition,))


def everything(folder):
    return sorted(
        os.path.join(where, name) for where, _, names in os.walk(folder) for name in names
    )


@pytest.mark.parametrize(
    "content", [EVERY_BYTE, b"", b"plain text", b"{}", b"null", b"\xff\xfe", "\u20ac".encode()]
)
def test_bytes_are_intact(server, client, content):
    server.script(named('"data.bin"', content))
    path = download(client)
    with open(path, "rb") as file:
        assert file.read() == content


def test_name_of_the_server_is_kept_where_it_is_harmless(server, client, folder):
    for sent, kept in [
        ('"report 2026-02.pdf"', "report 2026-02.pdf"),
        ("'single.csv'", "single.csv"),
        ("bare.txt; size=3", "bare.txt"),
        ('"../../etc/report.csv"', "report.csv"),
    ]:
        server.script(named(sent))
        assert download(client) == str(folder / kept)


@pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX")
def test_nobody_else_can_read_it(server, client):
    for file_name in ('"a.txt"', '""'):
        server.script(named(file_name))
        assert stat.S_IMODE(os.stat(download(client)).st_mode) == 0o600


@pytest.mark.parametrize("file_name", HOSTILE)
def test_hostile_names_stay_in_the_folder(server, client, folder, tmp_path, file_name):
    server.script(named(file_name))
    path = download(client)
    assert os.path.dirname(path) == str(folder)
    assert os.path.realpath(path) == os.path.join(os.path.realpath(folder), os.path.basename(path))
    assert not os.path.basename(path).startswith(".")
    assert everything(tmp_path) == [path]
    with open(path, "rb") as file:
        assert file.read() == b"content"


def test_nothing_is_overwritten(server, client, folder):
    (folder / "taken.txt").write_text("mine")
    server.script(named('"taken.txt"'))
    first, second = download(client), download(client)
    assert (folder / "taken.txt").read_text() == "mine"
    assert len({first, second, str(folder / "taken.txt")}) == 3
    assert {os.path.splitext(path)[1] for path in (first, second)} == {".txt"}


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need a privilege on Windows")
@pytest.mark.parametrize("target_exists", [True, False])
def test_links_are_not_followed(server, client, folder, tmp_path, target_exists):
    target = tmp_path / "target.txt"
    if target_exists:
        target.write_text("mine")
    (folder / "link.txt").symlink_to(target)
    server.script(named('"link.txt"'))
    path = download(client)
    assert not os.path.islink(path)
    assert path != str(folder / "link.txt")
    assert (target.read_text() if target_exists else target.exists()) in ("mine", False)


def test_a_cut_body_leaves_no_file(server, client, folder):
    headers = (("Content-Disposition", 'attachment; filename="cut.bin"'),)
    server.script(answer(b"x" * 100, headers=headers, length=5000))
    server.hang_up = True
    with pytest.raises(ApiException):
        download(client)
    assert everything(folder) == []


def test_an_error_leaves_no_file(server, client, folder):
    server.script(answer("no such file", "404 Not Found"))
    with pytest.raises(ApiException):
        download(client)
    assert everything(folder) == []


def test_a_folder_that_is_not_there(server, client, folder):
    client.configuration.temp_folder_path = str(folder / "absent")
    server.script(named('"a.txt"'))
    with pytest.raises(ApiException, match=r"cannot be written.*temp_folder_path") as caught:
        download(client)
    assert str(folder / "absent") in str(caught.value)
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    assert caught.value.status == 200
    assert caught.value.body


def test_a_relative_folder_below_one_that_was_removed(server, client, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    client.configuration.temp_folder_path = "downloads"
    server.script(named('"a.txt"'))
    with pytest.raises(ApiException, match="cannot be written to 'downloads'") as caught:
        download(client)
    assert caught.value.body


def test_default_folder_is_the_systems(server, client, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    client.configuration.temp_folder_path = None
    server.script(named('"a.txt"'))
    assert download(client) == str(tmp_path / "a.txt")


def test_a_disk_that_is_full_leaves_no_file(server, client, folder):
    server.script(named('"a.txt"'))
    client.call_api("/warm", "GET")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    server.script(named('"a.txt"', body=b"x" * 100_000))
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))  # Python ignores the signal
    try:
        with pytest.raises(ApiException, match="cannot be written") as caught:
            download(client)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert everything(folder) == []
    assert len(caught.value.body) == 100_000
