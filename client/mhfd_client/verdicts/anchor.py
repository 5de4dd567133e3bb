"""What sharp images look like: those that a person confirmed or, until somebody has, the sharpest of the run.

Without a confirmed image a tile with enough images of its own, all alike, is its own measure: what another tile shows
may be another tissue. It judges nothing.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts.history.history import History, Label, Standing
from mhfd_client.verdicts.history.line import Rows
from mhfd_client.verdicts.history.neighbours import nearest
from mhfd_client.verdicts.measured import DENSITY, WHOLE, Levels, Measured, median
from mhfd_client.verdicts.no_better import covered

Origin = Literal["confirmed", "provisional"]

_RANK: Final = 2  # the third sharpest image is believed, where nobody has confirmed any
_ENOUGH: Final = 1000  # images to take a median of


@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    """What sharp images look like."""

    levels: Levels
    rows: Rows
    """The images, or enough of them."""
    count: int
    origin: Origin
    own: bool = False
    """Images of the same tile."""
    others: bool = False
    """There are other tiles."""


def find_anchor(
    measured: Measured, history: History, settings: VerdictSettings, like: int, tile: int, at: int, *, sections: bool
) -> Anchor | None:
    """The nearest confirmed images (of this tile, if there are any); else the sharpest of the tile, or of the run."""
    confirmed = history.labelled(Label.SHARP, like)
    if len(confirmed):
        same = history.labelled(Label.SHARP, like, tile)
        own = bool(len(same))
        rows = nearest(history, same if own else confirmed, at, settings.confirm, sections=sections)
        return Anchor(median(history.levels_for(measured, rows)), rows, len(rows), "confirmed", own)
    return sharpest(measured, history, settings, like, tile)


def sharpest(measured: Measured, history: History, settings: VerdictSettings, like: int, tile: int) -> Anchor | None:
    """Of the images of a tile, if most are alike; else of all tiles. None while they are few."""
    every = scored(history, like)
    mine = scored(history, like, tile)
    others = len(mine) < len(every)
    if others:
        of_tile = history.remembered(
            ("sharpest", like, measured.meaning, tile), lambda: _sharpest(measured, history, settings, like, mine)
        )
        if of_tile is not None and of_tile.count >= settings.young and 2 * of_tile.count > len(mine):
            return Anchor(of_tile.levels, of_tile.rows, of_tile.count, "provisional", own=True, others=True)
    found = history.remembered(
        ("sharpest", like, measured.meaning), lambda: _sharpest(measured, history, settings, like, every)
    )
    return found and Anchor(found.levels, found.rows, found.count, "provisional", others=others)


def scored(history: History, like: int, tile: int | None = None) -> Rows:
    """The images of a kind and a tile (None: of all) that were scored and not replaced."""

    def derive() -> Rows:
        rows = np.concatenate([history.line(like, tile, sections=s).rows for s in (True, False)])
        found: Rows = rows[history.state[rows] != Standing.UNSCORED]
        return found

    return history.remembered(("scored", like, tile), derive)


def to_compare(history: History, like: int) -> int:
    """How many images could be among the sharpest: all but those that were rejected, and those no better."""
    return len(_possible(history, like, scored(history, like)))


def _possible(history: History, like: int, rows: Rows) -> Rows:
    rows = rows[history.label[rows] != Label.BLURRED]
    return rows[~covered(history, like, rows)]


def _sharpest(measured: Measured, history: History, settings: VerdictSettings, like: int, rows: Rows) -> Anchor | None:
    """Of images of two kinds the sharper kind; of images of one kind all but the worst."""
    rows = _possible(history, like, rows)
    if len(rows) < settings.young:
        return None
    density = history.levels[rows, DENSITY, WHOLE]
    best = np.partition(density, len(density) - 1 - _RANK)[len(density) - 1 - _RANK]
    rows = rows[density >= best + math.log(settings.threshold)]
    if len(rows) > _ENOUGH:  # by what they show, so that the choice does not depend on the order of arrival
        rows = rows[np.lexsort(history.levels[rows, :, WHOLE].T)][:: 1 + len(rows) // _ENOUGH]
    count = int((density >= best + math.log(settings.threshold)).sum())
    return Anchor(median(history.levels_for(measured, rows)), rows, count, "provisional")
