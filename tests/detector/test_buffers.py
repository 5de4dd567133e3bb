"""The memory that is kept between images: taken again, bounded, and without any say in what is found."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from mhfd import native
from mhfd.contract.params import Params
from mhfd.detector import Features
from mhfd.detector.buffers import Buffers
from mhfd.detector.cpu import CpuDetector

LADDERS = [Params(), Params(n=32, max_t=32.0), Params(n=3, min_t=0.7, max_t=2.0), Params(n=16, max_t=64.0)]


def picture(rows: int, cols: int) -> NDArray[np.uint8]:
    chance = np.random.default_rng(rows)
    coarse = chance.normal(size=(rows // 8 + 2, cols // 8 + 2)).repeat(8, axis=0).repeat(8, axis=1)[:rows, :cols]
    return (100 + 30 * coarse + 12 * chance.normal(size=(rows, cols))).clip(0, 255).astype(np.uint8)


def same(one: Features, other: Features) -> None:
    for name in ("y", "x", "scale", "response"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("level", native.levels())
@pytest.mark.parametrize("params", LADDERS, ids=lambda p: f"n{p.n}-{p.min_t:g}-{p.max_t:g}")
def test_what_kept_memory_holds_changes_nothing(level: str, params: Params) -> None:
    detector, pixels = CpuDetector(1, level=level), picture(210, 333)
    first = detector.detect(pixels, params)
    assert len(first)
    for dirt in (0xFF, 0x7B):  # NaN; 1e36
        for buffer in detector.buffers.free():
            buffer[:] = dirt
        same(detector.detect(pixels, params), first)


def test_an_image_like_the_last_takes_no_new_memory() -> None:
    detector, pixels = CpuDetector(1), picture(300, 200)
    detector.detect(pixels, Params())
    before = {buffer.ctypes.data for buffer in detector.buffers.free()}
    assert before
    detector.detect(pixels, Params())
    assert {buffer.ctypes.data for buffer in detector.buffers.free()} == before


def test_after_a_much_smaller_image_less_is_kept() -> None:
    detector = CpuDetector(1)
    detector.detect(picture(1500, 1200), Params())
    large = detector.buffers.kept
    detector.detect(picture(64, 64), Params())
    assert detector.buffers.kept < large / 4


def test_no_more_than_the_bound_is_kept() -> None:
    buffers = Buffers(most=3 << 20)
    with buffers.lend() as loan:
        for size in (1 << 20, 2 << 20, 4 << 20):
            loan.take(size)
    assert 0 < buffers.kept <= 3 << 20


def test_buffers_begin_with_a_cache_line_and_no_two_takers_share_one() -> None:
    buffers = Buffers()
    with buffers.lend() as loan:
        kept = loan.take(1000)
        with loan.of(5000) as one, loan.of(5000) as other:
            assert {address % 64 for address in (kept, one, other)} == {0}
            assert abs(one - other) >= 5000
        with loan.of(5000) as again:
            assert again in {one, other}
        assert kept != again


def test_threads_that_share_a_detector_find_what_one_alone_finds() -> None:
    detector, pictures = CpuDetector(2), [picture(rows, 150) for rows in (90, 260, 410)]
    alone = [CpuDetector(1).detect(pixels, Params()) for pixels in pictures]
    with ThreadPoolExecutor(3) as pool:
        for found, expected in zip(pool.map(lambda one: detector.detect(one, Params()), pictures), alone, strict=True):
            same(found, expected)
