"""How much more an image is blurred than sharp ones: found from profiles alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhfd.contract.profile import HALVES, WAY_EDGES, WAYS, Profile
from mhfd_client.verdicts.blur import transfer
from mhfd_client.verdicts.blur.blur import BlurKind
from mhfd_client.verdicts.blur.excess import excess, more_square
from mhfd_client.verdicts.blur.sharp import Sharp, sharp
from mhfd_client.verdicts.blur.spectrum import HALF, KEPT, LEVELS, WAY, WHOLE, Spectrum, kept

TOLERANCE = 1.15
RINGS = len(WAY_EDGES) - 1


def stack(count: int = 15, seed: int = 0) -> Spectrum:
    """Sharp images of one tissue, which stray by 3% a ring."""
    rng = np.random.default_rng(seed)
    levels = -np.linspace(0, 4, LEVELS) + rng.normal(0, 0.03, (count, LEVELS))
    return Spectrum(levels, np.full((count, LEVELS), 0.02), rng.normal(0, 0.02, (count, 8)))


def others(count: int = 15) -> Sharp:
    found = sharp(stack(count))
    assert found is not None
    return found


def one(levels: np.ndarray, lines: float = 0.0) -> Spectrum:
    """An image of that tissue, changed by so much."""
    return Spectrum(-np.linspace(0, 4, LEVELS) + levels, np.full(LEVELS, 0.02), np.full(8, lines))


def through(models: transfer.Models, row: int) -> np.ndarray:
    return np.concatenate([models.whole[row], np.tile(models.halves[row], len(HALVES)), models.ways[row]])


def disc(radius: float) -> np.ndarray:
    models = transfer.discs()
    return through(models, int(np.abs(models.sizes - radius * abs(radius)).argmin()))


@pytest.mark.parametrize("radius", [1.5, 2.0, 3.0, 5.0, 8.0])
def test_a_disc_is_found_with_its_radius(radius: float) -> None:
    found = excess(one(disc(radius)), others(), tolerance_px=TOLERANCE)
    assert found is not None
    assert (found.blur.kind, found.blurred, found.side) == (BlurKind.DEFOCUS, True, None)
    assert found.blur.low < radius < found.blur.high
    assert found.blur.high - found.blur.low < 0.25 * radius + 0.4
    assert found.blur.neighbours == 15


@given(st.floats(-0.3, 0.3))
def test_contrast_of_the_coarse_part_is_no_blur(change: float) -> None:
    found = excess(one(np.full(LEVELS, change)), others(), tolerance_px=TOLERANCE)
    assert found is not None
    assert found.blur.kind is None
    assert abs(found.blur.px) < 0.5


def test_an_image_may_be_sharper_than_its_neighbours() -> None:
    found = excess(one(disc(-1.5)), others(), tolerance_px=TOLERANCE)
    assert found is not None
    assert (found.blur.kind, round(found.blur.px)) == (None, -2)


@dataclass(frozen=True)
class OneWay:
    kind: BlurKind
    models: Callable[[], transfer.Models]
    size: tuple[float, ...]
    lines: float = 0.0


CASES = [
    OneWay(BlurKind.MOTION_ALONG, partial(transfer.motions, along=True), (4.0,)),
    OneWay(BlurKind.MOTION_ACROSS, partial(transfer.motions, along=False), (4.0,)),
    OneWay(BlurKind.VIBRATION, transfer.vibrations, (2.0,), lines=0.9),
    OneWay(BlurKind.ASTIGMATISM, transfer.ellipses, (4.0, 0.8, np.pi / 4)),
    OneWay(BlurKind.ASTIGMATISM, transfer.ellipses, (4.0, 1.6, 0.0)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind.value} {case.size}")
def test_blur_in_one_direction_is_named_with_its_size(case: OneWay) -> None:
    models = case.models()
    sizes = models.sizes.reshape(len(models.sizes), -1)
    row = int(np.abs(sizes - np.array(case.size)).sum(axis=1).argmin())
    found = excess(one(through(models, row), case.lines), others(), tolerance_px=TOLERANCE)
    assert found is not None
    size = float(sizes[row, 0])
    assert found.blurred
    assert found.blur.kind is case.kind
    assert found.blur.px == pytest.approx(size, abs=0.3)
    assert (found.blur.angle_deg is None) == (case.kind is not BlurKind.ASTIGMATISM)


@pytest.mark.parametrize("side", range(len(HALVES)))
def test_one_side_is_named_where_the_other_is_spared(side: int) -> None:
    levels = np.zeros(LEVELS)
    rings = (HALF.stop - HALF.start) // len(HALVES)
    part = slice(HALF.start + rings * side, HALF.start + rings * (side + 1))
    levels[part] = disc(3.0)[part]
    levels[WHOLE] = 0.4 * disc(3.0)[WHOLE]
    found = excess(one(levels), others(), tolerance_px=TOLERANCE)
    assert found is not None
    assert (found.blur.kind, found.side) == (BlurKind.TILT, HALVES[side])
    assert found.blur.px == pytest.approx(3, abs=0.3)


def test_what_no_blur_does_fits_none() -> None:
    levels = np.where(np.arange(LEVELS) % 2, 1.0, -1.5)
    found = excess(one(levels), others(), tolerance_px=TOLERANCE)
    assert found is not None
    assert not found.fits
    assert not found.blurred
    assert found.blur.chi2 > 8


def test_what_hides_in_noise_has_no_say_and_too_little_says_nothing() -> None:
    levels = disc(2.0)
    levels[WHOLE.start + 10 : WHOLE.stop] = np.nan
    found = excess(one(levels), others(), tolerance_px=TOLERANCE)
    assert found is not None
    assert found.blur.low < 2 < found.blur.high
    levels[WHOLE.start + 3 :] = np.nan
    assert excess(one(levels), others(), tolerance_px=TOLERANCE) is None


def test_two_images_do_not_say_what_sharp_is() -> None:
    assert sharp(stack(2)) is None


def test_how_much_more_some_images_are_blurred_than_others() -> None:
    later = stack(15, seed=1)
    moved = sharp(Spectrum(later.levels + disc(1.25), later.sd, later.lines))
    assert moved is not None
    found = more_square(moved, others())
    assert found is not None
    assert found[0] == pytest.approx(1.25**2, abs=0.3)
    same = more_square(others(), others())
    assert same is not None
    assert same[0] == pytest.approx(0, abs=1e-6)


def test_a_profile_is_kept_in_small_numbers() -> None:
    numbers = iter(range(-60, 1000))
    whole, halves, ways, lines = (tuple(next(numbers) for _ in range(n)) for n in (18, 36, 8 * RINGS, 8))
    hidden = (None, *whole[1:])
    profile = Profile(
        whole=hidden, whole_sd=hidden, halves=halves, halves_sd=halves, ways=ways, ways_sd=ways, lines=lines
    )
    small = kept(profile)
    assert small.shape == (KEPT,)
    spectrum = Spectrum.of(small)
    assert np.isnan(spectrum.levels[0])
    assert spectrum.levels[WAY] == pytest.approx(np.array(ways) / 100)
    assert spectrum.lines == pytest.approx(np.array(lines) / 100)
    assert spectrum.sd[HALF] == pytest.approx(np.array(halves) / 100)
    assert len(ways) == WAYS * RINGS
