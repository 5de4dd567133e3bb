"""Some minutes of the day of benchmarks/virtual_day.py: the real runners, in time that passes only when all wait."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks._virtual_page import section
from benchmarks.virtual_day import Day, Road, lived


@pytest.mark.parametrize("road", ["compute", "flow"])
def test_a_centre_that_goes_and_comes_back_costs_no_image(road: Road, tmp_path: Path) -> None:
    """At the day's rate, with a hundredth of everything failing."""
    came = lived(Day(road, seconds=90, down=(30, 50)), tmp_path)
    fates = came.fates
    assert (len(fates.seen_s), fates.lost, fates.twice, fates.refused) == (1224, 0, 0, 0)
    assert came.hits > 0
    assert came.figures["refused"] == 0
    assert came.figures["most requests in 10 s"] <= 20
    assert came.figures["most transfers"] <= 3


def test_an_older_flow_is_given_as_many_images_as_it_takes(tmp_path: Path) -> None:
    """One that was deployed when a run took 64."""
    came = lived(Day("flow", seconds=20, down=None, takes=64), tmp_path)
    assert (len(came.fates.seen_s), came.fates.lost, came.fates.twice) == (272, 0, 0)
    assert came.figures["runs"] > 272 // 64


@pytest.mark.soak
@pytest.mark.parametrize("road", ["compute", "flow"])
def test_an_hour_with_an_outage_is_caught_up_with(road: Road, tmp_path: Path) -> None:
    """The table of docs/benchmarks/flow.md, but for its length."""
    came = lived(Day(road, seconds=3600, down=(600, 1200), journal=False), tmp_path)
    assert (came.fates.lost, came.fates.twice) == (0, 0)
    assert came.fates.caught_up_s(600, 1200) < 2400
    assert came.figures["largest state"] < 150_000
    for words in ("**images**", "caught up after", "share of their time"):
        assert words in section([came])


def test_a_day_repeats(tmp_path: Path) -> None:
    """The same seed gives the same day, to the last image."""
    days = [lived(Day("flow", seconds=15, down=None, journal=False, seed=3), tmp_path / name) for name in "ab"]
    assert days[0].fates == days[1].fates
    assert days[0].fates.took_s[0] > 0
