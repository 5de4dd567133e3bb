"""Some minutes of the day of benchmarks/virtual_day.py: the real runners, in time that passes only when all wait."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.virtual_day import Day, Road, lived


@pytest.mark.parametrize("road", ["compute"])
def test_a_centre_that_goes_and_comes_back_costs_no_image(road: Road, tmp_path: Path) -> None:
    """At the day's rate, with a hundredth of everything failing."""
    came = lived(Day(road, seconds=120, down=(40, 70)), tmp_path)
    fates = came.fates
    assert (len(fates.seen_s), fates.lost, fates.twice, fates.refused) == (1632, 0, 0, 0)
    assert came.hits > 0
    assert came.figures["refused"] == 0
    assert came.figures["most requests in 10 s"] <= 20
    assert came.figures["most transfers"] <= 3


def test_an_older_flow_is_given_as_many_images_as_it_takes(tmp_path: Path) -> None:
    """One that was deployed when a run took 64."""
    came = lived(Day("flow", seconds=20, down=None, takes=64), tmp_path)
    assert (len(came.fates.seen_s), came.fates.lost, came.fates.twice) == (272, 0, 0)
    assert came.figures["runs"] > 272 // 64
