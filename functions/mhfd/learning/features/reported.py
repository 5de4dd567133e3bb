"""What the report says: the cross-spectrum, the features and their sizes, tissue, clipping, noise, the focus map.

Where the report has no number, a feature has one that no image has that was measured.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.focus_report import Cells, FocusReport
from mhfd.learning.features.contrast import NOTHING
from mhfd.learning.features.look import Look

_SIZES: Final = (1.5, 3.0, 5.0, 8.0, 12.0)
"""Of features, pixels: where one share ends and the next begins."""
NAMES: Final = (
    "cross_spectrum",
    "density",
    *(f"size_from_{t:g}" for t in (0.0, *_SIZES)),
    "tissue",
    "saturated",
    "noise_level",
    "noise_gain",
    "slope_down",
    "slope_along",
    "cells_spread",
    "cells_worst",
    "measured",
)


def measure(look: Look) -> NDArray[np.float64]:
    """Of the report, in the order of the names."""
    report = look.report
    cells = report.cells
    measured = report.cross_spectrum is not None and cells is not None
    return np.array(
        [
            _logarithm(report.cross_spectrum),
            float(np.log1p(report.density or 0.0)),
            *_shares(report),
            report.tissue or 0.0,
            float(np.mean(cells.saturated)) if cells is not None else 0.0,
            *_noise(look),
            *(_map(cells) if cells is not None else (0.0, 0.0, 0.0, 0.0)),
            float(measured),
        ]
    )


def _logarithm(value: float | None) -> float:
    return NOTHING if value is None or value <= 0 else max(float(np.log(value)), NOTHING)


def _shares(report: FocusReport) -> NDArray[np.float64]:
    """The part of the features in each range of sizes; all 0 where there is none."""
    found = report.scales or ()
    place = np.searchsorted(_SIZES, [scale.t for scale in found], side="right")
    counts = np.bincount(place, [scale.count for scale in found], len(_SIZES) + 1) if found else np.zeros(6)
    shares: NDArray[np.float64] = counts / max(float(counts.sum()), 1.0)
    return shares


def _noise(look: Look) -> tuple[float, float]:
    """The logarithm of the noise over the spread of grey values, and how the noise goes with brightness: -1 to 1."""
    mean, noise = look.blocks.mean.astype(np.float64), look.blocks.diag_var.astype(np.float64)
    level = float(np.sqrt(np.median(noise)))
    spread = float(np.std(mean)) + level
    if look.flat or spread <= 0:
        return NOTHING, 0.0
    ranks = _ranked(mean), _ranked(noise)
    together = float(np.corrcoef(*ranks)[0, 1]) if len(ranks[0]) > 1 else 0.0
    return float(np.log(max(level / spread, np.exp(NOTHING)))), together


def _ranked(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.argsort(np.argsort(values.ravel())).astype(np.float64)


def _map(cells: Cells) -> tuple[float, float, float, float]:
    """Of the logarithm of the cells' cross-spectrum: slopes from edge to edge, spread, how far the worst lie below."""
    seen = np.array([NOTHING if v is None else v for v in cells.cross_spectrum]).reshape(cells.rows, cells.cols)
    there = np.array([v is not None and v > 0 for v in cells.cross_spectrum]).reshape(seen.shape)
    if np.count_nonzero(there) < 4:
        return 0.0, 0.0, 0.0, 0.0
    logs = np.log(seen[there])
    down, along = np.nonzero(there)
    design = np.stack([np.ones(len(logs)), _centred(down, cells.rows), _centred(along, cells.cols)], axis=1)
    plane, *_ = np.linalg.lstsq(design, logs, rcond=None)
    middle = float(np.median(logs))
    return abs(float(plane[1])), abs(float(plane[2])), float(logs.std()), middle - float(np.percentile(logs, 10))


def _centred(place: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    return place / max(count - 1, 1) - 0.5
