"""What there is to learn with, one class a way: what may be chosen inside the fold, fitting, drawing as ONNX.

A `LearnerKind` knows neither groups nor columns; `pipeline` chooses both. `classes` is 0 for a number that is to be
met, 2 for good and bad, more for so many classes. scikit-learn is imported when something is fitted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import needing_extra
from mhfd.learning.learners.forest import draw_trees
from mhfd.learning.learners.graph import Graph
from mhfd.learning.learners.learner import Chosen, NotExportable

Floats = NDArray[np.float32]
Answers = NDArray[np.float64]
_TWO_OF_MANY: Final = np.array([-0.5, 0.5], np.float32)
"""Of one number that tells two classes apart, what each of them gets."""


class Core(Protocol):
    """What a kind became."""

    def outputs(self, values: Floats) -> Answers:
        """(rows, 1): the number, or how likely a row is bad; else (rows, classes that were there)."""
        ...

    def draw(self, graph: Graph, given: str) -> str:
        """The same as steps of a graph."""
        ...


class LearnerKind(Protocol):
    """A way to learn."""

    @property
    def scaled(self) -> bool:
        """Whether it needs columns that are alike in size."""
        ...

    def candidates(self, classes: int) -> tuple[Chosen, ...]:
        """What may be chosen, the plainest first."""
        ...

    def fitted(
        self, values: Floats, target: NDArray[Any], weights: Answers, *, chosen: Chosen, classes: int, seed: int
    ) -> Core:
        """Learn from rows that are all known, of at least two classes numbered from 0."""
        ...

    def settled(self, core: Core, asked: Answers, target: NDArray[Any], weights: Answers, *, classes: int) -> Core:
        """The core after it was seen what cores like it said of rows that they had not seen."""
        ...


@contextmanager
def one_thread() -> Iterator[None]:
    """What is learned must not depend on how many processors there are."""
    with needing_extra("learn", "learning needs scikit-learn"):
        import threadpoolctl
    with threadpoolctl.threadpool_limits(1):
        yield


def sigmoid(values: NDArray[Any]) -> NDArray[Any]:
    """Between 0 and 1, without an overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * values)))


def softmax(values: NDArray[Any]) -> NDArray[Any]:
    """Each row positive and of sum 1."""
    grown = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True))


class _AsItIs:
    """Most kinds need no second look."""

    def settled(self, core: Core, asked: Answers, target: NDArray[Any], weights: Answers, *, classes: int) -> Core:
        """See `LearnerKind`."""
        return core


@dataclass(frozen=True, eq=False)
class _Linear:
    factors: Floats  # (columns, outputs)
    offset: Floats
    classes: int

    def outputs(self, values: Floats) -> Answers:
        sums = values @ self.factors + self.offset
        said = sums if not self.classes else sigmoid(sums) if self.classes == 2 else softmax(sums)
        return np.asarray(said, np.float64)

    def draw(self, graph: Graph, given: str) -> str:
        sums = graph.step("Gemm", given, graph.constant(self.factors), graph.constant(self.offset))
        if not self.classes:
            return sums
        return graph.step("Sigmoid", sums) if self.classes == 2 else graph.step("Softmax", sums, axis=1)


@dataclass(frozen=True)
class Linear(_AsItIs):
    """A weighted sum, its weights kept small by a ridge: logistic for classes."""

    ridges: tuple[float, ...] = (30.0, 3.0, 0.3)
    scaled: bool = True

    def candidates(self, classes: int) -> tuple[Chosen, ...]:
        """See `LearnerKind`."""
        return tuple({"ridge": ridge} for ridge in self.ridges)

    def fitted(
        self, values: Floats, target: NDArray[Any], weights: Answers, *, chosen: Chosen, classes: int, seed: int
    ) -> Core:
        """See `LearnerKind`."""
        from sklearn.linear_model import LogisticRegression, Ridge

        wide = values.astype(np.float64)
        if not classes:
            ridge = Ridge(alpha=chosen["ridge"]).fit(wide, target, sample_weight=weights)
            factors, offset = ridge.coef_[None], np.atleast_1d(ridge.intercept_)
        else:
            solver = "newton-cholesky" if classes == 2 else "lbfgs"  # the one needs all pairs of columns and classes
            made = LogisticRegression(C=1 / chosen["ridge"], solver=solver, max_iter=500, tol=1e-5)
            made.fit(wide, target, sample_weight=weights)
            factors, offset = made.coef_, made.intercept_
            if classes > 2 and len(factors) == 1:  # two of many: half of the sum for the one, half against the other
                factors, offset = (np.concatenate([-one / 2, one / 2]) for one in (factors, offset))
        return _Linear(np.asarray(factors.T, np.float32), np.asarray(offset, np.float32), classes)


