"""What the station asks the operator: which of these images are sharp?

It chooses images from the history and remembers nothing: what was answered is in the history too. It judges nothing.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mhfd_client.naming import describe
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts.history.history import History, Label, Standing
from mhfd_client.verdicts.measured import DENSITY, WHOLE

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Question:
    """What the station asks the operator: are these images sharp?"""

    keys: tuple[Hashable, ...]
    sentence: str


def question(history: History, settings: VerdictSettings, drifting: Iterable[str | None] = ()) -> Question | None:
    """Which images a person should look at. None when there is nothing to ask, or too few images to choose from.

    Before there is an anchor: the sharpest, a usual one and a poor one of those that nobody has seen. Later: the newest
    of a tile that drifts or is mostly not in focus, unless a person has said something about one of them.
    """
    scored = history.state != Standing.UNSCORED
    if not scored.any():
        return None
    kind = scored & (history.like == _kind_to_ask(history, np.flatnonzero(scored), settings))
    if (missing := settings.confirm - int((kind & (history.label == Label.SHARP)).sum())) > 0:
        unseen = kind & (history.label == Label.NONE)
        rows = np.flatnonzero(unseen & (history.state == Standing.IN_FOCUS))
        if len(rows) < settings.young:
            rows = np.flatnonzero(unseen)
        return _asked(history, rows, missing, "Nobody has confirmed enough sharp images yet.", settings)
    drifts = {history.number(("tile", tile)) for tile in drifting}
    for tile in np.unique(history.tile[kind]).tolist():
        rows = np.flatnonzero(kind & (history.tile == tile))[-settings.neighbours :]
        if (history.label[rows] != Label.NONE).any():
            continue
        if tile in drifts or (history.state[rows] != Standing.IN_FOCUS).mean() > 0.5:
            name = history.place(int(rows[-1])).tile
            where = "The newest images" if name is None else f"The newest images of tile {name}"
            why = f"{where} differ from those that you confirmed: the focus, the dose or the tissue."
            odd = rows[history.state[rows] != Standing.IN_FOCUS]
            if asked := _asked(history, odd if len(odd) >= settings.young else rows, settings.confirm, why, settings):
                return asked
    return None


def _kind_to_ask(history: History, rows: Rows, settings: VerdictSettings) -> int:
    """The kind of the newest image; of those of which there are enough to choose from, if there are any."""
    kinds = history.like[rows]
    numbers, counts = np.unique(kinds, return_counts=True)
    enough = kinds[np.isin(kinds, numbers[counts >= settings.young])]
    return int((enough if len(enough) else kinds)[-1])


def _asked(history: History, rows: Rows, count: int, why: str, settings: VerdictSettings) -> Question | None:
    if len(rows) < settings.young:
        return None
    order = rows[np.lexsort((rows, history.levels[rows, DENSITY, WHOLE]))]
    wanted = [0.95] if count == 1 else np.linspace(0.95, 0.35, count)
    chosen = sorted({int(order[round(q * (len(order) - 1))]) for q in wanted})
    asked = f"{why} Look at {_and(describe(history.place(r)) for r in chosen)}: which are sharp?"
    return Question(tuple(history.key(r) for r in chosen), asked)


def _and(parts: Iterable[str]) -> str:
    words = list(parts)
    return words[0] if len(words) == 1 else f"{'; '.join(words[:-1])} and {words[-1]}"
