"""The kinds of images of unknown pixel size, found again in the order of their sections.

First verdicts are given with the kinds that were there when an image came. In the end the kinds follow from the
images alone, whenever each was scored.
"""

from collections.abc import Hashable, Iterator

import numpy as np

from mhfd_client.verdicts.history.history import History, Kind, Standing
from mhfd_client.verdicts.history.kinds import Kinds
from mhfd_client.verdicts.history.magnification import Looks
from mhfd_client.verdicts.measured import DENSITY, RATIO, WHOLE


def regrouped(history: History) -> Iterator[None]:
    """Step by step; the kinds change at the end, and at once."""
    rows = np.flatnonzero((history.state != Standing.UNSCORED) & ~np.isnan(history.curve[:, 0]))
    if not len(rows):
        return
    section = history.section[rows]
    levels = history.levels[rows, :, WHOLE]
    # Those of one section by what they show: the order in which they came must not matter.
    unordered = np.where(section >= 0, 0, history.order[rows])
    rows = rows[np.lexsort((levels[:, RATIO], levels[:, DENSITY], unordered, section))]
    kinds: dict[Hashable, Kinds] = {}
    found: dict[int, Kind] = {}
    for row in rows.tolist():
        measured = history.measured(row)
        looks = Looks.of(measured, np.array(history.curve[row], np.float64))
        own = kinds.setdefault(measured.like, Kinds())
        number = own.find(looks, measured.place.tile)
        own.take(looks, measured.place.tile, number)
        found[row] = Kind(measured.like, measured.sized, number)
        yield
    history.regroup(found, kinds)
