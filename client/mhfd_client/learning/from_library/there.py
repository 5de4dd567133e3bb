"""Learning for a microscope on an endpoint: its library is assessed, trained further and benchmarked there, and what
stood the test comes home.

Three long works, whose keys follow from the learning's: the same words go on with whichever was under way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mhfd.contract.assessing import Assessment
from mhfd.contract.benchmarking import Benchmarked
from mhfd.contract.work import WorkAnswer, WorkState
from mhfd_client.compute.paths import PathMap
from mhfd_client.errors import WorkNotDone
from mhfd_client.learning.asked_far import done, numbered
from mhfd_client.learning.from_library.learned import LearnedNetwork
from mhfd_client.learning.from_library.requests import LibraryRequests
from mhfd_client.learning.homecoming import brought_home
from mhfd_client.works.beginning import begin
from mhfd_client.works.kept_work import KeptWork

if TYPE_CHECKING:
    from mhfd.learning.packages import Library, Package
    from mhfd_client.learning.asked_far import FarPlace
    from mhfd_client.learning.from_library.asked import LearnAsked, Tell
    from mhfd_client.learning.from_library.kept import KeptLearning

_CALLED: Final = {"mhfd_assess": "assessment", "mhfd_train": "training", "mhfd_benchmark": "benchmark"}


class StepsThere:
    """The works of one learning on an endpoint, each known by its key.

    Args:
        asked: What is asked.
        kept: Who judged when it was begun, and the key.
        where: The endpoint.
        there: The folder of the library, as the endpoint names it.
        mine: This user's library: what comes home is put into it.
        out: The folder for the report.
        said: Told what is being done, in words.

    Raises:
        WorkNotDone: A work was cancelled, failed, or was not taken.
        PackageElsewhere: It is done, and what came of it cannot be read here.
    """

    def __init__(
        self, asked: LearnAsked, kept: KeptLearning, where: FarPlace, there: str, mine: Library, out: Path, said: Tell
    ) -> None:
        self._asked, self._kept, self._where, self._said = asked, kept, where, said
        self._mine, self._out = mine, out
        self._paths = PathMap.of(where.maps)
        dataset = self._paths.there(os.fspath(asked.folder))
        self._requests = LibraryRequests(asked, kept.champion, dataset, there)
        self._trained: list[str] = []

    @property
    def library(self) -> str:
        """The endpoint's."""
        return self._requests.library

    def assess(self) -> Assessment:
        """One work."""
        return Assessment.model_validate(self._done("mhfd_assess", "assess", self._requests.assess())[1].result)

    def train(self, parents: Sequence[str]) -> Iterator[LearnedNetwork]:
        """A work each."""
        for number, parent in enumerate(parents, 1):
            work, answer = self._done("mhfd_train", f"train-{number}", self._requests.train(number, parent))
            self._trained.append(_folder_of(answer, work))
            yield LearnedNetwork.of_result(answer.result or {}, parent)

    def benchmark(self, against: Sequence[str]) -> Benchmarked:
        """One work, with the folders of what was trained there."""
        request = self._requests.benchmark(self._trained, against)
        self._end = self._done("mhfd_benchmark", "benchmark", request)
        return Benchmarked.model_validate(self._end[1].result)

    def home(self, found: Benchmarked) -> tuple[Package | None, Path]:
        """What the benchmark has made, in folders of this machine."""
        return brought_home(*self._end, found, self._paths, self._mine.folder, self._out)

    def _done(self, function: str, step: str, request: Mapping[str, Any]) -> tuple[KeptWork, WorkAnswer]:
        """A work and its end. WorkNotDone; ComputeError."""
        where = self._where
        after: str | None = None
        for key in numbered(f"{self._kept.key}-{step}"):
            fields = {**request, "turn_s": where.turn_s, "after": after if function == "mhfd_train" else None}
            kept = begin(
                function,
                {name: value for name, value in fields.items() if value is not None},
                endpoint=where.endpoint,
                key=key,
                into=where.into,
                options=where.chosen,
                say=self._said,
            )
            if kept.state != WorkState.CANCELLED:
                break
            after = key if kept.answer and kept.answer.progress and kept.answer.progress.done > 0 else after
        self._said(f"{kept.key}  on endpoint {kept.endpoint}, in {kept.into}")
        return kept, done(kept, step, self._said, self._asked.progress, called=_CALLED[function])


def _folder_of(answer: WorkAnswer, work: KeptWork) -> str:
    """Where the package of a training lies there."""
    folders = {one.path.rpartition("/")[0] for one in answer.artefacts if one.kind == "package"}
    if len(folders) != 1:
        raise WorkNotDone(f"training {work.key}: it is done, and names no package; upgrade the endpoint's mhfd")
    return folders.pop()
