"""JEOL SEM: a text beside the image in two dialects, and what of it is believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rigs.tagged import FEI, load, load_beside, ok, scene

from mhfd.contract.focus_report import Box

FRAME = scene(120, 160)  # 4:3, as all of their frames


def older(**values: object) -> bytes:
    lines = ["$SEM_DATA_VERSION 1", "$CM_FORMAT JEOL-SEM", "$$SM_ADD_IMAGE "]
    lines += [f"${key.replace('SM_', '$SM_')} {value}" for key, value in values.items()]
    return "\r\n".join(lines).encode()


def newer(**values: object) -> bytes:
    return "\n".join(["$CM_VERSION 1.0", *(f"${key} {value}" for key, value in values.items())]).encode()


@pytest.mark.parametrize(
    ("values", "nm", "key"),
    [
        ({"SM_MICRON_MARKER": "10um", "SM_MICRON_BAR": 40}, 250, "SM_MICRON_BAR"),
        ({"SM_MICRON_MARKER": "100nm", "SM_MICRON_BAR": 50, "CM_MAG": 9}, 2, "SM_MICRON_BAR"),
        ({"CM_FULL_SIZE": "160 120", "CM_MAG": 800, "SM_WD": 9}, 1000, "CM_MAG"),  # 128 mm / 800 / 160
        ({"CM_FULL_SIZE": "160 120", "CM_MAG": 800, "SM_STANDARD_FIELD_SIZE": "64 48"}, 500, "CM_MAG"),
        ({"CM_PIXEL_SIZE": "9.92nm 9.92nm", "CM_MAG": 1}, 9.92, "CM_PIXEL_SIZE"),
        ({"CM_FIELD_OF_VIEW": "1.6mm 1.2mm"}, 10_000, "CM_FIELD_OF_VIEW"),
        ({"CM_FIELD_OF_VIEW": "1.6 1.2mm", "CM_IMAGE_SIZE": "160 120"}, 10_000, "CM_FIELD_OF_VIEW"),
        ({"EM_PIXELSPERMETER_X": 5e8}, 2, "EM_PIXELSPERMETER_X"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("text", [older, newer], ids=["older", "newer"])
def test_pixel_size(tmp_path: Path, text: Any, values: dict[str, object], nm: float, key: str) -> None:
    info = ok(load_beside(tmp_path, FRAME, text(**values))).info
    assert info.pixel_nm == pytest.approx(nm)
    assert key in str(info.tags["pixel_from"])


@pytest.mark.parametrize("ending", [".txt", ".TXT"])
def test_focus_and_stage(tmp_path: Path, ending: str) -> None:
    text = older(SM_WD=9.07, CM_STAGE_POS="5.483 -0.831 8.5 -0.0 0.0 0.000")
    info = ok(load_beside(tmp_path, FRAME, text, ending)).info
    assert info.focus_m == pytest.approx(0.00907)
    assert info.stage_um == pytest.approx((5483, -831))
    assert (info.pixel_nm, info.dwell_ns) == (None, None)
    text = newer(SM_WD="10.5mm", SM_DWELL_TIME="0.6usec", CM_STAGE_POSITION="1 2 3 0 0 0")
    info = ok(load_beside(tmp_path, FRAME, text, ending)).info
    assert (info.focus_m, info.dwell_ns) == pytest.approx((0.0105, 600))
    assert info.stage_um == (1000, 2000)


@pytest.mark.parametrize("key", ["CM_FULL_SIZE", "CM_IMAGE_SIZE"])
def test_the_data_bar_below_the_frame_is_no_image(tmp_path: Path, key: str) -> None:
    bar = np.zeros((20, 160), "u1")
    bar[4:14, 8:100:3] = 255
    values = {key: "160 120", "SM_MICRON_MARKER": "1um", "SM_MICRON_BAR": 100}
    image = ok(load_beside(tmp_path, np.concatenate([FRAME, bar]), newer(**values)))
    np.testing.assert_array_equal(image.pixels, FRAME)
    assert image.info.box == Box(top=0, left=0, bottom=120, right=160)
    assert image.info.pixel_nm == pytest.approx(10)
    half = np.concatenate([FRAME[::2, ::2], bar[::2, ::2]])
    image = ok(load_beside(tmp_path, half, newer(SM_PNU_HEIGHT=20, **values)))
    assert image.info.box == Box(top=0, left=0, bottom=60, right=80)
    assert image.info.pixel_nm == pytest.approx(20)


@pytest.mark.parametrize("micro", ["µ".encode("latin-1"), "µ".encode(), "μ".encode("cp932"), "μ".encode()])
def test_the_millionth_in_every_encoding(tmp_path: Path, micro: bytes) -> None:
    text = b"$CM_TITLE " + "試料".encode("cp932") + b"\n$$SM_MICRON_BAR 100\n$$SM_MICRON_MARKER 1" + micro + b"m\n"
    text = text if micro not in (b"\xc2\xb5", b"\xce\xbc") else text.replace("試料".encode("cp932"), b"")
    assert ok(load_beside(tmp_path, FRAME, text)).info.pixel_nm == pytest.approx(10)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_unicode(tmp_path: Path, encoding: str) -> None:
    text = older(SM_MICRON_MARKER="1µm", SM_MICRON_BAR=100).decode().encode(encoding)
    assert ok(load_beside(tmp_path, FRAME, text)).info.pixel_nm == pytest.approx(10)


@pytest.mark.parametrize(("frame", "nm"), [("320 240", 20), ("80 60", 5), ("320 200", None), ("200 120", None)])
def test_of_a_frame_that_was_made_smaller_or_cut(tmp_path: Path, frame: str, nm: float | None) -> None:
    text = older(CM_FULL_SIZE=frame, SM_MICRON_MARKER="1um", SM_MICRON_BAR=100, SM_WD=5)
    info = ok(load_beside(tmp_path, FRAME, text)).info
    assert info.pixel_nm == pytest.approx(nm)
    assert (info.box, info.focus_m) == (None, 0.005)
    assert ("not what the file has" in str(info.tags.get("note"))) == (nm is None)


@pytest.mark.parametrize(
    "values",
    [
        {"CM_FULL_SIZE": "160 160", "CM_MAG": 800, "SM_WD": 9},  # not the frame that the magnification is of
        {"CM_MAG": 800, "SM_WD": 9},
        {"CM_FULL_SIZE": "160 120", "CM_MAG": 800},  # of which instrument?
        {"CM_FULL_SIZE": "160 120", "CM_MAG": 0, "SM_WD": 9},
        {"SM_MICRON_MARKER": "1um", "SM_MICRON_BAR": 0},
        {"SM_MICRON_MARKER": "1um", "SM_MICRON_BAR": "nan"},
        {"SM_MICRON_MARKER": "-1um", "SM_MICRON_BAR": 10},
        {"SM_MICRON_MARKER": "1", "SM_MICRON_BAR": 10},
        {"SM_MICRON_MARKER": "1furlong", "SM_MICRON_BAR": 10},
        {"CM_PIXEL_SIZE": "5"},
        {"CM_FIELD_OF_VIEW": "1e400mm 1mm"},
        {"CM_FIELD_OF_VIEW": "mm"},
        {"CM_FULL_SIZE": "1e300 nan", "CM_STAGE_POS": "1", "CM_FIELD_OF_VIEW": ""},
        {"CM_FULL_SIZE": "160", "CM_STAGE_POS": "x y"},
    ],
    ids=str,
)
def test_nonsense_is_unknown(tmp_path: Path, values: dict[str, object]) -> None:
    info = ok(load_beside(tmp_path, FRAME, older(**values))).info
    assert (info.pixel_nm, info.stage_um, info.box) == (None, None, None)


@pytest.mark.parametrize(
    "text", [b"", b"$", b"$ \n$\n", b"a note\n$CM_MAG 5", b"$CM_MAG", b"\0" * 999, b"$CM_" * 99_999]
)
def test_another_text_is_nothing(tmp_path: Path, text: bytes) -> None:
    info = ok(load_beside(tmp_path, FRAME, text)).info
    assert (info.pixel_nm, info.focus_m, info.box) == (None, None, None)
    assert "note" not in info.tags


def test_another_instruments_tags_go_before(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(older(SM_WD=9, SM_MICRON_MARKER="1um", SM_MICRON_BAR=100))
    info = ok(load(tmp_path, FRAME, (FEI, b"[Scan]\nPixelWidth=5e-9\n"))).info
    assert info.pixel_nm == pytest.approx(5)
    assert info.focus_m is None
