"""Runs of the pretend microscope, each image the whole way through a file: what is said in the end, not only at first.

Mosaics, a blurred start, tissue that changes much, and a focus that drifts slowly. The operator is played from the
truth.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks._table import markdown
from benchmarks._taken import report_of, stored

import mhfd
from mhfd.contract.focus_report import FocusReport
from mhfd_client.microscope.images import tiff
from mhfd_client.microscope.plan import RunPlan
from mhfd_client.microscope.truth import Grade, Shot, ShotKind, answer, grade
from mhfd_client.naming import Place
from mhfd_client.verdicts.judge import Judged, RunJudge
from mhfd_client.verdicts.verdict import Verdict

ScoredShots = tuple[tuple[Shot, FocusReport], ...]
DRIFT: Final = "focus drifts to r = 3 px"


def plans(first_seed: int) -> dict[str, list[RunPlan]]:
    """Name to runs; seeds from this on."""
    seed = first_seed
    fives = [RunPlan.of(seed + i, sections=12, tiles=(5, 5), size=256, layout="sbemimage") for i in range(2)]
    return {
        "mosaics of 5 x 5": fives,
        "mosaics of 2 x 2": [RunPlan.of(seed + 10, sections=30, tiles=(2, 2))],
        "starts with 20 blurred": [RunPlan.of(seed + 11, sections=60, blurred_start=20)],
        "tissue changes much": [RunPlan.of(seed + 12, sections=100, drift=0.3)],
        DRIFT: [RunPlan.of(seed + 13, sections=300, failures=0, focus_drift_px=3)],
    }


def scored(cache: Path | None, name: str, plan: RunPlan) -> ScoredShots:
    """Every image of a run, scored now or as it was kept."""
    return stored(cache, f"planned-{name.replace(' ', '_')}-{plan.seed}", lambda: _scored(plan), _plain, _read)


def _scored(plan: RunPlan) -> ScoredShots:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.tif"

        def one(shot: Shot) -> FocusReport:
            path.write_bytes(tiff(plan, shot))
            return mhfd.score(path, threads=1)

        return tuple((shot, one(shot)) for shot in plan.shots)


def _plain(scored: ScoredShots) -> list[Any]:
    return [[asdict(shot), report] for shot, report in scored]


def _read(read: list[Any]) -> ScoredShots:
    return tuple((Shot(**{**shot, "kind": ShotKind(shot["kind"])}), report_of(report)) for shot, report in read)


@dataclass(slots=True)
class Played:
    """What was said in one run."""

    first: dict[str, Verdict] = field(default_factory=dict)
    current: dict[str, Verdict] = field(default_factory=dict)
    asked: int = 0
    drift_at: Shot | None = None

    def take(self, judged: Iterable[Judged]) -> None:
        for j in judged:
            self.first.setdefault(str(j.key), j.verdict)
            self.current[str(j.key)] = j.verdict


def play(scored: ScoredShots, *, answers: bool) -> Played:
    """Judge a run. The operator answers every question at once, or never."""
    truth = [shot for shot, _ in scored]
    judge, played = RunJudge(), Played()
    for shot, report in scored:
        played.take(judge.see(shot.path, report, Place(shot.section, shot.tile)))
        played.take(judge.go_on(1000))
        if played.drift_at is None and judge.drifts:
            played.drift_at = shot
        if answers and (question := judge.question()):
            played.asked += 1
            for key, sharp in answer(truth, [str(k) for k in question.keys]).items():
                played.take(judge.hear(key, sharp))
                played.take(judge.go_on(1000))
    played.take(judge.finish())
    return played


def table(runs: Mapping[str, Sequence[ScoredShots]]) -> str:
    """A row for each kind of run, answered and not; then where the drift was reported."""
    rows, drifts = [], []
    for name, group in runs.items():
        for how, answers in (("operator answers at once", True), ("nobody answers", False)):
            played = [play(one, answers=answers) for one in group]
            rows.append(_row(f"{name}; {how}", group, played))
            drifts += [p.drift_at for p in played if name == DRIFT and answers and p.drift_at is not None]
    header = ["runs", "images", "planted", "found", "missed", "false alarms", "not told", "found at first"]
    said = ", ".join(f"section {s.section} (r = {s.amount:.2f} px)" for s in drifts) or "no time"
    return f"{markdown([*header, 'false alarms at first', 'questions'], rows)}\n\nThe drift was reported at {said}."


def _row(name: str, group: Sequence[ScoredShots], played: Sequence[Played]) -> list[object]:
    last = [_graded(one, p.current) for one, p in zip(group, played, strict=True)]
    first = [_graded(one, p.first) for one, p in zip(group, played, strict=True)]
    return [
        name,
        sum(map(len, group)),
        sum(g.planted for g in last),
        sum(g.found for g in last),
        sum(len(g.missed) for g in last),
        sum(len(g.false_alarms) for g in last),
        sum(len(g.untold) for g in last),
        sum(g.found for g in first),
        sum(len(g.false_alarms) for g in first),
        sum(p.asked for p in played),
    ]


def _graded(scored: ScoredShots, verdicts: Mapping[str, Verdict]) -> Grade:
    return grade((s for s, _ in scored), {path: v.kind.value for path, v in verdicts.items()})
