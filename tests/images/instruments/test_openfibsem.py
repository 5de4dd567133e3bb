"""OpenFIBSEM: JSON in SI units; whatever else JSON can be is unknown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.tagged import load_described, ok, scene


def said(beam: str = "ELECTRON", **other: Any) -> dict[str, Any]:
    return {
        "image": {"beam_type": beam, "resolution": [140, 120], "dwell_time": 1e-06, "hfw": 1.4e-05},
        "version": "v3",
        "pixel_size": {"x": 9.7e-08, "y": 9.7e-08},
        "microscope_state": {
            "stage_position": {"x": 0.0012, "y": -3e-4, "z": 0.03, "coordinate_system": "RAW"},
            "electron_beam": {"working_distance": 0.004, "hfw": 0.00015},
            "ion_beam": {"working_distance": 0.0165, "hfw": 0.00015},
        },
    } | other


@pytest.mark.parametrize(("beam", "focus"), [("ELECTRON", 0.004), ("ION", 0.0165), ("LIGHT", None)])
def test_scan_and_stage(tmp_path: Path, beam: str, focus: float | None) -> None:
    info = ok(load_described(tmp_path, scene(), json.dumps(said(beam)))).info
    assert info.pixel_nm == pytest.approx(97)
    assert info.dwell_ns == pytest.approx(1000)
    assert info.stage_um == pytest.approx((1200, -300))
    assert info.focus_m == focus


def test_the_field_of_view_where_there_is_no_pixel_size(tmp_path: Path) -> None:
    assert ok(load_described(tmp_path, scene(), json.dumps(said(pixel_size=None)))).info.pixel_nm == pytest.approx(100)
    text = json.dumps(said(pixel_size=None)).replace("[140, 120]", "[1536, 1024]")  # it was cut: of another frame
    assert ok(load_described(tmp_path, scene(), text)).info.pixel_nm is None


def test_the_first_version(tmp_path: Path) -> None:
    state = {"absolute_position": {"x": 1e-3, "y": 2e-3}, "eb_settings": {"working_distance": 0.007}}
    info = ok(load_described(tmp_path, scene(), json.dumps(said(microscope_state=state)))).info
    assert (info.stage_um, info.focus_m) == ((1000, 2000), 0.007)


@pytest.mark.parametrize(
    "value", ["4", True, None, [1], {"x": 1}, float("nan"), float("inf"), 10**400, -1.0, 0], ids=str
)
def test_values_of_another_type(tmp_path: Path, value: object) -> None:
    odd = {"x": value, "y": value}
    text = json.dumps(
        said(
            pixel_size=odd,
            image={"beam_type": value, "dwell_time": value, "hfw": value, "resolution": value},
            microscope_state={"stage_position": odd if value not in (-1.0, 0) else value, "electron_beam": value},
        )
    )
    info = ok(load_described(tmp_path, scene(), text)).info
    assert (info.pixel_nm, info.dwell_ns, info.stage_um, info.focus_m) == (None, None, None, None)


@pytest.mark.parametrize(
    "text",
    [
        '{"microscope_state": ',
        '{"microscope_state": ' + "[" * 100_000,
        '{"microscope_state": ' + '{"a":' * 50_000,
        '{"a": "' + "x" * 300_000 + '", "microscope_state": {}}',
        '{"microscope_state": "\ud800"}'.encode("utf-8", "surrogatepass"),
        b'{"microscope_state": "\xff"}',
    ],
    ids=range(6),
)
def test_damaged_deep_and_long(tmp_path: Path, text: str | bytes) -> None:
    info = ok(load_described(tmp_path, scene(), text)).info
    assert info.pixel_nm is None


@pytest.mark.parametrize("text", ['{"shape": [120, 140]}', "{}", "[]", '{"pixel_size": {"x": 1e-9}}'])
def test_other_json_is_no_instrument(tmp_path: Path, text: str) -> None:
    info = ok(load_described(tmp_path, scene(), text)).info
    assert info.pixel_nm is None
    assert "note" not in info.tags
