"""Is a training still one? Its loss, watched from step to step: pure, and the same for every worker. Stops nothing.

Two things end a training that goes on: the loss grew far beyond what a network that knows nothing has, or it had
fallen by half and is back where it began. Either for an epoch, at least for 50 steps: a loss that jumps when the rate
is brought up usually comes down again.
"""

from typing import Final

from pydantic import Field

from mhfd.contract.base import Wire

WINDOW: Final = 20
"""Steps that the loss is smoothed over, and that say where it began."""

PATIENCE: Final = 50
"""Steps in a row, at least."""

GROWN: Final = 2.0
"""Times what it began with, above it: no network that only guesses is that wrong."""

COUNTED: Final = 2 * GROWN
"""No step counts for more than this, times and above what it began with: one huge loss is not many large ones."""

LEARNED: Final = 0.5
"""Part of what it began with that it has fallen by, before it can be said to have lost it again."""

LOST: Final = 0.9
"""Part of what it had fallen by that is gone."""


class LossWatch(Wire):
    """What is known of the loss so far."""

    steps: int = 0
    first: float = Field(0.0, description="what a network that knows nothing has")
    began: float = Field(0.0, description="its mean over the first steps")
    recent: float = Field(0.0, description="smoothed")
    lowest: float = Field(0.0, description="that it was, smoothed")
    bad: int = Field(0, description="steps in a row in which it was where it should not be")

    def seen(self, loss: float) -> "LossWatch":
        """After one more step."""
        steps, first = self.steps + 1, self.first if self.steps else loss
        # Where it begins is a mean of steps, of which none may be one of a training that goes astray at once.
        loss = min(loss, first + abs(first) if steps <= WINDOW else self.began + COUNTED * abs(self.began))
        recent = self.recent + (loss - self.recent) / min(steps, WINDOW)
        if steps <= WINDOW:
            return LossWatch(steps=steps, first=first, began=recent, recent=recent, lowest=recent)
        lowest = min(self.lowest, recent)
        fallen, scale = self.began - lowest, abs(self.began)
        grown = recent > self.began + GROWN * scale
        lost = fallen > LEARNED * scale and recent > lowest + LOST * fallen
        bad = self.bad + 1 if grown or lost else 0
        return LossWatch(steps=steps, first=first, began=self.began, recent=recent, lowest=lowest, bad=bad)

    def diverging(self, steps_per_epoch: int) -> bool:
        """It has been wrong for long enough."""
        return self.bad >= max(PATIENCE, steps_per_epoch)
