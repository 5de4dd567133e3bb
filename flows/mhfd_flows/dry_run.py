"""The dry run of a shipped flow: what it would do, state by state, when these things go wrong.

What should come of a set of faults is said here by itself (`Ending`), not read from the run: a flow that ends otherwise
has a defect. It is not the service, and asks none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mhfd.errors import UsageError
from mhfd_flows import expressions
from mhfd_flows.build import Fault, FlowRecipe
from mhfd_flows.interpreter import Execution, VirtualClock, run
from mhfd_flows.pretend import RESULTS, SEEN, SOURCE, STAGING, Strike, World
from mhfd_flows.shipped import MAX_FILES

RUN_ID: Final = "dry-run"
_STAGE: Final = f"/staging/mhfd-{RUN_ID}/"


FAULTS: Final[tuple[Fault, ...]] = (
    Fault("source-unreadable-once", "the source folder cannot be listed, once", "look", "failed", times=1),
    Fault("source-unreadable", "the source folder can never be listed", "look", "failed", "CannotLook"),
    Fault("folder-too-full", "the source folder holds too many files", "look", "full", "FolderTooFull"),
    Fault("nothing-there", "the source folder stays empty", "look", "empty", ""),
    Fault("never-still", "files in the source folder keep changing", "look", "moving", "NeverStill"),
    Fault("reports-unlistable", "the folder of the reports cannot be listed", "reports", "failed"),
    Fault("too-many-reports", "the folder of the reports holds too many files", "reports", "full", "TooManyReports"),
    Fault("staging-refused", "the run's folder cannot be made", "stage", "unable", "CannotStage"),
    Fault("transfer-fails-once", "the transfer of the images fails, once", "bring", "failed", times=1),
    Fault("transfer-refused", "Transfer refuses to move the images", "bring", "unable", "ImagesNotBrought"),
    Fault("transfer-fails", "the transfer of the images fails each time", "bring", "failed", "ImagesNotBrought"),
    Fault("transfer-stuck", "the transfer of the images never ends", "bring", "stuck", "ImagesNotBrought"),
    Fault("all-images-changed", "every image has changed since it was seen", "came", "all changed", "ImagesChanged"),
    Fault("image-changed", "one image has changed since it was seen", "came", "changed"),
    Fault("compute-fails-once", "the task fails, once", "score", "failed", times=1),
    Fault("endpoint-refuses", "Compute refuses the task", "score", "unable", "NotScored"),
    Fault("compute-fails", "the task fails each time", "score", "failed", "NotScored"),
    Fault("compute-stuck", "the task never ends", "score", "stuck", "NotScored"),
    Fault("function-refuses", "the function refuses the request", "score", "refused", "RequestRefused"),
    Fault("return-fails-once", "the transfer of the reports fails, once", "return", "failed", times=1),
    Fault("return-fails", "the transfer of the reports fails each time", "return", "failed", "ReportsNotReturned"),
    Fault("return-stuck", "the transfer of the reports never ends", "return", "stuck", "ReportsNotReturned"),
    Fault("some-not-scored", "one image is not scored", "score", "some", "SomeNotScored"),
    Fault("clean-fails-once", "the run's folder cannot be deleted, once", "clean", "failed", times=1),
    Fault("clean-fails", "the run's folder can never be deleted", "clean", "failed", "StagingNotCleaned"),
    Fault("clean-stuck", "the deletion never ends", "clean", "stuck", "StagingNotCleaned"),
)
"""In the order in which they strike: of several that end a run, the first decides; a failed clean comes on top."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ends. `error`: empty when all is well; `left`: what a person must delete; `reports`: that are back."""

    error: str
    left: tuple[str, ...]
    reports: int


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A dry run and what came of it."""

    flow: FlowRecipe
    images: int
    faults: tuple[Fault, ...]
    execution: Execution
    found: Ending
    expected: Ending

    @property
    def as_it_should(self) -> bool:
        """Whether the run ended as it must with these faults."""
        return self.found == self.expected


def faults_of(flow: FlowRecipe) -> tuple[Fault, ...]:
    """The faults that can happen to a flow."""
    return FAULTS if _moves(flow) else tuple(fault for fault in FAULTS if fault.place == "score")


def rehearse(flow: FlowRecipe, faults: Iterable[str] = (), *, images: int = 3, look: bool = False) -> Rehearsal:
    """Run a flow with pretended providers.

    Args:
        flow: One of ours.
        faults: Names of what goes wrong; UsageError lists those there are.
        images: How many there are.
        look: The run is not told which images, as when a timer or a person starts it. Faults of that part imply it.
    """
    expressions.evaluate("1", {})  # says at once what must be installed
    chosen = _chosen(flow, faults)
    looking = _moves(flow) and (look or any(fault.place in ("look", "reports") for fault in chosen))
    most = MAX_FILES if looking else flow.most
    if not 1 <= images <= most:
        alone = " that looks by itself" if most < flow.most else ""
        raise UsageError(f"images: {images} is not 1 to {most}, which is what one run{alone} takes")
    clock = VirtualClock()
    world = World(clock, [Strike(fault.place, fault.kind, fault.times) for fault in chosen])
    names = [f"tile_{i:03}.tif" for i in range(1, images + 1)]
    world.folders |= {(SOURCE, "/images/"), (RESULTS, "/reports/")}
    world.files = {(SOURCE, f"/images/{name}"): 4_000_000 + i for i, name in enumerate(names)}
    if world.has("reports", "full"):
        world.files |= {(RESULTS, f"/reports/{i}.tif.0123456789ab.mhfd.json"): 1 for i in range(200)}
    before = len(world.below(RESULTS, "/reports/"))
    execution = run(flow.definition, body_of(flow, names, looking=looking), world.providers(), clock, run_id=RUN_ID)
    found = Ending(
        str(execution.error[0] if execution.error else execution.state["outcome"]["error"]),
        tuple(sorted(path for where, path in world.folders if where == STAGING)),
        len(world.below(RESULTS, "/reports/")) - before if _moves(flow) else _told(execution),
    )
    return Rehearsal(flow, images, chosen, execution, found, _expected(flow, chosen, images))


def _chosen(flow: FlowRecipe, names: Iterable[str]) -> tuple[Fault, ...]:
    there = faults_of(flow)
    wanted = set(names)
    if unknown := sorted(wanted - {fault.name for fault in there}):
        listed = "\n".join(f"  {fault.name:24} {fault.words}" for fault in there)
        raise UsageError(f"{flow.name} has no fault {', '.join(map(repr, unknown))}; there are:\n{listed}")
    return tuple(fault for fault in there if fault.name in wanted)


def _expected(flow: FlowRecipe, faults: Sequence[Fault], images: int) -> Ending:
    kinds = {fault.kind for fault in faults}
    whole = images - ("changed" in kinds)
    scored = whole - ("some" in kinds)
    unlistable = any(fault.name == "reports-unlistable" for fault in faults)  # then nobody sees that they are too many
    ends = [
        (fault.place, fault.end)
        for fault in faults
        if fault.place != "clean" and fault.end is not None and not (unlistable and fault.place == "reports")
    ]
    if whole == 0:
        ends.append(("came", "ImagesChanged"))
    elif scored == 0:
        ends.append(("score", "RequestRefused"))
    order: tuple[str, ...] = ("look", "reports", "stage", "bring", "score", "came", "return")
    place, end = min(ends, key=lambda one: _rank(order, one), default=(None, ""))
    if not _moves(flow):
        return Ending(
            "NotAllScored" if end in ("RequestRefused", "SomeNotScored") else end,
            (),
            0 if end in ("NotScored", "RequestRefused") else scored,
        )
    began = place not in ("look", "reports", "stage")
    back = scored if end in ("", "SomeNotScored") and began else 0
    if began and any(fault.end for fault in faults if fault.place == "clean"):
        return Ending("StagingNotCleaned", (_STAGE,), back)
    return Ending(end, (), back)


def _rank(order: Sequence[str], one: tuple[str, str]) -> int:
    """Some images without a report are noticed after the others' have come back."""
    return len(order) if one[1] == "SomeNotScored" else order.index(one[0])


def body_of(flow: FlowRecipe, names: Sequence[str], *, looking: bool) -> dict[str, Any]:
    """The input of a dry run."""
    compute = {"endpoint_id": "the endpoint", "function_id": "mhfd_focus"}
    if not _moves(flow):
        return {"compute": compute, "paths": [f"/data/{name}" for name in names]}
    body: dict[str, Any] = {
        "source": {"id": SOURCE, "path": "/images/"},
        "staging": {"id": STAGING, "path": "/staging/"},
        "results": {"id": RESULTS, "path": "/reports/"},
        "compute": compute | {"staging_root": f"{SEEN}/staging"},
    }
    if not looking:
        body["batch"] = {"images": [{"path": n, "name": n, "size": 4_000_000 + i} for i, n in enumerate(names)]}
    return body


def _moves(flow: FlowRecipe) -> bool:
    return "source" in flow.input_schema["properties"]


def _told(execution: Execution) -> int:
    answer = execution.state.get("score", {}).get("details", {}).get("results", [])
    return sum(report is not None for one in answer for report in one["output"]["reports"])
