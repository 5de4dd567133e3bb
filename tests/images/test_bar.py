"""A drawn data bar is found to the row, over any image; and no micrograph without one loses a row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.rigs.bars import BARS, Bar, jpeg, with_bar
from tests.rigs.tagged import ZEISS, load, ok

from mhfd.images import bar
from mhfd.images.grey import Plane

Array = NDArray[Any]


def noise(kind: str, height: int = 400, width: int = 640, dtype: str = "u1") -> Array:
    """What can lie above a bar."""
    rng = np.random.default_rng(7)
    middle, wide = {"tissue": (130, 25), "clipped black": (-6, 8), "clipped white": (262, 8), "zero": (0, 0)}[kind]
    grey = rng.normal(middle, wide, (height, width)).clip(0, 255)
    return np.round(grey * (257 if dtype == "u2" else 1)).astype(dtype)


KINDS = ("tissue", "clipped black", "clipped white", "zero")


@pytest.mark.parametrize("drawn", BARS, ids=lambda drawn: drawn.name)
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_found_to_the_row(drawn: Bar, dtype: str) -> None:
    image, rows = with_bar(noise("tissue", dtype=dtype), drawn)
    assert bar.rows(Plane(image)) == rows


@pytest.mark.parametrize("drawn", [bar for bar in BARS if bar.part == 1 and bar.rows >= 30], ids=lambda bar: bar.name)
@pytest.mark.parametrize("kind", KINDS[1:])
def test_found_below_what_is_clipped(drawn: Bar, kind: str) -> None:
    """Where its paper is as black as the image above it, plain rows of either may be taken for the other."""
    image, rows = with_bar(noise(kind), drawn)
    found = bar.rows(Plane(image))
    assert abs(found - rows) <= 16
    left = image[len(image) - rows : len(image) - found]
    assert (left == left[:, :1]).all()


@pytest.mark.parametrize("drawn", BARS, ids=lambda drawn: drawn.name)
def test_found_in_a_jpeg(drawn: Bar) -> None:
    image, rows = with_bar(noise("tissue"), drawn)
    assert abs(bar.rows(Plane(jpeg(image))) - rows) <= 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_nothing_is_found_where_nothing_is_drawn(kind: str, dtype: str) -> None:
    image = noise(kind, dtype=dtype)
    assert bar.rows(Plane(image)) == 0
    image[-60:] = 0
    assert bar.rows(Plane(image)) == 0


def test_cut_off_where_the_instrument_draws_bars(tmp_path: Path) -> None:
    image, rows = with_bar(noise("tissue"), BARS[1])
    info = ok(load(tmp_path, image, (ZEISS, b"\r\nAP_WD\r\nWD = 4.5 mm\r\n"))).info
    assert info.box is not None
    assert (info.box.bottom, info.box.right) == (400, 640)
    assert info.tags["box_from"] == "drawn data bar"
    unknown = ok(load(tmp_path, image)).info
    assert unknown.box is None
    assert rows == 35


@pytest.mark.parametrize("seed", [142, 184])
def test_strokes_over_a_smooth_image_are_no_bar(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.normal(170, rng.uniform(1, 6), (200, 320))
    for _ in range(int(rng.integers(1, 12))):
        y, x = rng.integers(150, 195), rng.integers(0, 300)
        image[y : y + 12, x : x + 5], image[y + 1 : y + 13, x + 5] = 255, 0
    assert bar.rows(Plane(image.clip(0, 255).astype("u1"))) == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_no_bar(value: float) -> None:
    image, _ = with_bar(noise("tissue"), BARS[0])
    whole = image.astype(np.float32)
    whole[::7, ::5] = value
    assert bar.rows(Plane(whole)) == 0
