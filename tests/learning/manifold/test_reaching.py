"""A package that learned from near by is not asked about a pair that is far out of focus."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from mhfd.contract.proposal import ProposalRefusal
from mhfd.learning.manifold.pair import LEVEL_NAMES, ImagePair, MeasuredPair, measured
from mhfd.learning.manifold.reaching import LEAST_FALL, LEAST_SNR, beyond_reach, fall, least_of


def blurred(sigma: float) -> tuple[ImagePair, MeasuredPair]:
    """Both images of a pair, one somewhat more blurred than the other."""
    scene = np.random.default_rng(3).standard_normal((256, 256))
    noise = np.random.default_rng(4).standard_normal((2, 256, 256))
    a, b = (
        100 + 20 * gaussian_filter(scene, s) / s**-1 + 0.1 * n for s, n in zip((sigma, sigma + 1), noise, strict=True)
    )
    pair = ImagePair(a, b, 2.0)
    return pair, measured(pair)


def test_the_more_blurred_the_farther_fine_rings_fall() -> None:
    fallen = [float(fall(blurred(sigma)[1].spectrum)) for sigma in (1.0, 2.0, 4.0)]
    assert fallen[0] > fallen[1] > fallen[2]


def test_a_package_keeps_the_least_of_what_it_was_taught_with() -> None:
    levels = np.zeros((2, len(LEVEL_NAMES)))
    levels[1, 6:11] = -4.0
    assert least_of(levels, np.array([30.0, 90.0]), floor=5.0) == {LEAST_SNR: 10.0, LEAST_FALL: -4.0}
    assert least_of(levels, np.array([9.0, 90.0]), floor=5.0)[LEAST_SNR] == 5.0
    assert least_of(levels, np.array([1e6, 1e7]), floor=5.0)[LEAST_SNR] == 100.0  # no noise at all tells nothing


def test_what_was_taught_is_answered_and_what_is_farther_out_is_not() -> None:
    (pair, near), (far_pair, far) = blurred(1.5), blurred(5.0)
    chosen = least_of(near.spectrum[None], np.array([near.snr]), floor=0.1)
    assert beyond_reach(chosen, pair, near) is None
    assert beyond_reach({}, far_pair, far) is None  # a package that says nothing of it
    refused = beyond_reach(chosen, far_pair, replace(far, snr=near.snr))
    assert refused is not None
    assert refused.code is ProposalRefusal.TOO_FAR
    assert "fine structure is gone" in refused.why


def test_less_signal_than_was_taught_is_too_far() -> None:
    pair, near = blurred(1.5)
    chosen = least_of(near.spectrum[None], np.array([300.0]), floor=0.1)
    refused = beyond_reach(chosen, pair, replace(near, snr=60.0))
    assert refused is not None
    assert refused.code is ProposalRefusal.TOO_FAR
    assert "stands out of the noise (60) than in all that was taught (100)" in refused.why


@pytest.mark.parametrize(("perturbation_um", "answers"), [(2.0, False), (8.0, True)])
def test_a_pair_that_is_taken_farther_apart_is_blurred_by_that(perturbation_um: float, answers: bool) -> None:
    pair, near = blurred(1.5)
    chosen = {LEAST_FALL: float(fall(near.spectrum)) + 2.5, "perturbation_high_um": 2.0}
    assert (beyond_reach(chosen, replace(pair, perturbation_um=perturbation_um), near) is None) is answers
