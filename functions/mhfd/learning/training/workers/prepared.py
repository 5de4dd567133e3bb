"""A training before its first step: which images, which network, how many steps. Knows no torch, and opens no pixel."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.training import TrainingJob, TrainingPlan
from mhfd.errors import UsageError
from mhfd.learning.training.examples import Examples, open_examples, split, steps_in_epoch
from mhfd.learning.training.nets import Head, Net, Weights, begin, head_of, net_of
from mhfd.learning.training.workers.beginning import begins_with
from mhfd.learning.training.workers.schedule import FURTHER, rate_at


@dataclass(frozen=True)
class PreparedTraining:
    """What all workers know alike."""

    plan: TrainingPlan
    examples: Examples
    taught: NDArray[np.intp]
    validated: NDArray[np.intp]
    net: Net
    head: Head
    begun: Weights
    """What the network has before the first step."""

    @property
    def steps_in_epoch(self) -> int:
        """The last of which may have fewer images."""
        return steps_in_epoch(len(self.taught), self.plan.batch)

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.plan.epochs * self.steps_in_epoch

    def rate(self, step: int) -> float:
        """The learning rate of a step, the first being 0."""
        usual = self.net.rate * (1.0 if self.plan.parent is None else FURTHER)
        return rate_at(
            step,
            steps=self.steps,
            steps_per_epoch=self.steps_in_epoch,
            rate=self.plan.rate or usual,
            batch=self.plan.batch,
            warmup_epochs=self.plan.warmup_epochs,
        )

    def images(self, step: int) -> int:
        """Shown in a step, by all workers."""
        return min(self.plan.batch, len(self.taught) - step % self.steps_in_epoch * self.plan.batch)


def prepare(job: TrainingJob, folder: Path) -> PreparedTraining:
    """Open what the job in a folder is of. UsageError: it cannot be trained, and why."""
    plan = job.plan
    net = net_of(plan.lesson, plan.learner)
    examples = open_examples(Path(job.dataset), plan.lesson, multiple=net.multiple, copies=plan.copies)
    taught, validated = split(examples, plan)
    if plan.batch > len(taught):
        raise UsageError(
            f"batch: {plan.batch} images a step are more than the {len(taught)} that are taught "
            f"({len(validated)} are held back to validate on); a batch of {len(taught)} at most"
        )
    head, channels = head_of(plan.lesson, examples.says), examples.channels
    if job.measure_only is None:
        begun = begins_with(plan, folder, net, head, channels=channels)
    else:  # a step takes as long with any numbers
        begun = begin(net, channels=channels, outputs=head.outputs, seed=plan.seed)
    return PreparedTraining(plan, examples, taught, validated, net, head, begun)
