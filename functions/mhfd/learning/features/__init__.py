"""Numbers of one image for a learner, in families; of the image and its report alone, and finite whatever it shows.

A family is a module with `NAMES` and `measure(look)`. It is here because it moved held-out results on some task
(docs/benchmarks/features.md); which families a task takes is said here too. Nothing here has seen a label. NumPy is
enough, but for SciPy in `contour` and `texture`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.focus_report import FocusReport
from mhfd.errors import UsageError
from mhfd.learning.features import angular, contour, far, illumination, lines, reported, rings, texture
from mhfd.learning.features.look import Look

__all__ = [
    "CAUSE_FAMILIES",
    "DEFAULT_FAMILIES",
    "FAMILIES",
    "FOCUS_FAMILIES",
    "RADIUS_FAMILIES",
    "VERSION",
    "features_of",
    "names",
]

VERSION: Final = 1
"""Raised when a feature of the same name means another number: what was learned with another version is refused."""


class _Family(NamedTuple):
    names: tuple[str, ...]
    measure: Callable[[Look], NDArray[np.float64]]


_FAMILIES: Final[Mapping[str, _Family]] = {
    "rings": _Family(rings.NAMES, rings.measure),
    "far": _Family(far.NAMES, far.measure),
    "angular": _Family(angular.NAMES, angular.measure),
    "report": _Family(reported.NAMES, reported.measure),
    "contour": _Family(contour.NAMES, contour.measure),
    "texture": _Family(texture.NAMES, texture.measure),
    "illumination": _Family(illumination.NAMES, illumination.measure),
    "lines": _Family(lines.NAMES, lines.measure),
}
FAMILIES: Final[tuple[str, ...]] = tuple(_FAMILIES)
"""All of them, in the order in which features are given."""
FOCUS_FAMILIES: Final[tuple[str, ...]] = ("rings", "angular")
"""What a learner of focus takes."""
CAUSE_FAMILIES: Final[tuple[str, ...]] = FAMILIES
"""What a learner of the cause takes."""
RADIUS_FAMILIES: Final[tuple[str, ...]] = ("rings", "far")
"""What a learner of the radius takes."""
DEFAULT_FAMILIES: Final[tuple[str, ...]] = FOCUS_FAMILIES
"""What is taken where nobody says."""
_MOST: Final = 1e6


def names(families: Iterable[str] = DEFAULT_FAMILIES) -> tuple[str, ...]:
    """The name of each feature, `family.name`, in the order in which `features_of` gives them."""
    return tuple(f"{family}.{name}" for family in _chosen(families) for name in _FAMILIES[family].names)


def features_of(
    pixels: NDArray[Any], report: FocusReport, families: Iterable[str] = DEFAULT_FAMILIES
) -> NDArray[np.float32]:
    """The features of one image, as many as `names(families)`.

    Args:
        pixels: Two-dimensional grey values of any type.
        report: What `mhfd.score` said of these pixels.
        families: Some of `FAMILIES`, in any order: given are they in that of `FAMILIES`.
    """
    look = Look(pixels, report)
    parts = [_FAMILIES[family].measure(look) for family in _chosen(families)]
    values = np.concatenate(parts) if parts else np.empty(0)
    return np.clip(np.nan_to_num(values, nan=0.0, posinf=_MOST, neginf=-_MOST), -_MOST, _MOST).astype(np.float32)


def _chosen(families: Iterable[str]) -> list[str]:
    wanted = set(families)
    if unknown := sorted(wanted - set(FAMILIES)):
        raise UsageError(f"families: no family {unknown[0]!r}; choose from {', '.join(FAMILIES)}")
    return [family for family in FAMILIES if family in wanted]
