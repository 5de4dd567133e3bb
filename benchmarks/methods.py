"""The figures of docs/explanation/methods.md: the paper's presets, ours and the classical measures on one series.

Runs on the simulator; with MHFD_DATA=FOLDER also on the real series through focus.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from benchmarks import _laws
from benchmarks._scenes import data
from benchmarks._table import markdown, publish
from benchmarks._through_focus import (
    CODE,
    CODE_RESIZED,
    CROSS,
    DENSITY,
    DOF,
    GRAIN_PX,
    NAMES,
    SIDE,
    Through,
    Values,
    logarithm,
    measured,
    microtubules,
    parts,
    simulated,
    thinned,
)
from scipy import stats

PAPER_R: Final = -0.9754
"""Printed in the paper for its own series, which is unpublished."""
Z: Final = np.arange(0, 6.25, 0.5)
DOSES: Final = (1000.0, 100.0, 30.0, 10.0, 3.0)
LAW_DOSE: Final = 100.0
MIXED, COLOURED = "mixed", "mixed, coloured"
HELD: Final = -0.95
FACTORS: Final = (4, 8)
PART: Final = 256
FEW: Final = 100

SIMULATED: Final = (
    "Simulated sections, {seeds} seeds, {side}x{side} pixels of 8 nm, {planes} images each, 0 to 6 um out of focus by "
    ".5 um (1 um is a disc of radius 1 px). Dose in electrons a pixel, read-out noise of 2. `mixed`: each image's dose "
    "is drawn from 30 to 1000 and its contrast from .5 to 1; `coloured`: the same with noise that is filtered along "
    "the scan line by a Gaussian of {grain:g} px, as slow detectors write it. `paper_code` is without its resize but "
    "where it stands by itself: these images are smaller than what it resizes to."
)
R: Final = (
    "Pearson's r of log(measure) against |z - z0|, z0 known; mean over seeds, the least and the most in brackets. In "
    "the last column only images up to 2 um out of focus, at dose 100. A positive r is the wrong sign. The paper "
    f"prints {PAPER_R} for its own series."
)
RANK: Final = (
    "Spearman's rank correlation of the measure with the distance from focus, mean over seeds; -1 is a perfect order. "
    f"`holds to`: the lowest dose at which it is still {HELD} or better at every higher one as well."
)
MISSING: Final = (
    "Where a measure said nothing of some images (no tissue found, or nothing above noise), `n` is how many it did."
)
LAW: Final = (
    "Each law fitted to log(measure) by least squares: its leave-one-out error (root mean square, of the logarithm). "
    "d is the distance from focus, a and b are fitted{focus}. The best has the least error; by AIC, which counts the "
    "same numbers in each, it leads the log-linear law by so much (positive: log-linear is worse)."
)
REAL: Final = (
    "`dfnn_microtubules` (ZJUOPTKuangLab/DFNN, MIT): **fluorescence, not electrons**, 31 planes .05 um apart, 800x512, "
    "16 bit. Pearson's r of log(measure) against |z - z0|: with z0 as the data set names it (0), with the z0 at which "
    "each measure's own r is largest, and with the median of those, {common:+.2f} um, for all; with that also when "
    "photons are thinned. What a photon is was read from the images' noise."
)
FEW_TITLE: Final = (
    f"The same series cut into squares of {PART} pixels; shown are those that have features in every plane and fewer "
    f"than {FEW} in each. r with z0 as for the whole; ties: pairs of planes with the same count, of all pairs."
)


def pearson(logs: Values, distance: Values) -> float:
    """r where both are known; NaN with fewer than four images or nothing that varies."""
    known = np.isfinite(logs)
    if known.sum() < 4 or np.ptp(logs[known]) == 0:
        return np.nan
    return float(np.corrcoef(logs[known], distance[known])[0, 1])


def at_best_focus(z: Values, logs: Values) -> tuple[float, float]:
    """(r, z0) with the z0 within the series at which |r| is largest."""
    tried = [(pearson(logs, np.abs(z - place)), float(place)) for place in np.arange(z.min(), z.max() + 0.005, 0.01)]
    return max(tried, key=lambda one: abs(one[0]) if np.isfinite(one[0]) else -1)


def signed(value: float) -> str:
    return "-" if not np.isfinite(value) else f"{value:+.3f}"


class Simulation:
    """Every measure of every simulated image, by dose and seed."""

    def __init__(self, seeds: int) -> None:
        self.seeds = seeds
        self.found: dict[float | str, list[dict[str, Values]]] = {}
        for dose in DOSES:
            self.found[dose] = [measured(simulated(seed, Z, dose=dose)) for seed in range(seeds)]
        for name in (MIXED, COLOURED):
            self.found[name] = [
                measured(simulated(seed, Z, dose=None, coloured=name == COLOURED)) for seed in range(seeds)
            ]

    def linear(self) -> str:
        """r by dose; over a shorter range at one."""
        rows = []
        near = Z <= 2
        for name in NAMES:
            cells = [
                self._cell([pearson(logarithm(name, s[name]), Z) for s in found], name, found)
                for found in self.found.values()
            ]
            short = [pearson(logarithm(name, s[name])[near], Z[near]) for s in self.found[LAW_DOSE]]
            rows.append([name, *cells, signed(float(np.mean(short)))])
        return markdown(["", *self._columns(), "dose 100, to 2 um"], rows)

    def ranked(self) -> str:
        """Rank correlation by dose, and down to which it holds."""
        rows = []
        for name in NAMES:
            means = {dose: self._rank(name, found) for dose, found in self.found.items()}
            held = "-"
            for dose in DOSES:
                if not means[dose] <= HELD:
                    break
                held = f"{dose:g}"
            rows.append([name, *(signed(mean) for mean in means.values()), held])
        return markdown(["", *self._columns(), "holds to"], rows)

    def laws(self) -> str:
        """Which law fits at one dose."""
        found = self.found[LAW_DOSE]
        return law_table({n: [(Z, logarithm(n, s[n])) for s in found] for n in (CODE, DOF, DENSITY, CROSS)}, focus=0.0)

    def _columns(self) -> list[str]:
        return [dose if isinstance(dose, str) else f"dose {dose:g}" for dose in self.found]

    @staticmethod
    def _rank(name: str, found: Sequence[Mapping[str, Values]]) -> float:
        ranks = []
        for one in found:
            known = np.isfinite(one[name])
            if known.sum() < 4 or np.ptp(one[name][known]) == 0:
                return np.nan
            ranks.append(float(stats.spearmanr(Z[known], one[name][known]).statistic))
        return float(np.mean(ranks))

    @staticmethod
    def _cell(r: Sequence[float], name: str, found: Sequence[Mapping[str, Values]]) -> str:
        known = sum(int(np.isfinite(logarithm(name, s[name])).sum()) for s in found)
        whole = sum(len(s[name]) for s in found)
        missing = "" if known == whole else f"n = {known} of {whole}"
        if not np.isfinite(r).all():
            return f"- ({missing})"
        return f"{signed(float(np.mean(r)))} ({signed(min(r))} to {signed(max(r))}{missing and ', ' + missing})"


def law_table(series: Mapping[str, Sequence[tuple[Values, Values]]], *, focus: float | None) -> str:
    """Of each measure: the leave-one-out error of each law, the best, and how far it leads by AIC."""
    rows = []
    for name, curves in series.items():
        error: dict[str, float] = {}
        criterion: dict[str, float] = {}
        for law in _laws.LAWS:
            errors, criteria = [], []
            for z, logs in curves:
                known = np.isfinite(logs)
                errors.append(_laws.left_out(law, z[known], logs[known], focus=focus))
                found = _laws.fit(law, z[known], logs[known], focus=focus)
                criteria.append(_laws.aic(found, int(known.sum()), focus_known=focus is not None))
            error[law], criterion[law] = float(np.mean(errors)), float(np.sum(criteria))
        best = min(error, key=lambda law: error[law])
        lead = criterion["log-linear"] - criterion[best]
        rows.append([name, *(f"{error[law]:.4f}" for law in _laws.LAWS), best, f"{lead:+.1f}"])
    return markdown(["", *(f"{law}: {_laws.FORMULAS[law]}" for law in _laws.LAWS), "best", "AIC lead"], rows)


class Real:
    """Every measure of the real series, as it is and with photons thinned."""

    def __init__(self, series: Through) -> None:
        self.z = series.z
        self.series = series
        self.whole = measured(series, resized=True)
        self.thinned = {factor: measured(thinned(series, factor)) for factor in FACTORS}
        self.best = {name: at_best_focus(self.z, logarithm(name, values)) for name, values in self.whole.items()}
        self.common = float(np.median([place for _, place in self.best.values()]))

    def table(self) -> str:
        rows = []
        for name in (CODE_RESIZED, *NAMES):
            r, place = self.best[name]
            named = pearson(logarithm(name, self.whole[name]), np.abs(self.z))
            common = [self._common(name, found) for found in (self.whole, *self.thinned.values())]
            rows.append([name, signed(named), signed(r), f"{place:+.2f}", *common])
        factors = [f"1/{factor} of the photons" for factor in FACTORS]
        return markdown(["", "r, z0 = 0", "r, own z0", "own z0 (um)", "r, one z0", *factors], rows)

    def _common(self, name: str, found: Mapping[str, Values]) -> str:
        return signed(pearson(logarithm(name, found[name]), np.abs(self.z - self.common))) if name in found else "-"

    def laws(self) -> str:
        names = (CODE_RESIZED, CODE, DOF, DENSITY, CROSS)
        return law_table({n: [(self.z, logarithm(n, self.whole[n]))] for n in names}, focus=None)

    def few(self) -> str:
        """Where a count has few features to count."""
        rows = []
        for place, cut in parts(self.series, PART):
            found = measured(cut, paper=False)
            counts = found[DOF]
            if not np.isfinite(counts).all() or counts.max() >= FEW or counts.min() < 1:
                continue
            pairs = len(counts) * (len(counts) - 1) // 2
            ties = sum(int((counts[i + 1 :] == counts[i]).sum()) for i in range(len(counts)))
            r = [self._common(name, found) for name in (DOF, CROSS, "Tenengrad")]
            rows.append([place, f"{counts.min():.0f} to {counts.max():.0f}", f"{ties} of {pairs}", *r])
        return markdown(["from row, column", "features", "ties", DOF, CROSS, "Tenengrad"], rows)


def pages(seeds: int) -> Iterator[str]:
    simulation = Simulation(seeds)
    yield f"{SIMULATED.format(seeds=seeds, side=SIDE, grain=GRAIN_PX, planes=len(Z))} {MISSING}"
    yield f"## Simulated series: log-linear\n\n{R}\n\n{simulation.linear()}"
    yield f"## Simulated series: rank, as the dose falls\n\n{RANK}\n\n{simulation.ranked()}"
    law = f"At dose {LAW_DOSE:g}. " + LAW.format(focus="; focus is known")
    yield f"## Simulated series: which law\n\n{law} Errors are means over seeds, AIC is summed.\n\n{simulation.laws()}"
    series = microtubules()
    if series is None:
        return
    real = Real(series)
    yield f"## Real series\n\n{REAL.format(common=real.common)}\n\n{real.table()}"
    yield f"## Real series: which law\n\n{LAW.format(focus=', and so is focus')}\n\n{real.laws()}"
    yield f"## Real series: few features\n\n{FEW_TITLE}\n\n{real.few()}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="simulated series (default: 3)")
    arguments = parser.parse_args()
    with_data = data() is not None
    publish(
        "methods" if with_data else "methods-simulated",
        "The paper's presets, ours, and the classical measures" + ("" if with_data else ", on the simulator alone"),
        "\n\n".join(pages(arguments.seeds)),
    )
