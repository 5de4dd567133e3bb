"""What `images.load` makes of every kind of file: the right pixels, or the right finding."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import tracemalloc
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image as PillowImage

from mhfd import images
from mhfd.contract.focus_report import Finding
from mhfd.errors import UsageError
from mhfd.images.formats import png as reader

Array = NDArray[Any]


def scene(height: int = 150, width: int = 130, seed: int = 0) -> Array:
    """Grey values with a detector's noise, 1 to 254."""
    return np.random.default_rng(seed).normal(120, 20, (height, width)).clip(1, 254)


def colours(dtype: str = "u1") -> Array:
    grey = scene()
    return np.stack([grey, grey * 0.8, grey * 0.6], 2).astype(dtype)


def luminance(rgb: Array) -> Array:
    light: Array = (rgb[..., :3].astype(np.uint64) @ np.array([299, 587, 114], np.uint64) + 500) // 1000
    return light


def write(path: Path, array: Array, **options: Any) -> Path:
    tifffile.imwrite(path, array, **options)
    return path


def good(source: Path | Array, **options: Any) -> images.Image:
    image = images.load(source, **options)
    assert image.finding is Finding.OK, image.detail
    assert image.pixels is not None
    assert image.detail is None
    assert image.pixels.flags.c_contiguous
    assert image.pixels.flags.aligned
    return image


def flawed(source: Path | Array, finding: Finding, *words: str, **options: Any) -> images.Image:
    image = images.load(source, **options)
    assert image.finding is finding, (image.finding, image.detail)
    assert image.pixels is None
    for word in words:
        assert word in (image.detail or ""), image.detail
    return image


# --- TIFF: held against tifffile ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layout:
    name: str
    options: dict[str, Any] = field(default_factory=dict)


LAYOUTS = [
    Layout("one strip"),
    Layout("strips", {"rowsperstrip": 32}),
    Layout("tiles", {"tile": (64, 48)}),
    Layout("one tile", {"tile": (160, 144)}),
    Layout("BigTIFF", {"bigtiff": True, "rowsperstrip": 7}),
    Layout("big-endian", {"byteorder": ">"}),
    Layout("big-endian BigTIFF, tiles", {"byteorder": ">", "bigtiff": True, "tile": (32, 32)}),
    *[
        Layout(f"{name}, {kind}", {"compression": name, **options})
        for name in ("lzw", "zlib", "zstd", "packbits", "lzma")
        for kind, options in (
            ("strips", {"rowsperstrip": 32}),
            ("tiles", {"tile": (64, 48)}),
            ("big-endian", {"byteorder": ">"}),
        )
    ],
    Layout("zlib, predictor", {"compression": "zlib", "predictor": True}),
    Layout(
        "lzw, predictor, tiles, big-endian",
        {"compression": "lzw", "predictor": True, "tile": (64, 48), "byteorder": ">"},
    ),
]


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "f2", "f4", "f8"])
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_tiff_pixels(tmp_path: Path, layout: Layout, dtype: str) -> None:
    array = (scene() - (120 if dtype == "i1" else 0)).clip(-128, 254 if dtype != "i1" else 127).astype(dtype)
    options = layout.options | ({"predictor": False} if dtype == "u8" else {})  # tifffile writes none for these
    path = write(tmp_path / "a.tif", array, **options)
    want = tifffile.imread(path)
    image = good(path)
    assert image.pixels is not None
    assert image.pixels.dtype == (want.dtype.newbyteorder("=") if dtype in ("u1", "u2") else np.float32)
    np.testing.assert_array_equal(image.pixels, want.astype(image.pixels.dtype))
    assert image.info.shape == (150, 130)
    assert image.info.dtype == array.dtype.name


@pytest.mark.parametrize("tile", [None, (64, 64)])
def test_jpeg_in_tiff(tmp_path: Path, tile: tuple[int, int] | None) -> None:
    path = write(tmp_path / "a.tif", scene().astype("u1"), compression="jpeg", tile=tile)
    np.testing.assert_array_equal(good(path).pixels, tifffile.imread(path))


