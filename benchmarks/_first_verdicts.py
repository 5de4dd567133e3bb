"""What is said at once of each image of a run: by mhfd, and by classical measures with a running median."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from benchmarks._simulated_runs import FAULTS
from benchmarks._taken import CLASSICAL, Run, Section, Taken

from mhfd_client.journal.rows import Outcome
from mhfd_client.naming import Place
from mhfd_client.replay.faults import NAMED
from mhfd_client.verdicts.decision import judge_report
from mhfd_client.verdicts.judge import RunJudge
from mhfd_client.verdicts.verdict import Verdict

_NEAR: Final = 15  # images of a running median
_YOUNG: Final = 6  # ... before which it says nothing
_USUAL: Final = 0.75


@dataclass(frozen=True, slots=True)
class Said:
    """Of one image."""

    run: str
    number: int
    taken: Taken
    verdict: Verdict
    ratio: dict[str, float]
    """Classical measures, over the running median."""

    @property
    def found(self) -> bool:
        return self.verdict.kind is Outcome.OUT_OF_FOCUS

    @property
    def named(self) -> bool:
        """Found, and its kind is right."""
        blur = self.verdict.blur
        return self.found and blur is not None and blur.kind is NAMED[FAULTS[self.taken.kind][0]]


def first_verdicts(name: str, run: Run, *, answers: bool = True, confirm: int = 0) -> tuple[list[Said], list[Said]]:
    """Of good images and of bad ones. `answers`: an operator answers every question at once, truthfully.

    `confirm`: so many images are confirmed at the start, without being asked.
    """
    judge = RunJudge()
    good: list[Said] = []
    bad: list[Said] = []
    medians = {measure: _Running() for measure in CLASSICAL}
    faulty = {section.number for section in run if section.taken.kind in FAULTS}
    for section in run:
        place = Place(section.number)
        for taken in section.otherwise:
            ratio = {measure: median.ratio(taken.classical[measure]) for measure, median in medians.items()}
            verdict = judge_report(taken.report, place, judge.history, judge.settings)
            bad.append(Said(name, section.number, taken, verdict, ratio))
        taken = section.taken
        ratio = {measure: median.take(taken.classical[measure]) for measure, median in medians.items()}
        verdict = judge.see(section.number, taken.report, place)[0].verdict
        judge.go_on(1000)
        if section.number > judge.settings.young:
            (bad if taken.kind in FAULTS else good).append(Said(name, section.number, taken, verdict, ratio))
        if section.number <= confirm:
            judge.hear(section.number, section.number not in faulty)
        if answers and (question := judge.question()):
            for key in question.keys:
                judge.hear(key, key not in faulty)
        judge.go_on(1000)
    return good, bad


class _Running:
    """A measure over the median of the last images that it called sharp."""

    def __init__(self) -> None:
        self._near: list[float] = []

    def ratio(self, value: float) -> float:
        return value / float(np.median(self._near[-_NEAR:])) if len(self._near) >= _YOUNG else float("nan")

    def take(self, value: float) -> float:
        ratio = self.ratio(value)
        if not ratio < _USUAL:
            self._near.append(value)
        return ratio


def with_one_kind(run: Run, kind: str, apart: int, offset: int) -> Run:
    """A run in which one image of `apart` has this fault, and stays in it; which, is drawn."""
    rng = np.random.default_rng([apart, sorted(FAULTS).index(kind)])
    start = int(rng.integers(apart))
    found = []
    for section in run:
        changed = section.number > 10 and (section.number + start + offset) % apart == 0
        taken = next(t for t in section.otherwise if t.kind == kind) if changed else section.taken
        found.append(Section(section.number, taken))
    return tuple(found)


def each_kind(name: str, run: Run, apart: int = 5) -> tuple[list[Said], list[Said]]:
    """Each kind its own runs, so many that every image is changed once."""
    good: list[Said] = []
    bad: list[Said] = []
    for kind in FAULTS:
        for offset in range(apart):
            more = first_verdicts(f"{name}, {kind}", with_one_kind(run, kind, apart, offset), confirm=3)
            good += more[0]
            bad += more[1]
    return good, bad


def one_changed(name: str, run: Run) -> tuple[list[Said], list[Said]]:
    """A stack: each image in turn is judged by all others, of which the first three are confirmed."""
    good: list[Said] = []
    bad: list[Said] = []
    for section in run:
        judge = RunJudge()
        others = [other for other in run if other is not section]
        for other in others:
            judge.see(other.number, other.taken.report, Place(other.number))
        for other in others[:3]:
            judge.hear(other.number, True)
        judge.finish()
        for taken in (section.taken, *section.otherwise):
            verdict = judge_report(taken.report, Place(section.number), judge.history, judge.settings)
            near = sorted(others, key=lambda other: abs(other.number - section.number))[:_NEAR]
            ratio = {
                measure: taken.classical[measure] / float(np.median([o.taken.classical[measure] for o in near]))
                for measure in CLASSICAL
            }
            (bad if taken.kind in FAULTS else good).append(Said(name, section.number, taken, verdict, ratio))
    return good, bad


def of_kind(said: Iterable[Said], kind: str) -> Iterator[Said]:
    return (one for one in said if one.taken.kind == kind)
