"""What the outputs of a network mean: the last steps, from raw numbers to what a package says.

A training compares the raw numbers with the truth (`workers.losses`); whoever is told anything is told what comes after
the head. Both are drawn from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log1p
from types import MappingProxyType
from typing import Final

from mhfd.contract.training import NetLesson
from mhfd.errors import UsageError
from mhfd.learning.dataset.rows import ImageCause
from mhfd.learning.training.nets.drawing import Steps, T

FOCUS_SAYS: Final = ("bad", "radius_px", "sd")
"""Raw: the logit of bad, log(1 + radius), and the logarithm of how far off that is."""
USUALLY_SAID: Final[Mapping[NetLesson, tuple[str, ...]]] = MappingProxyType(
    {
        "focus": FOCUS_SAYS,
        "cause": tuple(cause.value for cause in ImageCause),
        "denoise": ("picture",),
        "segment": ("resin", "tissue", "artefact"),
    }
)
"""Of each lesson, where nobody says which classes there are."""
MOST_RADIUS: Final = log1p(200.0)
"""No radius above 200 px is said."""
SPREADS: Final = (-4.0, 2.0)
"""Between which the logarithm of a spread is taken for true."""


@dataclass(frozen=True, slots=True)
class Head:
    """Of one lesson."""

    lesson: NetLesson
    says: tuple[str, ...]
    outputs: int
    """Raw numbers that a network has to give."""

    def links(self, steps: Steps[T], raw: T) -> T:
        """What is said, of raw numbers of the image or of its places."""
        if self.lesson == "focus":
            bad = steps.sigmoid(steps.part(raw, 0, 1))
            met = steps.clip(steps.part(raw, 1, 1), 0.0, MOST_RADIUS)
            spread = steps.exp(steps.clip(steps.part(raw, 2, 1), *SPREADS))
            grown = steps.exp(met)
            return steps.concat([bad, steps.affine(grown, 1.0, -1.0), steps.multiply(grown, spread)])
        return raw if self.lesson == "denoise" else steps.softmax(raw)


def head_of(lesson: NetLesson, says: Sequence[str] | None = None) -> Head:
    """The head of a lesson.

    Args:
        lesson: What is taught.
        says: The classes, where they are not the usual ones.
    """
    if lesson == "focus" and says is not None and tuple(says) != FOCUS_SAYS:
        raise UsageError(f"says: a network of focus says {', '.join(FOCUS_SAYS)}, not {', '.join(says)}")
    names = USUALLY_SAID[lesson] if says is None else tuple(says)
    if len(set(names)) < len(names) or len(names) < (1 if lesson == "denoise" else 2):
        raise UsageError(f"says: two classes at least, each once; got {', '.join(names) or 'none'}")
    return Head(lesson, names, len(names))
