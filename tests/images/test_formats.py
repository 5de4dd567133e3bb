"""BMP, JPEG and MRC: the right pixels, and a finding for all that is cut, hostile or not read."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import imagecodecs
import mrcfile
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage
from tests.rigs.image_files import bmp, flawed, good, jpeg, mrc, scene

from mhfd import images
from mhfd.contract.focus_report import Finding

GREY = scene()
COLOUR = np.stack([GREY, GREY // 2, GREY // 3], 2)
LIGHT = ((COLOUR.astype(np.uint32) @ np.array([299, 587, 114], np.uint32) + 500) // 1000).astype(np.uint8)
WHOLE = {"bmp": bmp(GREY, top_down=True), "bmp from below": bmp(GREY), "bmp 24": bmp(COLOUR), "jpeg": jpeg(GREY),
         "jpeg progressive": jpeg(COLOUR, progressive=True), "jpeg exif": jpeg(GREY, exif=b"Exif\0\0" + b"x" * 500),
         "mrc": mrc(GREY.astype("u2")), "mrc extended": mrc(GREY.astype("f4"), more=bytes(200))}  # fmt: skip


# --- BMP --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("top_down", [False, True])
def test_bmp(tmp_path: Path, top_down: bool) -> None:
    image = good(tmp_path / "a.bmp", bmp(GREY, top_down=top_down))
    np.testing.assert_array_equal(image.pixels, GREY)
    assert image.info.tags["format"] == "BMP"
    assert (image.info.shape, image.info.dtype, image.info.pixel_nm) == (GREY.shape, "uint8", None)
    blue_first = COLOUR[:, :, ::-1]
    np.testing.assert_array_equal(good(tmp_path / "b.bmp", bmp(blue_first, top_down=top_down)).pixels, LIGHT)
    alpha = np.concatenate([blue_first, GREY[..., None]], 2)
    four = good(tmp_path / "c.bmp", bmp(alpha, top_down=top_down))
    np.testing.assert_array_equal(four.pixels, LIGHT)
    assert four.info.tags["samples"] == 4


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA"])
def test_bmp_as_pillow_writes_it(tmp_path: Path, mode: str) -> None:
    """Its 32 bits are told by masks, in a longer header."""
    picture = PillowImage.fromarray(COLOUR).convert(mode)
    picture.save(tmp_path / "a.bmp")
    rgb = np.asarray(picture.convert("RGB")).astype(np.uint32)
    want = (rgb @ np.array([299, 587, 114], np.uint32) + 500) // 1000
    np.testing.assert_array_equal(good(tmp_path / "a.bmp").pixels, want)


def test_bmp_of_old(tmp_path: Path) -> None:
    """A header of 12 bytes, and colours of three."""
    palette = b"".join(bytes((i, i, i)) for i in range(256))
    rows = np.pad(GREY, ((0, 0), (0, 1)))[::-1].tobytes()
    head = struct.pack("<2sIIIIHHHH", b"BM", 0, 0, 26 + 768, 12, 75, 90, 1, 8)
    np.testing.assert_array_equal(good(tmp_path / "a.bmp", head + palette + rows).pixels, GREY)


@pytest.mark.parametrize(
    ("fields", "finding", "word"),
    [
        ({"packing": 1}, Finding.UNREADABLE, "RLE"),
        ({"packing": 4}, Finding.UNREADABLE, "JPEG"),
        ({"bits": 4}, Finding.UNREADABLE, "4 bits"),
        ({"bits": 16}, Finding.UNREADABLE, "16 bits"),
        ({"width": 0}, Finding.UNREADABLE, "claims"),
        ({"width": -75}, Finding.UNREADABLE, "claims"),
        ({"height": 0}, Finding.UNREADABLE, "claims"),
        ({"height": -(1 << 31)}, Finding.UNREADABLE, "max_pixels"),
        ({"width": (1 << 31) - 1, "height": (1 << 31) - 1}, Finding.UNREADABLE, "max_pixels"),
        ({"width": 16384, "height": 16384}, Finding.INCOMPLETE, "truncated"),
        ({"at": 0}, Finding.UNREADABLE, "in its header"),
        ({"at": (1 << 32) - 1}, Finding.INCOMPLETE, "truncated"),
        ({"colours": (1 << 32) - 1}, Finding.UNREADABLE, "colours"),
    ],
)
def test_what_bmp_is_refused(tmp_path: Path, fields: dict[str, int], finding: Finding, word: str) -> None:
    flawed(tmp_path / "a.bmp", bmp(GREY, fields=fields), finding, word)


@pytest.mark.parametrize("top_down", [False, True])
def test_what_was_not_written_of_a_bmp(tmp_path: Path, top_down: bool) -> None:
    """Its room was taken first. From below it is the top of the image that is missing."""
    content = bmp(scene(200, 200), top_down=top_down)
    content = content[:30_000] + bytes(len(content) - 30_000)
    flawed(tmp_path / "a.bmp", content, Finding.INCOMPLETE, "last" if top_down else "first", "rows are 0")


# --- JPEG -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_blocks": 2}])
def test_jpeg(tmp_path: Path, options: dict[str, int]) -> None:
    content = jpeg(GREY, **options)
    image = good(tmp_path / "a.jpg", content)
    np.testing.assert_array_equal(image.pixels, imagecodecs.jpeg8_decode(content))
    assert (image.info.tags["format"], image.info.tags["compression"]) == ("JPEG", "jpeg")
    content = jpeg(COLOUR, **options)
    rgb = imagecodecs.jpeg8_decode(content).astype(np.uint32)
    want = (rgb @ np.array([299, 587, 114], np.uint32) + 500) // 1000
    np.testing.assert_array_equal(good(tmp_path / "a.jpg", content).pixels, want)


def test_jpeg_with_a_small_one_inside_and_something_behind(tmp_path: Path) -> None:
    """A thumbnail has an end of its own, which is not the image's."""
    content = jpeg(GREY, exif=b"Exif\0\0" + jpeg(scene(40, 40)))
    image = good(tmp_path / "a.jpg", content + b"a camera's own words")
    assert image.info.shape == GREY.shape
    flawed(tmp_path / "a.jpg", content[:-2], Finding.INCOMPLETE, "truncated")


