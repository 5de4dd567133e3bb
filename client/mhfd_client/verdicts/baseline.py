"""What an image is expected to show: the sharp images near it, held by an anchor.

The baseline follows the tissue: the median of the nearest images in focus of the same tile. It has an anchor: images
that a person confirmed as sharp. It never follows further below the anchor than `max_below_anchor`, and not at all
when the cross-spectrum, which neither dose nor staining moves, has fallen with the density: then the focus drifts.
Without a confirmed image the sharpest images of the run stand in, and whatever is judged by them is provisional.
It judges nothing and asks nobody.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from mhfd_client.naming import Place, describe
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts.history import DENSITY, RATIO, SIDES, WHOLE, History, Label, Levels, Measured, Standing

Origin = Literal["confirmed", "provisional"]
Rows = NDArray[np.intp]

# What sharp images of one tissue differ by from section to section, as standard deviations of logarithms, where there
# are too few to tell: density and cross-spectrum, the whole image and a side. Worth `_PRIOR_COUNT` images.
_PRIOR: Final = np.array([[0.05, 0.08, 0.08, 0.08, 0.08, 0.08], [0.12, 0.2, 0.2, 0.2, 0.2, 0.1]])
_PRIOR_COUNT: Final = 5
_LOST: Final = -math.log(0.8)  # the cross-spectrum of the neighbours, below the anchor's: their focus is going
_FALLEN: Final = -math.log(0.82)  # ... when their density has fallen as much: other tissue moves the two apart
_RANK: Final = 2  # the third sharpest image is believed, where nobody has confirmed any
_ENOUGH: Final = 1000  # images to take a median of
_NO_BETTER: Final = np.log([1.1, 1.2])  # within this of a rejected image: as bad


@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    """What sharp images look like."""

    levels: Levels
    count: int
    origin: Origin
    own: bool = False
    """Images of the same tile."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The best of the images that a person called blurred."""

    density: float
    cross_spectrum: float
    row: int

    def covers(self, levels: Levels) -> NDArray[np.bool_]:
        """Whether images (any number of leading axes) are no better than it."""
        density, ratio = levels[..., DENSITY, WHOLE], levels[..., RATIO, WHOLE]
        no_sharper = ~(ratio > self.cross_spectrum + _NO_BETTER[RATIO])  # unknown: the density decides alone
        covered: NDArray[np.bool_] = (density <= self.density + _NO_BETTER[DENSITY]) & no_sharper
        return covered


class Drift(BaseModel):
    """The images in focus near one image have left the anchor."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["sharpness", "density"]
    tile: str | None
    section: int | None
    density: float
    """Of the neighbours, as a part of the anchor's."""
    cross_spectrum: float | None
    sentence: str


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


def expect(
    measured: Measured, history: History, settings: VerdictSettings, *, row: int | None = None
) -> Expectation | None:
    """What this image should show; None while there is nothing to expect it from. `row`: its own, if it has one."""
    like = history.number(("like", measured.like))
    tile = history.number(("tile", measured.place.tile))
    section = -1 if measured.place.section is None else measured.place.section
    at = len(history) if row is None else row
    anchor = find_anchor(history, settings, like, tile, section, at)
    if anchor is None:
        return None
    near, own, known = _neighbours(history, settings, history.like == like, tile, section, at, own_only=anchor.own)
    levels, spread = anchor.levels, _PRIOR
    held, drift = False, None
    if len(near):
        around = history.levels[near]
        running = _median(around)
        lost = _lost(running, anchor)
        if not lost:  # neighbours that go out of focus one after the other differ for no good reason
            spread = _spread(around - running)
        below = -math.log(1 - settings.max_below_anchor) if settings.follow and not lost else 0.0
        floor = anchor.levels - below
        below_floor = bool(running[DENSITY, WHOLE] < floor[DENSITY, WHOLE])
        held = below_floor or not settings.follow
        if lost or (settings.follow and below_floor):
            drift = _drift(running, anchor, measured.place, lost=lost)
        levels = np.fmax(running, floor) if settings.follow else anchor.levels.copy()
        if not lost:  # without a fall in density, another cross-spectrum is another tissue
            levels[RATIO] = np.where(np.isnan(running[RATIO]), anchor.levels[RATIO], running[RATIO])
    sections = history.section[near]
    seen = (int(sections.min()), int(sections.max())) if len(near) and sections.min() >= 0 else None
    labels = history.label[history.tile == tile]
    foreign = not (labels != Label.NONE).any() and not (own and not held)
    young = (not own or known < settings.young) and not (labels == Label.BLURRED).any()
    return Expectation(levels, spread, len(near), seen, anchor, held, drift, own, foreign, young)


