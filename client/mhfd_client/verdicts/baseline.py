"""What an image is expected to show: the sharp images near it, held by an anchor.

The baseline follows the tissue: the median of the nearest images in focus of the same tile. It has an anchor: images
that a person confirmed as sharp. It never follows further below the anchor than `max_below_anchor`, and not at all
when the neighbours are blurred more than the anchor, by their profiles or, where there are none, by density and
cross-spectrum together: then the focus drifts.
Without a confirmed image the sharpest images of the run stand in, and whatever is judged by them is provisional.
It judges nothing and asks nobody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts.anchor import Anchor, find_anchor
from mhfd_client.verdicts.blur.excess import more_square, square
from mhfd_client.verdicts.blur.sharp import Sharp, sharp
from mhfd_client.verdicts.drift import Drift, drift_of
from mhfd_client.verdicts.history.history import History, Label
from mhfd_client.verdicts.history.line import Rows
from mhfd_client.verdicts.history.neighbours import nearest, neighbours
from mhfd_client.verdicts.measured import DENSITY, RATIO, SIDES, WHOLE, Levels, Measured, median

# What sharp images of one tissue differ by from section to section, as standard deviations of logarithms, where there
# are too few to tell: density and cross-spectrum, the whole image and a side. Worth `_PRIOR_COUNT` images.
_PRIOR: Final = np.array([[0.05, 0.08, 0.08, 0.08, 0.08, 0.08], [0.12, 0.2, 0.2, 0.2, 0.2, 0.1]])
_PRIOR_COUNT: Final = 5
_LOST: Final = -math.log(0.8)  # the cross-spectrum of the neighbours, below the anchor's: their focus is going
_FALLEN: Final = -math.log(0.82)  # ... when their density has fallen as much: other tissue moves the two apart
_CLOSE: Final = 3  # the nearest images: what came over a side slowly is seen in them too
_DRIFTED_PX: Final = 0.65  # of blur that the neighbours have more than the anchor: their focus is going
_NOT_BY_CHANCE: Final = 3.0  # standard deviations of that
_ENOUGH: Final = 30  # profiles of an anchor of many images


@dataclass(frozen=True, slots=True, eq=False)
class Profiles:
    """What profiles of sharp images are like here."""

    sharp: Sharp | None
    """None where too few have one."""
    of_anchor: bool
    """They are the anchor's and not the neighbours'."""
    drifted_px: float | None
    """How much more the neighbours are blurred than the anchor; 0 where they are not, None where it cannot be told."""


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
    profiles: Profiles


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
    profiles = _profiles(history, near, anchor)
    drifted = profiles.drifted_px
    if len(near):
        around = history.levels_for(measured, near)
        running = median(around)
        close = median(history.levels_for(measured, nearest(history, near, at, _CLOSE, sections=sections)))
        lost = _lost(running, anchor) if drifted is None else drifted > 0
        if not lost:  # neighbours that go out of focus one after the other differ for no good reason
            spread = _spread(around - running)
        below = -math.log(1 - settings.max_below_anchor) if settings.follow and not lost else 0.0
        floor = anchor.levels - below
        below_floor = bool(running[DENSITY, WHOLE] < floor[DENSITY, WHOLE])
        held = below_floor or not settings.follow
        # Where profiles say that the focus is as it was, fewer features are another dose, contrast or tissue.
        if lost or (settings.follow and below_floor and drifted is None):
            drift = drift_of(running, anchor, measured.place, lost=lost, px=drifted)
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
        profiles=profiles,
    )


def position(measured: Measured, history: History, row: int | None, order: int | None) -> tuple[int, bool]:
    """Where an image is along the run: its section, or where that is unknown its place in the order; and which."""
    if measured.place.section is not None:
        return measured.place.section, True
    if row is not None:
        return int(history.order[row]), False
    return len(history) if order is None else order, False


def _profiles(history: History, near: Rows, anchor: Anchor) -> Profiles:
    """Of the neighbours; where these are too few or have left the anchor, of the anchor."""
    rows = anchor.rows[:: 1 + len(anchor.rows) // _ENOUGH]
    best = history.remembered(("profiles", rows.tobytes()), lambda: sharp(history.spectra(rows)))
    around = sharp(history.spectra(near))
    if around is None or best is None:
        return Profiles(around or best, around is None, None)
    more = more_square(around, best)
    if more is not None and more[0] > max(square(_DRIFTED_PX), _NOT_BY_CHANCE * more[1]):
        return Profiles(best, True, math.sqrt(more[0]))
    return Profiles(around, False, None if more is None else 0.0)


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
