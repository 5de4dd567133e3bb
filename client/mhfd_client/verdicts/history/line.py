"""Images along the run, by section or by order: the nearest ones are found without looking at all of them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]
Wanted = Callable[[Rows], NDArray[np.bool_]]

_FIRST = 64  # rows looked at before more are: enough where most are wanted


class Line:
    """Rows, ordered by their position. Those of one position are as near as each other, and are taken together."""

    def __init__(self) -> None:
        self._at = np.empty(16, np.int64)
        self._rows = np.empty(16, np.intp)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def rows(self) -> Rows:
        """All of them."""
        return self._rows[: self._size]

    def add(self, at: int, row: int) -> None:
        """Most come at the end, and cost nothing."""
        if self._size == len(self._at):
            self._at = np.concatenate([self._at, np.empty_like(self._at)])
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        i = int(np.searchsorted(self._at[: self._size], at, "right"))
        for column, value in ((self._at, at), (self._rows, row)):
            column[i + 1 : self._size + 1] = column[i : self._size].copy()
            column[i] = value
        self._size += 1

    def before(self, at: int, count: int, wanted: Wanted) -> Rows:
        """At least so many of the wanted rows before a position, if there are so many: the nearest, and a few more."""
        end = int(np.searchsorted(self._at[: self._size], at, "left"))
        found, have, look = [], 0, _FIRST
        while end > 0 and have < count:
            begin = max(0, end - look)
            begin = int(np.searchsorted(self._at[:end], self._at[begin], "left"))  # all of its position
            some = self._rows[begin:end]
            found.append(some[wanted(some)])
            have += len(found[-1])
            end, look = begin, 4 * look
        return np.concatenate(found) if found else self._rows[:0]

    def after(self, at: int, count: int, wanted: Wanted) -> Rows:
        """The same behind a position."""
        begin = int(np.searchsorted(self._at[: self._size], at, "right"))
        found, have, look = [], 0, _FIRST
        while begin < self._size and have < count:
            end = min(self._size, begin + look)
            end = int(np.searchsorted(self._at[: self._size], self._at[end - 1], "right"))
            some = self._rows[begin:end]
            found.append(some[wanted(some)])
            have += len(found[-1])
            begin, look = end, 4 * look
        return np.concatenate(found) if found else self._rows[:0]
