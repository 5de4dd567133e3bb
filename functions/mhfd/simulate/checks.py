"""Arguments of the simulator, checked: each error names the field, the value and what is allowed."""

import math
from typing import TypeVar

from mhfd.errors import UsageError

T = TypeVar("T")


def check_range(field: str, value: float, low: float, high: float, *, above: bool = False) -> None:
    """A finite number from `low` (or, with `above`, from above it) to `high`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UsageError(f"{field}: expected a finite number, got {value!r}")
    if not low <= value <= high or (above and value == low):
        interval = f"above {low:g} and at most {high:g}" if above else f"{low:g} to {high:g}"
        raise UsageError(f"{field}: {value!r} is out of range; give {interval}")


def check_count(field: str, value: int, low: int, high: int) -> None:
    """A whole number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"{field}: expected a whole number, got {value!r}")
    if not low <= value <= high:
        raise UsageError(f"{field}: {value!r} is out of range; give {low} to {high}")


def checked_pair(field: str, value: tuple[T, T], parts: str) -> tuple[T, T]:
    """Two values, which are called `parts`."""
    if not isinstance(value, tuple) or len(value) != 2:
        raise UsageError(f"{field}: expected ({parts}), got {value!r}")
    return value
