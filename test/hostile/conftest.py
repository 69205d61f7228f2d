"""Fixtures of the hostile-server suite: servers, clients with planted secrets, and the judge."""

from __future__ import annotations

import gc
import os
import pickle
import ssl
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import trustme

from ultracart import ApiClient, ApiException, Configuration, OauthApi

from .server import HostileServer

# One for each place that a secret can be in; every judged failure is searched for all of them.
SIMPLE_KEY = "planted-SimpleKey-0a1b2c3d4e5f6071"
BROWSER_KEY = "planted-BrowserKey-9f8e7d6c5b4a39"
BEARER = "planted-AccessToken-b3a3r3r70k3n"
CODE = "planted-AuthCode-c0d3c0d3c0d3"
REFRESH = "planted-Refresh+Token/r3fr3sh=="
VERIFIER = "planted-Verifier-v3r1f13r~._-x"
CLIENT_SECRET = "planted-ClientSecret-s3cr3t&=%"
DEVICE_CODE = "planted-DeviceCode-d3v1c3"
SECRETS = (
    SIMPLE_KEY,
    BROWSER_KEY,
    BEARER,
    CODE,
    REFRESH,
    VERIFIER,
    CLIENT_SECRET,
    DEVICE_CODE,
)


def assert_clean(text: str, *more: str) -> None:
    """No secret, and no eight characters of one, is in ``text``."""
    lowered = (text + unquote(text)).lower()
    for secret in (*SECRETS, *more):
        for start in range(len(secret) - 7):
            part = secret[start : start + 8].lower()
            # "planted-" and the kind's name say which secret leaked; they are no secret.
            if start >= secret.rfind("-") - 1 or len(secret) < 16:
                assert part not in lowered, "leaked %r" % part


def everything_shown(error: BaseException) -> str:
    """All that a log could show of an exception: text, repr, traceback, causes, contexts."""
    shown = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    link: Any = error
    while link is not None:
        shown += "\n".join([str(link), repr(link), repr(link.args), format(link)])
        link = link.__cause__ or link.__context__
    return shown


class Judge:
    """Runs a call that must fail, and checks what holds for every failure."""

    def failure(
        self,
        call: Callable[[], Any],
        expected: type[BaseException] = ApiException,
        *,
        within: float = 20.0,
        sent: Any = "any",
    ) -> Any:
        """The exception; judged for its family, its time, its secrets and its pickle."""
        began = time.monotonic()
        try:
            result = call()
        except BaseException as error:
            caught = error
        else:
            raise AssertionError("the call did not fail: %r" % type(result))
        took = time.monotonic() - began
        if not isinstance(caught, expected):
            raise AssertionError("a foreign exception: %r" % caught) from caught
        assert took < within, "the failure took %.1f s" % took
        assert_clean(everything_shown(caught))
        if isinstance(caught, ApiException):
            assert caught.request_sent is not None
            if sent != "any":
                assert caught.request_sent is sent, "request_sent is %r" % caught.request_sent
            self.pickles(caught)
        return caught

    def pickles(self, error: ApiException) -> None:
        twin = pickle.loads(pickle.dumps(error))
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        for name in ("status", "reason", "body", "retry_after", "request_sent", "error"):
            assert getattr(twin, name) == getattr(error, name)
        assert dict(twin.headers or {}) == dict(error.headers or {})
        assert type(twin.__cause__) is type(error.__cause__)


@pytest.fixture(autouse=True)
def repeated_at_once(no_pauses: None) -> None:
    """Many servers here take no connection, which is tried three times."""


@pytest.fixture
def judge() -> Judge:
    return Judge()


@pytest.fixture
def serve() -> Iterator[Callable[..., HostileServer]]:
    """Start a server with these steps; all are stopped at the end."""
    servers: list[HostileServer] = []

    def start(*steps: Any, **options: Any) -> HostileServer:
        servers.append(HostileServer(*steps, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def client_of() -> Iterator[Callable[..., ApiClient]]:
    """A client of a server or of a host, with every kind of credential; closed at the end."""
    clients: list[ApiClient] = []

    def connect(server: Any, **settings: Any) -> ApiClient:
        configuration = Configuration()
        configuration.host = getattr(server, "host", server)
        configuration.api_key["x-ultracart-simple-key"] = SIMPLE_KEY
        configuration.api_key["x-ultracart-browser-key"] = BROWSER_KEY
        configuration.access_token = BEARER
        configuration.timeout = 3.0
        for name, value in settings.items():
            setattr(configuration, name, value)
        clients.append(ApiClient(configuration))
        return clients[-1]

    yield connect
    for client in clients:
        client.configuration.debug = False
        client.close()


@pytest.fixture
def api_of(client_of: Callable[..., ApiClient]) -> Callable[..., OauthApi]:
    """:func:`client_of`, as an ``OauthApi``."""
    return lambda server, **settings: OauthApi(client_of(server, **settings))


def exchange(api: OauthApi, **options: Any) -> Any:
    """A token request with a secret in every parameter that can hold one."""
    return api.oauth_access_token(
        "client-7",
        "authorization_code",
        code=CODE,
        redirect_uri="https://app.example.com/callback",
        refresh_token=REFRESH,
        device_code=DEVICE_CODE,
        code_verifier=VERIFIER,
        client_secret=CLIENT_SECRET,
        **options,
    )


class Authority:
    """A certificate authority of this run, and TLS contexts with certificates of it."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.path = str(folder / "ca.pem")
        self._ca.cert_pem.write_to_path(self.path)
        self.folder = folder

    def context(self, *names: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*(names or ("127.0.0.1", "localhost"))).configure_cert(context)
        return context

    def demanding_context(self) -> ssl.SSLContext:
        """A context that asks for a client certificate."""
        context = self.context()
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.path)
        return context

    def client_identity(self) -> tuple[str, str]:
        """Files with a client certificate and its key."""
        issued = self._ca.issue_cert("client@example.com")
        certificate, key = str(self.folder / "client.pem"), str(self.folder / "client.key")
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
        return certificate, key


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def descriptors() -> Callable[[], int]:
    """How many file descriptors this process has open."""

    def count() -> int:
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("open descriptors are counted in /proc, which this system does not have")
    return count
