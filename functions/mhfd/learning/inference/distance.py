"""How far an image lies from those that a package was taught with: 1 is the edge, beyond which it is not asked.

Of all that a model is given (its reach), or of the spectrum in rings alone, which every image has: so what drifts at a
microscope is seen also where a package answers to everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.features import VERSION, names

if TYPE_CHECKING:
    from mhfd.learning.packages import Card, Reach

FAMILY: Final = "rings"
"""The family of features that the rings of a card are of."""
RINGS: Final = names((FAMILY,))
"""These features, in their order."""


def parts_of(reach: Reach, given: NDArray[Any]) -> float:
    """The distance of a row of numbers, in parts of how far it may be."""
    apart = (np.asarray(given, np.float64) - np.asarray(reach.center)) / np.asarray(reach.spread)
    return float(np.sqrt(np.mean(np.square(apart)))) / reach.far


def rings_apart(card: Card, features: Mapping[str, float]) -> float | None:
    """The distance of an image by its features, as they are, with no baseline taken off; None: nobody knows it."""
    if card.rings is None or len(card.rings.center) != len(RINGS):
        return None
    if card.recipe.preparation or (card.recipe.network is None and card.recipe.features_version != VERSION):
        return None  # its numbers mean something else
    given = np.array([features.get(name, np.nan) for name in RINGS], np.float64)
    return parts_of(card.rings, given) if np.isfinite(given).all() else None
