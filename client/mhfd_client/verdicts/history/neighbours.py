"""The nearest images in focus: those before an image and, while these are few, those on both sides of it.

By section, and where it is unknown by the order in which images came. Those before suffice where there are enough, so
that an image's verdict is the same when it is given at once and when all images are there.
"""

import numpy as np
from numpy.typing import NDArray

from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts.history.history import History, Label, Standing
from mhfd_client.verdicts.history.line import Rows


def neighbours(
    history: History, settings: VerdictSettings, like: int, tile: int, at: int, *, sections: bool, own_only: bool
) -> tuple[Rows, bool, int, bool]:
    """The nearest images in focus, of this tile or, while those are few, of all; never those of the same section.

    Others are left alone where the anchor is of this tile: other tiles may show other tissue. And those that lie
    beyond the nearest confirmed images are: what a person says ends what was before.

    With them: whether they are of this tile, how many of this tile there are (or at least so many), and whether some
    of them lie behind this image.
    """
    rows, behind = _around(history, settings, like, tile, at, sections=sections)
    known, own = len(rows), len(rows) >= settings.young or own_only
    if not own:
        rows, behind = _around(history, settings, like, None, at, sections=sections)
        if len(rows) < settings.young:
            rows = rows[:0]
    rows = nearest(history, rows, at, settings.neighbours, sections=sections)
    if own_only and len(confirmed := history.labelled(Label.SHARP, like, tile)):
        confirmed = confirmed[away(history, confirmed, at, sections=sections) > 0]
        confirmed = nearest(history, confirmed, at, settings.confirm, sections=sections)
        reach = away(history, confirmed, at, sections=sections).max(initial=0)
        within = rows[away(history, rows, at, sections=sections) <= reach]
        rows = within if len(within) >= settings.confirm else rows
    return rows, own, known, behind


def _around(
    history: History, settings: VerdictSettings, like: int, tile: int | None, at: int, *, sections: bool
) -> tuple[Rows, bool]:
    """Those before and those that are confirmed on either side; while they are few, all. Whether it is all."""

    def wanted(rows: Rows) -> NDArray[np.bool_]:
        state, label = history.state[rows], history.label[rows]
        in_focus = (state == Standing.IN_FOCUS) | (label == Label.SHARP)
        wanted: NDArray[np.bool_] = in_focus & (label != Label.BLURRED) & (state != Standing.UNSCORED)
        return wanted

    line = history.line(like, tile, sections=sections)
    before = line.before(at, settings.neighbours, wanted)
    confirmed = history.labelled(Label.SHARP, like, tile)
    if len(confirmed):
        confirmed = confirmed[(history.section[confirmed] >= 0) == sections]
        confirmed = confirmed[away(history, confirmed, at, sections=sections) > 0]
        before = np.union1d(before, confirmed)
    if len(before) >= settings.young:
        return before, False
    return np.union1d(before, line.after(at, settings.neighbours, wanted)), True


def away(history: History, rows: Rows, at: int, *, sections: bool) -> NDArray[np.int64]:
    """How far images are from a position: in sections, or in images where sections are unknown."""
    distance: NDArray[np.int64] = np.abs((history.section if sections else history.order)[rows] - at)
    return distance


def nearest(history: History, rows: Rows, at: int, count: int, *, sections: bool) -> Rows:
    """All that are as near as the last one wanted: a choice among equals would depend on the order of arrival."""
    if len(rows) <= count:
        return rows
    distance = away(history, rows, at, sections=sections)
    found: Rows = rows[distance <= np.partition(distance, count - 1)[count - 1]]
    return found