def edited(content: bytes, **fields: int) -> bytes:
    """A JPEG whose frame's header says something else."""
    at = content.index(b"\xff\xc0")
    value = {"bits": 8, "height": 90, "width": 75, "marker": 0xC0} | fields
    head = struct.pack(">BBHBHH", 0xFF, value["marker"], 11, value["bits"], value["height"], value["width"])
    return content[:at] + head + content[at + len(head) :]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (edited(WHOLE["jpeg"], height=0), "claims 0 x 75"),
        (edited(WHOLE["jpeg"], bits=12), "12 bits"),
        (edited(WHOLE["jpeg"], marker=0xC3), "lossless"),
        (edited(WHOLE["jpeg"], marker=0xC9), "arithmetically"),
        (edited(WHOLE["jpeg"], height=65535, width=65535), "max_pixels"),
        (edited(WHOLE["jpeg"], height=16000, width=16000), "pixels in"),
        (b"\xff\xd8\xff\xe0\0\4--" + b"no markers at all " * 9, "header"),
        (b"\xff\xd8" + b"\xff\xfe\0\2" * 9000 + WHOLE["jpeg"][2:], "header"),
    ],
)
def test_what_jpeg_is_refused(tmp_path: Path, content: bytes, word: str) -> None:
    flawed(tmp_path / "a.jpg", content, Finding.UNREADABLE, word)


def test_a_jpeg_of_endless_passes(tmp_path: Path) -> None:
    content = WHOLE["jpeg progressive"]
    last = content.rindex(b"\xff\xda")
    flawed(tmp_path / "a.jpg", content[:-2] + content[last:-2] * 40 + b"\xff\xd9", Finding.UNREADABLE, "scans")


def test_a_jpeg_of_four_colours(tmp_path: Path) -> None:
    file = io.BytesIO()
    PillowImage.fromarray(COLOUR).convert("CMYK").save(file, "JPEG")
    flawed(tmp_path / "a.jpg", file.getvalue(), Finding.UNREADABLE, "4 samples")


