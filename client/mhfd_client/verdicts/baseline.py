"""What an image is expected to show: the sharp images near it, held by an anchor.

The baseline follows the tissue: the median of the nearest images in focus of the same tile. It has an anchor: images
that a person confirmed as sharp. It never follows further below the anchor than `max_below_anchor`, and not at all
when the cross-spectrum, which neither dose nor staining moves, has fallen with the density: then the focus drifts.
Without a confirmed image the sharpest images of the run stand in, and whatever is judged by them is provisional.
It judges nothing and asks nobody.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts.anchor import Anchor, find_anchor
from mhfd_client.verdicts.drift import Drift, drift_of
from mhfd_client.verdicts.history.history import History, Label
from mhfd_client.verdicts.history.neighbours import nearest, neighbours
from mhfd_client.verdicts.measured import DENSITY, RATIO, SIDES, WHOLE, Levels, Measured, median

# What sharp images of one tissue differ by from section to section, as standard deviations of logarithms, where there
# are too few to tell: density and cross-spectrum, the whole image and a side. Worth `_PRIOR_COUNT` images.
_PRIOR: Final = np.array([[0.05, 0.08, 0.08, 0.08, 0.08, 0.08], [0.12, 0.2, 0.2, 0.2, 0.2, 0.1]])
_PRIOR_COUNT: Final = 5
_LOST: Final = -math.log(0.8)  # the cross-spectrum of the neighbours, below the anchor's: their focus is going
_FALLEN: Final = -math.log(0.82)  # ... when their density has fallen as much: other tissue moves the two apart
_CLOSE: Final = 3  # the nearest images: what came over a side slowly is seen in them too


@dataclass(frozen=True, slots=True, eq=False)
class Expectation:
    """What an image should show, as logarithms, and how far sharp images stray from it."""

    levels: Levels
    spread: Levels
    neighbours: int
    sections: tuple[int, int] | None
    """The first and last section of the neighbours."""
    anchor: Anchor
    held: bool
    """The anchor kept the density from being lower."""
    drift: Drift | None
    own: bool
    """The neighbours are of the same tile."""
    foreign: bool
    """It comes from other tiles alone, and nobody has looked at an image of this one: it may be another tissue."""
    young: bool
    """There are few images of this tile to compare with."""
    across: bool
    """Only other tiles are there to compare with, and nothing says that they show the same tissue as this one."""
    behind: bool
    """Some of the neighbours lie behind the image: there are few before it."""
    close: Levels
    """The median of the nearest of the neighbours."""


def expect(
    measured: Measured,
    history: History,
    settings: VerdictSettings,
    like: int,
    *,
    row: int | None = None,
    order: int | None = None,
) -> Expectation | None:
    """What this image, of this kind, should show; None while there is nothing to expect it from.

    `row`: its own, if it has one; else `order`: where it is among those without a section.
    """
    tile = history.number(("tile", measured.place.tile))
    at, sections = position(measured, history, row, order)
    anchor = find_anchor(measured, history, settings, like, tile, at, sections=sections)
    if anchor is None:
        return None
    near, own, known, behind = neighbours(history, settings, like, tile, at, sections=sections, own_only=anchor.own)
    levels, spread, close = anchor.levels, _PRIOR, anchor.levels
    held, drift = False, None
    if len(near):
        around = history.levels_for(measured, near)
        running = median(around)
        close = median(history.levels_for(measured, nearest(history, near, at, _CLOSE, sections=sections)))
        lost = _lost(running, anchor)
        if not lost:  # neighbours that go out of focus one after the other differ for no good reason
            spread = _spread(around - running)
        below = -math.log(1 - settings.max_below_anchor) if settings.follow and not lost else 0.0
        floor = anchor.levels - below
        below_floor = bool(running[DENSITY, WHOLE] < floor[DENSITY, WHOLE])
        held = below_floor or not settings.follow
        if lost or (settings.follow and below_floor):
            drift = drift_of(running, anchor, measured.place, lost=lost)
        levels = np.fmax(running, floor) if settings.follow else anchor.levels.copy()
        if not lost:  # without a fall in density, another cross-spectrum is another tissue
            levels[RATIO] = np.where(np.isnan(running[RATIO]), anchor.levels[RATIO], running[RATIO])
    seen = history.section[near]
    labels = history.labels_of(tile)
    unseen = anchor.origin == "provisional" and anchor.others and not anchor.own
    return Expectation(
        levels=levels,
        spread=spread,
        neighbours=len(near),
        sections=(int(seen.min()), int(seen.max())) if len(near) and sections else None,
        anchor=anchor,
        held=held,
        drift=drift,
        own=own,
        foreign=not labels and not (own and not held),
        young=(not own or known < settings.young) and Label.BLURRED not in labels,
        across=unseen and not own and known < _CLOSE,
        behind=behind,
        close=close,
    )


def position(measured: Measured, history: History, row: int | None, order: int | None) -> tuple[int, bool]:
    """Where an image is along the run: its section, or where that is unknown its place in the order; and which."""
    if measured.place.section is not None:
        return measured.place.section, True
    if row is not None:
        return int(history.order[row]), False
    return len(history) if order is None else order, False


def _lost(running: Levels, anchor: Anchor) -> bool:
    """Whether the neighbours are less sharp than the anchor. Defocus spares no side; other tissue comes from one."""
    fallen = anchor.levels - running
    sides = fallen[DENSITY, SIDES]
    spared = bool((sides < _FALLEN / 2).any())
    return bool(fallen[RATIO, WHOLE] > _LOST and fallen[DENSITY, WHOLE] > _FALLEN) and not spared


def _spread(away: NDArray[np.float64]) -> Levels:
    """Robust standard deviations; few images are helped out by what is usual."""
    known = len(away) - np.isnan(away).sum(axis=0)
    seen = np.nan_to_num(1.4826 * median(np.abs(away)))
    spread: Levels = np.sqrt((_PRIOR_COUNT * _PRIOR**2 + known * seen**2) / (_PRIOR_COUNT + known))
    return spread
