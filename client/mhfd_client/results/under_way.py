"""Which runs of the flow are out and which images are in them, for whoever looks at a station's state folder.

Read beside the station, from its runs file and its journal, which are opened for reading only and never waited for. A
run counts as out as long as the journal waits for one of its images; so what that file says of another flow, or of
work that was given to somebody else since, is not shown.
"""

from dataclasses import dataclass
from typing import Any

from mhfd_client.files import text_of
from mhfd_client.flow.run_words import step_of
from mhfd_client.flow.runs_out import NotedRun, RunsReader
from mhfd_client.journal.view import JournalView
from mhfd_client.times import iso_ns
from mhfd_flows.build import Step


@dataclass(frozen=True, slots=True)
class RunOut:
    """A run that is out. `images`: those whose reports are waited for, as the journal calls them."""

    key: str
    run: str | None
    step: Step
    since_ns: int
    images: tuple[str, ...]

    @property
    def short(self) -> str:
        """Enough of the id for `mhfd run show`; of ours, while Globus has not given one."""
        return (self.run or self.key)[:8]

    @property
    def first(self) -> str:
        """The name of the image that came first."""
        return _name(self.images[0])

    @property
    def last(self) -> str:
        """The name of the image that came last."""
        return _name(self.images[-1])

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "run": self.run,
            "key": self.key,
            "step": self.step.words,
            "since": iso_ns(self.since_ns),
            "images": [text_of(path) for path in self.images],
        }


@dataclass(frozen=True, slots=True)
class UnderWay:
    """All that is out. `waiting`: images that the runner has and no run."""

    runs: tuple[RunOut, ...] = ()
    waiting: int = 0

    def __bool__(self) -> bool:
        return bool(self.runs)


def under_way(journal: JournalView, reader: RunsReader | None = None) -> UnderWay:
    """The runs that are out now, the oldest first."""
    outs = (reader or RunsReader(journal.path.parent)).runs()
    waited_for = journal.out("flow")  # after the runs file: what was answered between the two is not shown
    runs = []
    for out in sorted(outs, key=lambda out: out.asked_ns):
        paths = tuple(waited_for.pop(one) for one in out.images if one in waited_for)
        if paths:
            runs.append(RunOut(out.key, out.run, step(out), out.since_ns or out.asked_ns, paths))
    return UnderWay(tuple(runs), len(waited_for))


def step(out: NotedRun) -> Step:
    """What a run is doing, by the runs file."""
    if out.run is None:
        return Step.SEEK if out.status else Step.ASK
    if out.status in ("", "ACTIVE", "INACTIVE"):
        return step_of(out.status, out.state)
    return Step.OVER


def _name(path: str) -> str:
    return path.rpartition("/")[2]
