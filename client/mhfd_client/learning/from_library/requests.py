"""What an endpoint's functions are asked for one learning: the fields of `mhfd.contract.assessing`, `.training` and
`.benchmarking`. A run of a flow is given all of them, and hands each function its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mhfd_client.learning.from_library.asked import LearnAsked


@dataclass(frozen=True, slots=True)
class LibraryRequests:
    """Of what is asked here."""

    asked: LearnAsked
    champion: str | None
    """Who judged when it was begun."""
    dataset: str
    """Its folder, as whoever is asked names it."""
    library: str
    """Where the endpoint has it."""

    def assess(self) -> dict[str, Any]:
        """Of `mhfd_assess`."""
        return self._of_a_microscope() | {"learner": self.asked.learner, "train_at_most": self.asked.best}

    def train(self, number: int, parent: str) -> dict[str, Any]:
        """Of `mhfd_train`: so many were trained with this one."""
        return self._where() | self.asked.training(number) | {"parent": parent}

    def benchmark(self, trained: Sequence[str], against: Sequence[str]) -> dict[str, Any]:
        """Of `mhfd_benchmark`: folders there of what was trained, and packages of the library."""
        return self._of_a_microscope() | self._rule() | {"trained": list(trained), "against": list(against)}

    def run(self) -> dict[str, Any]:
        """Of a run of the flow `learn`."""
        return self.assess() | self.asked.training(1) | self._rule()

    def _where(self) -> dict[str, Any]:
        return {"dataset": self.dataset, "library": self.library}

    def _of_a_microscope(self) -> dict[str, Any]:
        asked = self.asked
        about = {"instrument": asked.instrument, "task": asked.task, "champion": self.champion, "seed": asked.seed}
        return self._where() | about

    def _rule(self) -> dict[str, Any]:
        return {"prevalence": self.asked.prevalence, "miss_cost": self.asked.miss_cost}
