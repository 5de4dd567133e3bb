"""The skeleton of a TIFF: its chain of pages, and the entries of each. Values are read where they are asked for.

It knows where things are and what type they have, not what they mean. Every step is bounded by the size of the file,
and by what a page can honestly have.
"""

import math
from collections.abc import Iterator
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.focus_report import Finding
from mhfd.images.flaw import Flaw, incomplete, unreadable
from mhfd.images.source import Changed, Source

_TYPES: Final = {
    1: "u1",
    2: "u1",  # text
    3: "u2",
    4: "u4",
    5: "V8",  # a fraction: nothing here needs one
    6: "i1",
    7: "u1",
    8: "i2",
    9: "i4",
    10: "V8",
    11: "f4",
    12: "f8",
    13: "u4",
    16: "u8",
    17: "i8",
    18: "u8",
}
_MAX_PAGES: Final = 65_536
_MAX_TAGS: Final = 4096
"""Of one page; honest ones have a few dozen."""
_MOST_VALUES: Final = 65_536
"""That are read of a tag whose caller does not say how many it needs."""


class Fields:
    """The entries of one IFD. No more values are read than asked for, so that a huge count costs nothing."""

    def __init__(self, file: Source, order: Literal["<", ">"], entries: NDArray[np.void]) -> None:
        self.order = order
        self.big = entries["value"].shape[1] == 8
        self._file = file
        self._table = entries
        self._index = {code: i for i, code in enumerate(entries["code"].tolist())}

    def __contains__(self, code: int) -> bool:
        return code in self._index

    def count(self, code: int) -> int:
        """How many values a field says it has; 0 where it is absent."""
        index = self._index.get(code)
        return 0 if index is None else int(self._table[index]["count"])

    def values(self, code: int, most: int = _MOST_VALUES) -> NDArray[np.generic] | None:
        """The first `most` values of a field, or None where it is absent. `Flaw` where the file does not hold all."""
        found = self.place(code)
        if found is None:
            return None
        dtype, count, offset = found
        size = min(count, most) * dtype.itemsize
        if isinstance(offset, int):
            return self._file.read(offset, size).view(dtype)
        return offset[:size].view(dtype)

    def place(self, code: int) -> tuple[np.dtype[np.generic], int, int | NDArray[np.uint8]] | None:
        """Type and number of a field's values, and where they lie in the file, or, if in the entry, their bytes."""
        index = self._index.get(code)
        if index is None:
            return None
        entry = self._table[index]
        kind = _TYPES.get(int(entry["type"]))
        count = int(entry["count"])
        if kind is None or count == 0:
            raise unreadable(f"tag {code} of the TIFF has no valid type or count; export it again")
        dtype = np.dtype(self.order + kind)
        inline: NDArray[np.uint8] = entry["value"]
        if count * dtype.itemsize <= len(inline):
            return dtype, count, inline[: count * dtype.itemsize]
        offset = int(inline.view(self.order + f"u{len(inline)}")[0])
        if offset + count * dtype.itemsize > self._file.size:
            raise incomplete(f"tag {code} of the TIFF lies beyond the end of the file; copy it again")
        return dtype, count, offset

    def whole(self, code: int, default: int | None = None) -> int:
        """The first value of a field that must be a whole number."""
        values = self.values(code, 1)
        if values is None:
            if default is None:
                raise unreadable(f"the TIFF lacks its tag {code}; export it again")
            return default
        if values.dtype.kind not in "ui":
            raise unreadable(f"tag {code} of the TIFF is not a whole number; export it again")
        return int(values[0])

    def _some(self, code: int, limit: int) -> NDArray[np.generic] | None:
        """At most `limit` values of a field, none where it makes no sense; None where it is absent. Never a `Flaw`."""
        try:
            return self.values(code, limit)
        except Changed:
            raise
        except Flaw:
            return np.empty(0, np.uint8)

    def content(self, code: int, limit: int) -> bytes | None:
        """At most `limit` bytes of what a field holds; None where it is absent. Never a `Flaw`."""
        values = self._some(code, limit)
        return None if values is None else values.view(np.uint8)[:limit].tobytes()

    def text(self, code: int, limit: int) -> bytes | None:
        """At most `limit` bytes of a text, up to its first NUL; None where there is none. Never a `Flaw`."""
        content = self.content(code, limit)
        return None if content is None else content.partition(b"\0")[0]

    def numbers(self, code: int, limit: int) -> list[float]:
        """At most `limit` finite numbers of a field, fractions too; none where it has none. Never a `Flaw`."""
        some = self._some(code, limit)
        if some is None:
            return []
        if some.dtype.kind == "V":
            signed = int(self._table[self._index[code]]["type"]) == 10
            pairs = some.view(np.dtype(self.order + ("i4" if signed else "u4"))).reshape(-1, 2).astype(np.float64)
            some = np.divide(pairs[:, 0], pairs[:, 1], out=np.full(len(pairs), np.nan), where=pairs[:, 1] != 0)
        numbers = [float(value) for value in some.tolist()]
        return numbers if all(map(math.isfinite, numbers)) else []

    def block(self, code: int, limit: int) -> bytes:
        """At most `limit` bytes of what a field holds; where that is one whole number, of what lies there in the file.

        Some programs write the place of a structure of theirs as a number. Never a `Flaw`.
        """
        values = self._some(code, limit)
        if values is None:
            return b""
        if values.dtype.kind == "u" and values.dtype.itemsize >= 4 and self.count(code) == 1:
            return self.at(int(values[0]), limit)
        return values.view(np.uint8)[:limit].tobytes()

    def at(self, offset: int, length: int) -> bytes:
        """Some bytes of the file; fewer where it ends before."""
        return self._file.read(offset, length).tobytes()


