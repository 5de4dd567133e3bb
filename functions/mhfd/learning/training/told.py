"""What a training tells whoever follows it: a line of JSON for each thing, by the first of its workers.

Only the form; who prints is `workers`, who reads is `launching`, which adds what it sees of dying workers.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from mhfd.contract.base import Wire


class TrainingBegun(Wire):
    """The workers have found each other, and go on from a step."""

    kind: Literal["begun"] = "begun"
    step: int
    steps: int
    examples: int
    validated_on: int
    parameters: int
    device: str
    workers: int


class UntrainedNet(Wire):
    """What the validation says of the network before the first step: of drawn numbers, or of the parent's."""

    kind: Literal["untrained"] = "untrained"
    validation_loss: float
    top1: float | None

    @property
    def words(self) -> str:
        """As `validated 0.831 before the first step, top-1 50.0%`."""
        return f"validated {self.validation_loss:.3g} before the first step{_right(self.top1)}"


class StepDone(Wire):
    """A step, measured. Loss: of its batch, the mean."""

    kind: Literal["step"] = "step"
    step: int
    epoch: float
    loss: float
    rate: float
    seconds: float
    exchange_s: float = Field(description="of these, in the exchange of gradients")
    waited_s: float = Field(description="of these, for images")
    memory_bytes: int = Field(description="the largest that this worker has been")


class EpochDone(Wire):
    """An epoch, and what the validation says after it."""

    kind: Literal["epoch"] = "epoch"
    epoch: int
    step: int
    loss: float
    rate: float
    validation_loss: float
    top1: float | None
    top5: float | None
    seconds: float = Field(description="of training so far, over all turns")
    images: int = Field(description="seen so far")
    guess: float | None = Field(None, description="top-1 of saying always what is the commonest in the validation")

    def words(self, epochs: int) -> str:
        """As `epoch 3 of 20: loss 0.41, validated 0.52, top-1 83.1%`."""
        said = f"epoch {self.epoch} of {epochs}: loss {self.loss:.3g}, validated {self.validation_loss:.3g}"
        five = "" if self.top5 is None else f", top-5 {self.top5:.1%}"
        return f"{said}{_right(self.top1)}{five}"


class CheckpointSaved(Wire):
    """A checkpoint is on the disk: the training goes on from here."""

    kind: Literal["saved"] = "saved"
    step: int
    steps: int
    file: str
    digest: str = Field(description="of the weights")
    seconds: float = Field(description="of training so far, over all turns")


class WorkersRestarted(Wire):
    """A worker died, and all begin again from the last checkpoint. Said by who follows them."""

    kind: Literal["restarted"] = "restarted"
    times: int = Field(description="so often in a row, without a new checkpoint")
    why: str


class TrainingEnded(Wire):
    """The training is over, and well: its last checkpoint is all that it learned, and the best validated is kept."""

    kind: Literal["ended"] = "ended"
    why: Literal["epochs", "until", "measured"]
    step: int
    digest: str = Field(description="of the weights of the last step")
    words: str = Field("", description="what a person should know of it")


class TrainingStopped(Wire):
    """The training cannot go on: why, for a person, and what to do."""

    kind: Literal["stopped"] = "stopped"
    code: str
    why: str
    remedy: str


Told = Annotated[
    TrainingBegun
    | UntrainedNet
    | StepDone
    | EpochDone
    | CheckpointSaved
    | WorkersRestarted
    | TrainingEnded
    | TrainingStopped,
    Field(discriminator="kind"),
]
TOLD: TypeAdapter[Told] = TypeAdapter(Told)


def _right(top1: float | None) -> str:
    return "" if top1 is None else f", top-1 {top1:.1%}"
