"""What a fleet needs is arithmetic that anybody can do again."""

from __future__ import annotations

import re

import pytest
from benchmarks import fleet
from benchmarks._fleet_needs import Assumed, Costs, demands, need
from tests.rigs import REPOSITORY

PAGE = (REPOSITORY / "docs" / "benchmarks" / "fleet.md").read_text(encoding="utf-8")
COSTS = Costs(score_s=0.1, watch_s=0.2, peak_mb=100.0, call_s=0.05, batched_s=0.001)


def test_ten_terabytes_a_day_are_reckoned() -> None:
    day, microscope, brain = (need(one, COSTS, Assumed()) for one in demands(Assumed()))
    images_s = 10e12 / 86_400 / 2916**2
    assert day.images_s == pytest.approx(images_s)
    assert (day.cores, day.watch_cores) == pytest.approx((images_s * 0.1, images_s * 0.2))
    assert day.memory_gb == pytest.approx(images_s * 0.1 * 100 / 1000)
    assert day.images_a_request == pytest.approx(images_s / 2)
    assert microscope.demand.bytes_s == pytest.approx(1.82e9)
    assert brain.demand.bytes_s * 5 * 365.25 * 86_400 == pytest.approx(1e18)


def test_a_gpu_is_a_models() -> None:
    """.09 ms a 1024x1024: a gigapixel a second keeps .086 of it busy."""
    found = need(demands(Assumed(beams=1, beam_pixels_s=1e9))[1], COSTS, Assumed())
    assert found.gpus == pytest.approx((0.09 / 1.048576, 1.9 / 16.777216))
    row = next(line for line in PAGE.splitlines() if line.startswith("| **GPUs**"))
    assert "a model's" in row
    assert "no GPU has run it" in PAGE


def test_requests_and_results_bound_the_images() -> None:
    found = need(demands(Assumed())[0], COSTS, Assumed())
    assert found.most_images_s == pytest.approx((1000, 2 * 10e6 / 600))


def test_the_page_is_what_its_costs_give() -> None:
    """The cores of each demand follow from the time of an image that stands above them."""
    score_ms = float(re.search(r"`mhfd.score\(path\)`, 2916x2916 \| ([\d.]+) \|", PAGE)[1])  # type: ignore[index]
    cores = re.search(r"\*\*cores\*\*, `mhfd.score\(path\)` \| (.+) \|", PAGE)
    assert cores is not None
    assumed = Assumed()
    for said, demand in zip(cores[1].split(" | "), demands(assumed), strict=True):
        reckoned = demand.bytes_s / assumed.image_bytes * score_ms / 1e3
        assert float(said.replace(",", "")) == pytest.approx(reckoned, rel=0.05)


def test_every_assumption_has_its_source() -> None:
    assert all(source for _, _, source in fleet.sources(Assumed()))
    assert all(f"| {what} |" in PAGE for what, _, _ in fleet.sources(Assumed()))


@pytest.mark.parametrize(("value", "said"), [(1e18, "1 E"), (1.82e9, "1.82 G"), (8503056, "8.5 M"), (12.0, "12 ")])
def test_quantities_are_short(value: float, said: str) -> None:
    assert fleet.quantity(value) == said
