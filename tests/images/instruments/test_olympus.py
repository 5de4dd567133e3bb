"""Olympus SIS: a structure whose place a tag tells, and in it the place of another one."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
import tifffile
from tests.rigs.tagged import load_pointing, ok, scene

from mhfd import images

TAG = 33560


def sis(
    folder: Path, *, side: float = 2.3928, power: int = -11, kind: int = 1, count: int = 2, magic: bytes = b"SIS0"
) -> bytes:
    """What `load_pointing` is to put at the end of the file."""
    path = folder / "a.tif"
    tifffile.imwrite(path, scene(), extratags=[(TAG, 4, 1, 1, True)])  # as long as what it will write
    start = path.stat().st_size
    head = magic + bytes(54) + struct.pack("<H", count)
    entries = struct.pack("<hhI", 7, 1, 0xFFFFFFFF) + struct.pack("<hhI", kind, 1, start + len(head) + 16)
    return head + entries + bytes(10) + struct.pack("<hdd", power, side, side) + bytes(84)


@pytest.mark.parametrize(("side", "power", "nm"), [(2.3928, -11, 0.023928), (4.6, -9, 4.6), (0.0046, -6, 4.6)])
def test_pixel_size(tmp_path: Path, side: float, power: int, nm: float) -> None:
    info = ok(load_pointing(tmp_path, scene(), TAG, sis(tmp_path, side=side, power=power))).info
    assert info.pixel_nm == pytest.approx(nm)


def test_the_low_byte_is_first_in_every_file(tmp_path: Path) -> None:
    info = ok(load_pointing(tmp_path, scene(), TAG, sis(tmp_path), byteorder=">")).info
    assert info.pixel_nm == pytest.approx(0.023928)


@pytest.mark.parametrize(
    "values",
    [
        {"side": float("nan")},
        {"side": float("inf")},
        {"side": 1e300},
        {"side": -1.0},
        {"power": 30_000},
        {"power": -300},
        {"kind": 10},
        {"count": 0},
        {"count": 1},
        {"magic": b"SIS1"},
    ],
    ids=str,
)
def test_nonsense_is_unknown(tmp_path: Path, values: dict[str, Any]) -> None:
    assert ok(load_pointing(tmp_path, scene(), TAG, sis(tmp_path, **values))).info.pixel_nm is None


def test_a_structure_that_ends_early_or_says_of_more_than_there_is(tmp_path: Path) -> None:
    whole = sis(tmp_path, count=65_535)
    assert ok(load_pointing(tmp_path, scene(), TAG, whole)).info.pixel_nm == pytest.approx(0.023928)
    for length in (0, 4, 59, 60, 75, 90):
        assert ok(load_pointing(tmp_path, scene(), TAG, whole[:length])).info.pixel_nm is None


def test_another_tag_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, scene(), extratags=[(TAG, 2, 5, b"SIS0", True), (33471, 2, 9, b"[Z]\nZ=1\n", True)])
    assert ok(images.load(path)).info.pixel_nm is None
