"""Simulated scores of simulated specimens: what a comparison is tried on without an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mhfd.learning.evaluation import Entry


class Scored:
    """Labelled images of specimens. An entry's scores lie `strength` standard deviations apart for bad and sharp.

    Each specimen is easier or harder than the others (`uneven`), for every entry together with its own luck.
    """

    def __init__(self, *, specimens: int, images: int, seed: int, part_bad: float = 0.5, uneven: float = 0.3) -> None:
        self._rng = np.random.default_rng(seed)
        self.at = np.repeat(np.arange(specimens), images)
        self.groups = [f"specimen {number:03}" for number in self.at]
        self.bad: NDArray[np.bool_] = np.tile(np.arange(images) < round(images * part_bad), specimens)
        self._uneven = uneven
        self._ease = self._rng.normal(0, uneven, specimens)
        self._shared = self._rng.normal(size=len(self.at))

    def entry(
        self,
        name: str,
        strength: float,
        *,
        like: float = 0.5,
        champion: bool = False,
        beside: bool = False,
        groups_seen: frozenset[str] = frozenset(),
        barred: tuple[str, ...] = (),
    ) -> Entry:
        """One whose noise is, by the part `like`, that of all entries."""
        own = self._rng.normal(size=len(self.at))
        noise = np.sqrt(like) * self._shared + np.sqrt(1 - like) * own
        luck = self._rng.normal(0, self._uneven, len(self._ease))
        apart = (strength + self._ease + luck)[self.at]
        scores = np.where(self.bad, apart, 0.0) + noise
        return Entry(name, scores, groups_seen=groups_seen, champion=champion, beside=beside, barred=barred)

    def mhfd(self, strength: float) -> Entry:
        """The program's own."""
        return self.entry("mhfd", strength)

    def challenger(
        self, strength: float, *, groups_seen: frozenset[str] = frozenset(), barred: tuple[str, ...] = ()
    ) -> Entry:
        """One that wants to be promoted."""
        return self.entry("challenger", strength, groups_seen=groups_seen, barred=barred)
