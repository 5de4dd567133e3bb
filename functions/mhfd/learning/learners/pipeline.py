"""A kind, made a learner: rows that are known, columns chosen and scaled, candidates tried in grouped inner folds.

Whatever is looked at is looked at in the rows that were given: whoever holds rows back for a test gives none of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import UsageError
from mhfd.learning.learners.export import checked
from mhfd.learning.learners.folds import grouped_folds, teachable
from mhfd.learning.learners.graph import Graph
from mhfd.learning.learners.imbalance import equal_classes
from mhfd.learning.learners.kinds import Answers, Core, Floats, LearnerKind, one_thread
from mhfd.learning.learners.learner import Chosen
from mhfd.learning.learners.quality import loss_of
from mhfd.learning.learners.selection import ranked
from mhfd.learning.packages.operators import OPERATORS

_CLIP: Final = 5.0
"""Standard deviations: what is further out says no more."""
_BETTER: Final = 0.01
"""A candidate has to be better by this part to be taken before a plainer one."""


@dataclass(frozen=True, eq=False)
class Scaling:
    """Columns less their mean, in their standard deviations, and no further out than five."""

    middle: Floats
    factor: Floats

    @classmethod
    def of(cls, values: Floats) -> "Scaling":
        """By rows to learn from, whose columns vary."""
        middle = values.mean(axis=0, dtype=np.float64)
        spread = values.std(axis=0, dtype=np.float64)
        return cls(np.asarray(middle, np.float32), np.asarray(1 / np.maximum(spread, 1e-9), np.float32))

    def apply(self, values: Floats) -> Floats:
        """The same in float32 as a graph has it."""
        grown = (values - self.middle) * self.factor
        return np.asarray(np.clip(grown, np.float32(-_CLIP), np.float32(_CLIP)), np.float32)

    def draw(self, graph: Graph, given: str) -> str:
        """The same as steps of a graph."""
        moved = graph.step("Sub", given, graph.constant(self.middle))
        grown = graph.step("Mul", moved, graph.constant(self.factor))
        ends = (graph.constant(np.array(end, np.float32)) for end in (-_CLIP, _CLIP))
        return graph.step("Clip", grown, *ends)


@dataclass(frozen=True, eq=False)
class FittedPart:
    """What one fit is: the columns, how they are scaled, what was learned, and where its classes have their place."""

    columns: NDArray[np.intp]
    scaling: Scaling | None
    core: Core
    placed: Floats | None
    """(classes that were there, all classes); None for a number and for good and bad."""

    def said(self, values: Floats) -> Answers:
        """Of rows that are all known."""
        chosen = np.ascontiguousarray(values[:, self.columns])
        said = self.core.outputs(chosen if self.scaling is None else self.scaling.apply(chosen))
        return said if self.placed is None else said @ self.placed

    def draw(self, graph: Graph, given: str) -> str:
        """The same as steps of a graph."""
        name = graph.step("Gather", given, graph.constant(self.columns.astype(np.int64)), axis=1)
        if self.scaling is not None:
            name = self.scaling.draw(graph, name)
        name = self.core.draw(graph, name)
        return name if self.placed is None else graph.step("MatMul", name, graph.constant(self.placed))


@dataclass(frozen=True, eq=False)
class Taught:
    """See `mhfd.learning.learners.Fitted`."""

    part: FittedPart
    chosen: Chosen
    classes: int
    taught: Floats
    """Some of the rows that it learned from, for the check of what is written."""

    def predict(self, values: NDArray[Any]) -> Answers:
        """See `Fitted`."""
        table = table_of(values, self.taught.shape[1])
        known = np.isfinite(table).all(axis=1)
        said = np.full((len(table), self.classes if self.classes > 2 else 1), np.nan)
        if known.any():
            with one_thread():
                said[known] = self.part.said(table[known])
        return said[:, 0] if self.classes <= 2 else said

    def to_onnx(self) -> bytes:
        """See `Fitted`."""
        graph = Graph(self.taught.shape[1])
        drawn = graph.bytes_of(self.part.draw(graph, "features"), self.classes if self.classes > 2 else 1)
        return checked(drawn, self.predict, self.taught, allowed=OPERATORS)


@dataclass(frozen=True, eq=False)
class KnownRows:
    """KnownRows to learn from, all of them known."""

    values: Floats
    target: NDArray[Any]
    groups: list[str]
    weights: Answers
    classes: int


@dataclass(frozen=True, eq=False)
class Candidate:
    """A candidate, and what it said of rows of groups that it had not seen."""

    chosen: Chosen
    said: Answers
    """(rows, outputs); NaN where no fold could be taught."""
    loss: float


@dataclass(frozen=True)
class KindLearner:
    """See `mhfd.learning.learners.Learner`."""

    name: str
    kind: LearnerKind
    counts: tuple[int, ...] = (0,)
    """Columns that are tried, the most telling ones; 0 for all."""
    fixed: Chosen | None = None
    """What is taken without trying."""

    def fit(
        self,
        values: NDArray[Any],
        target: NDArray[Any],
        *,
        groups: Sequence[str],
        seed: int,
        weights: NDArray[Any] | None = None,
        classes: int = 2,
    ) -> Taught:
        """See `Learner`."""
        if classes < 2:
            raise UsageError(f"classes: expected at least 2, got {classes}")
        rows = known_rows(values, target, groups, weights, classes=classes)
        with one_thread():
            trial = self.tried(rows, seed=seed)
            part = self.part(rows, np.arange(len(rows.values)), trial.chosen, seed=seed)
            asked = np.isfinite(trial.said).all(axis=1) if len(trial.said) else np.zeros(len(rows.values), bool)
            if asked.any():
                own = trial.said[asked] if part.placed is None else trial.said[asked] @ part.placed.T
                target_here = rows.target[asked] if part.placed is None else _numbered(rows.target, part.placed)[asked]
                core = self.kind.settled(part.core, own, target_here, rows.weights[asked], classes=classes)
                part = FittedPart(part.columns, part.scaling, core, part.placed)
        return Taught(part, trial.chosen, classes, rows.values[:1000])

    def tried(self, rows: KnownRows, *, seed: int) -> Candidate:
        """The best candidate in inner folds; where there is one group alone, the plainest."""
        if self.fixed is not None:
            return Candidate(self.fixed, np.zeros((0, 1)), float("nan"))
        usable = [fold for fold in grouped_folds(rows.groups, seed=seed) if self._can_teach(rows, fold[0])]
        candidates = [
            {**chosen, "features": float(count)}
            for count in self.counts
            if not count or count < rows.values.shape[1]
            for chosen in self.kind.candidates(rows.classes)
        ]
        if not usable:
            return Candidate(candidates[0], np.zeros((0, 1)), float("nan"))
        orders = [self.order(rows, taught) for taught, _ in usable]
        trials = []
        for chosen in candidates:
            said = np.full((len(rows.values), rows.classes if rows.classes > 2 else 1), np.nan)
            for (taught, asked), order in zip(usable, orders, strict=True):
                said[asked] = self.part(rows, taught, chosen, seed=seed, order=order).said(rows.values[asked])
            known = np.isfinite(said).all(axis=1)
            loss = loss_of(said[known], rows.target[known], rows.weights[known], classes=rows.classes)
            trials.append(Candidate(chosen, said, loss))
        best = trials[0]
        for trial in trials[1:]:
            if trial.loss < best.loss * (1 - _BETTER):
                best = trial
        return best

    @staticmethod
    def order(rows: KnownRows, taught: NDArray[np.intp]) -> NDArray[np.intp]:
        """The columns that vary, the most telling in these rows first. UsageError where there are none."""
        columns = ranked(rows.values[taught], rows.target[taught], classes=rows.classes)
        if not len(columns):
            raise UsageError("values: no feature differs between the rows; are they all of one image?")
        return columns

    def part(
        self,
        rows: KnownRows,
        taught: NDArray[np.intp],
        chosen: Chosen,
        *,
        seed: int,
        order: NDArray[np.intp] | None = None,
    ) -> FittedPart:
        """One fit on some of the rows."""
        values, target = rows.values[taught], rows.target[taught]
        columns = self.order(rows, taught) if order is None else order
        if count := int(chosen["features"]):
            columns = columns[:count]
        columns = np.sort(columns)
        here = np.ascontiguousarray(values[:, columns])
        scaling = Scaling.of(here) if self.kind.scaled else None
        placed = None
        if rows.classes > 2:
            there = np.unique(target).astype(np.intp)
            placed = np.zeros((len(there), rows.classes), np.float32)
            placed[np.arange(len(there)), there] = 1
            target = _numbered(target, placed)
        core = self.kind.fitted(
            here if scaling is None else scaling.apply(here),
            target,
            rows.weights[taught],
            chosen=chosen,
            classes=rows.classes,
            seed=seed,
        )
        return FittedPart(columns, scaling, core, placed)

    @staticmethod
    def _can_teach(rows: KnownRows, taught: NDArray[np.intp]) -> bool:
        return len(taught) > 1 and (not rows.classes or teachable(rows.target, taught))


def table_of(values: NDArray[Any], width: int) -> Floats:
    """KnownRows as they were learned from. UsageError where they have other columns."""
    table = np.asarray(values, np.float32)
    if table.ndim != 2 or table.shape[1] != width:
        raise UsageError(f"values: expected rows of {width} features, as were learned from, got shape {table.shape}")
    return table


def known_rows(
    values: NDArray[Any], target: NDArray[Any], groups: Sequence[str], weights: NDArray[Any] | None, *, classes: int
) -> KnownRows:
    """Those of which all is known. UsageError where they do not fit each other, or are of one class."""
    table, wanted = np.asarray(values, np.float32), np.asarray(target, np.float64)
    if table.ndim != 2 or wanted.shape != table.shape[:1] or len(groups) != len(table):
        raise UsageError(
            f"values, target, groups: expected as many rows of each, got {table.shape}, {wanted.shape}, {len(groups)}"
        )
    weighed = None if weights is None else np.asarray(weights, np.float64)
    if weighed is not None and (weighed.shape != wanted.shape or not (weighed[np.isfinite(weighed)] >= 0).all()):
        raise UsageError("weights: expected one a row, none below 0")
    known = np.isfinite(table).all(axis=1) & np.isfinite(wanted)
    if weighed is not None:
        known &= weighed > 0
    wanted = wanted[known]
    if classes and not np.isin(wanted, np.arange(classes)).all():
        raise UsageError(f"target: expected whole numbers from 0 to {classes - 1}, got {wanted[:5]}")
    if len(np.unique(wanted)) < 2:
        said = "no row" if not len(wanted) else f"{len(wanted)} rows of one {'class' if classes else 'value'}"
        raise UsageError(f"target: there is nothing to tell apart: {said}; give rows of at least two")
    if classes:
        wanted = wanted.astype(np.intp)
    if weighed is None:
        found = equal_classes(wanted) if classes else np.ones(len(wanted))
    else:
        found = weighed[known] / weighed[known].mean()
    named = [group for group, is_known in zip(groups, known, strict=True) if is_known]
    return KnownRows(table[known], wanted, named, found, classes)


def _numbered(target: NDArray[Any], placed: Floats) -> NDArray[np.intp]:
    """Classes by their place among those that were there."""
    place = np.argmax(placed, axis=0)
    return np.asarray(place[target.astype(np.intp)], np.intp)
