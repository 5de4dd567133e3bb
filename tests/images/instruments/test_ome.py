"""OME-XML: units obeyed, nonsense is unknown."""

from __future__ import annotations

from pathlib import Path

import pytest
import tifffile
from tests.rigs.tagged import ok, scene

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
