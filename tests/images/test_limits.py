"""Sizes as people say them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhfd.errors import UsageError
from mhfd.limits import Limits, bytes_of, pixels_of


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("4GB", 4_000_000_000),
        ("4 GiB", 1 << 32),
        ("4G", 4_000_000_000),
        ("500kB", 500_000),
        ("64 MiB", 64 << 20),
        ("2TB", 2 * 10**12),
        ("10B", 10),
        ("1.5gb", 1_500_000_000),
        ("0.5 KiB", 512),
        (1000, 1000),
    ],
)
def test_bytes(text: str | int, size: int) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize(
    "text", ["", "GB", "-1", "0", "0.0001 B", "4 gigabytes", "4PB", "1e9", "4,5GB", "4GBB", "iB", "1i", True]
)
def test_what_is_no_size(text: str | int) -> None:
    with pytest.raises(UsageError, match=r"is no size in bytes .*write it as 4GB"):
        bytes_of(text)


@given(st.integers(min_value=1), st.sampled_from(["", "B"]))
def test_any_number_of_bytes_is_exact(size: int, unit: str) -> None:
    assert bytes_of(f"{size}{unit}") == size
    assert bytes_of(f"{size}kB") == size * 1000


def test_pixels() -> None:
    assert pixels_of("32768x32768") == pixels_of("32768 X 32768") == 1 << 30
    assert pixels_of("1000") == pixels_of(1000) == 1000
    for text in ("", "0", "10x0", "-4", "4GB", "1e6", "10x10x10", "²", True):
        with pytest.raises(UsageError, match=r"is no number of pixels .*write it as 32768x32768"):
            pixels_of(text)


def test_what_is_held_is_never_more_than_an_image() -> None:
    small, usual = Limits(max_pixels=1000), Limits()
    assert (small.held, small.held_by) == (1000, "max_pixels")
    assert (usual.held, usual.held_by) == (1 << 28, "max_held_pixels")
    assert usual.remedy("max_bytes") == "raise limits.max_bytes"
    assert Limits(raised_by="--{option}").remedy("max_held_pixels") == "--max-held-pixels"
