"""What the scan does to its lines: displaced along themselves (jitter), of unequal brightness (banding).

What lines do is compared with what columns do: tissue does the same to both.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.features.look import Look

_MOST_SHIFT: Final = 10
"""Pixels by which a line is looked for beside where it should be."""
_FINER: Final = 4
"""Parts of a pixel that shifts are told to."""
_LAGS: Final = (1, 2, 4)
"""Lines between two that are compared."""
_SAMPLE: Final = 512
NAMES: Final = (
    "shift_lines",
    "shift_columns",
    "shift_ratio",
    *(f"unlike_{lag}" for lag in _LAGS),
    "growth_ratio",
    "band_ratio",
    "bands",
    "bands_slow",
    "lines_coarse",
    "lines_fine",
)


def measure(look: Look) -> NDArray[np.float64]:
    """In the order of the names; all 0 of an image that is flat."""
    if look.flat:
        return np.zeros(len(NAMES))
    patches = look.patches
    turned = patches.transpose(0, 2, 1)
    lines, columns = _shift(patches), _shift(turned)
    rough = np.array([[_difference(p, lag) for lag in _LAGS] for p in (patches, turned)])
    variance = max(float(patches.var()), 1e-6)
    grown = rough[:, 1] - rough[:, 0]
    bands, beside = _bands(look.pixels, 1), _bands(look.pixels, 0)
    steps, slow = bands
    spread = max(look.high - look.low, 1e-12)
    coarse, fine = _reported(look)
    return np.array(
        [
            lines,
            columns,
            float(np.log((lines + 0.25) / (columns + 0.25))),
            *((rough[0] - rough[1]) / variance).tolist(),
            float(np.arctan2(grown[0], max(grown[1], 1e-6))),
            float(np.log((steps + 1e-4 * spread) / (beside[0] + 1e-4 * spread))),
            float(np.log(steps / spread + 1e-4)),
            slow,
            coarse,
            fine,
        ]
    )


def _shift(patches: NDArray[np.float32]) -> float:
    """How far a line typically lies beside the one before it, pixels: root of the mean square, by correlation."""
    side = patches.shape[2]
    lines = patches[:, ::3] - patches[:, ::3].mean(axis=2, keepdims=True)
    beside = patches[:, 1::3] - patches[:, 1::3].mean(axis=2, keepdims=True)
    count = min(lines.shape[1], beside.shape[1])
    one, other = (np.fft.rfft(part[:, :count], axis=2) for part in (lines, beside))
    keep = side // 4  # coarser than a quarter of a cycle a pixel: noise lies beyond
    cross = (other * one.conj())[:, :, :keep]
    places = np.arange(-_MOST_SHIFT * _FINER, _MOST_SHIFT * _FINER + 1) / _FINER
    turn = np.exp(2j * np.pi / side * np.outer(np.arange(1, keep), places)).astype(np.complex64)
    match = (cross[:, :, 1:].reshape(-1, keep - 1) @ turn).real
    best = places[match.argmax(axis=1)]
    return float(np.sqrt(np.mean(best**2)))


def _difference(patches: NDArray[np.float32], lag: int) -> float:
    """The mean square difference of lines so far apart."""
    step = patches[:, lag:] - patches[:, :-lag]
    return float(np.vdot(step, step)) / step.size


def _bands(pixels: NDArray[np.generic], axis: int) -> tuple[float, float]:
    """How much the mean of a line (axis 1) or column (0) differs from its neighbour's, and how alike neighbours are."""
    every = max(1, pixels.shape[axis] // _SAMPLE)
    sample = pixels[:, ::every] if axis == 1 else pixels[::every]
    means = sample.mean(axis=axis, dtype=np.float64)
    width = min(31, len(means) // 2 * 2 - 1)
    smooth = np.convolve(np.pad(means, width // 2, mode="reflect"), np.ones(width) / width, mode="valid")
    strays = means - smooth
    variance = float(strays.var())
    alike = float(np.mean(strays[1:] * strays[:-1])) / variance if variance > 0 else 0.0
    return float(np.sqrt(np.mean(np.diff(means) ** 2))), alike


def _reported(look: Look) -> tuple[float, float]:
    """From the report's profile: what lines do not share with the next, coarse and fine along them."""
    profile = look.report.profile
    if profile is None:
        return 0.0, 0.0
    known = [np.nan if value is None else value / 100 for value in profile.lines]
    coarse, fine = ([value for value in half if np.isfinite(value)] for half in (known[:4], known[4:]))
    return float(np.mean(coarse or [0.0])), float(np.mean(fine or [0.0]))
