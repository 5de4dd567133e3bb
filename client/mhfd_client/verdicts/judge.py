"""The verdicts of a run, as its images come: the first one at once, later ones with their reason.

Holds the history, asks the operator, and says which earlier verdicts to revise. Everything it does follows from the
order of `see` and `hear`: stored reports that are replayed give the same verdicts, or others for other settings.
Must not read files, keep state on disk or alert anybody.
"""

from collections import Counter
from collections.abc import Hashable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice

from mhfd.contract.focus_report import FocusReport
from mhfd_client.journal.rows import Outcome
from mhfd_client.naming import Place
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts import baseline
from mhfd_client.verdicts.baseline import Drift
from mhfd_client.verdicts.history import DENSITY, WHOLE, History, Label, Measured, Standing
from mhfd_client.verdicts.question import Question, question
from mhfd_client.verdicts.verdict import Verdict, decide, judge_report, standing_of

_MOVED = 0.05  # of the anchor's level, as a logarithm: provisional verdicts are given again
_GROWN = 1.5  # ... or when there are so many times as many images as last time
_LARGE = 1000  # ... until there are so many that more of them change nothing
_AT_ONCE = 8  # provisional verdicts of a tile that are given again with each image: bounds what a long drift may cost
_ROUNDS = 4  # verdicts depend on each other; in practice two rounds settle them


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


_Said = tuple[Outcome, bool, str | None]  # of a verdict: what, whether provisional, by whose images


class _Open:
    """The rows whose verdict is provisional, by tile: a tile is in doubt as long as it has any."""

    def __init__(self) -> None:
        self._tiles: dict[int, dict[int, _Said]] = {}

    def __bool__(self) -> bool:
        return bool(self._tiles)

    def keep(self, tile: int, row: int, verdict: Verdict) -> None:
        """Open or not, from now on; the row goes to the end of its tile."""
        self.drop(tile, row)
        if verdict.provisional:
            self._tiles.setdefault(tile, {})[row] = _said(verdict)

    def drop(self, tile: int, row: int) -> None:
        rows = self._tiles.get(tile, {})
        if rows.pop(row, None) and not rows:
            del self._tiles[tile]

    def all(self) -> dict[int, _Said]:
        return {row: said for rows in self._tiles.values() for row, said in rows.items()}

    def some(self, tile: int, count: int) -> dict[int, _Said]:
        """Of one tile, those whose turn it is: judged longest ago."""
        return dict(islice(self._tiles.get(tile, {}).items(), count))


