"""The outline of a picture: a few numbers that say how far it is from those that a network was taught with.

A network answers to anything, also to what it has never seen. So a card keeps where the outlines of the images lay that
it was taught with. An outline is of what the network is shown, the normalised picture: how its grey values lie, how
much it varies over 1, 2, 4 and more pixels, and which way fine lines differ from what is around them: below 0 they are
dark, so that an inverted image is told. It says nothing of focus, and is no feature that anything learns from.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_QUANTILES: Final = (10, 25, 50, 75, 90)
_OCTAVES: Final = 6
_LINES: Final = (1, 2)
"""Pixels of the finest that lines are looked for in."""
_AROUND: Final = 5
_LEAST: Final = 1e-9
_LARGEST: Final = 2048
"""Pixels along a side: of a larger picture the middle."""
_SAMPLE: Final = 65_536

OUTLINE: Final[tuple[str, ...]] = (
    *(f"grey_{one}" for one in _QUANTILES),
    "grey_mean",
    *(f"varies_{1 << octave}" for octave in range(_OCTAVES)),
    *(f"lines_{one}" for one in _LINES),
)
"""What the numbers are called: a card keeps the names of those that its reach is of. Another meaning, another name."""


def outline_of(planes: NDArray[Any]) -> NDArray[np.float64]:
    """The numbers of `OUTLINE`, of a picture as a network is shown it; of several channels their means.

    Args:
        planes: (channels, height, width), sides of 64 pixels at least.
    """
    height, width = planes.shape[-2:]
    top, left = max(0, (height - _LARGEST) // 2), max(0, (width - _LARGEST) // 2)
    middle = planes[:, top : top + _LARGEST, left : left + _LARGEST]
    found: NDArray[np.float64] = np.mean([_of_one(np.asarray(plane, np.float32)) for plane in middle], axis=0)
    return found


def _of_one(plane: NDArray[np.float32]) -> NDArray[np.float64]:
    every = max(1, int((plane.size / _SAMPLE) ** 0.5))
    grey = [*np.percentile(plane[::every, ::every], _QUANTILES), plane.mean(dtype=np.float64)]
    varies, lines = [], []
    for octave in range(_OCTAVES):
        if 1 << octave in _LINES:
            lines.append(_skewness(plane[2:-2, 2:-2] - _means_around(plane)))
        plane = plane[: plane.shape[0] // 2 * 2, : plane.shape[1] // 2 * 2]
        upper, lower = plane[::2], plane[1::2]
        down, across = upper - lower, plane[:, ::2] - plane[:, 1::2]
        energy = (np.vdot(down, down) + np.vdot(across, across)) / plane.size
        varies.append(np.log(energy + _LEAST))
        rows = upper + lower
        plane = (rows[:, ::2] + rows[:, 1::2]) * np.float32(0.25)
    return np.array([*grey, *varies, *lines], np.float64)


def _means_around(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of so many pixels a side around each; there is none at the border."""
    for _ in range(2):
        sides = plane.shape[0] - _AROUND + 1
        plane = sum(plane[at : at + sides] for at in range(_AROUND)).T / np.float32(_AROUND)  # type: ignore[union-attr]
    return plane


def _skewness(values: NDArray[np.float32]) -> float:
    """0 where nothing varies."""
    apart = values - values.mean(dtype=np.float64)
    spread = float((apart**2).mean())
    return float((apart**3).mean()) / spread**1.5 if spread > _LEAST else 0.0
