"""What the workers of a training tell, and what it means for whoever waits: words, the cost, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mhfd.contract.training import TrainingJob
from mhfd.errors import TrainingFailed
from mhfd.learning.dataset.checking import counted
from mhfd.learning.training.launching import Cost, cost_of, time_words
from mhfd.learning.training.told import CheckpointSaved, StepDone, Told, TrainingBegun

MEASURED: Final = 10
"""Steps that a cost is said from."""
_UNSTEADY: Final = 2
"""Steps before them, which take longer than those to come."""

Say = Callable[[str], object]


@dataclass
class Hearing:
    """What the workers of a training told, and what it means for whoever waits."""

    job: TrainingJob
    folder: Path
    say: Say
    at_most_hours: float | None = None
    told: Callable[[Told], object] | None = None
    saved: Callable[[CheckpointSaved], object] | None = None
    costs: Callable[[Cost], object] | None = None
    begun: TrainingBegun | None = None
    last: CheckpointSaved | None = None
    steps: list[StepDone] = field(default_factory=list)
    measured: bool = False
    ended: bool = False

    def hear(self, one: Told) -> None:
        """One thing. TrainingFailed where it is the end, and no good one."""
        if self.told is not None:
            self.told(one)
        if one.kind == "begun":
            self._began(one)
        elif one.kind == "step":
            self._stepped(one)
        elif one.kind == "epoch":
            self.say(f"{one.words(self.job.plan.epochs)}, rate {one.rate:.2g}, {time_words(one.seconds)}")
        elif one.kind == "untrained":
            self.say(one.words)
        elif one.kind == "saved":
            self.last = one
            if self.saved is not None:
                self.saved(one)
        elif one.kind == "restarted":
            self.say(f"{one.why}; the workers begin again from the last checkpoint")
        elif one.kind == "stopped":
            raise TrainingFailed(f"{one.why}; {one.remedy}{self._kept()}", one.code)
        elif one.kind == "ended":
            self.ended = True

    def is_over(self) -> None:
        """After the last. TrainingFailed: nobody said how it ended."""
        if not self.ended:
            raise TrainingFailed(f"the workers ended, and said not why; type the same again{self._kept()}", "no_word")

    def _kept(self) -> str:
        if self.last is None:
            return ""
        return f". Step {self.last.step} of {self.last.steps} is saved in {self.folder}"

    def _began(self, one: TrainingBegun) -> None:
        first, self.begun = self.begun is None, one
        if one.step and first:
            self.say(f"going on from step {one.step} of {one.steps}")

    def _stepped(self, one: StepDone) -> None:
        """The first are measured: what the others will take is said once."""
        if self.begun is None or self.measured:
            return
        self.steps.append(one)
        left = self.begun.steps - self.begun.step
        wanted = min(MEASURED, max(1, left // 4))  # a training of few steps may take long, too
        if len(self.steps) < _UNSTEADY + wanted:
            return
        self.measured = True
        last = self.steps[_UNSTEADY:]
        cost = cost_of(
            sum(step.seconds for step in last) / len(last),
            self.begun.steps - one.step,
            self.job.layout,
            device=self.begun.device,
            examples=self.begun.examples,
            validated_on=self.begun.validated_on,
        )
        self.say(f"from {counted(wanted, 'measured step')}: {cost.words}")
        if self.costs is not None:
            self.costs(cost)
        if self.at_most_hours is not None and cost.seconds > 3600 * self.at_most_hours:
            raise TrainingFailed(
                f"the training would take {cost.seconds / 3600:.2g} hours, and {self.at_most_hours:g} are let pass: "
                "give it more workers or fewer epochs, or say a higher --at-most-hours",
                "too_long",
            )
