"""What a network sees of an image: the same whatever its type, contrast and brightness; flat and torn ones too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mhfd.errors import UsageError
from mhfd.learning.preparation import NORMALISATION, Normalisation, normalisation_of, padded


def picture(seed: int = 0, shape: tuple[int, int] = (96, 130)) -> np.ndarray:
    return np.random.default_rng(seed).normal(100, 20, shape).clip(1, 254).astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
def test_the_same_picture_of_any_type_is_the_same(dtype: type) -> None:
    pixels = picture()
    made = NORMALISATION.of(pixels.astype(dtype))
    assert made.dtype == np.float32
    assert made.shape == (1, 96, 130)
    assert np.array_equal(made, NORMALISATION.of(pixels))
    assert (made.min(), made.max()) == (-0.5, 0.5)


def test_brightness_and_contrast_are_gone_and_each_channel_has_its_own() -> None:
    pixels = picture().astype(np.float64)
    both = NORMALISATION.of(np.stack([pixels, 300 * pixels + 7000]))
    assert np.allclose(both[0], both[1], atol=1e-5)


def test_few_pixels_are_beyond_its_ends() -> None:
    made = NORMALISATION.of(picture(shape=(700, 900)).astype(np.float32))
    beyond = np.mean(np.abs(made) == 0.5)
    assert 0.002 < beyond < 0.006


@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_flat_image_divides_by_nothing(value: int) -> None:
    assert not NORMALISATION.of(np.full((64, 64), value, np.uint8)).any()


def test_one_bright_pixel_is_no_contrast() -> None:
    pixels = np.zeros((64, 64), np.uint16)
    pixels[3, 3] = 65535
    assert not NORMALISATION.of(pixels).any()


@given(arrays(np.float32, (64, 70), elements=st.floats(width=32)))
def test_whatever_floats_hold_it_is_finite_and_within(pixels: np.ndarray) -> None:
    made = NORMALISATION.of(pixels)
    assert np.isfinite(made).all()
    assert np.abs(made).max() <= 0.5


@pytest.mark.parametrize("pixels", [np.zeros(5), np.zeros((2, 3, 4, 5)), np.zeros((0, 4)), np.zeros((4, 4), complex)])
def test_what_is_no_picture_is_refused(pixels: np.ndarray) -> None:
    with pytest.raises(UsageError, match="pixels: expected"):
        NORMALISATION.of(pixels)


def test_its_text_says_it_and_another_is_refused() -> None:
    assert normalisation_of(NORMALISATION.text) == NORMALISATION
    assert normalisation_of("percentiles:1,99") == Normalisation(1, 99)
    for text in ("", "percentiles", "percentiles:99,1", "zscore:0,1", "percentiles:1,2,3", "percentiles:-1,5"):
        with pytest.raises(UsageError, match="upgrade"):
            normalisation_of(text)


@pytest.mark.parametrize(
    ("shape", "wanted"), [((64, 64), (64, 64)), ((65, 127), (128, 128)), ((1000, 1300), (1024, 1344))]
)
def test_sides_become_multiples_and_the_picture_stays(shape: tuple[int, int], wanted: tuple[int, int]) -> None:
    planes: Any = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    made = padded(planes, 64)
    assert made.shape == (2, *wanted)
    assert np.array_equal(made[:, : shape[0], : shape[1]], planes)
    if wanted[0] > shape[0]:
        assert np.array_equal(made[:, shape[0], : shape[1]], planes[:, -2])


def test_too_few_pixels_to_mirror_are_refused() -> None:
    with pytest.raises(UsageError, match="20 x 64 are too few"):
        padded(np.zeros((1, 20, 64), np.float32), 64)
