"""Random numbers and smooth random fields of position, from which tissue is made.

Every value is a function of (seed, position): the same place looks the same in any image that shows it. Arithmetic on
whole planes is limited to + - * / and the square root, which every processor rounds alike; anything else would make
images differ between instruction sets. Must not know what is drawn with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

__all__ = ["Plane", "Points", "Waves", "grain", "stream", "upsample"]

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
        """The field on the grid y by x (nm, evenly spaced): sampled as densely as it needs, then interpolated."""
        spacing = abs(y[1] - y[0]) if len(y) > 1 else 1.0
        step = max(1, int(self.shortest / spacing / 6))
        coarse_y = y[0] + spacing * step * np.arange((len(y) - 1) // step + 2)
        coarse_x = x[0] + spacing * step * np.arange((len(x) - 1) // step + 2)
        out = np.zeros((len(coarse_y), len(coarse_x)))
        for (kz, ky, kx), phase, height in zip(self.vectors, self.phases, self.heights, strict=True):
            a, b = ky * coarse_y + (kz * z + phase), kx * coarse_x
            out += (height * np.cos(a))[:, None] * np.cos(b) - (height * np.sin(a))[:, None] * np.sin(b)
        return upsample(out.astype(np.float32), step, (len(y), len(x)))


def upsample(coarse: Plane, step: int, shape: tuple[int, int]) -> Plane:
    """Linear interpolation of a grid whose nodes lie every `step` pixels, from pixel 0 on."""
    if step == 1:
        return coarse[: shape[0], : shape[1]].copy()
    row, column = np.divmod(np.arange(shape[0]), step), np.divmod(np.arange(shape[1]), step)
    fy = (row[1] / np.float32(step)).astype(np.float32)[:, None]
    fx = (column[1] / np.float32(step)).astype(np.float32)
    across = coarse[:, column[0]]
    across += (coarse[:, column[0] + 1] - across) * fx
    out = across[row[0]]
    difference = across[row[0] + 1]
    difference -= out
    difference *= fy
    out += difference
    return out


def grain(
    key: Sequence[int], *, size_px: float, z: float, thickness: float, origin: tuple[int, int], shape: tuple[int, int]
) -> Plane:
    """Noise of a given grain size, standard deviation 1, that changes smoothly with z over `thickness`."""
    below = int(np.floor(z / thickness))
    part = z / thickness - below
    norm = np.sqrt(part**2 + (1 - part) ** 2)
    tile = np.zeros((TILE, TILE), np.float32)
    for level, weight in ((below, 1 - part), (below + 1, part)):
        if weight > 0:
            white = stream(*key, level).standard_normal((TILE, TILE), dtype=np.float32)
            tile += white * np.float32(weight / norm)
    if size_px > 0.2:
        tile = gaussian_filter(tile, size_px, mode="wrap", truncate=3.5)
        reach = np.arange(-int(3.5 * size_px + 0.5), int(3.5 * size_px + 0.5) + 1)
        kernel = np.exp(-0.5 * (reach / size_px) ** 2)
        tile *= np.float32(kernel.sum() ** 2 / (kernel**2).sum())
    rows = (origin[0] + np.arange(shape[0])) % TILE
    columns = (origin[1] + np.arange(shape[1])) % TILE
    return tile[rows][:, columns]
