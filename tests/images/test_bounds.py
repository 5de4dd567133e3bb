"""What a file may cost while it is read: bounded by its header and the limits, before anything is read or inflated."""

from __future__ import annotations

import contextlib
import hashlib
import lzma
import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mhfd import images
from mhfd.contract.focus_report import Finding
from mhfd.images import source
from mhfd.images.flaw import Flaw
from mhfd.images.formats import codecs, inflate

MIB: Final = 1 << 20
SOME: Final = 24 * MIB
"""What pieces, tables and Python itself take, whatever the image."""

Tags = dict[int, tuple[str, list[int]]]


def tiff(tags: Tags, content: bytes = b"", *, pad: int = 0) -> bytes:
    """A little-endian TIFF by hand. Its content begins at byte 8; the lists that do not fit an entry follow it."""
    codes = {"H": 3, "I": 4, "Q": 16}
    entries, lists = b"", b""
    directory = 8 + len(content)
    behind = directory + 2 + 12 * len(tags) + 4
    for code, (kind, values) in sorted(tags.items()):
        raw = struct.pack(f"<{len(values)}{kind}", *values)
        place = raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack("<I", behind + len(lists))
        entries += struct.pack("<HHI", code, codes[kind], len(values)) + place
        lists += raw if len(raw) > 4 else b""
    head = b"II*\0" + struct.pack("<I", directory)
    return head + content + struct.pack("<H", len(tags)) + entries + bytes(4) + lists + bytes(pad)


