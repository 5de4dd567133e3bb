"""Images of one pixel size among those whose files say none: told apart by what they show.

Images are given one after the other. One belongs to the largest kind that it is not unlike, and begins a kind of its
own only where it is unlike them all: so that one that is merely blurred stays with the others. Tissue changes along a
run, so a kind is what its newest images show, of the same tile where there are enough. It judges nothing.
"""

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from mhfd_client.verdicts.blur.sharp import middle
from mhfd_client.verdicts.blur.spectrum import Spectrum
from mhfd_client.verdicts.history.magnification import Looks, unlike
from mhfd_client.verdicts.measured import comparable, median

_NEWEST: Final = 15  # images that say what a kind shows
_FEW: Final = 3  # of one tile


class Kinds:
    """The kinds of images that are alike in all but, perhaps, their unknown pixel size; numbered from 0."""

    def __init__(self) -> None:
        self._kinds: list[_Kind] = []

    def find(self, looks: Looks, tile: Hashable) -> int:
        """The kind that an image belongs to; the next number if it would be the first of its kind."""
        by_size = sorted(range(len(self._kinds)), key=lambda number: -self._kinds[number].count)
        for number in by_size:
            if not unlike(looks, self._kinds[number].looks(tile, looks.meaning)):
                return number
        return len(self._kinds)

    def take(self, looks: Looks, tile: Hashable, number: int) -> None:
        """Remember an image of this kind."""
        if number == len(self._kinds):
            self._kinds.append(_Kind())
        self._kinds[number].take(looks, tile)


@dataclass(slots=True)
class _Kind:
    count: int = 0
    every: deque[Looks] = field(default_factory=lambda: deque(maxlen=_NEWEST))
    tiles: dict[Hashable, deque[Looks]] = field(default_factory=dict)
    found: dict[tuple[Hashable, int], Looks] = field(default_factory=dict)
    """What it shows, by tile and meaning of the cross-spectrum, since an image was taken last."""

    def take(self, looks: Looks, tile: Hashable) -> None:
        self.count += 1
        self.found.clear()
        self.every.append(looks)
        self.tiles.setdefault(tile, deque(maxlen=_NEWEST)).append(looks)

    def looks(self, tile: Hashable, meaning: int) -> Looks:
        if (tile, meaning) not in self.found:
            own = self.tiles.get(tile, ())
            newest = own if len(own) >= _FEW else self.every
            levels, curves = np.stack([one.levels for one in newest]), np.stack([one.curve for one in newest])
            levels = comparable(levels, np.array([one.meaning for one in newest]), meaning)
            self.found[tile, meaning] = Looks(median(levels), median(curves), meaning, _middle(newest))
        return self.found[tile, meaning]


def _middle(newest: Iterable[Looks]) -> Spectrum | None:
    profiles = [one.profile for one in newest if one.profile is not None]
    if not profiles:
        return None
    levels, sd, lines = (np.stack([getattr(p, name) for p in profiles]) for name in ("levels", "sd", "lines"))
    return middle(Spectrum(levels, sd, lines))
