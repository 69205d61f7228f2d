"""What takes the place of Python's sockets, TLS contexts and clocks carries calls."""

from __future__ import annotations

from typing import Any

import pytest

CALLS = """
import warnings
one = client(HTTP), client(HTTPS)
print(json.dumps([get(each)["target"] for each in one for _ in range(2)]))
"""
TARGETS = ["/items?page=2&text=a+b"] * 4


@pytest.mark.parametrize("late", [False, True])
def test_gevent(servers: Any, tool: Any, late: bool) -> None:
    tool("gevent")
    patch = "import ultracart.rest\n" * late + "from gevent import monkey; monkey.patch_all()\n"
    if late:  # gevent itself warns of an ssl that was imported before
        patch = "import warnings; warnings.simplefilter('ignore')\n" + patch
    assert servers.run(CALLS, before=patch) == TARGETS


def test_eventlet(servers: Any, tool: Any) -> None:
    tool("eventlet")
    patch = """
import warnings
warnings.simplefilter("ignore")  # it warns that it will not be kept up
import eventlet
eventlet.monkey_patch()
"""
    assert servers.run(CALLS, before=patch) == TARGETS


@pytest.mark.parametrize("late", [False, True])
def test_truststore(servers: Any, tool: Any, late: bool) -> None:
    """The system's authorities count, here those that OpenSSL is told of."""
    tool("truststore")
    patch = "import ultracart.rest\n" * late + "import truststore; truststore.inject_into_ssl()\n"
    program = """
from ssl import SSLContext
trusting = client(HTTPS, ssl_ca_cert=None, trust_env=False)
print(json.dumps([get(trusting)["target"], SSLContext.__module__]))
"""
    target, module = servers.run(program, before=patch, SSL_CERT_FILE=servers.ca)
    assert target == TARGETS[0]
    assert module.startswith("truststore")


@pytest.mark.parametrize(
    "travel",
    [
        "import time_machine; travel = time_machine.travel('2040-01-01')",
        "import time_machine; travel = time_machine.travel('2001-01-01', tick=False)",
        "import freezegun; travel = freezegun.freeze_time('2040-01-01')",
        "import freezegun; travel = freezegun.freeze_time('2001-01-01', tick=True)",
    ],
)
def test_other_times(servers: Any, tool: Any, travel: str) -> None:
    tool(travel.split()[1].rstrip(";"))
    program = """
before = client(HTTP)
numbers = [get(before)["number"]]
with travel:
    numbers += [get(before)["number"], get(client(HTTP))["number"]]
numbers.append(get(before)["number"])
print(json.dumps(numbers))
"""
    assert servers.run(travel + "\n" + program) == [1, 2, 3, 4]
