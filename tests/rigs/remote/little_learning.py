"""The three functions of a library, with little work in them: what is done is written down, each time that it is done.

They are long work as the real ones are: the same machinery, the same requests and results. A package is a file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from mhfd import shim
from mhfd.contract.assessing import AssessedPackage, Assessment, AssessRequest
from mhfd.contract.benchmarking import Benchmarked, BenchmarkRequest
from mhfd.contract.request import Code
from mhfd.contract.training import TrainRequest
from mhfd.contract.work import WorkRequest
from mhfd.remote.long.running import LongFailure, LongVerb, LongWork, answer
from mhfd.remote.refusal import Refusal, problem

PACKAGES: Final = tuple(letter * 64 for letter in "abcdef")
"""Of the library, the best first."""
WRONG: Final = 13
"""A seed with which a benchmark fails."""
DONE: Final = "done.jsonl"
"""In the library's folder: a line for each time that something was done to its end."""


def assess(**request: Any) -> dict[str, Any]:
    """An AssessRequest's fields in, a WorkAnswer's out."""
    return answer(LongVerb("mhfd_assess", AssessRequest, _assessed), request)


def train(**request: Any) -> dict[str, Any]:
    """A TrainRequest's fields in, a WorkAnswer's out."""
    return answer(LongVerb("mhfd_train", TrainRequest, _trained), request)


def benchmark(**request: Any) -> dict[str, Any]:
    """A BenchmarkRequest's fields in, a WorkAnswer's out."""
    return answer(LongVerb("mhfd_benchmark", BenchmarkRequest, _benchmarked), request)


VERBS: Final = {"mhfd_assess": assess, "mhfd_train": train, "mhfd_benchmark": benchmark}
FUNCTIONS: Final = {
    name: shim.function(name, module="tests.rigs.remote.little_learning", entry=verb.__name__, summary="Little of it.")
    for name, verb in VERBS.items()
}


def done(library: Path) -> list[dict[str, Any]]:
    """What was done, in order."""
    file = library / DONE
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def _assessed(request: AssessRequest, work: LongWork) -> dict[str, Any]:
    _steps(request, work)
    trained = PACKAGES[: request.train_at_most]
    rows = tuple(
        AssessedPackage(package=name, title=name[:1], instruments=("north",), rank=n, score=1 / n, reason="made up")
        for n, name in enumerate(PACKAGES, 1)
    )
    unfit = AssessedPackage(package="0" * 64, title="unfit", instruments=("north",), reason="it is damaged")
    _written(request.library, {"did": "assess", "key": request.key, "dataset": _dataset(request.dataset)})
    return Assessment(
        task=request.task,
        instrument=request.instrument,
        dataset="0" * 64,
        images=2,
        groups=1,
        measure="made up",
        bar="mhfd",
        packages=(*rows, unfit),
        train=trained,
        best=PACKAGES[0],
        words="made up",
    ).model_dump(mode="json")


def _trained(request: TrainRequest, work: LongWork) -> dict[str, Any]:
    if request.plan.learner == "refused":
        raise Refusal(problem(Code.BAD_REQUEST, "no such network", "name another"))
    if request.plan.learner == "diverges":
        raise LongFailure(problem(Code.TRAINING_STOPPED, "the loss is not finite", "train another plan"))
    _steps(request, work)
    folder = Path("packages", "made")
    (work.folder / folder).mkdir(parents=True, exist_ok=True)
    for name in ("card.json", "model.onnx"):
        (work.folder / folder / name).write_text(f"{name} from {request.parent}")
        work.artefact(folder / name, "package")
    assert request.library is not None
    _written(request.library, {"did": "train", "key": request.key, "parent": request.parent})
    return {"parent": request.parent}


def _benchmarked(request: BenchmarkRequest, work: LongWork) -> dict[str, Any]:
    if request.seed == WRONG:
        raise LongFailure(problem(Code.INTERNAL, "no image can be told from another", "take others"))
    _steps(request, work)
    best = Path(request.trained[0]) if request.trained else None
    package = work.folder / "package"
    package.mkdir(exist_ok=True)
    text = (best / "model.onnx").read_text() if best else f"as it stands: {request.against[:1]}"
    (package / "model.onnx").write_text(text)
    (work.folder / "report.json").write_text(json.dumps({"trained": len(request.trained)}))
    work.artefact(Path("report.json"), "report")
    work.artefact(Path("package", "model.onnx"), "package")
    said = {"did": "benchmark", "key": request.key, "trained": len(request.trained), "against": list(request.against)}
    _written(request.library, said)
    return Benchmarked(
        task=request.task,
        instrument=request.instrument,
        decision="kept",
        line="kept: made up",
        champion=request.champion,
        challenger=None,
        measure="made up",
        images=2,
        groups=1,
        entries=(),
        report="0" * 64,
    ).model_dump(mode="json")


def _steps(request: WorkRequest, work: LongWork) -> None:
    """Two, with a checkpoint after each: there a worker may die."""
    for step in range(len(work.saved() or b""), 2):
        work.save(b"." * (step + 1), step + 1, 2, "steps", "")


def _dataset(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).rglob("*") if path.is_file())


def _written(library: str, line: dict[str, Any]) -> None:
    with Path(library, DONE).open("a") as file:
        file.write(json.dumps(line) + "\n")
