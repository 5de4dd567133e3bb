"""What was learned of moves, whole: the move with its doubt, the stigmators, and the distance to sharp images.

Numbers of a pair -> what is said of it, and the same drawn as an ONNX graph of plain operators. It knows neither
images nor packages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.learners.export import checked
from mhfd.learning.learners.graph import INPUT, Graph
from mhfd.learning.learners.learner import NotExportable
from mhfd.learning.manifold.movers import FittedMover, LinearMover, MoveLearner, folds_of
from mhfd.learning.manifold.pair import ANGULAR_NAMES, LEVEL_NAMES, PAIR_NAMES, RING_NAMES
from mhfd.learning.manifold.sharp import SharpManifold, manifold_of
from mhfd.learning.manifold.table import MoveTable
from mhfd.learning.packages.operators import OPERATORS

Floats = NDArray[np.float64]

NAMES: Final = (*PAIR_NAMES, *LEVEL_NAMES)
"""What a package is given of a pair."""
STIGS: Final = ("stig_x", "stig_y")
_TOLD: Final = np.arange(2, len(RING_NAMES) - 2)
"""Rings that may tell a move: the coarsest are what all others are relative to, the finest hold noise."""
_ANGULAR: Final = np.arange(len(RING_NAMES), len(RING_NAMES) + len(ANGULAR_NAMES))
_CUT_OFF: Final = 3.99
"""A logarithm of power from which on it was cut off: how far beyond it is, is not known."""
_MOST_CUT_OFF: Final = 0.1
"""Of the rows: a number that is cut off more often teaches nothing."""
_WORTH: Final = 0.9
"""The distance to sharp images is looked at where what is said of specimens held back is off by this part or less."""
_FARTHEST: Final = 12.0
"""A distance that is larger tells no more."""
_FEWEST_STIGS: Final = 12
_USEFUL: Final = 0.5
"""Of what was recorded of the stigmators: what is off by more helps nobody."""
_FEWEST_INSIDE: Final = 10
_ONE_SD: Final = 0.6827
_TWO_SD: Final = 0.9545
_GROWS: Final = 0.4
"""Doubt that is added for each um beyond all that was taught: there, moves are said too small."""


@dataclass(frozen=True, slots=True)
class MoveSpread:
    """How far the truth may be from what is said."""

    sd_um: float
    range_um: float
    """Moves up to this were taught, to both sides."""

    @classmethod
    def of(cls, off: Floats, move_um: Floats, reach_um: Floats) -> MoveSpread:
        """From how far what was said of specimens held back was off: two hold what two of a normal one hold.

        A row whose move is larger than any that the others taught is left out, where enough remain: it lies beyond.
        """
        found = np.abs(off)
        inside = np.isfinite(found) & (np.abs(move_um) <= reach_um)
        found = np.sort(found[inside] if inside.sum() >= _FEWEST_INSIDE else found[np.isfinite(found)])

        def within(part: float) -> float:
            """On the cautious side: the next row may lie beyond the one that so many lie within."""
            return float(found[min(len(found) - 1, int(np.ceil(part * (len(found) + 1))) - 1)])

        sd = max(within(_ONE_SD), within(_TWO_SD) / 2, 1e-3) if len(found) else np.inf
        return cls(round(float(sd), 4), round(float(np.abs(move_um).max()), 4))

    def apply(self, said: Floats) -> Floats:
        """Of moves that were said."""
        sd: Floats = self.sd_um + _GROWS * np.maximum(np.abs(said) - self.range_um, 0)
        return sd


@dataclass(frozen=True, eq=False)
class MovePart:
    """What says the move."""

    columns: NDArray[np.intp]
    """Of the pair's numbers."""
    mover: FittedMover
    by_distance: bool
    """The same numbers times the distance to sharp images are given too."""

    @classmethod
    def of(cls, table: MoveTable, manifold: SharpManifold, learner: MoveLearner, *, seed: int) -> MovePart:
        """Learn from rows. Whether the distance helps is chosen by specimens held back."""
        columns = _telling(table)
        numbers = table.pair[:, columns]
        plain = learner.fit(numbers, table.move_um, specimens=table.specimen, seed=seed)
        if not isinstance(plain, LinearMover):
            return cls(columns, plain, by_distance=False)
        both = _by_distance(numbers, manifold.distance(table.level))
        other = learner.fit(both, table.move_um, specimens=table.specimen, seed=seed)
        if isinstance(other, LinearMover) and other.held < _WORTH * plain.held:
            return cls(columns, other, by_distance=True)
        return cls(columns, plain, by_distance=False)

    def predict(self, pair: NDArray[Any], distance: NDArray[Any]) -> Floats:
        """Of rows of `PAIR_NAMES`."""
        numbers = pair[:, self.columns]
        return self.mover.predict(_by_distance(numbers, distance) if self.by_distance else numbers)

    def draw(self, graph: Graph, distance: str) -> str:
        """The same as steps of a graph: a column."""
        weights = _linear(self.mover)
        parts = np.split(weights, 2) if self.by_distance else [weights]
        move, *times = (graph.step("MatMul", INPUT, graph.constant(_placed(part, self.columns))) for part in parts)
        for one in times:
            near = graph.step("Min", distance, graph.constant(_column(_FARTHEST)))
            part = graph.step("Div", near, graph.constant(_column(_FARTHEST / 2)))
            move = graph.step("Add", move, graph.step("Mul", one, part))
        return move


