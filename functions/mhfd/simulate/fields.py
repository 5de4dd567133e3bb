"""Random numbers and smooth random fields of position, from which tissue is made.

Every value is a function of (seed, position): the same place looks the same in any image that shows it. Arithmetic on
whole planes is limited to + - * / and the square root, which every processor rounds alike; anything else would make
images differ between instruction sets. Must not know what is drawn with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Plane = NDArray[np.float32]
Points = NDArray[np.float64]

TILE = 512
"""Grain repeats after this many pixels: too far for an eye, and for any scale that a detector looks at."""


def stream(seed: int, *key: int) -> np.random.Generator:
    """An independent generator for each purpose, so that using one more number here changes nothing there."""
    return np.random.default_rng([seed, *(2 * k if k >= 0 else -2 * k - 1 for k in key)])


@dataclass(frozen=True, slots=True, eq=False)
class Waves:
    """A smooth random field in three dimensions: a sum of plane waves. Lengths in nm."""

    vectors: Points  # (waves, 3): z, y, x
    phases: Points
    heights: Points
    shortest: float

    @classmethod
    def of(
        cls, rng: np.random.Generator, *, shortest: float, longest: float, count: int = 16, slope: float | None = None
    ) -> Waves:
        """Wavelengths spread evenly in the logarithm; slower along z, as neurites run through a section.

        Standard deviation about 1; or, with `slope`, that of the field's gradient, to which all waves add alike.
        """
        length = shortest * (longest / shortest) ** rng.random(count)
        angle = 2 * np.pi * rng.random(count)
        along_z = 0.35 * rng.standard_normal(count)
        vectors = 2 * np.pi / length[:, None] * np.stack([along_z, np.sin(angle), np.cos(angle)], axis=1)
        heights = np.full(count, np.sqrt(2 / count)) * (1.0 if slope is None else slope * length / (2 * np.pi))
        return cls(vectors, 2 * np.pi * rng.random(count), heights, shortest)

    def plane(self, z: float, y: Points, x: Points) -> Plane:
        """The field on the grid y by x (nm, evenly spaced): sampled as densely as it needs, then interpolated.

        The samples lie at the same places of the specimen for every image.
        """
        spacing = float(y[1] - y[0])
        step = max(1, int(self.shortest / spacing / 4))
        (first_y, coarse_y), (first_x, coarse_x) = _nodes(y, step), _nodes(x, step)
        out = np.zeros((len(coarse_y), len(coarse_x)))
        for (kz, ky, kx), phase, height in zip(self.vectors, self.phases, self.heights, strict=True):
            a, b = ky * coarse_y + (kz * z + phase), kx * coarse_x
            out += (height * np.cos(a))[:, None] * np.cos(b) - (height * np.sin(a))[:, None] * np.sin(b)
        return upsample(out.astype(np.float32), step, (first_y, first_x), (len(y), len(x)))


def _nodes(at: Points, step: int) -> tuple[int, Points]:
    """Every `step` pixels from a multiple of `step` on; and the first pixel's place after the first node."""
    spacing = (at[-1] - at[0]) / (len(at) - 1)
    first = round(at[0] / spacing)
    nodes = spacing * step * (first // step + np.arange((first % step + len(at) - 1) // step + 2))
    return first % step, nodes


def upsample(coarse: Plane, step: int, first: tuple[int, int], shape: tuple[int, int]) -> Plane:
    """Linear interpolation of a grid whose nodes lie every `step` pixels; `first` is where the result begins."""
    if step == 1:
        return coarse[: shape[0], : shape[1]].copy()
    row, down = np.divmod(first[0] + np.arange(shape[0]), step)
    column, right = np.divmod(first[1] + np.arange(shape[1]), step)
    across = coarse[:, column]
    across += (coarse[:, column + 1] - across) * (right / step).astype(np.float32)
    out = across[row]
    out += (across[row + 1] - out) * (down / step).astype(np.float32)[:, None]
    return out


def grain(
    key: tuple[int, ...],
    *,
    size_px: float,
    z: float,
    thickness: float,
    origin: tuple[int, int],
    shape: tuple[int, int],
) -> Plane:
    """Noise of a given grain size, standard deviation 1, that changes smoothly with z over `thickness`."""
    tile = _tile(key, size_px, z / thickness)
    rows = (origin[0] + np.arange(shape[0])) % TILE
    columns = (origin[1] + np.arange(shape[1])) % TILE
    out: Plane = tile[:, columns][rows]
    return out


@lru_cache(maxsize=4)
def _tile(key: tuple[int, ...], size_px: float, level: float) -> Plane:
    below = int(np.floor(level))
    part = level - below
    norm = np.sqrt(part**2 + (1 - part) ** 2)
    tile = np.zeros((TILE, TILE), np.float32)
    for floor, weight in ((below, 1 - part), (below + 1, part)):
        if weight > 0:
            white = stream(*key, floor).standard_normal((TILE, TILE), dtype=np.float32)
            tile += white * np.float32(weight / norm)
    if size_px > 0.2:
        tile = gaussian_filter(tile, size_px, mode="wrap", truncate=3.5)
        reach = np.arange(-int(3.5 * size_px + 0.5), int(3.5 * size_px + 0.5) + 1)
        kernel = np.exp(-0.5 * (reach / size_px) ** 2)
        tile *= np.float32(kernel.sum() ** 2 / (kernel**2).sum())
    tile.flags.writeable = False
    return tile
