"""How much fine detail there is for the coarse: one number that neither dose nor contrast moves.

Split an image into two pictures of one scene with independent noise: their cross-spectrum is that of the scene alone.
One image is enough where the noise's own spectrum is known (`noise_spectrum`): what is left of the power without it is
the scene's. The number is fine (.08 to .2 cycles a pixel) power, and a little of the middle (.04 to .08), over coarse
(.016 to .06): where an image shows fine detail that decides, and where noise hides all of it the middle does.
Nothing here decides what is tissue or in focus.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.measure import spectra
from mhfd.measure.noise_spectrum import COARSE, NoiseSpectrum
from mhfd.measure.spectra import EDGES, INDEPENDENT, Spectra

FINE: Final = (0.08, 0.2)
MIDDLE: Final = (0.04, 0.08)
MIDDLE_SHARE: Final = 0.04
"""What the middle band counts: half as much as the fine one in a sharp image, whose power falls as fast."""
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
    hidden = noise.level[:, None, None] * noise.shape
    signal = seen.power - hidden
    coarse = _mean(signal, COARSE)
    clear = (coarse > _LEAST_SIGNAL * _mean(hidden, COARSE)) & (coarse > 0)
    detail = _shown(_mean(signal, FINE), _mean(hidden, FINE), noise.known) + MIDDLE_SHARE * _mean(signal, MIDDLE)
    ratio = np.divide(detail, coarse, out=np.full(len(seen), np.nan), where=clear)
    if not clear.any():
        return Ratios(None, seen.on_cells(ratio))
    weight = np.minimum(coarse[clear], np.median(coarse[clear]))
    return Ratios(float(np.average(ratio[clear], weights=weight)), seen.on_cells(ratio))


def _shown(fine: NDArray[np.float64], hidden: NDArray[np.float64], known: float) -> NDArray[np.float64]:
    """The fine power, less of it where it is no more than chance makes: what noise leaves there tells of no focus."""
    fine = np.maximum(fine, 0.0)
    rings = spectra.counts()[EDGES.index(FINE[0]) : EDGES.index(FINE[1])]
    variance = (known * hidden) ** 2 + (fine + hidden) ** 2 * INDEPENDENT / rings.sum()
    shown: NDArray[np.float64] = fine * np.divide(fine**2, fine**2 + variance, out=np.zeros_like(fine), where=fine > 0)
    return shown


def _mean(power: NDArray[np.float64], band: tuple[float, float]) -> NDArray[np.float64]:
    """The mean of each block over a band of frequencies."""
    rings = slice(EDGES.index(band[0]), EDGES.index(band[1]))
    number = spectra.counts()[rings]
    mean: NDArray[np.float64] = (power[:, rings] * number).sum(axis=(1, 2)) / number.sum()
    return mean
