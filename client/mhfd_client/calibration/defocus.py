"""The profiles of a focus series -> how many px of blur a um of defocus is, and where the focus lies.

All images are fitted at once. The logarithm of a profile is, ring by ring, what this field shows in focus, plus a
constant of the image, plus the transfer of a disc with radius slope x |focus - f'|. What the field shows and the
constants are linear and drop out; slope and f' are looked for. No image has to be sharp, and none is taken for it.

The interval is a jackknife's: each image is left out once, so that what one image has for itself (drift, another
field, noise) is in it, and what no model of a probe knows. It must not know files, units or how the focus was read.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from mhfd_client.verdicts.blur import transfer

Numbers = NDArray[np.float64]

_FLOOR: Final = 0.02  # how well a ring's level is known at best
_MODEL: Final = 0.15  # ... and the transfer itself, as a part of its logarithm: no probe is a perfect disc
_SLOPE_SD: Final = 0.015  # how well a slope is known at best: the finest detail of a sharp image reads as noise
_FOCUS_PX: Final = 0.02  # ... and f', as the blur that it makes
_WORST: Final = 1.0  # a ring with a larger variance says nothing
_STARTS: Final = (25, 16)  # places and slopes that are tried first
_LARGEST: Final = 25.0  # px of blur at the far end of a series that are tried
_ROUNDS: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class Rings:
    """What is measured of a series: one row an image, one column a ring; NaN where noise hides it."""

    focus: Numbers
    levels: Numbers
    variance: Numbers

    def but(self, left_out: int) -> "Rings":
        """Without one image."""
        rest = np.arange(len(self.focus)) != left_out
        return Rings(self.focus[rest], self.levels[rest], self.variance[rest])

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which rings say something."""
        return np.isfinite(self.levels) & (np.nan_to_num(self.variance, nan=np.inf) < _WORST)


@dataclass(frozen=True, slots=True, eq=False)
class SeriesFit:
    """What was found; focus in the unit that was given, slope in px for one of it."""

    focus: float
    focus_sd: float
    log_slope: float
    log_slope_sd: float
    chi2: float
    foretold: float
    """Of the differences between images, the part that a fit to the others foretells. Below 0: worse than nothing."""
    radii: Numbers
    """Px of blur that each image shows by itself, given what the field shows; never negative."""
    quantile: float
    """So many standard deviations hold the true value 95 times of a hundred."""

    @property
    def slope(self) -> float:
        """Px of radius for one of focus."""
        return float(np.exp(self.log_slope))


