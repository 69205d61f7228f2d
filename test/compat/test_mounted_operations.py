"""Every operation of both versions of the official SDK, mounted: the same requests and results."""

from __future__ import annotations

from typing import Any

from .comparison.everywhere import VERSION_HEADER
from .official_environment import require

require()
# A class of 4.1.208 cannot be made of the responses that it describes: a field is called "self".
UNREADABLE = {"TaxApi.get_tax_providers"}


def test_every_operation_of_3(comparison: Any) -> None:
    """``test_resources`` compares the same files with the official client."""
    mounted, loaded = comparison.here("mounted"), comparison.here("resources")
    expected = {name: told for name, told in loaded.items() if not name.startswith("OauthApi.")}
    assert set(mounted) == set(expected)
    assert not {name for name in expected if mounted[name] != expected[name]}
    assert len({name.partition(" ")[0] for name in mounted}) == 568


def test_every_operation_of_4(comparison: Any) -> None:
    official, here = comparison.official("version4"), comparison.here("version4")
    assert set(here) == set(official)
    assert len({name.partition(" ")[0] for name in here}) == 836
    assert {len(told["requests"]) for told in here.values()} == {1}
    unlike = {name for name in here if _requests(here[name]) != _requests(official[name])}
    assert not unlike
    results = {name for name in here if here[name].get("result") != official[name].get("result")}
    assert not results
    failed = {name for name, told in official.items() if "error" in told}
    assert {name.partition(" ")[0] for name in failed} == UNREADABLE
    assert {here[name]["error"][0] for name in failed} == {"ApiResponseError"}


def _requests(told: dict[str, Any]) -> list[Any]:
    """What was sent, without what this package sends otherwise wherever it calls."""
    found = []
    for request in told["requests"]:
        headers = {
            name: value
            for name, value in request["headers"].items()
            if name not in ("accept-encoding", "user-agent", VERSION_HEADER)
        }
        body = request["body"]
        if body in ("", "{}"):  # where there is no body, this package sends an empty object
            body = None
            for name in ("content-length", "content-type"):
                headers.pop(name, None)
        found.append([request["method"], request["target"], headers, body])
    return found
