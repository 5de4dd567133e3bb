"""Splits, curves, agreement, covariates: each says what it is worth, and when it cannot be said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.rigs.labelled import row
from tests.rigs.scored import Scored

from mhfd.errors import UsageError
from mhfd.learning.evaluation import aspects, ranking, splits
from mhfd.learning.evaluation.agreement import agreement, kappa_of_many, kappa_of_two
from mhfd.learning.evaluation.curves import curves
from mhfd.learning.evaluation.learning_curve import learning_curve


def parts_of(made: Scored, dealt: NDArray[np.intp]) -> list[set[int]]:
    """The parts that each group's rows lie in."""
    return [set(dealt[np.asarray(made.groups) == group].tolist()) for group in dict.fromkeys(made.groups)]


@pytest.mark.parametrize("seed", range(4))
def test_no_group_lies_in_two_folds_and_each_fold_has_both_kinds(seed: int) -> None:
    made = Scored(specimens=11, images=10, seed=seed)
    for dealt, parts in (
        (splits.by_group(made.groups, made.bad, seed=seed), 5),
        (splits.three_way(made.groups, made.bad, seed=seed), 3),
        (splits.held_out(made.groups, made.bad, seed=seed), 2),
    ):
        where = {
            group: {int(part) for part, of in zip(dealt, made.groups, strict=True) if of == group}
            for group in made.groups
        }
        assert all(len(parts) == 1 for parts in where.values())
        assert len(set(dealt)) == parts
        for part in set(dealt):
            assert set(made.bad[dealt == part]) == {True, False}


def test_about_a_fifth_is_held_out() -> None:
    made = Scored(specimens=40, images=10, seed=0)
    part = splits.held_out(made.groups, made.bad)
    assert np.mean(part == splits.TEST) == pytest.approx(0.2, abs=0.05)


def test_a_random_split_has_every_group_on_both_sides() -> None:
    made = Scored(specimens=4, images=20, seed=0)
    fold = splits.at_random(made.bad)
    assert all(
        len({int(f) for f, of in zip(fold, made.groups, strict=True) if of == group}) > 1 for group in made.groups
    )


@pytest.mark.parametrize(
    ("group", "specimen"), [("a/b/c", "b"), ("b", "b"), ("a//c", "a//c"), ("a/b", "a/b"), ("x/b/", "b")]
)
def test_a_specimen_is_the_middle_of_a_group(group: str, specimen: str) -> None:
    assert splits.specimen_of(group) == specimen


def test_one_group_cannot_be_split() -> None:
    with pytest.raises(UsageError, match="all images are of a"):
        splits.by_group(["a", "a"], np.array([True, False]))


def test_auc_counts_ties_half_and_leaves_out_who_abstains() -> None:
    scores = np.array([1.0, 1.0, 0.0, np.nan])
    assert ranking.auc(scores, np.array([True, False, False, True])) == 0.75
    assert ranking.auc(scores, np.array([True, True, True, False])) is None


