"""Features: finite whatever is shown, blind to contrast, and each family sees what it is there for."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import mhfd
from mhfd import simulate
from mhfd.errors import UsageError
from mhfd.learning import features
from mhfd.learning.features.look import PATCH, SMALL, Look

RNG = np.random.default_rng(5)
ODD: dict[str, NDArray[Any]] = {
    "blank": np.full((256, 256), 128, np.uint8),
    "noise": RNG.integers(90, 110, (200, 300), dtype=np.uint8),
    "black": np.zeros((64, 64), np.uint16),
    "white": np.full((130, 130), 65535, np.uint16),
    "saturated": np.where(RNG.random((256, 256)) < 0.9, 255, 200).astype(np.uint8),
    "one pixel": np.array([[7]], np.uint8),
    "a line": RNG.integers(0, 255, (1, 500), dtype=np.uint8),
    "small": RNG.integers(0, 255, (64, 64), dtype=np.uint8),
    "NaN": np.where(RNG.random((150, 150)) < 0.1, np.nan, 5.0),
    "infinite": np.where(RNG.random((150, 150)) < 0.1, np.inf, -3.0).astype(np.float32),
    "huge": RNG.normal(0, 1e300, (150, 150)),
    "tiny": RNG.normal(0, 1e-300, (150, 150)),
    "stripes": np.tile(np.array([[0], [255]], np.uint8), (100, 200)),
    "a step": np.repeat(np.array([[10, 240]], np.uint8), 128, axis=1).repeat(160, axis=0),
}


@cache
def taken(side: int = 256, dose: float = 200.0, radius: float = 0.0, **artefacts: Any) -> NDArray[Any]:
    return simulate.section(
        (side, side),
        seed=4,
        optics=simulate.Optics(blur_px=radius),
        exposure=simulate.Exposure(dose=dose),
        artefacts=simulate.Artefacts(**artefacts),
    )


def found(pixels: NDArray[Any], *families: str) -> dict[str, float]:
    chosen = families or features.FAMILIES
    values = features.features_of(pixels, mhfd.score(pixels, threads=1, device="cpu"), chosen)
    return dict(zip(features.names(chosen), values.tolist(), strict=True))


@pytest.mark.parametrize("name", ODD)
def test_every_feature_of_any_image_is_finite(name: str) -> None:
    values = found(ODD[name])
    assert np.isfinite(list(values.values())).all()


def test_names_are_unique_and_in_the_order_of_the_families() -> None:
    names = features.names(features.FAMILIES)
    assert len(set(names)) == len(names)
    assert names == tuple(name for family in features.FAMILIES for name in features.names([family]))
    assert features.names(("report", "rings")) == features.names(("rings", "report"))


def test_an_unknown_family_is_named_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="no family 'rainbow'; choose from rings"):
        features.names(["rainbow"])


def test_a_picture_in_colour_is_refused() -> None:
    report = mhfd.score(ODD["small"], threads=1, device="cpu")
    with pytest.raises(UsageError, match="pixels: expected a picture of grey values"):
        features.features_of(np.zeros((4, 4, 3), np.uint8), report)


def test_contrast_brightness_and_type_move_nothing() -> None:
    eight = taken()
    sixteen = eight.astype(np.uint16) * 50 + 9000
    one, other = found(eight), found(sixteen)
    assert {
        name: (one[name], other[name]) for name in one if abs(one[name] - other[name]) > 0.01 + 0.01 * abs(one[name])
    } == {}


def test_the_same_image_gives_the_same_bytes() -> None:
    report = mhfd.score(taken(), threads=1, device="cpu")
    one, other = (features.features_of(taken(), report, features.FAMILIES) for _ in range(2))
    assert one.tobytes() == other.tobytes()
    assert one.dtype == np.float32


def test_a_large_image_is_looked_at_in_samples() -> None:
    pixels = np.tile(taken(), (16, 16))
    look = Look(pixels, mhfd.score(taken(), threads=1, device="cpu"))
    assert max(look.small.shape) <= SMALL
    assert look.patches.shape == (4, PATCH, PATCH)
    assert look.grid.size < 100_000


@cache
def seen(side: int = 256, **more: Any) -> dict[str, float]:
    return found(taken(side, **more))


def test_the_middle_of_an_image_has_the_tissue_of_the_middle() -> None:
    pixels = np.full((512, 512), 200, np.uint8)
    pixels[128:384, 128:384] = taken()
    pixels[0:128, 0:128] += RNG.integers(0, 3, (128, 128), dtype=np.uint8)
    report = mhfd.score(pixels, threads=1, device="cpu")
    assert report.cells is not None
    part = Look(pixels[128:384, 128:384], report).fine
    assert part is not None
    assert part.seen.where.all()


def test_rings_fall_with_blur_and_not_with_dose() -> None:
    sharp, dim, soft = seen(), seen(dose=30.0), seen(radius=2.5)
    ring = "rings.ring_0.13"
    assert abs(sharp[ring] - dim[ring]) < 0.4
    assert soft[ring] < sharp[ring] - 1.0
    assert dim["rings.noise"] > sharp["rings.noise"] + 0.5


def test_far_rings_tell_blurs_beyond_ten_pixels_apart() -> None:
    ten, twenty = (found(taken(512, radius=radius), "far") for radius in (10.0, 20.0))
    assert twenty["far.far_0.02"] < ten["far.far_0.02"] - 0.7


def test_an_ellipse_of_blur_has_a_direction_and_a_disc_none() -> None:
    disc = seen(radius=2.5)
    along, aslant = (
        found(simulate.section((256, 256), seed=4, optics=simulate.Optics.ellipse(4, 1, angle)), "angular")
        for angle in (0.0, 45.0)
    )
    assert min(along["angular.angular_middle"], aslant["angular.angular_middle"]) > disc["angular.angular_middle"] + 0.4
    assert along["angular.along_middle"] < -0.5  # what lies along the lines is lost
    assert abs(aslant["angular.along_middle"]) < 0.4


def test_lines_see_jitter_and_banding_and_not_blur() -> None:
    still, soft, shaken, banded = seen(), seen(radius=2.5), seen(jitter=2.0), seen(banding=0.06)
    assert shaken["lines.shift_ratio"] > max(still["lines.shift_ratio"], soft["lines.shift_ratio"]) + 0.5
    assert banded["lines.band_ratio"] > max(still["lines.band_ratio"], soft["lines.band_ratio"]) + 1.0


def test_contours_see_dust_and_empty_resin() -> None:
    clean, dusty, empty = seen(), seen(particles=12), seen(resin=0.6)
    assert dusty["contour.bright_count"] > clean["contour.bright_count"] + 0.5
    assert empty["contour.flat_largest"] > 0.4 > clean["contour.flat_largest"]


def test_illumination_sees_shading_and_clipping() -> None:
    clean, shaded = seen(), seen(shading=1.0)
    assert shaded["illumination.shading"] > clean["illumination.shading"] + 1
    burnt = simulate.section((256, 256), seed=4, exposure=simulate.Exposure(contrast=2.5, brightness=0.3))
    assert found(burnt, "illumination")["illumination.at_highest"] > clean["illumination.at_highest"] + 0.2


def test_texture_is_rougher_where_noise_is_stronger() -> None:
    quiet, noisy = seen(), seen(dose=30.0)
    assert noisy["texture.octave_1"] > quiet["texture.octave_1"] + 0.3
    assert noisy["texture.alike_1"] < quiet["texture.alike_1"] - 0.05
