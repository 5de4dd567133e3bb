"""A `Team` of threads: what ranks do, in one process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
E = TypeVar("E", bound=Exception)


class ThreadTeam:
    """One member. `waited` of them meet at each question."""

    def __init__(self, number: int, said: list[Any], meeting: threading.Barrier) -> None:
        self.number, self.size, self._said, self._meeting = number, len(said), said, meeting
        self._agreed: Exception | None = None

    def total(self, values: NDArray[Any]) -> NDArray[Any]:
        total: NDArray[Any] = np.sum(self._asked(values), axis=0, dtype=values.dtype)
        return total

    def everyones(self, own: T) -> list[T]:
        return self._asked(own)

    def collected(self, own: T) -> list[T]:
        everybody = self._asked(own)
        return [] if self.number else everybody

    def from_first(self, own: T) -> T:
        return self._asked(own)[0]

    def dealt(self, parts: Sequence[T]) -> T:
        return self._asked(parts)[0][self.number]

    def agreed(self, error: E) -> E:
        if self._agreed is None:
            self._exchange(error, None)
        told: Any = self._agreed
        return told  # type: ignore[no-any-return]

    def settled(self) -> None:
        if self._agreed is None:
            self._asked(None)

    def _asked(self, own: T) -> list[T]:
        found: list[T] = self._exchange(None, own)
        if self._agreed is not None:
            raise self._agreed
        return found

    def _exchange(self, error: Exception | None, own: Any) -> list[Any]:
        self._said[self.number] = (error, own)
        self._meeting.wait()
        heard = list(self._said)
        self._meeting.wait()
        self._agreed = next((error for error, _ in heard if error is not None), None)
        return [own for _, own in heard]


def together(size: int, work: Callable[[ThreadTeam], T]) -> list[T]:
    """What each member of a team of this size makes of `work`."""
    said: list[Any] = [None] * size
    meeting = threading.Barrier(size, timeout=120)

    def one(number: int) -> T:
        try:
            return work(ThreadTeam(number, said, meeting))
        except BaseException:
            meeting.abort()  # nobody waits for it
            raise

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(one, range(size)))
