"""What the station asks the operator: which of these images are sharp?

It chooses images from the history and remembers nothing: what was answered is in the history too. It judges nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mhfd_client.baseline import Drift
from mhfd_client.history import DENSITY, WHOLE, History, State, Word
from mhfd_client.naming import Place
from mhfd_client.options import VerdictSettings
from mhfd_client.wording import describe

__all__ = ["Question", "question"]

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Question:
    """What the station asks the operator: are these images sharp?"""

    keys: tuple[Hashable, ...]
    places: tuple[Place, ...]
    sentence: str


def question(history: History, settings: VerdictSettings, drift: Drift | None = None) -> Question | None:
    """Which images a person should look at. None when there is nothing to ask, or too few images to choose from.

    Before there is an anchor: the sharpest, a usual one and a poor one of those that nobody has seen. In a drift: some
    of the newest, once; a person who calls one of them blurred has answered.
    """
    scored = history.state != State.UNSCORED
    if not scored.any():
        return None
    kind = scored & (history.like == history.like[np.flatnonzero(scored)[-1]])
    unseen = kind & (history.word == Word.NONE)
    if (missing := settings.confirm - int((kind & (history.word == Word.SHARP)).sum())) > 0:
        rows = np.flatnonzero(unseen & (history.state == State.IN_FOCUS))
        if len(rows) < settings.young:
            rows = np.flatnonzero(unseen)
        why = "Nobody has confirmed enough sharp images yet."
    elif drift is not None:
        tile = kind & (history.tile == history.number(("tile", drift.tile)))
        since = tile & (history.section >= (-1 if drift.section is None else drift.section))
        if (since & (history.word == Word.BLURRED)).any():
            return None
        missing = settings.confirm
        rows = np.flatnonzero(tile & unseen & (history.state == State.IN_FOCUS))[-settings.neighbours :]
        why = drift.sentence
    else:
        missing = settings.confirm
        rows, why = _odd_tile(history, settings, kind)
    if len(rows) < settings.young:
        return None
    order = rows[np.lexsort((rows, history.levels[rows, DENSITY, WHOLE]))]
    wanted = [0.95] if missing == 1 else np.linspace(0.95, 0.35, missing)
    chosen = sorted({int(order[round(q * (len(order) - 1))]) for q in wanted})
    places = tuple(history.place(r) for r in chosen)
    asked = f"{why} Look at {_and(describe(place) for place in places)}: which are sharp?"
    return Question(tuple(history.key(r) for r in chosen), places, asked)


def _odd_tile(history: History, settings: VerdictSettings, kind: NDArray[np.bool_]) -> tuple[Rows, str]:
    """The images of a tile that is mostly out of focus by what other tiles show, when nobody has looked at any."""
    tiles = history.tile[kind]
    count = np.bincount(tiles)
    bad = np.bincount(tiles, history.state[kind] == State.OUT_OF_FOCUS)
    words = np.bincount(tiles, history.word[kind] != Word.NONE)
    odd = np.flatnonzero((count >= settings.young) & (bad > count / 2) & (words == 0))
    if not len(odd):
        return np.empty(0, np.intp), ""
    rows = np.flatnonzero(kind & (history.tile == odd[0]))[-settings.neighbours :]
    tile = history.place(int(rows[-1])).tile
    return rows, f"Tile {tile} is out of focus in most sections, or it shows another tissue than the other tiles."


def _and(parts: Iterable[str]) -> str:
    words = list(parts)
    return words[0] if len(words) == 1 else f"{'; '.join(words[:-1])} and {words[-1]}"
