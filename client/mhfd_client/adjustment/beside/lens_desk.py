"""Beside a watch: what is done with the lens after a verdict, one thing at a time, each in a process of its own.

It reads the journal and the ledger, decides what is next, and starts it (`repair`); it speaks to no instrument and
loads no package, so that a slow or a dead one holds nothing up. What was tried is in the ledger: a watch that is
started again goes on where it was.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mhfd_client.adjustment import ledger, places
from mhfd_client.adjustment.beside.following import LedgerFollower
from mhfd_client.adjustment.beside.modes import AdjustMode
from mhfd_client.adjustment.beside.out_of_focus import BlurredImage, OutOfFocus
from mhfd_client.adjustment.beside.repair import RepairJob, RepairTold
from mhfd_client.adjustment.beside.tries import RepairEnd, RepairTry, Tries, about
from mhfd_client.adjustment.ledger import LensEntry
from mhfd_client.adjustment.lens import is_held
from mhfd_client.alerts import AskedOfPerson, LensNeeds
from mhfd_client.beside.child import Running
from mhfd_client.beside.desk import BesideDesk
from mhfd_client.instruments.config import InstrumentConfig
from mhfd_client.journal.view import JournalView

log = logging.getLogger("mhfd.lens")

FRESH_S: Final = 1800.0
"""Only what was written so lately is mended: of what is older, nobody knows whether the sample still lies there."""
COMES_S: Final = 600.0
"""So long may the new take of an image be on its way."""
IN_A_ROW: Final = 3
"""When so many images in a row could not be mended, something else is wrong than the focus."""
_PAUSED: Final = f"{IN_A_ROW} images in a row could not be mended; nothing more is tried before one of them is well"
_LOOK_S: Final = 0.25
_FIRST_WAIT_S: Final = 2.0
_LONGEST_WAIT_S: Final = 600.0
_ANSWERS: Final = 30.0
"""A repair has so many answers of the instrument to wait for, at most."""
_STARTS_S: Final = 20.0
"""So long a repair may take until it has the lens."""
_GRACE_S: Final = 30.0


class LensDesk(BesideDesk[OutOfFocus]):
    """Looks while it is entered.

    Args:
        state_dir: Where the journal is.
        mode: What may be done.
        config: Of the instrument; None: there is none that can be asked.
        starts: Starts what is to be done, in a process of its own.
        home: Where learned packages are kept; None: where this user's are.
        recorder: Starts what listens to the operator's hand; None: nothing does.
        now: The time of day.
        clock: For waiting.
    """

    def __init__(
        self,
        state_dir: Path,
        mode: AdjustMode,
        config: InstrumentConfig | None,
        *,
        starts: Callable[[RepairJob], Running] | None = None,
        home: Path | None = None,
        recorder: Callable[[], Running] | None = None,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(state_dir, "the lens", log, every_s=_LOOK_S, grace_s=_GRACE_S)
        self._mode, self._config = mode, config
        self._starts = starts or RepairJob.start
        self._home, self._recorder = home, recorder
        self._listens: Running | None = None
        self._now, self._clock = now, clock
        self._tries, self._ledger = Tries(), LedgerFollower(state_dir)
        self._job: tuple[RepairJob, Running, float] | None = None
        self._whole = config is None or config.allow == "off"  # nothing of ours can have left the lens elsewhere
        self._wait_s, self._not_before = _FIRST_WAIT_S, -1e9
        self._failures, self._trouble = 0, ""
        self._known: set[str] = set()
        self._asked_in_a_row = 0
        self._needs = LensNeeds()

    def needs(self) -> LensNeeds:
        """What a person is asked for now. From any thread."""
        return self._needs

    def opened(self, journal: JournalView) -> OutOfFocus:
        """The images that are out of focus."""
        return OutOfFocus(journal)

    def running(self) -> list[Running]:
        """Who listens, and the repair that is under way: it brings the lens back."""
        return [child for child in (self._listens, self._job and self._job[1]) if child is not None]

    def step(self, blurred: OutOfFocus) -> None:
        """Look, take in what has ended, and begin what is next."""
        self._attend_recorder()
        blurred.look()
        images = blurred.images
        self._tries.take(self._ledger.new())
        if self._known - images.keys():
            self._asked_in_a_row = 0  # one of them is well: it is not the instrument
        self._known = {shot for shot in images if self._tries.speaks_of(shot)}
        if self._job is not None:
            self._attend()
        if self._job is None and self._config is not None and self._clock() >= self._not_before:
            self._begin_next(blurred, images)
        self._needs = self._needed(images)

    def _attend_recorder(self) -> None:
        if self._recorder is None:
            return
        if self._listens is None or (self._listens.code is not None and self._clock() >= self._not_before):
            self._listens = self._recorder()
        elif self._listens.code is not None and not self._trouble:
            self._troubled(f"nobody listens to the instrument: {self._listens.said}")

    def _attend(self) -> None:
        assert self._job is not None  # noqa: S101 - who calls has looked
        job, child, until = self._job
        if child.code is None:
            if self._clock() > until:
                child.end(0.0)
            return
        self._job = None
        told = RepairTold.read(child)
        if child.code:
            self._whole = False  # it may have died with the lens elsewhere
        elif job.what == "restore" and told.end is None and not told.busy:
            self._whole = True
        self._tries.take(self._ledger.new())
        if told.busy:
            self._not_before = self._clock() + _FIRST_WAIT_S
        elif told.end is RepairEnd.FAILED or (job.what == "restore" and told.end is not None):
            self._troubled(told.words)
        else:
            self._well()

    def _begin_next(self, blurred: OutOfFocus, images: dict[str, BlurredImage]) -> None:
        self._whole = self._whole or not places.outstanding(self._state_dir).exists()
        if not self._whole:
            self._begin(RepairJob(state_dir=self._state_dir, what="restore"))
            return
        if self._mode == "record" or self._another():
            return
        for one in sorted(images.values(), key=lambda one: -one.image):
            decided = self._decided(one, paused=self._paused(images))
            if isinstance(decided, str):
                self._ask(one, decided)
            elif decided and not blurred.superseded(one):
                self._begin(
                    RepairJob.of(self._state_dir, self._mode, uuid.uuid4().hex[:12], one, home=self._home), one.where
                )
                return

    def _another(self) -> bool:
        """Whether a repair that a watch before this one began may be under way still: it ends by itself."""
        now = self._now()
        return self._tries.open_since(now - _STARTS_S) or (
            self._tries.open_since(now - _LONGEST_WAIT_S) and is_held(self._state_dir)
        )

    def _decided(self, one: BlurredImage, *, paused: bool) -> bool | str:
        """Whether it is mended now; or why a person is asked."""
        now = self._now()
        tried = self._tries.of_image(one.image)
        last = tried[-1] if tried else None
        if self._mode == "propose":
            return abs(now - one.written) <= FRESH_S and (last is None or last.end in (None, RepairEnd.FAILED))
        if one.shot in self._tries.asked:
            return False
        if last is not None and last.ended is not None:
            if last.end is RepairEnd.RETAKEN:
                return now - last.ended > COMES_S and f"{last.words}; no new image of it has come"
            if last.end in (RepairEnd.REFOCUSED, RepairEnd.REFUSED):
                return last.words
        assert self._config is not None  # noqa: S101 - nothing is decided without one
        counted = self._tries.counted(one)
        if len(counted) >= self._config.tries_a_section:
            return _after(counted)
        if not paused:
            return abs(now - one.written) <= FRESH_S
        return _after(counted) if counted else abs(now - one.written) <= FRESH_S and f"not tried: {_PAUSED}"

    def _begin(self, job: RepairJob, where: str = "") -> None:
        assert self._config is not None  # noqa: S101 - nothing is begun without one
        if job.what != "restore":
            words = f"{where} is out of focus: {'a pair' if job.what == 'propose' else 'a repair'} begins"
            ledger.add(self._state_dir, LensEntry.REPAIR, words, actor="watch", about=job.about)
        child = self._starts(job)
        self._job = job, child, self._clock() + _ANSWERS * self._config.timeout_s

    def _ask(self, one: BlurredImage, why: str) -> None:
        told = about(one.image, one.shot, one.section, one.tile)
        ledger.add(self._state_dir, LensEntry.ASKED, why, actor="watch", about=told)
        self._tries.take(self._ledger.new())
        self._asked_in_a_row += 1
        log.warning("%s needs a person at the lens: %s", one.where, why)

    # -- what a person is told

    def _paused(self, images: dict[str, BlurredImage]) -> bool:
        return self._asked_in_a_row >= IN_A_ROW and any(one.shot in self._tries.asked for one in images.values())

    def _needed(self, images: dict[str, BlurredImage]) -> LensNeeds:
        asked = self._tries.asked
        waiting = sorted((one for one in images.values() if one.shot in asked), key=lambda one: asked[one.shot].n)
        trouble = self._trouble if self._failures > 1 else None
        if self._paused(images):
            trouble = _PAUSED
        return LensNeeds(
            tuple(AskedOfPerson(one.path, one.where, one.section, asked[one.shot].words) for one in waiting),
            trouble,
        )

    def _troubled(self, why: str) -> None:
        """The instrument, or what asks it, fails: it is tried again, less and less often."""
        self._failures += 1
        self._not_before = self._clock() + self._wait_s
        self._wait_s = min(_LONGEST_WAIT_S, 2 * self._wait_s)
        if self._trouble != why:
            self._trouble = why
            log.warning("the lens: %s; it is tried again; the watch goes on", why)
            ledger.add(self._state_dir, LensEntry.TROUBLE, why, actor="watch")

    def _well(self) -> None:
        if self._trouble:
            ledger.add(self._state_dir, LensEntry.WELL, "the instrument answers again", actor="watch")
        self._failures, self._trouble, self._wait_s = 0, "", _FIRST_WAIT_S


def _after(tried: list[RepairTry]) -> str:
    """What was tried, and how it ended."""
    many = f"after {len(tried)} tr{'y' if len(tried) == 1 else 'ies'}"
    last = tried[-1]
    return f"still out of focus {many}" + (f"; the last: {last.words}" if last.words else "")
