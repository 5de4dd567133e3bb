"""One test of who judges, in a process of its own that the desk beside a watch starts: `python -m`, its module's name.

It is told on standard input which, and says on standard output what came of it. It may open images and packages, and
wait for an endpoint as long as that takes; asked again after a kill, it asks the same question by the same key. It ends
with the watch, however that does: the next watch asks it again, and two would be in each other's way.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from mhfd.errors import MhfdError
from mhfd_client.beside.child import Child, Running
from mhfd_client.beside.told import Folder
from mhfd_client.errors import SettingsError
from mhfd_client.files import text_of
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
        """As the settings say. SettingsError: nobody could be asked so."""
        models = chosen.models
        if models.retest_by != "local" and models.library is None:
            raise SettingsError(
                "models.library: must be set for re-tests far away: the library as the endpoint names it"
            )
        here = chosen.flow.source_here
        if models.retest_by == "flow" and here is not None:
            folder = Path(models.retest_folder or state_dir / "retests")
            if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(here)):
                raise SettingsError(
                    f"models.retest_folder: {text_of(folder)} is not below flow.source_here ({text_of(here)}), from "
                    "where a flow brings images; name a folder there, and not in the one that is watched"
                )
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
        """In a process of its own, which ends when this one does."""
        return Child(["-m", "mhfd_client.retesting.job"], self.model_dump_json().encode() + b"\n", tied=True)

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
    """Do what standard input says, until that ends."""
    job = RetestJob.model_validate_json(sys.stdin.buffer.readline())
    threading.Thread(target=_until_the_watch_ends, daemon=True).start()
    told = run(job)
    sys.stdout.write(told.model_dump_json() + "\n")


def _until_the_watch_ends() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)  # as if it was killed: whatever it had asked for is asked for again


if __name__ == "__main__":
    main()
