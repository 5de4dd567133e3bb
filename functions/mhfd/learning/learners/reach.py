"""How far from what was learned an image may lie before a model has nothing to say of it, and what the source was."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import mhfd.learning
from mhfd.learning.features import names
from mhfd.learning.learners.matrix import Matrix
from mhfd.learning.packages.card import Reach

_FARTHEST: Final = 0.995
_BEYOND: Final = 1.5
"""Times the distance that so many of the rows lie within: groups never seen lie somewhat further out."""
_NARROW: Final = 0.1
_ANYWHERE: Final = 1e9
_WIDER: Final = 0.1
"""Of what a number spans in what was taught: so much further it may lie, either way."""
_SOURCES: Final = ("features", "learners", "preparation")


def reach_of(taught: NDArray[Any], *, limits: bool = False) -> Reach:
    """Of the rows that a model learned from, in its own input. Rows with NaN are left out.

    `limits`: each number by itself has to lie about where it did in these rows.

    The spread of a column that is nearly always the same is its standard deviation, as its median says nothing; of one
    that never varied it has no end: no learner looks at it.
    """
    rows = np.asarray(taught, np.float64)
    rows = rows[np.isfinite(rows).all(axis=1)]
    center = np.median(rows, axis=0)
    deviation = rows.std(axis=0)
    spread = 1.4826 * np.median(np.abs(rows - center), axis=0)
    spread = np.where(spread > _NARROW * deviation, spread, deviation)
    spread = np.where(spread > 0, np.maximum(spread, 1e-9), _ANYWHERE)
    distance = np.sqrt((((rows - center) / spread) ** 2).mean(axis=1))
    far = max(_BEYOND * float(np.quantile(distance, _FARTHEST)), 1e-6)
    low, high = rows.min(axis=0), rows.max(axis=0)
    more = _WIDER * (high - low)
    between = {"low": tuple((low - more).tolist()), "high": tuple((high + more).tolist())} if limits else {}
    return Reach(center=tuple(center.tolist()), spread=tuple(spread.tolist()), far=far, **between)


def rings_of(matrix: Matrix) -> Reach | None:
    """Of the spectra in rings of the images, copies of them left out; None: they were not taken."""
    wanted = names(("rings",))
    if not set(wanted) <= set(matrix.names):
        return None
    original = [own == origin for own, origin in zip(matrix.sha256, matrix.family, strict=True)]
    rows = matrix.values[original][:, [matrix.names.index(name) for name in wanted]]
    return reach_of(rows) if np.isfinite(rows).all(axis=1).any() else None


def code_digest(folders: Sequence[str] = _SOURCES) -> str:
    """Of the source in some folders: it says whether the same would be made again.

    Without a word, those by which features are taken and learned from.
    """
    home = Path(mhfd.learning.__file__).parent
    said = hashlib.sha256()
    for folder in folders:
        for path in sorted((home / folder).glob("**/*.py")):
            said.update(path.relative_to(home).as_posix().encode() + b"\0")
            said.update(hashlib.sha256(path.read_bytes()).digest())
    return said.hexdigest()
