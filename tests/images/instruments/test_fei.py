"""FEI and Thermo Fisher: SI units, the beam that made the image, and the data bar is no image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rigs.tagged import FEI, FEI_OLD, load, ok, scene

from mhfd import images
from mhfd.contract.focus_report import Box

XML = 34683


def fei(**values: object) -> bytes:
    """`Section__Key=value`, in sections."""
    text = ""
    for name, value in values.items():
        section, _, key = name.partition("__")
        text += f"[{section}]\r\n{key}={value}\r\n\r\n"
    return text.encode("latin-1")


def frame(columns: object = 140, rows: object = 120, bar: object = 20) -> dict[str, object]:
    return {"Image__ResolutionX": columns, "Image__ResolutionY": rows, "PrivateFei__DatabarHeight": bar}


def framed(rows: int = 20, height: int = 120, width: int = 140) -> Any:
    bar = np.zeros((rows, width), "u1")
    bar[4:14, 8:100:3] = 255
    return np.concatenate([scene(height, width), bar])


def read(folder: Path, text: bytes, array: Any = None, code: int = FEI) -> images.Image:
    return load(folder, scene() if array is None else array, (code, text), metadata=None)


@pytest.mark.parametrize("code", [FEI, FEI_OLD])
def test_fei_and_its_data_bar(tmp_path: Path, code: int) -> None:
    text = (
        b"[Beam]\r\nScan=EScan\r\n[EBeam]\r\nWD=0.0041\r\n[Scan]\r\nPixelWidth=5e-9\r\nDwelltime=3e-6\r\n"
        b"[Stage]\r\nStageX=0.001\r\nStageY=-0.002\r\n[Image]\r\nResolutionX=140\r\nResolutionY=120\r\n"
        b"[PrivateFei]\r\nDatabarHeight=20\r\n"
    )
    image = ok(read(tmp_path, text, framed(), code))
    np.testing.assert_array_equal(image.pixels, scene())
    info = image.info
    assert info.pixel_nm == pytest.approx(5)
    assert (info.focus_m, info.dwell_ns) == pytest.approx((0.0041, 3000))
    assert info.stage_um == pytest.approx((1000, -2000))
    assert info.box == Box(top=0, left=0, bottom=120, right=140)


@pytest.mark.parametrize(
    "said",
    [
        frame(),
        frame(bar=0),  # the frame is taller than the scan: the rest is the bar, whatever else is said of it
        frame(bar=""),
        frame(bar=19),
        frame(bar=1e308),
        frame(bar=-20),
        {"Image__ResolutionX": 140, "Image__ResolutionY": 120},
        {"PrivateFei__DatabarHeight": 20},
        frame(columns="", bar=0),
        frame(columns=280, rows=240, bar=40),  # all of it at half the size
    ],
    ids=str,
)
def test_rows_below_the_scan_are_no_image(tmp_path: Path, said: dict[str, object]) -> None:
    image = ok(read(tmp_path, fei(**said), framed()))
    np.testing.assert_array_equal(image.pixels, scene())


@pytest.mark.parametrize(
    "said",
    [
        frame(rows=140, bar=0),
        frame(rows=-5),
        frame(rows="nan", bar=0),
        frame(rows=1e300, bar=0),
        frame(rows=4, bar=0),
        frame(columns=150, rows=100, bar=0),
        {"PrivateFei__DatabarHeight": 139},
        {"PrivateFei__DatabarHeight": 1e14},
        {},
    ],
    ids=str,
)
def test_rows_that_cannot_be_leave_the_image_whole(tmp_path: Path, said: dict[str, object]) -> None:
    image = ok(read(tmp_path, fei(System__Type="DualBeam", **said), scene(140)))
    assert image.info.box is None
    np.testing.assert_array_equal(image.pixels, scene(140))


def test_a_frame_without_a_bar_is_not_searched_for_one(tmp_path: Path) -> None:
    """What looks like a bar is image where the instrument drew none."""
    drawn = framed(40)
    assert ok(read(tmp_path, fei(**frame(rows=160, bar=0)), drawn)).info.box is None


@pytest.mark.parametrize(
    ("said", "wants", "origin"),
    [
        ({"Scan__PixelWidth": "5e-009"}, 5, "FEI Scan.PixelWidth"),
        ({"Scan__PixelWidth": "5,0e-009"}, 5, "FEI Scan.PixelWidth"),
        ({"Beam__Scan": "IScan", "IScan__PixelWidth": 6e-9, "EScan__PixelWidth": 5e-9}, 6, "FEI IScan.PixelWidth"),
        ({"Scan__HorFieldsize": 7e-7}, 5, "FEI Scan.HorFieldsize / Image.ResolutionX"),
        ({"Beam__Beam": "IRBeam", "IRBeam__HFW": 0.21}, 1.5e6, "FEI IRBeam.HFW / Image.ResolutionX"),
        ({"Scan__PixelWidth": ""}, None, None),
        ({"Scan__PixelWidth": 0}, None, None),
        ({"Scan__PixelWidth": -5e-9}, None, None),
        ({"Scan__PixelWidth": "nan", "Scan__HorFieldsize": "1e400"}, None, None),
    ],
    ids=str,
)
def test_where_the_size_of_a_pixel_is(tmp_path: Path, said: dict[str, object], wants: Any, origin: Any) -> None:
    info = ok(read(tmp_path, fei(**frame(bar=0), **said))).info
    assert info.pixel_nm == pytest.approx(wants)
    assert info.tags.get("pixel_from") == origin


@pytest.mark.parametrize(
    ("columns", "rows", "wants"),
    [(140, 120, 5), (280, 240, 10), (280, 200, 10), (70, 60, 2.5), (280, 120, None), (140, 99, 5), ("", "", 5)],
)
def test_a_frame_that_is_not_the_scan(tmp_path: Path, columns: Any, rows: Any, wants: float | None) -> None:
    """Made smaller, each pixel is so much larger; cut, nobody knows."""
    said = frame(columns, rows, 40 if rows == 200 else 0)
    info = ok(read(tmp_path, fei(Scan__PixelWidth=5e-9, **said))).info
    assert info.pixel_nm == pytest.approx(wants)
    assert wants or f"{columns} x {rows}" in str(info.tags["note"])


def test_the_beam_that_made_the_image(tmp_path: Path) -> None:
    both = {"EBeam__WD": 0.004, "IBeam__WD": 0.0165, "EScan__Dwell": 1e-6, "IScan__Dwell": 3e-7}
    ions = ok(read(tmp_path, fei(Beam__Beam="IBeam", Beam__Scan="IScan", Stage__WorkingDistance=0.004, **both))).info
    assert (ions.focus_m, ions.dwell_ns) == pytest.approx((0.0165, 300))
    assert (ions.tags["focus_from"], ions.tags["dwell_from"]) == ("FEI IBeam.WD", "FEI IScan.Dwell")
    electrons = ok(read(tmp_path, fei(Beam__Beam="EBeam", Beam__Scan="EScan", **both))).info
    assert (electrons.focus_m, electrons.dwell_ns) == pytest.approx((0.004, 1000))
    assert ok(read(tmp_path, fei(Beam__Beam="IBeam", Stage__WorkingDistance=0.004))).info.focus_m is None


def test_a_navigation_camera(tmp_path: Path) -> None:
    text = fei(Beam__Beam="IRBeam", Stage__StageX=0.07, Stage__StageY=8e-4, IRBeam__StageX=-0.001, Scan__Dwelltime="")
    info = ok(read(tmp_path, text)).info
    assert info.stage_um == pytest.approx((70000, 800))
    assert (info.pixel_nm, info.focus_m, info.dwell_ns) == (None, None, None)


def test_what_the_user_wrote_is_no_value(tmp_path: Path) -> None:
    text = fei(User__UserText="[Scan]  PixelWidth=9 \xb5", User__UserTextUnicode="5B00", Scan__PixelWidth=5e-9)
    assert ok(read(tmp_path, text)).info.pixel_nm == pytest.approx(5)


# --- XML

METADATA = """<?xml version="1.0"?>
<Metadata xmlns:nil="http://schemas.fei.com/Metadata/v1/2013/07">
  <Optics><ScanFieldOfView><X>7e-07</X><Y>6e-07</Y></ScanFieldOfView><WorkingDistance>0.0038</WorkingDistance></Optics>
  <StageSettings><StagePosition><X>-0.0044</X><Y>0.0043</Y><Z>0.03</Z></StagePosition></StageSettings>
  <ScanSettings><DwellTime>3E-07</DwellTime></ScanSettings>
  <BinaryResult><ImageSize><X>140</X><Y>120</Y></ImageSize>
    <PixelSize><X unit="m" unitPrefixPower="1">5E-09</X><Y unit="m" unitPrefixPower="1">5E-09</Y></PixelSize>
  </BinaryResult>
