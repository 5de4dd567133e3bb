"""Beside a watch: tests of who judges that are due are made, one at a time, each in a process of its own.

It reads the journal and who is champion, starts what is next (`job`), and leaves how it ended in the station's inbox.
It opens no image. A watch that is started again goes on where it was: what is due is in the journal.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mhfd.errors import MhfdError
from mhfd.learning.packages import MHFD, Library
from mhfd_client.beside.child import Running
from mhfd_client.beside.desk import BesideDesk, Complaints
from mhfd_client.journal.rows import RetestRow
from mhfd_client.journal.view import JournalView
from mhfd_client.retesting.job import RetestJob, RetestWay
from mhfd_client.retesting.told import RetestTold, put, untold

log = logging.getLogger("mhfd.retesting")

HOPES: Final = 3
"""So often a test may fail before a watch that would end by itself waits for it no longer."""
HOLD_S: Final = 3600.0
_LOOK_S: Final = 0.5
_FIRST_WAIT_S: Final = 5.0
_LONGEST_WAIT_S: Final = 1800.0
_GRACE_S: Final = 5.0


class RetestDesk(BesideDesk[JournalView]):
    """Looks while it is entered.

    Args:
        state_dir: Where the journal is.
        way: By whom tests are made, and with what.
        starts: Starts a test, in a process of its own.
        clock: For waiting.
    """

    def __init__(
        self,
        state_dir: Path,
        way: RetestWay,
        *,
        starts: Callable[[RetestJob], Running] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(state_dir, "re-tests", log, every_s=_LOOK_S, grace_s=_GRACE_S)
        self._way, self._clock = way, clock
        self._starts = starts or RetestJob.start
        self._library = Library(way.home)
        self._job: tuple[RetestJob, Running] | None = None
        self._later: dict[str, float] = {}
        self._unread = Complaints()

    def hold_s(self, journal: JournalView) -> float:
        """How much longer a watch waits that would end by itself. Of the station's thread, with its own journal."""
        hopes = self.looks and any(row.tries < HOPES for row in journal.open_retests())
        return HOLD_S if hopes else 0.0

    def opened(self, journal: JournalView) -> JournalView:
        """The journal itself."""
        return journal

    def running(self) -> list[Running]:
        """The test that is under way; ended, it stays due."""
        return [] if self._job is None else [self._job[1]]

    def step(self, journal: JournalView) -> None:
        """Look who judges, take in what has ended, and begin what is next."""
        self._look_who_judges(journal)
        if self._job is not None:
            self._attend()
        if self._job is None and not untold(self._state_dir):  # what lies there may be of the test that is next
            row = self._next(journal.open_retests())
            if row is not None:
                job = RetestJob.of(self._state_dir, self._way, row)
                self._job = job, self._starts(job)

    def _look_who_judges(self, journal: JournalView) -> None:
        """The station is told where it is another one than the journal says; workers that ask it may have told it."""
        known = journal.champion()
        try:
            name = self._library.champion_name("focus", self._way.instrument)
            package = None if name == MHFD else name
            told = (known is not None and known.package == package) or bool(untold(self._state_dir))
            found = None if told else self._library.champion("focus", self._way.instrument)
        except MhfdError as error:
            if self._unread.new(str(error)):
                log.warning("re-tests: who judges cannot be read: %s", error)
            return
        self._unread.over()
        if not told:
            put(self._state_dir, RetestTold(champion=package, title=MHFD if found is None else found.card.title))

    def _next(self, rows: list[RetestRow]) -> RetestRow | None:
        """The first that is due and does not wait for its next try."""
        now = self._clock()
        return next((row for row in rows if self._later.get(row.name, 0.0) <= now), None)

    def _attend(self) -> None:
        assert self._job is not None  # noqa: S101 - who calls has looked
        job, child = self._job
        if child.code is None:
            return
        told = job.read(child)
        put(self._state_dir, told)
        self._job = None
        if told.answer is None:
            wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(told.tries - 1, 20))
            self._later[job.name] = self._clock() + wait_s
            log.warning("re-test %s: %s; asked again in %.0f s", job.name, told.why, wait_s)
