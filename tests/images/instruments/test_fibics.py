"""Fibics: units obeyed, only the box is image, and no nonsense ever fails an image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rigs.tagged import FIBICS, element, fibics, load, ok, scene

from mhfd.contract.focus_report import Box, Finding

# --- the bounding box

BORDERS = {
    "left": (0, 0, 0, 30),
    "right": (0, 0, 30, 0)[::-1],
    "top": (17, 0, 0, 0),
    "bottom": (0, 40, 0, 0),
    "all sides": (5, 90, 11, 64),
    "none": (0, 0, 0, 0),
}


@pytest.mark.parametrize("layout", [{}, {"tile": (32, 48)}, {"compression": "lzw", "rowsperstrip": 16}], ids=str)
@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("side", BORDERS)
def test_a_declared_border_changes_no_pixel(tmp_path: Path, side: str, value: int, layout: dict[str, Any]) -> None:
    array = scene()
    top, bottom, left, right = BORDERS[side]
    framed = np.pad(array, ((top, bottom), (left, right)), constant_values=value)
    xml = fibics(box=(left, top, left + 139, top + 119))
    image = ok(load(tmp_path, framed, (FIBICS, xml), **layout))
    np.testing.assert_array_equal(image.pixels, array)
    assert image.pixels is not None
    assert image.pixels.flags.c_contiguous
    assert image.info.box == Box(top=top, left=left, bottom=top + 120, right=left + 140)
    assert image.info.shape == framed.shape


def test_integrity_is_judged_inside_the_box_only(tmp_path: Path) -> None:
    framed = np.pad(scene(), 50)
    xml = fibics(box=(50, 50, 189, 169))
    ok(load(tmp_path, framed, (FIBICS, xml)))
    framed[150:170] = 0  # the last 20 rows of the box
    image = load(tmp_path, framed, (FIBICS, xml))
    assert image.finding is Finding.INCOMPLETE
    assert "the last 20 of 120 rows" in str(image.detail)
    nan = np.pad(scene().astype("f4"), 50, constant_values=np.nan)
    ok(load(tmp_path, nan, (FIBICS, xml)))
    framed[50:170, 50:190] = 9
    assert load(tmp_path, framed, (FIBICS, xml)).finding is Finding.BLANK


def test_the_last_tiles_of_the_box(tmp_path: Path) -> None:
    framed = np.pad(scene(150, 150), ((10, 96), (10, 96)))
    framed[128:160, 128:160] = 0  # the part of tile (2, 2) that is inside the box
    image = load(tmp_path, framed, (FIBICS, fibics(box=(10, 10, 159, 159))), tile=(64, 64))
    assert image.finding is Finding.INCOMPLETE
    assert "the last 1 tiles" in str(image.detail)


def test_exclusive_corners_one_past_the_end(tmp_path: Path) -> None:
    image = ok(load(tmp_path, scene(), (FIBICS, fibics(box=(0, 0, 140, 120)))))
    assert image.info.box == Box(top=0, left=0, bottom=120, right=140)
    np.testing.assert_array_equal(image.pixels, scene())


@pytest.mark.parametrize(
    "box",
    [
        (-1, 0, 100, 100),
        (0, 0, 141, 119),
        (0, 0, 139, 4_000_000_000),
        (100, 0, 10, 119),
        (0, 0, 0, 0),
        (50, 50, 60, 60),
        ("nan", 0, 139, 119),
        ("", 0, 139, 119),
        ("left", 0, 139, 119),
        (0.5, 0, 139, 119),
        ("1e300", 0, 139, 119),
    ],
    ids=str,
)
def test_a_box_that_makes_no_sense_is_ignored_with_a_note(tmp_path: Path, box: Any) -> None:
    image = ok(load(tmp_path, scene(), (FIBICS, fibics(element("Scan/Focus", 0.004), box=box))))
    np.testing.assert_array_equal(image.pixels, scene())
    assert image.info.box is None
    assert "ignored" in str(image.info.tags["note"])
    assert image.info.focus_m == 0.004  # the rest is still believed


def test_an_incomplete_box_is_ignored(tmp_path: Path) -> None:
    image = ok(load(tmp_path, scene(), (FIBICS, fibics(element("Image/BoundingBox.Left", 5)))))
    assert image.info.box is None
    assert "incomplete" in str(image.info.tags["note"])


# --- the scan and the stage


@pytest.mark.parametrize(
    ("fov", "unit"), [(1.4, "um"), (1.4, "µm"), (1400, "nm"), (0.0014, "mm"), (1.4e-6, "m"), (1.4, "UM"), (1.4, "")]
)
def test_fibics_values_and_units(tmp_path: Path, fov: float, unit: str) -> None:
    xml = fibics(
        element("Scan/FOV_X", fov, unit),
        element("Scan/Focus", 4.2, "mm"),
        element("Scan/Dwell", 1.5, "us"),
        element("Stage/X", -50.25, "mm"),
        element("Stage/Y", 1200, "um"),
        element("MosaicInfo/Row", 3),
        element("MosaicInfo/Col", 14),
    )
    info = ok(load(tmp_path, scene(), (FIBICS, xml))).info
    assert info.pixel_nm == pytest.approx(10.0)
    assert info.focus_m == pytest.approx(0.0042)
    assert info.dwell_ns == pytest.approx(1500)
    assert info.stage_um == pytest.approx((-50250, 1200))
    assert (info.tags["mosaic_row"], info.tags["mosaic_col"]) == (3, 14)
    assert "note" not in info.tags


def test_fibics_defaults(tmp_path: Path) -> None:
    xml = fibics(
        element("Scan/Focus", 0.0042), element("Scan/Dwell", 800), element("Stage/X", 5), element("Stage/Y", 6)
    )
    info = ok(load(tmp_path, scene(), (FIBICS, xml))).info
    assert (info.focus_m, info.dwell_ns, info.stage_um) == (0.0042, 800, (5, 6))
    assert info.pixel_nm is None


def test_the_field_of_view_is_that_of_the_box(tmp_path: Path) -> None:
    framed = np.pad(scene(), ((0, 0), (60, 0)))
    info = ok(load(tmp_path, framed, (FIBICS, fibics(element("Scan/FOV_X", 1.4), box=(60, 0, 199, 119))))).info
    assert info.pixel_nm == pytest.approx(10.0)


def test_pixel_vectors_go_before_the_field_of_view(tmp_path: Path) -> None:
    xml = fibics(element("Scan/Ux", 0.003, "um"), element("Scan/Uy", 4, "nm"), element("Scan/FOV_X", 99))
    assert ok(load(tmp_path, scene(), (FIBICS, xml))).info.pixel_nm == pytest.approx(5.0)


def test_an_unknown_unit_makes_the_value_unknown(tmp_path: Path) -> None:
    xml = fibics(element("Scan/FOV_X", 1.4, "parsec"), element("Scan/Dwell", 3, "um"), element("Scan/Focus", 5, "mm"))
    info = ok(load(tmp_path, scene(), (FIBICS, xml))).info
    assert (info.pixel_nm, info.dwell_ns) == (None, None)
    assert info.focus_m == pytest.approx(0.005)
    assert "parsec" in str(info.tags["note"])


@pytest.mark.parametrize("value", [0, -1.4, "nan", "inf", "1e400", "", "none"])
def test_values_that_cannot_be_are_unknown(tmp_path: Path, value: object) -> None:
    xml = fibics(element("Scan/FOV_X", value), element("Scan/Dwell", value))
    info = ok(load(tmp_path, scene(), (FIBICS, xml))).info
    assert (info.pixel_nm, info.dwell_ns) == (None, None)


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE Fibics [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9))
    + b"]><Fibics><Scan><Focus>&j;</Focus></Scan></Fibics>"
)


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"<Fibics",
        b"<Fibics><Image></Fibics>",
        b"<Other/>",
        b"\xff\xfe<\0F\0",
        bytes(range(1, 256)),
        b'<!DOCTYPE Fibics SYSTEM "file:///etc/passwd"><Fibics/>',
        BOMB,
        b"<a>" * 20_000,
        b"<Fibics>" + b"x" * (1 << 20) + b"</Fibics>",
        b"<Fibics " + b"a='1' " * 10_000 + b"/>",
    ],
    ids=lambda xml: repr(xml[:20]),
)
def test_rubbish_in_the_tag_never_fails_an_image(tmp_path: Path, xml: bytes) -> None:
    image = ok(load(tmp_path, scene(), (FIBICS, xml)))
    np.testing.assert_array_equal(image.pixels, scene())
    assert (image.info.box, image.info.focus_m) == (None, None)
    assert "Fibics XML is" in str(image.info.tags["note"])


def test_fibics_is_latin_1_whatever_it_declares(tmp_path: Path) -> None:
    xml = fibics(element("Scan/FOV_X", 1.4, "µm")).replace(b"iso-8859-1", b"utf-8")
    assert b"\xb5m" in xml
    assert ok(load(tmp_path, scene(), (FIBICS, xml))).info.pixel_nm == pytest.approx(10.0)
