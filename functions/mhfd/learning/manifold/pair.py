"""What a pair of images shows: one field, taken at a working distance that is longer by a perturbation, and shorter.

The sharper of the two tells on which side the focus lies. Numbers are ratios of power, in rings and in directions, with
the noise taken off; divided by the perturbation, as a small blur's are proportional to it and to the way to the focus.
Opens no file, and refuses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.manifold import tiles
from mhfd.learning.manifold.overlay import Match, matched
from mhfd.learning.manifold.tiles import EDGES, GROUPS, LEAST_SIDE, WAYS, TileSpectra, Values

RING_NAMES: Final = tuple(f"pair_ring_{low:g}" for low in EDGES[:-1])
"""ln(power of A / power of B), relative to the coarsest rings, over the perturbation in um."""
_BANDS: Final = ((4, 7), (7, 10), (10, 13))
"""Rings together whose directions are told."""
ANGULAR_NAMES: Final = tuple(f"pair_{part}_{EDGES[low]:g}" for low, _ in _BANDS for part in ("along", "diagonal"))
"""How the same goes with direction: changes along x over those along y, and one diagonal over the other."""
PAIR_NAMES: Final = (*RING_NAMES, *ANGULAR_NAMES)
"""The features of a pair, in order."""
SLOPE_NAME: Final = "pair_slope"
"""How fast the same ratio grows with the square of the frequency, over the rings where neither is upside down: nearly
the way to the focus times the square of the px by which a disc grows with a um, however far that is."""
LEVEL_NAMES: Final = tuple(f"level_{low:g}" for low in EDGES[:-1])
"""ln(power) of an image in each ring over all of them: where the manifold of sharp images lies."""
PAIR_VERSION: Final = 1
"""Raised when a feature of the same name means another number."""

_REFERENCE: Final = slice(0, 3)  # rings that say how bright one image is against the other
_BAND: Final = slice(2, 9)  # rings in which structure is looked for
_FINE: Final = slice(3, 7)  # rings that are left while the focus is not too far
_ALIKE: Final = (0.7, 0.95)  # in common: below the first a ring has no say, above the second it has all
_MIDDLES: Final = np.sqrt(np.array(EDGES[:-1]) * np.array(EDGES[1:]))
_SHRINK: Final = 0.2  # of the noise: as much is put to a level, that it is one where nothing is left
_LEAST_SHOWN: Final = 0.3  # of the noise: less than that is not told from nothing
_DOUBT: Final = 0.1  # of the noise: so far it may be off
_HIDDEN: Final = 1.0  # of the noise: where less than that is left of both, their ratio goes towards 1
_FALL: Final = 1e-3  # of what edges have, k^-3: the same where there is no noise
_MOST: Final = 4.0  # of a logarithm


@dataclass(frozen=True, slots=True, eq=False)
class ImagePair:
    """One field twice, and what is known of it. None: unknown."""

    a: NDArray[Any]
    """Grey values, taken at working distance + perturbation."""
    b: NDArray[Any]
    """... and at working distance - perturbation."""
    perturbation_um: float
    pixel_nm: float | None = None
    age_s: float | None = None
    """Since the older of the two was taken."""
    dwell_ns: float | None = None
    beam_kv: float | None = None
    beam_pa: float | None = None
    instrument: str | None = None
    distances_um: tuple[float, float] | None = None
    """The working distances of A and of B, as an instrument or the files say them."""
    flaw: str | None = None
    """Why one of them is no image that can be measured, in words."""
    pixels_nm: tuple[float, float] | None = None
    """Of A and of B, where both say it and they differ."""
    sha256: tuple[str | None, str | None] = (None, None)
    """Of the two files."""


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredPair:
    """What a pair shows."""

    features: NDArray[np.float32]
    """In the order of `PAIR_NAMES`."""
    slope: float
    """Of `SLOPE_NAME`."""
    parts: NDArray[np.float32]
    """(groups of tiles, features and slope): how much chance there is in them."""
    spectrum: NDArray[np.float32]
    """Of both together, in the order of `LEVEL_NAMES`."""
    snr: float
    """Power over noise in the middle rings, of the one that has more."""
    fine: tuple[float, float]
    """How much each image has in the rings next to the coarsest, as a part of what edges have there over them."""
    upright: float
    """So many rings, from the coarsest on, both show alike: then blur has turned one upside down, or noise hides it."""
    match: Match
    tiles: int

    @property
    def shift_px(self) -> float:
        """How far one lies from the other."""
        return float(np.hypot(*self.match.shift_px))

    @property
    def agreement(self) -> float:
        """Do they show the same? 1 they do."""
        return self.match.agreement


def measured(pair: ImagePair) -> MeasuredPair:
    """Measure a pair of one shape; ValueError where there is nothing to measure."""
    a, b = (np.ascontiguousarray(image, np.float32) for image in (pair.a, pair.b))
    if a.ndim != 2 or a.shape != b.shape or min(a.shape) < LEAST_SIDE:
        raise ValueError(f"a pair has two planes of one shape of {LEAST_SIDE} pixels a side, got {a.shape}, {b.shape}")
    match = matched(a, b)
    found = tiles.of_two(*_overlapping(a, b, match.shift_px))
    upright = _upright(found)
    rows = [
        [*_ratios(found, group), _slope(found, group, upright)] for group in (slice(n, n + 1) for n in range(GROUPS))
    ]
    every = _ratios(found, slice(None))
    return MeasuredPair(
        features=(every / pair.perturbation_um).astype(np.float32),
        slope=_slope(found, slice(None), upright) / pair.perturbation_um,
        parts=(np.array(rows) / pair.perturbation_um).astype(np.float32),
        spectrum=_level(found).astype(np.float32),
        snr=float(max(_snr(found, which) for which in range(2))),
        fine=_fine(found),
        upright=float(upright.sum()),
        match=match,
        tiles=found.tiles,
    )


def image_spectrum(image: NDArray[Any]) -> NDArray[np.float32]:
    """Of one image, in the order of `LEVEL_NAMES`."""
    plane = np.ascontiguousarray(image, np.float32)
    return _level(tiles.of_two(plane, plane)).astype(np.float32)


def _overlapping(
    a: NDArray[np.float32], b: NDArray[np.float32], shift: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The part that both show; all of both where that would be too little."""
    if any(side - abs(by) < max(LEAST_SIDE, side / 2) for side, by in zip(a.shape, shift, strict=True)):
        return a, b
    (down, right), (height, width) = shift, a.shape
    first = a[max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)]
    second = b[max(0, down) : height - max(0, -down), max(0, right) : width - max(0, -right)]
    return first, second


