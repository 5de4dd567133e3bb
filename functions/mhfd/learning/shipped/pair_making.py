"""Teaches the sign of a pair, asks specimens that were not seen, and makes the package of the task `adjust`.

One number of a pair, times what the simulator teaches: images that are exchanged get the other sign, and what it says
grows with the way to the focus, so that one known move shows how far a unit goes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.base import METHOD_VERSION
from mhfd.learning.learners.export import checked
from mhfd.learning.learners.graph import Graph
from mhfd.learning.manifold.asking import FAMILY, UNIT
from mhfd.learning.manifold.pair import PAIR_VERSION, SLOPE_NAME, measured
from mhfd.learning.manifold.refusing import by_what_is_seen
from mhfd.learning.packages import OPERATORS, Card, CardRow, Recipe
from mhfd.learning.shipped.making import LICENCE, SEED, ModelMade, code_of
from mhfd.learning.shipped.pairs import PIXELS_NM, DrawnPair, drawn_pairs

TITLE: Final = "mhfd-adjust"
FARTHEST_PX: Final = 20.0
"""Pairs with an image that is blurrier than this teach nothing."""
LEAST_PX2: Final = 1.0
"""Where the squares of the two radii are nearer to each other, noise may hide which is the sharper."""
LEAST_UM: Final = 1.0
"""Nearer to the focus, its side does not matter."""
_TAUGHT: Final = (range(60), 8)
_ASKED: Final = (range(1000, 1030), 8)
_TEST_ROWS: Final = 8
_HOW: Final = "simulated specimens never seen"
_MODULES: Final = ("pair_making.py", "pairs.py")


@dataclass(frozen=True, slots=True, eq=False)
class PairTable:
    """What pairs show, a row each, and what is true of them."""

    values: NDArray[np.float32]
    move_um: NDArray[np.float64]
    px_a_um: NDArray[np.float64]
    perturbation_um: NDArray[np.float64]
    farthest_px: NDArray[np.float64]
    apart_px2: NDArray[np.float64]
    points: NDArray[np.bool_]
    refused: NDArray[np.bool_]
    """Nothing is said of these."""
    groups: tuple[str, ...]

    @property
    def truth(self) -> NDArray[np.float64]:
        """What is to be added, in the package's own unit: um times the square of px a um."""
        return self.move_um * self.px_a_um**2

    @property
    def digest(self) -> str:
        """Of all that is learned from."""
        said = hashlib.sha256(repr(self.groups).encode())
        for numbers in (self.values, self.move_um, self.px_a_um, self.perturbation_um):
            said.update(np.ascontiguousarray(numbers).tobytes())
        return said.hexdigest()


def pair_table(drawn: Sequence[DrawnPair]) -> PairTable:
    """Measure pairs."""
    seen = [measured(one.pair) for one in drawn]
    return PairTable(
        values=np.array([[one.slope] for one in seen], np.float32),
        move_um=np.array([one.move_um for one in drawn]),
        px_a_um=np.array([one.px_a_um for one in drawn]),
        perturbation_um=np.array([one.pair.perturbation_um for one in drawn]),
        farthest_px=np.array([one.farthest_px for one in drawn]),
        apart_px2=np.array([one.apart_px2 for one in drawn]),
        points=np.array([one.points for one in drawn]),
        refused=np.array([by_what_is_seen(one.pair, it) is not None for one, it in zip(drawn, seen, strict=True)]),
        groups=tuple(one.specimen for one in drawn),
    )


def adjust_lesson() -> tuple[PairTable, PairTable]:
    """What the package is taught with, and what it is asked."""
    taught, asked = (pair_table(list(drawn_pairs(*which))) for which in (_TAUGHT, _ASKED))
    return taught, asked


