"""The verdicts of a run, as its images come: the first one at once, later ones with their reason.

Holds the history, asks the operator, and says which earlier verdicts are given again: a few at once, with the image or
the label (`see`, `hear`), many in slices, newest first (`go_on`). When nothing else is to be done, all are given again
in one order (`settle`), so that what is said in the end does not depend on when each image was scored.
Must not read files, keep state on disk, look at a clock or alert anybody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from mhfd.contract.focus_report import FocusReport
from mhfd_client.journal.rows import Outcome
from mhfd_client.naming import Place
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts import anchor
from mhfd_client.verdicts.baseline import position
from mhfd_client.verdicts.blur.calibration import Calibration
from mhfd_client.verdicts.decision import by_label, decide, judge_report, standing_of
from mhfd_client.verdicts.drift import Drift, Drifts
from mhfd_client.verdicts.history.history import History, Label, Standing
from mhfd_client.verdicts.measured import DENSITY, WHOLE, Measured
from mhfd_client.verdicts.question import Question, question
from mhfd_client.verdicts.quiet import judged_in_order
from mhfd_client.verdicts.verdict import Verdict
from mhfd_client.verdicts.waiting import Open, Waiting

_MOVED: Final = 0.05  # of the anchor's level, as a logarithm: provisional verdicts are given again
_GROWN: Final = 1.5  # ... or when there are so many times as many images as last time
_LARGE: Final = 1000  # ... until there are so many that more of them change nothing
_AT_ONCE: Final = 8  # earlier verdicts are given again with an image or a label; more of them wait for their slice
_LOOKED_AT: Final = 2000  # verdicts that are tried to say how many a label would turn; of more, a part
_IN_ORDER: Final = "all images are compared in the order of their sections"


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict to be recorded."""

    key: Hashable
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Turned:
    """What a label would change: how many verdicts get another outcome, by the outcome they would get."""

    into: dict[Outcome, int]
    total: int
    exact: bool = True
    """False: there are so many that a part was tried, and the numbers are reckoned from it."""


_Said = tuple[Outcome, bool, str | None, int]  # of a verdict: what, whether provisional, by whose images, its words


