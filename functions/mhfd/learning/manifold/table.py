"""Rows of recorded moves -> numbers: each pair read and measured once, kept on disk for the next time.

A pair that says nothing stays as a row of NaN, with why: whoever learns leaves it out and says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import UsageError
from mhfd.learning.dataset import DatasetRow
from mhfd.learning.learners import kept_numbers
from mhfd.learning.manifold.pair import LEVEL_NAMES, PAIR_NAMES, PAIR_VERSION, image_spectrum, measured
from mhfd.learning.manifold.reading import PERTURBATIONS_UM, read_pair
from mhfd.learning.manifold.refusing import before_measuring, by_what_is_seen

Floats = NDArray[np.float64]

LEAST_SNR: Final = 10.0
"""Power of structure over noise: below it nothing is learned from a pair."""
_BESIDE: Final = 3
"""Numbers that are kept before the others: signal over noise, the pixel, the slope."""
_KEPT: Final = _BESIDE + len(PAIR_NAMES) + 3 * len(LEVEL_NAMES)
Told = Callable[[int, int], object]
"""Told how many pairs are done, and of how many."""


@dataclass(frozen=True, eq=False)
class MoveTable:
    """One row a pair. A number that nobody knows is NaN."""

    pair: Floats
    """(rows, PAIR_NAMES)."""
    slope: Floats
    """Of each pair: `SLOPE_NAME`, which packages of others may ask for."""
    level: Floats
    """(rows, LEVEL_NAMES), of both images together."""
    levels: Floats
    """(rows, 2, LEVEL_NAMES), of A and of B."""
    move_um: Floats
    stig: Floats
    """(rows, 2)."""
    perturbation_um: Floats
    pixel_nm: Floats
    snr: Floats
    specimen: list[str]
    """Instrument and specimen: the rows of one are alike in more than focus."""
    groups: list[str]
    flaws: list[str | None]
    """Why a row cannot be learned from."""

    def __len__(self) -> int:
        return len(self.move_um)

    def where(self, chosen: NDArray[Any]) -> MoveTable:
        """Some of the rows: their numbers, or a mask."""
        at = np.arange(len(self))[chosen]
        picked: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            picked[one.name] = value[at] if isinstance(value, np.ndarray) else [value[row] for row in at]
        return replace(self, **picked)

    def with_rows(self, other: MoveTable) -> MoveTable:
        """Both, the other's last."""
        joined: dict[str, Any] = {}
        for one in fields(self):
            value, more = getattr(self, one.name), getattr(other, one.name)
            joined[one.name] = np.concatenate([value, more]) if isinstance(value, np.ndarray) else [*value, *more]
        return replace(self, **joined)

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Rows that can be learned from."""
        return np.array([flaw is None for flaw in self.flaws], bool)


def move_table(rows: Sequence[DatasetRow], cache: Path | None = None, *, told: Told | None = None) -> MoveTable:
    """Measure the pairs of rows.

    Args:
        rows: Each has a pair and a move; paths are whole.
        cache: A folder for what was measured, by both sha256 and the version of what measures; None: nowhere.
        told: Told after each pair.

    Raises:
        UsageError: An image is not there, or is not the one that was recorded.
    """
    found = np.full((len(rows), _KEPT), np.nan)
    flaws: list[str | None] = []
    for number, row in enumerate(rows):
        numbers, flaw = _measured(row, None if cache is None else cache / f"p{PAIR_VERSION}")
        if numbers is not None:
            found[number] = numbers
        flaws.append(flaw)
        if told is not None:
            told(number + 1, len(rows))
    ends = np.cumsum([_BESIDE, len(PAIR_NAMES), len(LEVEL_NAMES)])
    return MoveTable(
        snr=found[:, 0],
        slope=found[:, 2],
        pixel_nm=np.array([row.pixel_nm or pixel for row, pixel in zip(rows, found[:, 1], strict=True)]),
        pair=found[:, ends[0] : ends[1]],
        level=found[:, ends[1] : ends[2]],
        levels=found[:, ends[2] :].reshape(len(rows), 2, len(LEVEL_NAMES)),
        move_um=np.array([_number(row.target.move_um) for row in rows]),
        stig=np.array([[_number(row.target.stig_x), _number(row.target.stig_y)] for row in rows]).reshape(-1, 2),
        perturbation_um=np.array([math.nan if row.pair is None else row.pair.perturbation_um for row in rows]),
        specimen=[f"{row.group.instrument}/{row.group.specimen}" for row in rows],
        groups=[row.group.key for row in rows],
        flaws=flaws,
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _measured(row: DatasetRow, kept: Path | None) -> tuple[Floats | None, str | None]:
    """What a pair shows, and why nothing can be learned from it."""
    if row.pair is None:
        raise UsageError(f"{row.path}: is one image; moves are learned from pairs")
    low, high = PERTURBATIONS_UM
    if not low <= row.pair.perturbation_um <= high:
        return None, f"it was taken {row.pair.perturbation_um:g} um to both sides; {low:g} to {high:g} um are measured"
    place = None if kept is None else kept / row.sha256[:2] / f"{row.sha256}-{row.pair.sha256}.npy"
    numbers = None if place is None else kept_numbers.kept(place, _KEPT)
    if numbers is None:
        pair = read_pair(Path(row.path), Path(row.pair.path), row.pair.perturbation_um)
        for (sha256, path), own in zip(row.images, pair.sha256, strict=True):
            if own != sha256:
                raise UsageError(f"{path}: is not the image that was recorded; put it back, or record it anew")
        if (refused := before_measuring(pair)) is not None:
            return None, refused.why
        shown = measured(pair)
        if (refused := by_what_is_seen(pair, shown)) is not None:
            return None, refused.why
        pixel = math.nan if pair.pixel_nm is None else pair.pixel_nm
        # Features are over the perturbation: it is taken out again, so that the same images are measured once.
        numbers = np.concatenate(
            [
                [shown.snr, pixel, shown.slope * row.pair.perturbation_um],
                shown.features.astype(np.float64) * row.pair.perturbation_um,
                shown.spectrum,
                image_spectrum(pair.a),
                image_spectrum(pair.b),
            ]
        )
        if place is not None:
            kept_numbers.keep(place, numbers)
    numbers = numbers.copy()
    numbers[2 : _BESIDE + len(PAIR_NAMES)] /= row.pair.perturbation_um
    if not np.isfinite(np.delete(numbers, 1)).all():
        return None, "it has a number that is none"
    if numbers[0] < LEAST_SNR:
        return None, f"nothing stands out of the noise (signal over noise {numbers[0]:.1f}, at least {LEAST_SNR:g})"
    return numbers, None
