"""A run in a journal without scoring: images go through the real journal and the real judge, reports are made up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mhfd.contract.estimate import EstimateMade
from mhfd_client.arrival.events import Whole
from mhfd_client.journal.journal import Journal
from mhfd_client.naming import Place
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts.blur.blur import Blur
from mhfd_client.verdicts.from_journal import JournalJudge
from tests.rigs.blurs import blurred
from tests.rigs.focus_reports import report


@contextmanager
def sharp_run(folder: Path, *, sections: int = 12) -> Iterator[Run]:
    """A run of so many sharp sections."""
    run = Run(folder)
    try:
        for section in range(sections):
            run.image(section)
        yield run
    finally:
        run.close()


class Run:
    """The journal of a made-up run."""

    def __init__(self, folder: Path, *, now: Callable[[], int] = time.time_ns) -> None:
        self.root, self.state = folder / "wafer7", folder / "state"
        self.root.mkdir()
        self.journal = Journal.open(self.state, root=self.root, now=now)
        self.judge = JournalJudge(self.journal, VerdictSettings())
        self.blurs: dict[int, Blur] = {}

    def image(
        self,
        section: int | None,
        *,
        tile: str | None = "r1-c1",
        path: str | None = None,
        mtime_ns: int = 1,
        whole_at: float = 100.0,
        stage_um: tuple[float, float] | None = (1.5, 2.5),
        recorded: bool = True,
        blur: Blur | None = None,
        estimates: Sequence[EstimateMade] = (),
        **of_report: Any,
    ) -> int:
        """One more image, up to its verdict; returns its id. `blur`: what its verdict is to say of it."""
        path = path or f"S_{section:03d}/tile_{tile}.tif"
        row = self.journal.arrived(Whole(path, 10, mtime_ns, whole_at - 1, whole_at), Place(section, tile))
        assert row is not None
        self.journal.intent([row.id], f"batch of {row.id}", "local", report().params)
        if blur is not None:
            self.blurs[row.id] = blur
        made = report(**of_report)
        made = made.model_copy(update={"image": made.image.model_copy(update={"stage_um": stage_um, "path": None})})
        assert self.journal.scored(row.id, made, estimates=estimates)
        for image, verdict in self.judge.judge(self.journal.image(row.id), made):
            self.journal.judged(image, blurred(verdict, self.blurs[image]) if image in self.blurs else verdict)
        if recorded:
            self.journal.recorded(row.id)
        return row.id

    def settle(self) -> None:
        """What the station does when nothing else is to be done: all verdicts again in one order."""
        while not self.judge.settled:
            for image, verdict in self.judge.settle(200):
                self.journal.judged(image, verdict)

    def close(self) -> None:
        self.journal.close()
