"""The run as the page shows it, in memory: read from the journal once, then only what has changed.

Ten thousand images cost a second at the start and milliseconds a change. It judges nothing and words nothing.
"""

import json
import math
import statistics
import zlib
from collections import Counter, deque
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from mhfd.contract.estimate import Estimate
from mhfd.contract.focus_report import Finding
from mhfd_client.adjustment.beside.shown import LensShower, LensShown
from mhfd_client.alerts import Delivery, Episode, Rule, overview
from mhfd_client.flow.runs_out import RunsReader
from mhfd_client.journal.rows import Outcome, Told
from mhfd_client.journal.view import JournalView, Newest
from mhfd_client.learning.next_label import NextLabel, Unlabelled, next_label
from mhfd_client.naming import Place, shot_of
from mhfd_client.now import RunNow
from mhfd_client.results.keeping_up import Backlog, backlog_now
from mhfd_client.results.latency import WaitingTimes, waiting_times
from mhfd_client.results.retake import Retake, retakes
from mhfd_client.results.under_way import UnderWay, under_way
from mhfd_client.station.inbox import images_waiting
from mhfd_client.verdicts.blur.blur import Blur
from mhfd_client.verdicts.blur.kept import blur_of, slim

_SHOWN: Final = frozenset({Finding.OK, Finding.NO_TISSUE, Finding.SATURATED})
"""What is found of pixels; the other findings are of a file that gives none that mean anything."""
RECENT: Final = 20  # images that 'now' means
STRIP: Final = 60
_RUNG: Final = (Rule.UNUSABLE, Rule.SILENCE, Rule.BACKLOG, Rule.DISK, Rule.CHAMPION, Rule.LENS, Rule.ENDED)
"""Alerts that say what nothing else on the page says."""
_REPORTS: Final = 500  # kept: the retake list looks at the same ones again and again
_LOOKED_AT: Final = 2000  # newest images, for the one that would teach most
_CALM_S: Final = 1800.0  # how long nobody is asked again who has no time now
_MARGIN_PX: Final = 0.4  # parts of the tolerance around it: more is clear
_MARGIN_DENSITY: Final = 0.15  # the same of the density's logarithm
_WAITED: Final = 500  # images whose latency is told


@dataclass(frozen=True, slots=True)
class JudgedImage:
    """One judged image. Densities are features per megapixel of tissue."""

    told: Told
    expected: float | None
    threshold: float | None

    @property
    def id(self) -> int:
        """As the journal has it."""
        return self.told.image.id

    @property
    def place(self) -> Place:
        """Where it belongs."""
        return self.told.image.place

    @property
    def outcome(self) -> Outcome:
        """Its current verdict."""
        return self.told.verdict.outcome

    @property
    def shows(self) -> bool:
        """Whether there is anything to see of it: a file of which nothing could be read has no picture."""
        return self.told.score.finding in _SHOWN

    @property
    def blur(self) -> Blur | None:
        """How blurred it is, by its current verdict."""
        return blur_of(self.told.verdict)


@dataclass(frozen=True, slots=True)
class AnchorLine:
    """What the confirmed images of a tile say together, and which they are."""

    tile: str | None
    density: float
    images: tuple[int, ...]


