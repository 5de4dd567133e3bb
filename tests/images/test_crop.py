"""What a person leaves off, and what that does to ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.rigs import tagged
from tests.rigs.bars import BARS, with_bar
from tests.rigs.tagged import FIBICS, ZEISS, ok, scene

import mhfd
from mhfd import images
from mhfd.contract.focus_report import Box, Finding
from mhfd.contract.params import Crop, Params
from mhfd.simulate import Exposure, Specimen

SPARSE = Specimen(seed=2, density=0.1).section((320, 480), exposure=Exposure(dose=30))
FRAMED, ROWS = with_bar(SPARSE, BARS[0])
TAG = (ZEISS, b"\r\nAP_WD\r\nWD = 4.5 mm\r\n")
BOX = (
    b"<Fibics><Image><BoundingBox.Left>10</BoundingBox.Left><BoundingBox.Top>0</BoundingBox.Top>"
    b"<BoundingBox.Right>99</BoundingBox.Right><BoundingBox.Bottom>119</BoundingBox.Bottom></Image></Fibics>"
)


def test_a_bar_has_no_vote(tmp_path: Path) -> None:
    tagged.load(tmp_path, FRAMED, TAG)
    alone, framed = mhfd.score(FRAMED[:320]), mhfd.score(tmp_path / "a.tif")
    assert alone.dof is not None
    assert (framed.dof, framed.density, framed.tissue) == (alone.dof, alone.density, alone.tissue)
    voting = mhfd.score(FRAMED, params=Params(crop=Crop())).dof
    assert voting is not None
    assert voting > 1.05 * alone.dof
    assert alone.params_id == framed.params_id == Params().id


def test_what_a_person_says_wins(tmp_path: Path) -> None:
    tagged.load(tmp_path, FRAMED, TAG)
    path, height = tmp_path / "a.tif", len(FRAMED)
    cropped = ok(images.load(path, crop=Crop(bottom=100, left=5)))
    assert cropped.info.box == Box(top=0, left=5, bottom=height - 100, right=480)
    assert cropped.info.tags["box_from"] == "crop"
    whole = ok(images.load(path, crop=Crop()))
    assert whole.info.box == Box(top=0, left=0, bottom=height, right=480)


def test_a_bounding_box_holds_beside_a_crop(tmp_path: Path) -> None:
    tagged.load(tmp_path, scene(), (FIBICS, BOX))
    assert ok(images.load(tmp_path / "a.tif", crop=Crop())).info.box == Box(top=0, left=10, bottom=120, right=100)
    cropped = ok(images.load(tmp_path / "a.tif", crop=Crop(left=20, bottom=8)))
    assert cropped.info.box == Box(top=0, left=20, bottom=112, right=100)


@pytest.mark.parametrize("crop", [Crop(bottom=100), Crop(left=70, right=70), Crop(top=1 << 20)], ids=str)
def test_a_crop_that_leaves_too_little_is_said(crop: Crop) -> None:
    image = images.load(scene(), crop=crop)
    assert image.finding is Finding.TOO_SMALL
    assert image.detail is not None
    assert image.detail.startswith("the crop leaves ")
    assert image.detail.endswith("of 120 x 140 pixels; each side needs 32: crop less")


def test_what_only_looks_like_a_bar_is_scored_and_said() -> None:
    image = ok(images.load(FRAMED))
    assert (image.info.box, image.info.tags["looks_like_bar"]) == (None, ROWS)
    assert "looks_like_bar" not in ok(images.load(FRAMED, crop=Crop())).info.tags
    assert "looks_like_bar" not in ok(images.load(np.ascontiguousarray(SPARSE))).info.tags
