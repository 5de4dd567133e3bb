"""The dry run of a flow of ours: what it would do, state by state, when these things go wrong.

What should come of a set of faults is said here from what the flow's stages say of each (`Ending`), not read from the
run: a flow that ends otherwise has a defect. It is not the service, and asks none.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from mhfd.errors import UsageError
from mhfd_flows import expressions
from mhfd_flows.build import Fault, FlowRecipe, Kind
from mhfd_flows.interpreter import Execution, VirtualClock, run
from mhfd_flows.pretend import RESULTS, SEEN, SOURCE, STAGING, UNDONE, World
from mhfd_flows.shipped import MAX_FILES
from mhfd_flows.trial import sample_of

RUN_ID: Final = "dry-run"
_MOST_STATES: Final = 5_000
"""Of a run that ends: a hundred turns of long work are some hundreds."""
_FINAL: Final[tuple[Kind, ...]] = ("work failed", "cancelled")
"""What goes wrong in the same way whoever asks again."""
_STAGE: Final = f"/staging/mhfd-{RUN_ID}/"


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
    looks = "look" in flow.places.values()
    looking = looks and (look or any(fault.place in ("look", "reports") for fault in chosen))
    most = MAX_FILES if looking or flow.asked.brings else flow.most
    if not 1 <= images <= most:
        alone = " that looks by itself" if most < flow.most else ""
        raise UsageError(f"images: {images} is not 1 to {most}, which is what one run{alone} takes")
    clock = VirtualClock()
    world = World(clock, chosen)
    names = [f"tile_{i:03}.tif" for i in range(1, images + 1)]
    world.folders |= {(SOURCE, "/images/"), (RESULTS, "/reports/")}
    world.files = {(SOURCE, f"/images/{name}"): 4_000_000 + i for i, name in enumerate(names)}
    body, doing = body_of(flow, names, looking=looking), world.of(flow)
    execution = run(flow.definition, body, {}, clock, run_id=RUN_ID, instead=doing.get, most_states=_MOST_STATES)
    found = Ending(
        str(execution.error[0] if execution.error else execution.state["outcome"]["error"]),
        tuple(sorted(path for where, path in world.folders if where == STAGING)),
        len(world.below(RESULTS, "/reports/")) if flow.moves else _told(execution),
    )
    return Rehearsal(flow, images, chosen, execution, found, _expected(flow, chosen, images))


def _chosen(flow: FlowRecipe, names: Iterable[str]) -> tuple[Fault, ...]:
    wanted = set(names)
    if unknown := sorted(wanted - {fault.name for fault in flow.faults}):
        listed = "\n".join(f"  {fault.name:24} {fault.words}" for fault in flow.faults)
        raise UsageError(f"{flow.name} has no fault {', '.join(map(repr, unknown))}; there are:\n{listed}")
    return tuple(fault for fault in flow.faults if fault.name in wanted)


def _expected(flow: FlowRecipe, faults: Sequence[Fault], images: int) -> Ending:
    """The first that ends a run decides, in the order of the road; a failed clean comes on top."""
    road = list(dict.fromkeys(flow.places.values()))
    unseen = {fault.place for fault in faults if fault.kind in UNDONE and fault.times is None}
    left, late, decided = images, "", None
    skipped = {place for fault in faults if fault.kind == "otherwise" for place in fault.skips}
    for fault in sorted(faults, key=lambda fault: road.index(fault.place)):
        if fault.place == "clean" or fault.place in skipped or (fault.place in unseen and fault.kind not in UNDONE):
            continue
        left = 0 if fault.takes == "all" else max(0, left - fault.takes)
        end = fault.none_left or fault.end if fault.takes and not left else fault.end
        if fault.late and left:
            late = str(end)
        elif end is not None:
            decided = (fault, end)
            break
    back = 0 if decided else int(flow.moves) if flow.asked.long else left
    if decided:
        back, stays_for_another = _kept(flow, decided[0], faults, skipped)
        if stays_for_another:
            return Ending(decided[1], (_STAGE,), back)
    staged = decided is None or ("stage" in road and road.index(decided[0].place) > road.index("stage"))
    stays = next((fault.end for fault in faults if fault.place == "clean" and fault.end), None)
    if staged and stays:
        return Ending(stays, (_STAGE,), back)
    return Ending(decided[1] if decided else late, (), back)


def _kept(flow: FlowRecipe, ended: Fault, faults: Sequence[Fault], skipped: AbstractSet[str]) -> tuple[int, bool]:
    """Of a run that this fault has ended: how many works' files come home, and whether its folder stays."""
    road = list(dict.fromkeys(flow.places.values()))
    worth = [place for stage in flow.stages if stage.asked and stage.asked.worth for place in stage.places.values()]
    before = road[: road.index(ended.place)]
    made = [place for place in worth if place in before and place not in skipped]
    saved = not any(fault.place == "save" and fault.times is None for fault in faults)
    if made and not saved:
        return 0, True
    there = any(fault.kind == "there" for fault in faults)
    cut_off = ended.place in worth[:1] and ended.kind != "refused"
    mended = bool(worth) and ended.place != "stage" and ended.kind not in _FINAL
    return len(made), mended and bool(made or there or cut_off)


def body_of(flow: FlowRecipe, names: Sequence[str], *, looking: bool) -> dict[str, Any]:
    """The input of a dry run."""
    fields = flow.input_schema["properties"]
    images = [{"path": n, "name": n, "size": 4_000_000 + i} for i, n in enumerate(names)]
    compute = {
        "endpoint_id": "the endpoint",
        "function_id": flow.function,
        "functions": {name: name for name in flow.functions},
        "staging_root": f"{SEEN}/staging",
    }
    known = {
        "source": {"id": SOURCE, "path": "/images/"},
        "staging": {"id": STAGING, "path": "/staging/"},
        "results": {"id": RESULTS, "path": "/reports/"},
        "compute": {name: compute[name] for name in fields["compute"]["properties"]},
        "paths": [f"/data/{name}" for name in names],
        **({} if looking else {"batch": {"images": images}}),
    }
    return sample_of(flow.input_schema) | {name: value for name, value in known.items() if name in fields}


def _told(execution: Execution) -> int:
    answers = [kept["details"] for kept in execution.state.values() if isinstance(kept, dict) and "details" in kept]
    reports = (one["output"].get("reports", ()) for answer in answers for one in answer.get("results", ()))
    return sum(report is not None for found in reports for report in found)
