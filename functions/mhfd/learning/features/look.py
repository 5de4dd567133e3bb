"""One image as the families of features look at it: its spectra, a small picture of it, and some of its pixels.

Each is made when it is first asked for, and once. How much is looked at is bounded: a large image is looked at in
samples. Grey values are put between 0 and 1 here, so that no family sees brightness, contrast or a type. Nothing here
says what a feature is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd import cells, native, survey
from mhfd.contract.focus_report import FocusReport
from mhfd.detector import Features
from mhfd.detector.bands import Band
from mhfd.errors import UsageError
from mhfd.measure import noise_spectrum, spectra
from mhfd.measure.noise import BLOCK
from mhfd.measure.spectra import SIDE
from mhfd.measure.tissue import Tissue

Plane = NDArray[np.float32]

SMALL: Final = 384
"""Pixels along the longer side of the small picture, at most."""
PATCH: Final = 192
"""Side of a patch of full resolution, pixels."""
_PATCHES: Final = 4
_ENDS: Final = (0.2, 99.8)
"""Percentiles of the grey values that become 0 and 1."""
_LEAST_TISSUE: Final = 0.25
"""Part of a cell of the report that must be tissue for its blocks to be looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class BlockSpectra:
    """The spectra of an image's blocks, and the noise in them."""

    seen: spectra.Spectra
    noise: noise_spectrum.NoiseSpectrum


class Look:
    """One image. Its pixels may be of any type and size; what is not finite counts as 0.

    Args:
        pixels: Two-dimensional, not empty: all of the image that was scored, or its middle.
        report: What `mhfd.score` says of it.
    """

    def __init__(self, pixels: NDArray[Any], report: FocusReport) -> None:
        if pixels.ndim != 2 or not pixels.size or pixels.dtype.kind not in "buif":
            raise UsageError(f"pixels: expected a picture of grey values, got {pixels.dtype} of shape {pixels.shape}")
        self.report = report
        self._given = pixels.shape
        self.pixels = _at_least(_sane(pixels), SIDE)
        grid, _ = survey.samples(self.pixels)
        low, high = np.percentile(grid, _ENDS)
        self.low, self.high = float(low), float(high)
        self.grid: Plane = self.scaled(grid)
        """Every so manieth pixel of every so manieth row: 0 to 1 between the ends, beyond them at the ends."""

    @property
    def flat(self) -> bool:
        """Whether there is nothing but one grey value."""
        return self.high <= self.low

    def scaled(self, part: NDArray[Any]) -> Plane:
        """Grey values between 0 and 1; all 0 where the image is flat."""
        if self.flat:
            return np.zeros(part.shape, np.float32)
        plane = part.astype(np.float32)
        plane -= np.float32(self.low)
        plane *= np.float32(1 / (self.high - self.low))
        np.clip(plane, 0, 1, out=plane)
        return plane

    @cached_property
    def small(self) -> Plane:
        """All of the image in pixels that are means of squares: at most `SMALL` along a side."""
        step = -(-max(self.pixels.shape) // SMALL)
        return self.scaled(self.pixels if step == 1 else native.block_stats(self.pixels, block=min(step, 128)).mean)

    @cached_property
    def patches(self) -> NDArray[np.float32]:
        """Some squares of full resolution, spread evenly: (patches, PATCH, PATCH), or fewer pixels where there are."""
        rows, cols = self.pixels.shape
        side = min(PATCH, rows, cols)
        places = [(down, right) for down in (1, 3) for right in (1, 3)][:_PATCHES]
        corners = [((rows - side) * down // 4, (cols - side) * right // 4) for down, right in places]
        return self.scaled(np.stack([self.pixels[y : y + side, x : x + side] for y, x in corners]))

    @cached_property
    def blocks(self) -> native.BlockStats:
        """The statistics of the image's 16x16 blocks."""
        return native.block_stats(self.pixels, block=BLOCK, threads=1)

    @cached_property
    def fine(self) -> BlockSpectra | None:
        """The spectra of blocks in tissue; None where none shows anything."""
        return None if self.flat else _spectra(self.pixels, self._tissue())

    @cached_property
    def far(self) -> BlockSpectra | None:
        """The same of the picture in squares of 4x4 pixels, its frequencies therefore a quarter; tissue or not."""
        if self.flat:
            return None
        quarter = _at_least(native.block_stats(self.pixels, block=4, threads=1).mean, SIDE)
        return _spectra(quarter, _everywhere(quarter.shape))

    def _tissue(self) -> Tissue:
        """As the report's cells have it: everywhere where it has none."""
        found = self.report.cells
        shape = tuple(size // BLOCK for size in self.pixels.shape)
        if found is None:
            return _everywhere(self.pixels.shape)
        share = np.array(found.tissue).reshape(found.rows, found.cols) >= _LEAST_TISSUE
        share = share[tuple(map(_middle, share.shape, self._given, self.report.image.part_shape or self._given))]
        if not share.any():
            return _everywhere(self.pixels.shape)
        down, right = (np.arange(n) * along // n for n, along in zip(shape, share.shape, strict=True))
        return Tissue(share[down][:, right], 0.0)


def _middle(count: int, size: int, whole: int) -> slice:
    """Those of so many cells along a whole side that lie in a part of this size in its middle."""
    kept = min(count, max(1, -(-count * size // max(whole, 1))))
    return slice((count - kept) // 2, (count - kept) // 2 + kept)


def _everywhere(shape: tuple[int, ...]) -> Tissue:
    return Tissue(np.ones(tuple(size // BLOCK for size in shape), np.bool_), 0.0)


def _spectra(pixels: NDArray[Any], tissue: Tissue) -> BlockSpectra | None:
    rows, cols = (np.array(cells.edges(size), np.intp) for size in pixels.shape)
    shape = pixels.shape[0], pixels.shape[1]
    reader = spectra.Reader(shape, tissue, rows, cols)
    if not reader.blocks:
        reader = spectra.Reader(shape, _everywhere(shape), rows, cols)
    none = np.empty(0, np.int32)
    features = Features(none, none, none.astype(np.uint8), none.astype(np.float32), (0.0, 1.0), shape)
    reader.take(Band(0, shape[0], 0, pixels, features))
    seen = reader.spectra()
    return None if seen is None else BlockSpectra(seen, noise_spectrum.find(seen))


def _sane(pixels: NDArray[Any]) -> NDArray[Any]:
    """In a type that the kernel takes; floating point between 0 and 1, so that squares stay finite."""
    if pixels.dtype in (np.uint8, np.uint16):
        return np.ascontiguousarray(pixels)
    plane = np.where(np.isfinite(pixels), pixels, 0).astype(np.float64)
    low, high = float(plane.min()), float(plane.max())
    half = (high / 2 - low / 2) or 1.0  # the whole of it may be beyond what is finite
    return np.ascontiguousarray(((plane / 2 - low / 2) / half).astype(np.float32))


def _at_least(pixels: NDArray[Any], side: int) -> NDArray[Any]:
    """A smaller picture mirrors itself beyond its edge, to so many pixels a side."""
    lacking = [(0, max(0, side - size)) for size in pixels.shape]
    return np.pad(pixels, lacking, mode="symmetric") if any(after for _, after in lacking) else pixels
