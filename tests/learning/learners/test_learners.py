"""One suite for every learner: what it says of groups not seen, twice the same, and as a package would say it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from tests.rigs.lessons import Rows, rows

from mhfd.errors import UsageError
from mhfd.learning.learners import (
    CAUSES,
    LEARNERS,
    RADIUS_LEARNERS,
    Boosting,
    KindLearner,
    KindRadiusLearner,
    NotExportable,
    Trees,
)
from mhfd.learning.learners.export import TOLERANCE, checked, random_rows, said_by
from mhfd.learning.learners.graph import Graph, operators_of
from mhfd.learning.learners.kinds import Linear
from mhfd.learning.learners.quality import auc
from mhfd.learning.packages.operators import OPERATORS

LAZY = {"knn"}
SMALL: dict[str, Any] = {"trees": Trees(number=10, least=(2,)), "boosting": Boosting(rounds=(12,))}
"""The same with fewer trees: all of them are asked the same questions, in a tenth of the time."""


def small(name: str) -> KindLearner:
    learner = LEARNERS[name]
    assert isinstance(learner, KindLearner)
    return KindLearner(name, SMALL.get(name, learner.kind), (0,))


@pytest.fixture(scope="module")
def some() -> Rows:
    return rows()


@pytest.fixture(scope="module", params=sorted(LEARNERS))
def taught(request: pytest.FixtureRequest, some: Rows) -> Any:
    """Of each learner: its name, and what it became of half of the groups."""
    here = some.halves[0]
    groups = [some.groups[row] for row in here]
    return request.param, small(request.param).fit(some.values[here], some.bad[here], groups=groups, seed=3)


def test_bad_images_of_groups_that_it_has_not_seen_are_told(taught: Any, some: Rows) -> None:
    asked = some.halves[1]
    said = taught[1].predict(some.values[asked])
    assert said.shape == (len(asked),)
    assert ((said >= 0) & (said <= 1)).all()
    assert auc(said, some.bad[asked]) > 0.9


def test_a_row_of_which_something_is_not_known_gets_no_answer(taught: Any, some: Rows) -> None:
    values = some.values[:4].copy()
    values[1, 2] = np.nan
    assert np.isnan(taught[1].predict(values)).tolist() == [False, True, False, False]
    with pytest.raises(UsageError, match="rows of 12 features"):
        taught[1].predict(values[:, 1:])


def test_onnx_says_the_same_of_a_thousand_rows_or_there_is_none(taught: Any, some: Rows) -> None:
    name, fitted = taught
    if name in LAZY:
        with pytest.raises(NotExportable, match="float32"):
            fitted.to_onnx()
        return
    written = fitted.to_onnx()
    asked = random_rows(some.values, seed=9)
    assert len(asked) == 1000
    assert np.abs(said_by(written, asked)[:, 0] - fitted.predict(asked)).max() <= TOLERANCE
    assert operators_of(written) <= OPERATORS


def test_the_same_rows_and_seed_make_the_same_bytes(taught: Any, some: Rows) -> None:
    name, fitted = taught
    here = some.halves[0]
    again = small(name).fit(some.values[here], some.bad[here], groups=[some.groups[row] for row in here], seed=3)
    assert (again.predict(some.values) == fitted.predict(some.values)).all()
    if name not in LAZY:
        assert again.to_onnx() == fitted.to_onnx()


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_causes_have_their_places_and_one_never_seen_is_never_said(name: str, some: Rows) -> None:
    here, asked = some.halves
    fitted = small(name).fit(
        some.values[here], some.cause[here], groups=[some.groups[row] for row in here], seed=0, classes=CAUSES
    )
    said = fitted.predict(some.values[asked])
    assert said.shape == (len(asked), CAUSES)
    assert np.allclose(said.sum(axis=1), 1, atol=1e-5)
    assert (said[:, [1, 3, *range(5, CAUSES)]] == 0).all()
    assert (np.argmax(said, axis=1) == some.cause[asked]).mean() > 0.65
    if name not in LAZY:
        assert np.abs(said_by(fitted.to_onnx(), some.values[asked]) - said).max() <= TOLERANCE


@pytest.mark.parametrize("name", sorted(RADIUS_LEARNERS))
def test_a_radius_comes_with_how_far_it_may_be_off(name: str) -> None:
    some = rows(each=40, columns=5)
    here, asked = some.halves
    learner = RADIUS_LEARNERS[name]
    assert isinstance(learner, KindRadiusLearner)
    kinds: dict[str, Any] = {"trees": Trees(number=30, least=(4,)), "boosting": Boosting(rounds=(30,))}
    fitted = KindRadiusLearner(name, kinds.get(name, learner.kind), (0,)).fit(
        some.values[here], some.radius_px[here], groups=[some.groups[row] for row in here], seed=0
    )
    said = fitted.predict(some.values[asked])
    assert (said[:, 0] >= 0).all()
    assert (said[:, 1] > 0).all()
    blurred = some.radius_px[asked] > 0
    assert np.corrcoef(said[blurred, 0], some.radius_px[asked][blurred])[0, 1] > 0.5
    assert 0.5 < (np.abs(said[:, 0] - some.radius_px[asked]) <= said[:, 1]).mean() < 0.95  # 68% is what it says
    if name in LAZY:
        with pytest.raises(NotExportable):
            fitted.to_onnx()
    else:
        written = said_by(fitted.to_onnx(), some.values[asked])
        assert (np.abs(written - said) <= TOLERANCE * np.maximum(said, 1)).all()


@pytest.mark.parametrize(
    ("values", "bad", "groups", "why"),
    [
        (np.ones((4, 2)), np.ones(4), ["a", "b", "c", "d"], "4 rows of one class"),
        (np.full((4, 2), np.nan), np.ones(4), ["a", "b", "c", "d"], "no row"),
        (np.ones((4, 2)), np.array([0, 1, 0, 1]), ["a", "b", "c", "d"], "no feature differs"),
        (np.ones((4, 2)), np.array([0, 1, 0]), ["a", "b", "c"], "as many rows of each"),
        (np.ones((4, 2)), np.array([0, 1, 2, 1]), ["a", "b", "c", "d"], "whole numbers from 0 to 1"),
    ],
    ids=["one class", "nothing known", "nothing varies", "another number", "no class"],
)
def test_rows_that_teach_nothing_are_refused(values: Any, bad: Any, groups: list[str], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        LEARNERS["logistic"].fit(values, bad, groups=groups, seed=0)


def test_a_column_without_any_number_and_one_group_alone_are_no_trouble(some: Rows) -> None:
    values = np.column_stack([some.values, np.zeros(len(some.values), np.float32)])
    for name in ("boosting", "svm"):
        fitted = small(name).fit(values, some.bad, groups=["one"] * len(values), seed=0)
        assert auc(fitted.predict(values), some.bad) > 0.9


def test_weights_say_who_counts(some: Rows) -> None:
    """Rows of weight 0 teach nothing: the same as without them."""
    drawn = np.random.default_rng(0).random(len(some.values)) < 0.6
    groups = [group for group, is_in in zip(some.groups, drawn, strict=True) if is_in]
    with_zeros = small("logistic").fit(
        some.values, some.bad, groups=some.groups, seed=0, weights=drawn.astype(np.float64)
    )
    without = small("logistic").fit(
        some.values[drawn], some.bad[drawn], groups=groups, seed=0, weights=np.ones(drawn.sum())
    )
    assert (with_zeros.predict(some.values) == without.predict(some.values)).all()


def test_rare_bad_images_count_as_much_as_the_others() -> None:
    some = rows(each=60)
    kept = np.flatnonzero((some.bad == 0) | (np.arange(len(some.bad)) % 10 == 0))
    fitted = small("logistic").fit(some.values[kept], some.bad[kept], groups=[some.groups[row] for row in kept], seed=0)
    said = fitted.predict(some.values)
    assert abs(said[some.bad == 1].mean() - (1 - said[some.bad == 0].mean())) < 0.1


def test_what_differs_from_what_was_learned_is_no_package(some: Rows) -> None:
    """A graph whose weights were changed a little, and one with an operator that no package may have."""
    fitted = small("logistic").fit(some.values, some.bad, groups=some.groups, seed=0)
    model = onnx.load_from_string(fitted.to_onnx())
    at = next(i for i, one in enumerate(model.graph.initializer) if tuple(one.dims)[1:] == (1,))
    changed = onnx.numpy_helper.to_array(model.graph.initializer[at]) * 1.001
    model.graph.initializer[at].CopyFrom(onnx.numpy_helper.from_array(changed, model.graph.initializer[at].name))
    with pytest.raises(NotExportable, match="differs by"):
        checked(model.SerializeToString(), fitted.predict, some.values)
    graph = Graph(some.values.shape[1])
    drawn = graph.bytes_of(graph.step("Hardmax", "features", axis=1), some.values.shape[1])
    with pytest.raises(NotExportable, match="needs Hardmax, which a package may not have"):
        checked(drawn, fitted.predict, some.values, allowed=OPERATORS)


def test_what_skl2onnx_cannot_write_says_so(some: Rows) -> None:
    from sklearn.gaussian_process import GaussianProcessClassifier

    class Unwritable(GaussianProcessClassifier):  # type: ignore[misc]  # scikit-learn has no types
        """None that it knows."""

    with pytest.raises(NotExportable, match="cannot write Unwritable"):
        Graph(12).of_sklearn(Unwritable(), "features", 12, scores=True)


def test_a_ridge_is_chosen_inside_the_fold() -> None:
    """Many columns that tell nothing need a strong one, few that tell all a weak one."""
    plain = KindLearner("logistic", Linear(), (0,))
    noisy, clear = rows(columns=40, each=6), rows(columns=3, each=60)
    ridges = [plain.fit(one.values, one.bad, groups=one.groups, seed=0).chosen["ridge"] for one in (noisy, clear)]
    assert ridges[0] > ridges[1]
