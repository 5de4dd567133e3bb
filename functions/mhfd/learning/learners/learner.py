"""The seam: what learns from a matrix, and what it became. No library of learning is named here."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import MhfdError

CAUSES: Final = 13
"""What an image may be: in focus, or one of twelve reasons why it is bad (`mhfd.learning.dataset.rows.Cause`)."""

Chosen = Mapping[str, float]
"""What was chosen inside the fold, by its name: the ridge, the leaves of a tree, how many features."""


class NotExportable(MhfdError):
    """A learner cannot be written as a package: it may be compared, and is never promoted. Says why."""


class Fitted(Protocol):
    """What a learner became. It knows the columns that it was taught with, and no names."""

    @property
    def chosen(self) -> Chosen:
        """What was chosen inside the fold."""
        ...

    def predict(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """How likely each row is bad, (rows,), or each of `classes`, (rows, classes). A row with NaN gets NaN.

        Good and bad, or every class, count as equally frequent unless weights said otherwise.
        """
        ...

    def to_onnx(self) -> bytes:
        """The same as ONNX: `features` float32 (rows, columns) -> `said` float32. The same bytes every time.

        Raises:
            NotExportable: What it says differs by more than 1e-5, or needs an operator that no package may have.
        """
        ...


class Learner(Protocol):
    """One way to learn."""

    @property
    def name(self) -> str:
        """As people type it."""
        ...

    def fit(
        self,
        values: NDArray[Any],
        target: NDArray[Any],
        *,
        groups: Sequence[str],
        seed: int,
        weights: NDArray[Any] | None = None,
        classes: int = 2,
    ) -> Fitted:
        """Learn; the same rows and seed give the same.

        Args:
            values: One row an image. Rows with NaN, in them or in the target, are left out.
            target: Of each row 1 for bad and 0 for good; or the number of its class.
            groups: Of each row: rows of one group are never on two sides of an inner split.
            seed: Of all that is drawn.
            weights: Of each row; nothing for weights that make the classes equal.
            classes: 2 for good and bad; more for so many classes, of which some may be missing in the rows.

        Raises:
            UsageError: The rows do not fit each other, or are of one class.
        """
        ...


class FittedRadius(Protocol):
    """What a learner of the radius became."""

    @property
    def chosen(self) -> Chosen:
        """What was chosen inside the fold."""
        ...

    def predict(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """(rows, 2): the radius in pixels, and one standard deviation of what it is off by in groups never seen."""
        ...

    def to_onnx(self) -> bytes:
        """See `Fitted`."""
        ...


class RadiusLearner(Protocol):
    """One way to learn how large a blur is."""

    @property
    def name(self) -> str:
        """As people type it."""
        ...

    def fit(
        self,
        values: NDArray[Any],
        radius_px: NDArray[Any],
        *,
        groups: Sequence[str],
        seed: int,
        weights: NDArray[Any] | None = None,
    ) -> FittedRadius:
        """As for `Learner`; `radius_px` is 0 for a sharp image, and NaN where nobody knows it."""
        ...