def test_first_page_at_full_resolution(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    array = scene().astype("u1")
    with tifffile.TiffWriter(path) as tif:
        tif.write(array[::4, ::4], subfiletype=1)
        tif.write(array)
        tif.write(array[::2, ::2], subfiletype=1)
    image = good(path)
    np.testing.assert_array_equal(image.pixels, array)
    assert image.info.tags["pages"] == 3


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "lzw", "predictor": True, "tile": (64, 64)},
        {"planarconfig": "separate"},
        {"planarconfig": "separate", "compression": "zlib", "tile": (64, 64)},
        {"compression": "jpeg"},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_colour_becomes_luminance(tmp_path: Path, options: dict[str, Any], dtype: str) -> None:
    if dtype == "u2" and options.get("compression") == "jpeg":
        dtype = "u1"
    rgb = colours(dtype)
    planes = np.moveaxis(rgb, 2, 0) if "planarconfig" in options else rgb
    path = write(tmp_path / "a.tif", planes, photometric="rgb", **options)
    want = tifffile.imread(path)
    image = good(path)
    np.testing.assert_array_equal(image.pixels, luminance(np.moveaxis(want, 0, 2) if want.shape[0] == 3 else want))
    assert image.info.tags["samples"] == 3
    assert image.info.tags["colour"] == "luminance"


def test_ycbcr_jpeg(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", colours(), photometric="ycbcr", compression="jpeg", subsampling=(1, 1))
    np.testing.assert_array_equal(good(path).pixels, luminance(tifffile.imread(path)))


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_equal_channels_are_the_channel_and_alpha_is_dropped(tmp_path: Path, dtype: str) -> None:
    grey = scene().astype(dtype)
    rgba = np.stack([grey, grey, grey, grey[::-1]], 2)
    path = write(tmp_path / "a.tif", rgba, photometric="rgb", extrasamples=["unassalpha"])
    image = good(path)
    np.testing.assert_array_equal(image.pixels, grey)
    assert "colour" not in image.info.tags


def test_float_colour() -> None:
    rgb = colours("f4")
    want = (rgb.astype("f8") @ [0.299, 0.587, 0.114]).astype("f4")
    np.testing.assert_allclose(good(rgb).pixels, want, rtol=1e-6)  # type: ignore[arg-type]  # not None when good


def test_white_is_zero_is_inverted(tmp_path: Path) -> None:
    array = scene().astype("u1")
    path = write(tmp_path / "a.tif", array, photometric="miniswhite")
    np.testing.assert_array_equal(good(path).pixels, 255 - array)


@pytest.mark.parametrize("scale", [257, 256])
def test_grey_palette_is_the_grey_value(tmp_path: Path, scale: int) -> None:
    array = scene().astype("u1")
    ramp = np.tile(np.arange(256, dtype="u2") * scale, (3, 1))
    path = write(tmp_path / "a.tif", array, photometric="palette", colormap=ramp)
    np.testing.assert_array_equal(good(path).pixels, array)


def test_colour_palette_is_luminance(tmp_path: Path) -> None:
    array = scene().astype("u1")
    colormap = np.random.default_rng(3).integers(0, 65536, (3, 256)).astype("u2")
    path = write(tmp_path / "a.tif", array, photometric="palette", colormap=colormap)
    np.testing.assert_array_equal(good(path).pixels, luminance(colormap.T)[array])


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"compression": "jpeg2000"}, "JPEG 2000"),
        ({"compression": "webp"}, "WebP"),
        ({"compression": "jpegxl"}, "JPEG XL"),
        ({"photometric": "cielab"}, "colour space"),
    ],
    ids=str,
)
def test_what_tiff_is_not_read(tmp_path: Path, options: dict[str, Any], word: str) -> None:
    flawed(write(tmp_path / "a.tif", colours(), **options), Finding.UNREADABLE, word, "export")


def test_black_and_white_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", scene() > 120)
    flawed(path, Finding.UNREADABLE, "1-bit", "export 8 or 16 bits")


# --- numbers ------------------------------------------------------------------------------------------------------


def test_large_whole_numbers_lose_their_offset_not_their_detail() -> None:
    array = scene().astype("i4") + (1 << 30)
    image = good(array)
    np.testing.assert_array_equal(image.pixels, (array - array.min()).astype("f4"))
    assert "subtracted" in str(image.info.tags["values"])


