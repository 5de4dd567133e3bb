"""Earlier verdicts given again, in slices so short that they hold up nobody: those that wait, then all in one order.

The judge knows which; this knows when. It touches no journal.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from mhfd_client.journal.rows import VerdictRow

SLICE_S: Final = 0.03
_STEP: Final = 8  # verdicts between two looks at the clock
_MOST: Final = 20  # changed ones of a slice: each has to be written, and its sidecar
_QUIET_S: Final = 1.0  # without news: the time for all verdicts in one order
_SELDOM: Final = 10  # ... and so many times as long as that took last: it must not be all that a long run does


class JudgesAgain(Protocol):
    """A judge who gives earlier verdicts again."""

    @property
    def waiting(self) -> bool:
        """Whether earlier verdicts wait to be given again: for `go_on`."""

    @property
    def settled(self) -> bool:
        """Whether nothing came or was said since all verdicts were given again in one order: by `settle`."""

    def go_on(self, count: int) -> Sequence[tuple[int, VerdictRow]]:
        """So many of the verdicts that wait, newest first: those that change."""

    def settle(self, count: int) -> Sequence[tuple[int, VerdictRow]]:
        """So many steps of giving all verdicts again in one order: those that change."""


class Again:
    """When the judge goes on with earlier verdicts."""

    def __init__(self, judge: JudgesAgain, clock: Callable[[], float]) -> None:
        self._judge, self._clock = judge, clock
        self._took = 0.0  # by the pass that is under way, or the last one
        self._under_way = False

    @property
    def left(self) -> bool:
        """Whether there is anything to do, now or once it is quiet."""
        return self._judge.waiting or not self._judge.settled

    def quiet_s(self, until_idle: float | None) -> float:
        """How long nothing must have happened before all verdicts are given again; less where the end comes sooner."""
        if self._under_way:
            return 0.0
        quiet = max(_QUIET_S, _SELDOM * self._took)
        return quiet if until_idle is None else min(quiet, until_idle)

    def some(self, *, quiet: bool) -> list[tuple[int, VerdictRow]]:
        """A slice: the verdicts that it changes. `quiet`: nothing else is to be done."""
        begun, found = self._clock(), list[tuple[int, VerdictRow]]()
        while self._judge.waiting or (quiet and not self._judge.settled):
            if self._judge.waiting:
                self._under_way = False
                found += self._judge.go_on(_STEP)
            else:
                self._took, self._under_way = self._took * self._under_way, True
                found += self._judge.settle(_STEP)
            if self._clock() - begun >= SLICE_S or len(found) >= _MOST:
                break
        if self._under_way:
            self._took += self._clock() - begun
            self._under_way = not self._judge.settled
        return found
