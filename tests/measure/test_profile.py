"""What the profile of an image is moved by, and what not."""

from __future__ import annotations

import io
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage, special

import mhfd
from mhfd.contract.profile import HALF_EDGES, WAY_EDGES, WHOLE_EDGES, Hundredths, Profile
from mhfd.simulate import Artefacts, Exposure, Optics, section

SHAPE = (512, 512)
FINE = slice(9, 18)
"""Rings from .115 cycles a pixel on."""


@cache
def take(
    *, dose: float = 300, blur: float = 0, contrast: float = 1, jitter: float = 0, side: int = 512
) -> NDArray[np.generic]:
    return section(
        (side, side),
        seed=1,
        optics=Optics(blur_px=blur),
        exposure=Exposure(dose=dose, contrast=contrast),
        artefacts=Artefacts(jitter=jitter),
    )


def profile(pixels: NDArray[np.generic]) -> Profile:
    found = mhfd.score(np.ascontiguousarray(pixels), threads=1).profile
    assert found is not None
    return found


def logs(values: Hundredths) -> NDArray[np.float64]:
    return np.array([np.nan if v is None else v / 100 for v in values])


@pytest.fixture(scope="module")
def usual() -> Profile:
    return profile(take())


def disc(radius: float, edges: tuple[float, ...]) -> NDArray[np.float64]:
    """Logarithm of what a disc leaves of the power, in the middle of each ring."""
    x = 2 * np.pi * radius * np.array([np.sqrt(a * b) for a, b in pairwise(edges)])
    power: NDArray[np.float64] = np.log((2 * special.j1(x) / x) ** 2)
    return power


@pytest.mark.parametrize("radius", [1, 1.5, 2])
def test_what_blur_takes_is_what_a_disc_takes(radius: float, usual: Profile) -> None:
    lost = logs(profile(take(blur=radius)).whole) - logs(usual.whole)
    expected = disc(radius, WHOLE_EDGES)
    expected -= disc(radius, (0.03, 0.06))[0]  # what the coarse part itself loses
    readable = (expected > -1.5) & (np.arange(18) < 12)  # up to .16: beyond, a sharp scene is taken for noise a little
    assert lost[readable] == pytest.approx(expected[readable], rel=0.2, abs=0.1)


@pytest.mark.parametrize("exposure", [{"dose": 40}, {"dose": 3000}, {"contrast": 0.5}], ids=str)
def test_neither_dose_nor_contrast_moves_it(exposure: dict[str, float], usual: Profile) -> None:
    moved = logs(profile(take(**exposure)).whole) - logs(usual.whole)
    assert np.abs(moved[: FINE.start]).max() < 0.05
    assert np.nanmax(np.abs(moved)) < 0.2


NOISES: dict[str, tuple[list[float], tuple[int, ...], float]] = {
    "white": ([1.0], (1,), 0.1),
    "3 taps along the lines": ([1 / 3] * 3, (1,), 0.15),
    "7 taps along the lines": ([1 / 7] * 7, (1,), 0.2),
    "5 taps across them": ([1 / 5] * 5, (0,), 0.2),
    "both ways": ([0.125, 0.75, 0.125], (0, 1), 0.3),
}


@pytest.mark.parametrize("noise", NOISES)
def test_noise_does_not_move_it(noise: str, usual: Profile) -> None:
    """Twice as much of it as there is."""
    taps, axes, most = NOISES[noise]
    added = np.random.default_rng(5).normal(0, 1, SHAPE)
    for axis in axes:
        added = ndimage.convolve1d(added, np.array(taps), axis=axis, mode="wrap")
    pixels = take().astype(np.float32) + added / added.std() * 18
    moved = logs(profile(pixels.astype(np.float32)).whole) - logs(usual.whole)
    assert np.abs(moved[:12]).max() < most  # up to .16 cycles a pixel
    assert np.abs(moved[:8]).max() < 0.5 * most


@pytest.mark.parametrize(("quality", "most"), [(85, 0.05), (60, 0.3)])
def test_compression_hardly_moves_it(quality: int, most: float, usual: Profile) -> None:
    file = io.BytesIO()
    Image.fromarray(take()).save(file, "JPEG", quality=quality)
    moved = logs(profile(np.asarray(Image.open(file))).whole) - logs(usual.whole)
    assert np.abs(moved[:12]).max() < most


def test_the_half_that_is_blurred_is_told(usual: Profile) -> None:
    pixels = take().copy()
    pixels[:, :256] = take(blur=3)[:, :256]
    rings = len(HALF_EDGES) - 1
    left, right, *_ = (logs(profile(pixels).halves) - logs(usual.halves)).reshape(4, rings)
    at = rings - 4  # .13 to .16 and coarser
    assert left[at] < -0.8
    assert abs(right[at]) < 0.1


@pytest.mark.parametrize(("axis", "lost", "kept"), [(1, 0, 4), (0, 4, 0)], ids=["along", "across"])
def test_motion_is_told_by_its_direction(axis: int, lost: int, kept: int, usual: Profile) -> None:
    moved = ndimage.uniform_filter1d(take(dose=1e4).astype(np.float32), 4, axis=axis, mode="reflect")
    moved += np.random.default_rng(3).normal(0, 6, SHAPE)
    rings = len(WAY_EDGES) - 1
    ways = (logs(profile(moved.astype(np.float32)).ways) - logs(usual.ways)).reshape(8, rings)
    assert ways[lost, 3] < -0.7  # .115 to .145
    assert abs(ways[kept, 3]) < 0.2


def test_lines_that_are_displaced_are_told(usual: Profile) -> None:
    shaken = profile(take(jitter=2))
    assert logs(shaken.lines)[:3].min() > logs(usual.lines)[:3].max() + 0.3
    rings = len(WAY_EDGES) - 1
    ways = (logs(shaken.ways) - logs(usual.ways)).reshape(8, rings)
    assert ways[0, 2] < -1  # along the lines, .09 to .115
    assert abs(ways[4, 2]) < 0.3


def test_it_is_small_as_stored() -> None:
    worst = Profile(
        whole=(-999,) * 18,
        whole_sd=(100,) * 18,
        halves=(-999,) * 36,
        halves_sd=(100,) * 36,
        ways=(-999,) * 56,
        ways_sd=(100,) * 56,
        lines=(-999,) * 8,
    )
    assert len(worst.model_dump_json()) <= 1500
    found = profile(take(dose=40))
    assert len(found.model_dump_json()) <= 1500
    assert all(v is None or -999 <= v <= 999 for v in (*found.whole, *found.halves, *found.ways, *found.lines))
    assert all(v is None or 1 <= v <= 100 for v in (*found.whole_sd, *found.halves_sd, *found.ways_sd))


def test_a_number_and_its_deviation_are_known_together() -> None:
    found = profile(take(dose=40, blur=3))
    assert None in found.whole
    for values, sd in ((found.whole, found.whole_sd), (found.halves, found.halves_sd), (found.ways, found.ways_sd)):
        assert [v is None for v in values] == [s is None for s in sd]


def test_it_is_not_in_the_summary() -> None:
    assert "profile" not in mhfd.score(take(), threads=1).summary()


def test_too_little_to_measure_is_none() -> None:
    assert mhfd.score(np.ascontiguousarray(take()[:160, :160]), threads=1).profile is None
    noise = np.random.default_rng(0).normal(120, 12, SHAPE).astype(np.uint8)
    assert mhfd.score(noise, threads=1).profile is None


def test_a_small_image_says_nothing_of_its_halves() -> None:
    found = profile(take()[:256, :256])
    assert set(found.halves) == {None}
    assert None not in found.whole[:9]
