"""What sharp images look like in their profiles: the middle of several, and how far they stray from it."""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd_client.verdicts.blur.spectrum import HALF, LEVELS, WAY, WHOLE, Spectrum
from mhfd_client.verdicts.measured import median

LEAST: Final = 3
"""Images that are needed to say what sharp ones look like."""
_PRIOR_COUNT: Final = 5  # images that the usual spread is worth, where there are few to tell it
_ROBUST: Final = 1.4826  # standard deviations in a median absolute deviation


@dataclass(frozen=True, slots=True, eq=False)
class Sharp:
    """The middle of some sharp images."""

    levels: NDArray[np.float64]
    variance: NDArray[np.float64]
    """Of one more of them, from this."""
    lines: NDArray[np.float64]
    lines_sd: float
    count: int


def sharp(images: Spectrum) -> Sharp | None:
    """Of so many images; None where they are too few."""
    count = len(images.levels)
    if count < LEAST:
        return None
    known = (~np.isnan(images.levels)).sum(axis=0)
    middle = np.where(known >= max(LEAST, count / 2), median(images.levels), np.nan)
    seen = _ROBUST * median(np.abs(images.levels - middle))
    variance = (_PRIOR_COUNT * usual_variance() + known * np.nan_to_num(seen) ** 2) / (_PRIOR_COUNT + known)
    lines = median(images.lines)
    away = np.abs(_mean(images.lines - lines))
    return Sharp(middle, variance * (1 + 1 / np.maximum(known, 1)), lines, _ROBUST * float(np.median(away)), count)


def middle(images: Spectrum) -> Spectrum:
    """Of several: the medians of what is known."""
    return Spectrum(median(images.levels), median(images.sd), median(images.lines))


def lines_above(own: Spectrum, others: Sharp) -> float:
    """How much more lies between the scan lines than in the others, as a logarithm."""
    return float(_mean(own.lines - others.lines))


def _mean(lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the frequencies along the lines at which displacement scatters most."""
    mean: NDArray[np.float64] = np.asarray(lines)[..., 1:5].mean(axis=-1)
    return mean


@cache
def usual_variance() -> NDArray[np.float64]:
    """How far sharp images of one tissue stray, where there are too few to tell."""
    out = np.empty(LEVELS)
    for part, sd in ((WHOLE, 0.05), (HALF, 0.08), (WAY, 0.08)):
        out[part] = sd**2
    return out
