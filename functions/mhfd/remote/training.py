"""`mhfd_train`: a network trained on an endpoint, as long work.

Each checkpoint of the training is one of the work: there its turn ends, and there it hears that it was cancelled or
lost. The workers are processes of their own, which end with the turn, however it ends, and with the process that has
it. Imports no torch, and nothing of the room of training before there is something to train.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from mhfd.contract.request import Code
from mhfd.contract.training import TrainingPlan, TrainRequest, WorkerLayout
from mhfd.errors import TrainingFailed
from mhfd.remote import earlier_training
from mhfd.remote.given.dataset import RootedDataset, rooted
from mhfd.remote.long.running import LongFailure, LongVerb, LongWork, answer
from mhfd.remote.refusal import Refusal, mendable, problem

if TYPE_CHECKING:
    from mhfd.learning.packages import Package
    from mhfd.learning.trained import Training
    from mhfd.learning.training.told import CheckpointSaved, Told

NAME: Final = "mhfd_train"
FOLDER: Final = "training"
"""In the work's own: job and checkpoints."""
_DATASET: Final = "dataset"
_PACKAGES: Final = "packages"
_PARENT: Final = "parent"
_SWEEPS: Final = "sweeps"
_MOST_EPOCHS: Final = 500
"""Of a training's table in an answer: as many as are read by nobody."""
_NOT_THERE: Final = ("folder", "baseline", "chosen")
"""Of what a training says of itself here."""
_FOR_GOOD: Final = frozenset({"not_finite", "diverged"})
"""What a training is stopped by whoever does it again. Anything else is mended, and the same request goes on."""


class TrainingCost(Protocol):
    """What a training will take, as `mhfd.learning.training.launching` says it."""

    seconds: float
    node_hours: float
    gpu_hours: float
    words: str


class Trainer(Protocol):
    """`mhfd.learning.training.making.train_net`, of whose arguments these are used."""

    def __call__(
        self,
        dataset: Path,
        plan: TrainingPlan,
        *,
        parent: "Package | None",
        layout: WorkerLayout | None,
        folder: Path,
        out: Path,
        title: str | None,
        licence: str,
        nodes: int,
        sweeps: Path,
        told: "Callable[[Told], object]",
        saved: "Callable[[CheckpointSaved], object]",
        costs: Callable[[TrainingCost], object] | None,
        beat: Callable[[], object],
    ) -> "Training":
        """What was learned."""


