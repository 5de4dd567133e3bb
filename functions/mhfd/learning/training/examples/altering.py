"""Altered copies of a training image: turned, mirrored, and as the data sets A and B of the M-CNN paper were made.

Which copy is shown is a function of seed, epoch and place: whoever trains with however many workers shows the same.
What does not add up in the paper is in docs/explanation/what-a-network-sees.md and in this module's test.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.training import Copies, TrainingPlan

STEP: Final = 15
"""Degrees between the rotations of set B."""
_OF_A_PLACE, _OF_A_STEP = 61, 62  # what is drawn from the plan's seed, so that no two draws are one


@dataclass(frozen=True, slots=True)
class Copy:
    """How an image is altered: mirrored, then turned."""

    mirrored: bool = False
    """Left and right exchanged. Above and below are, where it is turned by two quarters besides."""
    quarters: int = 0
    """Turns of 90 degrees, against the clock."""
    degrees: int = 0
    """Beyond these; the pixels are interpolated. Of a `square` alone."""
    square: bool = False
    """The square in the middle that lies inside however the image is turned: all else is cut off."""
    key: tuple[int, ...] = ()
    """Of the place in the training, to draw more from: seed, epoch, place."""

    def of(self, planes: NDArray[Any]) -> NDArray[Any]:
        """The last two axes altered."""
        if self.mirrored:
            planes = planes[..., ::-1]
        if self.quarters % 4:
            planes = np.rot90(planes, self.quarters, axes=(-2, -1))
        if self.square:
            planes = _turned(planes, self.degrees) if self.degrees else _middle(planes, inside(planes.shape[-2:]))
        return np.ascontiguousarray(planes)

    def upright(self) -> Copy:
        """The same without its odd quarter: sides, and the direction of the scan, stay."""
        return replace(self, quarters=self.quarters % 4 // 2 * 2)


def inside(side: tuple[int, ...]) -> int:
    """Of the square that lies inside an image however it is turned: 724 of 1024."""
    return math.floor(min(side) / math.sqrt(2))


_TURNS: Final = tuple(Copy(mirrored, quarters) for mirrored in (False, True) for quarters in range(4))
_SET_A: Final = (Copy(), Copy(quarters=1), Copy(True), Copy(True, 2), Copy(True, 1), Copy(True, 3))
"""The image, 90 degrees, mirrored left to right, mirrored top to bottom, and each mirrored one by 90 degrees."""
_SET_B: Final = tuple(replace(copy, square=True) for copy in _SET_A) + tuple(
    Copy(quarters=turn // 90, degrees=turn % 90, square=True) for turn in range(STEP, 360, STEP)
)
COPIES: Final[Mapping[Copies, tuple[Copy, ...]]] = MappingProxyType(
    {"none": (Copy(),), "turns": _TURNS, "A": _SET_A, "B": _SET_B}
)
"""All copies of an image, the first as it is. Set B has the turn by 90 degrees twice: from A, and as a rotation."""


def copy_of(plan: TrainingPlan, *, epoch: int, position: int) -> Copy:
    """The copy that an image is shown as at a place of an epoch's order; each as likely.

    Of set A all that one step shows are turned by an odd quarter, or none: images of a step have one shape.
    """
    key = (plan.seed, epoch, position)
    choice = COPIES[plan.copies]
    if plan.copies == "A":
        odd = np.random.default_rng([plan.seed, epoch, position // plan.batch, _OF_A_STEP]).integers(2)
        choice = tuple(copy for copy in choice if copy.quarters % 2 == odd)
    chosen = np.random.default_rng([*key, _OF_A_PLACE]).integers(len(choice))
    return replace(choice[int(chosen)], key=key)


def _middle(planes: NDArray[Any], side: int) -> NDArray[Any]:
    top, left = ((size - side) // 2 for size in planes.shape[-2:])
    return planes[..., top : top + side, left : left + side]


def _turned(planes: NDArray[Any], degrees: int) -> NDArray[Any]:
    """The middle square, turned against the clock about the middle. Cubic splines smooth less than straight lines."""
    from scipy.ndimage import affine_transform

    side = inside(planes.shape[-2:])
    angle = math.radians(degrees)
    matrix = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    there = np.array([(size - 1) / 2 for size in planes.shape[-2:]])
    offset = there - matrix @ np.full(2, (side - 1) / 2)
    made = np.empty((*planes.shape[:-2], side, side), planes.dtype)
    for at in np.ndindex(planes.shape[:-2]):
        affine_transform(
            planes[at], matrix, offset, output_shape=(side, side), output=made[at], order=3, mode="nearest"
        )
        np.clip(made[at], planes[at].min(), planes[at].max(), out=made[at])
    return made
