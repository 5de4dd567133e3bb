"""A library on an endpoint in this process: assessed as a test says, trained by one who counts, benchmarked really.

Above it everything is real: the works, what is kept, what comes home, the user's own library, the command.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import mhfd_client
from mhfd import shim
from mhfd.contract.assessing import AssessedPackage, Assessment, AssessRequest
from mhfd.learning.dataset import Dataset
from mhfd.learning.packages import Library, Package
from mhfd.learning.promotion import gates
from mhfd.remote import training
from mhfd.remote.long import running
from mhfd.remote.long.running import LongVerb, LongWork
from mhfd_client.learning.from_library.learned import Learned
from mhfd_client.settings.places import models_home
from tests.rigs import packages
from tests.rigs.benched import SEES, package
from tests.rigs.facility import Facility
from tests.rigs.here import ID
from tests.rigs.remote.counting import Counter
from tests.rigs.works_here import WorksHere


class FarLibrary:
    """A facility with a library of two packages, reached from here."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, here: WorksHere, labelled: Path) -> None:
        self.facility, self.counter, self.here = Facility(folder, monkeypatch), Counter(), here
        self.there = self.facility.data / "library"
        self.there.mkdir()
        names = ("mhfd_assess", "mhfd_train", "mhfd_benchmark")
        roots = [self.facility.out, self.there]
        self.facility.allow(functions={name: {"purpose": "train"} for name in names}, write_roots=roots)
        self.dataset = self.facility.data / "labelled"
        shutil.copytree(labelled, self.dataset)
        made = Dataset.read(labelled)
        rows = tuple(one.model_copy(update={"path": str(self.dataset / Path(one.path).name)}) for one in made.rows)
        Dataset(rows, made.split).write(self.dataset)
        self.library = Library(self.there)
        self.parents = [package(self.library.folder, SEES * part, title=f"of {part}") for part in (0.5, 0.25)]
        self.train = [self.parents[0].name]
        """Which are to be trained."""
        monkeypatch.setattr(gates, "barred", lambda _package: ())
        monkeypatch.setattr(packages, "written", self._package)
        monkeypatch.setitem(shim.FUNCTIONS, "mhfd_assess", shim.FUNCTIONS["mhfd_train"])
        here.answers |= {"mhfd_assess": self._assess, "mhfd_train": self._train}
        here.answers["mhfd_benchmark"] = shim.FUNCTIONS["mhfd_benchmark"]

    @property
    def mine(self) -> Library:
        """This user's library."""
        return Library(models_home())

    def learn(self, **options: Any) -> Learned:
        usual: dict[str, Any] = {
            "instrument": "north",
            "epochs": 3,
            "endpoint": ID,
            "library": str(self.there),
            "into": str(self.facility.out),
        }
        return mhfd_client.learn(options.pop("dataset", self.dataset), **(usual | options))

    def asked(self) -> list[str]:
        """Which functions were asked, in order, each once."""
        return list(
            dict.fromkeys(
                f"{name} {request['key'].partition('-north-')[2][11:]}"
                for name, request in self.here.asked
                if "key" in request
            )
        )

    def changes(self) -> list[tuple[str, str]]:
        """Of this user's library, at north."""
        return [(one.change.kind, one.change.after) for one in self.mine.history("focus", "north") if one.in_effect]

    @staticmethod
    def _package(out: Path, *, title: str) -> Package:
        return package(out, title=title)

    def _assess(self, **request: Any) -> dict[str, Any]:
        return running.answer(LongVerb("mhfd_train", AssessRequest, self._assessed), request)

    def _assessed(self, request: AssessRequest, work: LongWork) -> dict[str, Any]:
        rows = tuple(
            AssessedPackage(
                package=one.name,
                title=one.card.title,
                instruments=("south",),
                rank=rank,
                score=0.9,
                low=0.8,
                high=0.95,
                images=8,
                train=one.name in self.train,
                reason="it is said so",
            )
            for rank, one in enumerate(self.parents, 1)
        )
        return Assessment(
            task=request.task,
            instrument=request.instrument,
            dataset="d" * 64,
            images=8,
            groups=2,
            measure="AUC",
            bar="mhfd",
            bar_score=0.5,
            packages=rows,
            train=tuple(self.train),
            best=rows[0].package if rows else None,
            words=f"{len(self.train)} to be trained",
        ).model_dump(mode="json")

    def _train(self, **request: Any) -> dict[str, Any]:
        return running.answer(training.verb_of(self.counter), request)
