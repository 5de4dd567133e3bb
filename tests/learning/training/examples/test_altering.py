"""Altered copies: turns, the paper's sets A and B as it writes them, and the sums in it that do not come out."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from tests.rigs.shown import plan_of

from mhfd.learning.training.examples import COPIES, Copy, copy_of
from mhfd.learning.training.examples.altering import inside

ONE = np.arange(12, dtype=np.float32).reshape(1, 3, 4)


def test_the_eight_turns_are_eight_and_the_first_is_the_image() -> None:
    square = np.arange(9).reshape(3, 3)
    made = [copy.of(square).tolist() for copy in COPIES["turns"]]
    assert len({str(one) for one in made}) == 8
    assert made[0] == square.tolist()
    assert np.array_equal(Copy(quarters=1).of(square), np.rot90(square))


def test_set_a_is_as_the_paper_lists_it() -> None:
    plane = ONE[0]
    left_right, up_down = plane[:, ::-1], plane[::-1]
    wanted = [plane, np.rot90(plane), left_right, up_down, np.rot90(left_right), np.rot90(up_down)]
    assert len(COPIES["A"]) == 6
    for copy, one in zip(COPIES["A"], wanted, strict=True):
        assert np.array_equal(copy.of(ONE)[0], one)


def test_set_a_has_two_shapes_and_a_step_has_one() -> None:
    uncut = {copy.of(np.zeros((1, 1024 // 64, 1280 // 64))).shape[1:] for copy in COPIES["A"]}
    assert uncut == {(16, 20), (20, 16)}
    plan = plan_of("A", batch=5)
    for step in range(20):
        copies = [copy_of(plan, epoch=1, position=5 * step + place) for place in range(5)]
        assert len({copy.quarters % 2 for copy in copies}) == 1
    assert {copy_of(plan, epoch=0, position=n).quarters % 2 for n in range(100)} == {0, 1}


def test_set_b_has_29_copies_of_which_28_are_distinct_all_squares_of_724_of_1024() -> None:
    assert inside((1024, 1280)) == 724
    copies = COPIES["B"]
    assert len(copies) == 6 + 23
    assert all(copy.square for copy in copies)
    assert len({(copy.mirrored, copy.quarters, copy.degrees) for copy in copies}) == 28
    picture = np.random.default_rng(0).random((2, 100, 128)).astype(np.float32)
    assert {copy.of(picture).shape for copy in copies} == {(2, 70, 70)}


def test_a_turn_by_degrees_goes_the_way_of_the_quarters_and_meets_no_edge() -> None:
    y, x = np.mgrid[-50:51, -60:61]
    bar = ((np.abs(y) < 3) & (x > 5)).astype(np.float32)  # to the right; against the clock it goes up
    made = Copy(degrees=45, square=True).of(bar)
    middle = inside(bar.shape) // 2
    assert made[middle - 20, middle + 20] > 0.9
    assert (made.min(), made.max()) == (0, 1)
    assert made[middle + 20, middle + 20] < 0.1
    ones = Copy(degrees=45, square=True).of(np.ones((64, 80), np.float32))
    assert np.allclose(ones, 1)
    quarter = Copy(quarters=1, square=True).of(bar)
    almost = Copy(quarters=1, degrees=0, square=True).of(bar)
    assert np.array_equal(quarter, almost)


def test_a_turn_by_degrees_smooths_little() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, (1, 200, 200)).astype(np.float32)
    straight, turned = (Copy(degrees=degrees, square=True).of(noise)[0] for degrees in (0, 45))
    finest = [float(np.var(np.diff(plane, axis=0))) for plane in (straight, turned)]
    assert 0.5 < finest[1] / finest[0] < 1


def test_six_turns_by_15_degrees_are_a_quarter() -> None:
    y, x = np.mgrid[-32:33, -32:33]  # 65, 45 and 31 have a pixel in the middle
    smooth = np.sin(x / 9) + np.cos(y / 7 + x / 15)
    once = Copy(degrees=75, square=True).of(smooth)
    side = inside(smooth.shape)
    again = Copy(degrees=15, square=True).of(once)
    wanted = Copy(quarters=1, square=True).of(smooth)
    cut = (side - len(again)) // 2
    assert np.abs(again - wanted[cut : cut + len(again), cut : cut + len(again)]).max() < 0.005


@pytest.mark.parametrize("copies", ["none", "turns", "A", "B"])
def test_a_copy_is_a_function_of_seed_epoch_and_place_and_each_comes(copies: str) -> None:
    plan = plan_of(copies)  # type: ignore[arg-type]
    drawn = [copy_of(plan, epoch=2, position=n) for n in range(600)]
    assert drawn == [copy_of(plan, epoch=2, position=n) for n in range(600)]
    assert len({copy.key for copy in drawn}) == 600
    shapes = Counter((copy.mirrored, copy.quarters, copy.degrees, copy.square) for copy in drawn)
    assert len(shapes) == {"none": 1, "turns": 8, "A": 6, "B": 28}[copies]
    if copies != "none":
        assert drawn != [copy_of(plan, epoch=3, position=n) for n in range(600)]


def test_upright_keeps_the_sides() -> None:
    for copy in COPIES["turns"]:
        assert copy.upright().of(ONE).shape == ONE.shape
    assert {copy.upright().quarters for copy in COPIES["turns"]} == {0, 2}


def test_what_of_the_papers_numbers_adds_up() -> None:
    images = 1684
    assert images * 6 == 10104 == 9093 + 1011  # set A, and its split
    assert round(0.9 * 10104) == 9094  # one more than the 9093 that it trains on
    assert 313282 + 35306 == 348588 == 207 * images  # set B: 207 copies each
    assert 207 == 9 * 23
    assert {6 + 23, 6 * 24} == {29, 144}  # as it is written
    assert round(10104 * 1024 * 1280 * 3 / 1e9, 1) == 39.7  # bytes: 38 GB at one byte a channel, not at two
    assert round(10104 * 1024 * 1280 * 3 / 2**30, 1) == 37.0
    assert round(348588 * 724 * 724 * 3 / 1e9) == 548
    assert round(348588 * 724 * 724 * 3 / 2**30) == 511  # 512 GB
    assert round(29 * images * 724 * 724 * 3 / 2**30) == 72