def _ratios(found: TileSpectra, groups: slice) -> Values:
    """Of the rings, then of directions, before the perturbation is taken out."""
    signal, noise = found.signal[:, groups].mean(axis=1), found.noise[:, groups].mean(axis=1)
    ring, ring_noise = _summed(signal, found.modes), _summed(noise, found.modes)
    gain = _reference(np.maximum(ring, 0) + _SHRINK * ring_noise, found.modes)
    rings = _log_ratio(ring, ring_noise, gain)
    angular: list[float] = []
    angle = np.arange(WAYS) * np.pi / WAYS
    for low, high in _BANDS:
        modes = found.modes[low:high]
        ways = [(part[:, low:high] * modes).sum(axis=1) / np.maximum(modes.sum(axis=0), 1) for part in (signal, noise)]
        ratio = _log_ratio(ways[0], ways[1], gain, low)
        angular += [float(2 * (ratio * np.cos(2 * angle)).mean()), float(2 * (ratio * np.sin(2 * angle)).mean())]
    return np.array([*rings, *angular])


def _summed(power: Values, modes: Values) -> Values:
    """(2, rings): mean over directions."""
    summed: Values = (power * modes).sum(axis=2) / np.maximum(modes.sum(axis=1), 1)
    return summed


def _reference(ring: Values, modes: Values) -> Values:
    """(2): how strong each image is where blur takes least."""
    weight = modes.sum(axis=1)[_REFERENCE]
    strength: Values = (ring[:, _REFERENCE] * weight).sum(axis=1) / weight.sum()
    return np.maximum(strength, np.finfo(np.float64).tiny)


