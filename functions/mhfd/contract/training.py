"""The training of a network: what is to become of which data, and the processes that do it.

A plan decides the result: the same plan on the same dataset gives the same network, whoever trains it and however many
workers share the work, to the last digits of floating point. A layout decides the time.
"""

from typing import Final, Literal

from pydantic import Field

from mhfd.contract.base import Wire
from mhfd.contract.estimate import DIGEST
from mhfd.contract.request import Name
from mhfd.contract.work import KEY, WorkRequest

NetLesson = Literal["focus", "cause", "denoise", "segment"]
"""What a network may be taught."""

NET_LESSONS: Final[tuple[NetLesson, ...]] = ("focus", "cause", "denoise", "segment")

Copies = Literal["none", "turns", "A", "B"]
"""How a training image is altered before it is shown: not at all, by one of its eight turns and mirrors, or as the
paper's data sets A and B were made."""

MOST_BATCH: Final = 2048
"""Beyond it the paper's training did not converge."""


class TrainingPlan(Wire):
    """All that decides what a training becomes."""

    lesson: NetLesson
    learner: str = Field(max_length=40, description="the network")
    seed: int = Field(0, ge=0, lt=1 << 63, description="of all that is drawn")
    epochs: int = Field(20, ge=1, le=100_000)
    batch: int = Field(32, ge=1, le=MOST_BATCH, description="images a step, over all workers")
    rate: float | None = Field(None, gt=0, le=10, description="learning rate it begins with; null: the network's usual")
    warmup_epochs: float = Field(2.0, ge=0, description="until the rate is that of the batch")
    copies: Copies = "turns"
    until: float | None = Field(
        None, gt=0, le=1, description="it is over when the validation's top-1 accuracy is this; null: after all epochs"
    )
    validation: float = Field(0.2, gt=0, lt=1, description="part of the training groups that it is validated on")
    parent: str | None = Field(
        None, pattern=DIGEST, description="the package whose numbers it begins with; null: drawn"
    )


class WorkerLayout(Wire):
    """The processes that train: how many on a node, with how many threads each, on how many nodes."""

    workers: int = Field(1, ge=1, le=1024, description="on each node")
    threads: int = Field(1, ge=1, le=1024, description="of each worker")
    nodes: int = Field(1, ge=1, le=4096)
    device: Literal["auto", "cpu", "gpu"] = "auto"

    @property
    def all_workers(self) -> int:
        """On all nodes."""
        return self.workers * self.nodes


class TrainingJob(Wire):
    """One training of one dataset in one folder: `job.json` in it, which every worker reads."""

    schema_version: Literal[1] = 1
    plan: TrainingPlan
    layout: WorkerLayout
    dataset: Name = Field(description="folder of the dataset")
    digest: str = Field(description="of the dataset")
    save_s: float = Field(60.0, gt=0, description="a checkpoint each so often; and at the end of each epoch")
    patience_s: float = Field(600.0, gt=0, description="how long workers wait for one that does not answer")
    measure_only: int | None = Field(None, ge=1, description="end after so many measured steps, with nothing learned")


class TrainRequest(WorkRequest):
    """Train this network on an endpoint.

    Everything but the work's own fields is the request: with another layout the same key is that of other work.
    """

    dataset: Name = Field(description="folder of the dataset, as the endpoint names it")
    plan: TrainingPlan
    layout: WorkerLayout | None = Field(None, description="null: as it was measured there")
    parent: str | None = Field(None, pattern=DIGEST, description="package of `library` that it begins with")
    library: Name | None = Field(
        None, description="folder of the library that `parent` is in, as the endpoint names it"
    )
    title: str | None = Field(None, min_length=1, max_length=200, description="what people call the package")
    licence: str | None = Field(None, min_length=1, max_length=200, description="of the data")
    at_most_hours: float | None = Field(None, gt=0, description="go no further than the first steps if it takes longer")
    after: str | None = Field(
        None,
        pattern=KEY,
        description="key of a training in the same `into` that was ended: this one goes on from its last checkpoint",
    )