def page(height: int, width: int, *, bits: int = 8, samples: int = 1, compression: int = 1, **more: Any) -> Tags:
    """The tags of a page in one strip, at byte 8."""
    tags: Tags = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [bits] * samples),
        259: ("H", [compression]),
        262: ("H", [1]),
        273: ("I", more.get("offsets", [8])),
        277: ("H", [samples]),
        278: ("I", [more.get("rows", height)]),
        279: ("I", more.get("counts", [height * width * samples * bits // 8])),
    }
    return tags | ({339: ("H", [3] * samples)} if more.get("floating") else {})


def png(height: int, width: int, stream: bytes, *others: tuple[bytes, bytes]) -> bytes:
    """A PNG by hand: 8 bits, grey."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), *others, (b"IDAT", stream), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(60, 200, (height, width)).astype(np.uint8)


def cost(path: Path, **options: Any) -> tuple[images.Image, int]:
    """What `load` says, and the bytes that it held at most."""
    images.load(path.parent / "nothing")
    tracemalloc.start()
    try:
        image = images.load(path, **options)
        return image, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def written(folder: Path, content: bytes, name: str = "a.tif") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.fixture(autouse=True)
def held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of the size of a test's are large ones here."""
    monkeypatch.setattr(source, "HELD", 1000)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes of each read from the file."""
    done: list[int] = []
    real = source.Source._fill  # the only way to the file

    def counted(self: source.Source, data: NDArray[np.uint8], at: int) -> None:
        done.append(len(data))
        real(self, data, at)

    monkeypatch.setattr(source.Source, "_fill", counted)
    return done


# --- the four that were found ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [1, 8])
def test_samples_that_are_not_used_are_not_held(tmp_path: Path, compression: int) -> None:
    """64 samples of float64 in one strip: 512 bytes for each pixel that counts."""
    pixels = np.zeros((256, 256, 64))
    pixels[:, :, 0] = noise(256, 256)
    raw = pixels.tobytes()
    content = raw if compression == 1 else zlib.compress(raw)
    tags = page(256, 256, bits=64, samples=64, compression=compression, floating=True, counts=[len(content)])
    path = written(tmp_path, tiff(tags, content))
    if compression == 1:  # piece by piece, whatever the limit
        image, peak = cost(path, limits=images.Limits(max_pixels=256 * 256))
        np.testing.assert_array_equal(image.pixels, pixels[:, :, 0])
        assert peak < SOME < len(raw)
        return
    assert images.load(path).finding is Finding.OK
    image, peak = cost(path, limits=images.Limits(max_pixels=256 * 256))
    assert image.finding is Finding.UNREADABLE
    assert "33554432 bytes, more than 8 times max_pixels" in str(image.detail)
    assert peak < MIB


def test_a_small_image_in_a_large_file(tmp_path: Path, reads: list[int]) -> None:
    array = noise(64, 64)
    path = written(tmp_path, tiff(page(64, 64), array.tobytes()))
    with path.open("r+b") as file:
        file.truncate(40 * MIB)
    image, peak = cost(path)
    np.testing.assert_array_equal(image.pixels, array)
    assert peak < MIB
    assert max(reads) < MIB


@pytest.mark.parametrize("compression", [5, 8, 32773, 34925, 50000])
def test_a_strip_that_claims_the_whole_file(tmp_path: Path, reads: list[int], compression: int) -> None:
    content = zlib.compress(noise(64, 64).tobytes()).ljust(8 * MIB, b"\1")
    path = written(tmp_path, tiff(page(64, 64, compression=compression, counts=[len(content)]), content))
    _, peak = cost(path)
    assert peak < 2 * MIB
    assert max(reads) < MIB


@pytest.mark.parametrize("rows", [70_000, 4_000_000])
def test_more_strips_than_make_sense(tmp_path: Path, reads: list[int], rows: int) -> None:
    tags = page(rows, 32, rows=1, offsets=[8] * 70_000, counts=[32] * 70_000)
    path = written(tmp_path, tiff(tags, bytes(32)))
    image, peak = cost(path)
    assert image.finding is Finding.UNREADABLE
    assert f"{rows} strips" in str(image.detail)
    assert peak < MIB
    assert len(reads) < 20


@pytest.mark.parametrize("compression", [1, 8])
def test_one_row_a_strip_is_read_in_few_reads(tmp_path: Path, reads: list[int], compression: int) -> None:
    array = noise(32_768, 40)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, rowsperstrip=1, compression=None if compression == 1 else "zlib")
    assert images.load(path).finding is Finding.OK
    np.testing.assert_array_equal(images.load(path).pixels, array)
    assert len(reads) < 2 * 2 * (path.stat().st_size // (64 << 10)) + 40


def test_a_png_that_inflates_on_and_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = noise(100, 100)
    rows = np.pad(array, ((0, 0), (1, 0))).tobytes()
    good = written(tmp_path, png(100, 100, zlib.compress(rows)), "a.png")
    np.testing.assert_array_equal(images.load(good).pixels, array)

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("libpng got it")

    monkeypatch.setattr(imagecodecs, "png_decode", never)
    for more in (1, 20 * MIB):
        bad = written(tmp_path, png(100, 100, zlib.compress(rows + bytes(more))), "b.png")
        image, peak = cost(bad)
        assert image.finding is Finding.UNREADABLE
        assert "more than its rows need" in str(image.detail)
        assert peak < 3 * MIB
    bad = written(tmp_path, png(100, 100, zlib.compress(rows) + bytes(30_000)), "c.png")
    assert "more than its rows need" in str(images.load(bad).detail)
    bad = written(tmp_path, png(100, 100, zlib.compress(rows[:-1])), "d.png")
    assert "fewer than its rows need" in str(images.load(bad).detail)


def test_a_png_without_the_fast_codec_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a stream that is not compressed any more, at the edges of its blocks."""
    monkeypatch.setattr(imagecodecs.ZLIBNG, "available", False)
    for height, width in ((100, 100), (5, 13_106), (257, 254), (257, 255), (600, 300)):
        array = noise(height, width)
        path = written(tmp_path, bytes(imagecodecs.png_encode(array)), "a.png")
        image = images.load(path)
        if height >= 32:
            np.testing.assert_array_equal(image.pixels, array)
        else:
            assert image.finding is Finding.TOO_SMALL
    image, peak = cost(written(tmp_path, png(100, 100, zlib.compress(bytes(20 * MIB))), "b.png"))
    assert "more than its rows need" in str(image.detail)
    assert peak < 4 * MIB


def test_what_else_a_png_holds_is_never_inflated(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(64 * MIB), 9)
    rows = np.pad(noise(100, 100), ((0, 0), (1, 0))).tobytes()
    others = ((b"iCCP", b"x\0\0" + bomb), (b"zTXt", b"x\0\0" + bomb), (b"iTXt", b"x\0\1\0\0\0" + bomb))
    image, peak = cost(written(tmp_path, png(100, 100, zlib.compress(rows), *others), "a.png"))
    assert image.finding is Finding.OK
    assert peak < 2 * MIB


def test_a_png_of_tiny_parts(tmp_path: Path) -> None:
    part = bytes(4) + b"IDAT" + zlib.crc32(b"IDAT").to_bytes(4, "big")
    path = written(tmp_path, png(100, 100, b"")[:33] + part * 70_000, "a.png")
    image = images.load(path)
    assert "parts" in str(image.detail)


# --- codecs ---------------------------------------------------------------------------------------------------------

ZEROS: Final = bytes(8 * MIB)
BOMBS: Final[dict[str, Callable[[], bytes]]] = {
    "deflate": lambda: zlib.compress(ZEROS, 9),
    "lzma": lambda: lzma.compress(ZEROS),
    "packbits": lambda: b"\x81\0" * (len(ZEROS) // 128),
    "zstd": lambda: bytes(imagecodecs.zstd_encode(ZEROS)),
    "lzw": lambda: bytes(imagecodecs.lzw_encode(ZEROS[: 1 << 16])),
}


@pytest.mark.parametrize("method", BOMBS)
def test_no_codec_writes_beyond_a_segment(method: str) -> None:
    bomb = np.frombuffer(BOMBS[method](), np.uint8)
    given: bytes | None = None
    tracemalloc.start()
    # LZW and LZMA stop where the buffer ends, the others refuse what goes on.
    with contextlib.suppress(Flaw):
        given = codecs.unpack(bomb, method, full=1000, needed=900, name="strip 1 of 1").tobytes()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert given == (bytes(900) if method in ("lzw", "lzma") else None)
    assert peak < (10 if method == "lzma" else 2) * MIB  # LZMA has a dictionary of 8 MiB


@pytest.mark.parametrize("method", BOMBS)
def test_what_cannot_hold_its_pixels_takes_no_memory(method: str) -> None:
    tracemalloc.start()
    with pytest.raises(Flaw, match="strip 1 of 1"):
        codecs.unpack(np.ones(20, np.uint8), method, full=32 * MIB, needed=32 * MIB, name="strip 1 of 1")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MIB


@pytest.mark.parametrize("method", BOMBS)
def test_the_most_that_a_method_can_give_is_not_refused(method: str) -> None:
    data = BOMBS[method]()
    length = 1 << 16 if method == "lzw" else len(ZEROS)
    assert not codecs.too_short(len(data), length, method)


def test_what_is_not_compressed_survives(tmp_path: Path) -> None:
    for length in (0, 1, 65_534, 65_535, 65_536, 200_000):
        raw = np.random.default_rng(1).integers(0, 256, length).astype(np.uint8)
        out = np.empty(inflate.stored_size(length), np.uint8)
        out[inflate.stored_size(length) - length :] = raw
        inflate.stored(out, length)
        assert zlib.decompress(out.tobytes()) == raw.tobytes()


# --- tags and pages -------------------------------------------------------------------------------------------------


def test_tags_of_a_huge_count_cost_nothing(tmp_path: Path, reads: list[int]) -> None:
    tags = page(64, 64)
    whole = tiff(tags, noise(64, 64).tobytes())
    huge = bytearray(tiff(tags | {270: ("I", [0, 0]), 51023: ("I", [0, 0]), 34118: ("I", [0, 0])}, whole[8:4104]))
    for code in (270, 51023, 34118):
        at = huge.index(struct.pack("<HHI", code, 4, 2))
        huge[at : at + 12] = struct.pack("<HHII", code, 4, 4 * MIB, 8)
    path = written(tmp_path, bytes(huge).ljust(17 * MIB, b"7"))
    image, peak = cost(path)
    assert image.finding is Finding.OK
    assert peak < 8 * MIB
    assert max(reads) <= 2 * MIB


def test_a_page_of_too_many_tags(tmp_path: Path) -> None:
    head = b"II+\0\x08\0\0\0" + struct.pack("<Q", 16)
    path = written(tmp_path, head + struct.pack("<Q", 300_000) + bytes(300_000 * 20 + 8))
    image, peak = cost(path)
    assert "claims 300000 tags" in str(image.detail)
    assert peak < MIB


def test_what_is_held_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = noise(1024, 1024)
    content = tiff(page(1024, 1024), array.tobytes(), pad=5 * MIB)
    path = written(tmp_path, content)
    for held, most_bytes in ((len(content), 6.9 * MIB), (len(content) - 1, 1.9 * MIB)):
        monkeypatch.setattr(source, "HELD", held)
        image, peak = cost(path)
        np.testing.assert_array_equal(image.pixels, array)
        assert image.info.sha256 == hashlib.sha256(content).hexdigest()
        assert peak < most_bytes


# --- the same bytes -------------------------------------------------------------------------------------------------


def test_a_change_that_its_times_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written after it was hashed and before its rows were read again, with the time of before."""
    path = written(tmp_path, tiff(page(64, 64), noise(64, 64).tobytes()))
    os.utime(path, ns=(10**18 + 1, 10**18 + 1))
    monkeypatch.setattr(source, "HELD", 0)
    opened = ExitStack()
    seen = opened.enter_context(images.opened(path, in_memory=0))
    assert seen.info.sha256 is not None
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(2000)
        file.write(b"\1" * 100)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(images.Flaw, match="still being written") as raised:
        opened.close()
    told = images.flawed(seen, raised.value)
    assert told.finding is Finding.INCOMPLETE
    assert (told.info.sha256, told.info.bytes, told.rows) == (None, None, None)
    assert images.load(path).finding is Finding.OK


# --- every header ---------------------------------------------------------------------------------------------------

LIMIT: Final = 1 << 20
SIDES: Final = st.sampled_from([1, 31, 64, 256, 1000, 1024, 40_000, 1 << 20, (1 << 32) - 1])


def most(image: images.Image, size: int) -> int:
    """What docs/reference/images.md says that it may cost."""
    height, width = image.info.shape or (0, 0)
    segment = 8 * LIMIT
    return 12 * height * width + segment + min(size, 2 * segment + (16 << 10)) + SOME


@st.composite
def headers(draw: st.DrawFn) -> bytes:
    height, width, samples = draw(SIDES), draw(SIDES), draw(st.sampled_from([1, 1, 2, 3, 4, 64, 65]))
    bits, compression = draw(st.sampled_from([8, 16, 32, 64])), draw(st.sampled_from([1, 5, 7, 8, 32773, 34925, 50000]))
    rows = draw(st.sampled_from([1, 7, 64, height, (1 << 32) - 1]))
    content = draw(st.sampled_from([bytes(64), *CONTENTS]))
    segments = min(draw(st.sampled_from([1, 2, 64, 1000, 70_000])), 70_000)
    counts = [draw(st.sampled_from([1, len(content), 4 * MIB]))] * segments
    tags = page(height, width, bits=bits, samples=samples, compression=compression, rows=rows, counts=counts)
    tags[273] = ("I", [draw(st.sampled_from([8, 9]))] * segments)
    tags[262] = ("H", [draw(st.sampled_from([0, 1, 2, 3, 6]))])
    tags[317] = ("H", [draw(st.sampled_from([1, 2, 3]))])
    tags[339] = ("H", [draw(st.sampled_from([1, 2, 3]))] * samples)
    tags[284] = ("H", [draw(st.sampled_from([1, 2]))])
    tags[320] = ("H", [7] * 768)
    if draw(st.booleans()):
        tags |= {322: ("I", [draw(SIDES)]), 323: ("I", [draw(SIDES)]), 324: tags[273], 325: tags[279]}
    return tiff(tags, content, pad=draw(st.sampled_from([0, 5 * MIB])))


CONTENTS: Final = [zlib.compress(bytes(1 << 25), 9), bytes(imagecodecs.zstd_encode(bytes(1 << 25))), b"\x81\0" * 5000]


@settings(max_examples=120, deadline=None)
@given(content=headers())
def test_no_header_costs_more_than_the_formula(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = written(tmp_path_factory.getbasetemp(), content, "header.tif")
    image, peak = cost(path, limits=images.Limits(max_pixels=LIMIT))
    assert peak < most(image, len(content)), (image.finding, image.detail)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i8", "f8"])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"compression": "zstd", "tile": (512, 512)}], ids=str)
@pytest.mark.parametrize("colour", [False, True])
def test_no_image_costs_more_than_the_formula(
    tmp_path: Path, dtype: str, options: dict[str, Any], colour: bool
) -> None:
    array = np.random.default_rng(0).integers(1, 120, (1024, 1024)).astype(dtype)
    if colour:
        array = np.stack([array, array // 2, array], 2)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, photometric="rgb" if colour else "minisblack", **options)
    image, peak = cost(path)
    assert image.finding is Finding.OK
    pixels, segment = 1 << 20, array.nbytes
    if options.get("tile"):
        segment //= 4
    stored = 0 if not options else segment
    assert peak < 12 * pixels + (0 if not options else segment) + stored + SOME