def answered(request: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a TrainRequest in, those of a WorkAnswer out."""
    return answer(verb_of(_by_workers), request)


def verb_of(trainer: Trainer) -> LongVerb[TrainRequest]:
    """The function, with whoever trains."""
    return LongVerb(NAME, TrainRequest, partial(_trained, trainer))


def _by_workers(dataset: Path, plan: TrainingPlan, **options: Any) -> "Training":
    from mhfd.learning.training.making import train_net

    return train_net(dataset, plan, **options)


def _trained(trainer: Trainer, request: TrainRequest, work: LongWork) -> dict[str, Any]:
    parent = _parent(request, work)
    if parent is not None:
        request = request.model_copy(update={"plan": request.plan.model_copy(update={"parent": parent.name})})
    turn = _Turn(request, work, rooted(request.dataset, work.site))
    turn.begin()
    from mhfd.learning.packages.card import UNKNOWN_LICENCE

    try:
        with mendable("train"):
            trained = trainer(
                work.folder / _DATASET,
                request.plan,
                parent=parent,
                layout=request.layout,
                folder=work.folder / FOLDER,
                out=work.folder / _PACKAGES,
                title=request.title,
                licence=request.licence or UNKNOWN_LICENCE,
                nodes=_nodes(),
                sweeps=work.folder / _SWEEPS,
                told=turn.told,
                saved=turn.saved,
                costs=turn.costs if turn.cost is None else None,
                beat=turn.alive,
            )
    except TrainingFailed as error:
        raise _stopped(error) from None
    return turn.result(trained)


def _parent(request: TrainRequest, work: LongWork) -> "Package | None":
    """What it begins with, as a copy in the work's folder: whatever becomes of the library, it goes on."""
    name, library = request.parent, request.library
    if name is None and library is None and request.plan.parent is None:
        return None
    if name is None or library is None or request.plan.parent not in (None, name):
        why = "a training of a package names it as `parent`, and as `library` the folder of the library that it is in"
        remedy = "say both, and leave the plan's own parent out"
        raise Refusal(problem(Code.BAD_REQUEST, why, remedy, field="parent" if library else "library"))
    from mhfd.errors import PackageRefused
    from mhfd.learning.packages import read_package
    from mhfd.remote.given.library import package_of

    into = work.folder / _PARENT
    try:
        return read_package(into / name)
    except PackageRefused:  # not brought yet, or not whole
        return package_of(library, name, into, work.site, field="parent")


def _nodes() -> int:
    """All of the job that this worker is in: whoever asked for so many pays for them."""
    from mhfd.learning.training.launching import block_nodes

    return block_nodes()


def _stopped(error: TrainingFailed) -> Refusal:
    if error.code in _FOR_GOOD:
        return LongFailure(problem(Code.TRAINING_STOPPED, error.why, "train another plan, under another key"))
    return Refusal(
        problem(Code.TRAINING_STOPPED, error.why, "mend that, and ask again: it goes on from its checkpoint")
    )


class _Turn:
    """What happens in one turn of a training, told to the work that it is.

    `cost`: what the whole training will take, once that was measured, in this turn or an earlier one.
    """

    def __init__(self, request: TrainRequest, work: LongWork, data: RootedDataset) -> None:
        self._request, self._work, self._data = request, work, data
        before: dict[str, Any] = json.loads(work.saved() or b"{}")
        self._dataset = before.get("dataset", data.dataset.digest)
        self.cost: dict[str, Any] | None = before.get("cost")
        self._step, self._steps = before.get("step", 0), before.get("steps")
        self._workers, self._validated = "", ""

    def begin(self) -> None:
        """What it is trained on lies in the work's folder."""
        self._data.refuse_another(self._dataset, "training", self._request.dataset)
        self._data.dataset.write(self._work.folder / _DATASET)
        self._work.ledger.reads(self._data.bytes, images=self._data.images)
        if self._request.after is not None and self._work.saved() is None:
            earlier_training.bring(self._request, self._work, self._dataset)

    def told(self, told: "Told") -> None:
        """One thing that the workers said; more often, nothing happened. It may be that the turn ends here."""
        if told.kind == "begun":
            self._step, self._steps = told.step, told.steps
            self._workers = f"{told.workers} worker{'s' * (told.workers != 1)} on {told.device}"
        elif told.kind == "untrained":
            self._validated = told.words
        elif told.kind == "step":
            self._step = told.step
        elif told.kind == "epoch":
            self._step, self._validated = told.step, told.words(self._request.plan.epochs)
            if told.epoch < self._request.plan.epochs:
                self._work.ledger.reads(self._data.bytes)
        self.alive()

    def alive(self) -> None:
        """Nothing is new."""
        self._work.beat(self._step, self._steps, "steps", self._validated or self._workers)

    def costs(self, cost: TrainingCost) -> None:
        """What it will take, after a few steps: a `Refusal` where that is more than it may have."""
        self._may_have(cost.seconds, cost.node_hours, cost.gpu_hours, f"it would take {{}} ({cost.words})")
        self.cost = {name: getattr(cost, name) for name in ("seconds", "node_hours", "gpu_hours", "words")}

    def _may_have(self, seconds: float, node_hours: float, gpu_hours: float, told: str) -> None:
        limits = self._work.site.limits_of(NAME)
        for what, takes, most, whose in (
            ("hours", seconds / 3600, self._request.at_most_hours, "it was asked for with at most"),
            ("node-hours", node_hours, limits.max_node_hours, "a training may have here"),
            ("GPU-hours", gpu_hours, limits.max_gpu_hours, "a training may have here"),
        ):
            if most is not None and takes > most:
                why = f"{told.format(f'{takes:.3g} {what}')}, and {whose} {most:g}"
                raise Refusal(problem(Code.TOO_DEAR, why, "train less (epochs, size of images), or ask for more hours"))

    def saved(self, saved: "CheckpointSaved") -> None:
        """From here on the work goes on."""
        self._step, self._steps = saved.step, saved.steps
        pointer = {"dataset": self._dataset, "cost": self.cost, **saved.model_dump(mode="json", exclude={"kind"})}
        data = json.dumps(pointer).encode()
        self._work.save(data, saved.step, saved.steps, "steps", self._validated or self._workers)
        if self.cost is not None and saved.step < saved.steps:
            part = saved.seconds / self.cost["seconds"]
            node_hours, gpu_hours = part * self.cost["node_hours"], part * self.cost["gpu_hours"]
            self._may_have(saved.seconds, node_hours, gpu_hours, "it has taken {} so far, more than it seemed")

    def result(self, trained: "Training") -> dict[str, Any]:
        """What the answer says of it; the package's files are its artefacts."""
        folder = trained.package.folder
        for file in sorted(folder.iterdir()):
            self._work.artefact(Path(_PACKAGES, folder.name, file.name), "package")
        said = {name: value for name, value in trained.as_json().items() if name not in _NOT_THERE}
        if trained.network is not None:
            from mhfd.learning.trained import thinned

            said["network"] |= {"epochs": thinned(trained.network.epochs, _MOST_EPOCHS)}
        return {**said, "dataset": self._dataset, "cost": self.cost, "words": list(trained.words)}
