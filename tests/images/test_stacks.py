"""A file with several images is refused as one, with what its header says; what is no further image is none."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.rigs.image_files import flawed, good, mrc, scene

from mhfd.contract.focus_report import Finding

ONE = scene()
THREE = np.stack([scene(seed=i) for i in range(3)])


def saved(path: Path, array: np.ndarray[Any, Any] = THREE, **options: Any) -> Path:
    tifffile.imwrite(path, array, **options)
    return path


@pytest.mark.parametrize(
    "options",
    [
        {"photometric": "minisblack", "metadata": None},
        {"photometric": "minisblack", "metadata": None, "compression": "zlib", "bigtiff": True},
        {"photometric": "minisblack", "metadata": {"axes": "ZYX"}},
        {"photometric": "minisblack", "truncate": True},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"photometric": "minisblack", "planarconfig": "separate", "metadata": None},
    ],
    ids=["pages", "compressed", "shaped", "one page, shaped", "ImageJ", "planes of one page"],
)
def test_a_stack_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    path = saved(tmp_path / "a.tif", **options)
    image = flawed(path, None, Finding.UNREADABLE, "a stack of 3 images: save each as a file of its own")
    assert image.info.tags["images"] == 3
    assert (image.info.shape, image.info.dtype) == (ONE.shape, "uint8")


def test_what_the_header_of_a_stack_says_is_kept(tmp_path: Path) -> None:
    metadata = {"axes": "ZYX", "PhysicalSizeX": 4.6, "PhysicalSizeXUnit": "nm"}
    image = flawed(saved(tmp_path / "a.ome.tif", metadata=metadata), None, Finding.UNREADABLE, "stack of 3")
    assert image.info.pixel_nm == pytest.approx(4.6)
    assert image.info.tags["format"] == "OME-TIFF"


def test_one_file_of_an_ome_set(tmp_path: Path) -> None:
    """Its other planes lie in other files: here is one image."""
    text = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" '
        'DimensionOrder="XYZCT" Type="uint8" SizeX="75" SizeY="90" SizeZ="40" SizeC="2" SizeT="1" '
        'PhysicalSizeX="8" PhysicalSizeXUnit="nm"><TiffData IFD="0" FirstZ="7"/></Pixels></Image></OME>'
    )
    image = good(saved(tmp_path / "a_z07.ome.tif", ONE, description=text, metadata=None))
    assert image.info.pixel_nm == pytest.approx(8)


@pytest.mark.parametrize("images", [1, 12])
def test_a_stack_of_imagej_in_one_page(tmp_path: Path, images: int) -> None:
    """It says how many there are, and they lie behind; who saves one of them may keep the words."""
    words = {"description": f"ImageJ=1.53t\nimages={images}\nslices={images}\nunit=nm\n", "metadata": None}
    path = saved(tmp_path / "a.tif", ONE, **words)
    good(path)
    with path.open("ab") as file:
        file.write(THREE.tobytes())
    if images == 1:
        good(path)
    else:
        flawed(path, None, Finding.UNREADABLE, "a stack of 12 images")


def test_a_stack_of_metamorph_in_one_page(tmp_path: Path) -> None:
    tags = [(33629, "I", 6 * 3, tuple(range(18)), True)]
    path = saved(tmp_path / "a.tif", ONE, extratags=tags, metadata=None)
    data = bytearray(path.read_bytes())
    at = data.index(struct.pack("<HHI", 33629, 4, 18))
    data[at : at + 8] = struct.pack("<HHI", 33629, 5, 3)  # six numbers a plane, called three fractions
    flawed(path, bytes(data) + THREE.tobytes(), Finding.UNREADABLE, "a stack of 3 images")


@pytest.mark.parametrize("first", ["image", "preview", "marked"])
def test_previews_are_no_further_images(tmp_path: Path, first: str) -> None:
    """Marked, or smaller both ways; wherever they stand; masks; and what hangs below a page."""
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        if first == "preview":
            tif.write(ONE[::4, ::4])
        if first == "marked":
            tif.write(ONE[::4, ::4], subfiletype=1)
        tif.write(ONE, subifds=1)
        tif.write(ONE[::2, ::2], subfiletype=1)
        tif.write(ONE[::3, ::3])
        tif.write(ONE[:-1, :-1])
        tif.write(ONE, subfiletype=1)
        tif.write(ONE, subfiletype=1)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[-1].tags["NewSubfileType"].overwrite(4)  # type: ignore[union-attr]  # a page, no frame
    image = good(path)
    np.testing.assert_array_equal(image.pixels, ONE)
    assert image.info.tags["pages"] == 5 + (first != "image")


@pytest.mark.parametrize("other", [ONE, ONE[:, ::2], np.pad(ONE, ((0, 9), (0, 0)))], ids=["same", "narrow", "higher"])
def test_a_further_image_of_another_size(tmp_path: Path, other: np.ndarray[Any, Any]) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        tif.write(ONE)
        tif.write(other)
    flawed(path, None, Finding.UNREADABLE, "a stack of 2 images")


def test_what_olympus_writes_is_the_page_with_its_tag(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    raw = ONE.astype(np.uint16) * 99
    with tifffile.TiffWriter(path) as tif:
        tif.write(np.stack([ONE] * 3, 2), photometric="rgb")
        tif.write(raw, extratags=[(33560, "I", 1, 8, True)])
    np.testing.assert_array_equal(good(path).pixels, raw)


def test_a_page_that_makes_no_sense_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        tif.write(ONE)
        tif.write(ONE)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[1].tags["ImageWidth"].overwrite(0)  # type: ignore[union-attr]  # a page, no frame
    good(path)


def samples(*further: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.stack([ONE, *further], 2)


@pytest.mark.parametrize("tile", [None, (32, 32)])
def test_several_grey_samples(tmp_path: Path, tile: tuple[int, int] | None) -> None:
    """Two detectors side by side are two images; alpha, a copy and a constant are none."""
    how: dict[str, Any] = {"photometric": "minisblack", "planarconfig": "contig", "tile": tile, "metadata": None}
    plain = how | {"extrasamples": ["unspecified"]}
    path = tmp_path / "a.tif"
    said = "a stack of 2 images in each pixel's samples"
    flawed(saved(path, samples(ONE[::-1]), **plain), None, Finding.UNREADABLE, said)
    for further, options in (
        (ONE[::-1], how | {"extrasamples": ["unassalpha"]}),
        (ONE, plain),
        (np.full_like(ONE, 255), plain),
    ):
        image = good(saved(path, samples(further), **options))
        np.testing.assert_array_equal(image.pixels, ONE)
        assert image.info.tags["samples"] == 2


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_stack_in_an_mrc(tmp_path: Path, order: str) -> None:
    content = mrc(THREE.astype("f4"), order=order, cell=40.0)
    image = flawed(tmp_path / "a.mrc", content, Finding.UNREADABLE, "a stack of 3 images: save each")
    assert image.info.pixel_nm == pytest.approx(4.0)
    assert image.info.tags["images"] == 3
    for tenth in range(1, 10):
        flawed(tmp_path / "a.mrc", content[: len(content) * tenth // 10], Finding.INCOMPLETE)


def test_a_stack_that_is_cut_is_not_whole_yet(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tif", photometric="minisblack", metadata=None)
    content = path.read_bytes()
    for tenth in range(1, 10):
        flawed(path, content[: len(content) * tenth // 10], Finding.INCOMPLETE)
