"""Values that are no brightness, and values of any size: measured as without them, never an exception."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

import mhfd
from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.images import values
from mhfd.rows import InMemory
from mhfd.survey import survey

Array = NDArray[Any]


def tissue(seed: int = 5, side: int = 256) -> Array:
    """Blobs with noise, in 8-bit values."""
    rng = np.random.default_rng(seed)
    blobs = ndimage.gaussian_filter(rng.normal(0, 1, (side, side)), 2) * 400
    image: Array = (128 + blobs + rng.normal(0, 4, (side, side))).clip(0, 255).round()
    return image


def score(array: Array) -> FocusReport:
    return mhfd.score(array, device="cpu", threads=1)


def with_spots(array: Array, value: float, count: int = 9) -> Array:
    changed = array.copy()
    rng = np.random.default_rng(7)
    changed[rng.integers(0, len(array), count), rng.integers(0, array.shape[1], count)] = value
    return changed


@dataclass(frozen=True)
class Spots:
    dtype: str
    value: float
    count: int = 9
    scale: float = 1.0

    def __str__(self) -> str:
        return f"{self.dtype}-{self.scale:g}-{self.count}x{self.value:g}"


@pytest.mark.parametrize(
    "case",
    [
        Spots("f4", -9999),
        Spots("f4", -9999, scale=1 / 255),
        Spots("f4", -3.4e38),
        Spots("f4", 1e20),
        Spots("f4", 1e20, count=5000),
        Spots("f8", -32768),
        Spots("i4", 2**31 - 1, count=1),
        Spots("i2", -32768),
        Spots("u2", 65535),
    ],
    ids=str,
)
def test_a_few_values_that_are_no_brightness_change_little(case: Spots) -> None:
    # One hot pixel of int32, or nine at -9999 in an image of 0 to 1, made all tissue vanish.
    whole = ((tissue() + 100) * case.scale).astype(case.dtype)
    plain, spotted = score(whole), score(with_spots(whole, case.value, case.count))
    assert plain.dof
    assert spotted.dof == pytest.approx(plain.dof, rel=0.05)
    assert spotted.tissue == pytest.approx(plain.tissue, abs=0.01)
    assert spotted.cross_spectrum == pytest.approx(plain.cross_spectrum, rel=0.05)
    assert "left_out" not in plain.image.tags
    assert f"pixels, at {case.value:g}:" in str(spotted.image.tags["left_out"])


def test_a_region_without_values_is_no_texture() -> None:
    whole = tissue().astype(np.float32)
    framed = whole.copy()
    framed[:64] = framed[:, :64] = -9999
    inside, around = score(np.ascontiguousarray(whole[64:, 64:])), score(framed)
    assert inside.dof
    assert around.dof
    assert around.dof == pytest.approx(inside.dof, rel=0.15)  # and what its edge adds


def test_what_is_left_when_nothing_is_left_is_blank() -> None:
    flat = np.full((64, 64), 5.0, np.float32) + np.linspace(0, 1e-6, 64, dtype=np.float32)
    report = score(with_spots(flat, -9999, 40))
    assert report.finding is Finding.BLANK


def untouched(pixels: NDArray[Any]) -> bool:
    rows = InMemory(pixels)
    found = values.sane(rows, survey(rows))
    return found.rows is rows and (found.left_out, found.scaled) == (None, None)


def test_bright_particles_are_part_of_the_image() -> None:
    image = tissue().astype(np.uint16)
    y, x = np.mgrid[:256, :256]
    image += (60_000 * np.exp(-((y - 90) ** 2 + (x - 70) ** 2) / 18)).astype(np.uint16)
    assert untouched(image)


def test_clipped_regions_are_part_of_the_image() -> None:
    image = tissue().astype(np.uint16) + 1000
    image.flat[:3000] = 65_535
    assert untouched(image)


def test_the_callers_array_is_not_written() -> None:
    given_ = with_spots(tissue().astype(np.float32), -9999)
    before = given_.copy()
    view = given_[:, :]
    for array in (given_, view):
        assert score(array).image.tags["left_out"]
        assert np.array_equal(given_, before)


@pytest.mark.parametrize("factor", [1e30, 1e36, -1e36, 1e-20, 1e-37, 1e-43])
def test_focus_does_not_depend_on_the_size_of_the_values(factor: float) -> None:
    image = tissue().astype(np.float32)
    plain, scaled = score(image), score(image * np.float32(abs(factor)) * np.float32(np.sign(factor)))
    assert plain.dof
    assert scaled.dof
    if factor > 0:
        assert scaled.dof == plain.dof
    assert "multiplied by 2^" in str(scaled.image.tags["values"])


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
def test_ordinary_images_are_not_touched(kind: str) -> None:
    pixels = tissue().astype(kind)
    assert untouched(pixels)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1 << 30),
    power=st.integers(-45, 38),
    offset=st.one_of(st.just(0.0), st.floats(-3e38, 3e38)),
    spot=st.floats(-3e38, 3e38),
    share=st.sampled_from([0, 1e-4, 0.02, 0.4]),
)
def test_no_values_raise(seed: int, power: int, offset: float, spot: float, share: float) -> None:
    rng = np.random.default_rng(seed)
    wide = rng.normal(0, 1, (48, 80)).cumsum(0) * 10.0**power + offset
    image = wide.clip(-3.4e38, 3.4e38).astype(np.float32)
    image[rng.random(image.shape) < share] = spot
    assert score(image).model_dump_json()


@dataclass(frozen=True, slots=True, eq=False)
class Elsewhere:
    """A picture that is not in memory: each time its rows are read they are others."""

    array: NDArray[Any]

    @property
    def shape(self) -> tuple[int, int]:
        return self.array.shape[0], self.array.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    def read(self, top: int, bottom: int) -> NDArray[Any]:
        return self.array[top:bottom].copy()


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    height=st.integers(1, 12),
    value=st.sampled_from([-9999.0, 1e20]),
    kind=st.sampled_from(["f4", "u2"]),
    scale=st.sampled_from([1, 1e-14]),
)
def test_what_is_read_row_by_row_is_that_of_the_whole(
    seed: int, height: int, value: float, kind: str, scale: float
) -> None:
    """Regions without values, of which what each pixel takes depends on the rows above it."""
    array = (tissue(side=64) + 100).astype(kind)
    rng = np.random.default_rng(seed)
    for top, left in rng.integers(0, 60, (3, 2)):
        array[top : top + height, left : left + rng.integers(1, 30)] = value if kind == "f4" else 65535
    if kind == "f4":
        array *= np.float32(scale)
    seen = survey(InMemory(array))
    whole, parts = values.sane(InMemory(array), seen), values.sane(Elsewhere(array), seen)
    assert whole.left_out or whole.scaled or kind == "u2"  # of these only a few are none
    assert (whole.left_out, whole.scaled) == (parts.left_out, parts.scaled)
    assert (whole.survey.low, whole.survey.high) == (parts.survey.low, parts.survey.high)
    for top in range(64):
        bottom = min(64, top + 1 + top % 7)
        np.testing.assert_array_equal(parts.rows.read(top, bottom), whole.rows.read(top, bottom))
