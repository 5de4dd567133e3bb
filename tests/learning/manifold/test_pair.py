"""What a pair shows: which is the sharper, in which directions, how far one is shifted; brightness is no focus."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mhfd import simulate
from mhfd.learning.manifold.overlay import matched
from mhfd.learning.manifold.pair import (
    ANGULAR_NAMES,
    LEVEL_NAMES,
    PAIR_NAMES,
    RING_NAMES,
    ImagePair,
    image_spectrum,
    measured,
)

SIDE = 320


@cache
def series(seed: int = 5, astigmatism_um: float = 0.0) -> dict[float, NDArray[Any]]:
    """One field at several ways from the focus."""
    at = (-6.0, -5.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 5.0, 6.0)
    optics = simulate.Optics(astigmatism_um=astigmatism_um)
    taken = simulate.Specimen(seed=seed).focus_series((SIDE, SIDE), defocus_um=at, optics=optics)
    return dict(zip(at, taken, strict=True))


def middle(values: NDArray[Any]) -> float:
    """Of the rings in the middle."""
    return float(values[6:12].mean())


def pair(a: float, b: float, *, perturbation_um: float = 2.0, **optics: float) -> ImagePair:
    return ImagePair(series(**optics)[a], series(**optics)[b], perturbation_um)


def test_the_sharper_one_has_the_sign() -> None:
    found = measured(pair(-1.0, -5.0))  # in the middle -3: 3 is to be added

    assert middle(found.features) > 0
    assert middle(measured(pair(5.0, 1.0)).features) == pytest.approx(-middle(found.features), rel=0.35)
    assert len(found.features) == len(PAIR_NAMES) == len(RING_NAMES) + len(ANGULAR_NAMES)
    assert len(found.spectrum) == len(LEVEL_NAMES)


def test_images_exchanged_have_the_other_sign() -> None:
    np.testing.assert_allclose(measured(pair(1.0, 5.0)).features, -measured(pair(5.0, 1.0)).features, atol=1e-5)


def test_a_pair_about_the_focus_has_none() -> None:
    assert abs(middle(measured(pair(2.0, -2.0)).features)) < 0.1 * middle(measured(pair(-1.0, -5.0)).features)


@pytest.mark.parametrize("changed", [lambda x: 0.6 * x + 30, lambda x: x.astype(np.uint16) * 200, lambda x: x / 255.0])
def test_brightness_is_no_focus(changed: Any) -> None:
    plain = pair(-1.0, -5.0)
    other = measured(ImagePair(changed(plain.a), plain.b, 2.0))

    np.testing.assert_allclose(other.features[4:12], measured(plain).features[4:12], atol=0.05)


def test_rows_of_unequal_brightness_are_no_focus() -> None:
    plain = pair(-1.0, -5.0)
    rows = np.random.default_rng(1).normal(0, 12, (SIDE, 1))

    found = measured(ImagePair(plain.a, plain.b + rows, 2.0))

    np.testing.assert_allclose(found.features[4:12], measured(plain).features[4:12], atol=0.1)


@pytest.mark.parametrize("shift", [(0, 0), (3, -5), (-11, 8)])
def test_a_shift_is_found_and_taken_out(shift: tuple[int, int]) -> None:
    a, b = series()[-1.0], series()[-5.0]
    at = slice(16, SIDE - 16)
    moved = b[16 + shift[0] : SIDE - 16 + shift[0], 16 + shift[1] : SIDE - 16 + shift[1]]

    found = measured(ImagePair(a[at, at], moved, 2.0))

    assert found.match.shift_px == (-shift[0], -shift[1])
    np.testing.assert_allclose(found.features[4:12], measured(pair(-1.0, -5.0)).features[4:12], atol=0.15)


def test_two_fields_do_not_agree() -> None:
    same, blurred = matched(*planes(series()[0.0], series()[6.0])), matched(*planes(series()[6.0], series()[-6.0]))
    other = matched(*planes(series()[0.0], series(seed=6)[0.0]))

    assert min(same.stands_out, blurred.stands_out) > 3 * other.stands_out
    assert other.agreement < 0.3 < min(same.agreement, blurred.agreement)


def planes(*images: NDArray[Any]) -> list[NDArray[np.float32]]:
    return [image.astype(np.float32) for image in images]


def test_astigmatism_shows_in_directions() -> None:
    found = measured(pair(2.0, -2.0, astigmatism_um=1.0))
    without = measured(pair(2.0, -2.0))
    angular = slice(len(RING_NAMES), None)

    assert np.abs(found.features[angular]).max() > 5 * np.abs(without.features[angular]).max()


def test_the_slope_goes_on_where_single_rings_fold_back() -> None:
    at = (1.0, 3.0, 6.0, 12.0)
    defocus = [-z + side for z in at for side in (2.0, -2.0)]
    taken = simulate.Specimen(seed=9).focus_series((SIDE, SIDE), defocus_um=defocus)
    slopes = [measured(ImagePair(a, b, 2.0)).slope for a, b in zip(taken[::2], taken[1::2], strict=True)]

    for slope, move in zip(slopes, at, strict=True):
        assert slope == pytest.approx(1.35 * move, rel=0.25)  # a disc of 1 px a um


@pytest.mark.parametrize("shape", [(256, 256), (192, 192), (160, 300), (128, 256)])
def test_small_images_have_a_slope_too(shape: tuple[int, int]) -> None:
    part = tuple(slice(0, side) for side in shape)
    found = measured(ImagePair(series()[1.0][part], series()[5.0][part], 2.0))
    other = measured(ImagePair(series()[-1.0][part], series()[-5.0][part], 2.0))

    assert found.slope == pytest.approx(1.35 * 3, rel=0.4)
    assert other.slope == pytest.approx(found.slope, rel=0.2)


def test_blank_has_no_structure() -> None:
    rng = np.random.default_rng(2)
    blank = [rng.normal(120, 12, (SIDE, SIDE)) for _ in range(2)]

    assert measured(ImagePair(blank[0], blank[1], 2.0)).snr < 1 < 20 < measured(pair(-1.0, -5.0)).snr


def test_an_image_has_a_spectrum_by_itself() -> None:
    sharp, blurred = image_spectrum(series()[0.0]), image_spectrum(series()[6.0])

    assert sharp[10] - sharp[3] > blurred[10] - blurred[3] + 1
    assert abs(sharp.mean()) < 1e-5


@pytest.mark.parametrize("shape", [(256, 256), (200, 512), (128, 128), (1000, 260)])
def test_takes_any_shape(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(120, 12, (2, *shape))

    assert np.isfinite(measured(ImagePair(a, b, 1.0)).features).all()


@pytest.mark.parametrize("value", [0, 255])
def test_what_shows_nothing_gives_numbers(value: int) -> None:
    plain = np.full((256, 256), value, np.uint8)
    found = measured(ImagePair(plain, plain, 1.0))

    assert not found.features.any()
    assert np.isfinite(found.spectrum).all()


@pytest.mark.parametrize("shapes", [((256, 256), (256, 300)), ((100, 100), (100, 100))])
def test_refuses_what_is_no_pair(shapes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="two planes"):
        measured(ImagePair(np.zeros(shapes[0]), np.zeros(shapes[1]), 1.0))
