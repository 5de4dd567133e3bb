"""What can be taught, and of what: focus, the cause, the radius; which columns, which target, which learners.

A radius belongs to the task `focus` of packages: it says how far out of focus an image is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import UsageError
from mhfd.learning import features
from mhfd.learning.dataset.rows import ImageCause
from mhfd.learning.learners.imbalance import Balance, sampled
from mhfd.learning.learners.learner import Fitted, FittedRadius, Learner, RadiusLearner
from mhfd.learning.learners.matrix import Matrix
from mhfd.learning.packages.card import ModelTask

LessonName = Literal["focus", "cause", "radius"]


@dataclass(frozen=True)
class Lesson:
    """One thing that can be taught."""

    name: LessonName
    task: ModelTask
    families: tuple[str, ...]
    classes: int
    """2 for good and bad, 0 for a number."""
    says: tuple[str, ...]
    """What a model's columns are."""
    figure: str
    """What is measured of it, in words."""
    usual: str
    """The learner that is taken where nobody says one."""
    by_baseline: bool
    """Features are compared with those of the group's sharp images, where there are any."""
    labels: str
    """What a dataset has to say of images, for a person."""

    def target(self, matrix: Matrix) -> NDArray[np.float64]:
        """Of each row; NaN where nobody said."""
        return {"focus": matrix.bad, "cause": matrix.cause_number, "radius": matrix.radius_px}[self.name]


LESSONS: Final[Mapping[str, Lesson]] = MappingProxyType(
    {
        "focus": Lesson(
            "focus", "focus", features.FOCUS_FAMILIES, 2, ("bad",), "AUC", "logistic", True, "whether it is bad"
        ),
        "cause": Lesson(
            "cause",
            "cause",
            features.CAUSE_FAMILIES,
            len(ImageCause),
            tuple(cause.value for cause in ImageCause),
            "mean part of each cause that is named rightly",
            "trees",
            False,
            "its cause",
        ),
        "radius": Lesson(
            "radius",
            "focus",
            features.RADIUS_FAMILIES,
            0,
            ("radius_px", "sd"),
            "median of |log((said + .5) / (true + .5))|",
            "boosting",
            True,
            "the radius of its blur",
        ),
    }
)


def lesson_of(name: str) -> Lesson:
    """By its name. UsageError."""
    if name not in LESSONS:
        raise UsageError(f"lesson: {name!r} cannot be taught; choose from {', '.join(LESSONS)}")
    return LESSONS[name]


def teach(
    learner: Learner | RadiusLearner,
    matrix: Matrix,
    lesson: Lesson,
    rows: NDArray[np.intp],
    *,
    seed: int,
    balance: Balance,
) -> Fitted | FittedRadius:
    """Let a learner learn from some of the rows."""
    target = lesson.target(matrix)
    known = rows[np.isfinite(target[rows]) & np.isfinite(matrix.values[rows]).all(axis=1)]
    if balance == "sampling" and lesson.classes:
        known = known[sampled(target[known], [matrix.groups[row] for row in known], seed=seed)]
    weights = np.ones(len(known)) if balance == "none" else None
    groups = [matrix.groups[row] for row in known]
    values, wanted = matrix.values[known], target[known]
    if lesson.classes:
        taught: Any = learner
        fitted: Fitted = taught.fit(values, wanted, groups=groups, seed=seed, weights=weights, classes=lesson.classes)
        return fitted
    return learner.fit(values, wanted, groups=groups, seed=seed)