def pages(file: Source) -> Iterator[Fields]:
    """The chain of IFDs. A loop ends it; a link that leaves the file says that the file is not whole."""
    head = file.read(0, 16)
    if len(head) < 16:
        raise incomplete("the file ends within its header; copy it again")
    order: Literal["<", ">"] = "<" if head[0] == 0x49 else ">"
    big = 43 in (int(head[2]), int(head[3]))
    counter = np.dtype(order + ("u8" if big else "u2"))
    link = np.dtype(order + ("u8" if big else "u4"))
    entry = np.dtype([("code", order + "u2"), ("type", order + "u2"), ("count", link), ("value", "u1", link.itemsize)])
    offset = int(head[8:16].view(link)[0] if big else head[4:8].view(link)[0])
    seen: set[int] = set()
    # Pages that overlap are nonsense: all together they have no more tags than the file has room for.
    room = file.size
    while offset and offset not in seen and len(seen) < _MAX_PAGES and room > 0:
        seen.add(offset)
        where = f"page {len(seen)} of the TIFF"
        first = offset + counter.itemsize
        count = int(file.read(offset, counter.itemsize).view(counter)[0]) if first <= file.size else 0
        after = first + count * entry.itemsize
        if after + link.itemsize > file.size:
            raise incomplete(f"{where} lies beyond the end of the file; wait, or copy it again")
        if count == 0:
            raise incomplete(f"{where} has no tags: it was not written yet; wait, or copy it again")
        if count > _MAX_TAGS:
            raise unreadable(f"{where} claims {count} tags; export it again")
        room -= after - offset
        yield Fields(file, order, file.read(first, count * entry.itemsize).view(entry))
        offset = int(file.read(after, link.itemsize).view(link)[0])


class SegmentsEnd:
    """Where the last byte of any segment lies, over the pages that are not read."""

    def __init__(self, file: Source) -> None:
        self.end = 0
        self._file = file
        self._room = file.size  # bounds the work: lists of segments that overlap are nonsense

    def add(self, fields: Fields) -> None:
        """Take one more page into account. Tags that make no sense say nothing."""
        try:
            offsets, counts = fields.place(324), fields.place(325)
            if offsets is None or counts is None:
                offsets, counts = fields.place(273), fields.place(279)
        except Flaw as e:
            if e.finding is Finding.INCOMPLETE:
                raise
            return
        if offsets is None or counts is None or offsets[0].kind != "u" or counts[0].kind != "u":
            return
        n = min(offsets[1], counts[1])
        self._room -= n * (offsets[0].itemsize + counts[0].itemsize)
        if self._room < 0:
            return
        for first in range(0, n, _MOST_VALUES):
            # In floating point, so that a nonsense offset near 2^64 does not wrap around.
            ends = [_part(self._file, place, first, min(_MOST_VALUES, n - first)) for place in (offsets, counts)]
            self.end = max(self.end, int(np.max(ends[0] + ends[1])))


def _part(
    file: Source, place: tuple[np.dtype[np.generic], int, int | NDArray[np.uint8]], first: int, number: int
) -> NDArray[np.float64]:
    dtype, _, at = place
    start, length = first * dtype.itemsize, number * dtype.itemsize
    raw = file.read(at + start, length) if isinstance(at, int) else at[start : start + length]
    return raw.view(dtype).astype(np.float64)