class RunJudge:
    """One run's judge. Keys are whatever names a revision of an image."""

    def __init__(self, settings: VerdictSettings | None = None) -> None:
        self.settings = settings or VerdictSettings()
        self.history = History()
        self._open = _Open()
        self._settled_at: tuple[str, float, int] | None = None
        self._had_baseline = False  # before a restart
        self.drifts: dict[str | None, Drift] = {}
        """The drifts that are open now, by tile."""

    def see(self, key: Hashable, report: FocusReport, place: Place) -> list[Judged]:
        """The verdict on this image, then those of earlier images that it changes."""
        verdict = judge_report(report, place, self.history, self.settings)
        row = self._remember(key, Measured.of(report, place), verdict)
        self._note_drift(place.tile, verdict)
        if why := self._cause():
            revised = self._revise(why, self._open.all())
        elif verdict.levels and not verdict.provisional:  # so that others of this tile may be final too
            some = self._open.some(int(self.history.tile[row]), _AT_ONCE)
            revised = self._revise("there are more images to compare with", some)
        else:
            revised = []
        return [Judged(key, verdict), *revised]

    def hear(self, key: Hashable, sharp: bool | None) -> list[Judged]:
        """A person's label on an image: the verdicts that it changes, that image's first."""
        row = self.history.row(key)
        label = Label.NONE if sharp is None else Label.SHARP if sharp else Label.BLURRED
        if self.history.label[row] == label:
            return []
        self.history.hear(row, label)
        said = "you took back your word" if sharp is None else f"you {'confirmed' if sharp else 'rejected'} it"
        verdict = decide(self.history.measured(row), self.history, self.settings, row=row)
        self.history.settle(row, standing_of(verdict.kind))
        self._keep(row, verdict)
        count = int((self.history.label == Label.SHARP).sum())
        why = f"{count} images are confirmed as sharp" if count != 1 else "1 image is confirmed as sharp"
        self._settled_at = None
        return [Judged(key, verdict.model_copy(update={"reason": said})), *self._revise(why, self._open.all())]

    def would_change(self, key: Hashable, *, sharp: bool | None) -> Turned:
        """How many other verdicts would turn if this were said of an image. Nothing is said, nothing changes."""
        before = self.history.state.copy()
        other = deepcopy(self)
        kinds = Counter(
            judged.verdict.kind
            for judged in other.hear(key, sharp)
            if judged.key != key and standing_of(judged.verdict.kind) != before[self.history.row(judged.key)]
        )
        return Turned(dict(kinds), kinds.total())

    def restore(self, key: Hashable, report: FocusReport, place: Place, verdict: Verdict, sharp: bool | None) -> None:
        """After a restart: an image with its current verdict. Nothing is judged."""
        label = Label.NONE if sharp is None else Label.SHARP if sharp else Label.BLURRED
        self._remember(key, Measured.of(report, place), verdict, label)
        self._note_drift(place.tile, verdict)
        self._had_baseline |= verdict.origin is not None

    def retire(self, key: Hashable) -> None:
        """The file was replaced by a newer revision: this one is no neighbour of any other, and is not asked about."""
        row = self.history.row(key)
        self.history.settle(row, Standing.UNSCORED)
        self._open.drop(int(self.history.tile[row]), row)

    def question(self) -> Question | None:
        """What to ask the operator now, if anything."""
        return question(self.history, self.settings, self.drifts)

    def _remember(self, key: Hashable, measured: Measured, verdict: Verdict, label: Label = Label.NONE) -> int:
        row = self.history.add(key, measured, standing_of(verdict.kind), label)
        if measured.scored:
            self._keep(row, verdict)
        return row

    def _keep(self, row: int, verdict: Verdict) -> None:
        self._open.keep(int(self.history.tile[row]), row, verdict)

    def _note_drift(self, tile: str | None, verdict: Verdict) -> None:
        if verdict.drift is not None:
            known = self.drifts.get(tile)
            if known is None or (known.kind, verdict.drift.kind) == ("density", "sharpness"):
                self.drifts[tile] = verdict.drift
        elif verdict.kind is Outcome.IN_FOCUS:
            self.drifts.pop(tile, None)

    def _revise(self, reason: str, before: Mapping[int, _Said]) -> list[Judged]:
        """These verdicts again: those that are different now."""
        now: dict[int, Verdict] = {}
        kinds = {row: kind for row, (kind, _, _) in before.items()}
        for _ in range(_ROUNDS):
            stable = True
            for row in sorted(before):
                now[row] = decide(self.history.measured(row), self.history, self.settings, row=row)
                if now[row].kind is not kinds[row]:  # whether it is provisional changes no other
                    stable, kinds[row] = False, now[row].kind
                    self.history.settle(row, standing_of(kinds[row]))
            if stable:
                break
        for row, verdict in now.items():
            self._keep(row, verdict)
        return [
            Judged(self.history.key(row), verdict.model_copy(update={"reason": f"judged again: {reason}"}))
            for row, verdict in now.items()
            if _said(verdict) != before[row]
        ]

    def _cause(self) -> str | None:
        """Why provisional verdicts should be given again now; None when nothing has changed enough."""
        history = self.history
        if not self._open or history.state[-1] == Standing.UNSCORED:
            return None
        kind = history.like == history.like[-1]
        like, tile, section = int(history.like[-1]), int(history.tile[-1]), int(history.section[-1])
        anchor = baseline.find_anchor(history, self.settings, like, tile, section, len(history) - 1)
        if anchor is None or anchor.origin == "confirmed":
            return None  # what a person says is acted on when it is heard
        now = (anchor.origin, float(anchor.levels[DENSITY, WHOLE]), int(kind.sum()))
        before, self._settled_at = self._settled_at, now
        if before is None and self._had_baseline:
            return None
        if before is None:
            return f"there is a baseline now, from {now[2]} images"
        if now[1] - before[1] > _MOVED:
            return "sharper images came later"
        if before[1] - now[1] > _MOVED:
            return "later images changed the baseline"
        if now[2] >= _GROWN * before[2] and now[2] <= _LARGE:
            return f"the baseline rests on {now[2]} images now"
        self._settled_at = before
        return None


def _said(verdict: Verdict) -> _Said:
    return verdict.kind, verdict.provisional, verdict.origin