def fitted(rings: Rings) -> SeriesFit:
    """Slope and f' of a series. It says what it found however poor that is: see `foretold` and the deviations."""
    start = _search(rings)
    best = _refined(rings, start)
    solved = _solved(rings, _weights(rings, best), _transfer(rings, best))
    count = len(rings.focus)
    found, missed, nothing = [], 0.0, 0.0
    for image in range(count):
        others = rings.but(image)
        place = _refined(others, best, rounds=1)
        found.append(place)
        weights = _weights(rings, best)[image]
        told = _solved(others, _weights(others, place), _transfer(others, place)).field
        plain = _solved(others, _weights(others, place), np.zeros_like(others.levels)).field
        missed += _misfit(rings.levels[image] - told - _transfer(rings, place)[image], weights)
        nothing += _misfit(rings.levels[image] - plain, weights)
    spread = np.array(found)
    sd = np.sqrt((count - 1) / count * ((spread - spread.mean(0)) ** 2).sum(0))
    free = int(rings.known.sum()) - count - rings.levels.shape[1] - 1
    return SeriesFit(
        focus=float(best[0]),
        focus_sd=float(np.hypot(sd[0], _FOCUS_PX * np.exp(-best[1]))),
        log_slope=float(best[1]),
        log_slope_sd=float(np.hypot(sd[1], _SLOPE_SD)),
        chi2=solved.misfit / max(free, 1),
        foretold=1 - missed / nothing if nothing > 0 else 0.0,
        radii=_radii(rings, solved.field),
        quantile=float(stdtrit(max(count - 3, 1), 0.975)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Solved:
    misfit: float
    field: Numbers
    """Level of each ring in focus."""


def _of_discs(radii: Numbers) -> Numbers:
    """What discs leave of the rings: the models that verdicts use, so that a pixel of blur is the same there."""
    models = transfer.discs()
    first = int(np.searchsorted(models.sizes, 0.0))
    sizes, logs = models.sizes[first:], models.whole[first:]
    wanted = np.clip(radii**2, 0, sizes[-1])
    after = np.clip(np.searchsorted(sizes, wanted), 1, len(sizes) - 1)
    part = (wanted - sizes[after - 1]) / (sizes[after] - sizes[after - 1])
    between: Numbers = logs[after - 1] + part[:, None] * (logs[after] - logs[after - 1])
    return between


def _radius(rings: Rings, place: Numbers) -> Numbers:
    radii: Numbers = np.exp(min(float(place[1]), 30.0)) * np.abs(rings.focus - place[0])
    return radii


def _transfer(rings: Rings, place: Numbers) -> Numbers:
    return _of_discs(_radius(rings, place))


def _weights(rings: Rings, place: Numbers) -> Numbers:
    """What each ring is worth; nothing in an image that is blurred by more than the models know."""
    known = rings.known & (_radius(rings, place) <= transfer.RADII[-1])[:, None]
    model = _MODEL * _transfer(rings, place)
    return np.where(known, 1 / (np.where(known, rings.variance, 1.0) + _FLOOR**2 + model**2), 0.0)


def _solved(rings: Rings, weights: Numbers, blurred: Numbers) -> _Solved:
    """The field and the images' constants that fit best: weighted least squares, the constants eliminated."""
    of_images = np.maximum(weights.sum(1), 1e-12)
    rest = np.where(weights > 0, rings.levels - blurred, 0.0)
    matrix = np.diag(weights.sum(0)) - weights.T @ (weights / of_images[:, None])
    matrix += np.eye(len(matrix)) * (1e-6 * np.trace(matrix) / len(matrix) + 1e-9)  # a constant is free
    field: Numbers = np.linalg.solve(
        matrix, (weights * rest).sum(0) - weights.T @ ((weights * rest).sum(1) / of_images)
    )
    constants = (weights * (rest - field)).sum(1) / of_images
    left = np.where(weights > 0, rest - field - constants[:, None], 0.0)
    return _Solved(float((weights * left**2).sum()), field)


def _misfit(rest: Numbers, weights: Numbers) -> float:
    """Of one image, with the constant that suits it best."""
    rest = np.where(weights > 0, rest, 0.0)
    total = weights.sum()
    return float((weights * (rest - (weights * rest).sum() / total) ** 2).sum()) if total > 0 else 0.0


def _search(rings: Rings) -> Numbers:
    """Where to begin, from a coarse net: places within the series and a quarter beyond."""
    low, high = float(rings.focus.min()), float(rings.focus.max())
    span = high - low
    weights = np.where(rings.known, 1 / (np.where(rings.known, rings.variance, 1.0) + _FLOOR**2), 0.0)
    tried = []
    for focus in np.linspace(low - span / 4, high + span / 4, _STARTS[0]):
        for slope in np.log(np.geomspace(0.4, _LARGEST, _STARTS[1]) / span):
            place = np.array([focus, slope])
            tried.append((_solved(rings, weights, _transfer(rings, place)).misfit, focus, slope))
    return np.array(min(tried)[1:])


def _refined(rings: Rings, start: Numbers, *, rounds: int = _ROUNDS) -> Numbers:
    """The weights depend on the blur: it is fitted again with those of the last one."""
    from scipy.optimize import minimize  # half a second that the names of this module are not worth

    span = float(np.ptp(rings.focus))
    place = start
    for _ in range(rounds):
        weights = _weights(rings, place)
        corners = place + np.array([[0, 0], [0.03 * span, 0], [0, 0.08]])
        done = minimize(
            lambda at, by=weights: _solved(rings, by, _transfer(rings, at)).misfit,
            place,
            method="Nelder-Mead",
            options={"initial_simplex": corners, "xatol": 1e-4 * min(span, 1.0), "fatol": 1e-5, "maxiter": 400},
        )
        place = np.asarray(done.x, dtype=np.float64)
    return place


def _radii(rings: Rings, field: Numbers) -> Numbers:
    """The blur of each image by itself."""
    tried = np.arange(0, float(transfer.RADII[-1]), 0.05)
    table = _of_discs(tried)
    found = []
    for level, variance, known in zip(rings.levels, rings.variance, rings.known, strict=True):
        worth = 1 / (variance[known] + _FLOOR**2 + (_MODEL * table[:, known]) ** 2)
        rest = level[known] - field[known] - table[:, known]
        rest -= (worth * rest).sum(1, keepdims=True) / worth.sum(1, keepdims=True)
        # what a ring is worth differs from radius to radius: that counts too
        found.append(tried[int(np.argmin((worth * rest**2).sum(1) - np.log(worth).sum(1)))])
    return np.array(found)
