"""The oracle against independent ways of computing the same thing."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
from numpy.typing import NDArray

from mhfd import scales, stretch
from mhfd.contract.params import PRESETS, Params
from mhfd.detector.paper import PaperDetector, local_maxima, resize_bilinear, response_maximum
from mhfd.rows import Pixels


def tissue_like(shape: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    field = sum(
        scipy.ndimage.gaussian_filter(rng.standard_normal(shape), s, mode="wrap") * s**1.5 for s in (0.7, 2.0, 5.0)
    )
    low, high = np.percentile(field, [1, 99])
    image: NDArray[np.uint8] = np.clip((field - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    return image


def by_ndimage(image: NDArray[np.float64], params: Params) -> NDArray[np.float64]:
    """The scale space by direct convolution in space: shares no code with the oracle."""
    mode = {"reflect": "reflect", "wrap": "wrap"}[params.border]
    truncate = params.truncate or 9.0
    sigmas = scales.ladder(params)
    blurred = [scipy.ndimage.gaussian_filter(image, s, mode=mode, truncate=truncate) for s in sigmas]
    sign = 1 if params.polarity == "bright" else -1
    return np.stack([sign * t * (a - b) for t, a, b in zip(sigmas, blurred, blurred[1:], strict=False)])


@pytest.mark.parametrize("border", ["reflect", "wrap"])
@pytest.mark.parametrize("truncate", [None, 4.0])
@pytest.mark.parametrize("polarity", ["bright", "dark"])
@pytest.mark.parametrize("shape", [(64, 64), (51, 83), (20, 131)])
def test_agrees_with_convolution_in_space(
    border: str, truncate: float | None, polarity: str, shape: tuple[int, int]
) -> None:
    params = Params.checked(n=6, min_t=1, max_t=6, border=border, truncate=truncate, polarity=polarity)
    image = stretch.apply(tissue_like(shape), 3, 250)
    stack = by_ndimage(image, params)
    maximum, where = response_maximum(image, params)
    np.testing.assert_allclose(maximum, stack.max(axis=0), atol=1e-10)
    close = np.sort(stack, axis=0)[-1] - np.sort(stack, axis=0)[-2] > 1e-9
    np.testing.assert_array_equal(where[close], stack.argmax(axis=0)[close])


def test_a_gaussian_blob_is_found_where_it_is_and_at_its_scale() -> None:
    y, x = np.mgrid[:128, :128]
    image = np.exp(-0.5 * ((y - 40) ** 2 + (x - 77) ** 2) / 5.0**2)
    params = Params(n=24, min_t=1, max_t=13, gate="none", threshold=0)
    features = PaperDetector().detect((image * 60000).astype(np.uint16), params)
    best = int(np.argmax(features.response))
    assert (features.y[best], features.x[best]) == (40, 77)
    # t (L_t - L_(t+dt)) of a Gaussian of variance s^2 peaks where d/dt [t^2 / (s^2 + t^2)^2] = 0: at t = s
    assert scales.ladder(params)[features.scale[best]] == pytest.approx(5.0, abs=2 * scales.step(params))


def test_the_two_polarities_find_each_other_in_the_negative() -> None:
    image = tissue_like((96, 96))
    bright = PaperDetector().detect(image, Params(gate="absolute", threshold=0.05))
    dark = PaperDetector().detect(255 - image, Params(gate="absolute", threshold=0.05, polarity="dark"))
    assert len(bright) > 30
    np.testing.assert_array_equal(bright.y, dark.y)
    np.testing.assert_array_equal(bright.x, dark.x)


def test_wrap_commutes_with_rolling() -> None:
    image = tissue_like((80, 90))
    params = Params(n=8, max_t=8, border="wrap", gate="absolute", threshold=0.02)
    plain, rolled = (PaperDetector().detect(np.ascontiguousarray(i), params) for i in (image, np.roll(image, 13, 1)))
    inside = (plain.x > 0) & (plain.x < 76)
    moved = {(int(a), int(b) + 13) for a, b in zip(plain.y[inside], plain.x[inside], strict=True)}
    assert moved <= set(zip(rolled.y.tolist(), rolled.x.tolist(), strict=True))
    assert len(moved) > 30


def test_every_pixel_of_a_plateau_counts_and_the_floor_is_exclusive() -> None:
    maximum = np.zeros((5, 6))
    maximum[2, 2:4] = 1.0
    y, x = local_maxima(maximum, np.full((5, 6), 0.5, np.float32))
    assert list(zip(y.tolist(), x.tolist(), strict=True)) == [(2, 2), (2, 3)]
    assert len(local_maxima(maximum, np.full((5, 6), 1.0, np.float32))[0]) == 0


def test_a_constant_image_has_no_features() -> None:
    for name in PRESETS:
        assert len(PaperDetector().detect(np.full((64, 64), 77, np.uint8), PRESETS[name])) == 0


def test_resize_is_linear_and_keeps_what_it_must() -> None:
    ramp = np.add.outer(np.arange(40.0), 2 * np.arange(60.0))
    np.testing.assert_allclose(resize_bilinear(ramp, (40, 60)), ramp)
    half = resize_bilinear(ramp, (20, 30))
    np.testing.assert_allclose(half, np.add.outer(np.arange(20) * 2 + 0.5, 2 * (np.arange(30) * 2 + 0.5)))


def test_the_absolute_threshold_depends_on_neither_n_nor_size() -> None:
    """Twice as many scales halve every response, and the threshold with it: a lone blob stays just found."""
    y, x = np.mgrid[:128, :128]
    blob = np.exp(-0.5 * ((y - 64) ** 2 + (x - 64) ** 2) / 4.0**2)
    found = []
    for n, size in ((24, 128), (96, 128), (24, 96)):
        params = Params(n=n, min_t=1, max_t=12, gate="absolute", threshold=0.0, high_percent=0, low_percent=0)
        cut = slice(64 - size // 2, 64 + size // 2)
        features = PaperDetector().detect((blob[cut, cut] * 65535).astype(np.uint16), params)
        found.append(float(features.response.max()) / scales.step(params))
    assert found[1] == pytest.approx(found[0], rel=0.08)
    assert found[2] == pytest.approx(found[0], rel=1e-3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_limits_are_exact_order_statistics(dtype: type) -> None:
    rng = np.random.default_rng(5)
    pixels: Pixels = (rng.gamma(2.0, 20.0, (97, 61)).clip(0, 255)).astype(dtype)
    ordered = np.sort(pixels.ravel())
    params = Params(low_percent=1.5, high_percent=0.35)
    low, high = round(pixels.size * 0.015), pixels.size - 1 - round(pixels.size * 0.0035)
    assert stretch.limits(pixels, params) == (float(ordered[low]), float(ordered[high]))


def test_noise_gain_is_what_white_noise_does() -> None:
    rng = np.random.default_rng(1)
    params = Params(n=5, min_t=1, max_t=5, border="wrap")
    measured = by_ndimage(rng.standard_normal((1024, 1024)), params).std(axis=(1, 2))
    np.testing.assert_allclose(measured, scales.noise_gain(params), rtol=0.02)
