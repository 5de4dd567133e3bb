"""`mhfd rejudge`: verdicts again from the stored reports, under other settings. Nothing is scored, no image is read."""

import os
from dataclasses import dataclass
from pathlib import Path

from mhfd_client.calibration.applies import of_settings
from mhfd_client.files import write_all_whole
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import State, VerdictRow
from mhfd_client.journal.view import JournalView
from mhfd_client.results.sidecars import Recorder
from mhfd_client.settings.load import Loaded
from mhfd_client.station.assembly import state_of
from mhfd_client.verdicts.from_journal import rejudged


@dataclass(frozen=True, slots=True)
class Change:
    """An image that is judged differently now."""

    path: str
    before: VerdictRow
    after: VerdictRow

    @property
    def turned(self) -> bool:
        """Another outcome, not only other words."""
        return self.before.outcome is not self.after.outcome


def rejudge(root: str | os.PathLike[str], loaded: Loaded, *, why: str, dry_run: bool = False) -> list[Change]:
    """Judge every image of a folder again; returns those whose verdict changes.

    The new verdicts are added to the histories, and the sidecars written again. A running station is refused: it
    judges by its own settings. `dry_run` only looks, and may look beside one.
    """
    state_dir = state_of(root, loaded.settings)
    chosen = loaded.settings.verdict
    calibration = of_settings(chosen)
    with JournalView.read(state_dir) as view:  # without a journal, none is made
        if dry_run:
            return _changes(view, rejudged(view, chosen, why, calibration)[0])
    with Journal.open(state_dir, root=root) as journal:
        answers, notes = rejudged(journal, chosen, why, calibration)
        changes = _changes(journal, answers)
        with journal.together(durable=True):
            for image, verdict in answers:
                journal.judged(image, verdict)
            for name, text in notes.items():
                journal.note(name, text)
        record_all(journal, Recorder(state_dir, journal, loaded))
        return changes


def record_all(journal: Journal, recorder: Recorder) -> None:
    """The sidecars that wait to be written. For when no station runs."""
    damaged: set[int] = set()  # these stay judged: the watch names them
    while True:
        rows = [row for row in journal.pending(State.JUDGED, limit=200 + len(damaged)) if row.id not in damaged]
        if not rows:
            return
        sidecars: list[tuple[Path, bytes]] = []
        for row in rows:
            assert row.report is not None and row.verdict is not None  # noqa: S101, PT018 - the schema says so
            report = journal.readable_report(row.report)
            if report is None:
                damaged.add(row.id)
            else:
                sidecars += recorder.files(row, report, journal.verdict(row.verdict))
        write_all_whole(sidecars)
        with journal.together():
            for row in rows:
                if row.id not in damaged:
                    journal.recorded(row.id)


def _changes(journal: JournalView, answers: list[tuple[int, VerdictRow]]) -> list[Change]:
    changes = []
    for image, after in answers:
        row = journal.image(image)
        assert row.verdict is not None  # noqa: S101 - it was judged
        changes.append(Change(row.path, journal.verdict(row.verdict), after))
    return changes