</Metadata>
"""


@pytest.mark.parametrize("code", [XML, FEI, FEI_OLD, 270])
@pytest.mark.parametrize("head", ["", "\ufeff", "\r\n "])
def test_fei_xml(tmp_path: Path, code: int, head: str) -> None:
    image = ok(read(tmp_path, (head + METADATA).encode(), framed(), code))
    np.testing.assert_array_equal(image.pixels, scene())
    info = image.info
    assert (info.pixel_nm, info.focus_m, info.dwell_ns) == pytest.approx((5, 0.0038, 300))
    assert info.stage_um == pytest.approx((-4400, 4300))
    assert info.tags["pixel_from"] == "FEI XML BinaryResult/PixelSize"


def test_xml_adds_to_the_sections(tmp_path: Path) -> None:
    text = fei(Scan__PixelWidth=6e-9)
    info = ok(load(tmp_path, scene(), (FEI, text), (XML, METADATA.encode()))).info
    assert (info.pixel_nm, info.focus_m) == pytest.approx((6, 0.0038))
    assert ok(load(tmp_path, scene(), (FEI, text), (XML, b" "))).info.tags.get("note") is None


@pytest.mark.parametrize(
    ("old", "new", "wants"),
    [
        ('unit="m" unitPrefixPower="1">5E-09</X>', 'unit="m" unitPrefixPower="-9">5</X>', 5),  # by the field of view
        ("<PixelSize>", "<Other>", None),
        ("<Metadata", "<!DOCTYPE x><Metadata", None),
        ("<X>140</X>", "<X>150</X>", None),
        ("<X>140</X>", "<X>280</X>", None),
        ('unit="m" unitPrefixPower="1">5E-09</X>', ">-5E-09</X>", 5),
        ("</Metadata>", "", None),
        ("<Optics>", "<Optics>" * 1000, None),
        ("<Optics>", "x" * (300 << 10) + "<Optics>", None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_xml_that_says_otherwise(tmp_path: Path, old: str, new: str, wants: float | None) -> None:
    image = ok(read(tmp_path, METADATA.replace(old, new).encode(), code=XML))
    assert image.info.pixel_nm == pytest.approx(wants)
    np.testing.assert_array_equal(image.pixels, scene())
