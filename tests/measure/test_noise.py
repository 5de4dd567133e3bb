"""The noise model: what it recovers, and what must not mislead it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mhfd import native
from mhfd.measure import noise

Image = NDArray[np.generic]


def measured(pixels: Image, *, step: float = 0.0) -> noise.NoiseMap:
    return noise.estimate(native.block_stats(np.ascontiguousarray(pixels)), step=step)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def ramp(low: float, high: float, side: int = 512) -> NDArray[np.float64]:
    return np.broadcast_to(np.linspace(low, high, side), (side, side))


def test_recovers_gain_and_read_variance_of_shot_noise() -> None:
    pixels = 3.0 * rng().poisson(ramp(100, 1000)) + 500 + rng().normal(0, 40, (512, 512))
    found = measured(np.rint(pixels).astype(np.uint16))
    # variance = 40^2 + 3 * (grey - 500)
    assert found.model.gain == pytest.approx(3, rel=0.1)
    assert found.model.read_var + found.model.gain * 500 == pytest.approx(1600, rel=0.25)
    truth = np.sqrt(1600 + 9 * np.linspace(100, 1000, 32))
    assert np.abs(found.sigma / truth - 1).max() < 0.25
    assert np.abs(found.sigma / truth - 1).mean() < 0.08


def test_gain_is_negative_in_a_contrast_inverted_image() -> None:
    pixels = np.clip(255 - rng().poisson(ramp(20, 200)), 0, 255).astype(np.uint8)
    assert measured(pixels).model.gain == pytest.approx(-1, rel=0.15)


@pytest.mark.parametrize("sigma", [0.7, 5.0, 25.0])
def test_white_noise(sigma: float) -> None:
    pixels = np.clip(np.rint(rng().normal(128, sigma, (512, 512))), 0, 255).astype(np.uint8)
    expected = np.hypot(sigma, np.sqrt(1 / 12))
    assert measured(pixels, step=1).model.sigma == pytest.approx(expected, rel=0.06)


def test_structure_is_not_noise() -> None:
    y, x = np.mgrid[:512, :512]
    scene = 128 + 60 * np.sin(x / 5) * np.sin(y / 7)
    pixels = np.rint(scene + rng().normal(0, 6, scene.shape)).astype(np.uint8)
    assert measured(pixels).model.sigma == pytest.approx(6, rel=0.12)


def test_clipped_and_constant_blocks_do_not_vote() -> None:
    pixels = np.clip(np.rint(rng().normal(100, 8, (512, 512))), 0, 255).astype(np.uint8)
    pixels[:128] = 0
    pixels[128:192] = 255
    found = measured(pixels)
    assert found.model.sigma == pytest.approx(8, rel=0.06)
    assert np.abs(found.sigma[14:] / 8 - 1).max() < 0.3


def test_noise_that_differs_from_place_to_place_at_one_brightness() -> None:
    sigma = np.where(np.arange(512) < 256, 4.0, 12.0)
    pixels = np.rint(128 + sigma * rng().standard_normal((512, 512))).astype(np.uint8)
    found = measured(pixels).sigma
    assert 4 < found[:, :13].mean() < 6  # blocks of both kinds share their brightness: never too little
    assert found[:, 19:].mean() == pytest.approx(12, rel=0.15)


def test_an_image_without_noise_has_that_of_rounding() -> None:
    flat = np.full((64, 64), 90, np.uint8)
    assert measured(flat, step=1).sigma == pytest.approx(np.sqrt(1 / 12))
    assert (measured(flat.astype(np.float32)).sigma > 0).all()


def test_scales_with_the_grey_values() -> None:
    pixels = np.clip(rng().poisson(ramp(20, 200)), 0, 255).astype(np.uint8)
    one, other = measured(pixels, step=1), measured(pixels.astype(np.uint16) * 257, step=257)
    assert other.sigma == pytest.approx(257 * one.sigma, rel=1e-4)
    assert other.model.gain == pytest.approx(257 * one.model.gain, rel=1e-3)


@pytest.mark.parametrize(
    ("pixels", "step"),
    [
        (np.arange(4096, dtype=np.uint16).reshape(64, 64), 1),
        (np.arange(4096, dtype=np.uint16).reshape(64, 64) // 16 * 257, 257),
        (np.arange(4096, dtype=np.uint16).reshape(64, 64) * 16, 16),
        ((np.arange(4096).reshape(64, 64) % 256 / 255).astype(np.float32), 1 / 255),
        (np.random.default_rng(0).random((256, 256), dtype=np.float32), 0),
        (np.full((32, 32), 5, np.uint8), 0),
    ],
    ids=["12 bit", "8 bit as 16", "12 bit shifted", "8 bit as float", "continuous", "constant"],
)
def test_grey_step(pixels: Image, step: float) -> None:
    assert noise.grey_step(pixels) == pytest.approx(step, rel=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (33, 2), (70, 45)])
def test_the_quietest_near_by_are_those_of_all_windows(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever rows of the map are worked on together."""
    random = rng()
    var = random.random(shape, np.float32) ** 4 * 100
    var[random.random(shape) < 0.2] = 0
    mean = random.random(shape, np.float32)
    stats = native.BlockStats(mean, var, mean - 1, mean + 1)
    # The one block that has the extremes of all is clipped, and does not vote.
    var.flat[0], stats.minimum.flat[0], stats.maximum.flat[0] = 0, -9, 9
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(var, 2, mode="edge"), (5, 5)).reshape(*shape, 25)
    quiet = np.sort(windows, axis=2)[:, :, 5] / np.float32(1 - 0.84 * noise.BLOCK_SPREAD)
    found = []
    for at_once in (1, 1 << 20):
        monkeypatch.setattr(noise, "_AT_ONCE", at_once)
        found.append(noise.estimate(stats).sigma)
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] >= np.sqrt(quiet)).all()
    loud = quiet > 2 * var.mean()  # brightness says less there
    np.testing.assert_array_equal(found[0][loud], np.sqrt(quiet[loud]))
