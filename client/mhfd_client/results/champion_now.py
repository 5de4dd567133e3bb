"""Who is champion in a run, since when, and how far the run's last images lie from what it was taught with.

The last is what a test on drift is due for. It reads what the station noted and what each estimate said of its image's
rings; it opens no image and no package, and decides nothing.
"""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import Any

from mhfd_client.journal.retests import RetestRule
from mhfd_client.journal.rows import ChampionTold
from mhfd_client.journal.view import JournalView
from mhfd_client.times import SECOND, iso_ns, utc


@dataclass(frozen=True, slots=True)
class ChampionNow:
    """As the station was told last. `images`: the last ones of which the champion was asked, 0 where it is mhfd."""

    champion: ChampionTold
    images: int = 0
    beyond: int = 0
    """Images that lie outside of all that it was taught with."""
    median: float | None = None
    """Of the distances of their rings, 1 is the edge; None: nobody knows them."""

    @property
    def lines(self) -> list[str]:
        """For a person: since when it is who it is, where it has changed; and how far the images lie."""
        return [line for line in (self._since(), self._far()) if line]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        champion = self.champion
        since = None if champion.since_ns is None else iso_ns(champion.since_ns)
        who = {"champion": champion.package, "title": champion.title, "since": since, "before": champion.before}
        lies = {name: value for name, value in asdict(self).items() if name != "champion"}
        return who | lies | {"words": self.lines}

    def _since(self) -> str:
        champion = self.champion
        if champion.before is None or champion.since_ns is None:
            return ""
        when = utc(champion.since_ns / 1e9, SECOND)
        return f"champion in this run: {champion.speaker} since {when} UTC, in place of {champion.before}"

    def _far(self) -> str:
        if not self.images:
            return ""
        lie = "image lies" if self.images == 1 else f"{self.images:,} images lie"
        taught = f"what {self.champion.speaker} was taught with"
        beyond = f"{self.beyond:,}" if self.beyond else "none"
        if self.median is None:
            return f"nobody knows how far the last {lie} from {taught}; for that it refused {beyond}"
        return f"the last {lie} {self.median:.2g} of the edge from {taught}, {beyond} beyond it".replace(" 0.", " .")


def champion_now(journal: JournalView) -> ChampionNow | None:
    """Of a run; None: nobody has said who judges."""
    champion = journal.champion()
    if champion is None or champion.package is None:
        return None if champion is None else ChampionNow(champion)
    lies = journal.last_lies(champion.package, window=RetestRule().window)
    known = [one.far for one in lies if one.far is not None]
    median = float(f"{statistics.median(known):.4g}") if known else None
    return ChampionNow(champion, len(lies), sum(one.beyond for one in lies), median)
