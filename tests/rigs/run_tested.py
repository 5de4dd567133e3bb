"""A run of one real image of which a test is due, and this machine's library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tifffile

import mhfd
from mhfd.contract.estimate import Estimate, EstimateMade
from mhfd.contract.params import Params
from mhfd.learning.packages import Library, Package
from mhfd_client.arrival.events import Whole
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.retests import RetestRule
from mhfd_client.journal.rows import Outcome, RetestReason, VerdictRow
from mhfd_client.naming import Place
from mhfd_client.results.retested import RetestAnswer
from mhfd_client.retesting.job import RetestJob, RetestWay, run
from tests.rigs.promoted import report_of
from tests.rigs.watched import picture

SHARP = VerdictRow(Outcome.IN_FOCUS, "Sharp.")


class RunUnderTest:
    """A run of one real image, of which a test is due, and this machine's library."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root, self.state = folder, folder / "wafer7", folder / "state"
        self.root.mkdir()
        self.file = self.root / "S_001.tif"
        tifffile.imwrite(self.file, picture(1))
        self.library = Library(folder / "models")
        self.journal = Journal.open(self.state, root=self.root, tests=RetestRule(every=1))

    def image(self, **p: float) -> None:
        """Scored and judged; `p`: what packages said of it."""
        stat = self.file.stat()
        row = self.journal.arrived(Whole("S_001.tif", stat.st_size, stat.st_mtime_ns, 1.0, 2.0), Place(1))
        assert row is not None
        report = mhfd.score(str(self.file), params=Params(), device="cpu", threads=1)
        estimates = [EstimateMade(Estimate(package=name, title="mine", p=value)) for name, value in p.items()]
        assert self.journal.scored(row.id, report, estimates=estimates)
        self.journal.judged(row.id, SHARP)

    def test(self, **way: Any) -> RetestJob:
        usual = {"by": "local", "home": self.library.home, "folder": self.folder / "tests", "instrument": "north"}
        return RetestJob.of(self.state, RetestWay(**(usual | way)), self.journal.retests()[-1])

    def answer(self, **way: Any) -> RetestAnswer:
        told = run(self.test(**way))
        assert told.answer is not None, told.why
        return told.answer

    @property
    def key(self) -> tuple[RetestReason, int]:
        """Of the last test."""
        row = self.journal.retests()[-1]
        return row.reason, row.number

    def promote(self, package: Package) -> None:
        """It judges at north."""
        report = report_of(self.folder / "reported", package.name, instrument="north")
        self.library.promote(package, report, instrument="north", why="", who="Ann")
