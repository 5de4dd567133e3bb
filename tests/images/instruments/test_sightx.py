"""JEOL SightX: the resolution of the camera, and the magnification in the description."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.rigs.tagged import load_described, ok, scene


def sightx(eos: str = "eosTEM", mode: str = "MAG", value: object = 150_000, exposure: str = "100.00 msec") -> str:
    return (
        '<?xml version="1.0"?>\r\n<TemReporter xmlns:xsd="http://www.w3.org/2001/XMLSchema">'
        f"<Manufacturer>JEOL Ltd.</Manufacturer><Eos><EosMode>{eos}</EosMode></Eos>"
        f"<ImageFormingSystem><ModeString>{mode}</ModeString><SelectorValue>{value}</SelectorValue>"
        "<SelectorUnitString>X</SelectorUnitString></ImageFormingSystem>"
        "<GonioStage><StagePosition><MX>-1196.3</MX><MY>200</MY><PX>0.3</PX><PY>34</PY></StagePosition></GonioStage>"
        f"<Camera><Parameter><ExposureTimeString>{exposure}</ExposureTimeString></Parameter></Camera></TemReporter>"
    )


@pytest.mark.parametrize(
    ("unit", "nm"), [("INCH", 0.0254 / 93 / 150_000 * 1e9), ("CENTIMETER", 0.01 / 93 / 150_000 * 1e9), ("NONE", None)]
)
@pytest.mark.parametrize("tail", ["", "\0" * 99 + "\1", "\1", "\r\n"])
def test_pixel_size(tmp_path: Path, tail: str, unit: str, nm: float | None) -> None:
    info = ok(load_described(tmp_path, scene(), sightx() + tail, resolution=(93, 93), resolutionunit=unit)).info
    assert info.pixel_nm == pytest.approx(nm)
    assert info.dwell_ns == pytest.approx(1e8)
    assert info.stage_um == pytest.approx((-1.196, 0.234))


@pytest.mark.parametrize(
    "values",
    [{"eos": "eosASID"}, {"mode": "DIFF"}, {"value": 0}, {"value": -5}, {"value": "nan"}, {"value": ""}],
    ids=str,
)
def test_what_is_no_image_of_the_camera_has_no_pixel_size(tmp_path: Path, values: dict[str, Any]) -> None:
    info = ok(load_described(tmp_path, scene(), sightx(**values), resolution=(93, 93), resolutionunit="INCH")).info
    assert info.pixel_nm is None


@pytest.mark.parametrize("exposure", ["", "soon", "nan s", "5 weeks", "-1 sec"])
def test_an_exposure_that_cannot_be(tmp_path: Path, exposure: str) -> None:
    assert ok(load_described(tmp_path, scene(), sightx(exposure=exposure))).info.dwell_ns is None


@pytest.mark.parametrize(
    "text",
    [
        sightx()[:300],
        sightx().replace("<TemReporter", "<!DOCTYPE a><TemReporter"),
        "<TemReporter>" + "<a>" * 50_000,
        "<TemReporter>" + "x" * 300_000 + "</TemReporter>",
        "<a><TemReporter/></a>",
    ],
    ids=range(5),
)
def test_damaged_deep_and_long(tmp_path: Path, text: str) -> None:
    info = ok(load_described(tmp_path, scene(), text, resolution=(93, 93))).info
    assert (info.pixel_nm, info.stage_um) == (None, None)
    assert "SightX" in str(info.tags["note"])
