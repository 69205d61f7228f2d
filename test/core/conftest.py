"""How these tests call: one client against a sandbox of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ultracart import ApiClient, Configuration, OauthApi
from ultracart.sandbox import Sandbox

TOKEN_ANSWER = {"access_token": "issued-token", "token_type": "bearer", "expires_in": 3600}


@pytest.fixture
def configuration(sandbox: Sandbox) -> Configuration:
    made = Configuration()
    made.host = sandbox.host
    return made


@pytest.fixture
def client(configuration: Configuration) -> Iterator[ApiClient]:
    with ApiClient(configuration) as made:
        yield made


@pytest.fixture
def api(client: ApiClient) -> OauthApi:
    return OauthApi(client)


@pytest.fixture
def answer(sandbox: Sandbox) -> Callable[..., None]:
    """Lets the next requests, whatever they are, be answered so: ``answer(body, status=200)``."""

    def prepare(body: Any, **options: Any) -> None:
        sandbox.faults.add(**{"status": 200, "body": body, **options})

    return prepare


@pytest.fixture
def in_a_removed_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder is one that was removed."""
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    try:
        folder.rmdir()
    except OSError:
        pytest.skip("this system does not remove the current folder")


class Operation(NamedTuple):
    """One operation of OauthApi: its required arguments, and what it sends."""

    name: str
    required: dict[str, str]
    method: str
    path: str


OPERATIONS = [
    Operation(
        "oauth_access_token",
        {"client_id": "client_id_example", "grant_type": "refresh_token"},
        "POST",
        "/oauth/token",
    ),
    Operation(
        "oauth_revoke",
        {"client_id": "client_id_example", "token": "token_example"},
        "POST",
        "/oauth/revoke",
    ),
    Operation(
        "oauth_device_authorize",
        {"client_id": "client_id_example", "scope": "crm"},
        "POST",
        "/oauth/device/authorize",
    ),
    Operation("oauth_me", {}, "GET", "/oauth/me"),
]
