"""What a journal says of a run, for `status`, the report and the page: counted, never judged.

Reads the journal and the list of what is expected; needs neither the watched folder nor a running station.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from mhfd_client import expected
from mhfd_client.alerts import Delivery, Episode, overview
from mhfd_client.files import text_of
from mhfd_client.journal.rows import Beat, Outcome, State, TroubleRow
from mhfd_client.journal.view import JournalView
from mhfd_client.naming import Crowd, Place
from mhfd_client.now import RunNow, doing
from mhfd_client.results import keeping_up
from mhfd_client.results.champion_now import ChampionNow, champion_now
from mhfd_client.results.keeping_up import Backlog
from mhfd_client.results.latency import Latency, latency
from mhfd_client.results.retake import Retake, retakes
from mhfd_client.results.retested import Retested, retested
from mhfd_client.results.under_way import UnderWay, under_way
from mhfd_client.settings.options import NamesSettings

_TROUBLES: Final = 100


@dataclass(frozen=True, slots=True)
class Speaker:
    """A learned package in a run: of how many images it said something, and of how many it did not."""

    package: str
    title: str
    spoke: int
    refused: int


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run at a glance. `seen` counts images: one revision of one file each."""

    root: str
    state_dir: Path
    running: bool
    doing: str
    beat: Beat | None
    seen: int
    judged: int
    pending: int
    replaced: int
    outcomes: dict[Outcome, int]
    """Of the newest judged revision of each file."""
    provisional: int
    confirmed: int
    """Images that people call sharp; 0: nobody knows yet whether what is in focus is sharp."""
    failed: int
    """Images that could not be scored: incomplete, unreadable, or set aside."""
    retake: tuple[Retake, ...]
    sections: int
    missing: tuple[Place, ...]
    to_come: int
    crowds: tuple[Crowd, ...]
    """Places of sections that several files have."""
    without_section: int
    """Files whose names do not say it."""
    troubles: tuple[TroubleRow, ...]
    question: dict[str, Any] | None
    drifts: tuple[dict[str, Any], ...]
    alerts: tuple[Episode, ...]
    """What has rung and is not over."""
    rang: tuple[Episode, ...]
    """What has rung and is over, the newest first."""
    sinks: tuple[Delivery, ...]
    """Who is told of it."""
    speakers: tuple[Speaker, ...]
    """Learned packages that were asked about images of this run."""
    latency: Latency
    runs: UnderWay
    """Runs of a flow that are out."""
    backlogs: tuple[Backlog, ...] = ()
    """Times in which images waited because they came faster than they were judged; the last one may last."""
    help: str = ""
    """What would judge more at once, while images wait."""
    retests: tuple[Retested, ...] = ()
    """Tests of who judges."""
    judging: ChampionNow | None = None
    """Who is champion, and how far the last images lie from what it was taught with."""

    @property
    def needs_person(self) -> bool:
        """Whether somebody should look: something to image again, missing, drifting, ringing or broken."""
        unheard = any(sink.failures for sink in self.sinks)
        return bool(self.retake or self.missing or self.troubles or self.drifts or self.alerts or unheard)

    def as_json(self) -> dict[str, Any]:
        """For programs: plain values, every list in full."""
        told = {"schema_version": 5, **asdict(self)}
        told["root"], told["state_dir"] = text_of(self.root), str(self.state_dir)
        told["needs_person"] = self.needs_person
        told["crowds"] = [crowd.as_json() for crowd in self.crowds]
        told["retake"] = [retake.as_json() for retake in self.retake]
        told["backlogs"] = [one.as_json() for one in self.backlogs]
        told["retests"] = [one.as_json() for one in self.retests]
        told["judging"] = None if self.judging is None else self.judging.as_json()
        told["runs"] = [run.as_json() for run in self.runs.runs]
        told["troubles"] = [
            {**asdict(trouble), "path": None if trouble.path is None else text_of(trouble.path)}
            for trouble in self.troubles
        ]
        return told


def status(journal: JournalView, names: NamesSettings, *, clock: Callable[[], float] = time.time) -> RunStatus:
    """The run as it is now."""
    run = RunNow(journal, None if names.expected is None else expected.load(names.expected), clock=clock)
    with journal.snapshot():
        run.look()
        told = list(run.judged())
    newest = {one.image.path: one for one in sorted(told, key=lambda one: one.image.revision)}.values()
    told_of = overview(journal.path.parent)
    waited = tuple(keeping_up.backlogs(journal.moments(), now_ns=int(clock() * 1e9)))
    judged = run.counts[State.JUDGED] + run.counts[State.RECORDED]
    question = run.question
    if question is not None:
        question = question | {"paths": [text_of(journal.image(image).path) for image in question["images"]]}
    return RunStatus(
        root=journal.root(),
        state_dir=journal.path.parent,
        running=run.running,
        doing=doing(run.beat, running=run.running),
        beat=run.beat,
        seen=run.waiting + judged,
        judged=judged,
        pending=run.waiting,
        replaced=run.counts[State.REPLACED],
        outcomes={outcome: sum(t.verdict.outcome is outcome for t in newest) for outcome in Outcome},
        provisional=sum(t.verdict.provisional for t in newest),
        confirmed=run.confirmed,
        failed=sum(t.score.finding in ("incomplete", "unreadable") for t in newest),
        retake=tuple(retakes(told, run.labels, journal.readable_report, estimates=journal.estimates)),
        sections=len(run.sections),
        missing=run.missing,
        to_come=len(run.absent) - len(run.missing),
        crowds=run.crowds,
        without_section=run.without_section,
        troubles=run.troubles[:_TROUBLES],
        question=question,
        drifts=run.drifts,
        alerts=told_of.open,
        rang=tuple(alert for alert in told_of.episodes if alert.closed is not None),
        sinks=told_of.sinks,
        speakers=tuple(Speaker(*row) for row in journal.speakers()),
        latency=latency(one.image for one in told),
        runs=under_way(journal),
        backlogs=waited,
        help=keeping_up.help_of(journal) if waited and waited[-1].ended_ns is None else "",
        retests=retested(journal),
        judging=champion_now(journal),
    )
