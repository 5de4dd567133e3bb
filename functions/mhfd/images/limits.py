"""What a file may cost: how large it may be, and how much of it may have to be in memory at once.

All of it is checked before the memory is taken. What reads an image is not here, nor who sets a limit.
"""

import re
from dataclasses import dataclass
from typing import Final

from mhfd.errors import UsageError
from mhfd.images.flaw import Flaw, unreadable

WHOLE: Final = 1 << 28
"""Pixels, 16384 x 16384, of what cannot be had row by row and so is in memory whole, whatever the limits."""
_BY_ROWS: Final = "all of it has to be in memory; save it as TIFF in strips or tiles, or crop it"
_UNITS: Final = {"": 1} | {
    letter + last: base**power
    for power, letter in enumerate("KMGT", 1)
    for last, base in (("", 1000), ("B", 1000), ("IB", 1024))
}
_NUMBER: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Z]*)")
_SIDES: Final = re.compile(r"(\d+)\s*[xX]\s*(\d+)")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost. Both are checked before the memory is taken."""

    max_pixels: int = 1 << 30
    """32768 x 32768."""
    max_bytes: int = 1 << 32
    """4 GiB."""

    def __post_init__(self) -> None:
        for name in ("max_pixels", "max_bytes"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise UsageError(f"limits.{name}: expected a whole number of at least 1, got {value!r}")

    @classmethod
    def of(cls, *, max_pixels: str | int | None = None, max_bytes: str | int | None = None) -> "Limits":
        """The defaults where nothing is said: pixels as `32768x32768`, `2G` or a number, bytes as `4GB`, `4GiB`."""
        given = {
            "max_pixels": None if max_pixels is None else number("max_pixels", max_pixels),
            "max_bytes": None if max_bytes is None else number("max_bytes", max_bytes),
        }
        return cls(**{name: value for name, value in given.items() if value is not None})


def number(name: str, text: str | int) -> int:
    """What a person wrote of a size. K, M, G and T are thousands, Ki, Mi, Gi and Ti 1024s; a B may follow."""
    text = str(text).strip()
    sides = _SIDES.fullmatch(text) if name == "max_pixels" else None
    found = _NUMBER.fullmatch(text.upper())
    unit = None if found is None else found[2] + "B" if found[2].endswith("I") else found[2]
    if unit == "B":
        unit = ""
    value = 0
    if sides is not None:
        value = int(sides[1]) * int(sides[2])
    elif found is not None and unit in _UNITS:
        value = int(float(found[1]) * _UNITS[unit]) if "." in found[1] else int(found[1]) * _UNITS[unit]
    if value < 1:
        example = "32768x32768 or 2G" if name == "max_pixels" else "4GB or 4GiB"
        raise UsageError(f"{name}: {text!r} is no size of at least 1; write one as {example}")
    return value


def too_large(size: int, max_bytes: int) -> Flaw:
    """The flaw of a file beyond the caller's limit."""
    return unreadable(f"the file has {size} bytes, more than max_bytes = {max_bytes}; {_remedy('max-bytes')}")


def hold(height: int, width: int, max_pixels: int, *, whole: str | None = None) -> None:
    """Raise the `Flaw` of an image that is too large.

    Args:
        height: Its rows.
        width: Its columns.
        max_pixels: The caller's limit.
        whole: What it is, where that is in memory whole once it is read.
    """
    pixels = height * width
    if pixels > max_pixels:
        remedy = f"crop it, or {_remedy('max-pixels')}"
        raise unreadable(f"{height} x {width} pixels are more than max_pixels = {max_pixels}; {remedy}")
    if whole is not None and pixels > WHOLE:
        raise unreadable(f"{height} x {width} pixels are more than {WHOLE}, the most for {whole}: {_BY_ROWS}")


def hold_together(height: int, width: int, rows: int) -> None:
    """Raise the `Flaw` of an image of which so many rows at a time are more than can be in memory."""
    if rows * width > WHOLE:
        what = f"{rows} rows of its {height} x {width} pixels have to be decoded together"
        raise unreadable(f"{what}, more than {WHOLE} pixels; save it in smaller strips or tiles, or crop it")


def _remedy(option: str) -> str:
    setting = option.replace("-", "_")
    return f"raise the limit (--{option}, or images.{setting} in the settings; an endpoint's is its administrator's)"
