"""What the sharp others of a group have is taken off, and no row learns from it what it is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mhfd.learning.learners import against_baseline, baseline_of
from mhfd.learning.learners.quality import auc

SHARP = np.array([True, True, True, False, True])


def test_a_row_is_compared_with_others_and_never_with_itself() -> None:
    found = against_baseline(np.array([1.0, 2.0, 4.0, 10.0, 5.0]), ["a", "a", "a", "a", "b"], SHARP)
    assert found[:3].tolist() == [1 - 3.0, 2 - 2.5, 4 - 1.5]
    assert found[3] == 10 - 1.5  # of two of the three, as the others: of those that come next, round about
    assert np.isnan(found[4])  # no other in its group


def test_the_nearest_sections_are_the_baseline() -> None:
    values, section = np.arange(10.0), np.arange(10.0)
    found = against_baseline(values, ["a"] * 10, np.ones(10, bool), section, nearest=2)
    assert found[5] == 5 - np.median([4, 6])
    assert found[0] == 0 - np.median([1, 2])


def test_what_was_made_of_an_image_is_that_image() -> None:
    """A blurred copy is not compared with what it was made of, and a copy of a sharp one is no further sharp one."""
    values = np.array([1.0, 1.0, 9.0, 5.0, 7.0])
    sharp = np.array([True, True, False, True, True])
    found = against_baseline(values, ["a"] * 5, sharp, family=["x", "x", "x", "y", "z"])
    assert found[:3].tolist() == [1 - 6.0, 1 - 6.0, 9 - 6.0]
    assert found[3] == 5 - np.median([1, 7])


@pytest.mark.parametrize("sections", [True, False], ids=["with sections", "without"])
def test_nothing_that_tells_nothing_tells_something_with_a_baseline(sections: bool) -> None:
    """Numbers drawn alike for good and bad: their spread is the same too, which one sharp row more would narrow."""
    drawn = np.random.default_rng(1)
    values, sharp, section = drawn.standard_normal(3000), drawn.random(3000) < 0.6, np.tile(np.arange(6.0), 500)
    groups = [str(row // 6) for row in range(3000)]
    found = against_baseline(values, groups, sharp, section if sections else None)
    known = np.isfinite(found)
    assert abs(auc(found[known], ~sharp[known]) - 0.5) < 0.03
    assert abs(auc(np.abs(found[known]), ~sharp[known]) - 0.5) < 0.03


def test_a_table_is_taken_column_by_column_and_a_row_not_known_is_no_baseline() -> None:
    values = np.array([[1.0, 10.0], [np.nan, 20.0], [3.0, 30.0], [5.0, 50.0]])
    found = against_baseline(values, ["a"] * 4, np.array([True, True, True, False]))
    assert found[0].tolist() == [1 - 3.0, 10 - 30.0]
    assert np.isnan(found[1, 0])
    assert baseline_of(values[[0, 2, 3]]).tolist() == [3.0, 30.0]


def shuffled(order: NDArray[np.intp]) -> NDArray[np.float64]:
    drawn = np.random.default_rng(2)
    values, sharp, section = drawn.standard_normal(40), drawn.random(40) < 0.7, drawn.permutation(40).astype(float)
    groups = np.array([f"g{row % 3}" for row in range(40)])
    return against_baseline(values[order], groups[order].tolist(), sharp[order], section[order])[np.argsort(order)]


def test_the_order_of_rows_decides_nothing_where_there_are_sections() -> None:
    order = np.random.default_rng(3).permutation(40)
    assert np.allclose(shuffled(order), shuffled(np.arange(40)), equal_nan=True)