def _by_distance(numbers: NDArray[Any], distance: NDArray[Any]) -> NDArray[Any]:
    part = (np.minimum(distance, _FARTHEST) / (_FARTHEST / 2)).astype(numbers.dtype)
    return np.concatenate([numbers, numbers * part[:, None]], axis=1)


@dataclass(frozen=True, eq=False)
class AdjustmentModel:
    """See the module."""

    move: MovePart
    stig: tuple[FittedMover, ...]
    """Both stigmators, or none."""
    spread: MoveSpread
    manifold: SharpManifold

    @property
    def says(self) -> tuple[str, ...]:
        """What its columns are."""
        return ("move_um", "sd_um", *(STIGS if self.stig else ()), "distance")

    @property
    def chosen(self) -> dict[str, float]:
        """What was chosen inside the fold, and from how far away it was taught."""
        return {
            **self.move.mover.chosen,
            "rings": float(len(self.move.columns)),
            "by_distance": float(self.move.by_distance),
            "far": self.manifold.far,
        }

    def predict(self, values: NDArray[Any]) -> Floats:
        """(rows, what it says), of rows of `NAMES`."""
        rows = np.asarray(values, np.float32)  # as the graph calculates
        pair, level = rows[:, : len(PAIR_NAMES)], rows[:, len(PAIR_NAMES) :]
        distance = self.manifold.distance(level)
        move = self.move.predict(pair, distance)
        stigs = [mover.predict(pair[:, _ANGULAR]) for mover in self.stig]
        return np.stack([move, self.spread.apply(move), *stigs, distance], axis=1)

    def to_onnx(self, taught: MoveTable) -> bytes:
        """As ONNX. NotExportable where a learner is looked up, or where it says something else."""
        graph = Graph(len(NAMES))
        places = np.eye(len(NAMES), dtype=np.float32)[:, len(PAIR_NAMES) :]
        distance = self.manifold.draw(graph, graph.step("MatMul", INPUT, graph.constant(places)))
        move = self.move.draw(graph, distance)
        beyond = graph.step("Sub", graph.step("Abs", move), graph.constant(_column(self.spread.range_um)))
        grown = graph.step("Mul", graph.step("Relu", beyond), graph.constant(_column(_GROWS)))
        sd = graph.step("Add", grown, graph.constant(_column(self.spread.sd_um)))
        stigs = [graph.step("MatMul", INPUT, graph.constant(_placed(_linear(mover), _ANGULAR))) for mover in self.stig]
        drawn = graph.bytes_of(graph.step("Concat", move, sd, *stigs, distance, axis=1), len(self.says))
        return checked(drawn, self.predict, input_of(taught), allowed=OPERATORS)


def _linear(mover: FittedMover) -> Floats:
    """The weights of a learner that is no more than these."""
    if not isinstance(mover, LinearMover):
        raise NotExportable("what it learned is looked up among rows")
    return mover.weights


