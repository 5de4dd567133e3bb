"""Ways to damage the bytes of an image file, by a generator of numbers: the same numbers, the same damage."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Literal

import numpy as np

EDGES = (0, 1, 2, 3, 7, 8, 31, 64, 255, 256, 65_535, 65_536, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)

Rng = np.random.Generator


def flip_bits(data: bytearray, rng: Rng) -> None:
    for _ in range(int(rng.integers(1, 9))):
        data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))


def flip_header(data: bytearray, rng: Rng) -> None:
    data[int(rng.integers(min(256, len(data))))] = int(rng.integers(256))


def cut(data: bytearray, rng: Rng) -> None:
    del data[int(rng.integers(len(data))) :]


def remove(data: bytearray, rng: Rng) -> None:
    start = int(rng.integers(len(data)))
    del data[start : start + int(rng.integers(1, 64))]


def blank(data: bytearray, rng: Rng) -> None:
    start = int(rng.integers(len(data)))
    end = min(len(data), start + int(rng.integers(1, 2048)))
    data[start:end] = bytes([int(rng.choice([0, 255]))]) * (end - start)


def swap(data: bytearray, rng: Rng) -> None:
    start = int(rng.integers(max(1, len(data) - 8)))
    data[start : start + 8] = bytes(reversed(data[start : start + 8]))


def append_itself(data: bytearray, rng: Rng) -> None:
    data += data[int(rng.integers(len(data))) :]


def seal(data: bytearray) -> None:
    """Make the checksums of a PNG right again, so that the damage gets past them."""
    at = 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            break
        data[end - 4 : end] = zlib.crc32(data[at + 4 : end - 4]).to_bytes(4, "big")
        at = end


def edit_field(data: bytearray, rng: Rng) -> None:
    """Put an extreme number into some tag's type, count or value, or into the link to the next page."""
    order: Literal["little", "big"] = "little" if data[:1] == b"I" else "big"
    big = 43 in data[2:4]
    size, entry = (8, 20) if big else (4, 12)
    at = int.from_bytes(data[8:16] if big else data[4:8], order)
    tags = int.from_bytes(data[at : at + (8 if big else 2)], order)
    if bytes(data[:2]) not in (b"II", b"MM") or not 0 < tags <= 100 or at + tags * entry + 32 > len(data):
        return flip_bits(data, rng)
    first = at + (8 if big else 2)
    value = int(rng.choice(EDGES)) if rng.random() < 0.7 else int(rng.integers(len(data)))
    if rng.random() < 0.15:
        value = int(rng.choice([at, 0, 8, len(data), len(data) - 1, value]))
        data[first + tags * entry : first + tags * entry + size] = value.to_bytes(size, order)
        return None
    start = first + int(rng.integers(tags)) * entry
    part, width = ((0, 2), (2, 2), (4, size), (4 + size, size))[int(rng.choice(4, p=[0.1, 0.15, 0.3, 0.45]))]
    if part == 4 + size and bytes(data[start + 2 : start + 4]) in (b"\3\0", b"\0\3"):
        width = 2
    data[start + part : start + part + width] = (value % (1 << 8 * width)).to_bytes(width, order)
    return None


def edit_chunk(data: bytearray, rng: Rng) -> None:
    """Of a PNG: change a chunk's length, name or data, leave one out, or have one twice."""
    chunks: list[tuple[int, int]] = []
    at = 8
    while at + 12 <= len(data) and len(chunks) < 1000:
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            break
        chunks.append((at, end))
        at = end
    if bytes(data[:4]) != b"\x89PNG" or not chunks:
        return flip_header(data, rng)
    start, end = chunks[int(rng.integers(len(chunks)))]
    match int(rng.integers(5)):
        case 0:
            data[start : start + 4] = (int(rng.choice(EDGES)) % (1 << 32)).to_bytes(4, "big")
        case 1:
            data[start + 4 + int(rng.integers(4))] ^= 1 << int(rng.integers(8))
        case 2:
            del data[start:end]
        case 3:
            data[end:end] = data[start:end]
        case _:
            data[start + 8 + int(rng.integers(max(1, end - start - 12)))] = int(rng.integers(256))
    return None


def splice(data: bytearray, other: bytes, rng: Rng) -> None:
    """The beginning of one file, and the end of another."""
    data[int(rng.integers(len(data))) :] = other[int(rng.integers(len(other))) :]


DAMAGES: tuple[Callable[[bytearray, Rng], None], ...] = (
    flip_bits,
    flip_header,
    cut,
    remove,
    blank,
    swap,
    append_itself,
    *[edit_field] * 7,
)
