"""DigitalMicrograph's exports: a unit and a scale for each axis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tifffile
from tests.rigs.tagged import ok, scene

from mhfd import images

UNIT, SCALE = 65003, 65009


def info_of(folder: Path, *tags: tuple[Any, ...], **options: Any) -> Any:
    path = folder / "a.tif"
    tifffile.imwrite(path, scene(), extratags=tags, resolution=(72, 72), **options)
    return ok(images.load(path)).info


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("unit", "nm"),
    [
        ("µm".encode("latin-1"), 168.67469),
        ("µm".encode(), 168.67469),
        (b"nm", 0.16867469),
        (b"1/nm", None),
        (b"", None),
        (b"\xff\xfe", None),
    ],
)
def test_pixel_size(tmp_path: Path, unit: bytes, nm: float | None, order: str) -> None:
    tags = ((UNIT, 2, len(unit) + 1, unit + b"\0", True), (SCALE, 12, 1, 0.16867469, True))
    assert info_of(tmp_path, *tags, byteorder=order).pixel_nm == pytest.approx(nm)


@pytest.mark.parametrize(
    "scale",
    [
        (SCALE, 12, 1, float("nan"), True),
        (SCALE, 12, 1, float("inf"), True),
        (SCALE, 12, 1, -1.0, True),
        (SCALE, 12, 1, 0.0, True),
        (SCALE + 5, 12, 1, 1.0, True),
    ],
    ids=str,
)
def test_a_scale_that_cannot_be(tmp_path: Path, scale: tuple[Any, ...]) -> None:
    assert info_of(tmp_path, (UNIT, 2, 2, b"m\0", True), scale).pixel_nm is None
