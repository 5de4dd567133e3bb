"""How much fine detail there is for the coarse: one number that neither dose nor contrast moves.

Split an image into two pictures of one scene with independent noise: their cross-spectrum is that of the scene alone.
One image is enough where the noise's own spectrum is known (`noise_spectrum`): what is left of the power without it is
the scene's. The number is fine (.08 to .2 cycles a pixel) over coarse (.016 to .06) power.
Nothing here decides what is tissue or in focus.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mhfd.measure import spectra
from mhfd.measure.noise_spectrum import COARSE, NoiseSpectrum
from mhfd.measure.spectra import EDGES, Spectra

FINE = (0.08, 0.2)
_LEAST_SIGNAL = 1.0  # coarse power over noise, below which there is nothing to relate the fine power to


@dataclass(frozen=True, slots=True, eq=False)
class Ratios:
    """Fine over coarse, of the image and of its cells; None and NaN where there is nothing to measure."""

    image: float | None
    cells: NDArray[np.float64]  # (rows, columns)


def measure(seen: Spectra, noise: NoiseSpectrum) -> Ratios:
    """The ratio of an image and of its cells, one block in the middle of each.

    The image's number is the blocks' mean, weighted by their coarse signal up to its median: a sparse image is judged
    by where its contrast is, and no single bright block decides.
    """
    shape = noise.level[:, None, None] * noise.shape
    fine, coarse = (_mean(seen.power - shape, band) for band in (FINE, COARSE))
    clear = (coarse > _LEAST_SIGNAL * _mean(shape, COARSE)) & (coarse > 0)
    ratio = np.divide(fine, coarse, out=np.full(len(seen), np.nan), where=clear)
    if not clear.any():
        return Ratios(None, seen.on_cells(ratio))
    weight = np.minimum(coarse[clear], np.median(coarse[clear]))
    return Ratios(float(np.average(ratio[clear], weights=weight)), seen.on_cells(ratio))


def _mean(power: NDArray[np.float64], band: tuple[float, float]) -> NDArray[np.float64]:
    """The mean of each block over a band of frequencies."""
    rings = slice(EDGES.index(band[0]), EDGES.index(band[1]))
    number = spectra.counts()[rings]
    mean: NDArray[np.float64] = (power[:, rings] * number).sum(axis=(1, 2)) / number.sum()
    return mean
