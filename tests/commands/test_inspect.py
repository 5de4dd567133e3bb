"""`mhfd inspect`: what was read of a file, from which tag; what is unknown, and what that means."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from mhfd_client.cli import main
from mhfd_client.scoring.tiff_tags import tags_of

_PIXELS = np.random.default_rng(0).integers(0, 255, (80, 96), np.uint8)
_FEI = (
    "[Stage]\r\nStageX=1e-3\r\nStageY=-2e-3\r\n[EBeam]\r\nWD=0.005\r\n[Scan]\r\nDwelltime=2e-6\r\nPixelWidth=4e-9\r\n"
)


def inspect(*args: object) -> Result:
    return CliRunner().invoke(main, ["inspect", *map(str, args)], catch_exceptions=False)


@pytest.fixture
def fei(tmp_path: Path) -> Path:
    text = f"{_FEI}[Image]\nResolutionX=96\nResolutionY=64\n[PrivateFei]\nDatabarHeight=16\n".encode()
    tifffile.imwrite(
        tmp_path / "a.tif", _PIXELS, extratags=[(34682, 2, len(text) + 1, text, True)], metadata=None, software="xT"
    )
    return tmp_path / "a.tif"


def test_each_value_is_told_with_where_it_was_read(fei: Path) -> None:
    (fei.parent / "a.txt").write_text("of another program")
    told = inspect(fei)
    assert told.exit_code == 0
    lines = {line[2:13].strip(): line[14:] for line in told.stdout.splitlines()[1:]}
    assert lines["frame"] == "96 x 80 pixels"
    assert lines["image"].startswith("96 x 64 pixels from 0, 0 (FEI Image.Resolution")
    assert lines["pixel size"] == "4 nm (FEI Scan.PixelWidth)"
    assert lines["focus"] == "5 mm (FEI EBeam.WD)"
    assert lines["dwell"] == "2000 ns (FEI Scan.Dwelltime)"
    assert lines["stage"] == "1000, -2000 um (FEI Stage.StageX, StageY)"
    assert "305 Software (3 bytes)" in lines["tags"]
    assert "34682" in lines["tags"]
    assert lines["beside it"] == "a.txt (18 bytes)"
    assert lines["finding"] == "ok: it can be scored"


def test_what_is_unknown_says_what_that_means_and_what_to_do(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", _PIXELS, metadata=None)
    told = inspect(tmp_path / "a.tif").stdout
    assert "pixel size  unknown: images of unlike texture are not judged by each other" in told
    assert "verdict.pixel_nm" in told
    assert "leave it off: --set images.crop=bottom=ROWS" in told


def test_for_programs_it_is_one_document(fei: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "b.tif", _PIXELS, metadata=None)
    told = json.loads(inspect(tmp_path / "[ab].tif", "--json").stdout)
    assert told["schema_version"] == 1
    first, second = told["files"]
    assert first["image"]["tags"]["pixel_from"] == "FEI Scan.PixelWidth"
    assert first["unknown"] == []
    assert [one["what"] for one in second["unknown"]] == ["image", "pixel size", "focus", "dwell", "stage"]
    assert {tag["code"] for tag in first["tiff_tags"]} >= {305, 34682}


def test_a_file_that_cannot_be_scored_is_exit_code_1_and_the_others_are_told(fei: Path, tmp_path: Path) -> None:
    (tmp_path / "text.tif").write_text("no image")
    tifffile.imwrite(tmp_path / "black.tif", np.zeros((64, 64), np.uint8), metadata=None)
    os.mkfifo(tmp_path / "pipe.tif")
    told = inspect(
        tmp_path / "text.tif", tmp_path / "black.tif", tmp_path / "gone.tif", tmp_path, tmp_path / "pipe.tif", fei
    )
    assert told.exit_code == 1
    findings = [line.split(maxsplit=1)[1] for line in told.stdout.splitlines() if line.startswith("  finding")]
    assert [one.partition(":")[0] for one in findings] == ["unreadable", "blank", *["unreadable"] * 3, "ok"]
    assert "blank: every pixel is 0" in findings[1]


@pytest.mark.parametrize("big", [False, True], ids=["tiff", "bigtiff"])
def test_the_tags_of_either_form_are_listed(tmp_path: Path, big: bool) -> None:
    tifffile.imwrite(tmp_path / "a.tif", _PIXELS, metadata=None, software="abc", bigtiff=big, byteorder=">")
    assert ("Software", 4) in [(tag.name, tag.bytes) for tag in tags_of(tmp_path / "a.tif")]


@given(st.binary(max_size=200), st.sampled_from([b"", b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0"]))
def test_no_file_breaks_the_list_of_tags(tmp_path_factory: pytest.TempPathFactory, rest: bytes, head: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "rubbish.tif"
    path.write_bytes(head + rest)
    assert isinstance(tags_of(path), list)