def _log_ratio(signal: Values, noise: Values, gain: Values, low: int | None = None) -> Values:
    """ln(A / B) of what is left over the noise, each over its own strength; towards 0 where nothing is left."""
    signal, noise = signal / gain[:, None], noise / gain[:, None]
    fall = (_MIDDLES / _MIDDLES[1]) ** -3.0
    floor = _HIDDEN * noise.mean(axis=0) + _FALL * (fall if low is None else fall[low])
    left = np.maximum(signal, 0) + floor
    ratio: Values = np.clip(np.log(left[0] / left[1]), -_MOST, _MOST)
    return ratio


def _level(found: TileSpectra) -> Values:
    signal, noise = (_summed(part.mean(axis=1), found.modes).mean(axis=0) for part in (found.signal, found.noise))
    level: Values = np.log(np.maximum(signal, 0) + _SHRINK * noise + np.finfo(np.float64).tiny)
    level -= level.mean()
    return level


def _upright(found: TileSpectra) -> Values:
    """(rings): 1 where both show the same, 0 from the first one on where they don't; the coarsest always counts."""
    low, high = _ALIKE
    alike = np.clip((found.common - low) / (high - low), 0, 1)
    alike[found.modes.sum(axis=1) == 0] = 1  # small tiles have rings without a frequency
    alike[0] = 1
    upright: Values = np.minimum.accumulate(alike)
    return upright


def _slope(found: TileSpectra, groups: slice, upright: Values) -> float:
    """Of ln(A / B) over the squared frequency: a line with a constant, which is how bright one is against the other."""
    signal, noise = (_summed(part[:, groups].mean(axis=1), found.modes) for part in (found.signal, found.noise))
    tiny = np.finfo(np.float64).tiny
    shown = np.maximum(signal, _LEAST_SHOWN * noise) + tiny
    ratio = np.log(shown[0] / shown[1])
    both, hides = (np.sqrt(part[0]) * np.sqrt(part[1]) for part in (shown, noise))
    sure = both / (both + hides + tiny)
    modes = found.modes.sum(axis=1)
    # Where a probe is no disc the ratio grows less in fine rings: for all their frequencies, they have no more say.
    weight = np.where(modes > 0, upright * sure**2 / np.sqrt(np.maximum(modes, 1)), 0.0)
    squares = _MIDDLES**2
    if (total := float(weight.sum())) <= 0:
        return 0.0
    apart = squares - float((weight * squares).sum()) / total
    spread = float((weight * apart**2).sum())
    return float((weight * apart * ratio).sum()) / (4 * np.pi**2 * spread) if spread > 0 else 0.0


def _fine(found: TileSpectra) -> tuple[float, float]:
    signal, noise = (_summed(part.mean(axis=1), found.modes) for part in (found.signal, found.noise))
    left = np.maximum(signal - _DOUBT * noise, 0)
    expected = (_MIDDLES / _MIDDLES[1]) ** -3.0
    coarse = _reference(np.maximum(signal, 0) + _SHRINK * noise, found.modes)
    parts = (left[:, _FINE] / expected[_FINE]).mean(axis=1) / coarse
    return float(parts[0]), float(parts[1])


def _snr(found: TileSpectra, which: int) -> float:
    signal = _summed(found.signal.mean(axis=1), found.modes)[which, _BAND].mean()
    noise = _summed(found.noise.mean(axis=1), found.modes)[which, _BAND].mean()
    return float(signal / max(noise, 1e-9 * abs(signal), np.finfo(np.float64).tiny))
