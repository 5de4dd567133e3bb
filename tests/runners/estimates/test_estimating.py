"""Learned packages in a worker: asked after the report, which comes whatever they do."""

from __future__ import annotations

import json
import queue
from collections import deque
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import ClassVar, cast

import pytest
import tifffile
from tests.rigs import jobs, networks, packages
from tests.rigs.estimates import RADIUS, TITLES, made, tissue
from tests.rigs.jobs_folder import Folder
from tests.rigs.listening import until_answered
from tests.rigs.promoted import report_of

from mhfd.contract.params import Params
from mhfd.errors import OptionNeedsExtra, PackageRefused
from mhfd.learning.packages import Library
from mhfd_client.errors import SettingsError
from mhfd_client.runners import Batch, Event, Health, Job, Scored, Trouble
from mhfd_client.runners import local as local_runner
from mhfd_client.runners.estimates import packages as asked_packages
from mhfd_client.runners.estimates.found_packages import found
from mhfd_client.runners.estimates.packages import AskedPackages, of_names, of_settings
from mhfd_client.runners.local import LocalRunner
from mhfd_client.runners.process import SetUp, Worker, WorkerReply
from mhfd_client.settings.load import load


def test_a_worker_asks_packages_after_the_report_and_names_those_that_it_cannot_use(tmp_path: Path) -> None:
    """One that compares with sharp images is given their baseline with the job, a network is shown the image."""
    recipe = packages.recipe_now(baseline=True)
    package = packages.written(tmp_path / "kept", recipe=recipe, reach=None, pixel_nm=None, title="lab-focus")
    network = networks.network_written(tmp_path / "kept")
    names = str(package.folder), str(network.folder), "no-such-package"
    files = [tmp_path / name for name in ("a.tif", "b.tif")]
    for file in files:
        tifffile.imwrite(file, tissue())
    baselines: list[Mapping[str, list[float]]] = [{}, {package.name: [0.0] * len(recipe.names)}]
    work = tuple(
        Job(number, str(file), file.stat().st_size, file.stat().st_mtime_ns, Params(), nearby)
        for number, (file, nearby) in enumerate(zip(files, baselines, strict=True))
    )
    asked = AskedPackages(names, tmp_path / "library", 60.0)
    with closing(LocalRunner(workers=1, device="cpu", packages=asked)) as runner:
        runner.submit(Batch("t", work))
        heard = until_answered(runner, 2)
    without, with_ = (one for one in heard if isinstance(one, Scored))
    (refused, shown), (spoke, _) = without.estimates, with_.estimates
    assert (shown.estimate.package, shown.estimate.refusal, shown.features) == (network.name, None, None)
    assert shown.estimate.radius_px is not None
    assert shown.estimate.image == without.report.image.sha256
    assert "there are none yet" in (refused.estimate.refusal or "")
    assert spoke.estimate.p is not None
    assert spoke.estimate.image == with_.report.image.sha256
    assert refused.features == spoke.features
    assert len(spoke.features or b"") == 4 * len(recipe.names)
    (trouble,) = [one for one in heard if isinstance(one, Health)]
    assert trouble.kind is Trouble.MODELS
    assert "no-such-package" in trouble.detail


class Pretended:
    """A worker in this process: one image after the other, and says of each what it is told to say."""

    made: ClassVar[list[Pretended]] = []

    def __init__(self, set_up: SetUp, inbox: queue.SimpleQueue[WorkerReply | None]) -> None:
        self._inbox, self._jobs = inbox, deque[Job]()
        self.end = "SIGKILL"
        self.aside: dict[str, str] = {}
        self.made.append(self)
        self.says("ready")

    def says(self, kind: str, number: int = 0, payload: str = "") -> None:
        self._inbox.put(WorkerReply(cast(Worker, self), kind, number, 7, payload.encode()))
        if kind == "estimated":
            self._jobs.popleft()
            self._begin()

    def send(self, job: Job, aside: Mapping[str, str]) -> None:
        self.aside = dict(aside)
        self._jobs.append(job)
        if len(self._jobs) == 1:
            self._begin()

    def _begin(self) -> None:
        if self._jobs:
            job = self._jobs[0]
            self.says("started", job.id)
            self.says("measured", job.id, jobs.report(job.path, job.params).model_dump_json())

    def kill(self) -> None:
        self.says("ended")

    def join(self) -> None: ...


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_package_that_hangs_costs_its_image_time_and_no_report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(local_runner, "Worker", Pretended)
    monkeypatch.setattr(Pretended, "made", [])
    clock, folder = Clock(), Folder(tmp_path)
    asked = AskedPackages((RADIUS,), tmp_path, 10.0)
    runner = LocalRunner(workers=1, device="cpu", packages=asked, clock=clock, attempts=1)
    runner.submit(Batch("t", tuple(folder.job() for _ in range(4))))
    told: list[Event] = []
    asks = [{"package": RADIUS, "title": TITLES[RADIUS]}]
    speakers = json.dumps({"speakers": asks, "refused": [], "seats": [], "looked_ns": 1})
    for number in (1, 2):
        told += runner.events(0.0)
        worker = Pretended.made[-1]
        worker.says("speakers", number, speakers)
        worker.says("asking", number, RADIUS)
        told += runner.events(0.0)
        assert len([one for one in told if isinstance(one, Scored)]) == number - 1, "it waits for its packages"
        clock.now += 10.0
        told += runner.events(0.0)
        told += runner.events(0.0)
    scored = [one for one in told if isinstance(one, Scored)]
    assert [one.id for one in scored] == [1, 2]
    assert all(one.report.dof == 7 for one in scored), "it is no fault of the image's"
    assert [one.estimates[0].estimate.refusal for one in scored] == ["it took longer than 10 s"] * 2
    assert [one.kind for one in told if isinstance(one, Health)] == [Trouble.MODELS]
    told = list(runner.events(0.0))
    assert set(Pretended.made[-1].aside) == {RADIUS}, "the next worker is told to leave it out"
    Pretended.made[-1].says("said", 3, made(RADIUS, refusal="it is not asked any more").to_json())
    Pretended.made[-1].says("estimated", 3)
    told += runner.events(0.0)
    assert [one.id for one in told if isinstance(one, Scored)] == [3]
    runner.close()


