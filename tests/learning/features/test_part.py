"""One part of an image, whether it lies in memory or is read by rows."""

from __future__ import annotations

import numpy as np
import pytest

from mhfd.learning.features.part import LARGEST, part_of, part_of_array
from mhfd.rows import InMemory


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((64, 100), (64, 100)), ((LARGEST + 5, 40), (LARGEST, 40)), ((30, LARGEST + 900), (30, LARGEST))],
    ids=["small", "high", "wide"],
)
def test_the_middle_of_a_large_image_is_taken_and_all_of_a_small_one(
    shape: tuple[int, int], expected: tuple[int, int]
) -> None:
    pixels = np.arange(shape[0] * shape[1], dtype=np.uint16).reshape(shape)
    part = part_of(InMemory(pixels))
    assert part.shape == expected
    assert (part == part_of_array(pixels)).all()
    top, left = ((size - side) // 2 for size, side in zip(shape, expected, strict=True))
    assert part[0, 0] == pixels[top, left]
    assert part.flags.owndata  # what is read by rows is good until the next rows only
