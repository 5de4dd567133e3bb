"""Which images are no better than a rejected one, by their own numbers: in density and in cross-spectrum."""

import numpy as np
from numpy.typing import NDArray

from mhfd_client.verdicts.history.history import History, Label
from mhfd_client.verdicts.history.line import Rows
from mhfd_client.verdicts.measured import DENSITY, RATIO, WHOLE, Levels


def rejected_rows(history: History, like: int) -> Rows:
    """The images that a person rejected, poorest first; none once somebody has confirmed a sharp image."""
    if len(history.labelled(Label.SHARP, like)):
        return np.empty(0, np.intp)
    rows = history.labelled(Label.BLURRED, like)
    order = (history.order[rows], history.section[rows], *history.levels[rows, :, WHOLE].T[::-1])
    found: Rows = rows[np.lexsort(order)]
    return found


def covered(history: History, like: int, rows: Rows) -> NDArray[np.bool_]:
    """Which of these images are no better than a rejected one."""
    found = np.zeros(len(rows), np.bool_)
    for row in rejected_rows(history, like).tolist():
        found |= no_better(history.levels_for(history.measured(row), rows), history.levels[row])
    return found


def no_better(levels: Levels, rejected: Levels) -> NDArray[np.bool_]:
    """Of images (any number of leading axes): neither measure is higher. Where one is unknown, the density alone."""
    no_sharper = ~(levels[..., RATIO, WHOLE] > rejected[RATIO, WHOLE])
    found: NDArray[np.bool_] = (levels[..., DENSITY, WHOLE] <= rejected[DENSITY, WHOLE]) & no_sharper
    return found