def test_auc_of_a_draw_is_that_of_its_rows() -> None:
    made = Scored(specimens=5, images=12, seed=3)
    scores = made.mhfd(1.0).scores
    won = ranking.wins(scores, made.bad, made.at, 5)
    weights = np.array([[2.0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
    rows = np.concatenate([np.flatnonzero(made.at == group) for group in (0, 0, 2, 3, 4)])
    assert ranking.drawn(*won, weights) == pytest.approx(
        [ranking.auc(scores[rows], made.bad[rows]), ranking.auc(scores, made.bad)]
    )


def test_curves_go_from_corner_to_corner_within_their_bands() -> None:
    made = Scored(specimens=12, images=12, seed=3)
    scores = made.mhfd(2.0).scores
    roc, precision = curves(scores, made.bad, np.asarray(made.groups), prevalence=0.03, seed=0)
    assert roc[-1].y == 1
    assert [point.y for point in roc] == sorted(point.y for point in roc)
    area = np.trapezoid([point.y for point in roc], [point.x for point in roc])
    assert area == pytest.approx(ranking.auc(scores, made.bad), abs=0.02)
    assert all(point.low is not None and point.high is not None and point.low <= point.high for point in roc)
    assert precision[-1].y == pytest.approx(0.03, abs=0.02)


def test_kappa_is_what_the_textbook_says() -> None:
    pairs = [(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15
    assert kappa_of_two(pairs) == pytest.approx(0.4)
    assert kappa_of_two([(True, True)] * 3) is None
    assert kappa_of_many([(2, 2), (0, 2)]) == pytest.approx(1.0)
    assert kappa_of_many([(1, 2), (1, 2)]) == pytest.approx(-1.0)


def test_people_who_share_images_are_compared() -> None:
    said = [("a", "ann", True), ("a", "bob", True), ("b", "ann", False), ("b", "bob", False), ("c", "eve", True)]
    (found,) = agreement(said)
    assert (found.people, found.images, found.kappa) == (("ann", "bob"), 2, 1.0)
    assert "ann and bob labelled 2 images in common: kappa 1.00" in found.words


def nearest(made: Scored, noise: float) -> NDArray[np.float64]:
    """A number that says whether an image is bad, and some noise."""
    return np.asarray(made.bad + np.random.default_rng(0).normal(0, noise, len(made.bad)), np.float64)


def test_a_learner_that_gains_from_groups_says_how_much_more_would_bring() -> None:
    made = Scored(specimens=16, images=10, seed=1)
    value = nearest(made, 0.5)

    def predict(taught: NDArray[np.intp], asked: NDArray[np.intp]) -> NDArray[np.float64]:
        clear = float(np.log(len(taught))) / 5
        return clear * value[asked] + np.random.default_rng(2).normal(0, 1, len(asked))

    found = learning_curve("some", predict, made.bad, made.groups)
    assert [point.auc for point in found.points] == sorted(point.auc for point in found.points)
    assert "40 more labelled images" in found.words
    assert found.gain_range is not None


def test_a_learner_that_gains_nothing_cannot_say() -> None:
    made = Scored(specimens=16, images=10, seed=1)
    noise = np.random.default_rng(2).normal(0, 1, len(made.bad))
    found = learning_curve(
        "some", lambda taught, asked: noise[asked] + len(taught) % 7 * noise[asked][::-1], made.bad, made.groups
    )
    assert "cannot be said" in found.words


def test_few_groups_have_no_learning_curve() -> None:
    made = Scored(specimens=4, images=10, seed=1)
    found = learning_curve("some", lambda _taught, asked: np.zeros(len(asked)), made.bad, made.groups)
    assert found.words == "what more labels would bring cannot be said: 4 groups, 6 needed"
    assert found.gain is None


def test_a_control_field_tells_the_instrument_s_change_from_the_tissue_s(tmp_path: Path) -> None:
    rows = [
        row(tmp_path, f"{number}", section=number, covariates={"control": 1.0 if number % 5 == 0 else 0.0})
        for number in range(60)
    ]
    section = np.arange(60.0)
    marked = section % 5 == 0
    mhfd = np.where(marked, -0.002 * section, -0.005 * section)
    found = aspects.control_field(rows, mhfd, np.zeros(60, bool))
    assert found is not None
    assert (found.images, found.instrument, found.all_else, found.tissue) == (12, -0.2, -0.5, -0.3)
    assert "-0.200 by the instrument" in found.words
    assert aspects.control_field(rows[1:5], mhfd[1:5], np.zeros(4, bool)) is None
    few = aspects.control_field(rows[:6], mhfd[:6], np.zeros(6, bool))
    assert few is not None
    assert "says nothing yet: 2 sharp images" in few.words


def test_covariates_divide_the_images_by_fold(tmp_path: Path) -> None:
    rows = [
        row(tmp_path, f"{number}", group=f"scope {number % 2}/s/t", covariates={"dose": float(number)})
        for number in range(24)
    ]
    bad = np.arange(24) % 3 == 0
    columns = aspects.columns_of(rows, {})
    found = aspects.by_covariate(columns, {"mhfd": bad + 0.0}, bad, np.arange(24) % 2)
    whole = [one for one in found if one.fold is None]
    assert [(one.covariate, one.value, one.images) for one in whole] == [
        ("instrument", "scope 0", 12),
        ("instrument", "scope 1", 12),
        ("dose", "0 to 7.667", 8),
        ("dose", "7.667 to 15.33", 8),
        ("dose", "15.33 to 23", 8),
    ]
    assert all(one.auc == {"mhfd": 1.0} for one in whole)
    assert sum(one.images for one in found if one.covariate == "dose" and one.fold is not None) == 24


def test_the_worst_images_are_those_on_the_wrong_side(tmp_path: Path) -> None:
    rows = [row(tmp_path, f"{number}") for number in range(6)]
    bad = np.array([True, True, True, False, False, False])
    scores = np.array([9.0, 8, 0, 1, 2, 7])
    found = aspects.worst_images(rows, {"mhfd": scores}, bad, most=1)
    assert [(Path(one.path).name, one.bad, one.rank) for one in found] == [("2", True, 0.0), ("5", False, 0.6)]
