"""Tools that answer in place of a server see what they see with bare urllib3."""

from __future__ import annotations

from typing import Any

import pytest

TARGET = "/items?page=2&text=a+b"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_vcrpy(servers: Any, tool: Any, scheme: str) -> None:
    tool("vcr")
    shown = servers.run(
        """
import vcr
one = client({"http": HTTP, "https": HTTPS}["%s"])
numbers = [get(one)["number"]]                     # parks a connection
with vcr.use_cassette(FOLDER + "/c.yaml", record_mode="once"):
    numbers += [get(one)["number"], get(one, 3)["number"], post(one)["number"]]
with vcr.use_cassette(FOLDER + "/c.yaml", record_mode="none") as cassette:
    numbers += [get(one, 3)["number"], get(one)["number"], post(one)["number"]]
    played = cassette.play_count
    other = client(one.configuration.host)
    try:
        get(other, 4)
    except ultracart.ApiException as error:
        refused = str(error)
numbers.append(get(one)["number"])
print(json.dumps([numbers, played, [r.uri for r in cassette.requests], refused]))
"""
        % scheme
    )
    server = getattr(servers, scheme)
    numbers, played, recorded, refused = shown
    assert numbers == [1, 2, 3, 4, 3, 2, 4, 5]
    assert played == 3
    assert recorded == [server.host + t for t in (TARGET, TARGET.replace("2", "3"), "/items")]
    assert "CannotOverwriteExistingCassette" in refused
    assert len(server.asked) == 5


def test_vcrpy_plays_a_download(servers: Any, tool: Any) -> None:
    tool("vcr")
    shown = servers.run(
        """
import pathlib
import vcr
one = client(HTTP)
def download(name):
    return pathlib.Path(one.download("/items", to=FOLDER + "/" + name)).read_text()
with vcr.use_cassette(FOLDER + "/c.yaml", record_mode="once"):
    recorded = download("recorded")
with vcr.use_cassette(FOLDER + "/c.yaml", record_mode="none"):
    print(json.dumps([recorded, download("played")]))
"""
    )
    recorded, played = shown
    assert '"number": 1' in recorded
    assert played == recorded
    assert len(servers.http.asked) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_pook(servers: Any, tool: Any, scheme: str) -> None:
    tool("pook")
    shown = servers.run(
        """
import pook
one = client({"http": HTTP, "https": HTTPS}["%s"])
live = get(one)["number"]
with pook.use():
    mock = pook.get(one.configuration.host + "/items").param("page", "2").reply(200).json({"n": 1})
    pook.post(one.configuration.host + "/items").json({"name": "x"}).reply(200).json({"n": 2})
    mocked = [get(one), post(one)]
print(json.dumps([live, mocked, get(one)["number"]]))
"""
        % scheme
    )
    assert shown == [1, [{"n": 1}, {"n": 2}], 2]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_mocket(servers: Any, tool: Any, scheme: str) -> None:
    tool("mocket")
    shown = servers.run(
        """
from mocket import Mocket, mocketize
from mocket.mocks.mockhttp import Entry
host = "%s://api.example.com/rest"

@mocketize(strict_mode=True)
def mocked():
    text = '{"n": 1}'
    Entry.single_register(Entry.GET, host + "/items?page=2&text=a+b", body=text)
    Entry.single_register(Entry.POST, host + "/items", body='{"n": 2}')
    one = client(host, trust_env=False, allow_insecure_transport=True)
    return [get(one), post(one), Mocket.last_request().body]

print(json.dumps([mocked(), get(client(HTTP))["number"]]))
"""
        % scheme
    )
    assert shown == [[{"n": 1}, {"n": 2}, '{"name": "x"}'], 1]


def test_responses_leaves_alone_what_is_not_of_requests(servers: Any, tool: Any) -> None:
    tool("responses")
    shown = servers.run(
        """
import responses
with responses.RequestsMock(assert_all_requests_are_fired=False):
    print(json.dumps(get(client(HTTP))["number"]))
"""
    )
    assert shown == 1


def test_pytest_socket(servers: Any, tool: Any) -> None:
    tool("pytest_socket")
    shown = servers.run(
        """
import pytest_socket
one = client(HTTP)
pytest_socket.disable_socket()
try:
    get(one)
except ultracart.ApiConnectionError as error:
    blocked = [str(error), error.request_sent]
pytest_socket.enable_socket()
pytest_socket.socket_allow_hosts(["127.0.0.1", "localhost"])
print(json.dumps([blocked, get(one)["number"]]))
"""
    )
    (text, sent), number = shown
    assert "SocketBlockedError" in text
    assert sent is False
    assert number == 1
