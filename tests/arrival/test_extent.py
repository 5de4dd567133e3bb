"""Does a file reach as far as its header says: on files that real writers make, cut at every kind of place."""

from __future__ import annotations

import os
import struct
import tracemalloc
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.rigs.arrivals import tiff
from tests.rigs.image_files import mrc

from mhfd_client.arrival.extent import Extent, extent

PIXELS = np.random.default_rng(0).integers(0, 65535, (96, 80), dtype=np.uint16)


def by_tifffile(**options: Any) -> Callable[[], bytes]:
    def make() -> bytes:
        data = BytesIO()
        tifffile.imwrite(data, PIXELS, **options)
        return data.getvalue()

    return make


def pyramid() -> bytes:
    data = BytesIO()
    with tifffile.TiffWriter(data, bigtiff=True) as writer:
        writer.write(PIXELS, subifds=1, tile=(32, 32))
        writer.write(PIXELS[::2, ::2], subfiletype=1, tile=(32, 32))
    return data.getvalue()


def pages() -> bytes:
    data = BytesIO()
    with tifffile.TiffWriter(data) as writer:
        for _ in range(3):
            writer.write(PIXELS, rowsperstrip=7)
    return data.getvalue()


def by_pillow(form: str) -> Callable[[], bytes]:
    def make() -> bytes:
        data = BytesIO()
        Image.fromarray((PIXELS >> 8).astype(np.uint8)).save(data, form)
        return data.getvalue()

    return make


WRITERS: dict[str, Callable[[], bytes]] = {
    "plain": by_tifffile(),
    "big-endian": by_tifffile(byteorder=">"),
    "bigtiff": by_tifffile(bigtiff=True),
    "bigtiff big-endian": by_tifffile(bigtiff=True, byteorder=">"),
    "strips": by_tifffile(rowsperstrip=5),
    "tiles": by_tifffile(tile=(32, 32)),
    "deflate": by_tifffile(compression="zlib", rowsperstrip=16),
    "ome": by_tifffile(ome=True),
    "imagej": by_tifffile(imagej=True),
    "pyramid": pyramid,
    "pages": pages,
    "pillow": by_pillow("TIFF"),
    "png": by_pillow("PNG"),
    "bmp": by_pillow("BMP"),
    "jpeg": by_pillow("JPEG"),
    "mrc": lambda: mrc(PIXELS),
    "mrc big-endian": lambda: mrc(PIXELS, order=">", more=bytes(64)),
    "smallest": tiff,
}


def look(tmp_path: Path, content: bytes) -> Extent:
    path = tmp_path / "file"
    path.write_bytes(content)
    fd = os.open(path, os.O_RDONLY)
    try:
        return extent(fd, len(content))
    finally:
        os.close(fd)


@pytest.mark.parametrize("name", WRITERS)
def test_whole_and_cut(tmp_path: Path, name: str) -> None:
    """Whole files hold. Cut anywhere they do not, as soon as a byte of data is missing."""
    content = WRITERS[name]()
    assert look(tmp_path, content) == Extent(True, "its header agrees with its length")
    # Some writers pad the end of the file with a byte or two that no header speaks of.
    for keep in (0.0, 0.01, 0.1, 0.5, 0.9, 0.99):
        if not 16 <= keep * len(content) < 212 or not name.startswith("mrc"):  # until then nothing tells what it is
            assert look(tmp_path, content[: int(keep * len(content))]).holds is False, keep
    assert look(tmp_path, content[:-3]).holds is False
    assert look(tmp_path, content + b"something after it").holds is True


@pytest.mark.parametrize("name", WRITERS)
def test_space_that_was_set_aside(tmp_path: Path, name: str) -> None:
    """All zeros, of the final size: nothing was written yet."""
    found = look(tmp_path, bytes(len(WRITERS[name]())))
    assert found == Extent(False, "its header is not written yet")


def test_the_words(tmp_path: Path) -> None:
    content = tiff(bytes(1000))
    assert look(tmp_path, b"").why == "empty"
    assert look(tmp_path, b"II*\0") == Extent(False, "no directory yet")
    assert look(tmp_path, b"hello") == Extent(False, "only 5 bytes so far")
    assert look(tmp_path, content[:900]).why == f"900 of at least {len(content):,} bytes are here"
    assert look(tmp_path, b"x" * 100) == Extent(None, "its header is of no image that is read")


@pytest.mark.parametrize(
    ("content", "holds"),
    [
        (struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", 60000) + bytes(12 * 60000 + 4), None),
        (struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", 0) + bytes(100), False),
        # A directory that leads back to itself.
        (struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<HHHII", 1, 256, 4, 1, 8) + struct.pack("<I", 8), True),
        # Strip offsets of a type that is none, and a count beyond all reason.
        (struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<HHHIIHHIII", 2, 273, 5, 1, 8, 279, 4, 1, 8, 0), None),
        (
            struct.pack("<2sHI", b"II", 42, 8)
            + struct.pack("<HHHIIHHIII", 2, 273, 4, 1 << 31, 8, 279, 4, 1 << 31, 8, 0)
            + bytes(99),
            None,
        ),
        # BigTIFF offsets near the end of all numbers.
        (struct.pack("<2sHHHQ", b"II", 43, 8, 0, (1 << 64) - 4) + bytes(64), False),
    ],
)
def test_odd_headers(tmp_path: Path, content: bytes, holds: bool | None) -> None:
    assert look(tmp_path, content).holds is holds


@given(st.sampled_from(sorted(WRITERS)), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8))
@settings(max_examples=200, deadline=None)
def test_no_header_is_too_odd(
    tmp_path_factory: pytest.TempPathFactory, name: str, changes: list[tuple[int, int]]
) -> None:
    """Whatever stands in the header, there is an answer, and soon: nothing is read on its word alone."""
    content = bytearray(WRITERS[name]())
    for at, value in changes:
        content[min(at, len(content) - 1)] = value
    assert look(tmp_path_factory.getbasetemp(), bytes(content)).why


def strips(count: int, pages: int = 1) -> bytes:
    """A header that claims so many strips for each of its pages: lists that overlap."""
    step = 2 + 2 * 12 + 4
    lists = 8 + pages * step
    made = struct.pack("<2sHI", b"II", 42, 8)
    for page in range(pages):
        following = 8 + (page + 1) * step if page + 1 < pages else 0
        made += struct.pack("<HHHIIHHIII", 2, 273, 4, count, lists, 279, 4, count, lists, following)
    return made + bytes(4 * count)


def part(content: bytes = b"") -> bytes:
    return struct.pack(">I4s", len(content), b"IDAT") + content + bytes(4)


@pytest.mark.parametrize(
    ("content", "holds"),
    [
        (strips(100_000), True),
        (strips(4_000_000), None),
        (strips(100_000, pages=100), None),
        (b"\x89PNG\r\n\x1a\n" + part() * 70_000, None),
        (b"\x89PNG\r\n\x1a\n" + part(bytes(8192)) * 100, False),
    ],
    ids=["many strips", "too many strips", "on many pages", "a PNG of nothing", "a PNG without its end"],
)
def test_what_a_header_claims_costs_little(tmp_path: Path, content: bytes, holds: bool | None) -> None:
    look(tmp_path, tiff(bytes(1000)))
    tracemalloc.start()
    found = look(tmp_path, content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.holds is holds
    assert peak < 4 << 20
