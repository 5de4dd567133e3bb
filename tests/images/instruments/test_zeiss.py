"""Zeiss SmartSEM: units obeyed, nonsense is unknown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rigs.tagged import FIBICS, ZEISS, element, fibics, load, ok, scene


def zeiss(*, head: Any = 0, **values: str) -> bytes:
    """`head`: the line without a name that has a pixel of the screen."""
    lines = ["0", "0", "0", f"{head:.6e}", "5.000000e+004", "6", "3", "DP_DETECTOR_TYPE", "Detector = SE2"]
    for key, value in values.items():
        lines += [key.upper(), f"{key} = {value}"]
    return "\r\n".join(lines).encode("cp1252")


@pytest.mark.parametrize("size", ["5.000 nm", "5000 pm", "0.005 µm", "5,000 nm", "5.000nm", "5000000.0 fm", "5e-9 m"])
def test_zeiss(tmp_path: Path, size: str) -> None:
    text = zeiss(
        ap_image_pixel_size=size,
        ap_wd="4.5 mm",
        dp_dwell_time="800 ns",
        ap_stage_at_x="50.5 mm",
        ap_stage_at_y="-2 mm",
    )
    info = ok(load(tmp_path, scene(), (ZEISS, text))).info
    assert info.pixel_nm == pytest.approx(5)
    assert info.focus_m == pytest.approx(0.0045)
    assert info.dwell_ns == pytest.approx(800)
    assert info.stage_um == pytest.approx((50500, -2000))


def test_zeiss_nonsense(tmp_path: Path) -> None:
    text = zeiss(ap_image_pixel_size="5.0 furlongs", ap_wd="much mm", dp_dwell_time="", ap_stage_at_x="1 mm")
    info = ok(load(tmp_path, scene(), (ZEISS, text))).info
    assert (info.pixel_nm, info.focus_m, info.dwell_ns, info.stage_um) == (None, None, None, None)
    assert "furlongs" in str(info.tags["note"])


def test_fibics_goes_before_zeiss(tmp_path: Path) -> None:
    text = zeiss(ap_image_pixel_size="99 nm", ap_wd="4.5 mm")
    info = ok(load(tmp_path, scene(), (FIBICS, fibics(element("Scan/FOV_X", 1.4))), (ZEISS, text))).info
    assert info.pixel_nm == pytest.approx(10)
    assert info.focus_m == pytest.approx(0.0045)


def nm(folder: Path, text: bytes, width: int = 140, height: int = 120, code: int = ZEISS) -> tuple[Any, Any]:
    info = ok(load(folder, scene(height, width), (code, text))).info
    return info.pixel_nm, info.tags.get("pixel_from", info.tags.get("note"))


def test_the_pixel_of_the_screen_is_not_that_of_the_file(tmp_path: Path) -> None:
    """512 columns, as older programs wrote them: the field of view is 5.965 um, that of 1024 columns of 5.825 nm."""
    text = zeiss(head=5.824988e-9, ap_pixel_size="5.825 nm", ap_width="5.965 µm", ap_height="4.474 µm")
    assert nm(tmp_path, text, 512, 384) == (pytest.approx(11.649976, rel=1e-7), "Zeiss AP_WIDTH, line 4")
    text = zeiss(head=7, ap_pixel_size="5.825 nm")  # the head is of something else: the name is believed
    assert nm(tmp_path, text, 512, 384) == (pytest.approx(11.65), "Zeiss AP_PIXEL_SIZE")
    assert nm(tmp_path, zeiss(head=5.824988e-9), 512, 384) == (pytest.approx(11.649976), "Zeiss line 4")


def test_a_file_of_two_thousand_columns(tmp_path: Path) -> None:
    text = zeiss(
        head=2.465245e-8,
        ap_pixel_size="24.65 nm",
        ap_image_pixel_size="12.33 nm",
        ap_width="25.24 µm",
        dp_image_store="2048 * 96",
    )
    assert nm(tmp_path, text, 2048, 96) == (pytest.approx(12.326225), "Zeiss AP_IMAGE_PIXEL_SIZE, line 4")


@pytest.mark.parametrize(
    ("width", "height", "wants"),
    [(280, 240, 10.0), (140, 120, 20.0), (142, 120, None), (280, 120, 10.0), (200, 100, None)],
    ids=["as stored", "made smaller", "not quite", "cut at the bottom", "cut"],
)
def test_a_file_that_was_changed_since(tmp_path: Path, width: int, height: int, wants: float | None) -> None:
    text = zeiss(ap_image_pixel_size="10.00 nm", dp_image_store="280 * 240")
    got, why = nm(tmp_path, text, width, height)
    assert got == pytest.approx(wants)
    assert wants is not None or "280 x 240" in str(why)


def test_an_image_of_the_ion_beam(tmp_path: Path) -> None:
    sizes = {"ap_pixel_size": "140 nm", "ap_image_pixel_size": "5.000 nm"}
    assert nm(tmp_path, zeiss(dp_fib_imaging="FIB", **sizes), 512)[0] == pytest.approx(280)
    assert nm(tmp_path, zeiss(dp_fib_imaging="SEM", **sizes), 512)[0] == pytest.approx(5)


def test_rows_below_what_was_stored_are_no_image(tmp_path: Path) -> None:
    framed = np.vstack([scene(), np.full((20, 140), 255, "u1")])
    image = ok(load(tmp_path, framed, (ZEISS, zeiss(dp_image_store="140 * 120"))))
    np.testing.assert_array_equal(image.pixels, scene())
    assert image.info.tags["box_from"] == "Zeiss DP_IMAGE_STORE"
    for size in ("140 * 140", "280 * 120", "140 * 0", "0 * 0", "140 * 3", "140", "999999999 * 1"):
        assert load(tmp_path, framed, (ZEISS, zeiss(dp_image_store=size))).info.box is None


def test_the_tag_in_utf_16(tmp_path: Path) -> None:
    text = zeiss(ap_image_pixel_size="5.000 nm", ap_wd="4.5 mm", ap_stage_at_x="1 µm", ap_stage_at_y="2 µm")
    info = ok(load(tmp_path, scene(), (34119, text.decode("cp1252").encode("utf-16-le")))).info
    assert (info.pixel_nm, info.focus_m, info.stage_um) == (5.0, 0.0045, (1.0, 2.0))


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("code", ["cp1252", "utf-8"])
def test_any_end_of_line_and_alphabet(tmp_path: Path, end: str, code: str) -> None:
    text = zeiss(ap_image_pixel_size="0,005 µm", sv_user_text="… ÄÖ", ap_wd="4.5 mm").decode("cp1252")
    raw = text.replace("\r\n", end).encode(code)
    info = ok(load(tmp_path, scene(), (ZEISS, raw))).info
    assert (info.pixel_nm, info.focus_m) == (5.0, 0.0045)


@pytest.mark.parametrize("value", ["nan nm", "inf nm", "1e400 nm", "-5 nm", "0.0 fm", "1_0 nm", "", "nm", "5", "²5 nm"])
def test_a_pixel_size_that_cannot_be(tmp_path: Path, value: str) -> None:
    assert nm(tmp_path, zeiss(head=0, ap_image_pixel_size=value))[0] is None
