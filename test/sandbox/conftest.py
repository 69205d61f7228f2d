"""How these tests reach a sandbox: over urllib3, never through the client under test."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from ultracart.sandbox import Sandbox

API_VERSION = {"X-UltraCart-Api-Version": "2017-03-01"}
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class Clock:
    """Unix seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Answer:
    """A response with its body read."""

    def __init__(self, response: Any) -> None:
        self.status: int = response.status
        self.headers = response.headers
        self.data: bytes = response.data

    def json(self) -> Any:
        return json.loads(self.data)


class Wire:
    """Requests to one sandbox as plain HTTP."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.pool = urllib3.PoolManager(maxsize=64, retries=False, timeout=30)

    def get(self, path: str, token: str | None = None, **headers: str) -> Answer:
        sent = {**API_VERSION, **headers}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        return self.send("GET", path, headers=sent)

    def post(self, path: str, _headers: dict[str, str] | None = None, **form: str) -> Answer:
        sent = {**API_VERSION, **(_headers or {})}
        return self.send("POST", path, fields=form, headers=sent, encode_multipart=False)

    def send(self, method: str, path: str, **arguments: Any) -> Answer:
        url = self.sandbox.host + path
        return Answer(self.pool.request(method, url, redirect=False, **arguments))

    def token(self, **form: str) -> Answer:
        return self.post("/oauth/token", None, **{"client_id": self.sandbox.client_id, **form})

    def exchange(self, callback: str, **form: str) -> Answer:
        values = {
            "grant_type": "authorization_code",
            "code": query_of(callback)["code"],
            "redirect_uri": self.sandbox.redirect_uri,
        }
        return self.token(**{**values, **form})

    def refresh(self, refresh_token: str, **form: str) -> Answer:
        return self.token(grant_type="refresh_token", refresh_token=refresh_token, **form)

    def grant(self, **parameters: Any) -> dict[str, Any]:
        """A complete grant: the answer to a fresh code."""
        answer = self.exchange(self.sandbox.authorize(**parameters))
        assert answer.status == 200, answer.data
        grant: dict[str, Any] = answer.json()
        return grant


def query_of(url: str) -> dict[str, str]:
    """The parameters of a URL, each of which must stand there once."""
    pairs = parse_qs(urlsplit(url).query, keep_blank_values=True)
    assert all(len(values) == 1 for values in pairs.values()), pairs
    return {name: values[0] for name, values in pairs.items()}


def s256(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[Sandbox]:
    with Sandbox(clock=clock) as running:
        yield running


@pytest.fixture
def wire(sandbox: Sandbox) -> Iterator[Wire]:
    connected = Wire(sandbox)
    yield connected
    connected.pool.clear()


@pytest.fixture
def connect() -> Iterator[Any]:
    """For tests that start sandboxes of their own."""
    wires: list[Wire] = []

    def open_wire(sandbox: Sandbox) -> Wire:
        wires.append(Wire(sandbox))
        return wires[-1]

    yield open_wire
    for item in wires:
        item.pool.clear()
