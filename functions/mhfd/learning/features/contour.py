"""Objects by threshold and by gradient, and the shape of their contours: dust, charging, tears, folds, empty resin.

Bright and dark objects are far from the middle of the grey values; flat ones show next to nothing, for their
neighbourhood; edges are where brightness changes most. Of each kind: how many, how much of the image, and of the
largest how round, how long and how rough. On the small picture, so that noise makes no objects.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.features.look import Look, Plane

_FAR: Final = 2.5
"""From the middle to a bright or dark object, in parts of from the middle to the 10th or 90th percentile."""
_STEEP: Final = 4.0
"""Of the median of gradients: an edge."""
_FLAT: Final = 0.35
"""Of the median of local contrasts: flat."""
_LEAST: Final = 6
"""Pixels of an object."""
KINDS: Final = ("bright", "dark", "edge", "flat")
_OF_EACH: Final = ("share", "count", "largest", "round", "long", "rough", "extent")
NAMES: Final = tuple(f"{kind}_{what}" for kind in KINDS for what in _OF_EACH)

Mask = NDArray[np.bool_]


def measure(look: Look) -> NDArray[np.float64]:
    """Of each kind seven numbers; all 0 where there is none."""
    if look.flat:
        return np.zeros(len(NAMES))
    from scipy import ndimage

    picture: Plane = ndimage.uniform_filter(look.small, 3, mode="nearest")
    low, middle, high = np.percentile(picture[::2, ::2], (10, 50, 90))
    wide: Plane = ndimage.uniform_filter(picture, 5, mode="nearest")
    down, along = np.gradient(wide)
    steep = np.hypot(down, along)
    contrast = np.sqrt(np.maximum(ndimage.uniform_filter(picture**2, 15) - ndimage.uniform_filter(picture, 15) ** 2, 0))
    masks = (
        picture > min(middle + _FAR * (high - middle), 0.98),
        picture < max(middle - _FAR * (middle - low), 0.02),
        steep > max(_STEEP * float(np.median(steep[::2, ::2])), 1e-4),
        contrast < _FLAT * float(np.percentile(contrast[::2, ::2], 75)),
    )
    return np.array([value for mask in masks for value in _objects(mask)])


def _objects(mask: Mask) -> list[float]:
    """Share, logarithm of the number, and of the largest: share, roundness, length over breadth, roughness, extent."""
    from scipy import ndimage

    label, count = ndimage.label(mask)
    areas = np.bincount(label.ravel(), minlength=count + 1)[1:]
    if not count or areas.max() < _LEAST:
        return [0.0] * len(_OF_EACH)
    largest = int(areas.argmax())
    rows, cols = ndimage.find_objects(label, max_label=largest + 1)[largest]
    one = label[rows, cols] == largest + 1
    area = float(areas[largest])
    around = _perimeter(one)
    long = _elongation(one)
    return [
        float(areas[areas >= _LEAST].sum()) / mask.size,
        float(np.log1p(np.count_nonzero(areas >= _LEAST))),
        area / mask.size,
        min(4 * np.pi * area / around**2, 1.0),
        float(np.log(long)),
        float(np.log(around / _ellipse(area, long))),
        float(np.hypot(*one.shape) / np.hypot(*mask.shape)),
    ]


def _perimeter(one: Mask) -> float:
    """The length of its contour: edges of pixels, less what their steps are longer than a line."""
    padded = np.pad(one, 1)
    edges = np.count_nonzero(padded[1:] != padded[:-1]) + np.count_nonzero(padded[:, 1:] != padded[:, :-1])
    return float(edges) * np.pi / 4


def _elongation(one: Mask) -> float:
    """Length over breadth of the ellipse with the same second moments."""
    y, x = np.nonzero(one)
    spread = np.cov(np.stack([y, x]).astype(np.float64)) if len(y) > 1 else np.zeros((2, 2))
    least, most = np.linalg.eigvalsh(spread + np.eye(2) / 12)
    return float(np.sqrt(most / max(least, 1 / 12)))


def _ellipse(area: float, long: float) -> float:
    """The contour of an ellipse of this area, so many times longer than broad (Ramanujan's approximation)."""
    a = np.sqrt(area * long / np.pi)
    b = a / long
    return float(np.pi * (3 * (a + b) - np.sqrt((3 * a + b) * (a + 3 * b))))
