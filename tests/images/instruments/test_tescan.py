"""TESCAN: its blocks and its side file, in SI units; the strip below the image is no image."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage
from tests.rigs.tagged import Array, ok, scene

from mhfd import images

TESCAN = 50431
SEM = {"WD": "13.250e-3", "DwellTime": "3.2000e-6", "StageX": "5.1572e-3", "StageY": "-6.0938e-3"}


def main(**values: object) -> dict[str, object]:
    return {"AccFrames": 1, "Device": "MIRA3 XMU", "PixelSizeX": "2.5012e-6", "PixelSizeY": "2.5012e-6", **values}


def lines(values: dict[str, Any]) -> bytes:
    return "".join(f"{key}={value}\r\n" for key, value in values.items()).encode("latin-1")


def block(kind: int, content: bytes) -> bytes:
    return struct.pack("<IH", len(content) + 2, kind) + content


def blocks(kind: int = 3, **values: object) -> bytes:
    """A thumbnail, the image, and the beam of that kind."""
    thumbnail = b"\0\0\0\x0cjP  \r\n\x87\n[MAIN]\r\nPixelSizeX=9\r\n" + bytes(range(256))
    said = [(1, thumbnail), (2, lines(main(**values)) + b"\0"), (kind, lines(SEM) + b"\0"), (0, b"")]
    return b"".join(block(*each) for each in said)


def hdr(beam: str = "SEM", **values: object) -> bytes:
    return b"[MAIN]\r\n" + lines(main(**values)) + b"[%s]\r\n" % beam.encode() + lines(SEM)


def read(folder: Path, tag: bytes, array: Array | None = None) -> images.Image:
    path = folder / "a.tif"
    tifffile.imwrite(path, scene() if array is None else array, extratags=[(TESCAN, 1, len(tag), tag, True)])
    return images.load(path)


def framed(strip: int = 15, height: int = 105, width: int = 140) -> Array:
    return np.vstack([scene(height, width), np.full((strip, width), 96, "u1")])


def values_of(image: images.Image) -> tuple[Any, ...]:
    info = ok(image).info
    return info.pixel_nm, info.focus_m, info.dwell_ns, info.stage_um


WANTS = (2501.2, 0.01325, 3200.0, (5157.2, -6093.8))


@pytest.mark.parametrize("kind", [3, 5], ids=["electrons", "ions"])
def test_the_blocks_of_the_tag(tmp_path: Path, kind: int) -> None:
    image = read(tmp_path, blocks(kind, ImageStripSize=15), framed())
    assert values_of(image) == WANTS
    np.testing.assert_array_equal(image.pixels, scene(105))
    assert image.info.tags["pixel_from"] == "TESCAN PixelSizeX"
    assert image.info.tags["box_from"] == "TESCAN ImageStripSize"


@pytest.mark.parametrize("keep", [0, 3, 5, 6, 300, 340, 420, 480, 5000])
def test_blocks_that_are_cut(tmp_path: Path, keep: int) -> None:
    whole = blocks()
    image = ok(read(tmp_path, (whole * 2)[:keep] or b"\0"))
    assert image.info.pixel_nm in (None, 2501.2)


@pytest.mark.parametrize(
    "tag",
    [
        b"\xff\xff\xff\xff\2\0" + lines(main()),  # the whole rest
        b"\xff\xff\xff\x7f\1\0" + lines(main()),
        b"\0\0\0\0\2\0" * 1000 + lines(main()),
        b"\1\0\0\0\2\0" * 1000,
        block(2, b"") * 100_000,
        block(7, lines(main())),
        lines(main()),
        bytes(range(256)) * 40,
    ],
    ids=lambda tag: repr(tag[:12]),
)
def test_lengths_that_cannot_be(tmp_path: Path, tag: bytes) -> None:
    image = ok(read(tmp_path, tag))
    np.testing.assert_array_equal(image.pixels, scene())
    assert image.info.pixel_nm in (None, 2501.2)


@pytest.mark.parametrize(
    ("strip", "note"),
    [
        (0, None),
        ("", None),
        ("nan", None),
        (-15, "ignored"),
        (1.5, "ignored"),
        (120, "ignored"),
        (100, "ignored"),
        (1e14, "ignored"),
        ("1e308", None),
    ],
)
def test_a_strip_that_cannot_be(tmp_path: Path, strip: object, note: str | None) -> None:
    image = ok(read(tmp_path, blocks(ImageStripSize=strip)))
    np.testing.assert_array_equal(image.pixels, scene())
    assert image.info.pixel_nm == 2501.2
    assert note is None or note in str(image.info.tags["note"])


@pytest.mark.parametrize(
    ("height", "width", "fields", "rows"),
    [
        (105, 140, {}, 105),  # 4:3 without its strip, which somebody cut off
        (140, 140, {}, 140),
        (120, 140, {}, 105),
        (155, 140, {}, 140),
        (133, 140, {}, 118),  # a part that the user chose: the tag is believed
        (120, 280, {"ViewFieldsCountX": 2, "ViewFieldsCountY": 1}, 105),  # two detectors side by side
        (105, 280, {"ViewFieldsCountX": 2, "ViewFieldsCountY": 1}, 105),
        (120, 140, {"ViewFieldsCountX": 0, "ViewFieldsCountY": -1}, 105),
    ],
)
def test_no_strip_is_cut_twice(tmp_path: Path, height: int, width: int, fields: dict[str, int], rows: int) -> None:
    array = scene(height, width)
    image = ok(read(tmp_path, blocks(ImageStripSize=15, **fields), array))
    np.testing.assert_array_equal(image.pixels, array[:rows])


# --- the side file


@pytest.mark.parametrize("beside", ["a.hdr", "a.HDR", "a-{}.hdr", "a-{}.HDR", "a.{}.hdr", "a-{upper}.hdr"])
@pytest.mark.parametrize("ending", ["tif", "TIF", "png"])
def test_the_file_beside_the_image(tmp_path: Path, beside: str, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    if ending == "png":
        PillowImage.fromarray(framed()).save(path)
    else:
        tifffile.imwrite(path, framed())
    name = beside.format(ending, upper=ending.upper())
    (tmp_path / name).write_bytes(hdr(ImageStripSize=15))
    image = images.load(path)
    assert values_of(image) == WANTS
    np.testing.assert_array_equal(image.pixels, scene(105))
    assert image.info.tags["pixel_from"] == f"TESCAN {name} PixelSizeX"


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_any_alphabet(tmp_path: Path, code: str, end: bytes) -> None:
    tifffile.imwrite(tmp_path / "a.tif", scene())
    text = hdr("FIB", Description="M\xfcller \xb5m").replace(b"\r\n", end).decode("latin-1")
    (tmp_path / "a.hdr").write_bytes(text.replace(".", ",").encode(code))
    assert values_of(images.load(tmp_path / "a.tif")) == WANTS


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ENVI\r\nsamples = 140\r\nPixelSizeX=5\r\n",
        b"PixelSizeX=5\r\n",
        b"[OTHER]\r\nPixelSizeX=5\r\n",
        b"\0" * 1000,
        b"[" * 100_000,
        b"=" * 100_000,
        b"\n" * 100_000,
        b"[MAIN]\nPixelSizeX=" + b"9" * 100_000,
        b"[" + b"x" * 100_000 + b"]\n" + b"".join(b"%d=\n" % n for n in range(20_000)),  # 2 GB, were names kept whole
    ],
    ids=lambda content: repr(content[:20]),
)
def test_a_file_of_somebody_else_says_nothing(tmp_path: Path, content: bytes) -> None:
    tifffile.imwrite(tmp_path / "a.tif", scene())
    (tmp_path / "a.hdr").write_bytes(content)
    assert values_of(images.load(tmp_path / "a.tif")) == (None, None, None, None)


def test_what_is_in_the_image_goes_before_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "a.hdr").write_bytes(hdr(PixelSizeX="9e-9", ImageStripSize=40))
    image = read(tmp_path, blocks())
    assert values_of(image) == WANTS
    assert image.info.box is None
