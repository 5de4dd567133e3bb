"""Which faults are planted in which images of a run, and of which size. It reads no image and plants nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mhfd.errors import UsageError
from mhfd.simulate.planting import FaultKind, PlantedFault
from mhfd_client.verdicts.blur.blur import BlurKind

ALL: Final = "all"
SIZES: Final[dict[FaultKind, tuple[float, ...]]] = {
    FaultKind.DEFOCUS: (1.0, 1.5, 2.0, 3.0),
    FaultKind.HALF: (2.0, 3.0, 4.0),
    FaultKind.TILT: (3.0, 4.5, 6.0),
    FaultKind.MOTION_ALONG: (2.5, 3.5, 5.0),
    FaultKind.MOTION_ACROSS: (2.5, 3.5, 5.0),
    FaultKind.VIBRATION: (0.75, 1.5, 2.5),
    FaultKind.ASTIGMATISM: (2.0, 3.0, 4.0),
}
"""Pixels; what one of them is: `FaultKind`."""
NAMED: Final[dict[FaultKind, BlurKind]] = {
    kind: BlurKind.TILT if kind is FaultKind.HALF else BlurKind(kind.value) for kind in FaultKind
}
"""What a verdict should call it: a half that is blurred while the other is spared looks like a tilt."""
_LARGEST: Final = 32.0


@dataclass(frozen=True, slots=True)
class Planting:
    """One fault for one image."""

    fault: PlantedFault
    seed: int


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Which kinds, of which sizes, in one image of how many."""

    kinds: tuple[FaultKind, ...]
    size: float | None
    every: int
    seed: int

    @classmethod
    def of(cls, kind: str, *, size: float | None, every: int, seed: int) -> FaultPlan:
        """UsageError where one of them makes no sense."""
        if kind != ALL and kind not in tuple(FaultKind):
            raise UsageError(f"plant: {kind!r} is no kind of fault; give {', '.join(FaultKind)} or {ALL}")
        if size is not None and not 0 < size <= _LARGEST:
            raise UsageError(f"size: {size!r} is out of range; give more than 0 and at most {_LARGEST:g} pixels")
        if size is not None and kind == ALL:
            raise UsageError(f"size: {size!r} pixels are another thing for each kind; name one kind, or give no size")
        if every < 1:
            raise UsageError(f"every: {every!r} is out of range; give 1 or more")
        if seed < 0:
            raise UsageError(f"seed: {seed!r} is out of range; give 0 or more")
        return cls(tuple(FaultKind) if kind == ALL else (FaultKind(kind),), size, every, seed)

    def sizes(self, kind: FaultKind) -> Sequence[float]:
        """Pixels."""
        return SIZES[kind] if self.size is None else (self.size,)

    def plantings(self, number: int) -> Iterable[Planting]:
        """What is planted in the image of this number; each kind has its own places."""
        for at, kind in enumerate(FaultKind):
            if kind not in self.kinds:
                continue
            first = int(np.random.default_rng([self.seed, at]).integers(self.every))
            if number % self.every != first:
                continue
            for size in self.sizes(kind):
                rng = np.random.default_rng([self.seed, at, number, round(1000 * size)])
                yield Planting(PlantedFault.drawn(kind, rng, size), int(rng.integers(1 << 30)))
