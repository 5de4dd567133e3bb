"""What the tissue is made of, block by block: neurites, their organelles, cell bodies and vessels.

A block is a square of the specimen. Its inhabitants run along z, drift sideways and swell as they go, and their
organelles recur along them, so that any section at any depth is a slice through the same three-dimensional thing.
Lengths in nm. Must not know about pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from enum import IntEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mhfd.simulate.fields import Points, stream

Span = tuple[float, float]  # from, to

BLOCK = 4000.0
DISTRICT = 16000.0
"""Cell bodies and vessels are so large and rare that they are drawn per district."""

_SEEDS = 190  # of a block: small profiles, before some are joined into large ones
_HUBS = 14  # around which seeds are joined
_NEURITES, _BODIES = 1, 2  # streams


@dataclass(frozen=True, slots=True, eq=False)
class Organelles:
    """Things inside a neurite, placed relative to one of its seeds, each recurring with its own period along z."""

    seed: NDArray[np.intp]
    dy: Points
    dx: Points
    phase: Points
    period: Points
    reach: Points  # half-length along z
    radius: Points
    angle: Points
    stretch: Points
    chance: Points  # shown when below the specimen's density

    def depth(self, z: float) -> Points:
        """Distance along z from the middle of the nearest recurrence, in half-lengths: visible below 1."""
        turn = (z / self.period + self.phase) % 1.0
        nearest: Points = np.abs(turn - 0.5) * self.period / self.reach
        return nearest

    def chosen(self, which: NDArray[np.bool_]) -> Organelles:
        """Those."""
        return Organelles(*(getattr(self, f.name)[which] for f in fields(self)))

    def shifted(self, by: int) -> Organelles:
        """The same, when `by` seeds come before."""
        return Organelles(self.seed + by, *(getattr(self, f.name) for f in fields(self)[1:]))

    @classmethod
    def joined(cls, parts: list[Organelles]) -> Organelles:
        """All of them, in order."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))


@dataclass(frozen=True, slots=True, eq=False)
class Neurites:
    """The seeds of one block, the hubs that join them, and what they contain."""

    y: Points
    x: Points
    radius: Points  # the seed's pull in the power diagram
    wander: Points  # (seeds, 8): amplitude, wavelength, phase for y and x; wavelength, phase of the swelling
    tone: Points  # how dark the cytoplasm is
    hub_y: Points
    hub_x: Points
    hub_radius: Points
    hub_tone: Points
    mitochondria: Organelles
    vesicles: Organelles
    microtubules: Organelles
    synapses: Organelles

    def paths(self, z: float) -> tuple[Points, Points, Points]:
        """Where the seeds are at depth z, and how strong."""
        ay, ly, py, ax, lx, px, lr, pr = self.wander.T
        y = self.y + ay * np.sin(2 * np.pi * (z / ly + py))
        x = self.x + ax * np.sin(2 * np.pi * (z / lx + px))
        return y, x, self.radius * (1 + 0.35 * np.sin(2 * np.pi * (z / lr + pr)))


class BodyKind(IntEnum):
    """What a large thing is."""

    SOMA = 0
    VESSEL = 1
    AXON = 2  # myelinated


@dataclass(frozen=True, slots=True)
class Body:
    """A cell body (a sphere, with a nucleus), a vessel (a tube, with an empty lumen) or a myelinated axon."""

    kind: BodyKind
    y: float
    x: float
    radius: float
    period: float
    phase: float

    def at(self, z: float) -> tuple[float, float, float]:
        """Row, column and radius in the plane at z; the radius is 0 where the plane misses it."""
        turn = (z / self.period + self.phase) % 1.0
        if self.kind is BodyKind.SOMA:
            away = (turn - 0.5) * self.period / self.radius
            return self.y, self.x, self.radius * math.sqrt(max(0.0, 1 - away**2))
        sway, swell = math.sin(2 * math.pi * turn), math.cos(2 * math.pi * turn)
        return self.y + 300 * sway, self.x - 300 * swell, self.radius * (1 + 0.12 * swell)


@lru_cache(maxsize=64)
def neurites(seed: int, row: int, column: int) -> Neurites:
    """The inhabitants of a block."""
    rng = stream(seed, _NEURITES, row, column)
    n, h = _SEEDS, _HUBS
    sway, swell = ((40, 170), (3000, 9000), (0, 1)), ((1500, 5000), (0, 1))
    wander = np.stack([rng.uniform(low, high, n) for low, high in (*sway, *sway, *swell)], axis=1)
    hub_radius = np.where(rng.random(h) < 0.6, rng.uniform(250, 750, h), 0.0)
    return Neurites(
        y=BLOCK * (row + rng.random(n)),
        x=BLOCK * (column + rng.random(n)),
        radius=rng.uniform(20, 170, n),
        wander=wander,
        tone=0.10 + 0.24 * rng.random(n) ** 1.5,
        hub_y=BLOCK * (row + rng.random(h)),
        hub_x=BLOCK * (column + rng.random(h)),
        hub_radius=hub_radius,
        hub_tone=0.09 + 0.16 * rng.random(h) ** 1.5,
        mitochondria=_organelles(rng, 90, per=1, spread=50, reach=(400, 1300), radius=(100, 230), period=(2600, 4500)),
        vesicles=_organelles(rng, 10, per=480, spread=105, reach=(17, 26), radius=(16, 25), period=(800, 1100)),
        microtubules=_organelles(rng, 60, per=9, spread=75, reach=(5000, 9000), radius=(10, 13), period=(9500, 9900)),
        synapses=_organelles(rng, 60, per=1, spread=160, reach=(150, 320), radius=(110, 220), period=(700, 1500)),
    )


def _organelles(
    rng: np.random.Generator, groups: int, *, per: int, spread: float, reach: Span, radius: Span, period: Span
) -> Organelles:
    """`per` things around each of `groups` seeds."""
    n = groups * per
    return Organelles(
        seed=np.repeat(rng.choice(_SEEDS, groups, replace=False), per),
        dy=spread * rng.standard_normal(n),
        dx=spread * rng.standard_normal(n),
        phase=rng.random(n),
        period=np.repeat(rng.uniform(*period, groups), per),
        reach=rng.uniform(*reach, n),
        radius=rng.uniform(*radius, n),
        angle=2 * np.pi * rng.random(n),
        stretch=1 + 1.6 * rng.random(n) ** 2,
        chance=1.6 * rng.random(n),
    )


@lru_cache(maxsize=128)
def bodies(seed: int, row: int, column: int) -> tuple[Body, ...]:
    """The large inhabitants of a district; often there are only axons."""
    rng = stream(seed, _BODIES, row, column)
    found = []
    for kind, chance, radius, period in (
        (BodyKind.VESSEL, 0.2, (1300, 2600), (9000, 15000)),
        (BodyKind.SOMA, 0.4, (3000, 4600), (16000, 30000)),
        *((BodyKind.AXON, 0.7, (350, 1000), (9000, 16000)),) * 4,
    ):
        here, y, x, size, length, phase = rng.random(6)
        if here < chance:
            found.append(
                Body(
                    kind,
                    DISTRICT * (row + y),
                    DISTRICT * (column + x),
                    radius[0] + (radius[1] - radius[0]) * size,
                    period[0] + (period[1] - period[0]) * length,
                    phase,
                )
            )
    return tuple(found)
