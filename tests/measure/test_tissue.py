"""Tissue: found where there is structure, whatever the focus."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from mhfd import native
from mhfd.measure import noise, saturation, tissue
from mhfd.rows import InMemory
from mhfd.simulate import Exposure, Optics, section
from mhfd.survey import survey

Image = NDArray[np.generic]


def find(pixels: Image, *, unusable: NDArray[np.bool_] | None = None) -> tissue.Tissue:
    stats = native.block_stats(np.ascontiguousarray(pixels))
    return tissue.find(stats, noise.estimate(stats, step=1), unusable=unusable)


def resin(shape: tuple[int, int], sigma: float = 9) -> NDArray[np.float64]:
    return np.random.default_rng(5).normal(200, sigma, shape)


def grey(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def test_the_area_does_not_shrink_with_defocus() -> None:
    shares = []
    for radius in (0.0, 2.0, 4.0, 8.0):
        pixels = section((512, 512), seed=3, optics=Optics(blur_px=radius), exposure=Exposure(dose=100))
        pixels[:, 256:] = grey(resin((512, 256)))
        shares.append(find(pixels).share)
    assert min(shares) > 0.46
    assert max(shares) - min(shares) < 0.05


def test_half_blank_is_half() -> None:
    pixels = section((512, 512), seed=4)
    pixels[:256] = grey(resin((256, 512)))
    found = find(pixels)
    assert found.share == pytest.approx(0.5, abs=0.06)
    assert found.mask[20:].all()
    assert not found.mask[:12].any()


@pytest.mark.parametrize("sigma", [0.5, 9, 40])
def test_noise_is_no_tissue(sigma: float) -> None:
    assert find(grey(resin((512, 512), sigma) - 60)).share < 0.005


def test_shading_and_bands_are_no_tissue() -> None:
    shade = np.linspace(-50, 50, 512)[:, None] + np.linspace(-20, 20, 512)[None, :]
    bands = np.random.default_rng(1).normal(0, 6, (512, 1)).cumsum(axis=0) * 0.3
    assert find(grey(resin((512, 512)) - 70 + shade + bands)).share < 0.02


def test_sparse_signal_on_dark_ground() -> None:
    y, x = np.mgrid[:512, :512]
    scene = 30 + 150 * np.exp(-((y - 200) ** 2 + (x - 300) ** 2) / 400) + 0.01 * x
    found = find(grey(scene + np.random.default_rng(2).normal(0, 3, scene.shape)))
    assert 0.002 < found.share < 0.06
    assert found.mask[200 // 16, 300 // 16]


def test_contrast_is_in_grey_values() -> None:
    pixels = section((256, 256), seed=1)
    assert find(pixels.astype(np.uint16) * 257).contrast == pytest.approx(257 * find(pixels).contrast, rel=1e-3)


def test_too_few_blocks_hold_none() -> None:
    found = find(section((32, 32), seed=1)[:16])
    assert found.share == 0
    assert found.contrast == 0


def test_burnt_is_not_tissue_and_black_may_be() -> None:
    pixels = section((256, 256), seed=1)
    pixels[:64] = 255
    pixels[192:] = np.where(pixels[192:] < 120, 0, pixels[192:])
    clipped = saturation.measure(survey(InMemory(pixels)))
    assert clipped.burnt[:4].all()
    assert not clipped.burnt[5:].any()
    assert clipped.crushed[12:].mean() > 0.5
    assert not clipped.crushed[:4].any()
    assert clipped.white[0, 0] == 1
    mask = find(pixels, unusable=clipped.burnt).mask
    assert not mask[:4].any()
    assert mask[12:].all()


def test_a_constant_image_is_black_not_burnt() -> None:
    pixels = np.full((64, 64), 255, np.uint8)
    clipped = saturation.measure(survey(InMemory(pixels)))
    assert not clipped.burnt.any()
    assert (clipped.black == 1).all()


@pytest.mark.parametrize("shape", [(2, 2), (2, 50), (61, 3), (100, 70)])
def test_the_mask_is_that_of_the_filters_by_name(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """SciPy's, on the whole map; ours goes through it in parts, of any height."""
    random = np.random.default_rng(8)
    mean = (random.random(shape) * np.where(random.random(shape) < 0.5, 3, 90)).astype(np.float32)
    mean[shape[0] // 2 :] = 7
    stats = native.BlockStats(mean, np.full(shape, 4, np.float32), mean - 9, mean + 9)
    quiet = noise.estimate(stats)
    square = ndimage.uniform_filter(tissue._differences(mean.astype(np.float64)), 5, mode="nearest")
    contrast = np.sqrt(np.maximum(square, 0))
    needed = np.maximum(tissue.NOISE_FACTOR * quiet.sigma / 16, tissue.SHARE * np.percentile(contrast, 95))
    near = np.ones((3, 3), np.bool_)
    expected = ndimage.binary_erosion(ndimage.binary_dilation(contrast > needed, near), near, 3, border_value=1)
    for at_once in (1, 1 << 20):
        monkeypatch.setattr(noise, "_AT_ONCE", at_once)
        found = tissue.find(stats, quiet)
        np.testing.assert_array_equal(found.mask, expected)
        assert found.contrast == (np.median(contrast[expected]) if expected.any() else 0)


@pytest.mark.parametrize("reach", [1, 2, 3])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (40, 30)])
def test_what_grows_stays_inside(shape: tuple[int, int], reach: int) -> None:
    mask = np.random.default_rng(9).random(shape) < 0.02
    expected = ndimage.binary_dilation(mask, np.ones((3, 3)), reach)
    np.testing.assert_array_equal(tissue.grown(mask, reach), expected)
