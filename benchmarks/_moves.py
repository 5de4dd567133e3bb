"""Recorded moves that are simulated: pairs of images of fields, and where the hand of an operator set the focus.

The hand is right but for an error of its own. The lens stands at `off` um from the focus in the middle of a pair, so
what is to be added to it is `-off`. Must not know what is learned from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import tifffile
from numpy.typing import NDArray

from mhfd.learning.dataset import Dataset, DatasetRow, Origin, RecordedPair, Side, SourceGroup, Target
from mhfd.learning.dataset.labels_csv import sha256_of
from mhfd.simulate import Exposure, Optics, Specimen

HAND_UM: Final = 0.2
"""Standard deviation of where an operator takes the focus to be."""

OPTICS: Final = Optics(half_angle_mrad=8.0, astigmatism_um=0.4, astigmatism_deg=30.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The microscope, and how a pair is taken."""

    optics: Optics = OPTICS
    dose: float = 150.0
    perturbation_um: float = 2.0
    side: int = 512
    stigmators_um: float = 0.0
    """Above 0: each pair has an astigmatism of its own, of this standard deviation along each of its two axes, and the
    hand corrects it."""
    instrument: str = "simulated"


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """One pair, and the truth."""

    a: NDArray[Any]
    b: NDArray[Any]
    off_um: float
    stig_um: tuple[float, float] | None
    """Along both axes of the stigmator; None where it was left alone."""


def pairs_of(bench: Bench, specimen: int, offs_um: Sequence[float], *, section: int = 0) -> Iterator[Taken]:
    """A specimen, a pair at each distance from the focus: each of a field, and with noise, of its own."""
    rng = np.random.default_rng([specimen, section, 7])
    for number, off in enumerate(offs_um):
        optics, stig = bench.optics, None
        if bench.stigmators_um:
            x, y = rng.normal(0, bench.stigmators_um, 2)
            stig = (float(x), float(y))
            optics = replace(
                optics, astigmatism_um=float(np.hypot(x, y)), astigmatism_deg=float(np.degrees(np.arctan2(y, x)) / 2)
            )
        a, b = Specimen(seed=specimen).focus_series(
            (bench.side, bench.side),
            z=1000 * section + 10 * number,
            defocus_um=(off + bench.perturbation_um, off - bench.perturbation_um),
            optics=optics,
            exposure=Exposure(dose=bench.dose),
        )
        yield Taken(a, b, float(off), stig)


def recorded(folder: Path, bench: Bench, specimens: Iterable[int], each: int, *, seed: int = 0) -> Dataset:
    """So many moves on each specimen, as a dataset in a folder: how far off the lens was is normal, 3 um."""
    rng = np.random.default_rng([seed, 11])
    rows = []
    for specimen in specimens:
        offs = rng.normal(0.0, 3.0, each).tolist()
        for number, taken in enumerate(pairs_of(bench, specimen, offs)):
            rows.append(row_of(folder, f"{specimen}-{number}", taken, bench, f"s{specimen}", rng))
    made = Dataset(tuple(rows), {row.group.key: Side.TRAIN for row in rows})
    made.write(folder)
    return made


def row_of(
    folder: Path, name: str, taken: Taken, bench: Bench, specimen: str, hand: np.random.Generator | None = None
) -> DatasetRow:
    """A pair as files, and its row: what the hand did, or without one what is true."""
    paths = [folder / "images" / f"{name}-{which}.tif" for which in "ab"]
    for path, pixels in zip(paths, (taken.a, taken.b), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(path, pixels)
    wrong = 0.0 if hand is None else float(hand.normal(0, HAND_UM))
    stig = (None, None) if taken.stig_um is None else (-taken.stig_um[0], -taken.stig_um[1])
    return DatasetRow(
        sha256=sha256_of(paths[0]),
        path=str(paths[0]),
        group=SourceGroup(instrument=bench.instrument, specimen=specimen),
        origin=Origin.RECORDED,
        said_by="hand",
        target=Target(move_um=wrong - taken.off_um, stig_x=stig[0], stig_y=stig[1]),
        pixel_nm=bench.optics.pixel_nm,
        pair=RecordedPair(sha256=sha256_of(paths[1]), path=str(paths[1]), perturbation_um=bench.perturbation_um),
    )
