"""The twin for how large a blur is: the same kinds, met in the logarithm, with how far off they were in groups unseen.

What is learned is log(radius + 1/2): a blur of 20 pixels that is taken for 22 is no worse than one of 2 for 2.25. How
far an answer may be off is read from the inner folds, in dependence of the answer: of the rows of groups that had not
been seen at least 68% lay within one standard deviation of the truth, and 95% within two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import UsageError
from mhfd.learning.learners.export import checked
from mhfd.learning.learners.graph import INPUT, Graph
from mhfd.learning.learners.kinds import Answers, Floats, LearnerKind, one_thread
from mhfd.learning.learners.learner import Chosen
from mhfd.learning.learners.pipeline import FittedPart, KindLearner, known_rows, table_of
from mhfd.learning.packages.operators import OPERATORS

_SHARP: Final = 0.5
"""Pixels that are added before the logarithm is taken: a sharp image has a radius of 0."""
_MOST: Final = 200.0
"""No radius above is ever said."""
_ONE_SD: Final = 0.6827
_TWO_SD: Final = 0.9545
_A_KNOT: Final = 25
"""Rows from which one knot of the spread is made, at least."""
_KNOTS: Final = 6
_APART: Final = 0.3
"""Of the logarithm, from one knot to the next: steep lines beside each other cost digits."""


@dataclass(frozen=True, eq=False)
class Spread:
    """One standard deviation, in parts of radius + 1/2, by what is said: straight lines between knots, flat beyond."""

    knots: Floats
    """Of the logarithm, ascending."""
    first: float
    bends: Floats
    """By how much the slope changes at each knot."""

    @classmethod
    def of(cls, said: Answers, truth: Answers) -> "Spread":
        """From logarithms that were said of rows of groups not seen, and the true ones."""
        off = np.abs(np.exp(said) - np.exp(truth)) / np.exp(said)
        order = np.argsort(said, kind="stable")
        parts: list[NDArray[np.intp]] = []
        for part in np.array_split(order, max(1, min(_KNOTS, len(order) // _A_KNOT))):
            if parts and np.median(said[part]) - np.median(said[parts[-1]]) < _APART:
                parts[-1] = np.concatenate([parts[-1], part])
            else:
                parts.append(part)
        at = np.array([np.median(said[part]) for part in parts])
        # Errors have longer tails than a normal one: two of these are to hold what two of a normal one hold.
        spread = np.array([max(np.quantile(off[part], _ONE_SD), np.quantile(off[part], _TWO_SD) / 2) for part in parts])
        spread = np.maximum(spread, 1e-3)
        slopes = np.concatenate([[0.0], np.diff(spread) / np.diff(at), [0.0]])
        return cls(np.asarray(at, np.float32), float(spread[0]), np.asarray(np.diff(slopes), np.float32))

    def apply(self, said: Floats) -> Floats:
        """Of logarithms (rows, 1)."""
        bent = np.maximum(said - self.knots, np.float32(0)) @ self.bends[:, None]
        return np.asarray(bent + np.float32(self.first), np.float32)

    def draw(self, graph: Graph, given: str) -> str:
        """The same as steps of a graph."""
        beyond = graph.step("Relu", graph.step("Sub", given, graph.constant(self.knots[None])))
        bent = graph.step("MatMul", beyond, graph.constant(self.bends[:, None]))
        return graph.step("Add", bent, graph.constant(np.array([self.first], np.float32)))


@dataclass(frozen=True, eq=False)
class TaughtRadius:
    """See `mhfd.learning.learners.FittedRadius`."""

    part: FittedPart
    spread: Spread
    chosen: Chosen
    taught: Floats

    def predict(self, values: NDArray[Any]) -> Answers:
        """See `FittedRadius`."""
        table = table_of(values, self.taught.shape[1])
        known = np.isfinite(table).all(axis=1)
        said = np.full((len(table), 2), np.nan)
        if known.any():
            with one_thread():
                met = np.clip(self.part.said(table[known]), np.log(_SHARP), np.log(_MOST)).astype(np.float32)
            grown = np.exp(met)
            said[known, :1] = np.maximum(grown - np.float32(_SHARP), 0)
            said[known, 1:] = grown * self.spread.apply(met)
        return said

    def to_onnx(self) -> bytes:
        """See `Fitted`."""
        graph = Graph(self.taught.shape[1])
        met = self.part.draw(graph, INPUT)
        met = graph.step("Reshape", met, graph.constant(np.array([-1, 1], np.int64)))
        ends = (graph.constant(np.array(np.log(end), np.float32)) for end in (_SHARP, _MOST))
        met = graph.step("Clip", met, *ends)
        grown = graph.step("Exp", met)
        radius = graph.step("Relu", graph.step("Sub", grown, graph.constant(np.array([_SHARP], np.float32))))
        spread = graph.step("Mul", grown, self.spread.draw(graph, met))
        drawn = graph.bytes_of(graph.step("Concat", radius, spread, axis=1), 2)
        return checked(drawn, self.predict, self.taught, allowed=OPERATORS)


@dataclass(frozen=True)
class KindRadiusLearner:
    """See `mhfd.learning.learners.RadiusLearner`."""

    name: str
    kind: LearnerKind
    counts: tuple[int, ...] = (0,)

    def fit(
        self,
        values: NDArray[Any],
        radius_px: NDArray[Any],
        *,
        groups: Sequence[str],
        seed: int,
        weights: NDArray[Any] | None = None,
    ) -> TaughtRadius:
        """See `RadiusLearner`."""
        radius = np.asarray(radius_px, np.float64)
        if (radius[np.isfinite(radius)] < 0).any():
            raise UsageError("radius_px: no radius is below 0")
        rows = known_rows(values, np.log(radius + _SHARP), groups, weights, classes=0)
        learner = KindLearner(self.name, self.kind, self.counts)
        with one_thread():
            tried = learner.tried(rows, seed=seed)
            asked = np.isfinite(tried.said).all(axis=1)
            if not asked.any():
                raise UsageError("groups: at least 2 are needed: how far off a radius is, is seen in groups not seen")
            part = learner.part(rows, np.arange(len(rows.values)), tried.chosen, seed=seed)
        met = np.clip(tried.said[asked, 0], np.log(_SHARP), np.log(_MOST))
        return TaughtRadius(part, Spread.of(met, rows.target[asked]), tried.chosen, rows.values[:1000])
