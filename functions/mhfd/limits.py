"""What an image may cost whoever reads it: pixels, bytes, and pixels that are in memory at once; and how people say so.

And what memory the dearest of them takes. Only numbers and words. What they are held against is in `mhfd.images`; who
sets them is the caller's.
"""

import re
from dataclasses import dataclass
from typing import Final

from mhfd.errors import UsageError

ROWS_TOGETHER: Final = 1024
"""Of an image that is read by rows, so many are in memory at a time, about."""
DEAREST: Final = 26
"""Bytes for each pixel in memory at once: float64 in compressed tiles takes 24, of 16 bit 8, of 8 bit 6."""
BLOCKS: Final = 0.5
"""Bytes for each pixel of the image: what is kept of its 16x16 blocks."""
FIXED: Final = 256 << 20
"""What a small image takes: the kernel's buffers for each thread, pieces of the file."""
_UNITS: Final = {"": 1} | {
    letter + last: base**power for power, letter in enumerate("KMGT", 1) for last, base in (("", 1000), ("I", 1024))
}
_NUMBER: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?I?)B?")
_SIDES: Final = re.compile(r"(\d+)\s*[xX]\s*(\d+)")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost. All of it is checked before the memory is taken."""

    max_pixels: int = 1 << 30
    """32768 x 32768."""
    max_bytes: int = 4_000_000_000
    """4 GB."""
    max_held_pixels: int = 1 << 28
    """16384 x 16384, of what cannot be had row by row, and so has to be in memory whole."""
    raised_by: str = "raise limits.{name}"
    """What to do about one that is too small, where it was set: `{option}` is its name with hyphens."""

    def __post_init__(self) -> None:
        for name in ("max_pixels", "max_bytes", "max_held_pixels"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise UsageError(f"limits.{name}: expected a whole number of at least 1, got {value!r}")

    @property
    def held(self) -> int:
        """Pixels that may be in memory at once."""
        return min(self.max_held_pixels, self.max_pixels)

    @property
    def held_by(self) -> str:
        """Which of the limits that is."""
        return "max_held_pixels" if self.max_held_pixels < self.max_pixels else "max_pixels"

    @property
    def memory_needed(self) -> int:
        """Bytes that the dearest image within these limits takes to be scored.

        It has as many pixels as may be, and as many of them in memory at once as may be: all, or those of a band.
        """
        return round(DEAREST * self.held + BLOCKS * self.max_pixels) + FIXED

    def remedy(self, name: str) -> str:
        """What to do where this one is too small."""
        return self.raised_by.format(name=name, option=name.replace("_", "-"))


def bytes_of(text: str | int) -> int:
    """What a person says of a size in bytes: `4GB`, `512 MiB`, `1.5G`, or their number."""
    found = None if isinstance(text, bool) else _NUMBER.fullmatch(str(text).strip().upper())
    value = 0 if found is None or found[2] not in _UNITS else _times(found[1], _UNITS[found[2]])
    if value < 1:
        raise UsageError(f"{text!r} is no size in bytes of at least 1; write it as 4GB, 4GiB or 4000000000")
    return value


def pixels_of(text: str | int) -> int:
    """What a person says of a size in pixels: `32768x32768`, or their number."""
    said = "" if isinstance(text, bool) else str(text).strip()
    if (sides := _SIDES.fullmatch(said)) is not None:
        value = int(sides[1]) * int(sides[2])
    else:
        value = int(said) if said.isascii() and said.isdecimal() else 0
    if value < 1:
        raise UsageError(f"{text!r} is no number of pixels of at least 1; write it as 32768x32768 or 1073741824")
    return value


def _times(number: str, unit: int) -> int:
    """Exactly, but for the part of a byte."""
    whole, _, part = number.partition(".")
    return int(whole) * unit + (int(part) * unit // 10 ** len(part) if part else 0)
