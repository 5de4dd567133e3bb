"""A real station in a process of its own, for tests that kill it: `python station_under_test.py ROOT STATE SECONDS`.

The real arrival, journal, loop and local runner; the judge and the recorder are as small as they can be and real too:
a verdict from the report's number, a sidecar written whole. With `people` they are those of `mhfd watch`, and what
people say is heard.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.contract.params import Params
from mhfd_client.arrival.folder import Arrival
from mhfd_client.files import write_whole
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import ImageRow, Outcome, VerdictRow
from mhfd_client.journal.view import JournalView
from mhfd_client.naming import Place
from mhfd_client.results.sidecars import Recorder
from mhfd_client.runners.local import LocalRunner
from mhfd_client.settings.load import load
from mhfd_client.settings.options import ArrivalSettings
from mhfd_client.station.inbox import Inbox
from mhfd_client.station.loop import Station, stopped_by_signals
from mhfd_client.verdicts.from_journal import JournalJudge


class NeverAgain:
    """A judge's part that gives no verdict again."""

    waiting, settled = False, True

    def go_on(self, count: int) -> Sequence[tuple[int, VerdictRow]]:
        return []

    def settle(self, count: int) -> Sequence[tuple[int, VerdictRow]]:
        return []


class Judging(NeverAgain):
    """In focus when something was counted."""

    def judge(self, row: ImageRow, report: FocusReport) -> Sequence[tuple[int, VerdictRow]]:
        if report.finding is not Finding.OK:
            return [(row.id, VerdictRow(Outcome.INCOMPLETE, f"The file cannot be judged: {report.finding_detail}."))]
        return [(row.id, VerdictRow(Outcome.IN_FOCUS, f"{report.dof} features."))]

    def withdraw(self, row: ImageRow) -> Sequence[tuple[int, VerdictRow]]:
        return []


class Sidecars:
    """One file for each image, whole or not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def record(self, row: ImageRow, report: FocusReport, verdict: VerdictRow) -> None:
        write_whole(self.folder / f"{row.path}.{row.revision}.json", report.model_dump_json().encode())


def main(root: Path, state: Path, until_idle: float, score: str = "tests.rigs.jobs:score", people: str = "") -> None:
    with Journal.open(state, root=root) as journal, JournalView.read(state) as view:
        arrival = Arrival(
            root, settings=ArrivalSettings(settle_s=0.02, list_s=0.5), known=view.known, touched=view.touched
        )
        home = load(env={}, args={"state.dir": str(state)})
        judge = JournalJudge(journal, home.settings.verdict) if people else None
        try:
            station = Station(
                journal,
                arrival,
                LocalRunner(workers=2, device="cpu", score=score, backoff_s=0.1),
                judge or Judging(),
                Recorder(state, journal, home) if people else Sidecars(state / "sidecars"),
                root=root,
                params=Params(),
                place=lambda path: Place(int(path[1:4]), None),
                until_idle=until_idle,
                unsettled_s=arrival.unsettled_s,
                backoff_s=0.1,
                people=None if judge is None else Inbox(state, judge),
            )
            print("ready", flush=True)  # noqa: T201 - the test waits for it
            with stopped_by_signals(station):
                summary = station.run()
        finally:
            arrival.close()
    print(f"{summary.scored} scored, {summary.left} left", flush=True)  # noqa: T201


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), *sys.argv[4:])