# -- who is asked


def test_without_the_extra_nothing_changes_unless_somebody_names_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = load(env={}).settings
    there = of_settings(usual)
    assert there is not None
    assert there.names == ("champion", "shipped")
    assert of_settings(load(env={"MHFD_MODELS_USE": "none"}).settings) is None
    monkeypatch.setattr(asked_packages, "find_spec", lambda _: None)
    assert of_settings(usual) is None
    with pytest.raises(OptionNeedsExtra, match=r"models.use: 'lab-focus' needs onnxruntime.*mhfd\[models\]"):
        of_settings(load(env={}, args={"models.use": ("lab-focus",)}).settings)
    with pytest.raises(OptionNeedsExtra, match="models: 'shipped' needs onnxruntime"):
        of_names(["shipped"])
    assert of_names([]) is None


# -- which microscope it is


def test_the_champion_and_the_challenger_are_those_of_the_microscope_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mhfd.learning.packages.package.tried", packages.answered_here)
    library = Library(tmp_path / "kept")
    north, south, usual = (
        packages.written(library.folder, title=name, groups_seen=(f"{name}/mouse/a",))
        for name in ("north", "south", "x")
    )
    library.promote(north, report_of(tmp_path / "north", north.name, instrument="north"), instrument="north")
    library.promote(usual, report_of(tmp_path / "usual", usual.name))
    library.challenge(south, instrument="north")
    args = {"models.home": library.home, "models.instrument": "north", "models.use": ("champion", "challenger")}
    asked = of_settings(load(env={}, args=args).settings)
    assert asked is not None
    assert (asked.library, asked.instrument) == (library.home, "north")

    def names(word: str, instrument: str | None) -> list[str]:
        return [package.card.title for package in found(word, library.home, instrument)]

    assert [names(word, "north") for word in asked.names] == [["north"], ["south"]]
    assert [names(word, "south") for word in asked.names] == [["x"], []]
    assert names("champion", None) == ["x"]
    assert names(south.name, "north") == ["south"], "it challenges there"
    assert names(str(south.folder), None) == ["south"]
    with pytest.raises(PackageRefused, match="south learned from south, and this is east"):
        names(south.name, "east")
    with pytest.raises(PackageRefused, match="north learned from north, and this is east"):
        names(str(north.folder), "east")


def test_a_worker_says_which_package_is_of_another_microscope(tmp_path: Path) -> None:
    package = packages.written(tmp_path / "kept", groups_seen=("north/mouse/a",), title="lab-focus")
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, tissue())
    job = Job(0, str(file), file.stat().st_size, file.stat().st_mtime_ns, Params(), {})
    asked = AskedPackages((str(package.folder),), tmp_path / "library", 60.0, "south")
    with closing(LocalRunner(workers=1, device="cpu", packages=asked)) as runner:
        runner.submit(Batch("t", (job,)))
        heard = until_answered(runner, 1)
    (scored,) = (one for one in heard if isinstance(one, Scored))
    assert scored.estimates == ()
    (trouble,) = [one for one in heard if isinstance(one, Health)]
    assert trouble.kind is Trouble.MODELS
    assert "lab-focus learned from north, and this is south" in trouble.detail


def test_none_is_no_microscope_in_particular() -> None:
    assert load(env={}, args={"models.instrument": "none"}).settings.models.instrument is None
    with pytest.raises(SettingsError, match=r"models\.instrument = 'a/b'.*the microscope here"):
        load(env={"MHFD_MODELS_INSTRUMENT": "a/b"})
