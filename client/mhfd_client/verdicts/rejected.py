"""What a rejected image says of others, while nobody has confirmed any as sharp.

An image that is no better than a rejected one, in density and in cross-spectrum, is as bad; but only of its own tile,
and only where sharper images are there to tell the rejected one from. A rejected image that is among the sharpest of
the run says that the numbers cannot tell: perhaps all of the run is blurred, perhaps that image has another fault.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts import anchor
from mhfd_client.verdicts.history.history import History
from mhfd_client.verdicts.measured import DENSITY, RATIO, WHOLE, Measured
from mhfd_client.verdicts.no_better import no_better, rejected_rows

_POORER: Final = np.log([1.1, 1.2])  # by so much, in both measures, sharp images do not differ by chance


@dataclass(frozen=True, slots=True)
class Poorest:
    """The poorest of the rejected images that one is no better than."""

    row: int
    blurred: bool
    """There are sharper images to tell it from; else nothing can be told."""


def covering(measured: Measured, history: History, settings: VerdictSettings, like: int, tile: int) -> Poorest | None:
    """The rejected image that says most of an image; None where none does."""
    found = None
    for row in rejected_rows(history, like).tolist():
        if not no_better(measured.levels, history.levels_for(measured, [row])[0]):
            continue
        clear = history.remembered(("clear", row), partial(_clear, history, settings, like, row))
        if clear and history.tile[row] == tile:
            return Poorest(row, blurred=True)
        if not clear and found is None:
            found = Poorest(row, blurred=False)
    return found


def _clear(history: History, settings: VerdictSettings, like: int, row: int) -> bool:
    """Whether the sharpest images are sharper than this one, and not by chance."""
    best = anchor.sharpest(history.measured(row), history, settings, like, int(history.tile[row]))
    if best is None:
        return False
    fell = (best.levels - history.levels[row])[:, WHOLE] > _POORER
    unknown = np.isnan(best.levels[RATIO, WHOLE]) or np.isnan(history.levels[row, RATIO, WHOLE])
    return bool(fell[DENSITY] and (fell[RATIO] or unknown))
