"""Teaches the sign of a pair, asks specimens that were not seen, and makes the package of the task `adjust`.

A line through what a pair shows, without a constant: images that are exchanged get the other sign, and what it says
grows with the way to the focus, so that one known move shows how far a unit goes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.base import METHOD_VERSION
from mhfd.learning.learners.export import checked
from mhfd.learning.learners.graph import Graph
from mhfd.learning.manifold.asking import FAMILY, UNIT
from mhfd.learning.manifold.pair import PAIR_VERSION, RING_NAMES, measured
from mhfd.learning.packages import OPERATORS, Card, CardRow, Recipe
from mhfd.learning.shipped.making import LICENCE, SEED, ModelMade, code_of
from mhfd.learning.shipped.pairs import PIXELS_NM, DrawnPair, drawn_pairs

TITLE: Final = "mhfd-adjust"
STRENGTH: Final = 0.1
FARTHEST_PX: Final = 12.0
"""Pairs with an image that is blurrier than this teach nothing: its finest rings are upside down."""
LEAST_PX2: Final = 1.0
"""Where the squares of the two radii are nearer to each other, noise may hide which is the sharper."""
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
    perturbation_um: NDArray[np.float64]
    farthest_px: NDArray[np.float64]
    apart_px2: NDArray[np.float64]
    points: NDArray[np.bool_]
    groups: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Of all that is learned from."""
        said = hashlib.sha256(repr(self.groups).encode())
        for numbers in (self.values, self.move_um, self.perturbation_um):
            said.update(np.ascontiguousarray(numbers).tobytes())
        return said.hexdigest()


def pair_table(drawn: Sequence[DrawnPair]) -> PairTable:
    """Measure pairs."""
    rings = len(RING_NAMES)
    return PairTable(
        values=np.array([measured(one.pair).features[:rings] for one in drawn], np.float32),
        move_um=np.array([one.move_um for one in drawn]),
        perturbation_um=np.array([one.pair.perturbation_um for one in drawn]),
        farthest_px=np.array([one.farthest_px for one in drawn]),
        apart_px2=np.array([one.apart_px2 for one in drawn]),
        points=np.array([one.points for one in drawn]),
        groups=tuple(one.specimen for one in drawn),
    )


def adjust_lesson() -> tuple[PairTable, PairTable]:
    """What the package is taught with, and what it is asked."""
    taught, asked = (pair_table(list(drawn_pairs(*which))) for which in (_TAUGHT, _ASKED))
    return taught, asked


def adjust_made(taught: PairTable, asked: PairTable) -> ModelMade:
    """The sign of what is to be added, in a unit that is the package's own."""
    line = fitted_line(taught)
    graph = Graph(len(RING_NAMES))
    onnx = graph.bytes_of(graph.step("MatMul", "features", graph.constant(line)), 1)
    checked(onnx, lambda rows: rows.astype(np.float64) @ line, taught.values, allowed=OPERATORS)
    said = asked.values.astype(np.float64) @ line
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
            learner="line",
            families=(FAMILY,),
            names=RING_NAMES,
            features_version=PAIR_VERSION,
            method_version=METHOD_VERSION,
            baseline=False,
            says=(UNIT,),
            chosen={"strength": STRENGTH},
        ),
        seed=SEED,
        code=code_of(_MODULES),
        pixel_nm=PIXELS_NM,
        data_licence=LICENCE,
        table=sign_rows(said[:, 0], asked),
    )
    rows = asked.values[:: max(1, len(said) // _TEST_ROWS)][:_TEST_ROWS]
    about = (
        "In which direction the working distance is to be changed, from a pair of images on both sides of it: a line "
        "through the ratios of their power, taught with the simulator of mhfd alone."
    )
    return ModelMade(card, onnx, rows, (rows.astype(np.float64) @ line).astype(np.float32), about)


def fitted_line(taught: PairTable) -> NDArray[np.float32]:
    """Weights of the rings, by the logistic line that tells the two signs apart best."""
    from sklearn.linear_model import LogisticRegression

    use = (taught.farthest_px < FARTHEST_PX) & (taught.apart_px2 > LEAST_PX2 / 10)
    # Taught with what differs between two images, not per um: else small perturbations would have all the say.
    values = taught.values[use].astype(np.float64) * taught.perturbation_um[use, None]
    both = np.concatenate([values, -values])
    sign = np.sign(taught.move_um[use])
    line = LogisticRegression(C=STRENGTH, fit_intercept=False, max_iter=5000, tol=1e-8)
    line.fit(both, np.concatenate([sign, -sign]))
    weights: NDArray[np.float32] = line.coef_[0].astype(np.float32)[:, None]
    return weights


def sign_rows(said: NDArray[np.float64], asked: PairTable) -> tuple[CardRow, ...]:
    """How often the sign is right, by how blurred the images are, how far apart, and where they come from."""
    right = np.sign(said) == np.sign(asked.move_um)
    plain, far = asked.apart_px2 > LEAST_PX2, asked.farthest_px
    wide = asked.perturbation_um
    kinds: dict[str, NDArray[np.bool_]] = {
        "every pair": np.ones(len(right), np.bool_),
        "the images hardly differ": ~plain,
        "the blurrier has up to 3 px": plain & (far < 3),
        "3 to 6 px": plain & (far >= 3) & (far < 6),
        "6 to 12 px": plain & (far >= 6) & (far < 12),
        "12 px and more": plain & (far >= 12),
        "perturbation 1 to 2 um": plain & (wide < 2),
        "perturbation 2 to 5 um": plain & (wide >= 2) & (wide < 5),
        "perturbation 5 to 10 um": plain & (wide >= 5),
        "tissue": plain & ~asked.points,
        "bright points on black": plain & asked.points,
    }
    return tuple(_row(f"sign right, {name}", right, rows, asked.groups) for name, rows in kinds.items() if rows.any())


def _row(what: str, right: NDArray[np.bool_], rows: NDArray[np.bool_], groups: Sequence[str]) -> CardRow:
    named = {group for group, within in zip(groups, rows, strict=True) if within}
    value = round(float(right[rows].mean()), 3)
    return CardRow(what=what, value=value, rows=int(rows.sum()), groups=len(named), condition=_HOW)
