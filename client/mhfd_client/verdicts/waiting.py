"""Which verdicts may be given again: those that are open, and of these the ones that wait for it, newest first."""

from collections.abc import Iterable
from itertools import islice

import numpy as np

from mhfd_client.verdicts.history.history import History


class Open:
    """The rows whose verdict is provisional, by tile: a tile is in doubt as long as it has any."""

    def __init__(self) -> None:
        self._tiles: dict[int, dict[int, None]] = {}

    def __bool__(self) -> bool:
        return bool(self._tiles)

    def keep(self, tile: int, row: int, *, provisional: bool) -> None:
        """Open or not, from now on; the row goes to the end of its tile."""
        rows = self._tiles.get(tile, {})
        rows.pop(row, None)
        if provisional:
            self._tiles.setdefault(tile, rows)[row] = None
        elif not rows:
            self._tiles.pop(tile, None)

    def all(self, tile: int | None = None) -> list[int]:
        """Of one tile, or of all."""
        tiles = self._tiles.values() if tile is None else [self._tiles.get(tile, {})]
        return [row for rows in tiles for row in rows]

    def some(self, tile: int, count: int) -> list[int]:
        """Of one tile, those whose turn it is: judged longest ago."""
        return list(islice(self._tiles.get(tile, {}), count))


class Waiting:
    """The rows whose verdicts are to be given again, each with the reason."""

    def __init__(self) -> None:
        self._why: dict[int, str] = {}
        self._rows: list[int] = []  # newest last

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, history: History, rows: Iterable[int], why: str) -> None:
        """These too, for this reason."""
        self._why |= dict.fromkeys(rows, why)
        found = np.array(list(self._why), np.intp)
        newest_last = np.lexsort((history.order[found], history.section[found]))
        self._rows = found[newest_last].tolist()

    def take(self) -> tuple[int, str]:
        """The newest."""
        row = self._rows.pop()
        return row, self._why.pop(row)

    def clear(self) -> None:
        """None waits any more."""
        self._why, self._rows = {}, []
