"""What a journal says of a run, for `status`, the report and the page: counted, never judged.

Reads the journal and the list of what is expected; needs neither the watched folder nor a running station.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from mhfd_client import expected
from mhfd_client.alerts import Episode, Health, overview
from mhfd_client.files import text_of
from mhfd_client.journal.rows import Beat, ImageRow, Outcome, State, TroubleRow
from mhfd_client.journal.view import JournalView
from mhfd_client.naming import Place
from mhfd_client.results.latency import Latency, latency
from mhfd_client.results.retake import Retake, retakes
from mhfd_client.results.under_way import UnderWay, under_way
from mhfd_client.settings.options import NamesSettings

ALIVE_S: Final = 15.0
"""A station that has given no sign of life for this long is not running."""
_PAGE: Final = 5000


@dataclass(frozen=True, slots=True)
class Status:
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
    provisional: int
    failed: int
    """Images that could not be scored: incomplete, unreadable, or set aside."""
    retake: tuple[Retake, ...]
    sections: int
    missing: tuple[Place, ...]
    to_come: int
    troubles: tuple[TroubleRow, ...]
    question: dict[str, Any] | None
    drifts: tuple[dict[str, Any], ...]
    alerts: tuple[Episode, ...]
    """What has rung and is not over."""
    sinks: tuple[Health, ...]
    """Who is told of it."""
    latency: Latency
    runs: UnderWay
    """Runs of a flow that are out."""

    @property
    def needs_person(self) -> bool:
        """Whether somebody should look: something to image again, missing, drifting, ringing or broken."""
        unheard = any(sink.failures for sink in self.sinks)
        return bool(self.retake or self.missing or self.troubles or self.drifts or self.alerts or unheard)

    def as_json(self) -> dict[str, Any]:
        """For programs: plain values, every list in full."""
        told = {"schema_version": 1, **asdict(self)}
        told["root"], told["state_dir"] = text_of(self.root), str(self.state_dir)
        told["needs_person"] = self.needs_person
        told["retake"] = [retake.as_json() for retake in self.retake]
        told["runs"] = [run.as_json() for run in self.runs.runs]
        told["troubles"] = [
            {**asdict(trouble), "path": None if trouble.path is None else text_of(trouble.path)}
            for trouble in self.troubles
        ]
        return told


def status(journal: JournalView, names: NamesSettings, *, now: float | None = None) -> Status:
    """The run as it is now."""
    images = list(all_images(journal))
    told = list(journal.told())
    counts = journal.counts()
    beat = journal.heartbeat()
    notes = journal.notes()
    replaced = counts[State.REPLACED]
    judged = counts[State.JUDGED] + counts[State.RECORDED]
    places = {image.place for image in images}
    wanted = None if names.expected is None else expected.load(names.expected)
    absent, late = expected.missing(wanted, places), expected.overdue(wanted, places)
    told_of = overview(journal.path.parent)
    running = _alive(beat, time.time() if now is None else now)
    return Status(
        root=journal.root(),
        state_dir=journal.path.parent,
        running=running,
        doing=_doing(beat, running=running),
        beat=beat,
        seen=len(images) - replaced,
        judged=judged,
        pending=len(images) - replaced - judged,
        replaced=replaced,
        outcomes={outcome: sum(t.verdict.outcome is outcome for t in told) for outcome in Outcome},
        provisional=sum(t.verdict.provisional for t in told),
        failed=sum(t.score.finding in ("incomplete", "unreadable") for t in told),
        retake=tuple(retakes(journal, told)),
        sections=len({place.section for place in places if place.section is not None}),
        missing=tuple(late),
        to_come=len(absent) - len(late),
        troubles=tuple(trouble for trouble in journal.troubles() if trouble.until_ns is None),
        question=_question(journal, notes.get("question", "null")),
        drifts=tuple(json.loads(notes.get("drifts", "[]"))),
        alerts=told_of.open,
        sinks=told_of.sinks,
        latency=latency(images),
        runs=under_way(journal),
    )


def _question(journal: JournalView, note: str) -> dict[str, Any] | None:
    """What the station asks, with the paths of the images that it asks about."""
    question: dict[str, Any] | None = json.loads(note)
    if question is not None:
        question["paths"] = [text_of(journal.image(image).path) for image in question["images"]]
    return question


def all_images(journal: JournalView) -> Iterator[ImageRow]:
    """Every image, a page at a time."""
    after = 0
    while page := journal.images(after=after, limit=_PAGE):
        yield from page
        after = page[-1].id


def _alive(beat: Beat | None, now: float) -> bool:
    return beat is not None and beat.doing != "stopped" and abs(now - beat.at_ns / 1e9) < ALIVE_S


def _doing(beat: Beat | None, *, running: bool) -> str:
    if beat is None:
        return "no station has run yet"
    if running or beat.doing == "stopped":
        return beat.doing
    return "not running, and did not stop by itself: start `mhfd watch` again, it goes on where it was"