def find_anchor(
    history: History, settings: VerdictSettings, like: int, tile: int, section: int, row: int
) -> Anchor | None:
    """The nearest confirmed images (of this tile, if there are any); else the sharpest of the run."""
    kind = history.like == like
    confirmed = kind & (history.label == Label.SHARP) & (history.state != Standing.UNSCORED)
    if confirmed.any():
        same = confirmed & (history.tile == tile)
        own = bool(same.any())
        rows = _nearest(history, np.flatnonzero(same if own else confirmed), section, row, settings.confirm)
        return Anchor(_median(history.levels[rows]), len(rows), "confirmed", own)
    return history.remembered(("sharpest", like), lambda: _sharpest(history, settings, kind))


def _sharpest(history: History, settings: VerdictSettings, kind: NDArray[np.bool_]) -> Anchor | None:
    """Of a run with two kinds of images the sharper kind; of a run with one kind all but the worst."""
    possible = kind & (history.state != Standing.UNSCORED) & (history.label != Label.BLURRED)
    rejected = find_rejected(history, kind)
    if rejected is not None:
        possible &= ~rejected.covers(history.levels)
    rows = np.flatnonzero(possible)
    if len(rows) < settings.young:
        return None
    density = history.levels[rows, DENSITY, WHOLE]
    best = np.partition(density, len(density) - 1 - _RANK)[len(density) - 1 - _RANK]
    rows = rows[density >= best + math.log(settings.threshold)]
    some = rows[:: 1 + len(rows) // _ENOUGH]
    return Anchor(_median(history.levels[some]), len(rows), "provisional")


def find_rejected(history: History, kind: NDArray[np.bool_]) -> Rejected | None:
    """The best image that a person called blurred, while none is confirmed as sharp."""
    if (kind & (history.label == Label.SHARP)).any():
        return None
    rows = np.flatnonzero(kind & (history.label == Label.BLURRED) & (history.state != Standing.UNSCORED))
    if not len(rows):
        return None
    best = rows[np.argmax(history.levels[rows, DENSITY, WHOLE])]
    density, ratio = history.levels[best, DENSITY, WHOLE], history.levels[best, RATIO, WHOLE]
    return Rejected(float(density), float(ratio), int(best))


def _neighbours(
    history: History,
    settings: VerdictSettings,
    kind: NDArray[np.bool_],
    tile: int,
    section: int,
    at: int,
    *,
    own_only: bool,
) -> tuple[Rows, bool, int]:
    """The nearest images in focus, of this tile or, while those are few, of all; never those of the same section.

    Others are left alone where a person has confirmed images of this tile: other tiles may show other tissue. And
    those that lie beyond the nearest confirmed images are: what a person says ends what was before.

    With them, whether they are of this tile, and among how many they were chosen.

    Nearness is by section, so that the order in which tiles arrive makes no difference.
    """
    in_focus = (history.state == Standing.IN_FOCUS) | (history.label == Label.SHARP)
    sharp = kind & (history.label != Label.BLURRED) & in_focus
    same = history.tile == tile
    if section >= 0:
        sharp &= (history.section >= 0) & (history.section != section)
    else:
        sharp[at : at + 1] = False
    rows = np.flatnonzero(sharp & same)
    own = len(rows) >= settings.young or own_only
    if not own:
        rows = np.flatnonzero(sharp)
        if len(rows) < settings.young:
            rows = rows[:0]
    known = len(rows)
    rows = _nearest(history, rows, section, at, settings.neighbours)
    if own_only:
        confirmed = np.flatnonzero(sharp & same & (history.label == Label.SHARP))
        nearest = _nearest(history, confirmed, section, at, settings.confirm)
        away = _away(history, rows, section, at)
        within = rows[away <= _away(history, nearest, section, at).max(initial=0)]
        rows = within if len(within) >= settings.confirm else rows
    return rows, own, known


def _away(history: History, rows: Rows, section: int, at: int) -> NDArray[np.int64]:
    """How far images are from this one: in sections, or in images where sections are unknown."""
    return np.abs(history.section[rows] - section) if section >= 0 else np.abs(rows - at).astype(np.int64)


def _nearest(history: History, rows: Rows, section: int, row: int, count: int) -> Rows:
    if len(rows) <= count:
        return rows
    away = _away(history, rows, section, row)
    # All that are as near as the last one wanted: a choice among equals would depend on the order of arrival.
    nearest: Rows = rows[away <= np.partition(away, count - 1)[count - 1]]
    return nearest


def _lost(running: Levels, anchor: Anchor) -> bool:
    """Whether the neighbours are less sharp than the anchor. Defocus spares no side; other tissue comes from one."""
    fallen = anchor.levels - running
    sides = fallen[DENSITY, SIDES]
    spared = bool((sides < _FALLEN / 2).any())
    return bool(fallen[RATIO, WHOLE] > _LOST and fallen[DENSITY, WHOLE] > _FALLEN) and not spared


def _drift(running: Levels, anchor: Anchor, place: Place, *, lost: bool) -> Drift:
    part = np.exp(running[:, WHOLE] - anchor.levels[:, WHOLE])
    ratio = None if np.isnan(part[RATIO]) else float(part[RATIO])
    who = "that you confirmed" if anchor.origin == "confirmed" else "that were the sharpest"
    where = describe(place)
    figures = f"{part[DENSITY]:.0%} of the features"
    if ratio is not None:
        figures += f" and {ratio:.0%} of the cross-spectrum"
    cause = "the focus is drifting" if lost else "the tissue is changing or the focus is drifting"
    return Drift(
        kind="sharpness" if lost else "density",
        tile=place.tile,
        section=place.section,
        density=float(part[DENSITY]),
        cross_spectrum=ratio,
        sentence=f"Drift near {where}: its neighbours show {figures} of the images {who}; {cause}. "
        "Check the focus; if it is good, confirm newer images as sharp.",
    )


def _median(levels: NDArray[np.float64]) -> Levels:
    """Over the first axis, of what is known; NaN where nothing is."""
    ordered = np.sort(levels, axis=0)  # NaN last
    known = len(levels) - np.isnan(levels).sum(axis=0)
    low = np.take_along_axis(ordered, np.maximum((known - 1) // 2, 0)[None], axis=0)[0]
    high = np.take_along_axis(ordered, np.minimum(known // 2, len(levels) - 1)[None], axis=0)[0]
    middle: Levels = np.where(known > 0, (low + high) / 2, np.nan)
    return middle


def _spread(away: NDArray[np.float64]) -> Levels:
    """Robust standard deviations; few images are helped out by what is usual."""
    known = len(away) - np.isnan(away).sum(axis=0)
    seen = np.nan_to_num(1.4826 * _median(np.abs(away)))
    spread: Levels = np.sqrt((_PRIOR_COUNT * _PRIOR**2 + known * seen**2) / (_PRIOR_COUNT + known))
    return spread
