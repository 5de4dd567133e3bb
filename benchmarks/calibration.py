"""Does `mhfd calibrate` find what a series was made with, and do its intervals hold it?

Simulated focus series whose half-angle and focus are known; with MHFD_DATA=FOLDER also the real many-plane series of
fluorescence, whose half-angle nobody knows: its halves must agree.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from benchmarks._table import markdown, publish

import mhfd
from mhfd import simulate
from mhfd.contract.focus_report import FocusReport
from mhfd.simulate import Exposure, Optics
from mhfd_client.calibration.series import CalibratedSeries, calibrated
from mhfd_client.errors import SeriesRefused
from mhfd_client.verdicts.blur.calibration import Interval

DOSES: Final = (40.0, 120.0, 400.0)
KINDS: Final = {
    "9 images, -4 to 4 um": np.linspace(-4, 4, 9),
    "5 images, -4 to 4 um": np.linspace(-4, 4, 5),
    "9 images, 0 to 4 um: one side": np.linspace(0, 4, 9),
}
SIDE: Final = 384
FEWER: Final = 15
"""Specimens of the rows behind the first kind."""
TEXT: Final = (
    "Sections of {side}x{side} pixels of 8 nm through the simulator's optics, {seeds} specimens a row (seeds {first} "
    "to {last}; of the other two kinds the first {fewer}). The half-angle is drawn from 6 to 12 mrad, the focus from "
    "the middle +-.6 um (one side: from 0 to .4 um). *holds*: the part of the series whose interval holds what they "
    "were made with; *width*: median of half the interval, of um a px as a part of it."
)


def scored(images: Sequence[np.ndarray], pixel_nm: float | None) -> list[FocusReport]:
    """A report an image."""
    return [mhfd.score(pixels, threads=1).sized(pixel_nm) for pixels in images]


def tried(reports: Sequence[FocusReport], focus: np.ndarray) -> CalibratedSeries | None:
    """What the series gives; None where it is refused."""
    try:
        return calibrated(reports, lambda _: [float(um) for um in focus], made="")
    except SeriesRefused:
        return None


def holds(interval: Interval, truth: float) -> bool:
    """Whether the interval holds it."""
    return interval.low <= truth <= interval.high


def simulated(seeds: range) -> str:
    """The table of simulated series."""
    rows = []
    for number, (kind, focus) in enumerate(KINDS.items()):
        some = seeds if number == 0 else seeds[:FEWER]
        for dose in DOSES:
            found: list[tuple[CalibratedSeries, float, float]] = []
            for seed in some:
                rng = np.random.default_rng(seed)
                angle = float(rng.uniform(6, 12))
                at = float(rng.uniform(0, 0.4) if "one side" in kind else rng.uniform(-0.6, 0.6))
                images = simulate.focus_series(
                    (SIDE, SIDE),
                    seed=seed,
                    defocus_um=[float(um) - at for um in focus],
                    optics=Optics(half_angle_mrad=angle),
                    exposure=Exposure(dose=dose),
                )
                one = tried(scored(images, 8.0), focus)
                if one is not None:
                    found.append((one, angle, at))
            rows.append((kind, f"{dose:.0f}", *summary(found, len(some))))
            print(*rows[-1], flush=True)
    header = ("series", "dose, e/px", "refused", "um a px holds", "off", "width", "f' holds", "off, um", "width, um")
    return markdown(header, rows)


def summary(found: Sequence[tuple[CalibratedSeries, float, float]], tries: int) -> tuple[str, ...]:
    """One row: how often the intervals hold the truth, how far off, how wide."""
    if not found:
        return (f"{tries}", *["-"] * 6)
    scale = [one.calibration.um_a_px for one, _, _ in found]
    truth = [8 / angle for _, angle, _ in found]
    place = [one.calibration.focus_um for one, _, _ in found]
    ats = [at for _, _, at in found]
    off = [abs(s.value / t - 1) for s, t in zip(scale, truth, strict=True)]
    away = [abs(p.value - at) for p, at in zip(place, ats, strict=True)]
    return (
        f"{tries - len(found)}",
        f"{np.mean([holds(s, t) for s, t in zip(scale, truth, strict=True)]):.0%}",
        f"{np.median(off):.1%}",
        f"{np.median([(s.high - s.low) / 2 / s.value for s in scale]):.0%}",
        f"{np.mean([holds(p, at) for p, at in zip(place, ats, strict=True)]):.0%}",
        f"{np.median(away):.2f}",
        f"{np.median([(p.high - p.low) / 2 for p in place]):.2f}",
    )


def real(folder: Path) -> str:
    """The fluorescence series, whole and in parts that share no plane."""
    files = sorted(folder.glob("*.tif"))
    focus = np.array([(51 - int(file.stem[-4:])) * 0.05 for file in files])
    reports = [mhfd.score(file, threads=1) for file in files]
    rows = []
    for name, part in (
        ("all planes", slice(None)),
        ("every second", slice(0, None, 2)),
        ("the others", slice(1, None, 2)),
        ("every fifth", slice(0, None, 5)),
    ):
        one = tried(reports[part], focus[part])
        if one is None:
            rows.append((name, len(reports[part]), "refused", "", "", ""))
            continue
        told = one.calibration
        law = told.law
        rows.append(
            (
                name,
                told.images,
                f"{told.um_a_px.value:.3f} ({told.um_a_px.low:.3f} to {told.um_a_px.high:.3f})",
                f"{told.focus_um.value:.2f} ({told.focus_um.low:.2f} to {told.focus_um.high:.2f})",
                "" if law is None else f"{law.log_linear.r.value:.3f} ({law.log_linear.error:.3f})",
                "" if law is None else f"{law.quadratic.r.value:.3f} ({law.quadratic.error:.3f})",
            )
        )
    header = ("planes", "images", "um a px", "f', um", "log-linear r (error)", "quadratic r (error)")
    return markdown(header, rows)


def main() -> None:
    """Measure, print, write docs/benchmarks/calibration.md."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=40)
    seeds = range(5000, 5000 + parser.parse_args().seeds)
    body = (
        TEXT.format(side=SIDE, seeds=len(seeds), first=seeds[0], last=seeds[-1], fewer=min(FEWER, len(seeds)))
        + "\n\n"
        + simulated(seeds)
    )
    data = os.environ.get("MHFD_DATA")
    if data is not None:
        body += "\n\nA real series of fluorescence, 31 planes (dfnn_microtubules): nobody knows its half-angle.\n\n"
        body += real(Path(data, "dfnn_microtubules"))
    publish("calibration", "Calibration: does the interval hold what a series was made with?", body)


if __name__ == "__main__":
    main()