def adjust_made(taught: PairTable, asked: PairTable) -> ModelMade:
    """The sign of what is to be added, in a unit that is the package's own."""
    factor = np.array([[fitted_factor(taught)]], np.float32)
    graph = Graph(1)
    onnx = graph.bytes_of(graph.step("MatMul", "features", graph.constant(factor)), 1)
    checked(onnx, lambda rows: rows.astype(np.float64) @ factor, taught.values, allowed=OPERATORS)
    said = asked.values.astype(np.float64) @ factor
    card = Card(
        title=TITLE,
        task="adjust",
        parent=None,
        dataset=taught.digest,
        groups_seen=tuple(sorted(set(taught.groups))),
        assumptions=(
            "A was taken at a working distance that is longer by the perturbation, B at one that is shorter by it.",
            "Both show the same field, and their settings differ in nothing else.",
            "What it says is the sign of what is to be added to the working distance. How far is not known before a "
            "known move has shown how far a unit goes.",
        ),
        recipe=Recipe(
            learner="factor",
            families=(FAMILY,),
            names=(SLOPE_NAME,),
            features_version=PAIR_VERSION,
            method_version=METHOD_VERSION,
            baseline=False,
            says=(UNIT,),
            chosen={},
        ),
        seed=SEED,
        code=code_of(_MODULES),
        pixel_nm=PIXELS_NM,
        data_licence=LICENCE,
        table=(*sign_rows(said[:, 0], asked), *straight_rows(said[:, 0], asked)),
    )
    rows = asked.values[:: max(1, len(said) // _TEST_ROWS)][:_TEST_ROWS]
    about = (
        "In which direction the working distance is to be changed, from a pair of images on both sides of it: by how "
        "fast the ratio of their power grows with the frequency. Taught with the simulator of mhfd alone."
    )
    return ModelMade(card, onnx, rows, (rows.astype(np.float64) @ factor).astype(np.float32), about)


def fitted_factor(taught: PairTable) -> float:
    """What the number is to be multiplied with, so that it says the truth typically."""
    use = ~taught.refused & (taught.farthest_px < FARTHEST_PX) & (taught.apart_px2 > LEAST_PX2)
    said = taught.values[use, 0].astype(np.float64)
    return float(np.median(taught.truth[use] / np.where(said == 0, np.inf, said)))


def sign_rows(said: NDArray[np.float64], asked: PairTable) -> tuple[CardRow, ...]:
    """How often the sign is right and how often nothing is said, by how blurred the images are and what they show."""
    right = np.sign(said) == np.sign(asked.move_um)
    beyond, far, wide = np.abs(asked.move_um) > LEAST_UM, asked.farthest_px, asked.perturbation_um
    kinds: dict[str, NDArray[np.bool_]] = {
        "all": beyond,
        "the blurrier has up to 3 px": beyond & (far < 3),
        "3 to 6 px": beyond & (far >= 3) & (far < 6),
        "6 to 12 px": beyond & (far >= 6) & (far < 12),
        "12 to 25 px": beyond & (far >= 12) & (far < 25),
        "25 px and more": beyond & (far >= 25),
        "perturbation 1 to 2 um": beyond & (wide < 2),
        "perturbation 2 to 5 um": beyond & (wide >= 2) & (wide < 5),
        "perturbation 5 to 10 um": beyond & (wide >= 5),
        "tissue": beyond & ~asked.points,
        "bright points on black": beyond & asked.points,
    }
    found = []
    for name, rows in kinds.items():
        if (answered := rows & ~asked.refused).any():
            found.append(_row(f"move beyond 1 um, {name}: sign right", right, answered, asked.groups))
        if rows.any():
            found.append(_row(f"move beyond 1 um, {name}: refused", asked.refused, rows, asked.groups))
    return tuple(found)


def straight_rows(said: NDArray[np.float64], asked: PairTable) -> tuple[CardRow, ...]:
    """What is said over what is true: the same everywhere would be a straight line, whatever the optics are."""
    part = said / asked.truth
    found = []
    for low, high in pairwise((0.0, 3.0, 6.0, 12.0, 20.0)):
        rows = ~asked.refused & (asked.farthest_px >= low) & (asked.farthest_px < high)
        rows &= asked.apart_px2 > LEAST_PX2
        if rows.any():
            for name, share in (("5%", 0.05), ("median", 0.5), ("95%", 0.95)):
                what = f"unit over truth, blurrier {low:g} to {high:g} px: {name}"
                found.append(_valued(what, float(np.quantile(part[rows], share)), rows, asked.groups))
    return tuple(found)


def _row(what: str, right: NDArray[np.bool_], rows: NDArray[np.bool_], groups: Sequence[str]) -> CardRow:
    return _valued(what, float(right[rows].mean()), rows, groups)


def _valued(what: str, value: float, rows: NDArray[np.bool_], groups: Sequence[str]) -> CardRow:
    named = {group for group, within in zip(groups, rows, strict=True) if within}
    return CardRow(what=what, value=round(value, 3), rows=int(rows.sum()), groups=len(named), condition=_HOW)
