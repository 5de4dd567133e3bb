"""What is chosen inside a fold: groups, weights, samples, columns; and the figures by which it is chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.rigs.lessons import rows

from mhfd.learning.learners import KindLearner, Linear, Neighbours
from mhfd.learning.learners.folds import grouped_folds
from mhfd.learning.learners.held_out import held, said_of_unseen
from mhfd.learning.learners.imbalance import equal_classes, sampled
from mhfd.learning.learners.quality import auc, balanced_accuracy, ranks
from mhfd.learning.learners.reach import code_digest, reach_of
from mhfd.learning.learners.selection import curve, ranked

PLAIN = KindLearner("logistic", Linear(), fixed={"ridge": 1.0, "features": 0.0})


def test_no_group_is_on_two_sides_and_every_row_is_asked_once() -> None:
    groups = [f"g{number % 7}" for number in range(50)] + ["large"] * 30
    asked_rows = []
    for taught, asked in grouped_folds(groups, seed=1):
        assert not {groups[row] for row in taught} & {groups[row] for row in asked}
        asked_rows += asked.tolist()
    assert sorted(asked_rows) == list(range(80))
    assert list(grouped_folds(["one"] * 5, seed=0)) == []


def test_classes_weigh_the_same_and_samples_stay_in_their_groups() -> None:
    target = np.array([0] * 90 + [1] * 10)
    weights = equal_classes(target)
    assert weights[target == 0].sum() == pytest.approx(weights[target == 1].sum())
    assert weights.mean() == pytest.approx(1)
    groups = ["a"] * 50 + ["b"] * 40 + ["a"] * 2 + ["b"] * 8
    kept = sampled(target, groups, seed=0, most=3)
    counts = {
        (group, value): sum(groups[row] == group and target[row] == value for row in kept)
        for group in "ab"
        for value in (0, 1)
    }
    assert counts == {("a", 0): 6, ("a", 1): 2, ("b", 0): 24, ("b", 1): 8}
    assert kept.tolist() == sampled(target, groups, seed=0, most=3).tolist()


def test_the_columns_that_tell_come_first_whatever_their_size() -> None:
    some = rows()
    assert ranked(some.values, some.bad, classes=2)[0] == 0
    assert ranked(some.values, some.cause, classes=13)[0] == 1
    assert ranked(some.values, some.radius_px, classes=0)[0] == 0
    assert 2 not in ranked(some.values, some.bad, classes=2)  # it never varies
    twice = np.column_stack([some.values, some.values[:, 0] * 5 + 1])
    order = ranked(twice, some.bad, classes=2).tolist()
    assert {order[0], order[-1]} == {0, 12}  # what says the same comes last


def test_columns_are_chosen_in_the_fold_and_noise_stays_noise() -> None:
    """The trap: of many columns that tell nothing, those chosen with the test's own rows seem to tell something."""
    drawn = np.random.default_rng(4)
    values, bad = drawn.standard_normal((60, 100)).astype(np.float32), np.tile([0.0, 1.0], 30)
    groups = [str(row // 10) for row in range(60)]
    lured = values[:, ranked(values, bad, classes=2)[:8]]
    cheated = curve(PLAIN, lured, bad, groups=groups, seed=0, counts=())
    honest = curve(PLAIN, values, bad, groups=groups, seed=0, counts=(8,))
    assert cheated[0].quality > 0.7
    assert abs(honest[0].quality - 0.5) < 0.2


def test_the_curve_says_how_well_with_how_many() -> None:
    some = rows()
    points = curve(PLAIN, some.values, some.bad, groups=some.groups, seed=0, counts=(1, 4))
    assert [point.columns for point in points] == [1, 4, 11]
    assert all(point.least <= point.quality <= point.most for point in points)
    assert points[0].quality > 0.9


def test_a_random_split_flatters_where_groups_differ() -> None:
    """Each group has a label of its own and a mark: at random the mark is learned, by group it is worth nothing."""
    drawn = np.random.default_rng(5)
    marks, bad = drawn.standard_normal((12, 6)), np.tile([0.0, 1.0], 6)
    of = np.repeat(np.arange(12), 10)
    values = (marks[of] + 0.1 * drawn.standard_normal((120, 6))).astype(np.float32)
    groups = [str(one) for one in of]
    learner = KindLearner("knn", Neighbours(), fixed={"neighbours": 3, "features": 0})

    def predict(taught: NDArray[Any], asked: NDArray[Any]) -> NDArray[Any]:
        fitted = learner.fit(values[taught], bad[of][taught], groups=[groups[row] for row in taught], seed=0)
        return fitted.predict(values[asked])

    by_group = held(said_of_unseen(predict, groups, seed=0), bad[of], groups, classes=2, seed=0)
    at_random = held(
        said_of_unseen(predict, [str(row) for row in range(120)], seed=0), bad[of], groups, classes=2, seed=0
    )
    assert at_random.value is not None
    assert by_group.value is not None
    assert at_random.value > 0.98
    assert by_group.value < 0.75
    assert by_group.low is not None
    assert by_group.high is not None
    assert by_group.low <= by_group.value <= by_group.high


def test_figures_are_those_of_the_books() -> None:
    assert ranks(np.array([5, 1, 5, 0])).tolist() == [2.5, 1, 2.5, 0]
    assert auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])) == 0.75
    assert auc(np.array([1.0, 1.0]), np.array([0, 1])) == 0.5
    assert np.isnan(auc(np.array([1.0, 2.0]), np.array([1, 1])))
    said = np.array([[0.9, 0.1], [0.2, 0.8], [np.nan, np.nan], [0.6, 0.4]])
    assert balanced_accuracy(said, np.array([0, 1, 1, 0])) == 0.75


def test_what_is_unlike_the_rows_is_beyond_reach() -> None:
    some = rows()
    reach = reach_of(some.values)
    center, spread = np.array(reach.center), np.array(reach.spread)

    def distance(values: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(np.sqrt((((values - center) / spread) ** 2).mean(axis=1)))

    assert (distance(some.values) < reach.far).all()
    assert (distance(some.values[:3] + 10 * some.values.std(axis=0)) > reach.far).all()
    elsewhere = some.values[:1].copy()
    elsewhere[0, 2] = 8  # a column that never varied: no learner looks at it
    assert distance(elsewhere)[0] < reach.far
    assert len(code_digest()) == 64
