"""Two files -> a pair of images, with what the files say of them. Wrong arguments raise; a bad image is told as a flaw.

Bounding boxes and data bars are left out as everywhere; where only one of the two was seen to have a bar, the part that
is image in both is taken.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.focus_report import Box
from mhfd.errors import UsageError
from mhfd.images import Image, load
from mhfd.learning.manifold.pair import ImagePair
from mhfd.learning.manifold.tiles import LEAST_SIDE

PERTURBATIONS_UM: Final = (1.0, 10.0)
"""How far from the middle the two images of a pair may be taken."""
SAME_PIXEL: Final = 0.02
"""How far apart two pixel sizes may be that count as one, as a part of them."""
_NOTHING: Final = np.zeros((0, 0), np.uint8)


def checked_perturbation(um: float) -> float:
    """The same, within what is offered; UsageError."""
    low, high = PERTURBATIONS_UM
    if not low <= um <= high:  # NaN too
        raise UsageError(
            f"perturbation: {um:g} um is not offered; give {low:g} to {high:g} um, half of what lies between A and B"
        )
    return um


def read_pair(a: Path, b: Path, perturbation_um: float) -> ImagePair:
    """The pair in two files.

    Args:
        a: Taken at a working distance that is longer by the perturbation than the middle between the two.
        b: ... and shorter.
        perturbation_um: 1 to 10 um.
    """
    checked_perturbation(perturbation_um)
    for name, path in (("A", a), ("B", b)):
        if not path.is_file():
            why = "is a folder" if path.is_dir() else "there is no such file"
            raise UsageError(f"{name}: {path}: {why}; name the two images of a pair, A first")
    if a.resolve() == b.resolve():
        raise UsageError(f"A and B: {a} is named twice; a pair is two images, taken on both sides of the focus")
    first, second = load(a), load(b)
    planes = _both(first, second)
    return ImagePair(
        *planes,
        perturbation_um,
        pixel_nm=_same(first.info.pixel_nm, second.info.pixel_nm),
        age_s=max(0.0, time.time() - min(path.stat().st_mtime for path in (a, b))),
        dwell_ns=_same(first.info.dwell_ns, second.info.dwell_ns),
        distances_um=_distances(first, second),
        flaw=_flaw(a, first) or _flaw(b, second),
        pixels_nm=_differ(first.info.pixel_nm, second.info.pixel_nm),
        sha256=(first.info.sha256, second.info.sha256),
    )


def alike(one: float, other: float) -> bool:
    """Two pixel sizes that count as one."""
    return abs(one - other) <= SAME_PIXEL * max(one, other)


def _flaw(path: Path, image: Image) -> str | None:
    pixels = image.pixels
    if pixels is None:
        return f"{path.name} is {image.finding.value.replace('_', ' ')}: {image.detail}"
    if min(pixels.shape) < LEAST_SIDE:
        return f"{path.name} has {pixels.shape[0]} x {pixels.shape[1]} pixels; at least {LEAST_SIDE} a side are needed"
    return None


def _both(first: Image, second: Image) -> tuple[NDArray[Any], NDArray[Any]]:
    """The pixels of each; what is image in both, where both are stored in one size."""
    a, b = first.pixels, second.pixels
    if a is None or b is None:
        return _NOTHING, _NOTHING
    if a.shape == b.shape or first.info.shape != second.info.shape:
        return a, b
    boxes = [_box(image) for image in (first, second)]
    top, left = max(box.top for box in boxes), max(box.left for box in boxes)
    bottom, right = min(box.bottom for box in boxes), min(box.right for box in boxes)
    if bottom - top < LEAST_SIDE or right - left < LEAST_SIDE:
        return a, b
    parts = [
        plane[top - box.top : bottom - box.top, left - box.left : right - box.left]
        for plane, box in zip((a, b), boxes, strict=True)
    ]
    return parts[0], parts[1]


def _box(image: Image) -> Box:
    if image.info.box is not None:
        return image.info.box
    height, width = image.info.shape or (0, 0)
    return Box(top=0, left=0, bottom=height, right=width)


def _same(one: float | None, other: float | None) -> float | None:
    """What both say, or the only one that says it; None where they differ."""
    if one is None or other is None:
        return other if one is None else one
    return (one + other) / 2 if alike(one, other) else None


def _differ(one: float | None, other: float | None) -> tuple[float, float] | None:
    return None if one is None or other is None or alike(one, other) else (one, other)


def _distances(first: Image, second: Image) -> tuple[float, float] | None:
    said = first.info.focus_m, second.info.focus_m
    return None if said[0] is None or said[1] is None else (said[0] * 1e6, said[1] * 1e6)
