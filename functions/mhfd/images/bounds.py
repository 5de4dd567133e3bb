"""What a header claims is held to the caller's limits, before the memory is taken. What reads an image is not here."""

from typing import Final

from mhfd.images.flaw import Flaw, unreadable
from mhfd.limits import Limits

BY_ROWS: Final = "save it as TIFF, uncompressed or in strips or tiles"
"""What to do about a file that is decoded whole: it then is read by rows."""


def too_large(size: int, limits: Limits) -> Flaw:
    """The flaw of a file beyond the caller's limit."""
    return unreadable(
        f"the file has {size} bytes, more than max_bytes = {limits.max_bytes}; {limits.remedy('max_bytes')}"
    )


def hold(height: int, width: int, limits: Limits, *, whole: str | None = None) -> None:
    """Raise the `Flaw` of an image that is too large.

    Args:
        height: Its rows.
        width: Its columns.
        limits: The caller's.
        whole: Why all of it has to be in memory, and what to do about that; None: it is read by rows.
    """
    pixels, claim = height * width, f"{height} x {width} pixels are more than"
    if pixels > limits.max_pixels:
        raise unreadable(f"{claim} max_pixels = {limits.max_pixels}; crop it, or {limits.remedy('max_pixels')}")
    if whole is not None and pixels > limits.held:
        remedy = limits.remedy(limits.held_by)
        raise unreadable(f"{claim} {limits.held_by} = {limits.held}, and {whole}, crop it, or {remedy}")


def hold_together(height: int, width: int, rows: int, limits: Limits, *, do: str = "crop it") -> None:
    """Raise the `Flaw` of an image of which so many rows, which come together, are more than may be in memory."""
    rows = min(rows, height)
    if rows * width > limits.held:
        what = f"{rows} rows of its {height} x {width} pixels are in memory together"
        raise unreadable(
            f"{what}, more than {limits.held_by} = {limits.held}; {do}, or {limits.remedy(limits.held_by)}"
        )
