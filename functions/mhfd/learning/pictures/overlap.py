"""How much of what a picture says of each place is so: intersection over union, by a mask that somebody drew."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.dataset.besides import MASK_CLASSES, places_of


def overlaps(shown: NDArray[Any], mask: NDArray[Any]) -> dict[str, float]:
    """Of each class that either says is there: the places that both call so, of those that one of them does.

    Args:
        shown: The number of what each pixel is said to show.
        mask: What it shows; `UNKNOWN` where nobody knows.
    """
    said, true = places_of(shown), places_of(mask)
    known = np.isfinite(true)
    found = {}
    for number, name in enumerate(MASK_CLASSES):
        one, other = (said == number) & known, (true == number) & known
        if either := int((one | other).sum()):
            found[name] = int((one & other).sum()) / either
    return found
