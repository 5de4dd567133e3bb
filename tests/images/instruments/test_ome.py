"""OME-XML: units obeyed, nonsense is unknown."""

from __future__ import annotations

from pathlib import Path

import pytest
import tifffile
from tests.rigs.tagged import load_described, ok, scene

from mhfd import images


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


def whole(*images: str, name: str = "a.tif") -> str:
    """OME-XML of several images, each `pixel size|TiffData and planes`."""
    inside = ""
    for size, _, data in (image.partition("|") for image in images):
        attribute = f'PhysicalSizeX="{size}" PhysicalSizeXUnit="nm"' if size else ""
        inside += f"<Image><Pixels {attribute}>{data.replace('NAME', name)}</Pixels></Image>"
    return f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{inside}</OME>'


PLANE = (
    '<Plane TheZ="0" TheC="{c}" TheT="0" ExposureTime="{ms}" ExposureTimeUnit="ms" PositionX="1.5" PositionY="-2" '
    'PositionXUnit="mm" PositionYUnit="µm"/>'
)


def test_exposure_and_stage_of_the_plane_that_is_first(tmp_path: Path) -> None:
    planes = PLANE.format(c=0, ms=7) + PLANE.format(c=1, ms=20)
    info = ok(load_described(tmp_path, scene(), whole(f'4.6|<TiffData FirstC="1"/>{planes}'))).info
    assert info.pixel_nm == pytest.approx(4.6)
    assert info.dwell_ns == pytest.approx(2e7)
    assert info.stage_um == pytest.approx((1500, -2))


@pytest.mark.parametrize(
    ("attributes", "stage", "dwell"),
    [
        ('PositionX="1" PositionY="2"', None, None),  # in a frame that nobody knows
        ('PositionX="1" PositionY="2" PositionXUnit="reference frame" PositionYUnit="reference frame"', None, None),
        ('PositionX="1" PositionXUnit="mm"', None, None),
        ('PositionX="1" PositionY="2" PositionXUnit="Mm" PositionYUnit="Mm"', None, None),
        ('PositionX="nan" PositionY="2" PositionXUnit="mm" PositionYUnit="mm" ExposureTime="nan"', None, None),
        ('ExposureTime="0.5"', None, 5e8),
        ('ExposureTime="0.5" ExposureTimeUnit="weeks"', None, None),
        ('ExposureTime="-1"', None, None),
    ],
    ids=range(8),
)
def test_units_of_a_plane(tmp_path: Path, attributes: str, stage: object, dwell: float | None) -> None:
    text = whole(f'4.6|<TiffData/><Plane TheZ="0" TheC="0" TheT="0" {attributes}/>')
    info = ok(load_described(tmp_path, scene(), text)).info
    assert (info.stage_um, info.dwell_ns) == (stage, dwell)


@pytest.mark.parametrize(
    ("text", "nm"),
    [
        (whole("1|", "2|"), 1),
        (whole('1|<TiffData IFD="1"/>', '2|<TiffData IFD="0"/>'), 2),
        (whole('1|<TiffData IFD="1"/>', "2|<TiffData/>"), 2),
        (whole('1|<TiffData><UUID FileName="b.tif"/></TiffData>', '2|<TiffData><UUID FileName="NAME"/></TiffData>'), 2),
        (whole('1|<TiffData><UUID FileName="b.tif"/></TiffData>'), 1),  # it was renamed
        (whole('1|<TiffData><UUID FileName="b.tif"/></TiffData>', '2|<TiffData IFD="7"/>'), None),
        (whole("|<TiffData/>", '2|<TiffData IFD="1"/>'), None),  # it is the first, which does not say
        (whole("1|<TiffData/>", "2|")[:-30], 1),  # it goes on
        (whole("1|<TiffData/>" + PLANE * 9999), 1),
        (whole("1|<TiffData/>") + "<", 1),
        ("ImageJ=1.11a\nmin=0\n" + whole("1|<TiffData/>"), 1),
        (whole("1|<TiffData/>").replace("</Pixels>", "</Pixel>"), 1),
        ("<OME/>", None),
        ('<OME><BinaryOnly MetadataFile="all.ome"/></OME>', None),
    ],
    ids=range(14),
)
def test_the_size_is_that_of_the_image_that_the_first_page_is(tmp_path: Path, text: str, nm: float | None) -> None:
    assert ok(load_described(tmp_path, scene(), text)).info.pixel_nm == pytest.approx(nm)
