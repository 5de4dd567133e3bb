"""An image as one band, as the detector gives it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mhfd.detector import Features
from mhfd.detector.bands import Band


def whole(pixels: NDArray[Any], features: Features | None = None) -> Band:
    """All rows of it; without features where nobody looks at them."""
    shape = pixels.shape[0], pixels.shape[1]
    none = np.empty(0, np.int32)
    nothing = Features(none, none, none.astype(np.uint8), none.astype(np.float32), (0.0, 1.0), shape)
    return Band(0, shape[0], 0, pixels, nothing if features is None else features)
