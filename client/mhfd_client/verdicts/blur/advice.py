"""A blur in words: what each kind is called, what its pixels are of, what to look at before the image is taken again.

All who show blurs say it in these words. It never says which knob to turn, nor how far: what is wrong, and the lens is
the operator's. It decides nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from mhfd_client.verdicts.blur import words
from mhfd_client.verdicts.blur.blur import Blur, BlurKind


@dataclass(frozen=True, slots=True)
class KindWords:
    """A kind of blur for people."""

    name: str
    size: str
    """What its pixels are of."""
    look: str
    """What is wrong, and what to look at."""
    again: str = "Then take it again."

    @property
    def advice(self) -> str:
        """What to do about one image."""
        return f"{self.look} {self.again}"


WORDS: Final[Mapping[BlurKind, KindWords]] = MappingProxyType(
    {
        BlurKind.DEFOCUS: KindWords("defocus", "radius of the disc", "The focus is off: focus again."),
        BlurKind.MOTION_ALONG: KindWords(
            "motion along the lines",
            "length of the way",
            "Stage, sample or beam moved along the scan lines: look at the settling time and for charging.",
        ),
        BlurKind.MOTION_ACROSS: KindWords(
            "motion across the lines",
            "length of the way",
            "Stage, sample or beam moved across the scan lines: look at the settling time and for charging.",
        ),
        BlurKind.VIBRATION: KindWords(
            "vibration",
            "displacement of the lines, standard deviation",
            "The lines are displaced against each other: look at pumps, the floor and stray fields.",
            "Take it again when that is over.",
        ),
        BlurKind.ASTIGMATISM: KindWords(
            "astigmatism",
            "half of the longer axis",
            "It is sharper in one direction than in the other: correct the stigmators.",
        ),
        BlurKind.TILT: KindWords(
            "tilt",
            "radius of the disc on the worst side",
            "One side is sharp and another is not, as the section is not flat in the plane of focus: focus in its "
            "middle, or use dynamic focus or tilt correction.",
        ),
    }
)


def size(blur: Blur) -> str:
    """How much it is blurred: 2.1 px (1.8 to 2.4)."""
    if blur.kind is None and round(blur.px, 1) <= 0:
        return f"as its neighbours ({words.interval(blur)} px)"
    return words.size(blur)


def microns(blur: Blur, unit: str = "um") -> str | None:
    """How far out of focus that is, where a calibration says so: about 3.1 um (2.6 to 3.7)."""
    if blur.um is None:
        return None
    within = "" if blur.um_low is None or blur.um_high is None else f" ({blur.um_low:.2g} to {blur.um_high:.2g})"
    return f"about {blur.um:.2g} {unit}{within}"


def told(blur: Blur, unit: str = "um") -> str:
    """All of it in a line: defocus, 2.1 px (1.8 to 2.4), about 3.1 um (2.6 to 3.7). `unit`: how micrometres are
    written there.
    """
    kind = [] if blur.kind is None else [WORDS[blur.kind].name]
    return ", ".join(filter(None, (*kind, size(blur), microns(blur, unit))))


def advice(blur: Blur | None) -> str | None:
    """What to do about it; None where no kind is known."""
    return None if blur is None or blur.kind is None else WORDS[blur.kind].advice


def by_kind(blurs: Iterable[Blur | None]) -> list[tuple[BlurKind, int]]:
    """The kinds that are there and how often, the commonest first."""
    counted = Counter(blur.kind for blur in blurs if blur is not None)
    return sorted(((kind, counted[kind]) for kind in BlurKind if counted[kind]), key=lambda pair: -pair[1])
