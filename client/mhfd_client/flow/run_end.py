"""What the end of a run means: which of its images are without a report, when each step was, what a person is told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mhfd.contract.request import Code
from mhfd_client.flow.images import FlowImage
from mhfd_client.flow.own_runs import OwnRun
from mhfd_client.flow.reports import Collected
from mhfd_client.flow.run_words import Explained, Surroundings, ended, ending
from mhfd_client.flow.service import Run


@dataclass(frozen=True, slots=True)
class RunEnd:
    """A run that is over, and what came back of it."""

    own: OwnRun
    run: Run
    found: Collected

    @property
    def moved_changed(self) -> set[str]:
        """Names of images that changed while they were moved."""
        before = self.run.output.get("whole")  # of a flow that an earlier mhfd has deployed
        changed = set(before.get("changed") or ()) if isinstance(before, dict) else set()
        return changed | {path.rpartition("/")[2] for path in _changed(self.run.output)}

    @property
    def left(self) -> list[tuple[int, FlowImage]]:
        """The images that have no report and have not changed, by their place."""
        known = self.found.reports.keys() | self.found.changed.keys()
        changed = self.moved_changed
        return [
            (n, image)
            for n, image in enumerate(self.own.images)
            if image.open and n not in known and self.own.names[n] not in changed
        ]

    @property
    def may_come_late(self) -> bool:
        """It went well, and reports are not there: a share may show them late."""
        return self.run.status == "SUCCEEDED" and any(n not in self.found.wrong for n, _ in self.left)

    @property
    def leftover(self) -> bool:
        """Something of it is or may be left in the staging area."""
        words = ending(self.run.error)
        return self.run.status != "SUCCEEDED" and not (words is not None and words.cleaned)

    @property
    def alone(self) -> bool:
        """Images without a report go again in smaller runs: one of them may be at fault."""
        return bool(self.found.reports) or self.run.error in ("NotScored", "RequestRefused", "ImagesNotBrought")

    def why_given_back(self, n: int) -> str:
        """Why an image without a report is handed back; empty when it is not."""
        if self.own.names[n] in self.moved_changed or self.run.error == "ImagesChanged":
            return "the file changed while it was moved"
        return ""

    def moments(self, *, now_ns: int) -> tuple[int | None, int | None, int | None]:
        """When the images lay there, when work began and ended: on this machine's clock, and in this order."""
        last = self.own.asked_ns
        found: list[int | None] = []
        for name in ("BringImagesCompleted", "ScoreStarted", "ScoreCompleted"):
            at = self.run.moments.get(name)
            here = None if at is None else min(now_ns, max(last, round((at + self.own.offset) * 1e9)))
            last = here or last
            found.append(here)
        return found[0], found[1], found[2]

    def words(self, around: Surroundings, again: int) -> str:
        """What was the matter, and what to do; empty when all went well. `again`: images that go again."""
        told = ended(self.run, around)
        if told is None and not again:
            return ""
        if told is None:
            told = Explained("gave no report of some images")
        elif self.run.status == "ENDED" and not self.own.open:
            told = Explained("was cancelled", told.do)  # by us: they were given back before
        parts = (f"run {self.run.id} {told.what}", told.do, f"{again} images go again" if again else "")
        return "; ".join(filter(None, parts))


def _changed(output: Mapping[str, Any]) -> Iterator[str]:
    """Images that the endpoint's function says have changed, by what it calls them."""
    details = (output.get("score") or {}).get("details") or {}
    for result in details.get("results") or ():
        for error in (result.get("output") or {}).get("errors") or ():
            if error.get("code") == Code.CHANGED and error.get("path"):
                yield str(error["path"])
