"""What can be wrong with an image, how much of it there is, and which verdict is right then. It draws nothing."""

from dataclasses import dataclass
from typing import Final

from mhfd.errors import UsageError
from mhfd_client.microscope.truth import ShotKind

ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class DrawnCause:
    """Of one kind of image."""

    expected: str
    """The verdict that is right; `either` where both would be."""
    low: float = 0.0
    high: float = 0.0
    """Least and most of its amount, in the unit of `Shot.amount`."""

    @property
    def fails(self) -> bool:
        """Whether such an image should be found and taken again."""
        return self.expected not in ("in_focus", "either")


CAUSES: Final = {
    ShotKind.DEFOCUS_SLIGHT: DrawnCause("out_of_focus", 2, 2),
    ShotKind.DEFOCUS: DrawnCause("out_of_focus", 2.5, 7),
    ShotKind.ASTIGMATIC: DrawnCause("out_of_focus", 3, 5),
    ShotKind.TILTED: DrawnCause("out_of_focus", 4, 8),
    ShotKind.MOTION_ALONG: DrawnCause("out_of_focus", 3.5, 5),
    ShotKind.MOTION_ACROSS: DrawnCause("out_of_focus", 3.5, 5),
    ShotKind.VIBRATION: DrawnCause("out_of_focus", 1.5, 2.5),
    ShotKind.TRUNCATED: DrawnCause("incomplete", 0.05, 0.6),
    ShotKind.ZERO_TAIL: DrawnCause("incomplete", 0.05, 0.6),
    ShotKind.BLANK: DrawnCause("undetermined"),
    ShotKind.SHARP: DrawnCause("in_focus"),
    ShotKind.WRINKLE: DrawnCause("in_focus", 1, 3.99),
    ShotKind.PARTICLES: DrawnCause("in_focus", 3, 20),
    ShotKind.CHARGING: DrawnCause("in_focus"),
    ShotKind.RESIN: DrawnCause("in_focus", 0.2, 0.6),
    ShotKind.SHADING: DrawnCause("in_focus", 0.3, 0.7),
    ShotKind.BANDING: DrawnCause("in_focus", 0.02, 0.08),
    ShotKind.JITTER: DrawnCause("in_focus", 0.3, 0.3),
    # In focus, but it may be that nobody can tell.
    ShotKind.LOW_DOSE: DrawnCause("either", 0.05, 0.15),
    ShotKind.SATURATED: DrawnCause("either", 2, 3),
}
"""All that a run can be asked to have."""


def causes_named(text: str) -> tuple[ShotKind, ...]:
    """The causes that `all`, or a list such as `defocus,vibration`, names."""
    if text.strip() == ALL:
        return tuple(CAUSES)
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in set(CAUSES)]
    if unknown:
        offered = ", ".join(CAUSES)
        raise UsageError(f"causes: {unknown[0]!r} is none; give {ALL}, or a list, with commas, of: {offered}")
    return tuple(dict.fromkeys(ShotKind(name) for name in names))
