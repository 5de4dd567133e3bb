"""From a dataset to numbers, and from numbers to what was learned: the matrix, the baseline, and ways to learn.

`LEARNERS` tell good from bad, or many classes from each other; `RADIUS_LEARNERS` say how large a blur is. They choose
inside the rows that they are given, grouped by source, and decide on nothing: whether what they became is worth having
is said above, on groups that they have not seen.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mhfd.learning.learners.baseline import against_baseline, baseline_of
from mhfd.learning.learners.kinds import Boosting, Linear, Neighbours, Trees, Vectors
from mhfd.learning.learners.learner import (
    CAUSES,
    Fitted,
    FittedRadius,
    Learner,
    NotExportable,
    RadiusLearner,
)
from mhfd.learning.learners.pipeline import KindLearner
from mhfd.learning.learners.radius import KindRadiusLearner

__all__ = [
    "CAUSES",
    "LEARNERS",
    "RADIUS_LEARNERS",
    "Boosting",
    "Fitted",
    "FittedRadius",
    "KindLearner",
    "KindRadiusLearner",
    "Learner",
    "Linear",
    "Neighbours",
    "NotExportable",
    "RadiusLearner",
    "Trees",
    "Vectors",
    "against_baseline",
    "baseline_of",
]

LEARNERS: Final[Mapping[str, Learner]] = MappingProxyType(
    {
        "logistic": KindLearner("logistic", Linear(), (12, 0)),
        "trees": KindLearner("trees", Trees()),
        "boosting": KindLearner("boosting", Boosting()),
        "svm": KindLearner("svm", Vectors(), (16, 0)),
        "knn": KindLearner("knn", Neighbours(), (12, 0)),
    }
)
"""By the name that people type."""

RADIUS_LEARNERS: Final[Mapping[str, RadiusLearner]] = MappingProxyType(
    {
        "linear": KindRadiusLearner("linear", Linear(), (16, 0)),
        "trees": KindRadiusLearner("trees", Trees()),
        "boosting": KindRadiusLearner("boosting", Boosting()),
        "svm": KindRadiusLearner("svm", Vectors(), (16, 0)),
        "knn": KindRadiusLearner("knn", Neighbours(), (16, 0)),
    }
)
"""The same ways, for the radius."""
