"""What a confirmation of a long run holds up: the wait of new images while the others are judged again, in slices."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
from benchmarks._given import Given
from benchmarks._table import markdown

from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd_client.arrival.events import Whole
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import VerdictRow
from mhfd_client.journal.view import JournalView
from mhfd_client.naming import PRESETS, Place
from mhfd_client.results.sidecars import Recorder
from mhfd_client.runners.local import LocalRunner
from mhfd_client.settings.load import load
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.station.inbox import GivenLabel, Inbox, put
from mhfd_client.station.loop import Station
from mhfd_client.verdicts.from_journal import JournalJudge
from mhfd_client.verdicts.judge import RunJudge

EVERY_S = 0.25


def provisional_run(root: Path, state: Path, count: int, report: FocusReport) -> None:
    """A journal with so many provisional verdicts, recorded; the reports are made up, the images are not there."""
    rng = np.random.default_rng(0)
    judge = RunJudge()
    some = [_varied(report, float(x)) for x in np.exp(rng.normal(0, 0.04, 100))]
    for number in range(20):
        verdict = judge.see(number, some[number], Place(number))[0].verdict
    said = VerdictRow(verdict.kind, verdict.sentence, True, None, verdict.model_dump_json())
    with Journal.open(state, root=root) as journal:
        for start in range(0, count, 500):
            with journal.together():
                rows = [
                    journal.arrived(Whole(f"section_{number:06}.tif", 1, 1, 0.0, 0.0), Place(number))
                    for number in range(start, min(count, start + 500))
                ]
                ids = [row.id for row in rows if row is not None]
                journal.intent(ids, f"batch {start}", "local", Params(), durable=False)
                for image in ids:
                    journal.scored(image, some[image % len(some)])
                    journal.judged(image, said)
                    journal.recorded(image)


def _varied(report: FocusReport, factor: float) -> FocusReport:
    assert report.density is not None
    return report.model_copy(update={"density": report.density * factor})


def waits(root: Path, state: Path, paths: list[Path], count: int) -> tuple[list[float], list[float], int, float]:
    """Milliseconds from whole to submitted of images before and after a confirmation; how many were judged again."""
    loaded = load(env={}, args={"state.dir": str(state)})
    given, half = Given(), len(paths) // 2
    with Journal.open(state, root=root) as journal:
        begun = time.perf_counter()
        judge = JournalJudge(journal, VerdictSettings())
        restored_s = time.perf_counter() - begun
        station = Station(
            journal,
            given,
            LocalRunner(device="cpu", workers=1),
            judge,
            Recorder(state, journal, loaded),
            root=root,
            params=Params(),
            place=PRESETS["plain"].place,
            people=Inbox(state, judge),
        )
        before = journal.newest().verdict

        def feed() -> None:
            for number, path in enumerate(paths):
                found, now = path.stat(), time.time()
                given.news.put([Whole(path.name, found.st_size, found.st_mtime_ns, now, now)])
                if number == half:
                    put(state, GivenLabel(image=count // 2, sharp=True))
                time.sleep(EVERY_S)
            station.stop()

        feeder = threading.Thread(target=feed)
        feeder.start()
        station.run()
        feeder.join()
        again = journal.newest().verdict - before - len(paths)
    with JournalView.read(state) as view:
        rows = [view.find(path.name) for path in paths]
    times = [(r.submitted_ns - r.whole_ns) / 1e6 for r in rows if r is not None and r.submitted_ns is not None]
    return times[4:half], times[half:], again, restored_s


def confirmed(root: Path, state: Path, paths: list[Path], count: int, report: FocusReport) -> str:
    """The page's section."""
    provisional_run(root, state, count, report)
    before, after, again, restored_s = waits(root, state, paths, count)
    rows = [
        (name, len(values), *(f"{np.percentile(values, q):.0f}" for q in (50, 95, 100)))
        for name, values in (("before the confirmation", before), ("after it", after))
    ]
    return (
        f"A run of {count:,} provisional verdicts, an image every {EVERY_S} s, and one image in the middle of the run "
        "is confirmed. From whole to submitted (milliseconds; the goal is that no submission is held up for more than "
        f"200):\n\n{markdown(('', 'images', 'p50', 'p95', 'most'), rows)}\n\n{again:,} verdicts were given again in "
        f"the {len(after) * EVERY_S:.0f} s after it, newest first, with their sidecars. Restoring the judge from the "
        f"journal took {restored_s:.1f} s."
    )
