"""Whether the same call sends, returns and raises what the official SDK's does."""

from __future__ import annotations

import pytest

from .comparison.cases import CASES
from .comparison.differences import EVERYWHERE, expected_here
from .comparison.everywhere import VERSION_HEADER, without_general_differences
from .official_environment import require

require()

EXPECTED = expected_here()
NAMES = [case.name for case in CASES]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in EXPECTED])
def test_same_as_official(comparison, name):
    official = without_general_differences(comparison.official("grid")[name])
    assert without_general_differences(comparison.here("grid")[name]) == official


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_deliberate_difference(comparison, name):
    official = without_general_differences(comparison.official("grid")[name])
    here = comparison.here("grid")[name]
    assert without_general_differences(here) != official, "equal: no longer a difference"
    assert EXPECTED[name](here), here


def test_differences_that_show_everywhere(comparison):
    official = comparison.official("grid")["oauth: no credential"]
    here = comparison.here("grid")["oauth: no credential"]
    theirs, ours = (told["requests"][0]["headers"] for told in (official, here))
    shown = [
        (theirs.get(VERSION_HEADER), ours.get(VERSION_HEADER)) == (None, ["2017-03-01"]),
        theirs["user-agent"] != ours["user-agent"],
        (theirs["accept-encoding"], ours["accept-encoding"]) == (["identity"], ["gzip"]),
        (theirs.get("authorization"), ours.get("authorization")) == (["Bearer "], None),
        "merchant_id" not in official["result"]["fields"]
        and "merchant_id" in here["result"]["fields"],
    ]
    assert dict(zip([row.what for row in EVERYWHERE], shown)) == {
        row.what: True for row in EVERYWHERE
    }


def test_no_case_is_claimed_that_is_not_there():
    assert set(EXPECTED) - set(NAMES) == set()
    assert len(NAMES) == len(set(NAMES))
