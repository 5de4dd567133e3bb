"""Which tags the first page of a TIFF has, and how long they are: what a person sends us, without what is in them."""

import os
import struct
from typing import BinaryIO, Final, NamedTuple

_BYTES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_MOST: Final = 1024
_LAYOUT: Final = frozenset(
    (254, 255, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 280, 281, 284, 297, 317, 320, 322, 323, 324, 325)
) | {330, 338, 339, 347}
"""Tags that say how pixels are stored."""


class Tag(NamedTuple):
    """One tag."""

    code: int
    name: str
    """Its usual name; empty: it has none."""
    bytes: int

    def __str__(self) -> str:
        return f"{self.code}{f' {self.name}' if self.name else ''} ({self.bytes:,} bytes)"


def tags_of(path: str | os.PathLike[str]) -> list[Tag]:
    """Those that may tell something about the image; none where the file is no TIFF, or is damaged."""
    try:
        with open(path, "rb", opener=_not_waiting) as file:
            return _named(_entries(file))
    except (OSError, ValueError, OverflowError, struct.error):
        return []


def _not_waiting(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


def _entries(file: BinaryIO) -> list[tuple[int, int]]:
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
    version = struct.unpack(f"{order}H", head[2:4])[0]
    if not order or version not in (42, 43):
        return []
    big = version == 43
    file.seek(struct.unpack(f"{order}Q", head[8:16])[0] if big else struct.unpack(f"{order}I", head[4:8])[0])
    counter, entry = (f"{order}Q", f"{order}HHQQ") if big else (f"{order}H", f"{order}HHII")
    count = min(struct.unpack(counter, file.read(struct.calcsize(counter)))[0], _MOST)
    table = file.read(count * struct.calcsize(entry))
    return [(code, n * _BYTES.get(kind, 1)) for code, kind, n, _ in struct.iter_unpack(entry, table)]


def _named(entries: list[tuple[int, int]]) -> list[Tag]:
    from tifffile import TIFF

    return [Tag(code, TIFF.TAGS.get(code, ""), size) for code, size in entries if code not in _LAYOUT]
