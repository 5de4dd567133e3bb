"""How much fine detail there is for the coarse: one number that neither dose nor contrast moves.

The image is split into its even and odd columns: two pictures of one scene with independent noise, whose cross-spectrum
is that of the scene alone. For white noise this is the same as taking from the power at (fx, fy) the power at
(fx +- 1/2, fy), so that one transform a block serves any split; here the reference is the corner, (fx +- 1/2,
fy +- 1/2), furthest from the scene. The number is fine (.08 to .2 cycles a pixel) over coarse (.01 to .06) power, per
block of 128x128 pixels.
Nothing here decides what is tissue or in focus.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from mhfd.contract.focus_report import Texture
from mhfd.measure import texture
from mhfd.measure.noise import BLOCK
from mhfd.measure.tissue import Tissue
from mhfd.stretch import Pixels

SIDE = 128
"""Side of a block, pixels."""
FINE = (0.08, 0.2)
COARSE = (0.01, 0.06)
LEAST_TISSUE = 0.25
"""Part of a block that must be tissue."""
_AT_ONCE = 16  # blocks a transform: 1 MB, so that nothing leaves the cache
_LEAST_SIGNAL = 1.0  # coarse power over noise, below which there is nothing to relate the fine power to
_SAME = 1.1  # two noise powers within this factor are taken for one
_FEW = 64  # cells, below which the blocks half-way between them are measured too


@dataclass(frozen=True, slots=True, eq=False)
class Ratios:
    """Fine over coarse, of the image and of its cells; None and NaN where there is nothing to measure. The texture."""

    image: float | None
    cells: NDArray[np.float64]  # (rows, columns)
    texture: Texture | None = None


def measure(pixels: Pixels, tissue: Tissue, rows: NDArray[np.intp], cols: NDArray[np.intp]) -> Ratios:
    """The ratio of an image whose cells begin and end at `rows` and `cols` (one more than there are cells).

    One block lies in the middle of each cell. The image's number is the blocks' mean, weighted by their coarse signal
    up to its median: a sparse image is judged by where its contrast is, and no single bright block decides.
    """
    shape = (len(rows) - 1, len(cols) - 1)
    nothing = Ratios(None, np.full(shape, np.nan))
    if min(pixels.shape) < SIDE:
        return nothing
    tops, lefts = _corners(rows, pixels.shape[0]), _corners(cols, pixels.shape[1])
    refined = shape[0] * shape[1] < _FEW
    if refined:
        tops, lefts = _halved(tops), _halved(lefts)
    grid_y, grid_x = np.meshgrid(tops, lefts, indexing="ij")
    chosen = _tissue_share(tissue, grid_y, grid_x) >= LEAST_TISSUE
    if not chosen.any():
        return nothing
    fine, coarse, seen = _signals(pixels, grid_y[chosen], grid_x[chosen])
    known = np.isfinite(coarse)
    if not known.any():
        return nothing
    ratio = np.full(grid_y.shape, np.nan)
    ratio[chosen] = fine / coarse
    weight = np.minimum(coarse[known], np.median(coarse[known]))
    image = float(np.average(fine[known] / coarse[known], weights=weight))
    return Ratios(image, ratio[::2, ::2] if refined else ratio, seen)


def _corners(edges: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """Where the block in the middle of each cell begins."""
    corners: NDArray[np.intp] = (edges[:-1] + edges[1:]) // 2 - SIDE // 2
    return corners.clip(0, size - SIDE)


def _halved(corners: NDArray[np.intp]) -> NDArray[np.intp]:
    """The corners with those half-way between them."""
    out = np.empty(2 * len(corners) - 1, np.intp)
    out[::2], out[1::2] = corners, (corners[:-1] + corners[1:]) // 2
    return out


def _tissue_share(tissue: Tissue, tops: NDArray[np.intp], lefts: NDArray[np.intp]) -> NDArray[np.float64]:
    """The part of each block that is tissue, from a summed-area table."""
    table = np.pad(np.cumsum(np.cumsum(tissue.mask, axis=0), axis=1), ((1, 0), (1, 0)))
    top, left = tops // BLOCK, lefts // BLOCK
    bottom = np.minimum((tops + SIDE) // BLOCK, tissue.mask.shape[0])
    right = np.minimum((lefts + SIDE) // BLOCK, tissue.mask.shape[1])
    inside = table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
    share: NDArray[np.float64] = inside / ((bottom - top) * (right - left))
    return share


def _signals(
    pixels: Pixels, tops: NDArray[np.intp], lefts: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64], Texture | None]:
    """Fine and coarse power without the noise, of blocks; NaN where the coarse power is lost in noise. The texture."""
    window = np.hanning(SIDE + 1)[:-1].astype(np.float32)
    bands, gathered = [], []
    for first in range(0, len(tops), _AT_ONCE):
        corners = zip(tops[first : first + _AT_ONCE], lefts[first : first + _AT_ONCE], strict=True)
        stack = np.stack([pixels[y : y + SIDE, x : x + SIDE] for y, x in corners]).astype(np.float32)
        stack -= stack.mean(axis=(1, 2), keepdims=True)
        stack *= window[:, None] * window
        spectrum = scipy.fft.rfft2(stack, workers=1, overwrite_x=True)
        power = (spectrum.real**2 + spectrum.imag**2).reshape(len(stack), -1)
        bands.append([power[:, index].mean(axis=1, dtype=np.float64) for index in _bands()])
        gathered.append(texture.gather(power))
    fine, coarse, corner, beside, below = np.concatenate(bands, axis=1)
    noise = corner * _shared(corner, beside, below)
    clear = (coarse - noise > _LEAST_SIGNAL * noise) & (coarse > 0)
    seen = texture.texture(np.concatenate(gathered), noise)
    return np.where(clear, fine - noise, np.nan), np.where(clear, coarse - noise, np.nan), seen


def _shared(corner: NDArray[np.float64], beside: NDArray[np.float64], below: NDArray[np.float64]) -> float:
    """How much more noise there is in the fine band than in the corner, when neighbours along one axis share noise.

    Noise that is shared along a scan line (slow detector, line averaging) falls off with fx but not with fy: then the
    power below the band (fy + 1/2) exceeds that beside it (fx + 1/2). A sharp scene lifts both alike. Medians over the
    blocks: it is a property of the instrument.
    """
    seen = corner > 0
    if not seen.any():
        return 1.0
    less, more = sorted(float(np.median(band[seen] / corner[seen])) for band in (beside, below))
    return more / less if less > 0 and more > _SAME * less else 1.0


@cache
def _bands() -> tuple[NDArray[np.intp], ...]:
    """Flat indices of fine, coarse, and the fine band moved by half the sampling along both axes, x, y.

    The axes themselves are left out: that is where scan lines of unequal brightness show.
    """
    ky = np.rint(scipy.fft.fftfreq(SIDE) * SIDE).astype(int)[:, None]
    kx = np.arange(SIDE // 2 + 1)[None, :]
    half = SIDE // 2

    def ring(y: NDArray[np.int_], x: NDArray[np.int_], band: tuple[float, float]) -> NDArray[np.intp]:
        radius = np.hypot(y, x) / SIDE
        off_axes = (np.abs(y) > 1) & (np.abs(x) > 1)
        return np.flatnonzero((radius >= band[0]) & (radius < band[1]) & off_axes)

    moved_y = np.where(ky >= 0, ky - half, ky + half)
    moved_x = half - kx
    return (
        ring(ky, kx, FINE),
        ring(ky, kx, COARSE),
        ring(moved_y, moved_x, FINE),
        ring(ky, moved_x, FINE),
        ring(moved_y, kx, FINE),
    )
