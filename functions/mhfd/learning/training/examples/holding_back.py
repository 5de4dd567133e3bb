"""Which of the training groups a training is validated on: whole groups, drawn by the seed; the test's are not here.

Copies have the group of what they were made of, so they lie on its side.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.training import TrainingPlan
from mhfd.errors import UsageError
from mhfd.learning.training.examples.example import Examples

_DRAWS: Final = 64
_DRAWN: Final = 65  # from the plan's seed


def split(examples: Examples, plan: TrainingPlan) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """What is taught and what it is validated on, as numbers of examples.

    Of some draws the one is taken that teaches most classes, then validates most, then is nearest to the part that the
    plan asks for. UsageError where there are not two groups.
    """
    names, at = np.unique(np.asarray(examples.groups, dtype=str), return_inverse=True)
    if len(names) < 2:
        raise UsageError(
            f"dataset: all {len(examples)} images are of one group, {str(names[0])!r}: what is learned of one cannot "
            "be validated on another; at least 2 are needed, 6 are better"
            if len(names)
            else "dataset: no image"
        )
    _, kinds = np.unique(examples.classes, return_inverse=True)
    has = np.zeros((len(names), int(kinds.max()) + 1))
    np.add.at(has, (at, kinds), 1)
    best: tuple[tuple[float, ...], NDArray[Any]] | None = None
    for draw in range(_DRAWS):
        rng = np.random.default_rng([plan.seed, draw, _DRAWN])
        held = _drawn(rng.permutation(len(names)), has.sum(axis=1), plan.validation)
        taught, validated = (has[~held].sum(axis=0), has[held].sum(axis=0))
        off = abs(float(validated.sum()) / len(examples) - plan.validation)
        score = (float((taught > 0).sum()), float((validated > 0).sum()), -off)
        if best is None or score > best[0]:
            best = score, held
    assert best is not None  # noqa: S101  there are draws
    return np.flatnonzero(~best[1][at]), np.flatnonzero(best[1][at])


def _drawn(turn: NDArray[np.intp], sizes: NDArray[np.float64], part: float) -> NDArray[np.bool_]:
    """Groups in their turn while the part is not full; one at least, and never all."""
    held = np.zeros(len(turn), bool)
    wanted = part * float(sizes.sum())
    for group in turn[:-1]:
        if not held.any() or float(sizes[held].sum() + sizes[group] / 2) <= wanted:
            held[group] = True
    return held
