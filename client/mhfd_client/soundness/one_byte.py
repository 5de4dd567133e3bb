"""A row in which one byte was changed, found again: its sum says which of all candidates was written."""

import sqlite3
import struct
from collections.abc import Callable, Iterator
from typing import Final

_QUOTING: Final = sqlite3.connect(":memory:", check_same_thread=False)
Value = int | float | str | bytes | None
_LONGEST: Final = 64 << 10  # bytes of one value that is searched: seconds


def restored(values: list[Value], quoted: list[bytes], wanted: bytes, sum_of: Callable[[bytes], bytes]) -> list[Value]:
    """The values that have this sum and differ from these in one byte of one of them; none: an empty list.

    Args:
        values: Of the columns, text as bytes.
        quoted: Each as SQL's literal, as it is summed.
        wanted: The sum of what was written.
        sum_of: How it is made.
    """
    for at, value in enumerate(values):
        before = b"\n".join([*quoted[:at], b""])
        after = b"\n".join([b"", *quoted[at + 1 :]])
        for candidate, literal in _candidates(value):
            if sum_of(before + literal + after) == wanted:
                return [*values[:at], candidate, *values[at + 1 :]]
    return []


def close(one: bytes, other: bytes) -> bool:
    """Whether two sums differ in one byte only: then the sum itself was damaged."""
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) == 1


def _candidates(value: Value) -> Iterator[tuple[Value, bytes]]:
    match value:
        case bytes() if len(value) <= _LONGEST:
            for candidate in _changed(value):
                yield candidate, b"'" + candidate.replace(b"'", b"''") + b"'"
        case int():
            for candidate in _changed(struct.pack(">q", value)):
                number = struct.unpack(">q", candidate)[0]
                yield number, str(number).encode()
        case float():
            for candidate in _changed(struct.pack(">d", value)):
                real = struct.unpack(">d", candidate)[0]
                yield real, _QUOTING.execute("SELECT CAST(quote(?) AS BLOB)", (real,)).fetchone()[0]


def _changed(raw: bytes) -> Iterator[bytes]:
    for at in range(len(raw)):
        before, after = raw[:at], raw[at + 1 :]
        for byte in range(256):
            if byte != raw[at]:
                yield before + bytes((byte,)) + after