class PageModel(RunNow):
    """The run as it is now, with every judged image.

    Args:
        journal: A connection of its own.
        wanted: What should come, if somebody said so.
        confirm: How many confirmed images make up an anchor (the setting `verdict.confirm`).
        target_s: How long an image may wait for its verdict (`verdict.target_s`).
        flow: Whether a flow scores: then it is said, too, when no run is out.
        tolerance_px: More blur than this is a failure (`verdict.blur_px`).
        lens: What is shown of a lens; None: nothing.
    """

    def __init__(
        self,
        journal: JournalView,
        wanted: Collection[Place] | None = None,
        *,
        confirm: int,
        target_s: float = 60.0,
        flow: bool = False,
        tolerance_px: float | None = None,
        lens: LensShower | None = None,
    ) -> None:
        super().__init__(journal, wanted)
        self._confirm, self.target_s, self.flow = confirm, target_s, flow
        self.tolerance_px = tolerance_px
        self._lens = lens
        self.lens: LensShown | None = None
        self._runs_file = RunsReader(journal.path.parent)
        self.runs = UnderWay()
        self.backlog: Backlog | None = None
        """Images wait now, because they come faster than they are judged."""
        self.entries: dict[int, JudgedImage] = {}
        self.shots: dict[str, int] = {}
        """The first image of each shot: of its takes the chart shows the newest."""
        self.rung: tuple[Episode, ...] = ()  # every alert that is kept, the newest first
        self.alerts: tuple[Episode, ...] = ()  # those that are open, and that nothing else on the page says
        self.known: tuple[Episode, ...] = ()  # of these, those that somebody has acknowledged
        self.unheard: tuple[Delivery, ...] = ()
        self.labels_waiting: frozenset[int] = frozenset()
        self.retake: tuple[Retake, ...] = ()
        self._retake_sum = 0
        self.estimates: dict[int, tuple[Estimate, ...]] = {}
        """What learned packages said, by image."""
        self.teaches: NextLabel | None = None
        """The image that a person's word would teach most about now."""
        self._unlabelled: dict[int, Unlabelled] = {}
        self._dismissed: set[int] = set()
        self._calm_until = 0.0
        self.latest: deque[int] = deque(maxlen=STRIP)  # by first verdict, the newest last
        self._listed = Newest()
        self.identity = journal.identity()
        self.report = lru_cache(_REPORTS)(journal.readable_report)

    def refresh(self) -> bool:
        """Take in what has changed; whether anything that is listed did."""
        journal = self.journal
        told_of = overview(journal.path.parent)
        self.rung = told_of.episodes
        ringing = [alert for alert in told_of.open if alert.rule in _RUNG]
        self.alerts = tuple(alert for alert in ringing if not alert.acknowledged)
        self.known = tuple(alert for alert in ringing if alert.acknowledged)
        self.unheard = tuple(sink for sink in told_of.sinks if sink.failures)
        self.lens = None if self._lens is None else self._lens.look()
        with journal.snapshot():
            self.look()
            self.labels_waiting = images_waiting(journal.path.parent)
            self.runs = under_way(journal, self._runs_file)
            self.backlog = backlog_now(journal, now_ns=int(self._clock() * 1e9)) if self.waiting else None
            if self.newest == self._listed:
                self._teach()
                return False
            taken = list(self.judged())
            self.estimates |= journal.estimates([told.image.id for told in taken])
            for told in taken:
                self._take(told)
            told_all = (entry.told for entry in self.entries.values())
            self.retake = tuple(retakes(told_all, self.labels, self.report, estimates=self._said_of))
            said = sorted(image for image, label in self.labels.items() if label.fine), self.retake
            self._retake_sum = zlib.crc32(repr(said).encode("utf-8", "surrogatepass"))
            self._listed = self.newest
        self._teach()
        return True

    def _said_of(self, images: Collection[int]) -> dict[int, tuple[Estimate, ...]]:
        return {image: self.estimates[image] for image in images if image in self.estimates}

    def dismiss(self, image: int) -> None:
        """Nobody has time for that question now: it is not asked again, and no other for a while."""
        self._dismissed.add(image)
        self._calm_until = self._clock() + _CALM_S
        self.teaches = None

    def _teach(self) -> None:
        """What to ask about next. The station's own question comes first, and what is asked stays until it is said."""
        if self.question is not None or self.confirmed < self._confirm or self._clock() < self._calm_until:
            self.teaches = None
            return
        said = self.labels_waiting | {image for image, label in self.labels.items() if label.sharp is not None}
        now = self.teaches
        if now is not None and now.image not in said and now.image in self._unlabelled:
            return
        newest = sorted(self._unlabelled)[-_LOOKED_AT:]
        asked = (self._unlabelled[i] for i in newest if i not in said and i not in self._dismissed)
        self.teaches = next_label(asked, (self.entries[i].place for i in said if i in self.entries))

    def _take(self, told: Told) -> None:
        whole = {}
        for level in json.loads(told.verdict.detail).get("levels", ()):
            if level["measure"] == "density" and level["region"] == "whole":
                whole = level
        image = told.image.id
        if image not in self.entries:
            self.latest.append(image)
        self.shots.setdefault(shot_of(told.image.path), image)
        kept = replace(told, verdict=slim(told.verdict))
        entry = self.entries[image] = JudgedImage(kept, whole.get("expected"), whole.get("threshold"))
        said = self.estimates.get(image, ())
        self._unlabelled[image] = Unlabelled(image, entry.place, entry.outcome, self._margin(entry), said)

    def _margin(self, entry: JudgedImage) -> float | None:
        """How far from the threshold, in parts of what is near."""
        blur, density = entry.blur, entry.told.score.density
        if blur is not None and self.tolerance_px is not None:
            return abs(blur.px - self.tolerance_px) / (_MARGIN_PX * self.tolerance_px)
        if density and entry.threshold:
            return abs(math.log(density / entry.threshold)) / _MARGIN_DENSITY
        return None

    # -- what follows from it

    @property
    def retake_mark(self) -> str:
        """Another text when the list of what to take again is to be shown anew."""
        return f"{self._retake_sum:08x}-{zlib.crc32(repr(sorted(self.labels_waiting)).encode()):08x}"

    def last(self) -> JudgedImage | None:
        """The image that was judged last."""
        return self.entries[self.latest[-1]] if self.latest else None

    def recent(self) -> Counter[Outcome]:
        """The verdicts of the last images."""
        return Counter(self.entries[image].outcome for image in list(self.latest)[-RECENT:])

    def recent_final(self) -> int:
        """How many of the last images are in focus for good: a person has confirmed what they are compared with."""
        some = [self.entries[image] for image in list(self.latest)[-RECENT:]]
        return sum(one.outcome is Outcome.IN_FOCUS and not one.told.verdict.provisional for one in some)

    def waited(self) -> WaitingTimes:
        """What the last images waited for until their first verdict."""
        some = sorted(self.entries)[-_WAITED:]
        return waiting_times((self.entries[image].told.image for image in some), target_s=self.target_s)

    def anchors(self) -> list[AnchorLine]:
        """The confirmed images that hold each tile's baseline at its newest section."""
        confirmed: dict[str | None, list[JudgedImage]] = {}
        for image, label in self.labels.items():
            entry = self.entries.get(image)
            if label.sharp and entry is not None and entry.told.score.density:
                confirmed.setdefault(entry.place.tile, []).append(entry)
        found = []
        for tile, some in sorted(confirmed.items(), key=lambda pair: pair[0] or ""):
            near = sorted(some, key=lambda e: (-1 if e.place.section is None else e.place.section, e.id))
            near = near[-self._confirm :]
            density = math.exp(statistics.median(math.log(e.told.score.density or 1) for e in near))
            found.append(AnchorLine(tile, density, tuple(e.id for e in near)))
        return found

    def neighbours(self, entry: JudgedImage) -> tuple[JudgedImage | None, JudgedImage | None]:
        """The image before and the one after it: by section where it has one, else as they came, and of its tile."""
        section, tile = entry.place.section, entry.place.tile
        if section is None:
            at, here = {one.id: one for one in self.entries.values() if one.place == entry.place}, entry.id
        else:  # of several files or revisions at one place the newest is shown
            every = sorted(self.entries.values(), key=lambda one: one.id)
            at = {one.place.section: one for one in every if one.place.section is not None and one.place.tile == tile}
            here = section
        return at.get(max((n for n in at if n < here), default=-1)), at.get(
            min((n for n in at if n > here), default=-1)
        )
