"""Hitachi SEM: a text beside the image, in nm, um and nm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.rigs.tagged import load_beside, ok, scene

from mhfd.contract.focus_report import Box


def hitachi(**values: object) -> str:
    lines = ["[SemImageFile]", "InstructName=SU-1", "SampleName=", "Format=tif", "Condition=Vacc=10kV  Mag=x15.0k"]
    return "\r\n".join(lines + [f"{key}={value}" for key, value in values.items()]) + "\r\n"


WHOLE = hitachi(
    DataSize="140x120",
    PixelSize="9.921875",
    WorkingDistance="8100 um",
    StagePositionX="-47536000",
    StagePositionY="52100000",
    ScanSpeed="Slow3(40s)",
)


@pytest.mark.parametrize("encoding", ["ascii", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_scan_and_stage(tmp_path: Path, encoding: str) -> None:
    info = ok(load_beside(tmp_path, scene(), WHOLE.encode(encoding))).info
    assert info.pixel_nm == pytest.approx(9.921875)
    assert info.focus_m == pytest.approx(0.0081)
    assert info.stage_um == pytest.approx((-47536, 52100))
    assert info.dwell_ns is None
    assert "note" not in info.tags


def test_names_in_japanese(tmp_path: Path) -> None:
    text = WHOLE.encode().replace(b"SampleName=", b"SampleName=" + "試料ソ表".encode("cp932"))
    assert ok(load_beside(tmp_path, scene(), text)).info.pixel_nm == pytest.approx(9.921875)


def test_the_data_bar_below_the_frame_is_no_image(tmp_path: Path) -> None:
    bar = np.zeros((24, 140), "u1")
    bar[4:14, 8:100:3] = 255
    image = ok(load_beside(tmp_path, np.concatenate([scene(), bar]), WHOLE.encode()))
    np.testing.assert_array_equal(image.pixels, scene())
    assert image.info.box == Box(top=0, left=0, bottom=120, right=140)


@pytest.mark.parametrize(("size", "nm"), [("280x240", 19.84375), ("1280x960", None), ("140x60", 9.921875)])
def test_of_a_frame_that_was_made_smaller_or_cut(tmp_path: Path, size: str, nm: float | None) -> None:
    info = ok(load_beside(tmp_path, scene(), WHOLE.replace("140x120", size).encode())).info
    assert info.pixel_nm == pytest.approx(nm)
    assert info.focus_m == pytest.approx(0.0081)


def test_the_magnification_where_there_is_no_pixel_size(tmp_path: Path) -> None:
    text = hitachi(DataSize="140x120", Magnification="1000", MicronMarker="3000")
    info = ok(load_beside(tmp_path, scene(), text.encode())).info
    assert info.pixel_nm == pytest.approx(127e6 / 1000 / 140)
    assert info.tags["pixel_from"] == "Hitachi .txt Magnification"


@pytest.mark.parametrize(
    "text",
    [
        hitachi(PixelSize="nan", WorkingDistance="far", DataSize="x", StagePositionX="1"),
        hitachi(PixelSize="-5", WorkingDistance="5 lb", DataSize="140xnan"),
        hitachi(PixelSize="5 pixel", DataSize="1e300x1e300"),
        hitachi(PixelSize="0", DataSize="140x-3"),
        hitachi(DataSize="140x0.5") + "[Next]\r\nPixelSize=5\r\n",
        "[Other]\nPixelSize=5\nWorkingDistance=8100 um\n",
        hitachi(DataSize="140x120", Magnification="0"),
        hitachi(Magnification="1000"),
        "[SemImageFile]",
        "",
    ],
    ids=lambda text: text[-30:],
)
def test_nonsense_is_unknown(tmp_path: Path, text: str) -> None:
    info = ok(load_beside(tmp_path, scene(), text.encode())).info
    assert (info.pixel_nm, info.focus_m, info.stage_um, info.box) == (None, None, None, None)


def test_a_text_that_was_cut(tmp_path: Path) -> None:
    for length in range(0, len(WHOLE), 7):
        ok(load_beside(tmp_path, scene(40, 40), WHOLE.encode("utf-16")[:length]))
