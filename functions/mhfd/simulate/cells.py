"""Which neurite each pixel belongs to, and how far away its membrane is.

Profiles are the cells of a power diagram of the seeds in warped coordinates; seeds of one neurite make one profile.
Must not know what is inside a profile.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from mhfd.simulate.fields import Plane, Points

FAR = np.float32(1e4)
_CANDIDATES = 9
_ROUNDING = np.float32(45)  # nm: from where a third profile rounds a wall
_PATCH = 130.0  # nm: the square whose pixels share their candidates


@dataclass(slots=True, eq=False)
class Profiles:
    """One value a pixel."""

    label: NDArray[np.int32]
    wall: Plane  # distance to the middle of the nearest wall, nm; negative in the gap where three profiles meet


def partition(
    y: Plane, x: Plane, seed_y: Points, seed_x: Points, radius: Points, label: NDArray[np.int32], pixel_nm: float
) -> Profiles:
    """The profile of every pixel, given its warped coordinates.

    A power diagram is a Voronoi diagram one dimension up, so a k-d tree finds each patch's candidates; within the
    patch the three nearest profiles are then found exactly.
    """
    height, width = y.shape
    size = int(min(32, max(4, _PATCH / pixel_nm)))
    lift = np.sqrt(np.max(radius**2) - radius**2)
    tree = cKDTree(np.stack([seed_y, seed_x, lift], axis=1))
    count = min(_CANDIDATES, len(radius))
    middle_y, middle_x = _middles(y, size), _middles(x, size)
    points = np.stack([middle_y.ravel(), middle_x.ravel(), np.zeros(middle_y.size)], axis=1)
    found = tree.query(points, k=count)[1].reshape(*middle_y.shape, count)
    seed_y32, seed_x32 = seed_y.astype(np.float32), seed_x.astype(np.float32)
    pull = (radius**2).astype(np.float32)
    profiles = Profiles(np.empty((height, width), np.int32), np.empty((height, width), np.float32))
    for band in range(middle_y.shape[0]):
        rows = slice(band * size, min(height, (band + 1) * size))
        seeds = np.repeat(found[band].T, size, axis=1)[:, :width]  # (count, width)
        _band(profiles, rows, y[rows], x[rows], seed_y32[seeds], seed_x32[seeds], pull[seeds], label[seeds])
    return profiles


def _middles(plane: Plane, size: int) -> Plane:
    """The plane at the middle of each patch; of a cut patch at the edge, at its last pixel."""
    rows = np.minimum(np.arange(-(-plane.shape[0] // size)) * size + size // 2, plane.shape[0] - 1)
    columns = np.minimum(np.arange(-(-plane.shape[1] // size)) * size + size // 2, plane.shape[1] - 1)
    middles: Plane = plane[rows][:, columns]
    return middles


def _band(
    profiles: Profiles,
    rows: slice,
    y: Plane,
    x: Plane,
    seed_y: Plane,
    seed_x: Plane,
    pull: Plane,
    label: NDArray[np.int32],
) -> None:
    """The three nearest profiles, by one pass over the candidates."""
    first = np.full(y.shape, FAR * FAR, np.float32)
    second, third = first.copy(), first.copy()
    who, other = np.zeros(y.shape, np.uint8), np.zeros(y.shape, np.uint8)
    mine, yours = np.full(y.shape, -1, np.int32), np.full(y.shape, -1, np.int32)
    for k in range(len(pull)):
        away = y - seed_y[k]
        away *= away
        across = x - seed_x[k]
        across *= across
        away += across
        away -= pull[k]
        # Kept in order, one entry a profile: first (mine), second (yours), third.
        same, known = mine == label[k], yours == label[k]
        nearer = away < first
        pushed = nearer & ~same
        np.copyto(third, second, where=pushed & ~known)
        np.copyto(second, first, where=pushed)
        np.copyto(other, who, where=pushed)
        np.copyto(yours, mine, where=pushed)
        np.copyto(first, away, where=nearer)
        np.copyto(who, k, where=nearer)
        np.copyto(mine, label[k], where=nearer)
        runner_up = ~(nearer | same) & (away < second)
        np.copyto(third, second, where=runner_up & ~known)
        np.copyto(second, away, where=runner_up)
        np.copyto(other, k, where=runner_up)
        np.copyto(yours, label[k], where=runner_up)
        last = ~(nearer | same | known | runner_up) & (away < third)
        np.copyto(third, away, where=last)
    flat = np.arange(y.shape[1])
    down, across = seed_y[who, flat] - seed_y[other, flat], seed_x[who, flat] - seed_x[other, flat]
    apart = np.maximum(np.sqrt(down * down + across * across), 1)
    # A smooth minimum of second and third rounds the corners, and leaves a gap where three profiles meet.
    scale = apart * (2 * _ROUNDING)
    near = np.maximum(scale - (third - second), 0)
    wall = (second - near * near / scale * np.float32(0.25) - first) / apart * np.float32(0.5)
    profiles.wall[rows] = np.minimum(wall, FAR)
    profiles.label[rows] = mine
