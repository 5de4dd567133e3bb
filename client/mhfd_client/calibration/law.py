"""Figure 2 of the MHFD paper: how the degree of focus falls with the distance from focus, in both of its readings.

The paper fits a line to the logarithm of the count, and says that the count falls roughly with the square of the
distance. These are two laws: the logarithm of the count on a line, and its square root on a line. Both are fitted; the
one that foretells an image that it has not seen better, in logarithms of the count, is named.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd_client.verdicts.blur.calibration import FocusLaw, Interval, LawFit

Numbers = NDArray[np.float64]

_DRAWS: Final = 2000
_SEED: Final = 2
_FEWEST: Final = 5


def focus_law(counts: Numbers, focus: Numbers, at: float, at_sd: float) -> FocusLaw | None:
    """Both laws, with intervals: a bootstrap over images, f' drawn anew each time. None where they cannot be fitted.

    Args:
        counts: Features of each image. None of them is a count of 1 here: its logarithm is 0.
        focus: Where each was taken, um.
        at: f', um.
        at_sd: Its standard deviation.
    """
    counts = np.maximum(counts, 1.0)
    distance = np.abs(focus - at)
    if len(counts) < _FEWEST or np.ptp(distance) == 0 or np.ptp(counts) == 0:
        return None
    rng = np.random.default_rng(_SEED)
    drawn = rng.integers(0, len(counts), (_DRAWS, len(counts)))
    places = rng.normal(at, at_sd, (_DRAWS, 1))
    distances = np.abs(focus[drawn] - places)
    fits = {
        name: _fit(points, distance, points[drawn], distances, counts, square=name == "quadratic")
        for name, points in (("log_linear", np.log(counts)), ("quadratic", np.sqrt(counts)))
    }
    better = min(fits, key=lambda name: fits[name].error)
    return FocusLaw(
        images=len(counts),
        log_linear=fits["log_linear"],
        quadratic=fits["quadratic"],
        better="log_linear" if better == "log_linear" else "quadratic",
    )


def _fit(
    points: Numbers, distance: Numbers, drawn: Numbers, distances: Numbers, counts: Numbers, *, square: bool
) -> LawFit:
    slope, at_focus, r = (float(found[0]) for found in _lines(points[None], distance[None]))
    slopes, _, rs = _lines(drawn, distances)
    error = []
    for image in range(len(points)):
        rest = np.arange(len(points)) != image
        line, start, _ = (float(found[0]) for found in _lines(points[rest][None], distance[rest][None]))
        foretold = start + line * distance[image]
        log = 2 * np.log(max(foretold, 1.0)) if square else foretold
        error.append(log - np.log(counts[image]))
    return LawFit(
        r=_interval(r, rs),
        at_focus=at_focus,
        slope_a_um=_interval(slope, slopes),
        error=float(np.sqrt(np.mean(np.square(error)))),
    )


def _lines(points: Numbers, distance: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Slope, start and Pearson's r of each row; 0 where all distances or all points are one."""
    x = distance - distance.mean(1, keepdims=True)
    y = points - points.mean(1, keepdims=True)
    xx, yy, xy = (x * x).sum(1), (y * y).sum(1), (x * y).sum(1)
    slope = np.divide(xy, xx, out=np.zeros_like(xy), where=xx > 1e-12)
    r = np.divide(xy, np.sqrt(xx * yy), out=np.zeros_like(xy), where=(xx > 1e-12) & (yy > 1e-12))
    return slope, points.mean(1) - slope * distance.mean(1), r


def _interval(value: float, drawn: Numbers) -> Interval:
    low, high = (float(v) for v in np.percentile(drawn, [2.5, 97.5]))
    return Interval(value=value, low=min(low, value), high=max(high, value))
