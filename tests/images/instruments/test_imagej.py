"""ImageJ: the resolution is believed with the unit that it wrote, and nobody else's is."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
import tifffile
from tests.rigs.tagged import load_described, ok, scene

from mhfd import images


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("unit", "nm"),
    [
        ("micron", 200),
        ("um", 200),
        ("µm", 200),
        ("\\u00B5m", 200),
        ("\\u03bcm", 200),
        ("nm", 0.2),
        ("mm", 2e5),
        ("cm", 2e6),
        ("Å", 0.02),
        ("angstrom", 0.02),
        ("inch", 5.08e6),
        ("pixel", None),
        ("pixels", None),
        ("", None),
        ("parsec", None),
    ],
)
def test_pixel_size(tmp_path: Path, unit: str, nm: float | None, order: str) -> None:
    text = f"ImageJ=1.54f\nimages=1\nunit={unit}\nspacing=2.5\nmin=0.0\nmax=255.0\n"
    resolution = {"resolution": (5.0, 5.0), "resolutionunit": "NONE", "byteorder": order}
    info = ok(load_described(tmp_path, scene(), text, **resolution)).info
    assert info.pixel_nm == pytest.approx(nm)
    assert ("unit" in str(info.tags.get("note"))) == (unit == "parsec")


def test_as_written_by_tifffile(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, scene(), imagej=True, resolution=(1 / 0.0046, 1 / 0.0046), metadata={"unit": "um"})
    info = ok(images.load(path)).info
    assert info.pixel_nm == pytest.approx(4.6, rel=1e-6)
    assert info.tags["pixel_from"] == "ImageJ unit, XResolution"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ImageJ",
        "unit=micron\nImageJ=1.54f",  # does not begin with it
        "ImageJ=1.54f\nmax=255",
        "ImageJ=1.54f\nunit",
        "ImageJ=1.54f\nunit=\\uZZZZm",
        "ImageJ=" + "=" * 9999,
        '{"shape": [120, 140], "unit": "micron"}',
    ],
    ids=lambda text: text[:24],
)
def test_no_unit_of_imagej_no_pixel_size(tmp_path: Path, text: str) -> None:
    info = ok(load_described(tmp_path, scene(), text, resolution=(5.0, 5.0), resolutionunit="CENTIMETER")).info
    assert info.pixel_nm is None


@pytest.mark.parametrize("fraction", [(0, 1), (1, 0), (0, 0)])
def test_a_resolution_that_cannot_be(tmp_path: Path, fraction: tuple[int, int]) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, scene(), description=b"ImageJ=1.54f\nunit=micron\n", metadata=None, resolution=(7, 7))
    data = path.read_bytes()
    seven = struct.pack("<II", 7, 1)
    assert data.count(seven) == 2
    path.write_bytes(data.replace(seven, struct.pack("<II", *fraction)))
    assert ok(images.load(path)).info.pixel_nm is None
