"""Long simulated runs in which dose, contrast and density change, and every fifth section is also taken badly.

The bad takings are judged by what was seen until then, and leave no trace. Good are those with an artefact too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from benchmarks._table import markdown
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import beta

import mhfd
from mhfd.contract.focus_report import FocusReport
from mhfd.simulate import Artefacts, Exposure, Optics, Specimen
from mhfd_client.journal.rows import Outcome
from mhfd_client.naming import Place
from mhfd_client.verdicts.decision import judge_report
from mhfd_client.verdicts.judge import RunJudge

SHAPE = (512, 512)
HARMLESS = ("wrinkle", "particles", "charging", "resin", "banding", "shading", "glitch")
BAD = ("r = 1.5", "r = 2", "r = 3", "half", "motion", "vibration")
_SIGNAL = Exposure(dose=100_000, read_noise=0, bits=16)  # next to no noise


@dataclass(slots=True)
class Taken:
    """A section as the run has it, and as it would have been, had something gone wrong."""

    section: int
    kind: str
    report: FocusReport
    otherwise: dict[str, FocusReport] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Beam:
    """How an image is exposed."""

    dose: float
    contrast: float
    blur_px: float


def long_run(seed: int, sections: int = 300) -> list[Taken]:
    """A run: its tissue strays by .06 or .15; dose (40 to 400) and contrast (.5 to 1) change in steps."""
    rng = np.random.default_rng([seed, 9])
    specimen = Specimen(seed=seed, drift=0.15 if seed % 2 else 0.06)
    found: list[Taken] = []
    dose, contrast = 200.0, 1.0
    other_dose, other_contrast = int(rng.integers(50, 100)), int(rng.integers(60, 140))
    for z in range(1, sections + 1):
        if z == other_dose:
            dose = float(np.exp(rng.uniform(np.log(40), np.log(400))))
            other_dose += int(rng.integers(50, 110))
        if z == other_contrast:
            contrast = float(rng.uniform(0.5, 1))
            other_contrast += int(rng.integers(60, 140))
        chance = rng.random()
        kind = "sharp"
        if z > 12 and chance < 0.22:
            kinds = HARMLESS if chance < 0.16 else BAD
            kind = kinds[int(rng.integers(len(kinds)))]
        jitter = float(np.exp(rng.normal(0, 0.05))) * (0.4 if kind == "glitch" else 1.0)
        beam = Beam(dose * jitter, contrast, float(abs(rng.normal(0, 0.2))))
        taken = Taken(z, kind, take(specimen, z, kind, beam, rng))
        if z > 20 and z % 5 == 0:
            taken.otherwise = {bad: take(specimen, z, bad, beam, rng) for bad in BAD}
        found.append(taken)
    return found


def take(specimen: Specimen, z: int, kind: str, beam: Beam, rng: np.random.Generator) -> FocusReport:
    """One image, scored."""
    exposure = Exposure(dose=beam.dose, contrast=beam.contrast)
    number, sharp = int(rng.integers(1 << 30)), Optics(blur_px=beam.blur_px)
    if kind in ("half", "motion"):
        signal = _signal(specimen, z, sharp)
        if kind == "half":
            away = np.clip((np.arange(SHAPE[0]) - SHAPE[0] / 2) / 32 + 0.5, 0, 1)[None, :]
            away = away if rng.random() < 0.5 else away.T
            away = away if rng.random() < 0.5 else 1 - away
            signal = signal * (1 - away) + _signal(specimen, z, Optics(blur_px=3)) * away
        else:
            length = round(float(rng.uniform(3.5, 5)))
            signal = ndimage.uniform_filter1d(signal, length, axis=int(rng.integers(2)), mode="reflect")
        return mhfd.score(_exposed(signal, beam, rng), threads=1)
    optics = Optics(blur_px=float(kind.removeprefix("r = "))) if kind.startswith("r = ") else sharp
    picture = specimen.section(
        SHAPE, z=z, take=number, optics=optics, exposure=exposure, artefacts=_artefacts(kind, rng)
    )
    return mhfd.score(picture, threads=1)


def _artefacts(kind: str, rng: np.random.Generator) -> Artefacts:
    match kind:
        case "wrinkle":
            return Artefacts(wrinkles=int(rng.integers(1, 4)))
        case "particles":
            return Artefacts(particles=int(rng.integers(3, 21)))
        case "charging":
            return Artefacts(charging=1)
        case "resin":
            return Artefacts(resin=float(rng.uniform(0.2, 0.6)))
        case "banding":
            return Artefacts(banding=float(rng.uniform(0.02, 0.08)))
        case "shading":
            return Artefacts(shading=float(rng.uniform(0.3, 0.7)))
        case "vibration":
            return Artefacts(jitter=float(rng.uniform(1.5, 2.5)))
        case _:
            return Artefacts()


def _signal(specimen: Specimen, z: int, optics: Optics) -> NDArray[np.float64]:
    return specimen.section(SHAPE, z=z, optics=optics, exposure=_SIGNAL).astype(np.float64) / 65535


def _exposed(signal: NDArray[np.float64], beam: Beam, rng: np.random.Generator) -> NDArray[np.uint8]:
    electrons = rng.poisson(np.maximum(signal, 0) * beam.dose) + rng.normal(0, 2, SHAPE)
    grey = 255 * (electrons / beam.dose * beam.contrast + 0.5 - 0.5 * beam.contrast)
    picture: NDArray[np.uint8] = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    return picture


def first_verdicts(run: list[Taken], *, answers: bool) -> tuple[list[Outcome], list[tuple[str, Outcome]]]:
    """Of the good images and of the bad ones: the first verdict, which is the one that alerts."""
    judge = RunJudge()
    good: list[Outcome] = []
    bad: list[tuple[str, Outcome]] = []
    blurred = {taken.section for taken in run if taken.kind in BAD}
    for taken in run:
        place = Place(taken.section)
        bad += [
            (kind, judge_report(report, place, judge.history, judge.settings).kind)
            for kind, report in taken.otherwise.items()
        ]
        verdict = judge.see(taken.section, taken.report, place)[0].verdict
        judge.go_on(1000)
        if taken.section > judge.settings.young:
            (bad.append((taken.kind, verdict.kind)) if taken.kind in BAD else good.append(verdict.kind))
        if answers and (question := judge.question()):
            for key in question.keys:
                judge.hear(key, key not in blurred)
                judge.go_on(1000)
    return good, bad


def table(runs: list[list[Taken]]) -> str:
    """False alarms on good images, and how much of what is bad is found."""
    rows = []
    for answers in (True, False):
        good: list[Outcome] = []
        bad: list[tuple[str, Outcome]] = []
        for run in runs:
            more_good, more_bad = first_verdicts(run, answers=answers)
            good, bad = good + more_good, bad + more_bad
        false = sum(kind is Outcome.OUT_OF_FOCUS for kind in good)
        untold = sum(kind is Outcome.UNDETERMINED for kind in good)
        upper = float(beta.ppf(0.95, false + 1, len(good) - false))
        cells = [f"{false} of {len(good)} (<= {upper:.2%})", str(untold)]
        for name in BAD:
            told = [kind for bad_kind, kind in bad if bad_kind == name]
            out = sum(kind is Outcome.OUT_OF_FOCUS for kind in told)
            cells.append(f"{out / len(told):.0%} of {len(told)}")
        rows.append(["operator answers at once" if answers else "nobody answers", *cells])
    return markdown(["", "false alarms", "good, not told", *(f"found: {name}" for name in BAD)], rows)
