"""What a replay found: counted, with bounds. It knows no image and judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

from scipy.special import betaincinv

from mhfd.simulate.planting import FaultKind

_WANTED: Final = 0.95
Reach = Literal["at_most", "about", "more_than"]


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, and the part of all that would be: Clopper and Pearson's bounds, 95%."""

    count: int
    of: int
    low: float
    high: float

    @classmethod
    def counted(cls, true: Iterable[bool]) -> Share:
        """Of a list of yes and no."""
        said = list(true)
        count, of = sum(said), len(said)
        low = 0.0 if count == 0 else float(betaincinv(count, of - count + 1, 0.025))
        high = 1.0 if count == of else float(betaincinv(count + 1, of - count, 0.975))
        return cls(count, of, round(low, 4), round(high, 4))

    def __str__(self) -> str:
        return f"{self.count:,} of {self.of:,} ({self.low:.1%} to {self.high:.1%})"


@dataclass(frozen=True, slots=True)
class PlantedVerdict:
    """What was said of one image with a fault in it."""

    path: str
    kind: FaultKind
    px: float
    found: bool
    named: bool
    holds: bool | None
    """Whether the interval holds the planted size; None where none was given."""


@dataclass(frozen=True, slots=True)
class KindOutcome:
    """What became of one kind of fault."""

    kind: FaultKind
    found: Share
    named: Share
    holds: Share
    sizes: tuple[tuple[float, Share], ...]

    @classmethod
    def of(cls, kind: FaultKind, planted: Iterable[PlantedVerdict]) -> KindOutcome:
        """All that was said of it."""
        mine = [one for one in planted if one.kind is kind]
        sizes = sorted({one.px for one in mine})
        return cls(
            kind,
            Share.counted(one.found for one in mine),
            Share.counted(one.named for one in mine),
            Share.counted(one.holds for one in mine if one.holds is not None),
            tuple((px, Share.counted(one.found for one in mine if one.px == px)) for px in sizes),
        )

    @property
    def reach(self) -> tuple[Reach, float] | None:
        """The size that is found in 95 of a hundred cases, between the sizes that were planted."""
        return reach_of([(px, share.count / share.of) for px, share in self.sizes])

    def as_json(self) -> dict[str, object]:
        """For programs."""
        reach = self.reach
        return {
            "kind": self.kind.value,
            "found": asdict(self.found),
            "named": asdict(self.named),
            "interval_holds": asdict(self.holds),
            "found_95_is": None if reach is None else reach[0],
            "found_95_px": None if reach is None else reach[1],
            "sizes": [{"px": px, **asdict(share)} for px, share in self.sizes],
        }

    def lines(self) -> Iterable[str]:
        """For people."""
        if not self.found.of:
            yield f"{self.kind}: planted in no image; give a smaller --every, or a longer run"
            return
        yield f"{self.kind}: found {self.found}; named right {self.named}"
        yield "  " + "; ".join(f"{px:g} px: {share.count} of {share.of}" for px, share in self.sizes)
        if self.holds.of:
            yield f"  the interval held the planted size in {self.holds}"
        if (reach := self.reach) is not None:
            yield f"  found in 95% of the cases from {_WORDS[reach[0]]} {reach[1]:.1f} px on"


_WORDS: Final[dict[Reach, str]] = {"at_most": "at most", "about": "about", "more_than": "more than"}


def reach_of(found: Sequence[tuple[float, float]]) -> tuple[Reach, float] | None:
    """From sizes, the smallest first, and the part that is found of each: the size of which 95% are."""
    if not found:
        return None
    missed = [i for i, (_, part) in enumerate(found) if part < _WANTED]
    if not missed:
        return "at_most", found[0][0]
    last = missed[-1]
    if last == len(found) - 1:
        return "more_than", found[last][0]
    (px, part), (more, better) = found[last], found[last + 1]
    return "about", round(px + (more - px) * (_WANTED - part) / (better - part), 2)


@dataclass(frozen=True, slots=True)
class ReplayOutcome:
    """All of it."""

    images: int
    confirmed: tuple[str, ...]
    alarms: Share
    """Of the images that could be judged, those that were called out of focus."""
    rang: tuple[tuple[str, str], ...]
    """Their paths, and what was said."""
    undetermined: int
    incomplete: int
    kinds: tuple[KindOutcome, ...]

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "images": self.images,
            "confirmed": list(self.confirmed),
            "false_alarms": {
                **asdict(self.alarms),
                "images": [{"path": path, "sentence": sentence} for path, sentence in self.rang],
            },
            "undetermined": self.undetermined,
            "incomplete": self.incomplete,
            "kinds": [kind.as_json() for kind in self.kinds],
        }

    def lines(self) -> Iterable[str]:
        """For people."""
        yield f"{self.images:,} images, taken to be good; the first {len(self.confirmed)} were confirmed as sharp"
        yield f"false alarms: {self.alarms}"
        for path, sentence in self.rang:
            yield f"  {path}: {sentence}"
        if self.undetermined or self.incomplete:
            yield f"undetermined: {self.undetermined:,}; incomplete: {self.incomplete:,}"
        for kind in self.kinds:
            yield from kind.lines()