def test_a_large_range_is_rounded_and_says_so() -> None:
    array = (scene() * 1e7).astype("u4")
    image = good(array)
    np.testing.assert_array_equal(image.pixels, array.astype("f4"))
    assert "rounded" in str(image.info.tags["values"])


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_an_array_is_not_copied(dtype: str) -> None:
    array = scene().astype(dtype)
    image = good(array)
    assert image.pixels is not None
    assert np.shares_memory(image.pixels, array)
    assert (image.info.path, image.info.bytes, image.info.sha256) == (None, None, None)


def test_strided_and_big_endian_arrays() -> None:
    array = scene().astype(">u2")[::2, ::-1]
    np.testing.assert_array_equal(good(array).pixels, array)


# --- PNG ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_png(tmp_path: Path, dtype: str) -> None:
    grey, rgb = scene().astype(dtype), colours(dtype)
    alpha = np.concatenate([rgb, rgb[..., :1]], 2)
    for array, want in ((grey, grey), (rgb, luminance(rgb)), (alpha, luminance(rgb))):
        path = tmp_path / "a.png"
        path.write_bytes(imagecodecs.png_encode(array))
        image = good(path)
        np.testing.assert_array_equal(image.pixels, want)
        assert image.info.dtype == np.dtype(dtype).name


