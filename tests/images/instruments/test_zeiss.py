"""Zeiss SmartSEM: units obeyed, nonsense is unknown."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rigs.tagged import FIBICS, ZEISS, element, fibics, load, ok, scene


def zeiss(**values: str) -> bytes:
    lines = ["", "0", "1.5", "DP_DETECTOR_TYPE", "Detector = SE2"]
    for key, value in values.items():
        lines += [key.upper(), f"{key} = {value}"]
    return "\r\n".join(lines).encode("cp1252")


@pytest.mark.parametrize("size", ["5.000 nm", "5000 pm", "0.005 µm"])
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
