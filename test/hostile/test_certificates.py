"""Certificates count by what their files hold, and may be named in every usual way."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import ssl
import time
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme

from ultracart import ApiConnectionError, ConfigurationError

from .conftest import Authority
from .server import answer

TRUST = ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"]
OK = answer('{"a": 1}')


@pytest.fixture(autouse=True)
def nothing_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in TRUST:
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def other(tmp_path: Path) -> Authority:
    folder = tmp_path / "other"
    folder.mkdir()
    return Authority(folder)


def with_stamp(path: str, seconds_ago: float) -> Any:
    """``os.stat`` with one stamp for whatever the file holds, last changed so many seconds ago."""
    real = os.stat

    def stat(asked: Any, *arguments: Any, **options: Any) -> Any:
        found = real(asked, *arguments, **options)
        if asked != path:
            return found
        times = {"st_mtime_ns": 1, "st_ctime_ns": 1, "st_ctime": time.time() - seconds_ago}
        return SimpleNamespace(st_ino=1, st_size=1, st_mode=found.st_mode, **times)

    return stat


def call(client: Any) -> Any:
    return client.call_api("/x", "GET", response_type="object")[0]


def refused(client: Any) -> None:
    with pytest.raises(ApiConnectionError, match="certificate"):
        call(client)


def as_file(path: str, tmp_path: Path) -> str:
    return path


def as_folder(path: str, tmp_path: Path) -> str:
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(path, folder / "company.crt")
    shutil.copy(path, folder / "0123abcd.0")
    (folder / "README").write_text("no certificate")
    (folder / "inner").mkdir()
    return str(folder)


def as_text(path: str, tmp_path: Path) -> str:
    return "Company\u2019s own\n" + Path(path).read_text()


def as_path(path: str, tmp_path: Path) -> Any:
    return Path(path)


@pytest.mark.parametrize("how", [as_file, as_folder, as_text, as_path])
def test_ssl_ca_cert(
    serve: Any, client_of: Any, authority: Any, other: Any, tmp_path: Path, how: Any
) -> None:
    server = serve(OK, tls=authority.context())
    assert call(client_of(server, ssl_ca_cert=how(authority.path, tmp_path))) == {"a": 1}
    refused(client_of(server, ssl_ca_cert=other.path))


@pytest.mark.parametrize("comment", [b"Certificaci\xf3n\n", "\ud800\n"], ids=ascii)
def test_comments_of_pem_text_are_in_any_encoding(
    serve: Any, client_of: Any, authority: Any, comment: Any
) -> None:
    pem = Path(authority.path).read_text()
    server = serve(OK, tls=authority.context())
    text = comment + (pem if isinstance(comment, str) else pem.encode())
    assert call(client_of(server, ssl_ca_cert=text)) == {"a": 1}


@pytest.mark.parametrize("variable", TRUST)
@pytest.mark.parametrize("how", [as_file, as_folder])
def test_the_environment(
    serve: Any,
    client_of: Any,
    authority: Any,
    other: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    how: Any,
) -> None:
    server = serve(OK, tls=authority.context())
    refused(client_of(server))
    monkeypatch.setenv(variable, how(authority.path, tmp_path))
    assert call(client_of(server)) == {"a": 1}
    refused(client_of(server, trust_env=False))
    refused(client_of(server, ssl_ca_cert=other.path))
    assert call(client_of(server, verify_ssl=False)) == {"a": 1}


def test_several_folders_in_the_environment(
    serve: Any,
    client_of: Any,
    authority: Any,
    other: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = serve(OK, tls=authority.context())
    empty = tmp_path / "empty"
    empty.mkdir()
    folders = ["/nowhere", str(empty), str(other.folder), as_folder(authority.path, tmp_path)]
    monkeypatch.setenv("SSL_CERT_DIR", os.pathsep.join(folders))
    assert call(client_of(server)) == {"a": 1}
    monkeypatch.setenv("SSL_CERT_DIR", os.pathsep.join(["/nowhere", str(empty)]))
    with pytest.raises(ConfigurationError, match=r"SSL_CERT_DIR.*empty.* holds none"):
        call(client_of(server))


def test_a_folder_that_cannot_be_read(
    serve: Any, client_of: Any, authority: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    server = serve(OK, tls=authority.context())
    client = client_of(server, ssl_ca_cert=str(authority.folder))
    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(ConfigurationError, match="ssl_ca_cert must name a readable folder"):
        call(client)
    assert not server.connections


@pytest.mark.parametrize("variable", TRUST)
def test_what_the_environment_names_and_is_not_there(
    serve: Any, client_of: Any, authority: Any, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "/nowhere")
    server = serve(OK, tls=authority.context())
    with pytest.raises(ConfigurationError, match=variable + ".*trust_env"):
        call(client_of(server))
    assert not server.connections
    plain = serve(OK)  # without TLS nobody asks for it
    assert call(client_of(plain)) == {"a": 1}
    settings = {"proxy": plain.host, "allow_insecure_transport": True}
    assert call(client_of("http://api.example", **settings)) == {"a": 1}


@pytest.mark.parametrize("how", [as_file, as_folder])
def test_an_authority_that_was_removed(
    serve: Any, client_of: Any, authority: Any, other: Any, tmp_path: Path, how: Any
) -> None:
    server = serve(OK, tls=authority.context())
    trusted = how(str(shutil.copy(authority.path, tmp_path / "ca.pem")), tmp_path)
    first = client_of(server, ssl_ca_cert=trusted)
    assert call(first) == {"a": 1}
    files = [Path(trusted)] if how is as_file else sorted(Path(trusted).glob("*.*"))
    for file in files:
        shutil.copy(other.path, file)
    refused(client_of(server, ssl_ca_cert=trusted))
    assert call(first) == {"a": 1}  # its connection was trusted when it was made
    # A client of the same Configuration is a new one as well.
    second = type(first)(first.configuration)
    refused(second)
    for file in files:
        shutil.copy(authority.path, file)
    assert call(client_of(server, ssl_ca_cert=trusted)) == {"a": 1}


@pytest.mark.parametrize("change", ["rewritten", "chdir", "same stamp"])
def test_a_client_certificate_that_changed(
    serve: Any,
    client_of: Any,
    authority: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    seen: list[str] = []

    def look(peer: Any) -> None:
        names = [value for kind, value in peer.sock.getpeercert()["subjectAltName"]]
        seen.extend(names)

    server = serve(OK, tls=authority.demanding_context(), handshaken=look)
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, name in zip(folders, ["one@example.com", "two@example.com"]):
        folder.mkdir()
        issued: trustme.LeafCert = authority._ca.issue_cert(name)
        issued.private_key_and_cert_chain_pem.write_to_path(folder / "id.pem")
    monkeypatch.chdir(folders[0])
    if change == "same stamp":  # what holds a key is not remembered
        monkeypatch.setattr(os, "stat", with_stamp("id.pem", seconds_ago=1000))
    settings = {"ssl_ca_cert": authority.path, "cert_file": "id.pem"}
    first = client_of(server, **settings)
    assert call(first) == {"a": 1}
    if change == "chdir":
        monkeypatch.chdir(folders[1])
    else:
        shutil.copy(folders[1] / "id.pem", folders[0] / "id.pem")
    assert call(client_of(server, **settings)) == {"a": 1}
    assert call(first) == {"a": 1}
    assert seen == ["one@example.com", "two@example.com"]


@pytest.mark.parametrize("is_larger", [False, True])
def test_a_client_certificate_that_is_rewritten_while_it_is_read(
    serve: Any,
    client_of: Any,
    authority: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_larger: bool,
) -> None:
    """A connection is kept for what the file held, so it must be made with just that."""
    server = serve(OK, tls=authority.demanding_context())
    certificate, key = authority.client_identity()
    path = tmp_path / "id.pem"
    old = new = Path(certificate).read_bytes() + Path(key).read_bytes()
    path.write_bytes(old)
    while new == old or (sha256(new).digest() > sha256(old).digest()) is not is_larger:
        new += b"\n"
    load = ssl.SSLContext.load_cert_chain

    def load_then_rewrite(*arguments: Any, **options: Any) -> None:
        load(*arguments, **options)
        path.write_bytes(new)

    client = client_of(server, ssl_ca_cert=authority.path, cert_file=str(path))
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", load_then_rewrite)
    with pytest.raises(ConfigurationError, match="rewritten while"):
        call(client)
    monkeypatch.undo()
    assert call(client) == {"a": 1}


def test_an_authority_that_is_rewritten_within_one_tick_of_its_disk_s_clock(
    serve: Any, client_of: Any, authority: Any, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(OK, tls=authority.context())
    content = Path(authority.path).read_bytes()
    trusted = other.folder / "trusted.pem"
    monkeypatch.setattr(os, "stat", with_stamp(str(trusted), seconds_ago=1))
    trusted.write_bytes(content)
    assert call(client_of(server, ssl_ca_cert=str(trusted))) == {"a": 1}
    shutil.copy(other.path, trusted)
    refused(client_of(server, ssl_ca_cert=str(trusted)))


def test_responses_are_asked_for_in_gzip(serve: Any, client_of: Any) -> None:
    server = serve(answer(gzip.compress(b'{"a": 1}'), "200 OK", "Content-Encoding: gzip"))
    client = client_of(server)
    assert call(client) == {"a": 1}
    client.call_api("/x", "GET", header_params={"accept-encoding": "identity"})
    raw = client.call_api("/x", "GET", _preload_content=False, _return_http_data_only=True)
    assert raw.read() == b'{"a": 1}'
    asked = [request.headers["accept-encoding"] for request in server.requests]
    assert asked == ["gzip", "identity", "gzip"]
    heads = [request.raw.lower().count(b"accept-encoding") for request in server.requests]
    assert heads == [1, 1, 1]
