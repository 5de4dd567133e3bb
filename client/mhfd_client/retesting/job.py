"""One test of who judges, in a process of its own that the desk beside a watch starts: `python -m`, its module's name.

It is told on standard input which, and says on standard output what came of it. It may open images and packages, and
wait for an endpoint as long as that takes; asked again after a kill, it asks the same question by the same key.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from mhfd.errors import MhfdError
from mhfd_client.beside.child import Child, Running
from mhfd_client.beside.told import Folder
from mhfd_client.journal.rows import RetestReason, RetestRow
from mhfd_client.retesting.told import RetestTold
from mhfd_client.settings.load import dotted
from mhfd_client.settings.options import Settings
from mhfd_client.settings.places import models_home


class RetestWay(BaseModel):
    """By whom tests are made, and with what: of a watch's settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["local", "compute", "flow"]
    home: Folder
    folder: Folder
    """Where images of tests are laid."""
    instrument: str | None = None
    library: str | None = None
    """The library as the endpoint names it."""
    prevalence: float = 0.03
    miss_cost: float = 20.0
    settings: dict[str, Any] = {}
    """Of the way to the endpoint, by their dotted names."""

    @classmethod
    def of(cls, chosen: Settings, state_dir: Path) -> RetestWay:
        """As the settings say."""
        models = chosen.models
        return cls(
            by=models.retest_by,
            home=models_home(chosen),
            folder=models.retest_folder or state_dir / "retests",
            instrument=models.instrument,
            library=models.library,
            prevalence=models.prevalence,
            miss_cost=models.miss_cost,
            settings={} if models.retest_by == "local" else dotted(chosen, "compute", "flow"),
        )

    @property
    def told(self) -> str:
        """Who tests, in words."""
        if self.by == "local":
            return "by this machine"
        return "by an endpoint" if self.by == "compute" else "by a flow to an endpoint"


class RetestJob(BaseModel):
    """What is to be tested."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    state_dir: Folder
    way: RetestWay
    reason: RetestReason
    number: int
    image: int
    tries: int = 0

    @classmethod
    def of(cls, state_dir: Path, way: RetestWay, row: RetestRow) -> RetestJob:
        """A test that is due."""
        return cls(state_dir=state_dir, way=way, reason=row.reason, number=row.number, image=row.image, tries=row.tries)

    @property
    def name(self) -> str:
        """What tells it from the others of its run."""
        return f"{self.reason.value}-{self.number}"

    def start(self) -> Child:
        """In a process of its own."""
        return Child(["-m", "mhfd_client.retesting.job"], self.model_dump_json().encode() + b"\n")

    def read(self, child: Running) -> RetestTold:
        """What a process said at its end; that it failed, where it said nothing."""
        try:
            return RetestTold.model_validate_json(child.answer)
        except ValidationError:
            return self.failed(child.said)

    def failed(self, why: str, champion: str | None = None) -> RetestTold:
        """It was tried once more in vain."""
        return RetestTold.failed(self.reason, self.number, champion=champion, why=why, tries=self.tries + 1)


def run(job: RetestJob) -> RetestTold:
    """Make the test."""
    from mhfd_client.retesting.asking import tested

    try:
        answer = tested(job)
    except MhfdError as error:
        return job.failed(str(error))
    return RetestTold(reason=job.reason, number=job.number, champion=answer.champion, answer=answer)


def main() -> None:
    """Do what standard input says."""
    told = run(RetestJob.model_validate_json(sys.stdin.buffer.readline()))
    sys.stdout.write(told.model_dump_json() + "\n")


if __name__ == "__main__":
    main()
