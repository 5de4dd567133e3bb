"""The header alone, and all that lies in a file: as `load` reads them, without its judgement."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage
from tests.rigs import image_files

from mhfd import images


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    PillowImage.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def tiff(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, photometric="minisblack", metadata=None)
    return file.getvalue()


@pytest.mark.parametrize("form", [image_files.bmp, image_files.mrc, png, tiff])
def test_size_and_pixels_are_those_of_the_image(tmp_path: Path, form: object) -> None:
    scene = image_files.scene()
    path = tmp_path / "image"
    path.write_bytes(form(scene))  # type: ignore[operator]
    pixels = image_files.good(path).pixels
    assert pixels is not None
    assert images.stored_size(path) == scene.shape
    assert np.array_equal(images.stored_pixels(path), pixels)


def test_of_a_large_file_only_the_header_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.tif"
    path.write_bytes(tiff(np.zeros((2000, 3000), np.uint16)))
    before = int(Path("/proc/self/io").read_text().split("rchar: ")[1].split()[0])
    assert images.stored_size(path) == (2000, 3000)
    after = int(Path("/proc/self/io").read_text().split("rchar: ")[1].split()[0])
    assert after - before < 500_000  # of 12 MB


def test_what_is_dark_and_flat_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "dark.tif"
    path.write_bytes(tiff(np.zeros((90, 75), np.uint16)))
    assert images.load(path).pixels is None
    assert not images.stored_pixels(path).any()


@pytest.mark.parametrize("read", [images.stored_size, images.stored_pixels])
def test_what_is_no_image_or_several_is_a_flaw(tmp_path: Path, read: object) -> None:
    path = tmp_path / "some.tif"
    for content, words in (
        (b"", "empty"),
        (b"no image of ours", ""),
        (tiff(np.zeros((3, 90, 75), np.uint8)), "3 images"),
        (tiff(image_files.scene())[:3000], ""),
    ):
        path.write_bytes(content)
        with pytest.raises(images.Flaw) as flaw:
            read(path)  # type: ignore[operator]
        assert words in flaw.value.detail
    path.unlink()
    with pytest.raises(images.Flaw, match="no such file"):
        read(path)  # type: ignore[operator]
