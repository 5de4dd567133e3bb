"""The skeleton of a TIFF: its chain of pages, and the entries of each, as views of the file's bytes.

It knows where things are and what type they have, not what they mean. Every step is bounded by the size of the file.
"""

import math
from collections.abc import Iterator
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.focus_report import Finding
from mhfd.images.flaw import Flaw, incomplete, unreadable

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


class Fields:
    """The entries of one IFD. Values are views of the file, so that a huge count costs nothing."""

    def __init__(self, data: NDArray[np.uint8], order: Literal["<", ">"], entries: NDArray[np.void]) -> None:
        self.order = order
        self.big = entries["value"].shape[1] == 8
        self._data = data
        self._table = entries
        self._index = {code: i for i, code in enumerate(entries["code"].tolist())}

    def __contains__(self, code: int) -> bool:
        return code in self._index

    def count(self, code: int) -> int:
        """How many values a field says it has; 0 where it is absent."""
        index = self._index.get(code)
        return 0 if index is None else int(self._table[index]["count"])

    def values(self, code: int) -> NDArray[np.generic] | None:
        """All values of a field, or None where it is absent. `Flaw` where the file does not hold them."""
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
            return inline[: count * dtype.itemsize].view(dtype)
        offset = int(inline.view(self.order + f"u{len(inline)}")[0])
        if offset + count * dtype.itemsize > len(self._data):
            raise incomplete(f"tag {code} of the TIFF lies beyond the end of the file; copy it again")
        return np.frombuffer(self._data, dtype, count, offset)

    def whole(self, code: int, default: int | None = None) -> int:
        """The first value of a field that must be a whole number."""
        values = self.values(code)
        if values is None:
            if default is None:
                raise unreadable(f"the TIFF lacks its tag {code}; export it again")
            return default
        if values.dtype.kind not in "ui":
            raise unreadable(f"tag {code} of the TIFF is not a whole number; export it again")
        return int(values[0])

    def content(self, code: int, limit: int) -> bytes | None:
        """At most `limit` bytes of what a field holds; None where it is absent. Never a `Flaw`."""
        try:
            values = self.values(code)
        except Flaw:
            return b""
        return None if values is None else values.view(np.uint8)[:limit].tobytes()

    def text(self, code: int, limit: int) -> bytes | None:
        """At most `limit` bytes of a text, up to its first NUL; None where there is none. Never a `Flaw`."""
        content = self.content(code, limit)
        return None if content is None else content.partition(b"\0")[0]

    def numbers(self, code: int, limit: int) -> list[float]:
        """At most `limit` finite numbers of a field, fractions too; none where it has none. Never a `Flaw`."""
        try:
            values = self.values(code)
        except Flaw:
            return []
        if values is None:
            return []
        some = values[:limit]
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
        try:
            values = self.values(code)
        except Flaw:
            return b""
        if values is None:
            return b""
        if values.dtype.kind == "u" and values.dtype.itemsize >= 4 and len(values) == 1:
            return self.at(int(values[0]), limit)
        return values.view(np.uint8)[:limit].tobytes()

    def at(self, offset: int, length: int) -> bytes:
        """Some bytes of the file; fewer where it ends before."""
        return self._data[offset : offset + length].tobytes()


def pages(data: NDArray[np.uint8]) -> Iterator[Fields]:
    """The chain of IFDs. A loop ends it; a link that leaves the file says that the file is not whole."""
    if len(data) < 16:
        raise incomplete("the file ends within its header; copy it again")
    order: Literal["<", ">"] = "<" if data[0] == 0x49 else ">"
    big = 43 in (int(data[2]), int(data[3]))
    counter = np.dtype(order + ("u8" if big else "u2"))
    link = np.dtype(order + ("u8" if big else "u4"))
    entry = np.dtype([("code", order + "u2"), ("type", order + "u2"), ("count", link), ("value", "u1", link.itemsize)])
    offset = int(data[8:16].view(link)[0] if big else data[4:8].view(link)[0])
    seen: set[int] = set()
    # Pages that overlap are nonsense: all together they have no more tags than the file has room for.
    room = len(data)
    while offset and offset not in seen and len(seen) < _MAX_PAGES and room > 0:
        seen.add(offset)
        where = f"page {len(seen)} of the TIFF"
        first = offset + counter.itemsize
        count = int(np.frombuffer(data, counter, 1, offset)[0]) if first <= len(data) else 0
        after = first + count * entry.itemsize
        if after + link.itemsize > len(data):
            raise incomplete(f"{where} lies beyond the end of the file; wait, or copy it again")
        if count == 0:
            raise incomplete(f"{where} has no tags: it was not written yet; wait, or copy it again")
        room -= after - offset
        yield Fields(data, order, np.frombuffer(data, entry, count, first))
        offset = int(np.frombuffer(data, link, 1, after)[0])


class SegmentsEnd:
    """Where the last byte of any segment lies, over the pages that are not read."""

    def __init__(self, size: int) -> None:
        self.end = 0
        self._room = size  # bounds the work: lists of segments that overlap are nonsense

    def add(self, fields: Fields) -> None:
        """Take one more page into account. Tags that make no sense say nothing."""
        try:
            offsets, counts = fields.values(324), fields.values(325)
            if offsets is None or counts is None:
                offsets, counts = fields.values(273), fields.values(279)
        except Flaw as e:
            if e.finding is Finding.INCOMPLETE:
                raise
            return
        if offsets is None or counts is None or offsets.dtype.kind != "u" or counts.dtype.kind != "u":
            return
        self._room -= offsets.nbytes + counts.nbytes
        if self._room >= 0:
            n = min(len(offsets), len(counts))
            # In floating point, so that a nonsense offset near 2^64 does not wrap around.
            self.end = max(self.end, int(np.max(offsets[:n].astype(np.float64) + counts[:n].astype(np.float64))))


def truncated(data: NDArray[np.uint8], end: int) -> Flaw:
    """The flaw of a file that ends before its last segment does."""
    return incomplete(f"truncated: the file has {len(data)} of {end} bytes; wait, or copy it again")
