"""TVIPS: a binary structure, in either byte order, whose place a tag tells."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.rigs.tagged import load_pointing, ok, scene

from mhfd import images

TAG, RAW = 37706, 37708
SIZE, MAGIC = 6312, 0xAAAAAAAA
Stage = tuple[float, float, float, float, float]
STAGE: Stage = (1e-6, -2e-6, 0, 0, -0.05)


def temdata(order: str = "<", version: int = 2, magic: int = MAGIC, stage: Stage = STAGE, **values: Any) -> bytes:
    data = bytearray(SIZE)
    given = {"pixel": 1.42, "mode": 0, "exposure": 400.0} | values
    struct.pack_into(order + "i", data, 0, version)
    struct.pack_into(order + "f", data, 2968, given["pixel"])
    struct.pack_into(order + "i", data, 3532, given["mode"])
    struct.pack_into(order + "5f", data, 3552, *stage)
    struct.pack_into(order + "f", data, 3952, given["exposure"])
    struct.pack_into(order + "I", data, 6308, magic)
    return bytes(data)


def test_values_lie_where_tifffile_finds_them() -> None:
    fields = np.dtype(tifffile.TIFF.TVIPS_HEADER_V2).fields
    assert fields is not None
    places = [fields[name][1] for name in ("PixelSizeX", "TemMode", "TemStagePosition", "ExposureTime", "Magic")]
    assert [244 + place for place in places] == [2968, 3532, 3552, 3952, 6308]


@pytest.mark.parametrize("order", ["<", ">"])
def test_version_2(tmp_path: Path, order: Any) -> None:
    info = ok(load_pointing(tmp_path, scene(), TAG, temdata(order), byteorder=order)).info
    assert info.pixel_nm == pytest.approx(1.42)
    assert info.dwell_ns == pytest.approx(4e8)
    assert info.stage_um == pytest.approx((1, -2))
    assert info.focus_m is None
    assert info.tags["pixel_from"] == "TVIPS tag 37706 PixelSizeX"


def test_the_structure_in_the_tag_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, scene(), extratags=[(RAW, 7, SIZE, temdata(), True)])
    assert ok(images.load(path)).info.pixel_nm == pytest.approx(1.42)


@pytest.mark.parametrize(("unit", "nm"), [("CENTIMETER", 1.42080369), ("INCH", None), ("NONE", None)])
def test_version_1_has_pixels_for_each_centimetre(tmp_path: Path, unit: str, nm: float | None) -> None:
    resolution = {"resolution": (7038270, 7038270), "resolutionunit": unit}
    info = ok(load_pointing(tmp_path, scene(), TAG, temdata(version=1), **resolution)).info
    assert info.pixel_nm == pytest.approx(nm)
    assert (info.dwell_ns, info.stage_um) == (None, None)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\2",
        temdata()[:-1],
        temdata(magic=1),
        temdata(version=3),
        temdata(version=-1),
        temdata(">"),
        temdata(pixel=0.0, exposure=0.0, stage=(0, 0, 0, 0, 0)),
        temdata(pixel=-1.0, exposure=-1.0, stage=(float("nan"), 0, 1, 0, 0)),
        temdata(pixel=float("nan"), exposure=float("inf"), stage=(float("inf"), 0, 0, 0, 0)),
        temdata(pixel=3e38, exposure=3e38, stage=(3e38, 0, 0, 0, 0)),
    ],
    ids=range(11),
)
def test_nonsense_is_unknown(tmp_path: Path, content: bytes) -> None:
    info = ok(load_pointing(tmp_path, scene(), TAG, content)).info
    assert (info.pixel_nm, info.dwell_ns, info.stage_um) == (None, None, None)


def test_a_diffraction_pattern_has_no_pixel_size(tmp_path: Path) -> None:
    info = ok(load_pointing(tmp_path, scene(), TAG, temdata(mode=3))).info
    assert info.pixel_nm is None
    assert info.dwell_ns == pytest.approx(4e8)