@dataclass(frozen=True, eq=False)
class _Forest:
    estimator: Any
    classes: int

    def outputs(self, values: Floats) -> Answers:
        if not self.classes:
            return np.asarray(self.estimator.predict(values), np.float64)[:, None]
        said = np.asarray(self.estimator.predict_proba(values), np.float64)
        return said[:, 1:] if self.classes == 2 else said

    def draw(self, graph: Graph, given: str) -> str:
        trees = [tree.tree_ for tree in self.estimator.estimators_]
        leaves = []
        for tree in trees:
            said = tree.value[:, 0, :]
            if self.classes:
                said = said / said.sum(axis=1, keepdims=True)
            leaves.append((said[:, 1:] if self.classes == 2 else said) / len(trees))
        return draw_trees(graph, given, trees, leaves, [None] * len(trees))


@dataclass(frozen=True)
class Trees(_AsItIs):
    """Many trees, each grown at random, and what they say on average."""

    number: int = 150
    leaves: int | None = None
    """Of a tree at most; None for any number."""
    least: tuple[int, ...] = (2, 6)
    """Rows in a leaf at least: candidates."""
    scaled: bool = False

    def candidates(self, classes: int) -> tuple[Chosen, ...]:
        """See `LearnerKind`."""
        return tuple({"rows_in_a_leaf": least} for least in sorted(self.least, reverse=True))

    def fitted(
        self, values: Floats, target: NDArray[Any], weights: Answers, *, chosen: Chosen, classes: int, seed: int
    ) -> Core:
        """See `LearnerKind`."""
        from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

        made = (ExtraTreesClassifier if classes else ExtraTreesRegressor)(
            self.number,
            min_samples_leaf=int(chosen["rows_in_a_leaf"]),
            max_leaf_nodes=self.leaves,
            max_features="sqrt" if classes else 0.4,
            random_state=seed,
            n_jobs=1,
        )
        return _Forest(made.fit(values, target, sample_weight=weights), classes)


@dataclass(frozen=True, eq=False)
class _Boosted:
    estimator: Any
    classes: int
    base: float
    """Of a number: what it is without any tree."""

    def outputs(self, values: Floats) -> Answers:
        if not self.classes:
            return np.asarray(self.estimator.predict(values), np.float64)[:, None] + self.base
        sums = np.asarray(self.estimator.decision_function(values), np.float64).reshape(len(values), -1)
        if self.classes == 2:
            return np.asarray(sigmoid(sums))
        return np.asarray(softmax(sums if sums.shape[1] > 1 else sums * _TWO_OF_MANY))

    def draw(self, graph: Graph, given: str) -> str:
        rounds = self.estimator.estimators_
        trees = [tree.tree_ for one in rounds for tree in one]
        targets = [at for one in rounds for at in range(len(one))]
        leaves = [tree.value[:, 0, 0] * self.estimator.learning_rate for tree in trees]
        sums = draw_trees(graph, given, trees, leaves, targets)
        if not self.classes:
            return graph.step("Add", sums, graph.constant(np.array([self.base], np.float32)))
        if self.classes == 2:
            return graph.step("Sigmoid", sums)
        if rounds.shape[1] == 1:
            sums = graph.step("Mul", sums, graph.constant(_TWO_OF_MANY))
        return graph.step("Softmax", sums, axis=1)


