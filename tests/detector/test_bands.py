"""An image band by band gives what the whole gives, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mhfd import native, scales, stretch
from mhfd.contract.params import Params
from mhfd.detector import Features, bands, plan
from mhfd.detector.cpu import CpuDetector
from mhfd.rows import InMemory

pytestmark = pytest.mark.skipif(not native.kernel_info().available, reason="no compiled kernel was built")

LADDERS = [Params(), Params(n=32, max_t=32.0), Params(n=8, max_t=8.0), Params(n=3, min_t=0.7, max_t=2.0),
           Params(n=16, max_t=64.0), Params(n=5, min_t=5.0, max_t=30.0, polarity="dark")]  # fmt: skip


def picture(rows: int, cols: int, dtype: str, seed: int) -> NDArray[np.generic]:
    chance = np.random.default_rng(seed)
    coarse = chance.normal(size=(rows // 8 + 2, cols // 8 + 2)).repeat(8, axis=0).repeat(8, axis=1)[:rows, :cols]
    values = 100 + 30 * coarse + 12 * chance.normal(size=(rows, cols))
    return np.ascontiguousarray(values.clip(0, 255).astype(dtype))


def in_bands(pixels: NDArray[np.generic], params: Params, height: int, threads: int = 1) -> Features:
    limits = stretch.limits(pixels, params)
    found = bands.detect(CpuDetector(threads), InMemory(pixels), params, limits, height=height)
    return bands.joined([band.features for band in found])


def same(one: Features, other: Features) -> None:
    assert (one.limits, one.shape) == (other.limits, other.shape)
    for name in ("y", "x", "scale", "response"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@settings(max_examples=40)
@given(
    rows=st.integers(33, 700),
    cols=st.integers(32, 90),
    height=st.integers(1, 400),
    params=st.sampled_from(LADDERS),
    dtype=st.sampled_from(["uint8", "uint16", "float32"]),
    threads=st.sampled_from([1, 3]),
)
def test_any_bands_of_any_image_give_what_the_whole_gives(
    rows: int, cols: int, height: int, params: Params, dtype: str, threads: int
) -> None:
    pixels = picture(rows, cols, dtype, seed=rows + cols)
    same(in_bands(pixels, params, height, threads), CpuDetector(1).detect(pixels, params))


@pytest.mark.parametrize("params", LADDERS, ids=lambda p: f"n{p.n}-{p.min_t:g}-{p.max_t:g}")
def test_nothing_beyond_what_a_band_needs_changes_it(params: Params) -> None:
    filters = plan.filters(tuple(scales.ladder(params)))
    rows = 64 * filters.whole
    top = rows // 2
    above, below = filters.needed(top - 1, top + 2)  # a maximum has neighbours
    assert 0 < above < top < below < rows
    flat = np.full((rows, 64), 100.0, np.float32)
    flat[top - 3 : top + 4, 29:36] = 160.0 if params.polarity == "bright" else 40.0
    other = flat.copy()
    other[:above] = other[below:] = 200.0
    alone, again = (
        CpuDetector(1).detect_between(pixels, (top, top + 1), params, (0.0, 200.0)) for pixels in (flat, other)
    )
    assert len(alone)
    same(alone, again)


def test_the_bands_follow_each_other_and_hold_what_is_asked_for_below_them() -> None:
    pixels = picture(500, 64, "uint8", seed=1)
    limits = stretch.limits(pixels, Params())
    found = list(bands.detect(CpuDetector(1), InMemory(pixels), Params(), limits, height=96, beyond=128))
    assert [band.top for band in found] == [0, *(band.bottom for band in found[:-1])]
    assert found[-1].bottom == 500
    # The first is higher, so that no later one needs more memory than it.
    assert [band.bottom - band.top for band in found[1:-1]] == [96] * (len(found) - 2)
    assert len(found) > 3
    assert max(len(band.pixels) for band in found) == len(found[0].pixels)
    for band in found:
        assert band.first <= band.top
        assert band.first + len(band.pixels) >= min(500, band.bottom + 128)
        assert ((band.features.y >= band.top) & (band.features.y < band.bottom)).all()
