"""Whether images come faster than they are judged: since when, how many wait, for how long, and what would help.

They wait in the journal: nothing is lost, and each is judged once. A pure function of the moments that the journal has
of each image, so that it says the same after a restart; it asks nobody and starts nothing.
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from mhfd_client.journal.view import JournalView
from mhfd_client.times import SECOND, roughly, utc

LATE_S: Final = 30.0
"""Who waits longer than that for a verdict waits because others are before it."""
CALM_S: Final = 60.0
"""Less between two backlogs makes them one."""
RATE_S: Final = 120.0
"""Rates are those of so long before now, or since it began."""
_LOOKED_AT_S: Final = 3600.0
_LAST: Final = 50  # images that say what an image takes now
WORTH: Final = 0.1
"""Learned packages are named where they take more than this part of an image's time."""
_SECOND: Final = 1_000_000_000

Moments = tuple[int, int | None]
"""When an image was whole and when it was judged first, UTC nanoseconds; None: it waits."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """A time in which images waited for their verdict. `ended_ns`: None while they do.

    `waiting`: now, or the most there were; `longest_s`: any of them waited. The rates are a minute's, while it lasts.
    """

    began_ns: int
    ended_ns: int | None
    waiting: int
    longest_s: float
    come: float = 0.0
    judged: float = 0.0

    @property
    def words(self) -> str:
        """For a person."""
        longest = f"the longest for {roughly(self.longest_s)}"
        if self.ended_ns is not None:
            when = f"from {utc(self.began_ns / _SECOND, SECOND)} to {utc(self.ended_ns / _SECOND, SECOND)} UTC"
            return f"images waited {when}: {self.waiting:,} at most, {longest}; none was lost, each is judged"
        kept = "they are kept and judged when there is time"
        if self.come > self.judged:
            many = f"at {self.judged:.0f}" if self.judged else "not at all"
            rates = f"images come at {self.come:.0f} a minute and are judged {many}"
            return f"{rates}: {self.waiting:,} wait, {longest}; {kept}"
        left = self.waiting / (self.judged - self.come) if self.judged > self.come else math.inf
        end = f"; caught up in about {roughly(60 * left)}" if math.isfinite(left) else ""
        return f"{self.waiting:,} images wait, {longest}; {self.judged:.0f} a minute are judged{end}"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {name: getattr(self, name) for name in self.__slots__} | {"words": self.words}


def backlogs(moments: Iterable[Moments], *, now_ns: int) -> list[Backlog]:
    """The times in which images waited, the first one first. The last one may last."""
    known = [(whole, judged) for whole, judged in moments if whole <= now_ns]
    late = sorted(
        (whole + int(LATE_S * _SECOND), end)
        for whole, judged in known
        if (end := now_ns if judged is None else judged) - whole > LATE_S * _SECOND
    )
    times: list[list[int]] = []
    for began, ended in late:
        if times and began - times[-1][1] <= CALM_S * _SECOND:
            times[-1][1] = max(times[-1][1], ended)
        else:
            times.append([began, ended])
    wholes = sorted(whole for whole, _ in known)
    ends = sorted(judged for _, judged in known if judged is not None)
    waits = len(ends) < len(known) and any(
        judged is None and whole <= now_ns - LATE_S * _SECOND for whole, judged in known
    )
    found = []
    for number, (began, ended) in enumerate(times, start=1):
        lasts = waits and number == len(times) and ended >= now_ns
        inside = [
            (now_ns if judged is None else judged) - whole
            for whole, judged in known
            if whole <= ended and (judged is None or judged >= began)
        ]
        since = max(began - int(LATE_S * _SECOND), now_ns - int(RATE_S * _SECOND)) if lasts else began
        minutes = max((ended - since) / _SECOND / 60, 1 / 60)
        found.append(
            Backlog(
                began_ns=began,
                ended_ns=None if lasts else ended,
                waiting=len(wholes) - len(ends) if lasts else _most(wholes, ends, began, ended),
                longest_s=round(max(inside) / _SECOND, 1),
                come=round((bisect_right(wholes, ended) - bisect_left(wholes, since)) / minutes, 1) if lasts else 0.0,
                judged=round((bisect_right(ends, ended) - bisect_left(ends, since)) / minutes, 1) if lasts else 0.0,
            )
        )
    return found


def backlog_now(journal: JournalView, *, now_ns: int) -> Backlog | None:
    """Of a run, only whether images wait now; cheap, however long the run is."""
    last = backlogs(journal.moments(since_ns=now_ns - int(_LOOKED_AT_S * _SECOND)), now_ns=now_ns)[-1:]
    return last[0] if last and last[0].ended_ns is None else None


def help_words(*, packages_ms: float | None, image_ms: float | None) -> str:
    """What learned packages cost of an image's time, and what a person may change; empty: nothing is known of it."""
    said = []
    if packages_ms and image_ms and packages_ms > WORTH * image_ms:
        share = min(packages_ms / image_ms, 1.0)
        said.append(
            f"learned packages take {packages_ms / 1000:.1f} s of an image's {image_ms / 1000:.1f} s ({share:.0%}): "
            "`models.use = none` does without them"
        )
    if image_ms:
        said.append("more workers (`runner.workers`) or an endpoint (`runner.kind`) judge more at once")
    return "; ".join(said)


def help_of(journal: JournalView) -> str:
    """The same of a run, by its last judged images."""
    judged = [row for row in journal.latest(limit=_LAST) if row.verdict is not None]
    rows = [journal.image(one.image) for one in judged]
    took = [(row.judged_ns - row.started_ns) / 1e6 for row in rows if row.judged_ns and row.started_ns]
    said = journal.estimates([row.id for row in rows])
    asked = [max((one.ms or 0.0 for one in every), default=0.0) for every in said.values()]  # they share the features
    return help_words(
        packages_ms=statistics.mean(asked) if asked else None, image_ms=statistics.median(took) if took else None
    )


def _most(wholes: list[int], ends: list[int], began: int, ended: int) -> int:
    """How many waited at most: the highest just after one has come."""
    moments = [began, *wholes[bisect_left(wholes, began) : bisect_right(wholes, ended)]]
    return max(bisect_right(wholes, at) - bisect_right(ends, at) for at in moments)
