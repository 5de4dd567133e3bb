"""What has to be in memory whole is held to a limit of its own; what is read by rows is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from tests.rigs.image_files import bmp, jpeg, mrc, scene

import mhfd
from mhfd import api, images
from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.images import source
from mhfd.limits import Limits

SIDES = (210, 150)
GREY = scene(*SIDES)
HELD = 210 * 150 - 1
SHORT = Limits(max_held_pixels=HELD)

BY_ROWS: dict[str, dict[str, Any]] = {
    "uncompressed": {},
    "two large strips": {"rowsperstrip": 105},
    "small strips": {"rowsperstrip": 8, "compression": "zlib"},
    "tiles": {"tile": (32, 32), "compression": "lzw"},
}
TOGETHER: dict[str, dict[str, Any]] = {
    "one compressed strip": {"compression": "zlib", "rowsperstrip": 210},
    "two compressed strips": {"compression": "zlib", "rowsperstrip": 110},
    "a tile for all": {"tile": (224, 160)},
}


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and rows of the size of a test's are many here."""
    monkeypatch.setattr(source, "HELD", 1000)
    monkeypatch.setattr("mhfd.images.ROWS_TOGETHER", 64)


def scored(path: Path, limits: Limits) -> FocusReport:
    return mhfd.score(path, limits=limits, device="cpu", threads=1)


@pytest.mark.parametrize("how", BY_ROWS)
def test_what_is_read_by_rows_may_be_larger(how: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, **BY_ROWS[how])
    found = scored(path, SHORT)
    assert found.finding is Finding.NO_TISSUE or found.finding is Finding.OK, found.finding_detail
    assert scored(path, Limits(max_pixels=HELD)).finding is Finding.UNREADABLE


@pytest.mark.parametrize("kind", ["bmp", "mrc"])
def test_so_may_bmp_and_mrc(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    path.write_bytes(bmp(GREY) if kind == "bmp" else mrc(GREY))
    assert scored(path, SHORT).finding is not Finding.UNREADABLE


@pytest.mark.parametrize("how", TOGETHER)
def test_strips_and_tiles_that_are_the_image(how: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, **TOGETHER[how])
    told = scored(path, SHORT)
    assert told.finding is Finding.UNREADABLE
    assert "210 rows of its 210 x 150 pixels are in memory together" in str(told.finding_detail)
    assert "save it in smaller strips or tiles" in str(told.finding_detail)
    assert "raise limits.max_held_pixels" in str(told.finding_detail)
    assert scored(path, Limits(max_held_pixels=HELD + 1)).finding is not Finding.UNREADABLE


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_formats_that_are_decoded_whole(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    path.write_bytes(imagecodecs.png_encode(GREY) if kind == "png" else jpeg(GREY))
    told = scored(path, SHORT)
    assert told.finding is Finding.UNREADABLE
    assert "210 x 150 pixels are more than max_held_pixels = 31499" in str(told.finding_detail)
    assert "decoded whole; save it as TIFF, uncompressed or in strips or tiles" in str(told.finding_detail)
    assert scored(path, Limits(max_held_pixels=HELD + 1)).finding is not Finding.UNREADABLE


def test_what_somebody_asks_for_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY)
    kept = api.measure(path, limits=SHORT).report
    assert "score it without an overlay" in str(kept.finding_detail)
    papers = mhfd.score(path, limits=SHORT, params="paper_text").finding_detail
    assert "takes all of it at once; use device cpu and the preset robust" in str(papers)
    assert "all of it would be in memory" in str(images.load(path, limits=SHORT).detail)
    assert images.load(GREY, limits=SHORT).finding is Finding.OK, "an array is there already"


def test_rows_that_are_too_long(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, scene(150, 600))
    told = scored(path, Limits(max_held_pixels=63 * 600))
    assert "64 rows of its 150 x 600 pixels are in memory together" in str(told.finding_detail)
    assert scored(path, Limits(max_held_pixels=64 * 600)).finding is not Finding.UNREADABLE


def test_the_remedy_is_that_of_the_place(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY)
    said = {
        "max_bytes": scored(path, Limits(max_bytes=1000, raised_by="give --{option}")),
        "max_pixels": scored(path, Limits(max_pixels=1000, raised_by="give --{option}")),
    }
    for name, told in said.items():
        assert f"give --{name.replace('_', '-')}" in str(told.finding_detail)


def test_the_most_of_what_is_read_by_default() -> None:
    assert Limits() == Limits(max_pixels=32768 * 32768, max_bytes=4_000_000_000, max_held_pixels=16384 * 16384)
    assert np.prod([32768, 32768]) * 2 < Limits().max_bytes, "of 16 bit, the largest is within both"
