"""What the instrument wrote: units obeyed, only the box is image, and no nonsense ever fails an image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mhfd import images
from mhfd.contract.focus_report import Box, Finding
from mhfd.images import instruments
from mhfd.images.formats.ifd import Fields
from mhfd.images.instruments.written import Header, Written

FIBICS, ZEISS, FEI, FEI_OLD = 51023, 34118, 34682, 34680
Array = NDArray[Any]


def scene(height: int = 120, width: int = 140) -> Array:
    return np.random.default_rng(0).normal(120, 20, (height, width)).clip(1, 254).astype(np.uint8)


def element(path: str, value: object, units: str = "") -> tuple[str, str, str]:
    return path, str(value), f' units="{units}"' if units else ""


def fibics(*elements: tuple[str, str, str], box: tuple[object, object, object, object] | None = None) -> bytes:
    """`box`: left, top, right, bottom."""
    parts = list(elements)
    if box is not None:
        names = ("Left", "Top", "Right", "Bottom")
        parts += [element(f"Image/BoundingBox.{name}", side) for name, side in zip(names, box, strict=True)]
    text = '<?xml version="1.0" encoding="iso-8859-1"?>\n<Fibics version="1.0">'
    for section in ("Application", "Image", "Scan", "Stage", "MosaicInfo"):
        inside = "".join(
            f"<{path.partition('/')[2]}{units}>{value}</{path.partition('/')[2]}>"
            for path, value, units in parts
            if path.startswith(section + "/")
        )
        text += f"<{section}>{inside}</{section}>"
    return (text + "</Fibics>").encode("iso-8859-1")


def load(folder: Path, array: Array, *written: tuple[int, bytes], **options: Any) -> images.Image:
    path = folder / "a.tif"
    extra = [(code, 2, len(text) + 1, text + b"\0", True) for code, text in written]
    tifffile.imwrite(path, array, extratags=extra, **options)
    return images.load(path)


def ok(image: images.Image) -> images.Image:
    assert image.finding is Finding.OK, image.detail
    return image


# --- the bounding box -----------------------------------------------------------------------------------------------

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


# --- Fibics ---------------------------------------------------------------------------------------------------------


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


def test_xresolution_is_never_believed(tmp_path: Path) -> None:
    image = ok(load(tmp_path, scene(), resolution=(2e6, 2e6), resolutionunit="CENTIMETER"))
    assert image.info.pixel_nm is None


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


# --- Zeiss, FEI, OME ------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("code", [FEI, FEI_OLD])
def test_fei_and_its_data_bar(tmp_path: Path, code: int) -> None:
    text = (
        b"[Beam]\r\nScan=EScan\r\n[EBeam]\r\nWD=0.0041\r\n[Scan]\r\nPixelWidth=5e-9\r\nDwelltime=3e-6\r\n"
        b"[Stage]\r\nStageX=0.001\r\nStageY=-0.002\r\n[Image]\r\nResolutionX=140\r\nResolutionY=120\r\n"
        b"[PrivateFei]\r\nDatabarHeight=20\r\n"
    )
    bar = np.zeros((20, 140), "u1")
    bar[4:14, 8:100:3] = 255
    image = ok(load(tmp_path, np.concatenate([scene(), bar]), (code, text)))
    np.testing.assert_array_equal(image.pixels, scene())
    info = image.info
    assert info.pixel_nm == pytest.approx(5)
    assert (info.focus_m, info.dwell_ns) == pytest.approx((0.0041, 3000))
    assert info.stage_um == pytest.approx((1000, -2000))
    assert info.box == Box(top=0, left=0, bottom=120, right=140)


def ome(pixels: str, head: str = "") -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<Image ID="Image:0"><Pixels ID="Pixels:0" {pixels}></Pixels></Image></OME>'
    )


@pytest.mark.parametrize(
    ("attributes", "nm"),
    [
        ('PhysicalSizeX="4.6" PhysicalSizeXUnit="nm"', 4.6),
        ('PhysicalSizeX="0.0046" PhysicalSizeXUnit="µm"', 4.6),
        ('PhysicalSizeX="0.0046"', 4.6),
        ('PhysicalSizeX="46" PhysicalSizeXUnit="Å"', 4.6),
        ('PhysicalSizeX="4.6" PhysicalSizeXUnit="pixel"', None),
        ('PhysicalSizeX="-1"', None),
        ('PhysicalSizeX="x"', None),
        ("", None),
    ],
)
def test_ome_pixel_size(tmp_path: Path, attributes: str, nm: float | None) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, scene(), description=ome(attributes).encode(), metadata=None)
    info = ok(images.load(path)).info
    assert info.pixel_nm == pytest.approx(nm)
    assert info.tags["format"] == "OME-TIFF"


@pytest.mark.parametrize("text", [ome("", "<!DOCTYPE OME []>"), "<OME><Pixels", "<OME><<", "<OME>" + "<a>" * 30_000])
def test_ome_rubbish(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, scene(), description=text.encode(), metadata=None)
    assert ok(images.load(path)).info.pixel_nm is None


def test_a_tag_that_points_out_of_the_file_is_no_tag(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    xml = fibics(box=(0, 0, 139, 119))
    tifffile.imwrite(path, scene(), extratags=[(FIBICS, 2, len(xml) + 1, xml + b"\0", True)])
    with tifffile.TiffFile(path) as tif:
        entry = tif.pages.first.tags[FIBICS].offset
    data = bytearray(path.read_bytes())
    data[entry + 8 : entry + 12] = b"\xff\xff\xff\x7f"
    path.write_bytes(data)
    image = ok(images.load(path))
    np.testing.assert_array_equal(image.pixels, scene())


# --- anything at all ------------------------------------------------------------------------------------------------


class OneTag(Fields):
    """A page that has one text."""

    def __init__(self, code: int, text: bytes) -> None:
        self._code, self._text = code, text

    def text(self, code: int, limit: int) -> bytes | None:
        return self._text[:limit] if code == self._code else None


PIECES = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from(
            b"<Fibics>|</Fibics>|<Image>|<BoundingBox.Left>|<Scan>|[Image]\n|ResolutionY=9\n|AP_WD\n|AP_WD = 4 mm\n|"
            b"1e99|<OME><Pixels PhysicalSizeX='|'/>|<!DOCTYPE|&amp;".split(b"|")
        ),
    ),
    max_size=12,
).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(code=st.sampled_from([270, FIBICS, ZEISS, FEI]), text=PIECES, wrap=st.booleans())
def test_any_text_is_understood_or_unknown(code: int, text: bytes, wrap: bool) -> None:
    wrapped: Callable[[bytes], bytes] = lambda t: b"<Fibics><Scan><Focus>" + t + b"</Focus></Scan></Fibics>"  # noqa: E731
    found = Written()
    fields = OneTag(code, wrapped(text) if wrap else text)
    instruments.read(Header(100, 120, "a.tif", lambda _: b"", fields), found)
    assert found.pixel_nm is None or 0 < found.pixel_nm < float("inf")
    assert found.focus_m is None or abs(found.focus_m) < 1e16
    if found.box is not None:
        assert 0 <= found.box.top < found.box.bottom <= 100
        assert 0 <= found.box.left < found.box.right <= 120
