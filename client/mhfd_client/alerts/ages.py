"""How long ago something was, by stamps of a clock that may be set, by days and either way, while a station runs.

The journal's stamps are the wall clock's. Beside it runs one that nobody sets. Where both are looked at again and
again, a step shows as a jump of the one against the other; a stamp belongs to the stretch of time in which its clock
said that.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

_STEP_S: Final = 2.0
"""Smaller steps are left to what they are: clocks are also slewed."""
_SLACK_S: Final = 60.0
"""So much newer than the last look may a stamp be."""
_STRETCHES: Final = 32


@dataclass(slots=True)
class _Stretch:
    """Between two steps. `offset`: of the wall clock against the steady one."""

    offset: float
    began: float
    ended: float

    def misses(self, stamp: float) -> float:
        """How far outside of it a stamp lies."""
        at = stamp - self.offset
        return max(self.began - at, at - self.ended, 0.0)


class Ages:
    """Stamps as moments of the steady clock. What was stamped before the first look is taken as it is."""

    def __init__(self) -> None:
        self._stretches: deque[_Stretch] = deque(maxlen=_STRETCHES)
        self._wall = self._steady = 0.0

    def look(self, wall: float, steady: float) -> None:
        """Both clocks, now. To be called again and again."""
        offset, before = wall - steady, self._steady
        self._wall, self._steady = wall, steady
        if not self._stretches:
            self._stretches.append(_Stretch(offset, float("-inf"), steady))
        elif abs(offset - self._stretches[-1].offset) > _STEP_S:
            self._stretches.append(_Stretch(offset, before, steady))  # the step was somewhere between the two looks
        self._stretches[-1].ended = steady + _SLACK_S
        if len(self._stretches) > 1:
            self._stretches[-2].ended = min(self._stretches[-2].ended, steady)

    def moment(self, stamp: float) -> float:
        """When that was on the steady clock. Where two stretches would do, the newer."""
        found = min(reversed(self._stretches), key=lambda stretch: stretch.misses(stamp))
        return stamp - found.offset

    def ago(self, stamp: float) -> float:
        """How many seconds ago that was."""
        return self._steady - self.moment(stamp)

    def of_today(self, stamp: float) -> float:
        """The stamp that a clock which had always been as it is now would have given."""
        return self.at(self.moment(stamp))

    def at(self, moment: float) -> float:
        """The same of a moment of the steady clock."""
        return self._wall - (self._steady - moment)
