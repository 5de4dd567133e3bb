"""Does a file reach as far as its own header says?

A few small reads of the header: TIFF and BigTIFF by their directories, PNG by its last chunk, JPEG by its last marker,
BMP and MRC by the room that their pixels need. It tells that the end of
a file is missing; it cannot tell zeros that a writer has not filled yet, which the image layer finds. It decodes
nothing, believes no length, and raises only what reading raises.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

MAX_DIRECTORIES = 4096
MAX_ENTRIES = 4096
MAX_VALUES = 1 << 20  # strips of all directories together; more are no header of ours
PIECE = 1 << 13  # values that are looked at at a time
MAX_PARTS, BYTES_A_PART = 65_536, 1024  # of a PNG: so many, or of so many bytes on average

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
CODES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
SUB_DIRECTORIES = 330
DATA = ((273, 279), (324, 325))  # strips, tiles: tags of offsets and of byte counts

PNG = b"\x89PNG\r\n\x1a\n"
PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
JPEG = b"\xff\xd8\xff"
JPEG_END = b"\xff\xd9"
JPEG_BEHIND = 4096  # bytes that may follow its end
BMP_HEADERS = (40, 52, 56, 64, 108, 124)
MRC_HEADER = 1024
MRC_BYTES = {0: 1, 1: 2, 2: 4, 3: 4, 4: 8, 6: 2, 12: 2}


@dataclass(frozen=True, slots=True)
class Extent:
    """holds: True, as far as the header tells; False: bytes are missing; None: no header that is understood."""

    holds: bool | None
    why: str


class _Short(Exception):
    """By its argument, how many bytes there should be at least; 0: nobody knows."""


class _Strange(Exception):
    pass


def extent(fd: int, size: int) -> Extent:
    """Look at the open file `fd`, which has `size` bytes."""
    head = os.pread(fd, 16, 0)
    try:
        if not head.strip(b"\0"):
            return Extent(False, "empty" if not head else "its header is not written yet")
        if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            _Tiff(fd, size, head).check()
        elif head[:8] == PNG:
            _png(fd, size)
        elif head[:3] == JPEG:
            _jpeg(fd, size)
        elif len(head) < 16:
            return Extent(False, f"only {len(head)} bytes so far")
        elif not _bmp(fd, size) and not _mrc(fd, size):
            return Extent(None, "its header is of no image that is read")
    except _Short as short:
        (need,) = short.args
        return Extent(False, f"{size:,} of at least {need:,} bytes are here" if need else "no directory yet")
    except _Strange as strange:
        return Extent(None, f"its header is odd: {strange}")
    return Extent(True, "its header agrees with its length")


class _Tiff:
    def __init__(self, fd: int, size: int, head: bytes) -> None:
        self.fd, self.size = fd, size
        self.order = "<" if head[:2] == b"II" else ">"
        self.big = b"+" in head[2:4]
        self.word = self.order + ("Q" if self.big else "I")
        self.first: int = struct.unpack_from(self.word, head.ljust(16, b"\0"), 4 + 4 * self.big)[0]
        self.need = 0
        self.room = MAX_VALUES

    def check(self) -> None:
        if not self.first:
            raise _Short(0)
        waiting, seen = [self.first], set[int]()
        while waiting:
            offset = waiting.pop()
            if not offset or offset in seen:
                continue
            if len(seen) >= MAX_DIRECTORIES:
                raise _Strange(f"more than {MAX_DIRECTORIES} directories")
            seen.add(offset)
            waiting += self._directory(offset)
        if self.need > self.size:
            raise _Short(self.need)

    def _directory(self, offset: int) -> list[int]:
        """Note how far its data reach; returns the directories it leads to."""
        wide = self.big
        count = self._numbers(offset, "Q" if wide else "H", 1)[0]
        if not 1 <= count <= MAX_ENTRIES:
            if count == 0:
                raise _Short(0)  # space that was set aside and not filled yet reads as zeros
            raise _Strange(f"a directory of {count} entries")
        start, step = offset + (8 if wide else 2), 20 if wide else 12
        raw = self._bytes(start, count * step + (8 if wide else 4))
        entries: dict[int, tuple[int, int, int]] = {}
        for i in range(count):
            tag, kind, n = struct.unpack_from(self.order + ("HHQ" if wide else "HHI"), raw, i * step)
            inline = i * step + (12 if wide else 8)
            length = n * SIZES.get(kind, 0)
            at = start + inline
            if length > (8 if wide else 4):
                at = struct.unpack_from(self.word, raw, inline)[0]
                self.need = max(self.need, at + length)
            entries[tag] = (kind, n, at)
        for offsets, counts in DATA:
            if offsets in entries and counts in entries:
                for pairs in zip(self._values(entries[offsets]), self._values(entries[counts]), strict=False):
                    # A strip at 0 of 0 bytes is legal: it is 'sparse'.
                    ends = (at + n for at, n in zip(*pairs, strict=False) if n)
                    self.need = max(self.need, max(ends, default=0))
        following = list(struct.unpack_from(self.word, raw, count * step))
        if SUB_DIRECTORIES in entries:
            following += chain.from_iterable(self._values(entries[SUB_DIRECTORIES]))
        return following

    def _values(self, entry: tuple[int, int, int]) -> Iterator[tuple[int, ...]]:
        """Piece by piece: a header may claim millions."""
        kind, n, at = entry
        self.room -= n
        if kind not in CODES or self.room < 0:
            raise _Strange(f"{n} values of type {kind}")
        for first in range(0, n, PIECE):
            yield self._numbers(at + first * SIZES[kind], CODES[kind], min(PIECE, n - first))

    def _numbers(self, at: int, code: str, n: int) -> tuple[int, ...]:
        form = f"{self.order}{n}{code}"
        return struct.unpack(form, self._bytes(at, struct.calcsize(form)))

    def _bytes(self, at: int, length: int) -> bytes:
        if at + length > self.size:
            raise _Short(max(self.need, at + length))
        data = os.pread(self.fd, length, at)
        if len(data) < length:  # the file became shorter since it was measured
            raise _Short(max(self.need, at + length))
        return data


def _png(fd: int, size: int) -> None:
    if os.pread(fd, len(PNG_END), max(0, size - len(PNG_END))) == PNG_END:
        return
    at, parts = len(PNG), 0
    while at + 12 <= size:  # something may follow the end
        length, kind = struct.unpack(">I4s", os.pread(fd, 8, at).ljust(8, b"\0"))
        if kind == b"IEND":
            return
        if kind == b"\0\0\0\0":
            break
        at, parts = at + 12 + length, parts + 1
        if parts > MAX_PARTS + size // BYTES_A_PART:
            raise _Strange(f"more than {parts - 1} parts")
    raise _Short(max(at + 12, size + 1))


def _jpeg(fd: int, size: int) -> None:
    if JPEG_END not in os.pread(fd, JPEG_BEHIND, max(0, size - JPEG_BEHIND)):
        raise _Short(size + 1)


def _bmp(fd: int, size: int) -> bool:
    """Whether it is one; raises where bytes of it are missing."""
    head = os.pread(fd, 54, 0)
    if head[:2] != b"BM" or int.from_bytes(head[14:18], "little") not in BMP_HEADERS:
        return False
    if len(head) < 54:
        raise _Short(54)
    at, width, height, bits, packing = struct.unpack("<I4xiixxHI", head[10:34])
    if packing in (0, 3, 6) and width > 0 and height:  # a packed one has no size that follows
        _reach(size, at + -(-width * bits // 32) * 4 * (abs(height) - 1) + width * bits // 8)
    return True


def _mrc(fd: int, size: int) -> bool:
    """Likewise."""
    head = os.pread(fd, MRC_HEADER, 0)
    if head[208:211] != b"MAP":
        return False
    for order in "<>":
        wide, high, count, mode = struct.unpack_from(f"{order}4i", head)
        (more,) = struct.unpack_from(f"{order}i", head, 92)
        if mode in MRC_BYTES and min(wide, high, count) > 0 <= more:
            _reach(size, MRC_HEADER + more + wide * high * count * MRC_BYTES[mode])
            return True
    return True


def _reach(size: int, need: int) -> None:
    if need > size:
        raise _Short(need)
