"""A scale bar drawn over the image, with text: found by its length, and nothing else is."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from tests.rigs.tagged import load_beside, ok

from mhfd import images
from mhfd.contract.focus_report import Box
from mhfd.images import marker
from mhfd.images.grey import Plane

Array = NDArray[Any]
HEIGHT, WIDTH, LENGTH, TOP = 480, 640, 125, 448


def micrograph(seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    return rng.normal(120, 25, (HEIGHT, WIDTH)).clip(0, 250).astype(np.uint8)


def written_over(image: Array, *, text: int = 5, length: int = LENGTH, thick: int = 3, top: int = TOP) -> Array:
    """With a white bar and letters `text` rows below it, both with a black shadow to the right and below."""
    image = image.copy()
    for ink, by in ((image.min(), 1), (image.max() + 5, 0)):
        image[top + by : top + thick + by, 160 + by : 160 + length + by] = ink
        for left in range(30, 300, 14):
            image[top + text + by : top + text + 16 + by, left + by : left + 4 + by] = ink
    return image


def test_rows_that_are_written_over_are_no_image() -> None:
    assert marker.rows(Plane(written_over(micrograph())), LENGTH) == HEIGHT - TOP
    assert marker.rows(Plane(written_over(micrograph(), text=-20)), LENGTH) == HEIGHT - TOP + 20


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("length", [20, 124, 126, 600])
def test_any_length_and_type(length: int, dtype: Any) -> None:
    image = written_over(micrograph(), length=min(length, WIDTH - 161)).astype(dtype)
    assert marker.rows(Plane(image), min(length, WIDTH - 161)) == HEIGHT - TOP


@pytest.mark.parametrize(
    "change",
    [{"length": 160}, {"length": 90}, {"thick": 1}, {"thick": 20, "text": 25, "top": 420}, {"top": 300}],
    ids=str,
)
def test_another_length_thickness_or_place_is_no_bar(change: dict[str, int]) -> None:
    assert marker.rows(Plane(written_over(micrograph(), **change)), LENGTH) == 0


@pytest.mark.parametrize("quality", [90, 100])
def test_in_a_jpeg(quality: int) -> None:
    file = io.BytesIO()
    Image.fromarray(written_over(micrograph(), thick=4)).save(file, "JPEG", quality=quality)
    found = marker.rows(Plane(np.asarray(Image.open(file))), LENGTH)
    assert HEIGHT - TOP - 1 <= found <= HEIGHT - TOP + 1
    file = io.BytesIO()
    Image.fromarray(micrograph()).save(file, "JPEG", quality=quality)
    assert marker.rows(Plane(np.asarray(Image.open(file))), LENGTH) == 0


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), length=st.floats(0, 700), clip=st.integers(60, 250), blur=st.booleans())
def test_no_micrograph_loses_a_row(seed: int, length: float, clip: int, blur: bool) -> None:
    image = np.minimum(micrograph(seed), clip)
    image = np.repeat(np.repeat(image[:60, :80], 8, 0), 8, 1) if blur else image
    assert marker.rows(Plane(image), length) == 0 or (blur and abs(length % 8) < 2)


@pytest.mark.parametrize("image", [np.zeros((480, 640), "u1"), np.full((480, 640), 255, "u1"), np.eye(40, dtype="u1")])
def test_what_is_plain_or_small_has_none(image: Array) -> None:
    assert [marker.rows(Plane(image), length) for length in (0, 16, 40, 125, 1e9)] == [0] * 5


@pytest.mark.parametrize("bar", [f"$$SM_MICRON_BAR {LENGTH}\n", "$CM_FULL_SIZE 640 480\n$CM_MAG 50\n"])
def test_of_a_jeol_image_the_part_above_is_taken(tmp_path: Path, bar: str) -> None:
    micrometres = LENGTH if "BAR" in bar else LENGTH * 4  # 128 mm / 50 / 640 are 4 um
    text = f"$CM_FORMAT JEOL-SEM\n$$SM_WD 9\n$$SM_MICRON_MARKER {micrometres}um\n{bar}".encode()
    image = ok(load_beside(tmp_path, written_over(micrograph()), text))
    assert image.info.box == Box(top=0, left=0, bottom=TOP, right=WIDTH)
    assert image.info.tags["box_from"] == "drawn scale bar"
    np.testing.assert_array_equal(image.pixels, micrograph()[:TOP])
    assert ok(load_beside(tmp_path, micrograph(), text)).info.box is None
    assert ok(images.load(written_over(micrograph()))).info.box is None
