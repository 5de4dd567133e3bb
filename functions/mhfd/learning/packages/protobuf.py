"""The wire format of protocol buffers, read by hand: fields of one message, none of them understood.

Whoever wrote the bytes may have wished for anything: every length is checked before a byte is touched, nothing is
copied, and a `FieldBudget` bounds how many fields are looked at in all. What fields mean is `onnx_file`'s.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5

Value = int | memoryview


class Malformed(ValueError):
    """These bytes are no message."""


@dataclass(slots=True)
class FieldBudget:
    """How many fields may still be looked at."""

    left: int

    def spend(self, count: int = 1) -> None:
        """So many are looked at. Malformed."""
        self.left -= count
        if self.left < 0:
            raise Malformed("it has more parts than are read")


def fields(data: memoryview, budget: FieldBudget) -> Iterator[tuple[int, int, Value]]:
    """(number, kind, value) of each field: a number for VARINT, else its bytes. Malformed."""
    at, end = 0, len(data)
    while at < end:
        budget.spend()
        tag, at = _varint(data, at, end)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise Malformed("a field has the number 0")
        value: Value
        if kind == VARINT:
            value, at = _varint(data, at, end)
        else:
            if kind == BYTES:
                size, at = _varint(data, at, end)
            elif kind in (FIXED32, FIXED64):
                size = 4 if kind == FIXED32 else 8
            else:
                raise Malformed(f"a field is of the kind {kind}, which there is not")
            if size > end - at:
                raise Malformed("a field is longer than what holds it")
            value, at = data[at : at + size], at + size
        yield number, kind, value


def varints(data: memoryview, budget: FieldBudget) -> Iterator[int]:
    """The numbers of a packed field. Malformed."""
    at, end = 0, len(data)
    while at < end:
        budget.spend()
        value, at = _varint(data, at, end)
        yield value


def signed(value: int) -> int:
    """What a number of 64 bits means where it may be below 0."""
    return value - (1 << 64) if value >> 63 else value


def _varint(data: memoryview, at: int, end: int) -> tuple[int, int]:
    if at < end and (value := data[at]) < 0x80:  # most are
        return value, at + 1
    value = shift = 0
    while at < end:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 64:
                raise Malformed("a number has more than 64 bits")
            return value, at
        shift += 7
        if shift > 63:
            raise Malformed("a number has more than 64 bits")
    raise Malformed("it ends within a number")
