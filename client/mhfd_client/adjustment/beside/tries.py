"""What a watch has tried for each image: read from the ledger, which outlives the watch. Pure; opens nothing."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum

from mhfd_client.adjustment.beside.out_of_focus import BlurredImage
from mhfd_client.adjustment.ledger import LedgerLine, LensEntry


class RepairEnd(StrEnum):
    """How the repair of an image ended."""

    RETAKEN = "retaken"  # the lens is right, and the instrument has taken the image again
    REFOCUSED = "refocused"  # the lens is right; this instrument takes no image of a place by itself
    NOT_BETTER = "not_better"  # the lens is where it was: the move was not verified, or somebody else's hand came
    REFUSED = "refused"  # nothing can be said of this field, or a rule forbids it: another try would end the same
    PROPOSED = "proposed"  # said, and nothing was moved
    FAILED = "failed"  # the instrument did not do what it was asked to, which is no fault of the image


@dataclass(frozen=True, slots=True)
class RepairTry:
    """One try to mend an image. `end` None: its program died."""

    image: int
    shot: str
    section: int | None
    begun: float
    end: RepairEnd | None = None
    words: str = ""
    ended: float | None = None

    @property
    def counts(self) -> bool:
        """Whether it is one of those that a section may have."""
        return self.end not in (RepairEnd.FAILED, RepairEnd.PROPOSED)


def about(
    image: int, shot: str, section: int | None, tile: str | None, *, repair: str | None = None
) -> dict[str, str | None]:
    """What a line of the ledger says of whose it is. `repair`: the one that it is part of."""
    place = None if section is None else str(section)
    return {"image": str(image), "shot": shot, "section": place, "tile": tile, "repair": repair}


class Tries:
    """All of them, in the order in which they began."""

    def __init__(self) -> None:
        self._tries: dict[str, RepairTry] = {}
        self.asked: dict[str, LedgerLine] = {}
        """The newest line with which a person was asked, by shot."""

    def take(self, lines: Iterable[LedgerLine]) -> None:
        """What was added to the ledger. A line that is not as a watch writes it is for `mhfd adjust audit` to say."""
        for line in lines:
            with suppress(KeyError, ValueError):
                self._take(line)

    def _take(self, line: LedgerLine) -> None:
        told = line.about
        if line.what is LensEntry.REPAIR:
            section = int(told["section"]) if "section" in told else None
            self._tries[told["repair"]] = RepairTry(int(told["image"]), told["shot"], section, line.at)
        elif line.what is LensEntry.REPAIRED:
            before, end = self._tries[told["repair"]], RepairEnd(told["end"])
            self._tries[told["repair"]] = replace(before, end=end, words=line.words, ended=line.at)
        elif line.what is LensEntry.ASKED:
            self.asked[told["shot"]] = line

    def speaks_of(self, shot: str) -> bool:
        """Whether anything was tried or asked."""
        return shot in self.asked or any(one.shot == shot for one in self._tries.values())

    def open_since(self, moment: float) -> bool:
        """Whether one that began after this has not ended."""
        return any(one.end is None and one.begun > moment for one in self._tries.values())

    def of_image(self, image: int) -> list[RepairTry]:
        """Those of one take."""
        return [one for one in self._tries.values() if one.image == image]

    def counted(self, one: BlurredImage) -> list[RepairTry]:
        """Those of the section of an image, whatever its tile; where it has none, of its shot."""
        return [
            tried
            for tried in self._tries.values()
            if tried.counts and (tried.section == one.section if one.section is not None else tried.shot == one.shot)
        ]