# --- MRC --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["i1", "i2", "f4", "u2", "f2"])
def test_mrc(tmp_path: Path, dtype: str, order: str) -> None:
    array = (GREY // 2).astype(dtype)
    image = good(tmp_path / "a.mrc", mrc(array, order=order, cell=45.0, more=b"m" * 100))
    np.testing.assert_array_equal(image.pixels, array)
    assert image.info.tags["format"] == "MRC"
    assert image.info.dtype == array.dtype.name
    assert image.info.pixel_nm == pytest.approx(4.5)
    assert image.info.tags["pixel_from"] == "MRC cell"


@pytest.mark.parametrize("dtype", ["i1", "i2", "f4", "u2", "f2"])
def test_mrc_as_mrcfile_writes_it(tmp_path: Path, dtype: str) -> None:
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data((GREY // 2).astype(dtype))
        file.voxel_size = 80.0
    image = good(tmp_path / "a.mrc")
    np.testing.assert_array_equal(image.pixels, mrcfile.read(tmp_path / "a.mrc"))
    assert image.info.pixel_nm == pytest.approx(8.0)


def test_mrc_without_a_pixel_size(tmp_path: Path) -> None:
    """One Angstrom is what a program writes that knows none."""
    for cell in (0.0, 1.0, -5.0, float("inf"), float("nan")):
        assert good(tmp_path / "a.mrc", mrc(GREY.astype("u2"), cell=cell)).info.pixel_nm is None


def test_bytes_of_an_mrc(tmp_path: Path) -> None:
    """The standard gives them a sign; IMOD says whether they have one, and others show it by their largest value."""
    as_told = bytearray(mrc(GREY))
    np.testing.assert_array_equal(good(tmp_path / "a.mrc", bytes(as_told)).pixels, GREY)
    struct.pack_into("<2f", as_told, 76, 0, 0)
    np.testing.assert_array_equal(good(tmp_path / "a.mrc", bytes(as_told)).pixels, GREY.view("i1"))
    struct.pack_into("<2i", as_told, 152, 1146047817, 0)
    np.testing.assert_array_equal(good(tmp_path / "a.mrc", bytes(as_told)).pixels, GREY)
    struct.pack_into("<2i", as_told, 152, 1146047817, 1)
    np.testing.assert_array_equal(good(tmp_path / "a.mrc", bytes(as_told)).pixels, GREY.view("i1"))


def test_the_stamp_of_another_machine(tmp_path: Path) -> None:
    for stamp in (b"\0\0\0\0", b"\x11\x11\0\0"):
        content = mrc(GREY.astype("u2"))
        image = good(tmp_path / "a.mrc", content[:212] + stamp + content[216:])
        np.testing.assert_array_equal(image.pixels, GREY)


@pytest.mark.parametrize(
    ("fields", "finding", "word"),
    [
        ({"mode": 3}, Finding.UNREADABLE, "complex"),
        ({"mode": 4}, Finding.UNREADABLE, "complex"),
        ({"mode": 101}, Finding.UNREADABLE, "4 bits"),
        ({"mode": 77}, Finding.UNREADABLE, "mode 77"),
        ({"mode": -1}, Finding.UNREADABLE, "mode"),
        ({"nx": 0}, Finding.UNREADABLE, "claims"),
        ({"ny": -5}, Finding.UNREADABLE, "claims"),
        ({"nz": 0}, Finding.UNREADABLE, "claims"),
        ({"nx": (1 << 31) - 1, "ny": (1 << 31) - 1}, Finding.UNREADABLE, "max_pixels"),
        ({"nx": 16384, "ny": 16384}, Finding.INCOMPLETE, "truncated"),
        ({"nz": (1 << 31) - 1}, Finding.INCOMPLETE, "truncated"),
        ({"nsymbt": (1 << 31) - 1}, Finding.INCOMPLETE, "truncated"),
        ({"nsymbt": -4}, Finding.UNREADABLE, "claims"),
    ],
)
def test_what_mrc_is_refused(tmp_path: Path, fields: dict[str, int], finding: Finding, word: str) -> None:
    flawed(tmp_path / "a.mrc", mrc(GREY.astype("u2"), fields=fields), finding, word)


# --- all of them ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WHOLE)
def test_cut_at_every_tenth(tmp_path: Path, name: str) -> None:
    content = WHOLE[name]
    path = tmp_path / f"a.{name[:3].replace('jpe', 'jpg')}"
    good(path, content)
    for tenth in range(10):
        cut = content[: max(3, len(content) * tenth // 10)]
        flawed(path, cut, Finding.INCOMPLETE)
    flawed(path, content[: -4 if name.startswith("bmp") else -1], Finding.INCOMPLETE)  # a BMP's rows are filled up
    flawed(path, bytes(len(content)), Finding.INCOMPLETE, "zeros")
    flawed(path, content, Finding.UNREADABLE, "max_pixels", max_pixels=GREY.size - 1)


@given(st.sampled_from(sorted(WHOLE)), st.lists(st.tuples(st.integers(0, 1100), st.integers(0, 255)), max_size=6))
@settings(max_examples=150, deadline=None)
def test_no_header_is_too_odd(
    tmp_path_factory: pytest.TempPathFactory, name: str, changes: list[tuple[int, int]]
) -> None:
    content = bytearray(WHOLE[name])
    for at, value in changes:
        content[min(at, len(content) - 1)] = value
    path = tmp_path_factory.getbasetemp() / "odd"
    path.write_bytes(content)
    image = images.load(path, limits=images.Limits(max_pixels=1 << 20))
    assert (image.pixels is None) == (image.finding is not Finding.OK)
