"""What a training begins with: numbers that the seed draws, or those of the package that is its parent.

The parent's lie beside the job, as a checkpoint without a step: whoever starts the workers puts them there, so that no
worker reads a package.
"""

from pathlib import Path
from typing import Final

from mhfd.contract.training import TrainingPlan
from mhfd.errors import UsageError
from mhfd.learning.training.nets import Head, Net, Weights, begin, digest_of
from mhfd.learning.training.workers import checkpoint
from mhfd.learning.training.workers.checkpoint import TrainingCheckpoint, TrainingState

PARENT: Final = "parent.ckpt"
"""In the training's folder."""


def put_parent(folder: Path, name: str, weights: Weights) -> None:
    """Let the training in a folder begin with these numbers of a package. OSError."""
    state = TrainingState(of=name, step=0, steps=0, digest=digest_of(weights))
    checkpoint.write(folder / PARENT, TrainingCheckpoint(state, weights, {}))


def begins_with(plan: TrainingPlan, folder: Path, net: Net, head: Head, *, channels: int) -> Weights:
    """The numbers before the first step. UsageError: the parent's are not there, or are no more what they were."""
    if plan.parent is None:
        return begin(net, channels=channels, outputs=head.outputs, seed=plan.seed)
    again = "give the same command again, with the package that it begins with"
    try:
        found = checkpoint.read(folder / PARENT)
    except UsageError:
        raise UsageError(f"{folder / PARENT}: the parent's numbers cannot be read; {again}") from None
    if found.state.of != plan.parent:
        raise UsageError(f"{folder / PARENT}: these are the numbers of another package than {plan.parent}; {again}")
    return dict(found.weights)
