"""Simulated hours of many merchants and several processes: no more requests than are due."""

from __future__ import annotations

import pytest
from fleet_day import MOST, run_day


@pytest.mark.parametrize("processes", [1, 8])
def test_hours_cost_what_is_due(processes):
    figures = run_day(merchants=100, processes=processes, hours=6)
    assert figures.due == 99 * 6
    assert 0.99 < figures.share <= MOST
    assert figures.requests - figures.refreshes == processes  # each asks for the dead one once
    assert figures.refused > 100
    assert not figures.lost