def test_png_palette_and_transparency(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    picture = PillowImage.fromarray(colours()).convert("P")
    picture.save(path, transparency=3)
    np.testing.assert_array_equal(good(path).pixels, luminance(np.asarray(picture.convert("RGB"))))


def test_png_with_a_profile_that_libpng_dislikes_is_read_silently(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.png"
    PillowImage.fromarray(scene().astype("u1")).save(path, icc_profile=b"no profile" * 20)
    np.testing.assert_array_equal(good(path).pixels, scene().astype("u1"))
    assert not caplog.records


@pytest.mark.parametrize("keep", [9, 20, 40, 3000, -1, -12])
def test_png_truncated(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(scene().astype("u1"))[:keep])
    flawed(path, Finding.INCOMPLETE, "truncated")


def test_png_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    data = bytearray(imagecodecs.png_encode(scene().astype("u1")))
    data[200] ^= 1
    path.write_bytes(data)
    flawed(path, Finding.UNREADABLE, "damaged")


def png(header: bytes, *streams: bytes) -> bytes:
    """A PNG by hand. `header`: bit depth, colour type, compression, filter, interlace; 100 x 100 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    size = (100).to_bytes(4, "big")
    chunks = [chunk(b"IHDR", size + size + header), *(chunk(b"IDAT", part) for part in streams), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def scanlines(pixels: Array) -> bytes:
    """Each row behind its filter's number, 0."""
    return np.pad(pixels, ((0, 0), (1, 0))).tobytes()


def test_png_interlaced_is_refused_by_name(tmp_path: Path) -> None:
    array = scene(100, 100).astype("u1")
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    stream = b"".join(scanlines(array[y::dy, x::dx]) for y, x, dy, dx in passes)
    path = tmp_path / "a.png"
    path.write_bytes(png(bytes([8, 0, 0, 0, 1]), zlib.compress(stream)))
    np.testing.assert_array_equal(np.asarray(PillowImage.open(path)), array)  # it is a good PNG
    flawed(path, Finding.UNREADABLE, "interlaced")


@pytest.mark.parametrize("depth", [2, 4])
def test_png_of_few_bits_is_scaled_to_eight(tmp_path: Path, depth: int) -> None:
    values = np.random.default_rng(0).integers(0, 1 << depth, (100, 100)).astype("u1")
    each = 8 // depth
    shifts = np.arange(8 - depth, -1, -depth, dtype="u1")
    packed = (values.reshape(100, -1, each) << shifts).sum(axis=2).astype("u1")
    path = tmp_path / "a.png"
    path.write_bytes(png(bytes([depth, 0, 0, 0, 0]), zlib.compress(scanlines(packed))))
    np.testing.assert_array_equal(good(path).pixels, values * (255 // ((1 << depth) - 1)))


def test_png_whose_pixels_disagree_with_their_own_checksum(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """libpng only logs it where the checksum comes in a chunk of its own. Stored data decode with a flipped bit."""
    array = scene(100, 100).astype("u1")
    path = tmp_path / "a.png"
    stream = bytearray(zlib.compress(scanlines(array), 0))
    path.write_bytes(png(bytes([8, 0, 0, 0, 0]), bytes(stream[:-4]), bytes(stream[-4:])))
    np.testing.assert_array_equal(good(path).pixels, array)
    stream[-5] ^= 1
    path.write_bytes(png(bytes([8, 0, 0, 0, 0]), bytes(stream[:-4]), bytes(stream[-4:])))
    flawed(path, Finding.UNREADABLE, "do not agree with their checksum")
    assert not caplog.records


def test_another_threads_complaints_are_its_own(caplog: pytest.LogCaptureFixture) -> None:
    """What is kept from the user is only what the codec says of this image."""
    logger = logging.getLogger("imagecodecs")
    with reader.complaints() as heard:
        other = threading.Thread(target=logger.warning, args=("theirs",))
        other.start()
        other.join()
        assert not heard
        logger.warning("mine")
        assert heard
    logger.warning("later")
    assert [record.message for record in caplog.records] == ["theirs", "later"]


def test_png_of_two_values_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    PillowImage.fromarray(scene() > 120).save(path)
    flawed(path, Finding.UNREADABLE, "black and white")


# --- recognised by content, refused by name -------------------------------------------------------------------------


def test_content_goes_before_the_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", scene().astype("u1"))
    assert good(path).info.tags["format"] == "TIFF"


def encoded(kind: str) -> bytes:
    file = io.BytesIO()
    PillowImage.fromarray(scene().astype("u1")).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("suffix", ["", ".tif"])
@pytest.mark.parametrize(
    ("content", "name"),
    [
        (encoded("gif"), "GIF"),
        (encoded("webp"), "WebP"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
        (b"\0\0\0\3\0\0\x10\0\0\0\0\1" + bytes(100), "DM3"),
        (b"\0\0\0\4\0\0\0\0\0\0\x10\0\0\0\0\1" + bytes(100), "DM4"),
        (b"PK\3\4" + bytes(100), "ZIP"),
    ],
)
def test_other_formats_are_refused_by_name(tmp_path: Path, content: bytes, name: str, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    image = flawed(path, Finding.UNREADABLE)
    assert image.detail == f"{name} files are not read; export TIFF or PNG"
    assert image.info.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(("suffix", "name"), [(".dm3", "DM3"), (".DM4", "DM4"), (".emd", "HDF5"), (".raw", "raw")])
def test_other_formats_are_refused_by_suffix(tmp_path: Path, suffix: str, name: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"\x07" * 2000)
    flawed(path, Finding.UNREADABLE, f"{name} files are not read")


@pytest.mark.parametrize("marker", [".zarray", ".zgroup", "zarr.json"])
def test_zarr_is_refused_by_name(tmp_path: Path, marker: str) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / marker).write_text("{}")
    flawed(tmp_path / "a.zarr", Finding.UNREADABLE, "Zarr")


def test_no_image(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_text("BMs are initials, and this is a letter.\n" * 20)
    flawed(path, Finding.UNREADABLE, "not an image", "text", "named .tif")


# --- the path -------------------------------------------------------------------------------------------------------


def test_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.touch()
    flawed(path, Finding.UNREADABLE, "empty")


def test_missing_and_below_a_file(tmp_path: Path) -> None:
    flawed(tmp_path / "a.tif", Finding.UNREADABLE, "no such file")
    (tmp_path / "b").write_text("x")
    flawed(tmp_path / "b" / "a.tif", Finding.UNREADABLE, "not a folder")
    flawed(tmp_path / ("a" * 300), Finding.UNREADABLE, "too long")


def test_folder(tmp_path: Path) -> None:
    flawed(tmp_path, Finding.UNREADABLE, "folder", "name the images in it")


def test_a_pipe_a_socket_and_a_device_do_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    flawed(tmp_path / "pipe.tif", Finding.UNREADABLE, "a pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "s"))
        flawed(tmp_path / "s", Finding.UNREADABLE, "a socket")
    flawed(Path("/dev/zero"), Finding.UNREADABLE, "a device")


def test_a_pipe_put_in_the_files_place_does_not_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.tif", scene().astype("u1"))
    stat = os.stat

    def replaced(*args: Any, **options: Any) -> os.stat_result:
        before = stat(*args, **options)
        path.unlink()
        os.mkfifo(path)
        monkeypatch.undo()
        return before

    monkeypatch.setattr(os, "stat", replaced)
    flawed(path, Finding.UNREADABLE, "a pipe")


def test_no_permission(tmp_path: Path) -> None:
    """Root may read everything, so the child gives its rights away."""
    path = write(tmp_path / "a.tif", scene().astype("u1"))
    path.chmod(0)
    script = (
        "import os, sys; from mhfd import images\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "image = images.load(sys.argv[1]); print(image.finding.value, '|', image.detail)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    assert done.stdout.strip() == "unreadable | no permission to read it; ask its owner for read access"


def test_vanished_before_it_was_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.tif", scene().astype("u1"))
    stat = os.stat

    def vanishing(*args: Any, **options: Any) -> os.stat_result:
        before = stat(*args, **options)
        path.unlink()
        monkeypatch.undo()
        return before

    monkeypatch.setattr(os, "stat", vanishing)
    flawed(path, Finding.UNREADABLE, "no such file")


def during_the_read(monkeypatch: pytest.MonkeyPatch, act: Any) -> None:
    """`act` happens after the file's size was taken and before its bytes are."""
    fstat = os.fstat

    def acting(descriptor: int) -> os.stat_result:
        before = fstat(descriptor)
        monkeypatch.undo()
        act()
        return before

    # `open` itself does not go through this name: the first call is ours.
    monkeypatch.setattr(os, "fstat", acting)


def test_vanished_while_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = scene().astype("u1")
    path = write(tmp_path / "a.tif", array)
    during_the_read(monkeypatch, path.unlink)
    np.testing.assert_array_equal(good(path).pixels, array)  # the open file is still whole
    assert not path.exists()


@pytest.mark.parametrize("change", ["grows", "shrinks", "is rewritten"])
def test_changed_while_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    path = write(tmp_path / "a.tif", scene().astype("u1"))

    def act() -> None:
        with path.open("r+b") as file:
            if change == "grows":
                file.seek(0, os.SEEK_END)
                file.write(b"more")
            elif change == "shrinks":
                file.truncate(1000)
            else:
                file.write(b"II")
        os.utime(path, ns=(1, 1))

    during_the_read(monkeypatch, act)
    flawed(path, Finding.INCOMPLETE, "still being written")


def test_a_system_error_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.tif", scene().astype("u1"))

    def failing() -> None:
        raise OSError(5, "Input/output error")

    during_the_read(monkeypatch, failing)
    flawed(path, Finding.UNREADABLE, "Input/output error", "check the disk")


def test_a_name_that_is_no_utf8_is_reported_as_json(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.tif"))
    write(tmp_path / "b.tif", scene().astype("u1")).rename(path)
    image = good(path)
    assert json.loads(image.info.model_dump_json())["path"].endswith("caf\\xe9.tif")


def test_what_is_known_of_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", scene().astype("u1"))
    for source in (path, str(path)):
        info = images.load(source).info
        assert info.path == str(path)
        assert info.bytes == path.stat().st_size
        assert info.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (info.shape, info.dtype, info.box) == ((150, 130), "uint8", None)


# --- wrong arguments ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "word"),
    [
        (None, "NoneType"),
        (b"a.tif", "bytes"),
        (3, "int"),
        ("", "''"),
        ("a\0b", "x00"),
        ([[1, 2], [3, 4]], "list"),
        (np.zeros(64), "(64,)"),
        (np.zeros((64, 64, 2)), "(64, 64, 2)"),
        (np.zeros((4, 64, 64, 3)), "(4, 64, 64, 3)"),
        (np.zeros((64, 64), bool), "bool"),
        (np.zeros((64, 64), complex), "complex"),
        (np.zeros((64, 64), object), "object"),
        (np.ma.zeros((64, 64)), "masked"),
    ],
    ids=str,
)
def test_wrong_sources(source: Any, word: str) -> None:
    with pytest.raises(UsageError, match=r"^source: ") as caught:
        images.load(source)
    assert word in str(caught.value)


@pytest.mark.parametrize(
    "limits", [{"max_pixels": 0}, {"max_bytes": -1}, {"max_pixels": 1.5}, {"max_bytes": True}, {"max_held_pixels": 0}]
)
def test_wrong_limits(limits: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=rf"^limits.{next(iter(limits))}: "):
        images.Limits(**limits)


# --- limits ---------------------------------------------------------------------------------------------------------


def test_max_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", scene().astype("u1"))
    size = path.stat().st_size
    good(path, limits=images.Limits(max_bytes=size))
    flawed(path, Finding.UNREADABLE, "max_bytes", str(size), limits=images.Limits(max_bytes=size - 1))


@pytest.mark.parametrize("kind", ["tiff", "png"])
def test_max_pixels(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    if kind == "png":
        path.write_bytes(imagecodecs.png_encode(scene().astype("u1")))
    else:
        write(path, scene().astype("u1"), compression="lzw")
    good(path, limits=images.Limits(max_pixels=150 * 130))
    flawed(path, Finding.UNREADABLE, "max_pixels", "150 x 130", limits=images.Limits(max_pixels=150 * 130 - 1))


def relabel(path: Path, **values: int) -> Path:
    """Rewrite fields of the first page."""
    with tifffile.TiffFile(path, mode="r+") as tif:
        for name, value in values.items():
            tif.pages.first.tags[name].overwrite(value)
    return path


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "zstd", "packbits", "lzma"])
def test_a_header_that_lies_takes_no_memory(tmp_path: Path, compression: str | None) -> None:
    path = write(tmp_path / "a.tif", scene().astype("u1"), compression=compression)
    relabel(path, ImageWidth=16_000, ImageLength=16_000, RowsPerStrip=16_000)
    images.load(write(tmp_path / "b.tif", scene().astype("u1"), compression=compression))  # imports the codec
    tracemalloc.start()
    flawed(path, Finding.INCOMPLETE if compression is None else Finding.UNREADABLE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A codec may reserve one segment, untouched; nothing of that size is written to, and no second one is reserved.
    assert peak < 16_000 * 16_000 * 1.1
    if compression is None:
        assert peak < 1 << 20


def test_a_tile_larger_than_the_limit(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", scene().astype("u1"), tile=(64, 64), compression="zlib")
    relabel(path, TileWidth=1 << 20, TileLength=1 << 20)
    flawed(path, Finding.UNREADABLE, "max_held_pixels")


def test_memory_and_no_second_copy(tmp_path: Path) -> None:
    """Uncompressed: the file's bytes are the pixels. Compressed: the file and the array."""
    array = scene(1000, 1000).astype("u1")
    for options, allowed in (({}, 1.1), ({"compression": "zlib", "rowsperstrip": 16}, 2.1)):
        path = write(tmp_path / "a.tif", array, **options)
        good(path)
        tracemalloc.start()
        image = good(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < allowed * array.nbytes + 900_000
        np.testing.assert_array_equal(image.pixels, array)


# --- integrity ------------------------------------------------------------------------------------------------------

WRITTEN = [
    Layout("strips", {"rowsperstrip": 16}),
    Layout("one strip"),
    Layout("tiles", {"tile": (64, 64)}),
    Layout("lzw", {"compression": "lzw", "rowsperstrip": 16}),
    Layout("BigTIFF", {"bigtiff": True}),
    Layout("jpeg", {"compression": "jpeg", "tile": (64, 64)}),
]


@pytest.mark.parametrize("part", [0.01, 0.3, 0.7, 0.99])
@pytest.mark.parametrize("layout", WRITTEN, ids=lambda layout: layout.name)
def test_truncated(tmp_path: Path, layout: Layout, part: float) -> None:
    path = write(tmp_path / "a.tif", scene(300, 300).astype("u1"), **layout.options)
    os.truncate(path, max(9, int(path.stat().st_size * part)))
    flawed(path, Finding.INCOMPLETE, "copy it again")


def test_truncated_by_one_byte(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", scene().astype("u1"))
    os.truncate(path, path.stat().st_size - 1)
    flawed(path, Finding.INCOMPLETE, f"{path.stat().st_size} of {path.stat().st_size + 1} bytes")


def test_truncated_in_a_later_page(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.stack([scene()] * 3).astype("u1"), photometric="minisblack", metadata=None)
    os.truncate(path, path.stat().st_size - 100)
    flawed(path, Finding.INCOMPLETE)


@pytest.mark.parametrize("content", [b"II", b"II*\0", b"II*\0\0\0\0\0", b"II*\0" + bytes(400), b"\x89PNG", bytes(5000)])
def test_only_begun(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    flawed(path, Finding.INCOMPLETE)


@pytest.mark.parametrize("field", ["TileOffsets", "TileByteCounts"])
def test_a_tile_that_was_not_written(tmp_path: Path, field: str) -> None:
    path = write(tmp_path / "a.tif", scene().astype("u1"), tile=(64, 64), compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as tif:
        values = list(tif.pages.first.tags[field].value)
        values[4] = 0
        tif.pages.first.tags[field].overwrite(values)
    flawed(path, Finding.INCOMPLETE, "1 of 9 tiles were not written")


@pytest.mark.parametrize("compression", ["lzw", "zlib", "zstd", "packbits", "lzma", "jpeg"])
def test_compressed_data_cut_short_inside_the_file(tmp_path: Path, compression: str) -> None:
    path = write(tmp_path / "a.tif", scene().astype("u1"), compression=compression)
    with tifffile.TiffFile(path) as tif:
        count = tif.pages.first.databytecounts[0]
    relabel(path, StripByteCounts=count // 2)
    flawed(path, Finding.UNREADABLE, "strip 1 of 1", compression.replace("zlib", "deflate"))


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "i2"])
@pytest.mark.parametrize("layout", [*WRITTEN[:5], Layout("array")], ids=lambda layout: layout.name)
@pytest.mark.parametrize("value", [0, 77, "repeated row"])
def test_tail(tmp_path: Path, layout: Layout, dtype: str, value: int | str) -> None:
    array = scene(200, 200).astype(dtype)
    array[150, 80:] = 0  # writing stopped within a row
    array[151:] = scene(1, 200, seed=5)[0] if isinstance(value, str) else value
    source = array if layout.name == "array" else write(tmp_path / "a.tif", array, **layout.options)
    what = "repeat one row" if isinstance(value, str) else f"are {value}"
    flawed(source, Finding.INCOMPLETE, f"the last 49 of 200 rows {what}")


@pytest.mark.parametrize("part", [0.3, 0.9])
@pytest.mark.parametrize("layout", WRITTEN, ids=lambda layout: layout.name)
def test_a_tail_of_zeros_in_the_file(tmp_path: Path, layout: Layout, part: float) -> None:
    """The room was taken first, and the copy stopped."""
    path = write(tmp_path / "a.tif", scene(300, 300).astype("u1"), **layout.options)
    data = path.read_bytes()
    keep = int(len(data) * part)
    path.write_bytes(data[:keep] + bytes(len(data) - keep))
    flawed(path, Finding.INCOMPLETE)
    # The same where the tags come last.
    path.write_bytes(b"II*\0" + (len(data) - 100).to_bytes(4, "little") + data[8:keep] + bytes(len(data) - keep))
    flawed(path, Finding.INCOMPLETE)


@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_tail_of_zeros_in_a_png(tmp_path: Path, part: float) -> None:
    data = imagecodecs.png_encode(scene(300, 300).astype("u1"))
    keep = int(len(data) * part)
    path = tmp_path / "a.png"
    path.write_bytes(data[:keep] + bytes(len(data) - keep))
    flawed(path, Finding.INCOMPLETE)


@pytest.mark.parametrize("rows", [3, 4])
def test_how_many_rows_make_a_tail(rows: int) -> None:
    array = scene().astype("u1")
    array[-rows:] = 0
    assert images.load(array).finding is (Finding.OK if rows < 4 else Finding.INCOMPLETE)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("missing", [1, 2, 3, 5])
def test_last_tiles_missing(tmp_path: Path, missing: int, compression: str | None) -> None:
    array = scene(256, 192).astype("u1")
    for i in range(12 - missing, 12):
        array[i // 3 * 64 :][:64, i % 3 * 64 :][:, :64] = 0
    path = write(tmp_path / "a.tif", array, tile=(64, 64), compression=compression)
    rows = missing // 3 * 64
    image = flawed(path, Finding.INCOMPLETE, "not written")
    assert (f"the last {missing} tiles" in str(image.detail)) or (f"the last {rows} " in str(image.detail))


def test_a_dark_corner_is_no_missing_tile(tmp_path: Path) -> None:
    """A clipped vessel that covers the last tile, and more than it."""
    array = scene(256, 192).astype("u1")
    array[150:, 100:] = 0
    good(write(tmp_path / "a.tif", array, tile=(64, 64)))


def test_a_plain_region_at_the_bottom_is_no_tail() -> None:
    """Resin clipped to black whose edge is not straight; the report says what was seen."""
    array = scene(300, 300).astype("u1")
    edge = 200 + 60 * np.sin(np.arange(300) / 40)
    array[np.arange(300)[:, None] > edge[None, :]] = 0
    image = good(array)
    rows = image.info.tags["plain_bottom_rows"]
    assert isinstance(rows, int)
    assert 30 < rows < 60


def test_a_data_bar_is_no_tail() -> None:
    array = scene(300, 300).astype("u1")
    array[250:] = 0
    array[260:280, 20:120:3] = 255  # letters
    assert good(array).info.tags["plain_bottom_rows"] == 20


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_not_finite(tmp_path: Path, bad: float, dtype: str) -> None:
    array = scene().astype(dtype)
    array[3, 4] = array[100, 7] = bad
    flawed(array, Finding.INVALID, "2 of 19500 pixels")
    flawed(write(tmp_path / "a.tif", array), Finding.INVALID, "2 of 19500 pixels")


def test_too_large_for_float32_is_invalid() -> None:
    array = scene()
    array[5, 5] = 1e300
    flawed(array, Finding.INVALID, "1 of 19500")


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f4"])
@pytest.mark.parametrize("value", [0, 100, 255])
def test_constant_is_blank(dtype: str, value: int) -> None:
    flawed(np.full((600, 600), value, dtype), Finding.BLANK, f"every pixel is {value}")


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i4"])
def test_nearly_constant_is_blank(dtype: str) -> None:
    rng = np.random.default_rng(0)
    array = rng.integers(10, 14, (600, 600)).astype(dtype)
    array[rng.integers(0, 600, 100), rng.integers(0, 600, 100)] = 120  # hot pixels
    flawed(array, Finding.BLANK, "4 grey levels")
    good(rng.integers(10, 15, (600, 600)).astype(dtype))


def test_nearly_constant_floats_are_blank() -> None:
    array = (1000 + np.random.default_rng(0).normal(0, 1e-5, (600, 600))).astype("f4")
    flawed(array, Finding.BLANK)
    good((scene() * 1e-30).astype("f4"))


def test_a_pattern_that_the_sample_misses_is_not_blank() -> None:
    array = np.full((1024, 1024), 50, "u1")
    array[1::4, 1::4] = 200
    assert images.load(array).finding is Finding.OK


@pytest.mark.parametrize(("shape", "finding"), [((31, 500), Finding.TOO_SMALL), ((32, 32), Finding.OK)])
def test_too_small(shape: tuple[int, int], finding: Finding) -> None:
    assert images.load(scene(*shape).astype("u1")).finding is finding


def test_nothing_at_all_is_too_small() -> None:
    flawed(np.zeros((0, 100), "u1"), Finding.TOO_SMALL)


def test_a_flaw_keeps_what_is_known(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.zeros((100, 90), "u2"))
    info = flawed(path, Finding.BLANK).info
    assert (info.shape, info.dtype, info.bytes) == ((100, 90), "uint16", path.stat().st_size)


def test_pages_that_go_round_in_circles_end(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", scene().astype("u1"))
    data = bytearray(path.read_bytes())
    first = int.from_bytes(data[4:8], "little")
    link = first + 2 + 12 * int.from_bytes(data[first : first + 2], "little")
    data[link : link + 4] = data[4:8]
    path.write_bytes(data)
    np.testing.assert_array_equal(good(path).pixels, scene().astype("u1"))


def test_last_strip_that_claims_a_full_length_is_read(tmp_path: Path) -> None:
    """Some writers do; the bytes that are needed are there."""
    array = scene().astype("u1")
    path = write(tmp_path / "a.tif", array, rowsperstrip=100)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages.first.tags["StripByteCounts"].overwrite([13_000, 13_000])
    np.testing.assert_array_equal(good(path).pixels, array)