def _placed(weights: Floats, columns: NDArray[np.intp]) -> NDArray[np.float32]:
    """A column of weights for all that is given."""
    placed = np.zeros((len(NAMES), 1), np.float32)
    placed[columns, 0] = weights
    return placed


def input_of(table: MoveTable) -> NDArray[np.float32]:
    """What a package is given of each pair, in the order of `NAMES`."""
    return np.concatenate([table.pair, table.level], axis=1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class HeldMoves:
    """What is said of each row by who had not seen its specimen: all that is chosen is chosen by the others alone."""

    said: Floats
    reach_um: Floats
    """The largest move that the others taught."""

    @classmethod
    def of(cls, table: MoveTable, learner: MoveLearner, *, seed: int) -> HeldMoves:
        """Teach once for each specimen; for some together where there are many."""
        said, reach = np.full(len(table), np.nan), np.full(len(table), np.nan)
        for taught, asked in folds_of(table.specimen, seed=seed):
            part = table.where(taught)
            manifold = _manifold(part, seed)
            fitted = MovePart.of(part, manifold, learner, seed=seed)
            said[asked] = fitted.predict(table.pair[asked], manifold.distance(table.level[asked]))
            reach[asked] = np.abs(part.move_um).max()
        return cls(said, reach)


def taught_by(table: MoveTable, learner: MoveLearner, held: HeldMoves, *, seed: int) -> AdjustmentModel:
    """Learn from all rows.

    Args:
        table: Rows that can be learned from.
        learner: The way to learn.
        held: How far it is off of specimens held back is the doubt.
        seed: Of all that is drawn.
    """
    manifold = _manifold(table, seed)
    return AdjustmentModel(
        MovePart.of(table, manifold, learner, seed=seed),
        tuple(_stigs(table, learner, seed)),
        MoveSpread.of(held.said - table.move_um, table.move_um, held.reach_um),
        manifold,
    )


def stigs_within_um(table: MoveTable, held: Floats) -> float:
    """Up to which move what is said of the stigmators is off by no more than half of what was recorded; 0: nowhere.

    Far out of focus directions say little.
    """
    off = held - table.stig
    found = np.asarray(np.isfinite(off).all(axis=1), bool)
    order = [row for row in np.argsort(np.abs(table.move_um), kind="stable") if found[row]]
    within = 0.0
    for count in range(_FEWEST_STIGS // 2, len(order) + 1):
        some = order[:count]
        if np.square(off[some]).mean() <= _USEFUL**2 * np.square(table.stig[some]).mean():
            within = float(np.abs(table.move_um[some[-1]]))
    return round(within, 3)


def _manifold(table: MoveTable, seed: int) -> SharpManifold:
    return manifold_of(table.levels, table.move_um, table.perturbation_um, table.level, table.specimen, seed=seed)


def held_stigs(table: MoveTable, learner: MoveLearner, *, seed: int) -> Floats:
    """The same of both stigmators; NaN where they are not taught."""
    said = np.full((len(table), len(STIGS)), np.nan)
    for taught, asked in folds_of(table.specimen, seed=seed):
        for which, mover in enumerate(_stigs(table.where(taught), learner, seed)):
            said[asked, which] = mover.predict(table.pair[asked][:, _ANGULAR])
    return said


def _telling(table: MoveTable) -> NDArray[np.intp]:
    """The rings that are seldom cut off; all, where none is."""
    cut = np.abs(table.pair[:, _TOLD] * table.perturbation_um[:, None]) >= _CUT_OFF
    kept = _TOLD[cut.mean(axis=0) <= _MOST_CUT_OFF]
    return kept if len(kept) else _TOLD


def _stigs(table: MoveTable, learner: MoveLearner, seed: int) -> Iterator[FittedMover]:
    """Both stigmators, where enough rows carry both and they were turned at all."""
    known = np.asarray(np.isfinite(table.stig).all(axis=1), bool)
    if known.sum() < _FEWEST_STIGS or not np.ptp(table.stig[known], axis=0).all():
        return
    part = table.where(known)
    for which in range(len(STIGS)):
        yield learner.fit(part.pair[:, _ANGULAR], part.stig[:, which], specimens=part.specimen, seed=seed)


def _column(value: float) -> NDArray[np.float32]:
    return np.array([[value]], np.float32)
