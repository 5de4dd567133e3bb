"""How well a picture foretells another take of its field."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from mhfd.errors import UsageError
from mhfd.learning.pictures.rings import RINGS, psnr, rings_of
from mhfd.simulate import Exposure, Specimen

SIDE = 192


@pytest.fixture(scope="module")
def field() -> dict[str, NDArray[np.float64]]:
    """A field without noise, and two takes of it."""
    block = Specimen(seed=4)
    scene = block.scene((SIDE, SIDE))
    noisy, clean = Exposure(dose=40), Exposure(dose=1e6, read_noise=0)
    return {
        "clean": block.recorded(scene, 0, 2, exposure=clean).astype(np.float64),
        "one": block.recorded(scene, 0, 0, exposure=noisy).astype(np.float64),
        "other": block.recorded(scene, 0, 1, exposure=noisy).astype(np.float64),
    }


def test_what_is_gained_by_another_take_is_gained_on_the_clean_picture(field: dict[str, NDArray[Any]]) -> None:
    """Ring by ring the noise of the other take adds the same to all: the order is that by the truth."""
    made = {sigma: gaussian_filter(field["one"], sigma) for sigma in (0.4, 0.8, 1.5, 3.0)} | {0.0: field["one"]}
    by_take = {sigma: rings_of(picture, field["other"]).agreement for sigma, picture in made.items()}
    by_truth = {sigma: rings_of(picture, field["clean"]) for sigma, picture in made.items()}
    power = np.array([_power(field["other"]), _power(field["clean"])])
    weighed = {sigma: float(((1 - rings.foretold) * power[1] / power[0]).mean()) for sigma, rings in by_truth.items()}
    order = sorted(made, key=lambda sigma: by_take[sigma])
    assert order == sorted(made, key=lambda sigma: -weighed[sigma])
    assert order[-1] not in (0.0, 3.0)
    gaps = [by_take[sigma] - by_take[0.0] for sigma in made]
    assert gaps == pytest.approx([weighed[0.0] - weighed[sigma] for sigma in made], abs=0.03)


def test_the_plain_correlation_does_not_see_a_filter_and_the_agreement_does(field: dict[str, NDArray[Any]]) -> None:
    raw, smooth = (rings_of(picture, field["other"]) for picture in (field["one"], gaussian_filter(field["one"], 1.0)))
    np.testing.assert_allclose(smooth.correlation, raw.correlation, atol=0.06)
    assert smooth.agreement > raw.agreement + 0.2


def test_a_picture_of_itself_is_all_foretold_and_noise_is_not(field: dict[str, NDArray[Any]]) -> None:
    same = rings_of(field["one"], field["one"])
    assert (same.agreement, same.mean_correlation) == pytest.approx((1, 1))
    assert len(same.correlation) == RINGS
    rng = np.random.default_rng(0)
    noise = rings_of(*(rng.normal(size=(SIDE, SIDE)) for _ in range(2)))
    assert abs(noise.mean_correlation) < 0.1
    assert noise.agreement == pytest.approx(-1, abs=0.25)
    flat = rings_of(np.full((SIDE, SIDE), 7.0), field["one"])
    assert flat.mean_correlation == pytest.approx(0, abs=0.02)
    assert flat.agreement == pytest.approx(0, abs=1e-6)


def test_decibels_are_over_what_is_lacking() -> None:
    clean = np.zeros((64, 64))
    clean[:32] = 100
    assert psnr(clean + 10, clean) == pytest.approx(20)
    assert psnr(clean + 1, clean) == pytest.approx(40)


@pytest.mark.parametrize("shape", [(64, 65), (32, 32)])
def test_what_is_no_pair_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="expected two of one field, 64 pixels a side at least"):
        rings_of(np.zeros(shape), np.zeros((64, 64) if shape[0] == 64 else shape))


def _power(picture: NDArray[Any]) -> NDArray[np.float64]:
    """Of each ring, by what a picture without anything lacks of it."""
    window = np.hanning(SIDE + 2)[1:-1, None] * np.hanning(SIDE + 2)[1:-1]
    level = float((picture * window).sum() / window.sum())
    spectrum = np.abs(np.fft.rfft2((picture - level) * window)) ** 2
    radius = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None])
    return np.array([spectrum[(radius * 2 * RINGS).astype(int) == ring].sum() for ring in range(RINGS)])
