"""What is compared, and on what terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import UsageError

MHFD: Final = "mhfd"
"""The entry that stands in every comparison: the program's own measure, against the baseline of its group."""

Floats = NDArray[np.float64]


def checked_prevalence(prevalence: float) -> float:
    """The part of bad images in a run. UsageError."""
    if not 0 < prevalence < 1:
        raise UsageError(
            f"prevalence: {prevalence!r} is not above 0 and below 1, the part of bad images in a run; write .03"
        )
    return prevalence


@dataclass(frozen=True, eq=False)
class Entry:
    """Something that says how bad each image is."""

    name: str
    scores: Floats
    """One a row: higher is worse, NaN where it abstains."""
    groups_seen: frozenset[str] = frozenset()
    """What it was made from."""
    champion: bool = False
    beside: bool = False
    """Shown and nothing else: it may neither win nor be in the way."""
    held_out: bool = False
    """Made here, by folds that had not seen the group: it cannot be the labels, however well it fits them."""
    barred: tuple[str, ...] = field(default=())
    """Why it is compared and cannot be promoted, whatever it scores."""

    def __post_init__(self) -> None:
        scores = np.asarray(self.scores, np.float64)
        if scores.ndim != 1 or np.isinf(scores).any():
            raise UsageError(f"entry {self.name}: scores are one finite number a row, or NaN where it abstains")
        object.__setattr__(self, "scores", scores)

    @property
    def challenges(self) -> bool:
        """It wants to be promoted."""
        return not (self.champion or self.beside or self.name == MHFD)


@dataclass(frozen=True)
class Terms:
    """What a comparison is decided by."""

    miss_cost: float = 20.0
    """A bad image that nobody saw costs so many false alarms."""
    alpha: float = 0.025
    """How likely a promotion may be wrong in this test; what is left of a life's doubt."""
    test: int = 1
    """Which test of a life this is, for the words."""
    least_groups: int = 6
    """One more than could ever be told from chance: of 5 all better, a coin does as much 1 time of 32."""
    draws: int = 2000
    unit: str = "groups"
    """What a group is called in words."""

    def __post_init__(self) -> None:
        for name, low, high in (("miss_cost", 0.0, 1e6), ("alpha", 0.0, 0.5)):
            if not low < getattr(self, name) <= high:
                raise UsageError(f"{name}: {getattr(self, name)!r} is not above {low:g} and at most {high:g}")
        if self.draws < 200:
            raise UsageError(f"draws: {self.draws} are too few for an interval; at least 200")
