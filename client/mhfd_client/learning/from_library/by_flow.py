"""Learning for a microscope by one run of the flow `learn`: it brings the images to the endpoint, and the package back.

What a run is and how it ends is `works` and `flow`'s; here is what it is asked, and what its answer says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from mhfd.contract.assessing import Assessment
from mhfd.contract.benchmarking import Benchmarked
from mhfd.contract.work import WorkAnswer, WorkState
from mhfd.errors import UsageError
from mhfd_client.compute.paths import PathMap
from mhfd_client.learning.asked_far import going, numbered
from mhfd_client.learning.from_library.learned import LearnedNetwork
from mhfd_client.learning.from_library.requests import LibraryRequests
from mhfd_client.learning.homecoming import brought_home
from mhfd_client.works.beginning import begin

if TYPE_CHECKING:
    from mhfd.learning.dataset import Dataset
    from mhfd.learning.packages import Library, Package
    from mhfd_client.learning.from_library.asked import LearnAsked, Tell
    from mhfd_client.learning.from_library.kept import KeptLearning

FLOW: Final = "learn"


class StepsByFlow:
    """One run, gone on with where it was: it does all steps by itself, and each is told once its log has it.

    Args:
        asked: What is asked.
        kept: Who judged when it was begun, and the key.
        endpoint: Where; nothing: the settings' own.
        options: What is chosen of the endpoint's configuration.
        there: The folder of the library, as the endpoint names it.
        mine: This user's library: what comes home is put into it.
        out: The folder for the report.
        said: Told what is being done, in words.

    Raises:
        WorkNotDone: The run was cancelled, failed, or was not taken.
        PackageElsewhere: It is done, and what came of it cannot be read here.
        FlowError: It cannot be begun or followed.
    """

    def __init__(
        self,
        asked: LearnAsked,
        kept: KeptLearning,
        endpoint: str | UUID | None,
        options: Mapping[str, Any],
        there: str,
        mine: Library,
        out: Path,
        said: Tell,
    ) -> None:
        _whole(asked.dataset, asked.folder)
        self._asked, self._kept, self._endpoint, self._options = asked, kept, endpoint, options
        self._requests = LibraryRequests(asked, kept.champion, str(asked.folder), there)
        self._mine, self._out, self._said = mine, out, said
        self._run, self._known, self._trained = self._followed(), dict[str, Any](), 0

    @property
    def library(self) -> str:
        """The endpoint's."""
        return self._requests.library

    def assess(self) -> Assessment | None:
        """What the run says of it as soon as it is known; None: it is over, and its log could not be read."""
        found = self._heard("assess")
        return None if found is None else Assessment.model_validate(found)

    def train(self, parents: Sequence[str]) -> Iterator[LearnedNetwork]:
        """What the run has trained, each as soon as it is known."""
        while (trained := self._heard("train", self._trained + 1)) is not None:
            parent = parents[self._trained] if self._trained < len(parents) else "unknown"
            yield LearnedNetwork.of_result(trained[self._trained], parent)
            self._trained += 1
            if self._trained == len(parents):
                return

    def benchmark(self, against: Sequence[str]) -> Benchmarked:
        """What the run has compared; it chose by itself who stands beside."""
        del against
        return Benchmarked.model_validate(self._heard("benchmark"))

    def home(self, found: Benchmarked) -> tuple[Package | None, Path]:
        """The run brought it to this machine."""
        *_, end = self._last, *self._run
        return brought_home(self._work, end, found, PathMap(), self._mine.folder, self._out)

    def _heard(self, part: str, many: int = 1) -> Any:
        """What the run says of a part, once so many of it are known; None: it is over, and said nothing of it."""
        while True:
            found = self._known.get(part)
            if found is not None and (part != "train" or len(found) >= many):
                return found
            answer = next(self._run, None)
            if answer is None:
                return None
            self._last = answer
            self._known |= answer.result or {}

    def _followed(self) -> Iterator[WorkAnswer]:
        request = {name: value for name, value in self._requests.run().items() if value is not None}
        for key in numbered(self._kept.key):
            work = begin(
                FLOW, request, endpoint=self._endpoint, key=key, via="flow", options=self._options, say=self._said
            )
            if work.state != WorkState.CANCELLED:
                break
        self._work = work
        self._said(f"{work.key}  by flow {FLOW}, on endpoint {work.endpoint}")
        yield from going(work, FLOW, self._said, self._asked.progress, called="learning")


def _whole(dataset: Dataset | None, folder: Path) -> None:
    """What a run brings is one folder: the images lie in it. UsageError."""
    if dataset is None:
        raise UsageError(
            f"dataset: {folder} is not here, and a flow brings it from here; name a dataset of this machine"
        )
    away = [path for row in dataset.rows for _, path in row.files if not Path(path).is_relative_to(folder.resolve())]
    if away:
        raise UsageError(
            f"dataset: {away[0]} does not lie in {folder}, which is what a flow brings: `mhfd dataset build {folder} "
            "--copy --out FOLDER` makes one with its images"
        )
