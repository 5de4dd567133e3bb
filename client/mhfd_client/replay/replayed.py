"""A run judged once more as it is, and each image with a fault in it by what was known at that moment.

First verdicts, which are those that alert. An image with a fault leaves no trace: the next one is judged as if it had
never been. Must not read a file or know a screen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mhfd.contract.focus_report import Finding, FocusReport
from mhfd_client.files import text_of
from mhfd_client.journal.rows import Outcome
from mhfd_client.naming import Place
from mhfd_client.replay.faults import NAMED, FaultPlan, Planting
from mhfd_client.replay.measured_images import MeasuredImage
from mhfd_client.replay.outcome import KindOutcome, PlantedVerdict, ReplayOutcome, Share
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts.decision import judge_report
from mhfd_client.verdicts.judge import RunJudge
from mhfd_client.verdicts.verdict import Verdict

_ALL: int = 1 << 30


def replayed(
    run: Iterable[MeasuredImage],
    plan: FaultPlan,
    settings: VerdictSettings,
    advance: Callable[[], object] = lambda: None,
) -> ReplayOutcome:
    """Judge a run in its order; the first images that can be are confirmed, as an operator would."""
    judge = RunJudge(settings)
    said: list[tuple[str, Verdict]] = []
    planted: list[PlantedVerdict] = []
    confirmed: list[str] = []
    for order, measured in enumerate(run):
        name, place = text_of(measured.image.path), measured.image.place
        if len(judge.history) >= max(settings.young, settings.confirm):
            for planting, report in measured.otherwise:
                planted.append(_judged(judge, name, planting, report, place, order))
        verdict = judge.see(measured.image.path, measured.report, place, order=order)[0].verdict
        judge.go_on(_ALL)
        if len(confirmed) < settings.confirm and measured.report.finding is Finding.OK:
            judge.hear(measured.image.path, True)
            judge.go_on(_ALL)
            confirmed.append(name)
        else:
            said.append((name, verdict))
        advance()
    told = [(name, verdict) for name, verdict in said if verdict.kind in (Outcome.IN_FOCUS, Outcome.OUT_OF_FOCUS)]
    rang = [(name, verdict.sentence) for name, verdict in told if verdict.kind is Outcome.OUT_OF_FOCUS]
    return ReplayOutcome(
        images=len(said) + len(confirmed),
        confirmed=tuple(confirmed),
        alarms=Share.counted(verdict.kind is Outcome.OUT_OF_FOCUS for _, verdict in told),
        rang=tuple(rang),
        undetermined=sum(verdict.kind is Outcome.UNDETERMINED for _, verdict in said),
        incomplete=sum(verdict.kind is Outcome.INCOMPLETE for _, verdict in said),
        kinds=tuple(KindOutcome.of(kind, planted) for kind in plan.kinds),
    )


def _judged(
    judge: RunJudge, name: str, planting: Planting, report: FocusReport, place: Place, order: int
) -> PlantedVerdict:
    sized = report.sized(judge.settings.pixel_nm)
    verdict = judge_report(sized, place, judge.history, judge.settings, order=order)
    found, blur, fault = verdict.kind is Outcome.OUT_OF_FOCUS, verdict.blur, planting.fault
    named = found and blur is not None and blur.kind is NAMED[fault.kind]
    holds = None if blur is None else blur.low <= fault.seen_px <= blur.high
    return PlantedVerdict(name, fault.kind, fault.size, found, named, holds)