class RunJudge:
    """One run's judge. Keys are whatever names a revision of an image."""

    def __init__(self, settings: VerdictSettings | None = None, calibration: Calibration | None = None) -> None:
        self.settings = settings or VerdictSettings()
        self.history = History(calibration)
        self._said: dict[int, _Said] = {}
        self._open = Open()
        self._waiting = Waiting()
        self._drifts = Drifts()
        self._baselines: dict[tuple[int, int | None], tuple[float, int]] = {}  # by kind and tile: level, images
        self._had_baseline = False  # before a restart
        self._settling: Iterator[list[Judged]] | None = None
        self.settled = True
        """Nothing has come or been said since all verdicts were given again in one order."""

    @property
    def waiting(self) -> int:
        """How many verdicts wait to be given again."""
        return len(self._waiting)

    @property
    def drifts(self) -> dict[str | None, Drift]:
        """The drifts that are open now, by tile."""
        return self._drifts.open(self.history)

    def see(
        self,
        key: Hashable,
        report: FocusReport,
        place: Place,
        *,
        order: int | None = None,
        sharp: bool | None = None,
    ) -> list[Judged]:
        """The verdict on this image, then those of earlier images that it changes: if these are many, they wait.

        `order`: a number that grows as images come, for those without a section; unset: as they are seen.
        `sharp`: what a person said of it already.
        """
        report = report.sized(self.settings.pixel_nm)
        measured = Measured.of(report, place, self.history.calibration)
        label = _label(sharp, measured)
        if label is Label.NONE:
            verdict = judge_report(report, place, self.history, self.settings, order=order)
        else:
            verdict = by_label(place, label)
        row = self._remember(key, measured, verdict, label, order=order)
        self._unsettle()
        self._note_baseline(row)
        if not self._waiting and verdict.levels and not verdict.provisional:  # so that others may be final too
            some = self._open.some(int(self.history.tile[row]), _AT_ONCE)
            self._waiting.put(self.history, some, "there are more images to compare with")
        return [Judged(key, verdict), *self._few()]

    def hear(self, key: Hashable, sharp: bool | None) -> list[Judged]:
        """A person's label on an image: its verdict, then those that are given again: if these are many, they wait."""
        row = self.history.row(key)
        label = _label(sharp, self.history.measured(row))
        if self.history.label[row] == label:
            return []
        self.history.hear(row, label)
        self._unsettle()
        verdict = decide(self.history.measured(row), self.history, self.settings, row=row)
        said = "you took back your word" if sharp is None else f"you {'confirmed' if sharp else 'rejected'} it"
        own = self._tell(row, verdict, said)
        self._waiting.put(self.history, self._open.all(), self._heard(sharp))
        return [own, *self._few()]

    def _few(self) -> list[Judged]:
        """What waits, if it is so little that nobody has to wait for it."""
        return self.go_on(_AT_ONCE) if self.waiting <= _AT_ONCE else []

    def go_on(self, count: int) -> list[Judged]:
        """A slice of what waits, so many verdicts at most, newest first: those that are different now."""
        found = []
        for _ in range(min(count, len(self._waiting))):
            row, why = self._waiting.take()
            if self.history.state[row] == Standing.UNSCORED or self.history.label[row] != Label.NONE:
                continue  # replaced or labelled meanwhile
            verdict = decide(self.history.measured(row), self.history, self.settings, row=row)
            if _said(verdict)[:-1] != self._said[row][:-1]:
                found.append(self._tell(row, verdict, f"judged again: {why}"))
            else:
                self._open.keep(int(self.history.tile[row]), row, provisional=verdict.provisional)
        return found

    def settle(self, count: int) -> list[Judged]:
        """A slice of giving all verdicts again in one order: so many steps. Those that are different, in words too.

        For when nothing else is to be done; whatever comes or is said meanwhile begins it anew. See `settled`.
        """
        if self._settling is None and not self.settled:
            self._settling = self._in_order()
        found: list[Judged] = []
        for _ in range(count):
            if self._settling is None:
                break
            step = next(self._settling, None)
            if step is None:
                self._settling, self.settled = None, True
                self._waiting.clear()
            else:
                found += step
        return found

    def finish(self) -> list[Judged]:
        """All that `go_on` and `settle` have to say, at once: for when nobody waits."""
        found = []
        while not self.settled:
            found += self.settle(1000)
        return found

    def restore(
        self,
        key: Hashable,
        report: FocusReport,
        place: Place,
        verdict: Verdict | None,
        sharp: bool | None,
        *,
        order: int | None = None,
    ) -> None:
        """After a restart: an image with its current verdict. Nothing is judged.

        Without a verdict it is told when all `settle`.
        """
        measured = Measured.of(report.sized(self.settings.pixel_nm), place, self.history.calibration)
        self._remember(key, measured, verdict, _label(sharp, measured), order=order)
        self._had_baseline |= verdict is not None and verdict.origin is not None
        self._unsettle()

    def put_off(self, keys: Iterable[Hashable], why: str) -> None:
        """After a restart: these verdicts are older than a label, and wait to be given again."""
        rows = [self.history.row(key) for key in keys]
        self._waiting.put(self.history, [row for row in rows if row in self._said], why)

    def retire(self, key: Hashable) -> None:
        """The file was replaced by a newer revision: this one is no neighbour of any other, and is not asked about."""
        row = self.history.row(key)
        self.history.settle(row, Standing.UNSCORED)
        self._open.keep(int(self.history.tile[row]), row, provisional=False)
        self._drifts.keep(row, None)
        self._unsettle()

    def question(self) -> Question | None:
        """What to ask the operator now, if anything."""
        return question(self.history, self.settings, self.drifts)

    def would_change(self, *keys: Hashable, sharp: bool | None) -> Turned:
        """How many other verdicts would turn if this were said of images. Nothing is said, nothing changes."""
        history = self.history.beside()
        rows = [history.row(key) for key in keys]
        said = {row: _label(sharp, history.measured(row)) for row in rows}
        heard = [row for row in rows if history.label[row] != said[row]]
        for row in heard:
            history.hear(row, said[row])
        every = sorted(set(self._open.all()).difference(rows), reverse=True) if heard else []
        part = 1 + len(every) // _LOOKED_AT
        kinds: Counter[Outcome] = Counter()
        for row in (*heard, *every[::part]):
            kind = decide(history.measured(row), history, self.settings, row=row).kind
            history.settle(row, standing_of(kind))
            if row not in rows and kind is not self._said[row][0]:
                kinds[kind] += part
        return Turned(dict(kinds), kinds.total(), exact=part == 1)

    def _remember(
        self,
        key: Hashable,
        measured: Measured,
        verdict: Verdict | None,
        label: Label = Label.NONE,
        *,
        order: int | None = None,
    ) -> int:
        state = Standing.OPEN if verdict is None else standing_of(verdict.kind)
        row = self.history.add(key, measured, state, label, order=order)
        if measured.scored and verdict is not None:
            self._keep(row, verdict)
        return row

    def _keep(self, row: int, verdict: Verdict) -> None:
        self._said[row] = _said(verdict)
        self._open.keep(int(self.history.tile[row]), row, provisional=verdict.provisional)
        self._drifts.keep(row, verdict.drift)

    def _tell(self, row: int, verdict: Verdict, reason: str) -> Judged:
        self.history.settle(row, standing_of(verdict.kind))
        self._keep(row, verdict)
        return Judged(self.history.key(row), verdict.model_copy(update={"reason": reason}))

    def _unsettle(self) -> None:
        self.settled, self._settling = False, None

    def _in_order(self) -> Iterator[list[Judged]]:
        def told(row: int, verdict: Verdict) -> bool:
            return self._said.get(row) == _said(verdict)

        for step in judged_in_order(self.history, self.settings, told):
            yield [] if step is None else [self._tell(*step, f"judged again: {_IN_ORDER}")]

    def _heard(self, sharp: bool | None) -> str:
        if sharp is None:
            return "a label was taken back"
        if not sharp:
            return "an image was rejected"
        count = int((self.history.label == Label.SHARP).sum())
        return f"{count} images are confirmed as sharp" if count != 1 else "1 image is confirmed as sharp"

    def _note_baseline(self, row: int) -> None:
        """Where nobody has confirmed any image: provisional verdicts wait for another one when the baseline moves."""
        history = self.history
        if not self._open or history.state[row] == Standing.UNSCORED:
            return
        like, tile = int(history.like[row]), int(history.tile[row])
        measured = history.measured(row)
        at, sections = position(measured, history, row, None)
        found = anchor.find_anchor(measured, history, self.settings, like, tile, at, sections=sections)
        if found is None or found.origin == "confirmed":
            return  # what a person says is acted on when it is heard
        where = tile if found.own else None
        now = (float(found.levels[DENSITY, WHOLE]), len(anchor.scored(history, like, where)))
        before = self._baselines.get((like, where))
        why = self._moved(before, now)
        if why is not None or before is None:
            self._baselines[like, where] = now
        if why is not None:
            self._waiting.put(history, self._open.all(where), why)

    def _moved(self, before: tuple[float, int] | None, now: tuple[float, int]) -> str | None:
        """Why provisional verdicts should be given again now; None when nothing has changed enough."""
        if before is None:
            return None if self._had_baseline else f"there is a baseline now, from {now[1]} images"
        if now[0] - before[0] > _MOVED:
            return "sharper images came later"
        if before[0] - now[0] > _MOVED:
            return "later images changed the baseline"
        if _GROWN * before[1] <= now[1] <= _LARGE:
            return f"the baseline rests on {now[1]} images now"
        return None


def _label(sharp: bool | None, measured: Measured) -> Label:
    """A word makes nothing of an image of which nothing could be measured: what is truncated or blank stays that."""
    if sharp is None or np.isnan(measured.levels[DENSITY, WHOLE]):
        return Label.NONE
    return Label.SHARP if sharp else Label.BLURRED


def _said(verdict: Verdict) -> _Said:
    return verdict.kind, verdict.provisional, verdict.origin, hash((verdict.sentence, verdict.region))