@dataclass(frozen=True)
class Boosting(_AsItIs):
    """Small trees, each grown on what the others before it left wrong."""

    rounds: tuple[int, ...] = (40, 120)
    depth: int = 3
    scaled: bool = False

    def candidates(self, classes: int) -> tuple[Chosen, ...]:
        """See `LearnerKind`: of many classes the fewest rounds only, each of which grows a tree a class."""
        return tuple({"rounds": rounds} for rounds in (self.rounds if classes <= 2 else self.rounds[:1]))

    def fitted(
        self, values: Floats, target: NDArray[Any], weights: Answers, *, chosen: Chosen, classes: int, seed: int
    ) -> Core:
        """See `LearnerKind`. Nothing stops it early: that would be decided by rows drawn whatever their group."""
        from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

        made = (GradientBoostingClassifier if classes else GradientBoostingRegressor)(
            n_estimators=int(chosen["rounds"]),
            max_depth=self.depth,
            min_samples_leaf=max(2, min(20, len(values) // 20)),
            max_features=0.5,
            init="zero",
            random_state=seed,
        )
        base = 0.0 if classes else float(np.average(target, weights=weights))
        return _Boosted(made.fit(values, target - base if base else target, sample_weight=weights), classes, base)


@dataclass(frozen=True, eq=False)
class _Vectors:
    estimator: Any
    width: int
    classes: int
    slope: float = 1.0
    offset: float = 0.0

    def decided(self, values: Floats) -> Answers:
        said = self.estimator.predict(values) if not self.classes else self.estimator.decision_function(values)
        table = np.asarray(said, np.float64).reshape(len(values), -1)
        return np.hstack([-table, table]) if self.classes > 2 and table.shape[1] == 1 else table

    def outputs(self, values: Floats) -> Answers:
        return self.said_of(self.decided(values))

    def said_of(self, decided: Answers) -> Answers:
        moved = decided * self.slope + self.offset
        return moved if not self.classes else np.asarray(sigmoid(moved) if decided.shape[1] == 1 else softmax(moved))

    def draw(self, graph: Graph, given: str) -> str:
        decided = graph.of_sklearn(self.estimator, given, self.width, scores=bool(self.classes))
        if not self.classes:
            return decided
        if self.classes == 2:  # two scores, of which the second is that of bad
            decided = graph.step("Gather", decided, graph.constant(np.array([1], np.int64)), axis=1)
        moved = graph.step("Mul", decided, graph.constant(np.array([self.slope], np.float32)))
        moved = graph.step("Add", moved, graph.constant(np.array([self.offset], np.float32)))
        return graph.step("Sigmoid", moved) if self.classes == 2 else graph.step("Softmax", moved, axis=1)


@dataclass(frozen=True)
class Vectors:
    """A support vector machine with round kernels. What it decides becomes a probability by rows it had not seen."""

    costs: tuple[float, ...] = (0.3, 3.0, 30.0)
    scaled: bool = True

    def candidates(self, classes: int) -> tuple[Chosen, ...]:
        """See `LearnerKind`."""
        return tuple({"cost": cost} for cost in self.costs)

    def fitted(
        self, values: Floats, target: NDArray[Any], weights: Answers, *, chosen: Chosen, classes: int, seed: int
    ) -> Core:
        """See `LearnerKind`."""
        from sklearn.svm import SVC, SVR

        made = SVC(C=chosen["cost"], cache_size=50) if classes else SVR(C=chosen["cost"], cache_size=50)
        return _Vectors(made.fit(values, target, sample_weight=weights), values.shape[1], classes)

    def settled(self, core: Core, asked: Answers, target: NDArray[Any], weights: Answers, *, classes: int) -> Core:
        """See `LearnerKind`: how sure a decision makes, by the logarithm of what was given to the truth."""
        assert isinstance(core, _Vectors)  # noqa: S101  it made it
        if not classes or not len(asked):
            return core
        decided = _undone(asked, classes)
        slope, offset = _calibrated(decided, target, weights)
        return _Vectors(core.estimator, core.width, classes, slope, offset)


def _undone(said: Answers, classes: int) -> Answers:
    """From what a core says that was not settled to what it decided; of many classes up to a number a row."""
    clipped = np.clip(said, 1e-12, 1 - 1e-12)
    return np.asarray(np.log(clipped / (1 - clipped)) if classes == 2 else np.log(clipped))


def _calibrated(decided: Answers, target: NDArray[Any], weights: Answers) -> tuple[float, float]:
    """Slope, and for two classes offset, by Newton's steps with a little ridge: the same everywhere, never wild."""
    if decided.shape[1] > 1:
        slopes = np.geomspace(0.25, 16, 49)
        rows = np.arange(len(decided)), target.astype(np.intp)
        losses = [
            float(np.average(-np.log(softmax(slope * decided)[rows] + 1e-12), weights=weights)) for slope in slopes
        ]
        return float(slopes[int(np.argmin(losses))]), 0.0
    design = np.column_stack([decided[:, 0], np.ones(len(decided))])
    found = np.array([1.0, 0.0])
    for _ in range(50):
        said = sigmoid(design @ found)
        slope = design.T @ (weights * (said - target)) + found * 1e-3
        bend = (design * (weights * said * (1 - said))[:, None]).T @ design + 1e-3 * np.eye(2)
        move = np.linalg.solve(bend, slope)
        found = found - np.clip(move, -2, 2)
        if np.abs(move).max() < 1e-9:
            break
    return float(max(found[0], 1e-3)), float(found[1])


@dataclass(frozen=True, eq=False)
class _Neighbours:
    index: Any
    target: NDArray[Any]
    weights: Answers
    classes: int
    count: int

    def outputs(self, values: Floats) -> Answers:
        near = self.index.kneighbors(values, min(self.count, len(self.target)), return_distance=False)
        votes = self.weights[near]
        votes = votes / votes.sum(axis=1, keepdims=True)
        if not self.classes:
            return np.asarray((votes * self.target[near]).sum(axis=1)[:, None], np.float64)
        said = np.stack([(votes * (self.target[near] == one)).sum(axis=1) for one in np.unique(self.target)], axis=1)
        return said[:, 1:] if self.classes == 2 else said

    def draw(self, graph: Graph, given: str) -> str:
        raise NotExportable(
            "its answer is the rows that it was taught with: two that are almost equally near change places in float32"
        )


@dataclass(frozen=True)
class Neighbours(_AsItIs):
    """Lazy: what the nearest rows were. Learns nothing, and is no package."""

    counts: tuple[int, ...] = (15, 7, 3)
    scaled: bool = True

    def candidates(self, classes: int) -> tuple[Chosen, ...]:
        """See `LearnerKind`."""
        return tuple({"neighbours": count} for count in self.counts)

    def fitted(
        self, values: Floats, target: NDArray[Any], weights: Answers, *, chosen: Chosen, classes: int, seed: int
    ) -> Core:
        """See `LearnerKind`."""
        from sklearn.neighbors import NearestNeighbors

        index = NearestNeighbors(algorithm="brute", n_jobs=1).fit(values)
        return _Neighbours(index, target, weights, classes, int(chosen["neighbours"]))
